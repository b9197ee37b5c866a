/*
 * One task at a time on a live connection: send, read what comes, answer, next. A loss or a silence ends the connection
 * and everything submitted so far. Never blocks. Knows nothing of what a statement means, and repeats none.
 */
#include <stdlib.h>
#include <string.h>

#include "store/pg_internal.h"

/* After a failover the old server may stay, and the session with it: whoever writes has to look for the new one. */
#define SQLSTATE_READ_ONLY "25006"

static uint32_t silence_limit_ms(const struct pg *pg)
{
    return pg->running == NULL ? pg->answer_limit_ms : pg->running->answer_limit_ms;
}

void pg_task_forget(struct pg *pg)
{
    pg->task = PG_TASK_NONE;
    pg->is_unsent = false;
    pg->must_roll_back = false;
    PQclear(pg->result);
    pg->result = NULL;
    error_clear(&pg->failure);
}

/* `why` may be pg->failure. */
static void lose(struct pg *pg, const struct error *why)
{
    struct error error = *why;
    bool was_ready = pg->state == PG_READY;

    error.kind = ERROR_UNAVAILABLE; /* whatever was said: it is the connection that is gone */
    pg_connect_failed(pg, &error);
    if (was_ready) { /* while preparing nothing of the queue has run: it may wait on */
        pg_fail_all(pg, &error);
    }
}

static void lose_because(struct pg *pg, const char *reason)
{
    struct error error = {0};

    pg_error_lost(pg, reason, &error);
    lose(pg, &error);
}

static void started(struct pg *pg, enum pg_task task, int sent)
{
    pg->task = task;
    pg->due_ms = clock_boottime_ms() + silence_limit_ms(pg);
    if (sent == 0) {
        lose_because(pg, NULL);
    }
}

void pg_task_begin(struct pg *pg, enum pg_task task, const char *sql)
{
    started(pg, task, PQsendQuery(pg->conn, sql));
}

/* False: nothing to do. */
static bool begin_next(struct pg *pg)
{
    struct pg_submission *next;

    if (pg->must_roll_back) {
        pg->must_roll_back = false;
        pg_task_begin(pg, PG_TASK_ROLL_BACK, "ROLLBACK");
        return true;
    }
    next = pg_queue_pop(pg);
    if (next == NULL) {
        return false;
    }
    next->next = NULL;
    pg->running = next;
    if (next->is_script) {
        pg_task_begin(pg, PG_TASK_STATEMENT, next->sql);
    } else {
        started(pg, PG_TASK_STATEMENT,
                PQsendQueryParams(pg->conn, next->sql, next->param_count, NULL, next->params, NULL,
                                  NULL, 0));
    }
    return true;
}

/* Takes ownership. False: the protocol is in a state we do not speak. */
static bool keep_result(struct pg *pg, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        PQclear(pg->result);
        pg->result = result;
        return true;
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
        if (pg->failure.kind == ERROR_NONE) {
            pg_error_from_result(pg, result, &pg->failure);
        }
        PQclear(result);
        return true;
    default: /* COPY, pipelines: libpq would hand out the same result forever */
        PQclear(result);
        return false;
    }
}

static void finish_statement(struct pg *pg)
{
    struct pg_submission *done = pg->running;
    struct error failure = pg->failure;
    PGresult *result = pg->result;
    struct pg_rows rows = {result};
    bool is_open = PQtransactionStatus(pg->conn) != PQTRANS_IDLE;

    pg->running = NULL;
    pg->result = NULL;
    pg_task_forget(pg);
    pg->must_roll_back = done->is_script && is_open;
    done->fn(done->ctx, failure.kind == ERROR_NONE ? &rows : NULL, &failure);
    PQclear(result);
    free(done);
    if (strcmp(failure.sqlstate, SQLSTATE_READ_ONLY) == 0) {
        pg->must_write = true;
        lose(pg, &failure);
    }
}

static void finish_task(struct pg *pg)
{
    struct error failure = pg->failure;

    switch (pg->task) {
    case PG_TASK_STATEMENT:
        finish_statement(pg);
        break;
    case PG_TASK_PREPARE:
        pg_task_forget(pg);
        if (failure.kind == ERROR_NONE) {
            pg_connect_ready(pg);
        } else {
            lose(pg, &failure);
        }
        break;
    case PG_TASK_ROLL_BACK:
    case PG_TASK_NONE:
        pg_task_forget(pg);
        break;
    }
}

/* Moves bytes. True: the answer is complete. Otherwise it is still awaited, or the connection was lost. */
static bool exchange(struct pg *pg, bool is_active)
{
    int flushed = PQflush(pg->conn);
    bool is_broken = PQconsumeInput(pg->conn) == 0 || flushed < 0;
    bool is_complete = false;

    pg->is_unsent = flushed > 0;
    /* Also of a broken connection: the server's last words may lie in libpq's buffer. It does not block then. */
    while (!is_complete && (is_broken || !PQisBusy(pg->conn))) {
        PGresult *result = PQgetResult(pg->conn);

        if (result == NULL) {
            is_complete = true;
        } else if (!keep_result(pg, result)) {
            lose_because(pg, "a statement that is not supported here, such as COPY");
            return false;
        }
    }
    if (is_broken || PQstatus(pg->conn) != CONNECTION_OK) {
        if (pg->failure.kind == ERROR_NONE) {
            pg_error_lost(pg, NULL, &pg->failure);
        }
        lose(pg, &pg->failure);
        return false;
    }
    if (is_complete) {
        return true;
    }
    if (is_active) {
        pg->due_ms = clock_boottime_ms() + silence_limit_ms(pg);
    } else if (clock_boottime_ms() >= pg->due_ms) {
        lose_because(pg, "no answer to a statement in time");
    }
    return false;
}

void pg_task_pump(struct pg *pg, bool is_active)
{
    while (pg->state == PG_PREPARING || pg->state == PG_READY) {
        if (pg->task == PG_TASK_NONE) {
            if (!PQconsumeInput(pg->conn)) { /* it went away while idle */
                lose_because(pg, NULL);
                return;
            }
            if (!begin_next(pg)) {
                return;
            }
        }
        if (pg->task != PG_TASK_NONE) { /* begun, and sending did not lose it */
            if (!exchange(pg, is_active)) {
                return;
            }
            finish_task(pg);
        }
    }
}
