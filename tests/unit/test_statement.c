/* Parameters of a ledger statement as text: NULLs, arrays out of structs, and texts that are no UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/statement.h"
#include "support/expect.h"

static struct statement st;

static int fresh(void **state)
{
    (void)state;
    statement_begin(&st, "SELECT 1");
    return 0;
}

static int clean(void **state)
{
    (void)state;
    buf_deinit(&st.text);
    return 0;
}

static void expect_param(size_t index, const char *want)
{
    assert_true(index < st.count);
    if (want == NULL) {
        assert_true(st.starts[index] == SIZE_MAX);
    } else {
        assert_string_equal((const char *)st.text.ptr + st.starts[index], want);
    }
}

static void single_values_come_in_their_order(void **state)
{
    struct uuid none = {{0}};
    (void)state;
    statement_text(&st, "a 'text' with \"quotes\" and \\");
    statement_text(&st, NULL);
    statement_text(&st, "");
    statement_i64(&st, INT64_MIN);
    statement_interval_ms(&st, 60000);
    statement_uuid(&st, &none);
    statement_span(&st, SPAN_LITERAL("{}"));
    assert_int_equal(st.count, 7);
    expect_param(0, "a 'text' with \"quotes\" and \\");
    expect_param(1, NULL);
    expect_param(2, "");
    expect_param(3, "-9223372036854775808");
    expect_param(4, "60000 milliseconds");
    expect_param(5, NULL);
    expect_param(6, "{}");
}

static void text_that_was_cut_inside_a_character_is_mended(void **state)
{
    (void)state;
    statement_text(&st, "100 \xe2\x82\xac"); /* whole */
    statement_text(&st, "100 \xe2\x82");
    statement_text(&st, "\xff\xfe line\nbreak \xed\xa0\x80");
    expect_param(0, "100 \xe2\x82\xac");
    expect_param(1, "100 \xef\xbf\xbd\xef\xbf\xbd");
    expect_param(2, "\xef\xbf\xbd\xef\xbf\xbd line\nbreak \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void columns_of_structs_become_arrays(void **state)
{
    static const struct {
        int64_t number;
        const char *text;
        bool flag;
    } rows[] = {{1, "a", true}, {-2, NULL, false}, {3, "q\"\\", true}};
    (void)state;
    statement_i64s(&st, &rows[0].number, sizeof rows[0], 3);
    statement_texts(&st, &rows[0].text, sizeof rows[0], 3);
    statement_bools(&st, &rows[0].flag, sizeof rows[0], 3);
    statement_i64s(&st, &rows[0].number, sizeof rows[0], 0);
    expect_param(0, "{1,-2,3}");
    expect_param(1, "{\"a\",NULL,\"q\\\"\\\\\"}");
    expect_param(2, "{\"t\",\"f\",\"t\"}");
    expect_param(3, "{}");
}

static void ids_travel_as_hex_and_messages_as_printable_text(void **state)
{
    static const struct span spans[] = {{(const uint8_t *)"a\0b", 3}, {(const uint8_t *)"\xff", 1}};
    (void)state;
    statement_spans_bytea(&st, spans, sizeof spans[0], 2);
    statement_spans_text(&st, spans, sizeof spans[0], 2);
    expect_param(0, "{\"\\\\x610062\",\"\\\\xff\"}");
    expect_param(1, "{\"a\\\\x00b\",\"\\\\xff\"}");
}

static void more_parameters_than_there_is_room_for_fail_at_submitting(void **state)
{
    struct error err = {0};
    (void)state;
    for (int i = 0; i <= STATEMENT_PARAMS; i++) {
        statement_text(&st, "x");
    }
    assert_int_equal(st.count, STATEMENT_PARAMS);
    expect_error(statement_submit(&st, NULL, NULL, NULL, &err), &err, ERROR_LIMIT, "statement");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(single_values_come_in_their_order, fresh, clean),
        cmocka_unit_test_setup_teardown(text_that_was_cut_inside_a_character_is_mended, fresh,
                                        clean),
        cmocka_unit_test_setup_teardown(columns_of_structs_become_arrays, fresh, clean),
        cmocka_unit_test_setup_teardown(ids_travel_as_hex_and_messages_as_printable_text, fresh,
                                        clean),
        cmocka_unit_test_setup_teardown(more_parameters_than_there_is_room_for_fail_at_submitting,
                                        fresh, clean),
    };
    return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
