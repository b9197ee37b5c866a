/* The working loop of a producer; see follow.h. Decides when to look, sweep and end; the rest is elsewhere. */
#include "producer/follow.h"

#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "base/limits.h"
#include "producer/existing.h"
#include "producer/finish.h"

#define ASK_EVERY_MS   500
#define TURN_MS        50
#define STOP_GRACE_MS  10000
#define SWEEP_AT_LEAST 2000
#define END_AGAIN_MS   2000
#define MOST_REFUSALS  10 /* of the end; then it is no race any more */

void follower_holdings(void *ctx, struct runtime_holdings *out)
{
    struct follower *follower = ctx;
    out->job_id = follower->job->job_id;
    if (follower->is_exporting) {
        out->claim_count = exporter_claims(&follower->exporter, out->claims, RUNTIME_CLAIMS);
        const char *bus = publisher_trouble(follower->exporter.publisher);
        snprintf(out->waits_for, sizeof out->waits_for, "%.250s",
                 bus[0] != '\0' ? bus : exporter_trouble(&follower->exporter));
    }
}

void follower_renewed(void *ctx, int64_t started_ms, const struct ledger_claim *kept, size_t count)
{
    struct follower *follower = ctx;
    if (follower->is_exporting) {
        exporter_renewed(&follower->exporter, started_ms, kept, count);
    }
}

void follower_hang_up(void *ctx)
{
    struct follower *follower = ctx;
    if (follower->is_exporting) {
        exporter_close(&follower->exporter);
        follower->is_exporting = false;
    }
}

static void ask(struct follower *follower, int64_t now_ms)
{
    struct error err = {0};
    if (follower->is_asking || now_ms < follower->next_ask_ms) {
        return;
    }
    follower->next_ask_ms = now_ms + ASK_EVERY_MS;
    memset(&follower->asked, 0, sizeof follower->asked);
    follower->is_asking = ledger_job_progress(&follower->rt->ledger, follower->job->job_id,
                                              runtime_answer_fn, &follower->asked, &err);
}

/* Takes in the answer when it has come. A ledger that is away is waited for: the next question goes to it too. */
static bool take_answer(struct follower *follower, struct error *err)
{
    if (!follower->is_asking || !follower->asked.done) {
        return true;
    }
    bool ok = true;
    follower->is_asking = false;
    if (follower->asked.err.kind == ERROR_NONE) {
        ok = progress_read(&follower->progress, follower->asked.rows, err);
        follower->is_fresh = ok;
    } else if (error_disposition(follower->asked.err.kind) != DISPOSITION_RETRY) {
        *err = follower->asked.err;
        ok = false;
    }
    answer_deinit(&follower->asked);
    return ok;
}

static const char *own_trouble(const struct follower *follower)
{
    const char *bus = publisher_trouble(follower->exporter.publisher);
    const struct pg *pg = follower->rt->ledger.pg;
    if (pg != NULL && !pg_is_connected(pg)) {
        return pg_trouble(pg);
    }
    return follower->progress.open_batches > 0 && bus[0] != '\0'
               ? bus
               : exporter_trouble(&follower->exporter);
}

/* A job that no living consumer has the secret for stands still until a person sets it. */
static bool block_without_secret(struct follower *follower, struct error *err)
{
    struct answer answer = {0};
    char reason[400];
    snprintf(reason, sizeof reason,
             "no secret for %s; set FERRY_TARGET_TOKEN where ferry-consumer runs",
             follower->progress.secret_origin);
    bool ok = ledger_block_job(&follower->rt->ledger, follower->job->job_id, reason,
                               runtime_answer_fn, &answer, err) &&
              runtime_await_answer(follower->rt, &answer, err);
    answer_deinit(&answer);
    return ok;
}

/* An outage in the middle of a sweep or the end only postpones it. */
static bool forgive_outage(bool ok, struct error *err)
{
    if (!ok && (error_disposition(err->kind) == DISPOSITION_RETRY || err->kind == ERROR_CONFLICT)) {
        log_event(LOG_WARN, "finish.postponed", LOG_TEXT("why", err->message));
        error_clear(err);
        return true;
    }
    return ok;
}

/* Every batch is final. */
static bool end(struct follower *follower, struct error *err)
{
    bool refused = false;
    bool ok = finish_end(follower->rt, follower->job, &follower->progress, &refused, err);
    follower->next_end_ms = clock_boottime_ms() + END_AGAIN_MS;
    follower->next_ask_ms = 0;
    follower->ends_refused = refused ? follower->ends_refused + 1 : 0;
    if (ok && follower->ends_refused == MOST_REFUSALS) {
        return error_set(err, ERROR_INTEGRITY,
                         "the counts of job %s in the ledger do not add up: it cannot be ended",
                         follower->job->name);
    }
    return ok;
}

static bool act_on_progress(struct follower *follower, const struct bus_settings *bus,
                            struct error *err)
{
    const struct progress *p = &follower->progress;
    struct runtime *rt = follower->rt;
    int64_t now_ms = clock_boottime_ms();
    bool is_topic_missing = false;

    if (p->state != JOB_RUNNING) {
        return true;
    }
    if (p->is_missing_secret) {
        return forgive_outage(block_without_secret(follower, err), err);
    }
    if (p->open_batches == 0) {
        return !p->is_quiet || now_ms < follower->next_end_ms ||
               forgive_outage(end(follower, err), err);
    }
    if (p->unseen_batches > 0) {
        follower->next_ask_ms = 0;
        return forgive_outage(existing_look(rt, follower->job, err), err);
    }
    /* The sweep waits for the bus with the loop standing still: not while the bus is known to be away. */
    if (now_ms >= follower->next_sweep_ms && pg_is_connected(rt->ledger.pg) &&
        publisher_trouble(follower->exporter.publisher)[0] == '\0') {
        bool ok = finish_sweep(rt, follower->job, bus, &is_topic_missing, err);
        if (is_topic_missing) {
            publisher_miss_topic(follower->exporter.publisher);
        }
        follower->next_sweep_ms =
            clock_boottime_ms() +
            (rt->lease_ms / 3 > SWEEP_AT_LEAST ? rt->lease_ms / 3 : SWEEP_AT_LEAST);
        return forgive_outage(ok, err);
    }
    return true;
}

static bool is_over(const struct progress *p)
{
    return job_state_is_final(p->state) || p->state == JOB_BLOCKED || p->state == JOB_PAUSED;
}

/* How much will go over the bus, said once when the first batches have shown it. */
static void say_estimate(struct follower *follower)
{
    const struct progress *p = &follower->progress;
    struct buf line;
    if (follower->to_send.batches < 0) {
        follower->to_send =
            (struct estimate_rest){p->planned - p->published, p->batches - p->sent_batches};
    }
    buf_init(&line, KIB);
    if (estimate_say(&follower->exporter.estimate, &follower->to_send, &line)) {
        fprintf(stderr, "%s: %s\n", follower->job->name, buf_cstr(&line));
    }
    buf_deinit(&line);
}

static bool work(struct follower *follower, const struct bus_settings *bus, struct error *err)
{
    struct runtime *rt = follower->rt;
    while (rt->stop.requested == 0) {
        if (!loop_turn(rt->loop, TURN_MS, err) || !take_answer(follower, err)) {
            return false;
        }
        if (follower->exporter.failure.kind != ERROR_NONE) {
            *err = follower->exporter.failure;
            return false;
        }
        exporter_step(&follower->exporter);
        ask(follower, clock_boottime_ms());
        bool can_say = follower->is_fresh || !pg_is_connected(rt->ledger.pg);
        if (can_say && follower->progress.planned + follower->progress.batches > 0) {
            progress_say(&follower->lines, follower->job, &follower->progress,
                         own_trouble(follower), clock_boottime_ms());
        }
        if (follower->is_fresh) {
            follower->is_fresh = false;
            say_estimate(follower);
            if (is_over(&follower->progress)) {
                return true;
            }
            if (!act_on_progress(follower, bus, err)) {
                return false;
            }
        }
    }
    return true;
}

/* Lets what is under way end: reports still to come are waited for, the rest is given back. A second signal ends that. */
static void wind_down(struct follower *follower)
{
    struct runtime *rt = follower->rt;
    struct error ignored = {0};
    int64_t deadline_ms = clock_boottime_ms() + STOP_GRACE_MS + 1000;
    if (rt->loop == NULL || rt->ledger.pg == NULL || rt->http == NULL) {
        return;
    }
    exporter_stop(&follower->exporter, STOP_GRACE_MS);
    while ((!exporter_is_idle(&follower->exporter) ||
            (follower->is_asking && !follower->asked.done)) &&
           rt->stop.requested < 2 && clock_boottime_ms() < deadline_ms &&
           pg_is_connected(rt->ledger.pg)) {
        exporter_step(&follower->exporter);
        if (!loop_turn(rt->loop, TURN_MS, &ignored)) {
            break;
        }
    }
}

bool follow_run(struct follower *follower, const struct bus_settings *bus, enum exit_code *out_code,
                struct error *err)
{
    follower->to_send.batches = -1;
    bool ok = exporter_open(&follower->exporter, follower->rt, follower->job, bus, err);
    if (ok) {
        follower->is_exporting = true;
        ok = work(follower, bus, err);
        wind_down(follower);
    }
    if (ok) {
        *out_code = progress_conclude(follower->job, &follower->progress);
    }
    return ok;
}
