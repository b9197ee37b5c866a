/*
 * The transition tables of common/store/states.c and of the ledger's schema are one: every pair of names, and of what is
 * no name, by the functions and by the triggers. The server is named by PGHOST, PGPORT …
 */
#include "pg_drive.h"

#include "store/migrate.h"
#include "store/states.h"

static void on_migrated(void *ctx, int applied, const struct error *err)
{
    (void)applied;
    assert_string_equal(err->message, "");
    *(bool *)ctx = true;
}

static int make_ledger(void **state)
{
    struct pg *pg;
    struct error err = {0};
    bool is_done = false;

    make_own_database(state);
    pg = open_pg();
    assert_true(migrate_run(pg, on_migrated, &is_done, &err));
    drive(pg, &is_done);
    pg_free(pg);
    return 0;
}

/* "from>to " for every pair that is allowed, in the order of the enums. */
static void list_of_ours(struct buf *list, bool is_job)
{
    int count = is_job ? (int)JOB_STATE_COUNT : (int)BATCH_STATE_COUNT;

    for (int from = 0; from < count; from++) {
        for (int to = 0; to < count; to++) {
            if (is_job ? job_transition_is_valid((enum job_state)from, (enum job_state)to)
                       : batch_transition_is_valid((enum batch_state)from, (enum batch_state)to)) {
                buf_printf(list, "%s>%s ",
                           is_job ? job_state_name((enum job_state)from)
                                  : batch_state_name((enum batch_state)from),
                           is_job ? job_state_name((enum job_state)to)
                                  : batch_state_name((enum batch_state)to));
            }
        }
    }
}

/* Their names as a row of SQL values with their place: ('pending', 0), … */
static void names_of_ours(struct buf *list, bool is_job)
{
    int count = is_job ? (int)JOB_STATE_COUNT : (int)BATCH_STATE_COUNT;

    for (int i = 0; i < count; i++) {
        buf_printf(
            list, "%s('%s', %d)", i == 0 ? "" : ", ",
            is_job ? job_state_name((enum job_state)i) : batch_state_name((enum batch_state)i), i);
    }
}

struct all_text { /* column "v" of one row, whole */
    bool is_done;
    struct buf text;
};

static void take_all_text(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct all_text *all = ctx;

    assert_string_equal(err->message, "");
    assert_int_equal(pg_row_count(rows), 1);
    buf_append_span(&all->text, pg_text(rows, 0, "v"));
    all->is_done = true;
}

/* `allowed`: an SQL condition about a.name and b.name. */
static void compare(struct pg *pg, bool is_job, const char *allowed)
{
    struct buf ours, sql;
    struct all_text theirs = {0};
    struct error err = {0};

    buf_init(&ours, 65536);
    buf_init(&sql, 65536);
    buf_init(&theirs.text, 65536);
    list_of_ours(&ours, is_job);
    buf_append_str(&sql, "WITH names (name, place) AS (VALUES ");
    names_of_ours(&sql, is_job);
    buf_printf(&sql,
               ") SELECT string_agg(a.name || '>' || b.name || ' ', '' ORDER BY a.place, b.place)"
               " AS v FROM names a, names b WHERE %s",
               allowed);
    assert_true(pg_submit(pg, buf_cstr(&sql), NULL, 0, take_all_text, &theirs, &err));
    drive(pg, &theirs.is_done);
    assert_string_equal(buf_cstr(&theirs.text), buf_cstr(&ours));
    buf_deinit(&ours);
    buf_deinit(&sql);
    buf_deinit(&theirs.text);
}

static void both_allow_a_job_the_same_transitions(void **state)
{
    compare(*state, true, "ferry.job_transition_is_valid(a.name, b.name)");
}

static void both_allow_a_batch_the_same_transitions(void **state)
{
    compare(*state, false, "ferry.batch_transition_is_valid(a.name, b.name)");
}

/* Tries each on a row, as the programs' statements would, and takes it back. */
static const char trying[] = "CREATE FUNCTION pg_temp.%s_goes(p_from text, p_to text) RETURNS "
                             "boolean LANGUAGE plpgsql AS $$\n"
                             "BEGIN\n"
                             "SET LOCAL session_replication_role = replica;\n"
                             "UPDATE ferry.%s SET state = p_from;\n"
                             "SET LOCAL session_replication_role = origin;\n"
                             "UPDATE ferry.%s SET state = p_to;\n"
                             "RAISE EXCEPTION USING ERRCODE = 'ZZ001';\n"
                             "EXCEPTION WHEN SQLSTATE 'ZZ001' THEN RETURN true;\n"
                             "WHEN check_violation THEN RETURN false;\n"
                             "END $$";

static void try_on_rows(struct pg *pg, const char *table, bool is_job)
{
    char sql[1024];

    snprintf(sql, sizeof sql, trying, table, table, table);
    must(pg, sql);
    snprintf(sql, sizeof sql, "pg_temp.%s_goes(a.name, b.name)", table);
    compare(pg, is_job, sql);
}

static void the_trigger_lets_a_job_go_where_our_table_says(void **state)
{
    must(*state, "INSERT INTO ferry.jobs (name) VALUES ('one')");
    try_on_rows(*state, "jobs", true);
}

static void the_trigger_lets_a_batch_go_where_our_table_says(void **state)
{
    /* Counts that every state may have, so that only the trigger speaks. */
    must(*state,
         "INSERT INTO ferry.batches (job_id, batch_no, collection_no, n_records, n_rejected)"
         " SELECT job_id, 1, 1, 1, 1 FROM ferry.jobs");
    try_on_rows(*state, "batches", false);
}

static void both_know_the_same_names(void **state)
{
    static const char names[] =
        "SELECT count(*)::text AS v FROM pg_constraint c CROSS JOIN LATERAL"
        " regexp_matches(pg_get_constraintdef(c.oid), '''(\\w+)''', 'g') m"
        " WHERE c.conrelid = 'ferry.%s'::regclass AND c.conname = '%s_state_check'";
    char sql[512];
    char expected[8];

    snprintf(sql, sizeof sql, names, "jobs", "jobs");
    snprintf(expected, sizeof expected, "%d", (int)JOB_STATE_COUNT);
    must_say(*state, sql, expected);
    snprintf(sql, sizeof sql, names, "batches", "batches");
    snprintf(expected, sizeof expected, "%d", (int)BATCH_STATE_COUNT);
    must_say(*state, sql, expected);
}

static void what_is_no_state_goes_nowhere(void **state)
{
    must_say(*state,
             "SELECT (ferry.batch_transition_is_valid('planned', 'running')"
             " OR ferry.batch_transition_is_valid('', 'planned')"
             " OR ferry.batch_transition_is_valid('running', 'running')"
             " OR ferry.job_transition_is_valid('running', 'verified'))::text AS v",
             "false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(both_allow_a_job_the_same_transitions),
        ONE(both_allow_a_batch_the_same_transitions),
        ONE(the_trigger_lets_a_job_go_where_our_table_says),
        ONE(the_trigger_lets_a_batch_go_where_our_table_says),
        ONE(both_know_the_same_names),
        ONE(what_is_no_state_goes_nowhere),
    };

    need_server();
    return cmocka_run_group_tests_name("states", tests, make_ledger, drop_own_database);
}
