/* The steps P1 to P4, straight through; see plan.h. The conditions are in schemas/ledger/0003_planning.sql. */
#include "producer/plan.h"

#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "base/limits.h"
#include "producer/existing.h"
#include "producer/listing.h"

#define CUT_BATCHES  200 /* per statement */
#define WAIT_TURN_MS 500
#define PATIENCE_MS  (20 * 60 * 1000) /* millions of ids are joined in one statement */
#define MOST_TRIES   20               /* of plans that the ledger broke off */
#define OUTAGE_MS    2000             /* a plan begins anew with its listings: not every moment */

struct plan {
    struct runtime *rt;
    struct job *job;
    struct pair *pair;
    int64_t epoch;
    char side;
    int64_t base, next;  /* ordinals: a listing that begins again goes on counting */
    bool has_waited;     /* for another producer's plan */
    bool is_closing;     /* a close was sent, and its answer has not come */
    int64_t closing_ids; /* of the source, that it told */
};

/* One ledger call, awaited; the answer's rows are the caller's to free. */
static bool asked(struct plan *plan, bool submitted, struct answer *answer, struct error *err)
{
    return submitted && runtime_await_answer(plan->rt, answer, err);
}

static bool stage(void *ctx, int64_t first, const struct span *ids, size_t count, pg_done_fn *fn,
                  void *fn_ctx, struct error *err)
{
    struct plan *plan = ctx;
    if (first == 0) {
        plan->base = plan->next;
    }
    plan->next = plan->base + first + (int64_t)count;
    return ledger_plan_add(&plan->rt->ledger, plan->job->job_id, plan->pair->collection_no,
                           plan->epoch, plan->side, plan->base + first, ids, count, fn, fn_ctx,
                           err);
}

/* A server that lists an id twice has one record of it, or answers two when it is read: then that is a reject. */
static bool tell_duplicates(struct plan *plan, const struct side *side, int64_t count,
                            struct error *err)
{
    struct answer answer = {0};
    char detail[160];
    snprintf(detail, sizeof detail,
             "the %s listed %lld ids more than once; each is taken as one record",
             side->chroma.role, (long long)count);
    log_event(LOG_WARN, "plan.duplicates", LOG_TEXT("side", side->chroma.role),
              LOG_NUMBER("ids", count));
    fprintf(stderr, "%s\n", detail);
    bool ok = asked(plan,
                    ledger_log_event(&plan->rt->ledger, "plan.duplicates", plan->job->job_id, 0,
                                     detail, runtime_answer_fn, &answer, err),
                    &answer, err);
    answer_deinit(&answer);
    return ok;
}

static bool list_side(struct plan *plan, char side_mark, struct side *side, int64_t *distinct,
                      struct error *err)
{
    struct listing_result listed;
    plan->side = side_mark;
    plan->next = 0;
    if (!listing_run(plan->rt, side, stage, plan, &listed, err)) {
        const char *which = plan->pair->is_one_of_many ? plan->pair->collection : "";
        return error_wrap(err, "list the ids of the %s%s%s", side->chroma.role,
                          which[0] != '\0' ? " of collection " : "", which);
    }
    *distinct = listed.distinct;
    if (plan->pair->is_one_of_many) {
        log_event(LOG_INFO, "plan.listed", LOG_TEXT("collection", plan->pair->collection),
                  LOG_TEXT("side", side->chroma.role), LOG_NUMBER("ids", listed.distinct));
    } else {
        log_event(LOG_INFO, "plan.listed", LOG_TEXT("side", side->chroma.role),
                  LOG_NUMBER("ids", listed.distinct));
    }
    if (listed.listed > listed.distinct) {
        return tell_duplicates(plan, side, listed.listed - listed.distinct, err);
    }
    return true;
}

/* A rehearsal's; *ids: of those listed, as many as are left. */
static bool select_part(struct plan *plan, int64_t *ids, struct error *err)
{
    struct answer answer = {0};
    if (!plan->job->selection.is_part) {
        return true;
    }
    bool ok =
        asked(plan,
              ledger_plan_select(&plan->rt->ledger, plan->job->job_id, plan->pair->collection_no,
                                 plan->epoch, runtime_answer_fn, &answer, err),
              &answer, err);
    if (ok) {
        int64_t left = pg_i64(answer.rows, 0, "plan_select");
        fprintf(stderr, "rehearsal: %lld of %lld records (%s), into a collection of its own\n",
                (long long)left, (long long)*ids, plan->job->selection.text);
        *ids = left;
    }
    answer_deinit(&answer);
    return ok;
}

static bool stage_prior(struct plan *plan, struct error *err)
{
    struct answer answer = {0};
    bool ok =
        asked(plan,
              ledger_plan_prior(&plan->rt->ledger, plan->job->job_id, plan->pair->collection_no,
                                plan->epoch, runtime_answer_fn, &answer, err),
              &answer, err);
    answer_deinit(&answer);
    return ok;
}

/* For a later job of the pair. */
static bool stage_earlier(struct plan *plan, struct error *err)
{
    return stage_prior(plan, err) &&
           (strcmp(plan->job->on_existing, "mirror") == 0 ||
            existing_settle_doubtful(plan->rt, plan->job, plan->pair, plan->epoch, err));
}

static bool cut(struct plan *plan, struct error *err)
{
    int64_t records = option_number(plan->rt->options, "batch-records");
    int64_t ceiling = plan->pair->target.limits.max_batch_records;
    int64_t from = 0;
    bool more = true;
    bool ok = true;

    records = ceiling > 0 && ceiling < records ? ceiling : records;
    records = limits_batch_records(&plan->job->limits, records);
    while (ok && more) {
        struct answer answer = {0};
        ok = asked(plan,
                   ledger_plan_cut(&plan->rt->ledger, plan->job->job_id, plan->pair->collection_no,
                                   plan->epoch, from, records, CUT_BATCHES, runtime_answer_fn,
                                   &answer, err),
                   &answer, err);
        if (ok) {
            more = !pg_is_null(answer.rows, 0, "next_ordinal");
            from = pg_i64(answer.rows, 0, "next_ordinal");
        }
        answer_deinit(&answer);
    }
    return ok;
}

static bool close_plan(struct plan *plan, int64_t source_ids, int64_t target_ids,
                       struct plan_result *out, struct error *err)
{
    struct answer answer = {0};
    plan->is_closing = true;
    plan->closing_ids = source_ids;
    bool ok = asked(plan,
                    ledger_plan_close(&plan->rt->ledger, plan->job->job_id,
                                      plan->pair->collection_no, plan->epoch, source_ids,
                                      target_ids, runtime_answer_fn, &answer, err),
                    &answer, err);
    if (ok) {
        plan->is_closing = false;
        bool nothing = span_equal(pg_text(answer.rows, 0, "outcome"), SPAN_LITERAL("nothing"));
        out->outcome = nothing ? PLAN_NOTHING : PLAN_READY;
        out->source_ids = source_ids;
        out->is_by_target = pg_bool(answer.rows, 0, "is_by_target");
        plan->pair->n_planned = pg_i64(answer.rows, 0, "planned");
        plan->pair->n_skipped = pg_i64(answer.rows, 0, "skipped");
        if (span_equal(pg_text(answer.rows, 0, "outcome"), SPAN_LITERAL("refused"))) {
            ok = error_set(err, ERROR_REJECTED, "%s", pg_cstr(answer.rows, 0, "reason"));
        }
    }
    answer_deinit(&answer);
    return ok;
}

static bool make(struct plan *plan, bool is_first, struct plan_result *out, struct error *err)
{
    int64_t source_ids = 0;
    int64_t target_ids = 0;
    return list_side(plan, 's', &plan->pair->source, &source_ids, err) &&
           select_part(plan, &source_ids, err) &&
           list_side(plan, 't', &plan->pair->target, &target_ids, err) &&
           (is_first || stage_earlier(plan, err)) && cut(plan, err) &&
           close_plan(plan, source_ids, target_ids, out, err);
}

/* No row is left of the job: only a close that found nothing to do does that, another producer's or ours, whose answer was lost. */
static void take_as_nothing(const struct plan *plan, struct plan_result *out, struct error *err)
{
    error_clear(err);
    *out = (struct plan_result){.outcome = PLAN_NOTHING,
                                .source_ids = plan->is_closing ? plan->closing_ids : -1,
                                .is_answer_lost = plan->is_closing};
}

/* P1 to P4, once. *again: not ours now, or the ledger broke it off; err then says why, if anything went wrong. */
static bool try_once(struct plan *plan, struct plan_result *out, bool *again, struct error *err)
{
    struct answer answer = {0};
    struct runtime *rt = plan->rt;
    bool ok = runtime_set_patience(rt, PATIENCE_MS, err) &&
              asked(plan,
                    ledger_plan_take(&rt->ledger, plan->job->job_id, plan->pair->collection_no,
                                     runtime_answer_fn, &answer, err),
                    &answer, err);
    bool is_complete = ok && pg_bool(answer.rows, 0, "is_complete");
    bool is_mine = ok && pg_bool(answer.rows, 0, "is_mine");
    bool is_first = ok && pg_bool(answer.rows, 0, "is_first");
    plan->epoch = ok ? pg_i64(answer.rows, 0, "epoch") : 0;
    answer_deinit(&answer);
    *again = false;
    if (ok && !is_complete && !is_mine) {
        *again = true;
        return false;
    }
    if (ok && is_complete) {
        return true;
    }
    if (!ok && err->kind == ERROR_CONFLICT && (plan->has_waited || plan->is_closing)) {
        take_as_nothing(plan, out, err);
        return true;
    }
    ok = ok && make(plan, is_first, out, err);
    /* A lost connection leaves it open how far the plan came, a lost lease means that another makes it. */
    *again =
        !ok && (err->kind == ERROR_CONFLICT || error_disposition(err->kind) == DISPOSITION_RETRY);
    return ok;
}

static bool run(struct plan *plan, struct plan_result *out, struct error *err)
{
    for (int tries = 0;;) {
        bool again = false;
        if (try_once(plan, out, &again, err)) {
            return true;
        }
        /* It has said so itself: a full disk, a read-only standby. Then there is no end to the patience. */
        bool is_outage = err->sqlstate[0] != '\0' && pg_is_outage(err);
        if (!again || (err->kind != ERROR_NONE && !is_outage && ++tries == MOST_TRIES)) {
            return false;
        }
        if (err->kind != ERROR_NONE) {
            log_event(LOG_WARN, "plan.again", LOG_TEXT("why", err->message));
            error_clear(err);
        } else if (!plan->has_waited) {
            log_event(LOG_INFO, "plan.waiting",
                      LOG_TEXT("why", "another producer is planning this job"));
            plan->has_waited = true;
            runtime_waits(plan->rt, "another producer, which is planning this job");
        }
        if (!runtime_sleep(plan->rt, is_outage ? OUTAGE_MS : WAIT_TURN_MS, err)) {
            return false;
        }
    }
}

/* One pair; what it amounts to is added to *out. */
static bool plan_pair(struct runtime *rt, struct job *job, struct pair *pair,
                      struct plan_result *out, struct error *err)
{
    struct plan plan = {.rt = rt, .job = job, .pair = pair};
    struct plan_result one = {.outcome = PLAN_READY};
    if (!run(&plan, &one, err)) {
        return false;
    }
    out->outcome = one.outcome;
    out->is_by_target = out->is_by_target || one.is_by_target;
    out->is_answer_lost = one.is_answer_lost;
    out->source_ids = one.source_ids < 0 ? -1 : out->source_ids + one.source_ids;
    out->n_planned += pair->n_planned;
    out->n_skipped += pair->n_skipped;
    return true;
}

bool plan_run(struct runtime *rt, struct job *job, struct plan_result *out, struct error *err)
{
    *out = (struct plan_result){.outcome = PLAN_READY};
    for (size_t i = 0; i < job->pair_count && out->outcome == PLAN_READY; i++) {
        if (!plan_pair(rt, job, &job->pairs[i], out, err)) {
            return false;
        }
    }
    runtime_waits(rt, "");
    return runtime_usual_patience(rt, true, err);
}
