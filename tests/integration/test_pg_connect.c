/*
 * How the ledger connection is made: settings of ours and of the user, refusals, hosts that do not answer. The server is
 * named by PGHOST, PGPORT …; the user may create databases.
 */
#include "pg_drive.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static void the_session_has_our_limits_and_the_users_other_settings(void **state)
{
    struct pg *pg;

    (void)state;
    setenv("PGOPTIONS", "-c statement_timeout=1h -c work_mem=5MB -c bytea_output=escape", 1);
    setenv("PGCLIENTENCODING", "LATIN1", 1);
    pg = open_pg();
    unsetenv("PGOPTIONS");
    unsetenv("PGCLIENTENCODING");
    must_say(pg, "SELECT current_setting('statement_timeout') AS v", "15s");
    must_say(pg, "SELECT current_setting('lock_timeout') AS v", "5s");
    must_say(pg, "SELECT current_setting('idle_in_transaction_session_timeout') AS v", "30s");
    must_say(pg, "SELECT current_setting('client_min_messages') AS v", "warning");
    must_say(pg, "SELECT current_setting('standard_conforming_strings') AS v", "on");
    must_say(pg, "SELECT current_setting('work_mem') AS v", "5MB");
    must_say(pg, "SELECT current_setting('client_encoding') AS v", "UTF8");
    must_say(pg, "SELECT current_setting('application_name') AS v", "ferry-test");
    must_say(pg, "SELECT '\\x00ff'::bytea AS v", "\\x00ff");
    pg_free(pg);
}

static void the_user_may_name_the_application(void **state)
{
    struct pg *pg;

    (void)state;
    setenv("PGAPPNAME", "my own", 1);
    pg = open_pg();
    unsetenv("PGAPPNAME");
    must_say(pg, "SELECT current_setting('application_name') AS v", "my own");
    pg_free(pg);
}

static void a_connection_string_in_pgdatabase_is_understood_and_not_shown(void **state)
{
    char text[256];
    struct pg *pg;

    (void)state;
    snprintf(text, sizeof text, "postgresql:///%s?password=sesame&application_name=by-url",
             own_database);
    setenv("PGDATABASE", text, 1);
    pg = open_pg();
    setenv("PGDATABASE", own_database, 1);
    must_say(pg, "SELECT current_database() AS v", own_database);
    must_say(pg, "SELECT current_setting('application_name') AS v", "by-url");
    assert_null(strstr(pg_where(pg), "sesame"));
    assert_non_null(strstr(pg_where(pg), own_database));
    pg_free(pg);
}

/* Sets a variable; returns what it was, for put_back(). */
static char *put(const char *name, const char *value)
{
    char *old = getenv(name) == NULL ? NULL : strdup(getenv(name));

    setenv(name, value, 1);
    return old;
}

static void put_back(const char *name, char *old)
{
    if (old == NULL) {
        unsetenv(name);
    } else {
        setenv(name, old, 1);
    }
    free(old);
}

static struct error refusal_with(const char *name, const char *value)
{
    struct error err = {0};
    struct answer waiting;
    char *old = put(name, value);
    struct pg *pg;

    pg = open_pg();
    submit(pg, "SELECT 1 AS v", &waiting);
    drive(pg, &waiting.is_done);
    put_back(name, old);
    if (waiting.err.kind != ERROR_NONE) {
        assert_true(pg_connect_refused(pg, &err));
        assert_string_equal(err.message, waiting.err.message);
        assert_string_equal(err.message, pg_trouble(pg));
        submit(pg, "SELECT 1 AS v", &waiting); /* so does every later one */
        drive(pg, &waiting.is_done);
        assert_int_equal(waiting.err.kind, err.kind);
    }
    print_message("%s=%s: %s\n", name, value, err.message);
    pg_free(pg);
    return err;
}

static void wrong_settings_are_refused_and_not_retried(void **state)
{
    struct error err = refusal_with("PGDATABASE", "no_such_database");

    (void)state;
    assert_int_equal(err.kind, ERROR_NOT_FOUND);
    assert_string_equal(err.sqlstate, "3D000");
    assert_non_null(strstr(err.message, "no_such_database"));
    err = refusal_with("PGUSER", "no_such_role");
    assert_int_equal(err.kind, ERROR_AUTH);
    err = refusal_with("PGSSLMODE", "bogus");
    assert_int_equal(err.kind, ERROR_USAGE);
    err = refusal_with("PGPORT", "bogus");
    assert_int_equal(err.kind, ERROR_USAGE);
    err = refusal_with("PGSERVICE", "no_such_service");
    assert_int_equal(err.kind, ERROR_USAGE);
    err = refusal_with("PGOPTIONS", "-c no_such_setting=1");
    assert_int_equal(err.kind, ERROR_USAGE);
    err = refusal_with("PGDATABASE", "postgresql://u:sesame@[/x");
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_null(strstr(err.message, "sesame"));
}

/* Needs a pg_hba.conf that asks ferry_test_login for a password; skipped where everyone is trusted. */
static void a_wrong_password_is_refused(void **state)
{
    struct pg *pg = *state;
    struct error wrong;
    struct error missing;
    char *old_user;
    char *old_file;

    must(pg, "DO $$ BEGIN IF to_regrole('ferry_test_login') IS NULL THEN"
             " CREATE ROLE ferry_test_login LOGIN PASSWORD 'right'; END IF; END $$");
    old_user = put("PGUSER", "ferry_test_login");
    old_file = put("PGPASSFILE", "/nonexistent");
    wrong = refusal_with("PGPASSWORD", "sesame");
    missing = refusal_with("PGAPPNAME", "x");
    put_back("PGPASSFILE", old_file);
    put_back("PGUSER", old_user);
    must(pg, "DROP ROLE ferry_test_login");
    if (wrong.kind == ERROR_NONE) {
        skip();
    }
    assert_int_equal(wrong.kind, ERROR_AUTH);
    assert_string_equal(wrong.sqlstate, "28P01");
    assert_null(strstr(wrong.message, "sesame"));
    assert_int_equal(missing.kind, ERROR_AUTH);
}

/* Somebody drops the database under us and makes it again: that is an outage, not a wrong setting. */
static void after_the_first_connection_nothing_is_refused_for_good(void **state)
{
    struct pg *pg;
    struct error err = {0};
    struct answer waiting;
    char *old = put("PGDATABASE", "ferry_test_gone");

    (void)state;
    must(breaker, "CREATE DATABASE ferry_test_gone");
    pg = open_pg();
    must_say(pg, "SELECT 1 AS v", "1");
    must(breaker, "DROP DATABASE ferry_test_gone WITH (FORCE)");
    while (strstr(pg_trouble(pg), "does not exist") == NULL) {
        drive_turn(pg);
    }
    submit(pg, "SELECT 2 AS v", &waiting);
    drive_for(pg, 50);
    assert_false(waiting.is_done);
    assert_false(pg_connect_refused(pg, &err));
    must(breaker, "CREATE DATABASE ferry_test_gone");
    drive(pg, &waiting.is_done);
    assert_string_equal(waiting.text, "2");
    pg_free(pg);
    put_back("PGDATABASE", old);
    must(breaker, "DROP DATABASE ferry_test_gone WITH (FORCE)");
}

static int bound_socket(char port[16])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(port, 16, "%d", ntohs(address.sin_port));
    return fd;
}

static struct pg *open_at(const char *host, const char *port)
{
    char *old_host = put("PGHOST", host);
    char *old_port = put("PGPORT", port);
    struct pg *pg = open_pg();

    put_back("PGPORT", old_port);
    put_back("PGHOST", old_host);
    return pg;
}

static void a_port_nobody_listens_on_is_tried_again_and_again(void **state)
{
    char port[16];
    int fd = bound_socket(port); /* bound, not listening: refused, and nobody else takes it */
    char *old_port = put("PGPORT", port); /* for every attempt: the settings are read again */
    char *old_host = put("PGHOST", "127.0.0.1");
    struct pg *pg = open_pg();
    struct answer waiting;
    struct error err = {0};
    int64_t end_ms = clock_boottime_ms() + PATIENCE_MS;

    (void)state;
    submit(pg, "SELECT 1 AS v", &waiting);
    while (strstr(pg_trouble(pg), "refused") == NULL && clock_boottime_ms() < end_ms) {
        drive_turn(pg);
    }
    drive_for(pg, 100);            /* for some attempts more */
    assert_false(waiting.is_done); /* it is held */
    assert_int_equal(pg_queue_length(pg), 1);
    assert_false(pg_connect_refused(pg, &err));
    assert_false(pg_is_connected(pg));
    assert_non_null(strstr(pg_trouble(pg), "refused"));
    assert_non_null(strstr(pg_trouble(pg), port));
    pg_free(pg);
    put_back("PGHOST", old_host);
    put_back("PGPORT", old_port);
    close(fd);
    assert_int_equal(waiting.err.kind, ERROR_CANCELLED);
}

static void a_host_that_accepts_and_says_nothing_is_given_up(void **state)
{
    char port[16];
    int fd = bound_socket(port);
    struct pg *pg;
    int64_t start_ms = clock_boottime_ms();

    (void)state;
    assert_int_equal(listen(fd, 8), 0);
    setenv("PGCONNECT_TIMEOUT", "2", 1);
    pg = open_at("127.0.0.1", port);
    unsetenv("PGCONNECT_TIMEOUT");
    assert_non_null(strstr(pg_trouble(pg), "connecting"));
    while (strstr(pg_trouble(pg), "no answer") == NULL &&
           clock_boottime_ms() < start_ms + PATIENCE_MS) {
        drive_turn(pg);
    }
    assert_in_range(clock_boottime_ms() - start_ms, 1900, 4000);
    pg_free(pg);
    close(fd);
}

static void of_several_hosts_one_that_answers_is_enough(void **state)
{
    char port[16];
    char hosts[300];
    char ports[64];
    int fd = bound_socket(port);
    const char *real_port = getenv("PGPORT") == NULL ? "5432" : getenv("PGPORT");
    struct pg *pg;

    (void)state;
    snprintf(hosts, sizeof hosts, "127.0.0.1,%s", getenv("PGHOST"));
    snprintf(ports, sizeof ports, "%s,%s", port, real_port);
    pg = open_at(hosts, ports);
    must_say(pg, "SELECT 1 AS v", "1");
    assert_non_null(strstr(pg_where(pg), real_port));
    pg_free(pg);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_session_has_our_limits_and_the_users_other_settings),
        cmocka_unit_test(the_user_may_name_the_application),
        cmocka_unit_test(a_connection_string_in_pgdatabase_is_understood_and_not_shown),
        cmocka_unit_test(wrong_settings_are_refused_and_not_retried),
        ONE(a_wrong_password_is_refused),
        TWO(after_the_first_connection_nothing_is_refused_for_good),
        cmocka_unit_test(a_port_nobody_listens_on_is_tried_again_and_again),
        cmocka_unit_test(a_host_that_accepts_and_says_nothing_is_given_up),
        cmocka_unit_test(of_several_hosts_one_that_answers_is_enough),
    };

    need_server();
    return cmocka_run_group_tests_name("pg_connect", tests, make_own_database, drop_own_database);
}
