/* What of the ledger connection needs no server: SQLSTATE to kind, and array literals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "store/pg.h"

#define KIND(sqlstate, kind)                                                                       \
    do {                                                                                           \
        if (pg_classify(sqlstate) != (kind)) {                                                     \
            fail_msg("%s is %s", sqlstate, error_kind_name(pg_classify(sqlstate)));                \
        }                                                                                          \
    } while (0)

static void what_passes_by_itself_is_unavailable(void **state)
{
    (void)state;
    KIND("40001", ERROR_UNAVAILABLE);
    KIND("40P01", ERROR_UNAVAILABLE);
    KIND("55P03", ERROR_UNAVAILABLE);
    KIND("57014", ERROR_UNAVAILABLE);
    KIND("08000", ERROR_UNAVAILABLE);
    KIND("08006", ERROR_UNAVAILABLE);
    KIND("57P01", ERROR_UNAVAILABLE);
    KIND("57P02", ERROR_UNAVAILABLE);
    KIND("57P03", ERROR_UNAVAILABLE);
    KIND("57P05", ERROR_UNAVAILABLE);
    KIND("53100", ERROR_UNAVAILABLE);
    KIND("53200", ERROR_UNAVAILABLE);
    KIND("53300", ERROR_UNAVAILABLE);
    KIND("58030", ERROR_UNAVAILABLE);
    KIND("25006", ERROR_UNAVAILABLE);
}

static void no_sqlstate_at_all_is_unavailable(void **state)
{
    (void)state;
    assert_int_equal(pg_classify(NULL), ERROR_UNAVAILABLE);
    assert_int_equal(pg_classify(""), ERROR_UNAVAILABLE);
}

static void the_other_kinds_are_told_apart(void **state)
{
    (void)state;
    KIND("28P01", ERROR_AUTH);
    KIND("28000", ERROR_AUTH);
    KIND("42501", ERROR_AUTH);
    KIND("42P01", ERROR_NOT_FOUND);
    KIND("3F000", ERROR_NOT_FOUND);
    KIND("3D000", ERROR_NOT_FOUND);
    KIND("42883", ERROR_NOT_FOUND);
    KIND("23505", ERROR_CONFLICT);
    KIND("23514", ERROR_CONFLICT);
    KIND("23503", ERROR_CONFLICT);
}

static void neighbours_of_the_listed_codes_are_rejected(void **state)
{
    (void)state;
    KIND("40002", ERROR_REJECTED);
    KIND("55000", ERROR_REJECTED);
    KIND("57000", ERROR_REJECTED);
    KIND("58P01", ERROR_REJECTED);
    KIND("25P02", ERROR_REJECTED);
    KIND("42601", ERROR_REJECTED);
    KIND("22P02", ERROR_REJECTED);
    KIND("42703", ERROR_REJECTED);
    KIND("3B001", ERROR_REJECTED);
    KIND("P0001", ERROR_REJECTED);
    KIND("XX000", ERROR_REJECTED);
}

static void our_own_functions_choose_the_kind(void **state)
{
    (void)state;
    KIND("FE001", ERROR_USAGE);
    KIND("FE002", ERROR_CONFLICT);
    KIND("FE003", ERROR_NOT_FOUND);
    KIND("FE004", ERROR_REJECTED);
    KIND("FE005", ERROR_UNAVAILABLE);
    KIND("FE999", ERROR_REJECTED);
}

static int set_up(void **state)
{
    static struct buf buf;

    buf_init(&buf, 4096);
    *state = &buf;
    return 0;
}

static int tear_down(void **state)
{
    buf_deinit(*state);
    return 0;
}

static void an_empty_array_is_two_braces(void **state)
{
    struct buf *buf = *state;

    pg_array_begin(buf);
    pg_array_end(buf);
    assert_string_equal(buf_cstr(buf), "{}");
}

static void numbers_are_separated_by_commas(void **state)
{
    struct buf *buf = *state;

    pg_array_begin(buf);
    pg_array_i64(buf, 0);
    pg_array_i64(buf, INT64_MIN);
    pg_array_null(buf);
    pg_array_i64(buf, INT64_MAX);
    pg_array_end(buf);
    assert_string_equal(buf_cstr(buf), "{0,-9223372036854775808,NULL,9223372036854775807}");
}

static void text_is_quoted_and_escaped(void **state)
{
    struct buf *buf = *state;

    pg_array_begin(buf);
    pg_array_text(buf, SPAN_LITERAL(""));
    pg_array_text(buf, SPAN_LITERAL("NULL"));
    pg_array_text(buf, SPAN_LITERAL("{"));
    pg_array_text(buf, SPAN_LITERAL("a,b} c"));
    pg_array_text(buf, SPAN_LITERAL("\\\"\\x\""));
    pg_array_text(buf, (struct span){NULL, 0});
    pg_array_end(buf);
    assert_string_equal(buf_cstr(buf),
                        "{\"\",\"NULL\",\"{\",\"a,b} c\",\"\\\\\\\"\\\\x\\\"\",\"\"}");
}

static void bytes_are_hex_behind_two_backslashes(void **state)
{
    struct buf *buf = *state;

    pg_array_begin(buf);
    pg_array_bytea(buf, (struct span){NULL, 0});
    pg_array_bytea(buf, SPAN_LITERAL("\0\xff\""));
    pg_array_null(buf);
    pg_array_end(buf);
    assert_string_equal(buf_cstr(buf), "{\"\\\\x\",\"\\\\x00ff22\",NULL}");
}

static void an_array_may_follow_other_text(void **state)
{
    struct buf *buf = *state;

    buf_append_str(buf, "x");
    pg_array_begin(buf);
    pg_array_i64(buf, 1);
    pg_array_end(buf);
    assert_string_equal(buf_cstr(buf), "x{1}");
}

static void a_full_buffer_fails_once_and_stays_failed(void **state)
{
    struct buf *buf = *state;
    struct error err = {0};
    uint8_t bytes[3000] = {0};

    pg_array_begin(buf);
    pg_array_bytea(buf, (struct span){bytes, sizeof bytes});
    pg_array_text(buf, SPAN_LITERAL("a"));
    pg_array_end(buf);
    assert_false(buf_check(buf, "array", &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
}

static void libpq_says_its_version(void **state)
{
    (void)state;
    assert_true(strchr(pg_library_version(), '.') != NULL);
}

#define ARRAY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct error with_state(const char *sqlstate)
{
    struct error err = {.kind = pg_classify(sqlstate)};

    snprintf(err.sqlstate, sizeof err.sqlstate, "%s", sqlstate);
    return err;
}

static void an_outage_is_the_servers_and_no_statements(void **state)
{
    static const char *const outages[] = {"",      "08006", "57P01", "57P03", "53100",
                                          "53200", "53300", "58030", "25006"};
    static const char *const others[] = {"57014", "55P03", "40001", "40P01", "FE005",
                                         "FE002", "42501", "23505", "22023"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outages); i++) {
        struct error err = with_state(outages[i]);
        assert_true(pg_is_outage(&err));
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct error err = with_state(others[i]);
        assert_false(pg_is_outage(&err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_by_itself_is_unavailable),
        cmocka_unit_test(no_sqlstate_at_all_is_unavailable),
        cmocka_unit_test(the_other_kinds_are_told_apart),
        cmocka_unit_test(neighbours_of_the_listed_codes_are_rejected),
        cmocka_unit_test(our_own_functions_choose_the_kind),
        cmocka_unit_test(an_outage_is_the_servers_and_no_statements),
        ARRAY_TEST(an_empty_array_is_two_braces),
        ARRAY_TEST(numbers_are_separated_by_commas),
        ARRAY_TEST(text_is_quoted_and_escaped),
        ARRAY_TEST(bytes_are_hex_behind_two_backslashes),
        ARRAY_TEST(an_array_may_follow_other_text),
        ARRAY_TEST(a_full_buffer_fails_once_and_stays_failed),
        cmocka_unit_test(libpq_says_its_version),
    };

    return cmocka_run_group_tests_name("pg_pure", tests, NULL, NULL);
}
