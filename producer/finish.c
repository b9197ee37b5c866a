/* See finish.h. The conditions of every step are in schemas/ledger/0007_finish.sql and 0008_compare.sql. */
#include "producer/finish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/log.h"
#include "producer/compare.h"
#include "producer/deletions.h"
#include "producer/reread.h"
#include "producer/sweep.h"

#define POSITIONS_MAX        1024
#define POSITIONS_TIMEOUT_MS 2000 /* the loop stands still meanwhile */

static bool take(struct runtime *rt, const struct job *job, bool *is_mine, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_finish_take(&rt->ledger, job->job_id, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    *is_mine = ok && pg_bool(answer.rows, 0, "finish_take");
    answer_deinit(&answer);
    return ok;
}

/* ---- the sweep ---- */

/* Those of the candidates that the bus says this of. */
static size_t collect(const struct pg_rows *rows, const struct bus_position *positions,
                      size_t position_count, enum sweep_verdict wanted, struct ledger_swept *out)
{
    size_t count = 0;
    for (int i = 0; i < pg_row_count(rows); i++) {
        int64_t offset = pg_is_null(rows, i, "message_offset") ? BUS_NO_OFFSET
                                                               : pg_i64(rows, i, "message_offset");
        if (sweep_judge((int)pg_i64(rows, i, "partition"), offset, positions, position_count) ==
            wanted) {
            out[count++] =
                (struct ledger_swept){pg_i64(rows, i, "batch_no"), pg_i64(rows, i, "export_rev")};
        }
    }
    return count;
}

static bool replan(struct runtime *rt, const struct job *job, const struct ledger_swept *swept,
                   size_t count, const char *cause, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_sweep_replan(&rt->ledger, job->job_id, swept, count, cause, runtime_answer_fn,
                                  &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    if (ok && pg_row_count(answer.rows) > 0) {
        log_event(LOG_WARN, "sweep.replanned", LOG_TEXT("job", job->name),
                  LOG_NUMBER("batches", pg_row_count(answer.rows)), LOG_TEXT("why", cause));
    }
    answer_deinit(&answer);
    return ok;
}

/* A statement for each verdict: what is said of a batch is true of it. */
static bool replan_all(struct runtime *rt, const struct job *job, const struct pg_rows *candidates,
                       const struct bus_position *positions, size_t position_count,
                       struct error *err)
{
    struct ledger_swept *swept = calloc((size_t)pg_row_count(candidates), sizeof *swept);
    bool ok = swept != NULL || error_set(err, ERROR_NOMEM, "out of memory");
    for (int verdict = SWEEP_WAIT + 1; ok && verdict < SWEEP_VERDICT_COUNT; verdict++) {
        size_t count =
            collect(candidates, positions, position_count, (enum sweep_verdict)verdict, swept);
        ok = count == 0 ||
             replan(rt, job, swept, count, sweep_verdict_text((enum sweep_verdict)verdict), err);
    }
    free(swept);
    return ok;
}

static bool look(struct runtime *rt, const struct job *job, const struct pg_rows *candidates,
                 const struct bus_settings *bus, bool *is_topic_missing, struct error *err)
{
    struct bus_position *positions = calloc(POSITIONS_MAX, sizeof *positions);
    struct error silent = {0};
    size_t count = 0;
    uint32_t timeout_ms = rt->lease_ms / 6 < POSITIONS_TIMEOUT_MS ? (uint32_t)(rt->lease_ms / 6)
                                                                  : POSITIONS_TIMEOUT_MS;
    bool ok = true;
    if (positions == NULL) {
        ok = error_set(err, ERROR_NOMEM, "out of memory");
    } else if (topic_positions(bus, positions, POSITIONS_MAX, &count, timeout_ms, &silent)) {
        ok = replan_all(rt, job, candidates, positions, count, err);
    } else {
        bool is_outage = error_disposition(silent.kind) == DISPOSITION_RETRY;
        *is_topic_missing = silent.kind == ERROR_NOT_FOUND;
        log_event(is_outage ? LOG_DEBUG : LOG_WARN, "sweep.postponed",
                  LOG_TEXT("why", silent.message)); /* an outage is the publisher's to tell */
    }
    free(positions);
    return ok;
}

bool finish_sweep(struct runtime *rt, const struct job *job, const struct bus_settings *bus,
                  bool *is_topic_missing, struct error *err)
{
    struct answer answer = {0};
    bool is_mine = false;
    *is_topic_missing = false;
    bool ok = take(rt, job, &is_mine, err);
    if (ok && is_mine) {
        ok = ledger_sweep_candidates(&rt->ledger, job->job_id, runtime_answer_fn, &answer, err) &&
             runtime_await_answer(rt, &answer, err);
        ok = ok && (pg_row_count(answer.rows) == 0 ||
                    look(rt, job, answer.rows, bus, is_topic_missing, err));
    }
    answer_deinit(&answer);
    return ok;
}

/* ---- the end ---- */

static bool set_state(struct runtime *rt, const struct job *job, const char *state, const char *why,
                      bool *refused, struct error *err)
{
    struct answer answer = {0};
    bool ok =
        ledger_finish_job(&rt->ledger, job->job_id, state, why, runtime_answer_fn, &answer, err) &&
        runtime_await_answer(rt, &answer, err);
    *refused = ok && span_equal(pg_text(answer.rows, 0, "finish_job"), SPAN_LITERAL("running"));
    answer_deinit(&answer);
    return ok;
}

static bool fail_with_mismatches(struct runtime *rt, const struct job *job, int64_t mismatches,
                                 bool *refused, struct error *err)
{
    struct answer answer = {0};
    char why[900];
    bool ok = ledger_first_mismatch(&rt->ledger, job->job_id, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    if (ok && pg_row_count(answer.rows) == 1) {
        snprintf(why, sizeof why,
                 "%" PRId64
                 " records do not read back as they were sent; first: id \"%.128s\", %.500s",
                 mismatches, pg_cstr(answer.rows, 0, "id"), pg_cstr(answer.rows, 0, "message"));
        ok = set_state(rt, job, "failed", why, refused, err);
    }
    answer_deinit(&answer);
    return ok;
}

/* Why what was found forbids success; "" when nothing does. Of several pairs the first one's reason is told. */
static void judge(const struct job *job, const struct pair *pair, const struct progress *progress,
                  const struct comparison *c, char *why, size_t size)
{
    char which[PAIR_WORDS];
    pair_which(job, pair, which);
    if (why[0] != '\0') {
        return;
    }
    if (c->missing > 0) {
        snprintf(why, size,
                 "%s%" PRId64
                 " verified records are not at the target any more; first: id \"%.200s\"",
                 which, c->missing, c->first_missing);
    } else if (c->existing > 0) {
        snprintf(why, size,
                 "%s%" PRId64
                 " of the records that were added to the source meanwhile exist at the "
                 "target already (--on-existing %s)",
                 which, c->existing, job->on_existing);
    } else if (progress->is_exact && c->extra > 0) {
        snprintf(why, size,
                 "%sthe target holds %" PRId64
                 " records that are not of this job; first: id %.400s",
                 which, c->extra, c->first_extra);
    }
}

static bool delete_open(struct runtime *rt, struct job *job, struct pair *pair, struct error *err)
{
    struct deletions done;
    bool ok = deletions_run(rt, job, pair, &done, err);
    if (done.deleted > 0) {
        fprintf(stderr, "job %s: %" PRId64 " records deleted at the target\n", job->name,
                done.deleted);
    }
    if (done.spared > 0) {
        fprintf(stderr,
                "job %s: %" PRId64
                " records are not deleted at the target: the source has not listed them, but it "
                "has them\n",
                job->name, done.spared);
    }
    return ok;
}

/* Open deletions, then the comparison, again and again until it decides nothing or something is to be exported. */
static bool settle_drift(struct runtime *rt, struct job *job, struct pair *pair,
                         struct comparison *c, struct error *err)
{
    do {
        if (!delete_open(rt, job, pair, err) || !compare_run(rt, job, pair, c, err)) {
            return false;
        }
    } while (c->is_decided && c->planned == 0);
    return c->is_refused || delete_open(rt, job, pair, err);
}

/* Every pair, unless the job is blocked meanwhile. *goes_on: with what was added, or it waits for a person. */
static bool settle_all(struct runtime *rt, struct job *job, const struct progress *progress,
                       bool *goes_on, char *why, size_t size, struct error *err)
{
    *goes_on = false;
    why[0] = '\0';
    for (size_t i = 0; i < job->pair_count; i++) {
        struct comparison c;
        if (!settle_drift(rt, job, &job->pairs[i], &c, err)) {
            return false;
        }
        *goes_on = *goes_on || c.is_decided || c.is_refused;
        if (c.is_refused) {
            return true;
        }
        judge(job, &job->pairs[i], progress, &c, why, size);
    }
    return true;
}

bool finish_end(struct runtime *rt, struct job *job, const struct progress *progress, bool *refused,
                struct error *err)
{
    bool is_mine = false;
    bool goes_on = false;
    char why[700 + PAIR_WORDS];

    *refused = false;
    if (!take(rt, job, &is_mine, err) || !is_mine) {
        return err->kind == ERROR_NONE;
    }
    int64_t reopened = 0;
    if (!reread_all(rt, job, &reopened, err) || reopened > 0) {
        return err->kind == ERROR_NONE; /* the job goes on with those */
    }
    if (progress->mismatches > 0) {
        return fail_with_mismatches(rt, job, progress->mismatches, refused, err);
    }
    if (!settle_all(rt, job, progress, &goes_on, why, sizeof why, err)) {
        return false;
    }
    if (goes_on) {
        return true;
    }
    return set_state(rt, job, why[0] != '\0' ? "failed" : "succeeded", why, refused, err);
}
