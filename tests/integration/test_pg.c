/*
 * The ledger connection against a real server: what statements and scripts answer, and their errors. The server is named
 * by PGHOST, PGPORT …; the user may create databases.
 */
#include "pg_drive.h"

#include <signal.h>

/* ---- answers ---- */

static void look_at_types(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    static const char text[] = "gr\xc3\xbc\xc3\x9f\"e\n";

    assert_int_equal(err->kind, ERROR_NONE);
    assert_int_equal(pg_row_count(rows), 2);
    assert_true(span_equal(pg_text(rows, 0, "t"), span_from_str(text)));
    assert_int_equal(pg_i64(rows, 0, "Big"), INT64_MIN);
    assert_true(pg_bool(rows, 0, "b"));
    assert_false(pg_is_null(rows, 0, "n"));
    assert_string_equal(pg_cstr(rows, 0, "bytes"), "\\x00ff");
    assert_int_equal(pg_i64(rows, 1, "Big"), 0);
    assert_false(pg_bool(rows, 1, "b"));
    assert_true(pg_is_null(rows, 1, "t"));
    assert_string_equal(pg_cstr(rows, 1, "t"), "");
    assert_int_equal(pg_text(rows, 1, "n").len, 0);
    *(bool *)ctx = true;
}

static void parameters_and_columns_keep_their_values(void **state)
{
    struct pg *pg = *state;
    struct error err = {0};
    bool is_done = false;
    const char *params[] = {"gr\xc3\xbc\xc3\x9f\"e\n", "-9223372036854775808", NULL};

    assert_true(pg_submit(pg,
                          "SELECT $1::text AS t, $2::bigint AS \"Big\", true AS b, 'x' AS n, "
                          "'\\x00ff'::bytea AS bytes "
                          "UNION ALL SELECT $3::text, NULL, NULL, NULL, NULL",
                          params, 3, look_at_types, &is_done, &err));
    params[0] = "overwritten"; /* they were copied */
    params[1] = NULL;
    drive(pg, &is_done);
}

static void nothing_is_answered_inside_submit(void **state)
{
    struct pg *pg = *state;
    struct answer first = ask(pg, "SELECT 1 AS v");
    struct answer second;

    submit(pg, "SELECT 2 AS v", &second);
    assert_false(second.is_done);
    assert_int_equal(pg_queue_length(pg), 1);
    assert_int_equal(pg_wants(pg), POLLIN | POLLOUT); /* so that the loop turns at once */
    drive(pg, &second.is_done);
    assert_int_equal(pg_wants(pg), POLLIN); /* and does not turn for nothing */
    assert_string_equal(first.text, "1");
    assert_string_equal(second.text, "2");
    assert_int_equal(pg_queue_length(pg), 0);
    assert_int_equal(second.calls, 1);
}

#define MANY 10000

struct many {
    int answered;
    bool is_done;
};

static void count_in_order(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct many *many = ctx;

    assert_int_equal(err->kind, ERROR_NONE);
    assert_int_equal(pg_i64(rows, 0, "v"), many->answered);
    many->is_done = ++many->answered == MANY;
}

static void ten_thousand_statements_answer_in_order(void **state)
{
    struct pg *pg = *state;
    struct many many = {0};
    struct error err = {0};
    int64_t start_ms = clock_boottime_ms();

    for (int i = 0; i < MANY; i++) {
        char number[16];
        const char *params[] = {number};

        snprintf(number, sizeof number, "%d", i);
        assert_true(pg_submit(pg, "SELECT $1::int AS v", params, 1, count_in_order, &many, &err));
    }
    assert_int_equal(pg_queue_length(pg), MANY);
    drive(pg, &many.is_done);
    print_message("%d statements in %lld ms\n", MANY, (long long)(clock_boottime_ms() - start_ms));
}

static void a_parameter_of_20_megabytes_arrives(void **state)
{
    struct pg *pg = *state;
    size_t size = 20u << 20;
    char *big = malloc(size + 1);
    const char *params[] = {big};
    struct answer answer = {0};
    struct error err = {0};

    assert_non_null(big);
    memset(big, 'x', size);
    big[size] = '\0';
    assert_true(pg_submit(pg, "SELECT length($1) AS v", params, 1, take_answer, &answer, &err));
    free(big);
    drive(pg, &answer.is_done);
    assert_string_equal(answer.text, "20971520");
}

static void bytes_that_the_server_does_not_take_yet_are_wanted_out(void **state)
{
    struct pg *pg = *state;
    struct answer pid = ask(pg, "SELECT pg_backend_pid() AS v");
    struct answer answer = {0};
    struct error err = {0};
    pid_t backend = (pid_t)strtol(pid.text, NULL, 10);
    size_t size = 40u << 20; /* no socket buffer is that large */
    char *big = calloc(1, size + 1);
    const char *params[] = {big};
    short wants;

    assert_non_null(big);
    memset(big, 'x', size);
    assert_true(pg_submit(pg, "SELECT length($1) AS v", params, 1, take_answer, &answer, &err));
    free(big);
    if (kill(backend, SIGSTOP) != 0) {
        drive(pg, &answer.is_done);
        skip();
    }
    drive_for(pg, 300);
    wants = pg_wants(pg);
    kill(backend, SIGCONT);
    drive(pg, &answer.is_done);
    assert_int_equal(wants, POLLIN | POLLOUT);
    assert_string_equal(answer.text, "41943040");
}

static void what_is_more_than_we_carry_is_refused_at_once(void **state)
{
    struct pg *pg = *state;
    size_t size = PG_SUBMISSION_MAX_BYTES;
    char *big = malloc(size + 1);
    const char *params[] = {big};
    struct error err = {0};

    assert_non_null(big);
    memset(big, 'x', size);
    big[size] = '\0';
    assert_false(pg_submit(pg, "SELECT $1", params, 1, take_answer, NULL, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    free(big);
    error_clear(&err);
    assert_false(pg_submit(pg, "SELECT $1", params, 70000, take_answer, NULL, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_int_equal(pg_queue_length(pg), 0);
}

static void a_hundred_thousand_rows_come_as_one_result(void **state)
{
    struct pg *pg = *state;
    struct answer answer =
        ask(pg, "SELECT i AS v, repeat('y', 50) FROM generate_series(1, 100000) i");

    assert_int_equal(answer.err.kind, ERROR_NONE);
    assert_int_equal(answer.row_count, 100000);
}

static void arrays_arrive_element_by_element(void **state)
{
    struct pg *pg = *state;
    struct buf texts;
    struct buf bytes;
    struct answer answer = {0};
    struct error err = {0};

    buf_init(&texts, 4096);
    buf_init(&bytes, 4096);
    pg_array_begin(&texts);
    pg_array_text(&texts, SPAN_LITERAL("a\"b\\c,{d}"));
    pg_array_text(&texts, SPAN_LITERAL(""));
    pg_array_text(&texts, SPAN_LITERAL("null"));
    pg_array_text(&texts, SPAN_LITERAL(" \n\xc3\xa4"));
    pg_array_null(&texts);
    pg_array_end(&texts);
    pg_array_begin(&bytes);
    pg_array_bytea(&bytes, SPAN_LITERAL("\0\xff\\x"));
    pg_array_bytea(&bytes, SPAN_LITERAL(""));
    pg_array_null(&bytes);
    pg_array_end(&bytes);
    const char *params[] = {buf_cstr(&texts), buf_cstr(&bytes)};
    assert_true(pg_submit(pg,
                          "SELECT $1::text[] IS NOT DISTINCT FROM"
                          " ARRAY[E'a\"b\\\\c,{d}', '', 'null', E' \\n\xc3\xa4', NULL]::text[]"
                          " AND $2::bytea[] IS NOT DISTINCT FROM"
                          " ARRAY['\\x00ff5c78', '', NULL]::bytea[] AS v",
                          params, 2, take_answer, &answer, &err));
    drive(pg, &answer.is_done);
    assert_string_equal(answer.err.message, "");
    assert_string_equal(answer.text, "t");
    buf_deinit(&texts);
    buf_deinit(&bytes);
}

static void keep_copy(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    assert_int_equal(err->kind, ERROR_NONE);
    *(struct pg_rows **)ctx = pg_rows_copy(rows);
}

static void a_copy_outlives_the_callback(void **state)
{
    struct pg *pg = *state;
    struct pg_rows *copy = NULL;
    struct error err = {0};

    assert_true(
        pg_submit(pg, "SELECT 7 AS v UNION ALL SELECT NULL", NULL, 0, keep_copy, &copy, &err));
    must(pg, "SELECT 8 AS v");
    assert_non_null(copy);
    assert_int_equal(pg_row_count(copy), 2);
    assert_int_equal(pg_i64(copy, 0, "v"), 7);
    assert_true(pg_is_null(copy, 1, "v"));
    pg_rows_free(copy);
}

struct chain {
    struct pg *pg;
    int left;
    bool is_done;
};

static void submit_the_next(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct chain *chain = ctx;
    struct error failure = {0};

    (void)rows;
    (void)err; /* every other one fails */
    if (chain->left-- == 0) {
        chain->is_done = true;
        return;
    }
    assert_true(pg_submit(chain->pg, chain->left % 2 == 0 ? "SELECT 1" : "SELECT 1/0", NULL, 0,
                          submit_the_next, chain, &failure));
    pg_step(chain->pg, POLLIN); /* a step inside a step does nothing */
}

static void callbacks_may_submit(void **state)
{
    struct chain chain = {*state, 50, false};
    struct error err = {0};

    assert_true(pg_submit(*state, "SELECT 1", NULL, 0, submit_the_next, &chain, &err));
    drive(*state, &chain.is_done);
}

/* ---- errors ---- */

static void an_error_is_one_line_with_its_sqlstate_and_the_next_statement_works(void **state)
{
    struct pg *pg = *state;
    struct answer answer = ask(pg, "SELEC 1");
    char prefix[300];

    assert_int_equal(answer.err.kind, ERROR_REJECTED);
    assert_string_equal(answer.err.sqlstate, "42601");
    snprintf(prefix, sizeof prefix, "PostgreSQL %s: syntax error", pg_where(pg));
    assert_memory_equal(answer.err.message, prefix, strlen(prefix));
    assert_null(strchr(answer.err.message, '\n'));
    assert_int_equal(ask(pg, "SELECT * FROM no_such_table").err.kind, ERROR_NOT_FOUND);
    must_say(pg, "SELECT 1 AS v", "1");
    assert_string_equal(pg_trouble(pg), "");
}

static void the_detail_of_a_constraint_is_not_shown(void **state)
{
    struct pg *pg = *state;
    struct answer answer;

    must(pg, "CREATE TABLE keys (k text PRIMARY KEY)");
    must(pg, "INSERT INTO keys VALUES ('swordfish')");
    answer = ask(pg, "INSERT INTO keys VALUES ('swordfish')");
    assert_int_equal(answer.err.kind, ERROR_CONFLICT);
    assert_string_equal(answer.err.sqlstate, "23505");
    assert_null(strstr(answer.err.message, "swordfish"));
}

static struct answer raise_with(struct pg *pg, const char *using)
{
    char sql[300];

    snprintf(sql, sizeof sql,
             "DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'no job of that name', %s; END $$",
             using);
    return ask(pg, sql);
}

static void what_our_functions_raise_is_the_message(void **state)
{
    struct pg *pg = *state;
    struct answer answer = raise_with(pg, "ERRCODE = 'FE003', DETAIL = 'd'");

    assert_int_equal(answer.err.kind, ERROR_NOT_FOUND);
    assert_string_equal(answer.err.message, "no job of that name");
    assert_string_equal(answer.err.sqlstate, "FE003");
    assert_int_equal(raise_with(pg, "ERRCODE = 'FE001'").err.kind, ERROR_USAGE);
    assert_int_equal(raise_with(pg, "ERRCODE = 'FE002'").err.kind, ERROR_CONFLICT);
    answer = raise_with(pg, "ERRCODE = 'P0001', DETAIL = 'the detail'");
    assert_int_equal(answer.err.kind, ERROR_REJECTED);
    assert_non_null(strstr(answer.err.message, ": no job of that name: the detail"));
}

/* ---- scripts ---- */

static struct answer run_script(struct pg *pg, const char *sql)
{
    struct answer answer = {0};
    struct error err = {0};

    assert_true(pg_submit_script(pg, sql, take_answer, &answer, &err));
    drive(pg, &answer.is_done);
    return answer;
}

static void a_script_answers_once_with_its_last_rows(void **state)
{
    struct answer answer = run_script(*state, "SELECT 1 AS v; SELECT 2 AS w; SELECT 3 AS v;");

    assert_int_equal(answer.calls, 1);
    assert_string_equal(answer.text, "3");
}

static void what_a_script_leaves_open_is_rolled_back(void **state)
{
    struct pg *pg = *state;
    struct answer answer = run_script(pg, "BEGIN; CREATE TABLE half (x int); SELECT 1/0; COMMIT");

    assert_int_equal(answer.err.kind, ERROR_REJECTED);
    assert_string_equal(answer.err.sqlstate, "22012");
    must_say(pg, "SELECT to_regclass('half') IS NULL AS v", "t");
    answer = run_script(pg, "BEGIN; CREATE TABLE half (x int)");
    assert_int_equal(answer.err.kind, ERROR_NONE);
    must_say(pg, "SELECT to_regclass('half') IS NULL AS v", "t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(parameters_and_columns_keep_their_values),
        ONE(nothing_is_answered_inside_submit),
        ONE(ten_thousand_statements_answer_in_order),
        ONE(a_parameter_of_20_megabytes_arrives),
        ONE(bytes_that_the_server_does_not_take_yet_are_wanted_out),
        ONE(what_is_more_than_we_carry_is_refused_at_once),
        ONE(a_hundred_thousand_rows_come_as_one_result),
        ONE(arrays_arrive_element_by_element),
        ONE(a_copy_outlives_the_callback),
        ONE(callbacks_may_submit),
        ONE(an_error_is_one_line_with_its_sqlstate_and_the_next_statement_works),
        ONE(the_detail_of_a_constraint_is_not_shown),
        ONE(what_our_functions_raise_is_the_message),
        ONE(a_script_answers_once_with_its_last_rows),
        ONE(what_a_script_leaves_open_is_rolled_back),
    };

    need_server();
    return cmocka_run_group_tests_name("pg", tests, make_own_database, drop_own_database);
}
