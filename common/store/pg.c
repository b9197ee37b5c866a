/*
 * The connection as its owner sees it: made, watched, stepped, asked, freed. The work is in pg_connect.c (getting
 * connected), pg_statement.c (running statements) and pg_submit.c (the queue). Has no thread, no timer and no loop of its
 * own: everything happens inside pg_step().
 */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/pg_internal.h"

#define ANSWER_LIMIT_MS 20000 /* statement_timeout and 5 s */

struct pg *pg_new(const char *application_name, uint64_t seed, struct error *err)
{
    struct pg *pg = calloc(1, sizeof *pg);

    if (pg == NULL || (pg->application_name = strdup(application_name)) == NULL) {
        error_set(err, ERROR_NOMEM, "no memory for a PostgreSQL connection");
        free(pg);
        return NULL;
    }
    pg->answer_limit_ms = ANSWER_LIMIT_MS;
    rng_seed(&pg->rng, seed);
    pg_connect_begin(pg);
    return pg;
}

void pg_free(struct pg *pg)
{
    struct error cancelled = {0};

    if (pg == NULL) {
        return;
    }
    assert(!pg->is_stepping);
    error_set(&cancelled, ERROR_CANCELLED, "the ledger connection is closed");
    pg->is_ending = true;
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg_task_forget(pg);
    pg_fail_all(pg, &cancelled);
    free(pg->application_name);
    free(pg);
}

int pg_fd(void *ctx)
{
    const struct pg *pg = ctx;

    return pg->conn == NULL ? -1 : PQsocket(pg->conn);
}

short pg_wants(void *ctx)
{
    const struct pg *pg = ctx;
    bool has_next = pg->task == PG_TASK_NONE && (pg->head != NULL || pg->must_roll_back);

    switch (pg->state) {
    case PG_CONNECTING:
        return pg->wants;
    case PG_PREPARING:
    case PG_READY:
        return (short)(POLLIN | (pg->is_unsent || has_next ? POLLOUT : 0));
    case PG_WAITING:
    case PG_REFUSED:
        break;
    }
    return 0;
}

/* Not every loop reports errors and hang-ups as readiness, and PQconnectPoll() must only be called when ready. */
static bool is_ready(struct pg *pg, short got)
{
    struct pollfd watched = {.fd = pg_fd(pg), .events = pg_wants(pg)};

    return (got & pg_wants(pg)) != 0 || (watched.fd >= 0 && poll(&watched, 1, 0) > 0);
}

void pg_step(void *ctx, short got)
{
    struct pg *pg = ctx;

    if (pg->is_stepping) {
        return;
    }
    pg->is_stepping = true;
    switch (pg->state) {
    case PG_WAITING:
    case PG_CONNECTING:
        pg_connect_step(pg, is_ready(pg, got));
        break;
    case PG_PREPARING:
    case PG_READY:
        pg_task_pump(pg, is_ready(pg, got));
        break;
    case PG_REFUSED:
        pg_fail_all(pg, &pg->trouble);
        break;
    }
    pg->is_stepping = false;
}

void pg_set_answer_limit(struct pg *pg, uint32_t ms)
{
    pg->answer_limit_ms = ms;
}

uint32_t pg_answer_limit(const struct pg *pg)
{
    return pg->answer_limit_ms;
}

bool pg_is_connected(const struct pg *pg)
{
    return pg->state == PG_READY;
}

const char *pg_trouble(const struct pg *pg)
{
    return pg->trouble.message;
}

bool pg_connect_refused(const struct pg *pg, struct error *err)
{
    if (pg->state != PG_REFUSED) {
        return false;
    }
    if (err->kind == ERROR_NONE) {
        *err = pg->trouble;
    }
    return true;
}

const char *pg_where(const struct pg *pg)
{
    return pg->where;
}

/* By the address that was connected to: a name may lead anywhere. */
static bool is_here(const PGconn *conn)
{
    const char *host = PQhost(conn);
    const char *address = PQhostaddr(conn);

    if (host != NULL && (host[0] == '/' || host[0] == '@')) {
        return true;
    }
    return address != NULL &&
           (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || address[0] == '\0');
}

enum pg_link pg_link_of(const struct pg *pg)
{
    if (pg->conn == NULL || pg->state != PG_READY) {
        return PG_LINK_LOCAL;
    }
    if (PQsslInUse(pg->conn) != 0 || PQgssEncInUse(pg->conn) != 0) {
        return PG_LINK_ENCRYPTED;
    }
    return is_here(pg->conn) ? PG_LINK_LOCAL : PG_LINK_IN_CLEAR;
}

size_t pg_queue_length(const struct pg *pg)
{
    return pg->queued + (pg->running == NULL ? 0 : 1);
}

const char *pg_library_version(void)
{
    static char text[16];
    int version = PQlibVersion();

    snprintf(text, sizeof text, "%d.%d", version / 10000, version % 10000);
    return text;
}
