/*
 * What the pg_*.c files share; no other module includes it, and libpq-fe.h is included nowhere else.
 * One connection goes waiting → connecting → preparing → ready, from each back to waiting, or ends as refused.
 */
#ifndef STORE_PG_INTERNAL_H
#define STORE_PG_INTERNAL_H

#include <libpq-fe.h>

#include "base/clock.h"
#include "store/pg.h"

enum pg_state {
    PG_WAITING,    /* no connection; the next attempt is at due_ms */
    PG_CONNECTING, /* libpq is at it; given up at due_ms */
    PG_PREPARING,  /* connected; our session settings are under way */
    PG_READY,
    PG_REFUSED, /* for good; `trouble` says why */
};

enum pg_task { /* what the connection is busy with */
    PG_TASK_NONE,
    PG_TASK_PREPARE,
    PG_TASK_ROLL_BACK, /* of what a script left open */
    PG_TASK_STATEMENT, /* `running` */
};

struct pg_submission { /* one allocation: the texts follow the parameter pointers */
    struct pg_submission *next;
    pg_done_fn *fn;
    void *ctx;
    const char *sql;
    uint32_t answer_limit_ms;
    bool is_script;
    int param_count;
    const char *params[];
};

struct pg_rows {
    PGresult *result;
};

struct pg {
    enum pg_state state;
    PGconn *conn;     /* owned; NULL while waiting or refused */
    short wants;      /* while connecting: what libpq waits for */
    bool was_ready;   /* once: from then on nothing is refused for good */
    bool must_write;  /* met a read-only session: a standby is no connection any more */
    bool is_stepping; /* callbacks run inside; a nested step does nothing */
    bool is_ending;
    int64_t due_ms;           /* see the states; while a task runs: when silence becomes a loss */
    uint32_t attempts;        /* in a row, without success */
    uint32_t answer_limit_ms; /* for new submissions */

    enum pg_task task;
    struct pg_submission *running; /* owned, not in the queue any more */
    bool is_unsent;                /* libpq still holds bytes of it */
    bool must_roll_back;
    PGresult *result;     /* of the task: the last good one, owned */
    struct error failure; /* of the task: the first */

    struct pg_submission *head; /* owned; waiting for their turn */
    struct pg_submission *tail;
    size_t queued;

    struct rng rng;
    char *application_name;
    char where[256];
    struct error trouble; /* why not ready; kind NONE when ready */
};

/* -- pg_connect.c -- */
void pg_connect_begin(struct pg *pg);
void pg_connect_step(struct pg *pg, bool is_due_io); /* waiting and connecting */
void pg_connect_ready(struct pg *pg);
void pg_connect_failed(struct pg *pg, const struct error *why);
void pg_name_where(struct pg *pg);

/* -- pg_statement.c -- */
void pg_task_begin(struct pg *pg, enum pg_task task, const char *sql);
void pg_task_pump(struct pg *pg, bool is_active); /* preparing and ready */
void pg_task_forget(struct pg *pg);               /* of a connection that is gone */

/* -- pg_submit.c -- */
struct pg_submission *pg_queue_pop(struct pg *pg);
/* Answers the running statement and all that are queued now; what the callbacks submit stays queued. */
void pg_fail_all(struct pg *pg, const struct error *why);

/* -- pg_error.c -- */
void pg_error_from_result(const struct pg *pg, const PGresult *result, struct error *err);
void pg_error_from_attempt(const struct pg *pg,
                           struct error *err);       /* a connection that did not come to be */
bool pg_error_is_permanent(const struct error *err); /* waiting does not mend it */
/* reason NULL: libpq's own words. */
void pg_error_lost(const struct pg *pg, const char *reason, struct error *err);

#endif
