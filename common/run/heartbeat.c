/*
 * Renewing the worker's row and everything it holds, in one statement every third of a lease (PROTOCOL §9), but every five
 * seconds at least: that is how people see what a worker waits for, and how a worker hears that its job was stopped. A
 * renewal counts from the moment it was sent, never from its answer.
 */
#include "run/runtime.h"

#include <stdio.h>
#include <string.h>

#define HEARTBEAT_PERIOD_MS 50
#define RENEW_AT_LEAST_MS   5000

static void on_renewed(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct runtime *rt = ctx;
    struct ledger_claim kept[RUNTIME_CLAIMS];
    size_t count = 0;

    rt->renewing = false;
    if (err->kind != ERROR_NONE) {
        rt->next_renewal_ms = clock_boottime_ms() + rt->lease_ms / 12;
        return;
    }
    for (int i = 0; i < pg_row_count(rows) && count < RUNTIME_CLAIMS; i++) {
        kept[count++] = (struct ledger_claim){
            pg_i64(rows, i, "job_id"), pg_i64(rows, i, "batch_no"), pg_i64(rows, i, "fence")};
    }
    rt->next_renewal_ms =
        rt->renew_started_ms +
        (rt->lease_ms / 3 < RENEW_AT_LEAST_MS ? rt->lease_ms / 3 : RENEW_AT_LEAST_MS);
    if (rt->must_renew) { /* since it was sent */
        rt->next_renewal_ms = 0;
    }
    if (rt->holdings != NULL && rt->renewed != NULL) {
        rt->renewed(rt->ctx, rt->renew_started_ms, kept, count);
    }
}

static void on_job(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct runtime *rt = ctx;

    rt->is_asking = false;
    if (err->kind != ERROR_NONE || rt->waits_for[0] == '\0') {
        return;
    }
    struct span state = pg_row_count(rows) == 1 ? pg_text(rows, 0, "state") : SPAN_LITERAL("");
    rt->is_called_off =
        !span_equal(state, SPAN_LITERAL("running")) && !span_equal(state, SPAN_LITERAL("pending"));
}

/* Who waits in a straight line does not look at its job. */
static void look_at_job(struct runtime *rt, int64_t job_id)
{
    struct error ignored = {0};

    if (job_id != 0 && rt->waits_for[0] != '\0' && !rt->is_asking) {
        rt->is_asking = ledger_follow_job(&rt->ledger, job_id, on_job, rt, &ignored);
    }
}

static void beat(void *ctx)
{
    struct runtime *rt = ctx;
    int64_t now_ms = clock_boottime_ms();
    if (rt->holdings == NULL || rt->renewing || now_ms < rt->next_renewal_ms ||
        rt->ledger.pg == NULL || !pg_is_connected(rt->ledger.pg)) {
        return;
    }
    struct runtime_holdings held;
    memset(&held, 0, sizeof held);
    held.partitions = -1;
    rt->holdings(rt->ctx, &held);
    if (held.waits_for[0] == '\0') {
        memcpy(held.waits_for, rt->waits_for, sizeof held.waits_for);
    }
    struct error err = {0};
    rt->renewing = ledger_renew(&rt->ledger, held.job_id, held.claims, held.claim_count,
                                held.waits_for, held.missing_secrets, held.missing_count,
                                held.foreign_messages, held.partitions, on_renewed, rt, &err);
    rt->renew_started_ms = now_ms;
    rt->must_renew = false;
    look_at_job(rt, held.job_id);
}

void runtime_renew_soon(struct runtime *rt)
{
    rt->must_renew = true;
    rt->next_renewal_ms = 0;
}

void runtime_waits(struct runtime *rt, const char *what)
{
    snprintf(rt->waits_for, sizeof rt->waits_for, "%s", what);
    rt->is_called_off = rt->is_called_off && what[0] != '\0';
}

bool runtime_heartbeat(struct runtime *rt, runtime_holdings_fn *holdings,
                       runtime_renewed_fn *renewed, void *ctx, struct error *err)
{
    bool is_beating = rt->holdings != NULL;

    rt->holdings = holdings;
    rt->renewed = renewed;
    rt->ctx = ctx;
    rt->next_renewal_ms = 0;
    return is_beating || loop_every(rt->loop, HEARTBEAT_PERIOD_MS, beat, rt, err);
}

int64_t runtime_lease_deadline_ms(const struct runtime *rt, int64_t started_ms)
{
    int64_t margin_ms = rt->lease_ms / 4 < 5000 ? rt->lease_ms / 4 : 5000;
    return started_ms + rt->lease_ms - margin_ms;
}
