/*
 * One statement, waited for in a straight-line phase: its answer, and whether it is said again when that was lost. Nothing here
 * knows what a statement means: who asks again has to know that it may be said twice.
 */
#include <string.h>

#include "base/limits.h"
#include "run/runtime.h"

#define ASK_AGAIN_MS 100

void runtime_answer_fn(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct answer *answer = ctx;
    answer->err = *err;
    if (err->kind == ERROR_NONE) {
        answer->rows = pg_rows_copy(rows);
        if (answer->rows == NULL) {
            error_set(&answer->err, ERROR_NOMEM, "out of memory");
        }
    }
    answer->done = true;
}

bool runtime_await_answer(struct runtime *rt, struct answer *answer, struct error *err)
{
    if (!runtime_await(rt, &answer->done, err)) {
        return false;
    }
    if (answer->err.kind != ERROR_NONE) {
        *err = answer->err;
        return false;
    }
    return true;
}

bool runtime_set_patience(struct runtime *rt, uint32_t ms, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_set_patience(&rt->ledger, ms, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    answer_deinit(&answer);
    return ok;
}

void answer_deinit(struct answer *answer)
{
    pg_rows_free(answer->rows);
    memset(answer, 0, sizeof *answer);
}

bool runtime_usual_patience(struct runtime *rt, bool ok, struct error *err)
{
    struct error usual = {0};
    bool has_ended = rt->ledger.pg == NULL || (!ok && err->kind == ERROR_CANCELLED);
    if (has_ended || runtime_set_patience(rt, 0, &usual) || !ok ||
        error_disposition(usual.kind) == DISPOSITION_RETRY) {
        return ok;
    }
    *err = usual;
    return false;
}

/* Lost with the connection, or lost to another statement: not "come back later", which our own functions say. */
static bool may_be_said_again(const struct error *err)
{
    return err->kind == ERROR_UNAVAILABLE && strncmp(err->sqlstate, "FE", 2) != 0;
}

bool runtime_asks_again(struct runtime *rt, int64_t *since_ms, struct error *err)
{
    int64_t now_ms = clock_boottime_ms();
    if (!may_be_said_again(err)) {
        return false;
    }
    *since_ms = *since_ms == 0 ? now_ms : *since_ms;
    if (now_ms - *since_ms > LIMIT_CONNECT_MS) {
        return false;
    }
    error_clear(err);
    return runtime_sleep(rt, ASK_AGAIN_MS, err) && runtime_wait_for_ledger(rt, err);
}
