/* A batch's ids out of the ledger's answer: any bytes, none, too many, and what is no hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/ids.h"
#include "support/expect.h"

static struct ids ids;
static struct error err;

static int fresh(void **state)
{
    (void)state;
    memset(&ids, 0, sizeof ids);
    error_clear(&err);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    ids_deinit(&ids);
    return 0;
}

static void ids_come_in_their_order(void **state)
{
    (void)state;
    expect_ok(ids_read(&ids, SPAN_LITERAL("6162,63,c3a9"), &err), &err);
    assert_int_equal(ids.count, 3);
    expect_text(ids.list[0], "ab");
    expect_text(ids.list[1], "c");
    expect_text(ids.list[2], "\xc3\xa9");
}

static void an_id_may_hold_nul_and_a_comma(void **state)
{
    (void)state;
    expect_ok(ids_read(&ids, SPAN_LITERAL("2c002c,00"), &err), &err);
    assert_int_equal(ids.count, 2);
    assert_true(span_equal(ids.list[0], (struct span){(const uint8_t *)",\0,", 3}));
    assert_true(span_equal(ids.list[1], (struct span){(const uint8_t *)"", 1}));
}

static void an_empty_id_is_an_id(void **state)
{
    (void)state;
    expect_ok(ids_read(&ids, SPAN_LITERAL("61,,62,"), &err), &err);
    assert_int_equal(ids.count, 4);
    assert_int_equal(ids.list[1].len, 0);
    expect_text(ids.list[2], "b");
    assert_int_equal(ids.list[3].len, 0);
}

static void read_many(size_t count, size_t id_len, bool fits)
{
    size_t len = count * (2 * id_len + 1) - 1;
    uint8_t *text = malloc(len);
    assert_non_null(text);
    memset(text, '6', len);
    for (size_t i = 1; i < count; i++) {
        text[i * (2 * id_len + 1) - 1] = ',';
    }
    bool ok = ids_read(&ids, (struct span){text, len}, &err);
    free(text);
    if (fits) {
        expect_ok(ok, &err);
        assert_int_equal(ids.count, count);
        assert_int_equal(ids.list[count - 1].len, id_len);
        assert_int_equal(ids.list[count - 1].ptr[id_len - 1], 'f');
    } else {
        expect_error(ok, &err, ERROR_LIMIT, "ids");
    }
    ids_deinit(&ids);
}

static void as_many_as_a_batch_may_hold_and_no_more(void **state)
{
    (void)state;
    read_many(LIMIT_BATCH_RECORDS, 3, true);
    read_many(LIMIT_BATCH_RECORDS, 4096, true);
    read_many(LIMIT_BATCH_RECORDS + 1, 3, false);
}

static void what_is_no_hex_is_refused(void **state)
{
    (void)state;
    expect_error(ids_read(&ids, SPAN_LITERAL("61,6"), &err), &err, ERROR_FORMAT, NULL);
    ids_deinit(&ids);
    expect_error(ids_read(&ids, SPAN_LITERAL("61,xy"), &err), &err, ERROR_FORMAT, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_come_in_their_order, fresh, clean),
        cmocka_unit_test_setup_teardown(an_id_may_hold_nul_and_a_comma, fresh, clean),
        cmocka_unit_test_setup_teardown(an_empty_id_is_an_id, fresh, clean),
        cmocka_unit_test_setup_teardown(as_many_as_a_batch_may_hold_and_no_more, fresh, clean),
        cmocka_unit_test_setup_teardown(what_is_no_hex_is_refused, fresh, clean),
    };
    return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
