/*
 * The ledger connection when the server goes away or falls silent. The server is named by PGHOST, PGPORT …; the user may
 * create databases. FERRY_TEST_PG_RESTART, when set, is a shell command that restarts it.
 */
#include "pg_drive.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static void terminate(const char *pid)
{
    char sql[100];

    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%.10s, 5000) AS v", pid);
    must_say(breaker, sql, "t");
}

static void a_lost_connection_fails_what_was_submitted_and_comes_back(void **state)
{
    struct pg *pg = *state;
    struct answer pid = ask(pg, "SELECT pg_backend_pid() AS v");
    struct answer running;
    struct answer queued;

    submit(pg, "SELECT pg_sleep(10) AS v", &running);
    submit(pg, "SELECT 1 AS v", &queued);
    drive_for(pg, 50);
    terminate(pid.text);
    drive(pg, &queued.is_done);
    assert_int_equal(running.err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(running.err.sqlstate, "57P01"); /* the server's last words were read */
    assert_int_equal(queued.err.kind, ERROR_UNAVAILABLE);
    assert_int_equal(running.calls, 1);
    assert_int_equal(queued.calls, 1);
    assert_true(running.order < queued.order);
    assert_false(pg_is_connected(pg));
    assert_true(pg_trouble(pg)[0] != '\0');
    must_say(pg, "SELECT 5 AS v", "5");
    assert_true(pg_is_connected(pg));
    must_say(pg, "SELECT current_setting('statement_timeout') AS v", "15s");
}

static void an_idle_connection_comes_back_by_itself(void **state)
{
    struct pg *pg = *state;
    struct answer pid = ask(pg, "SELECT pg_backend_pid() AS v");
    struct answer again;

    terminate(pid.text);
    for (int i = 0; i < 100 && pg_is_connected(pg); i++) {
        drive_turn(pg);
    }
    assert_false(pg_is_connected(pg));
    for (int i = 0; i < 100 && !pg_is_connected(pg); i++) {
        drive_turn(pg);
    }
    assert_true(pg_is_connected(pg));
    again = ask(pg, "SELECT pg_backend_pid() AS v");
    assert_int_equal(again.err.kind, ERROR_NONE);
    assert_string_not_equal(again.text, pid.text);
}

struct resubmission {
    struct pg *pg;
    struct answer answer;
};

static void submit_after_the_loss(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct resubmission *again = ctx;

    (void)rows;
    assert_int_equal(err->kind, ERROR_UNAVAILABLE);
    submit(again->pg, "SELECT 4 AS v", &again->answer);
}

static void a_statement_submitted_on_the_loss_waits_for_the_next_connection(void **state)
{
    struct resubmission again = {.pg = *state};
    struct answer pid = ask(*state, "SELECT pg_backend_pid() AS v");
    struct error err = {0};

    assert_true(
        pg_submit(*state, "SELECT pg_sleep(10)", NULL, 0, submit_after_the_loss, &again, &err));
    drive_for(*state, 50);
    terminate(pid.text);
    drive(*state, &again.answer.is_done);
    assert_string_equal(again.answer.text, "4");
}

static void a_server_that_falls_silent_is_given_up(void **state)
{
    struct pg *pg = *state;
    struct answer pid = ask(pg, "SELECT pg_backend_pid() AS v");
    struct answer silent;
    pid_t backend = (pid_t)strtol(pid.text, NULL, 10);
    int64_t start_ms;
    int64_t waited_ms;

    if (kill(backend, SIGSTOP) != 0) {
        print_message("the server's processes cannot be signalled from here\n");
        skip();
    }
    pg_set_answer_limit(pg, 1000);
    start_ms = clock_boottime_ms();
    submit(pg, "SELECT 1 AS v", &silent);
    (void)drive_within(pg, &silent.is_done, PATIENCE_MS);
    waited_ms = clock_boottime_ms() - start_ms;
    kill(backend, SIGCONT);
    assert_true(silent.is_done);
    assert_int_equal(silent.err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(silent.err.sqlstate, "");
    assert_in_range(waited_ms, 900, PATIENCE_MS / 2); /* the usual limit is longer */
    must_say(pg, "SELECT 6 AS v", "6");
}

/* As after a failover: the server that is left lets nobody write. */
static void a_session_that_is_read_only_is_left_for_one_that_may_write(void **state)
{
    struct pg *pg = *state;
    struct answer pid = ask(pg, "SELECT pg_backend_pid() AS v");
    struct answer refused;
    char sql[160];

    snprintf(sql, sizeof sql, "ALTER DATABASE %s SET default_transaction_read_only = on",
             own_database);
    must(breaker, sql);
    terminate(pid.text);
    for (int i = 0; i < 100 && pg_is_connected(pg); i++) {
        drive_turn(pg);
    }
    must_say(pg, "SELECT 8 AS v", "8"); /* whoever only looks may do so there */
    refused = ask(pg, "CREATE TABLE written_after_failover (v integer)");
    assert_int_equal(refused.err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(refused.err.sqlstate, "25006");
    drive_for(pg, 300);
    assert_false(pg_is_connected(pg));
    assert_non_null(strstr(pg_trouble(pg), "read-only"));
    snprintf(sql, sizeof sql, "ALTER DATABASE %s RESET default_transaction_read_only",
             own_database);
    must(breaker, sql);
    must(pg, "CREATE TABLE written_after_failover (v integer)");
}

static void a_slow_answer_that_keeps_coming_is_no_silence(void **state)
{
    struct pg *pg = *state;
    struct answer answer;

    pg_set_answer_limit(pg, 2000); /* less than all rows together take */
    assert_int_equal(pg_answer_limit(pg), 2000);
    answer =
        ask(pg, "SELECT repeat('x', 20000), pg_sleep(0.25), 1 AS v FROM generate_series(1, 10)");
    assert_string_equal(answer.err.message, "");
    assert_int_equal(answer.row_count, 10);
}

static void the_answer_limit_belongs_to_the_submission(void **state)
{
    struct pg *pg = *state;
    struct answer answer;

    must(pg, "SELECT 1 AS v");
    submit(pg, "SELECT pg_sleep(1), 1 AS v", &answer);
    pg_set_answer_limit(pg, 100);
    drive(pg, &answer.is_done);
    assert_int_equal(answer.err.kind, ERROR_NONE);
    answer = ask(pg, "SELECT pg_sleep(1), 1 AS v");
    assert_int_equal(answer.err.kind, ERROR_UNAVAILABLE);
}

static void a_statement_over_its_timeout_is_unavailable_and_keeps_the_connection(void **state)
{
    struct pg *pg = *state;
    struct answer pid = ask(pg, "SELECT pg_backend_pid() AS v");
    struct answer answer;

    must(pg, "SET statement_timeout = '100ms'");
    answer = ask(pg, "SELECT pg_sleep(5) AS v");
    assert_int_equal(answer.err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(answer.err.sqlstate, "57014");
    must_say(pg, "SELECT pg_backend_pid() AS v", pid.text);
}

static void copy_ends_the_connection_instead_of_hanging(void **state)
{
    struct pg *pg = *state;

    must(pg, "CREATE TEMP TABLE c (x int)");
    assert_int_equal(ask(pg, "COPY c FROM STDIN").err.kind, ERROR_UNAVAILABLE);
    must_say(pg, "SELECT 1 AS v", "1");
}

static void freeing_cancels_what_is_queued(void **state)
{
    struct pg *pg = open_pg();
    struct answer running;
    struct answer queued;

    (void)state;
    must(pg, "SELECT 1 AS v");
    submit(pg, "SELECT pg_sleep(10) AS v", &running);
    submit(pg, "SELECT 1 AS v", &queued);
    drive_for(pg, 50);
    pg_free(pg);
    assert_int_equal(running.err.kind, ERROR_CANCELLED);
    assert_int_equal(queued.err.kind, ERROR_CANCELLED);
    assert_int_equal(running.calls + queued.calls, 2);
    pg_free(open_pg()); /* while connecting */
    pg_free(NULL);
}

static void a_restarted_server_is_found_again(void **state)
{
    struct pg *pg = *state;
    const char *command = getenv("FERRY_TEST_PG_RESTART");
    char shell[] = "sh";
    char flag[] = "-c";
    char *argv[] = {shell, flag, NULL, NULL};
    pid_t child;
    int status = -1;

    if (command == NULL) {
        print_message("FERRY_TEST_PG_RESTART is not set\n");
        skip();
    }
    must(pg, "SELECT 1 AS v");
    argv[2] = strdup(command);
    assert_int_equal(posix_spawnp(&child, "sh", NULL, NULL, argv, environ), 0);
    while (waitpid(child, &status, WNOHANG) == 0) {
        drive_turn(pg);
    }
    free(argv[2]);
    assert_int_equal(status, 0);
    drive_for(pg, 200);
    must_say(pg, "SELECT 9 AS v", "9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWO(a_lost_connection_fails_what_was_submitted_and_comes_back),
        TWO(an_idle_connection_comes_back_by_itself),
        TWO(a_statement_submitted_on_the_loss_waits_for_the_next_connection),
        TWO(a_server_that_falls_silent_is_given_up),
        TWO(a_session_that_is_read_only_is_left_for_one_that_may_write),
        ONE(a_slow_answer_that_keeps_coming_is_no_silence),
        ONE(the_answer_limit_belongs_to_the_submission),
        ONE(a_statement_over_its_timeout_is_unavailable_and_keeps_the_connection),
        ONE(copy_ends_the_connection_instead_of_hanging),
        cmocka_unit_test(freeing_cancels_what_is_queued),
        ONE(a_restarted_server_is_found_again),
    };

    need_server();
    return cmocka_run_group_tests_name("pg_loss", tests, make_own_database, drop_own_database);
}
