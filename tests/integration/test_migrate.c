/*
 * Migrations against a real server: from nothing to the newest, the refusals, and several programs at once. The server is
 * named by PGHOST, PGPORT …; the user may create databases.
 */
#include "pg_drive.h"

#include <sys/wait.h>

#include "store/migrate_internal.h"

#define TABLE(name) "CREATE TABLE ferry." name " (id bigint PRIMARY KEY);\n"
#define ONE_ROW                                                                                    \
    "INSERT INTO ferry.first (id) SELECT count(*) FROM ferry.first; -- no newline at the end"

static const struct migration three[] = {
    {1, "0001_first", "aa01", TABLE("first")},
    {2, "0002_second", "aa02", TABLE("second") ONE_ROW},
    {3, "0003_third", "aa03", ONE_ROW},
    {0, NULL, NULL, NULL},
};
static const struct migration two[] = {
    {1, "0001_first", "aa01", TABLE("first")},
    {2, "0002_second", "aa02", TABLE("second") ONE_ROW},
    {0, NULL, NULL, NULL},
};

struct outcome {
    bool is_done;
    int applied;
    struct error err;
};

static void take_outcome(void *ctx, int applied, const struct error *err)
{
    struct outcome *outcome = ctx;

    assert_false(outcome->is_done);
    outcome->is_done = true;
    outcome->applied = applied;
    outcome->err = *err;
}

static struct outcome run(struct pg *pg, const struct migration *list)
{
    struct outcome outcome = {0};
    struct error err = {0};

    assert_true(migrate_run_list(pg, list, take_outcome, &outcome, &err));
    drive(pg, &outcome.is_done);
    return outcome;
}

static struct outcome check(struct pg *pg, const struct migration *list)
{
    struct outcome outcome = {0};
    struct error err = {0};

    assert_true(migrate_check_list(pg, list, take_outcome, &outcome, &err));
    drive(pg, &outcome.is_done);
    return outcome;
}

static void must_run(struct pg *pg, const struct migration *list, int applied)
{
    struct outcome outcome = run(pg, list);

    assert_string_equal(outcome.err.message, "");
    assert_int_equal(outcome.err.kind, ERROR_NONE);
    assert_int_equal(outcome.applied, applied);
}

static int open_empty(void **state)
{
    *state = open_pg();
    must(*state, "DROP SCHEMA IF EXISTS ferry CASCADE");
    return 0;
}

static void an_empty_database_has_no_ledger_and_checking_makes_none(void **state)
{
    struct pg *pg = *state;
    struct outcome outcome = check(pg, three);
    char expected[300];

    assert_int_equal(outcome.err.kind, ERROR_NOT_FOUND);
    snprintf(expected, sizeof expected, "no ledger in %s: run `ferry-producer setup`",
             pg_where(pg));
    assert_string_equal(outcome.err.message, expected);
    must_say(pg, "SELECT to_regnamespace('ferry') IS NULL AS v", "t");
}

static void all_are_applied_in_order_and_recorded(void **state)
{
    struct pg *pg = *state;

    pg_set_answer_limit(pg, 12345);
    must_run(pg, three, 3);
    assert_int_equal(pg_answer_limit(pg), 12345);
    assert_int_equal(check(pg, three).err.kind, ERROR_NONE);
    must_say(pg,
             "SELECT string_agg(version || name || sha256, ' ' ORDER BY version) AS v"
             " FROM ferry.schema_migrations WHERE applied_at > now() - interval '1 min'",
             "10001_firstaa01 20002_secondaa02 30003_thirdaa03");
    must_say(pg, "SELECT string_agg(id::text, ',' ORDER BY id) AS v FROM ferry.first", "0,1");
    must_run(pg, three, 0);
    must_say(pg,
             "SELECT current_setting('lock_timeout') || current_setting('statement_timeout') AS v",
             "5s15s");
}

static void a_newer_program_brings_an_older_ledger_up(void **state)
{
    struct pg *pg = *state;
    struct outcome outcome;

    must_run(pg, two, 2);
    outcome = check(pg, three);
    assert_int_equal(outcome.err.kind, ERROR_USAGE);
    assert_non_null(strstr(outcome.err.message,
                           "is version 2, this program needs 3: run `ferry-producer setup`"));
    must_run(pg, three, 1);
    assert_int_equal(check(pg, three).err.kind, ERROR_NONE);
}

static void an_older_program_refuses_a_newer_ledger(void **state)
{
    struct pg *pg = *state;
    struct outcome outcomes[2];

    must_run(pg, three, 3);
    outcomes[0] = run(pg, two);
    outcomes[1] = check(pg, two);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(outcomes[i].err.kind, ERROR_USAGE);
        assert_non_null(strstr(outcomes[i].err.message,
                               "is version 3, this program knows 2: use the newer program"));
    }
}

static void a_migration_that_was_changed_is_refused_by_name(void **state)
{
    struct pg *pg = *state;
    struct migration changed[] = {three[0], three[1], three[2], three[3]};
    struct outcome outcome;

    must_run(pg, two, 2);
    changed[0].sha256 = "aa99";
    outcome = run(pg, changed);
    assert_int_equal(outcome.err.kind, ERROR_USAGE);
    assert_non_null(strstr(outcome.err.message, "0001_first.sql"));
    assert_int_equal(outcome.applied, 0);
    assert_int_equal(check(pg, changed).err.kind, ERROR_USAGE);
    must_say(pg, "SELECT max(version)::text AS v FROM ferry.schema_migrations", "2");
}

static void a_migration_that_fails_is_rolled_back_and_named(void **state)
{
    struct pg *pg = *state;
    struct migration broken[] = {three[0], three[1], three[2], three[3]};
    struct outcome outcome;

    broken[1].sql = TABLE("second") "SELECT 1/0;" TABLE("never");
    outcome = run(pg, broken);
    assert_int_equal(outcome.err.kind, ERROR_REJECTED);
    assert_ptr_equal(strstr(outcome.err.message, "migration 0002_second.sql: PostgreSQL "),
                     outcome.err.message);
    assert_non_null(strstr(outcome.err.message, "division by zero"));
    assert_int_equal(outcome.applied, 1);
    must_say(pg, "SELECT to_regclass('ferry.second') IS NULL AS v", "t");
    broken[1].sql = TABLE("second") "SELECT 'unfinished;\n";
    assert_int_equal(run(pg, broken).err.kind, ERROR_REJECTED);
    must_say(pg, "SELECT to_regclass('ferry.second') IS NULL AS v", "t");
    must_run(pg, three, 2);
}

/* Drives `pg` until it is in a pg_sleep(); `second` looks. */
static void drive_into_sleep(struct pg *pg, struct pg *second, const char *pid)
{
    int64_t end_ms = clock_boottime_ms() + PATIENCE_MS;
    struct answer sleeping = {0};
    char sql[160];

    snprintf(sql, sizeof sql,
             "SELECT 1 AS v FROM pg_stat_activity WHERE pid = %.10s AND wait_event = 'PgSleep'",
             pid);
    while (sleeping.row_count == 0) {
        assert_true(clock_boottime_ms() < end_ms);
        drive_for(pg, 20);
        sleeping = ask(second, sql);
        assert_string_equal(sleeping.err.message, "");
    }
}

static void a_lost_connection_leaves_nothing_half_done(void **state)
{
    struct pg *pg = *state;
    struct pg *second = open_pg();
    struct migration slow[] = {three[0], three[1], three[3]};
    struct answer pid = ask(pg, "SELECT pg_backend_pid() AS v");
    struct outcome outcome = {0};
    struct error err = {0};
    char sql[100];

    must(second, "SELECT 1 AS v");
    slow[1].sql = TABLE("second") "SELECT pg_sleep(10);";
    assert_true(migrate_run_list(pg, slow, take_outcome, &outcome, &err));
    drive_into_sleep(pg, second, pid.text);
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%.10s, 5000) AS v", pid.text);
    must_say(second, sql, "t");
    pg_free(second);
    drive(pg, &outcome.is_done);
    assert_int_equal(outcome.err.kind, ERROR_UNAVAILABLE);
    assert_int_equal(outcome.applied, 1);
    must_say(pg, "SELECT to_regclass('ferry.second') IS NULL AS v", "t");
    must_run(pg, three, 2);
}

/* In a process of its own; exits with the number applied, or 100 and the reason on stderr. */
static pid_t start_setup(const struct migration *list, const int gate[2])
{
    pid_t child = fork();

    if (child == 0) {
        struct outcome outcome = {0};
        struct error err = {0};
        struct pg *pg = pg_new("ferry-test-child", (uint64_t)getpid(), &err);
        char byte;

        close(gate[1]);
        if (pg == NULL) {
            _exit(101);
        }
        while (!pg_is_connected(pg)) {
            drive_turn(pg);
        }
        if (read(gate[0], &byte, 1) != 0 || /* until the last copy of the other end is closed */
            !migrate_run_list(pg, list, take_outcome, &outcome, &err) ||
            !drive_within(pg, &outcome.is_done, 3 * PATIENCE_MS)) {
            _exit(102);
        }
        if (outcome.err.kind != ERROR_NONE) {
            fprintf(stderr, "%s\n", outcome.err.message);
        }
        pg_free(pg);
        _exit(outcome.err.kind == ERROR_NONE ? outcome.applied : 100);
    }
    return child;
}

/* The sum of what `count` programs applied that began at the same time. */
static int race(const struct migration *list, int count)
{
    int gate[2];
    pid_t children[8];
    int sum = 0;

    assert_true(count <= 8);
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < count; i++) {
        children[i] = start_setup(list, gate);
        assert_true(children[i] > 0);
    }
    close(gate[0]);
    usleep(150000); /* for all to be connected */
    close(gate[1]);
    for (int i = 0; i < count; i++) {
        int status = -1;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_in_range(WEXITSTATUS(status), 0, 3);
        sum += WEXITSTATUS(status);
    }
    return sum;
}

static void several_setups_at_once_all_end_well(void **state)
{
    for (int round = 0; round < 15; round++) {
        must(*state, "DROP SCHEMA IF EXISTS ferry CASCADE");
        assert_int_equal(race(three, round % 2 == 0 ? 2 : 5), 3);
        assert_int_equal(check(*state, three).err.kind, ERROR_NONE);
        must_say(*state, "SELECT string_agg(id::text, ',' ORDER BY id) AS v FROM ferry.first",
                 "0,1");
    }
}

static void a_setup_waits_for_a_slow_one_longer_than_its_lock_timeout(void **state)
{
    struct migration slow[] = {three[0], three[1], three[3]};

    slow[1].sql = TABLE("second") "SELECT pg_sleep(6.5);";
    (void)state;
    setenv("PGOPTIONS", "-c default_transaction_isolation=serializable", 1);
    assert_int_equal(race(slow, 2), 2);
    unsetenv("PGOPTIONS");
}

static void a_role_without_privileges_is_told_so(void **state)
{
    struct pg *pg = *state;
    struct outcome outcome;

    must(pg, "DO $$ BEGIN IF to_regrole('ferry_test_poor') IS NULL THEN"
             " CREATE ROLE ferry_test_poor; END IF; END $$");
    must(pg, "SET ROLE ferry_test_poor");
    outcome = run(pg, three);
    assert_int_equal(outcome.err.kind, ERROR_AUTH);
    must(pg, "RESET ROLE");
    must(pg, "CREATE SCHEMA ferry AUTHORIZATION ferry_test_poor"); /* prepared by the owner */
    must(pg, "SET ROLE ferry_test_poor");
    must_run(pg, three, 3);
    must(pg, "RESET ROLE");
    must(pg, "DROP OWNED BY ferry_test_poor");
    must(pg, "DROP ROLE ferry_test_poor");
}

static void freeing_the_connection_ends_a_run(void **state)
{
    struct pg *pg = open_pg();
    struct outcome outcome = {0};
    struct error err = {0};

    (void)state;
    assert_true(migrate_run_list(pg, three, take_outcome, &outcome, &err));
    pg_free(pg);
    assert_true(outcome.is_done);
    assert_int_equal(outcome.err.kind, ERROR_CANCELLED);
}

static void the_migrations_of_this_program_apply(void **state)
{
    struct pg *pg = *state;
    struct outcome outcome = {0};
    struct error err = {0};

    assert_true(migration_newest > 0);
    assert_true(migrate_run(pg, take_outcome, &outcome, &err));
    drive(pg, &outcome.is_done);
    assert_string_equal(outcome.err.message, "");
    assert_int_equal(outcome.applied, migration_newest);
    memset(&outcome, 0, sizeof outcome);
    assert_true(migrate_check(pg, take_outcome, &outcome, &err));
    drive(pg, &outcome.is_done);
    assert_string_equal(outcome.err.message, "");
}

#define EMPTY(name) cmocka_unit_test_setup_teardown(name, open_empty, close_state)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMPTY(an_empty_database_has_no_ledger_and_checking_makes_none),
        EMPTY(all_are_applied_in_order_and_recorded),
        EMPTY(a_newer_program_brings_an_older_ledger_up),
        EMPTY(an_older_program_refuses_a_newer_ledger),
        EMPTY(a_migration_that_was_changed_is_refused_by_name),
        EMPTY(a_migration_that_fails_is_rolled_back_and_named),
        EMPTY(a_lost_connection_leaves_nothing_half_done),
        EMPTY(several_setups_at_once_all_end_well),
        EMPTY(a_setup_waits_for_a_slow_one_longer_than_its_lock_timeout),
        EMPTY(a_role_without_privileges_is_told_so),
        EMPTY(freeing_the_connection_ends_a_run),
        EMPTY(the_migrations_of_this_program_apply),
    };

    need_server();
    return cmocka_run_group_tests_name("migrate", tests, make_own_database, drop_own_database);
}
