/* See landing.h. The ledger reckons it: ferry.target_in_flight. */
#include "producer/landing.h"

#include <stdio.h>

#define ASK_EVERY_MS 500
#define SAY_EVERY_MS 5000

/* *wait_ms 0: nothing is on its way. */
static bool look(struct runtime *rt, const struct uuid *target, int64_t *wait_ms, bool say,
                 struct error *err)
{
    struct answer answer = {0};
    int64_t since_ms = 0;
    bool ok;
    do {
        answer_deinit(&answer);
        ok = ledger_target_in_flight(&rt->ledger, target, runtime_answer_fn, &answer, err) &&
             runtime_await_answer(rt, &answer, err);
    } while (!ok && runtime_asks_again(rt, &since_ms, err));
    *wait_ms = 0;
    if (ok && pg_row_count(answer.rows) > 0) {
        *wait_ms = pg_i64(answer.rows, 0, "wait_ms");
        if (say) {
            fprintf(stderr,
                    "waits for requests of job %s, which was cancelled, to the same target: %lld s "
                    "at most\n",
                    pg_cstr(answer.rows, 0, "job"), (long long)(*wait_ms / 1000 + 1));
        }
    }
    answer_deinit(&answer);
    return ok;
}

/* Who waits already waits for a ledger that goes away meanwhile, too; ledger.waiting tells of it. */
static bool outlasts(struct runtime *rt, int64_t heard_ms, struct error *err)
{
    int64_t patience_ms = option_number(rt->options, "patience");
    if (heard_ms == 0 || err->kind != ERROR_UNAVAILABLE ||
        clock_boottime_ms() - heard_ms > patience_ms) {
        return false;
    }
    error_clear(err);
    return runtime_sleep(rt, ASK_EVERY_MS, err);
}

bool landing_wait(struct runtime *rt, const struct uuid *target, struct error *err)
{
    int64_t said_ms = 0;
    int64_t heard_ms = 0; /* of the ledger, last */
    for (;;) {
        int64_t wait_ms = 0;
        int64_t now_ms = clock_boottime_ms();
        bool say = said_ms == 0 || now_ms - said_ms >= SAY_EVERY_MS;
        if (!look(rt, target, &wait_ms, say, err)) {
            if (!outlasts(rt, heard_ms, err)) {
                return false;
            }
            continue;
        }
        if (wait_ms == 0) {
            return true;
        }
        heard_ms = clock_boottime_ms();
        said_ms = say ? now_ms : said_ms;
        if (!runtime_sleep(rt, wait_ms < ASK_EVERY_MS ? (uint32_t)wait_ms : ASK_EVERY_MS, err)) {
            return false;
        }
    }
}
