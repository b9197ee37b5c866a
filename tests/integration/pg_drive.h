/*
 * For the tests that need a PostgreSQL: driving a connection with poll() in place of the event loop, answers to look at,
 * and a database of the test's own in the server that PGHOST, PGPORT … name.
 */
#ifndef TESTS_PG_DRIVE_H
#define TESTS_PG_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/pg.h"

#define PATIENCE_MS 20000 /* of a test, for anything */

struct answer {
    bool is_done;
    int calls;
    int order; /* among all answers: 1, 2, 3 … */
    int row_count;
    char text[256]; /* column "v" of the first row */
    struct error err;
};

static int answers_so_far;

static inline void take_answer(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct answer *answer = ctx;

    answer->is_done = true;
    answer->calls++;
    answer->order = ++answers_so_far;
    answer->err = *err;
    if (err->kind == ERROR_NONE && rows != NULL) {
        answer->row_count = pg_row_count(rows);
        if (answer->row_count > 0) {
            snprintf(answer->text, sizeof answer->text, "%s", pg_cstr(rows, 0, "v"));
        }
    }
}

/* One turn, as the loop does it: wait at most 100 ms, then step whatever happened. */
static inline void drive_turn(struct pg *pg)
{
    struct pollfd watched = {.fd = pg_fd(pg), .events = pg_wants(pg)};

    poll(&watched, 1, pg_fd(pg) < 0 ? 5 : 100);
    pg_step(pg, (short)(watched.fd < 0 ? 0 : watched.revents & (POLLIN | POLLOUT)));
}

static inline bool drive_within(struct pg *pg, const bool *done, int64_t limit_ms)
{
    int64_t end_ms = clock_boottime_ms() + limit_ms;

    while (!*done && clock_boottime_ms() < end_ms) {
        drive_turn(pg);
    }
    return *done;
}

static inline void drive(struct pg *pg, const bool *done)
{
    if (!drive_within(pg, done, PATIENCE_MS)) {
        fail_msg("no answer; trouble: %s", pg_trouble(pg));
    }
}

static inline void drive_for(struct pg *pg, int64_t ms)
{
    static const bool never = false;

    (void)drive_within(pg, &never, ms);
}

static inline struct pg *open_pg(void)
{
    struct error err = {0};
    struct pg *pg = pg_new("ferry-test", 20261121, &err);

    assert_non_null(pg);
    return pg;
}

static inline void submit(struct pg *pg, const char *sql, struct answer *answer)
{
    struct error err = {0};

    memset(answer, 0, sizeof *answer);
    if (!pg_submit(pg, sql, NULL, 0, take_answer, answer, &err)) {
        fail_msg("%s", err.message);
    }
}

/* Submits and waits; whether it went well is in the answer. */
static inline struct answer ask(struct pg *pg, const char *sql)
{
    struct answer answer;

    submit(pg, sql, &answer);
    drive(pg, &answer.is_done);
    return answer;
}

static inline void must(struct pg *pg, const char *sql)
{
    struct answer answer = ask(pg, sql);

    if (answer.err.kind != ERROR_NONE) {
        fail_msg("%s", answer.err.message);
    }
}

static inline void must_say(struct pg *pg, const char *sql, const char *expected)
{
    struct answer answer = ask(pg, sql);

    if (answer.err.kind != ERROR_NONE) {
        fail_msg("%s", answer.err.message);
    }
    assert_string_equal(answer.text, expected);
}

/* Each test its connection; with TWO also a breaker, the hand that breaks the first. */
static struct pg *breaker;

static inline int open_state(void **state)
{
    *state = open_pg();
    return 0;
}

static inline int close_state(void **state)
{
    pg_free(*state);
    return 0;
}

static inline int open_two(void **state)
{
    breaker = open_pg();
    must(breaker, "SELECT 1 AS v");
    return open_state(state);
}

static inline int close_two(void **state)
{
    pg_free(breaker);
    return close_state(state);
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, open_state, close_state)
#define TWO(name) cmocka_unit_test_setup_teardown(name, open_two, close_two)

static char own_database[64];
static char *given_database; /* PGDATABASE as it was, NULL: none */

static inline void forget_own_database(void)
{
    if (given_database == NULL) {
        unsetenv("PGDATABASE");
    } else {
        setenv("PGDATABASE", given_database, 1);
    }
}

/* Exits with 77 when no server is named; otherwise makes a database and points PGDATABASE at it. */
static inline void need_server(void)
{
    if (getenv("PGHOST") == NULL) {
        puts("skipped: PGHOST is not set");
        exit(77);
    }
}

static inline int make_own_database(void **state)
{
    struct pg *pg;
    char sql[128];

    (void)state;
    given_database = getenv("PGDATABASE") == NULL ? NULL : strdup(getenv("PGDATABASE"));
    pg = open_pg();
    snprintf(own_database, sizeof own_database, "ferry_test_%ld", (long)getpid());
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", own_database);
    must(pg, sql);
    pg_free(pg);
    setenv("PGDATABASE", own_database, 1);
    return 0;
}

static inline int drop_own_database(void **state)
{
    struct pg *pg;
    char sql[128];

    (void)state;
    forget_own_database();
    pg = open_pg();
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", own_database);
    must(pg, sql);
    pg_free(pg);
    free(given_database);
    return 0;
}

#endif
