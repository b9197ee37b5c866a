/* See follow.h. Ends nothing itself, and changes nothing in the ledger. */
#include "consumer/follow.h"

#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "base/clock.h"
#include "consumer/consumer.h"
#include "run/outcome.h"

#define ASK_EVERY_MS 1000

bool follow_open(struct consumer *consumer, const char *job, struct error *err)
{
    struct follow *follow = &consumer->follow;
    struct answer answer = {0};

    if (job == NULL) {
        return true;
    }
    int64_t since_ms = 0;
    bool ok;
    do {
        answer_deinit(&answer);
        ok = ledger_find_job(&consumer->rt.ledger, job, runtime_answer_fn, &answer, err) &&
             runtime_await_answer(&consumer->rt, &answer, err);
    } while (!ok && runtime_asks_again(&consumer->rt, &since_ms, err));
    if (ok) {
        follow->job = job;
        follow->job_id = pg_i64(answer.rows, 0, "job_id");
        snprintf(follow->name, sizeof follow->name, "%s", pg_cstr(answer.rows, 0, "name"));
    }
    answer_deinit(&answer);
    return ok;
}

static void end_with(struct follow *follow, enum exit_code code, const char *state,
                     const char *reason)
{
    enum log_level level = code == EXIT_DONE      ? LOG_INFO
                           : code == EXIT_REJECTS ? LOG_WARN
                                                  : LOG_ERROR;
    follow->is_over = true;
    follow->code = code;
    log_event(level, "job.ended", LOG_TEXT("job", follow->name), LOG_TEXT("state", state),
              LOG_TEXT("reason", reason));
}

static bool has_stopped(enum job_state state)
{
    return job_state_is_final(state) || state == JOB_BLOCKED;
}

static void on_outcome(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct consumer *consumer = ctx;
    struct outcome outcome;
    struct error ignored = {0};

    consumer->follow.is_asking = false;
    if (err->kind == ERROR_NONE && !consumer->is_closing && !consumer->follow.is_over &&
        outcome_read(&outcome, rows, &ignored) && has_stopped(outcome.state)) {
        end_with(&consumer->follow, outcome_code(&outcome), job_state_name(outcome.state),
                 pg_cstr(rows, 0, "last_error"));
    } /* else it is asked again from the beginning */
}

/* A job whose batches are all final waits for a producer to end it. */
static void judge_alone(struct consumer *consumer, const struct pg_rows *rows)
{
    struct follow *follow = &consumer->follow;
    int64_t now_ms = clock_boottime_ms();
    char advice[400];

    if (pg_i64(rows, 0, "open_batches") > 0 || pg_i64(rows, 0, "producers") > 0) {
        follow->alone_since_ms = 0;
        return;
    }
    if (follow->alone_since_ms == 0) {
        follow->alone_since_ms = now_ms;
    }
    if (now_ms - follow->alone_since_ms > consumer->rt.lease_ms) {
        snprintf(advice, sizeof advice,
                 "every batch is final and no producer is alive to end the job: run "
                 "ferry-producer resume %s",
                 follow->name);
        end_with(follow, EXIT_INTERRUPTED, "running", advice);
    }
}

static void judge(struct consumer *consumer, const struct pg_rows *rows)
{
    struct follow *follow = &consumer->follow;
    struct error err = {0};
    enum job_state state = JOB_PENDING;

    if (pg_row_count(rows) == 0) { /* there was nothing to move */
        end_with(follow, EXIT_DONE, "gone", "");
    } else if (job_state_parse(pg_text(rows, 0, "state"), &state) && has_stopped(state)) {
        follow->is_asking =
            ledger_job_progress(&consumer->rt.ledger, follow->job_id, on_outcome, consumer, &err);
    } else if (state == JOB_RUNNING) {
        judge_alone(consumer, rows);
    }
}

static void on_progress(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct consumer *consumer = ctx;

    consumer->follow.is_asking = false;
    if (err->kind == ERROR_NONE && !consumer->is_closing && !consumer->follow.is_over) {
        judge(consumer, rows);
    }
}

void follow_run(struct consumer *consumer)
{
    struct follow *follow = &consumer->follow;
    struct error err = {0};
    int64_t now_ms = clock_boottime_ms();

    if (follow->job == NULL || follow->is_over || follow->is_asking || now_ms < follow->next_ms ||
        !pg_is_connected(consumer->rt.ledger.pg)) {
        return;
    }
    follow->next_ms = now_ms + ASK_EVERY_MS;
    follow->is_asking =
        ledger_follow_job(&consumer->rt.ledger, follow->job_id, on_progress, consumer, &err);
}
