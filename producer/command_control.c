/*
 * ferry-producer pause, cancel, purge: the ledger's functions of the same name, asked until they answer, and what they
 * lead to, told. Needs neither bus nor servers; but drop-rehearsal asks the target.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"
#include "producer/options.h"
#include "producer/scratch.h"
#include "run/runtime.h"

#define ASK_EVERY_MS     500
#define SAY_EVERY_MS     2000
#define LONG_PATIENCE_MS (10 * 60 * 1000) /* millions of rows go in one statement */

typedef bool ask_fn(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                    struct error *err);

struct control {
    struct runtime rt;
    const char *command;  /* "pause", "cancel" or "purge" */
    const char *job;      /* as given */
    const char *wanted;   /* the state that it leads to */
    uint32_t patience_ms; /* of its statements, 0: the usual one */
    int64_t deadline_ms;
    int64_t said_ms;
};

static bool is_time_to_say(struct control *c)
{
    int64_t now_ms = clock_boottime_ms();
    bool is_time = c->said_ms == 0 || now_ms - c->said_ms >= SAY_EVERY_MS;
    c->said_ms = is_time ? now_ms : c->said_ms;
    return is_time;
}

/* Each time: a new connection has forgotten it. */
static bool be_patient(struct control *c, struct error *err)
{
    return c->patience_ms == 0 || runtime_set_patience(&c->rt, c->patience_ms, err);
}

/* A repair that is open, a row that is held, a ledger that is away: all pass, and are waited for in sight. */
static bool insist(struct control *c, ask_fn *ask, struct answer *answer, struct error *err)
{
    for (;;) {
        if (be_patient(c, err) && ask(&c->rt.ledger, c->job, runtime_answer_fn, answer, err) &&
            runtime_await_answer(&c->rt, answer, err)) {
            return true;
        }
        if (error_disposition(err->kind) != DISPOSITION_RETRY ||
            clock_boottime_ms() > c->deadline_ms) {
            return false;
        }
        if (is_time_to_say(c)) {
            fprintf(stderr, "%s %s waits: %s\n", c->command, c->job, err->message);
        }
        error_clear(err);
        answer_deinit(answer);
        if (!runtime_sleep(&c->rt, ASK_EVERY_MS, err)) {
            return false;
        }
    }
}

static void say_held(struct control *c, const struct pg_rows *rows)
{
    if (is_time_to_say(c)) {
        fprintf(stderr,
                "job %s is %s; waits for %" PRId64 " claimed batches and %" PRId64
                " that are being exported (%s), %" PRId64 " s at most\n",
                pg_cstr(rows, 0, "name"), c->wanted, pg_i64(rows, 0, "claimed"),
                pg_i64(rows, 0, "exporting"), pg_cstr(rows, 0, "workers"),
                pg_i64(rows, 0, "claims_ms") / 1000 + 1);
    }
}

/* Until nothing of the job is held; `held` is the last look at it. */
static bool wait_for_claims(struct control *c, bool is_waiting, struct answer *held,
                            struct error *err)
{
    while (insist(c, ledger_job_hold, held, err)) {
        int64_t open = pg_i64(held->rows, 0, "claimed") + pg_i64(held->rows, 0, "exporting");
        if (strcmp(pg_cstr(held->rows, 0, "state"), c->wanted) != 0) {
            return error_set(err, ERROR_CONFLICT, "job %s is %s again",
                             pg_cstr(held->rows, 0, "name"), pg_cstr(held->rows, 0, "state"));
        }
        if (open == 0 || !is_waiting) {
            return true;
        }
        if (clock_boottime_ms() > c->deadline_ms) {
            return error_set(err, ERROR_UNAVAILABLE,
                             "job %s is %s, but %" PRId64 " batches of it are still claimed (%s); "
                             "that ends by itself within %" PRId64 " s after its worker is gone",
                             pg_cstr(held->rows, 0, "name"), c->wanted, open,
                             pg_cstr(held->rows, 0, "workers"),
                             pg_i64(held->rows, 0, "claims_ms") / 1000 + 1);
        }
        say_held(c, held->rows);
        answer_deinit(held);
        if (!runtime_sleep(&c->rt, ASK_EVERY_MS, err)) {
            break;
        }
    }
    return false;
}

static void tell(const struct control *c, const struct pg_rows *rows)
{
    const char *name = pg_cstr(rows, 0, "name");
    int64_t open = pg_i64(rows, 0, "claimed") + pg_i64(rows, 0, "exporting");

    printf("job %s is %s; ", name, c->wanted);
    if (open > 0) {
        printf("%" PRId64 " batches of it are still claimed\n", open);
    } else {
        printf("nothing of it is claimed any more\n");
    }
    if (strcmp(c->wanted, "paused") == 0) {
        printf("go on with: ferry-producer resume %s\n", name);
    } else {
        printf("nothing is undone: at the target are %" PRId64
               " verified records of it, and possibly "
               "%" PRId64 " that were sent and not verified\n",
               pg_i64(rows, 0, "verified"), pg_i64(rows, 0, "sent"));
    }
}

static bool open_control(struct control *c, const char *command, const struct option_set *options,
                         struct error *err)
{
    memset(c, 0, sizeof *c);
    c->command = command;
    c->job = option_word(options, 0);
    return runtime_open(&c->rt, options, "producer", err) &&
           runtime_connect(&c->rt, RUNTIME_CHECKED, err);
}

static int end_control(struct control *c, bool ok, const struct error *err)
{
    runtime_close(&c->rt);
    if (!ok) {
        fprintf(stderr, "ferry-producer %s: %s\n", c->command, err->message);
        return (int)exit_code_for(err);
    }
    return EXIT_DONE;
}

static bool has_job(const char *command, const struct option_set *options)
{
    if (option_word_count(options) != 1) {
        fprintf(stderr,
                "ferry-producer %s: name the job: ferry-producer %s JOB (see ferry-producer "
                "status)\n",
                command, command);
        return false;
    }
    return true;
}

static int stop(const char *command, const char *wanted, ask_fn *ask, uint32_t patience_ms,
                const struct option_set *options)
{
    struct control c;
    struct error err = {0};
    struct answer done = {0};
    struct answer held = {0};

    if (!has_job(command, options)) {
        return EXIT_USAGE;
    }
    bool ok = open_control(&c, command, options, &err);
    c.wanted = wanted;
    c.patience_ms = patience_ms;
    c.deadline_ms = clock_boottime_ms() + option_number(options, "wait");
    ok = ok && insist(&c, ask, &done, &err) &&
         wait_for_claims(&c, !option_flag(options, "no-wait"), &held, &err);
    if (ok) {
        tell(&c, held.rows);
    }
    answer_deinit(&done);
    answer_deinit(&held);
    return end_control(&c, ok, &err);
}

int command_pause(const struct option_set *options)
{
    return stop("pause", "paused", ledger_pause, 0, options);
}

int command_cancel(const struct option_set *options)
{
    return stop("cancel", "cancelled", ledger_cancel, LONG_PATIENCE_MS, options);
}

int command_drop_rehearsal(const struct option_set *options)
{
    struct control c;
    struct error err = {0};

    if (!has_job("drop-rehearsal", options)) {
        return EXIT_USAGE;
    }
    bool ok = open_control(&c, "drop-rehearsal", options, &err) &&
              scratch_remove(&c.rt, c.job, true, &err);
    return end_control(&c, ok, &err);
}

int command_purge(const struct option_set *options)
{
    struct control c;
    struct error err = {0};
    struct answer answer = {0};

    if (!has_job("purge", options)) {
        return EXIT_USAGE;
    }
    bool ok = open_control(&c, "purge", options, &err) &&
              runtime_set_patience(&c.rt, LONG_PATIENCE_MS, &err) &&
              ledger_purge(&c.rt.ledger, c.job, runtime_answer_fn, &answer, &err) &&
              runtime_await_answer(&c.rt, &answer, &err);
    if (ok) {
        printf(
            "job %s: the ids of %" PRId64 " records were removed; its counts and rejects stay\n"
            "migrate of the same collections moves from now on only what is absent at the target\n",
            c.job, pg_i64(answer.rows, 0, "purge"));
    }
    answer_deinit(&answer);
    return end_control(&c, ok, &err);
}
