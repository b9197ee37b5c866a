/* The canonical digest: equal contents agree, however a server orders or spells them; any change
 * shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "format/columns.h"
#include "format/equality.h"
#include "support/scratch_arena.h"

static struct digest digest_answer(const char *answer)
{
    struct record_set set = {0};
    struct digest digest = {{0}};
    struct error err = {0};
    if (!columns_scan(span_from_str(answer), &arena, &set, &err) ||
        !equality_digest(&set, &arena, &digest, &err)) {
        fail_msg("%s: %s", answer, err.message);
    }
    arena_reset(&arena);
    return digest;
}

static void assert_agree(const char *a, const char *b, bool agree)
{
    struct digest left = digest_answer(a);
    struct digest right = digest_answer(b);
    if (digest_equal(&left, &right) != agree) {
        fail_msg("%s\n%s\n%s", a, b, agree ? "should agree" : "should differ");
    }
}

#define TWO_RECORDS                                                                                \
    "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[3,4]],\"documents\":[\"x\",null],"              \
    "\"uris\":[null,\"u\"],\"metadatas\":[{\"k\":1,\"l\":\"\xc3\xa9\"},null]}"

static void order_and_spelling_do_not_matter(void **state)
{
    (void)state;
    assert_agree(TWO_RECORDS, TWO_RECORDS, true);
    assert_agree(
        TWO_RECORDS,
        "{\"metadatas\":[{},{\"l\":\"\\u00e9\",\"k\" : 1}],\"embeddings\":[[3.0,4e0],[1.00,2]],"
        "\"uris\":[\"\\u0075\",null],\"documents\":[null,\"x\"],\"ids\":[\"b\",\"\\u0061\"]}",
        true);
}

static void what_equality_leaves_out_is_left_out(void **state)
{
    (void)state;
#define ONE(metadata) "{\"ids\":[\"a\"],\"metadatas\":[" metadata "]}"
    assert_agree(ONE("null"), ONE("{}"), true);
    assert_agree(ONE("null"), ONE("{\"a\":null}"), true);
    assert_agree(ONE("{\"b\":1}"), ONE("{\"a\":[],\"b\":1}"), true);
    assert_agree(ONE("{\"a\":1,\"a\":2}"), ONE("{\"a\":2}"), true);
    assert_agree(ONE("{\"a\":0.0}"), ONE("{\"a\":-0.0}"), true);
    assert_agree(ONE("{\"a\":100.0}"), ONE("{\"a\":1e2}"), true);
    assert_agree(ONE("{\"a\":0}"), ONE("{\"a\":-0}"), true);
    assert_agree(ONE("{\"a\":{\"x\":1,\"y\":2}}"), ONE("{\"a\":{\"y\":2,\"x\":1}}"), true);
}

static void every_change_of_a_value_shows(void **state)
{
    (void)state;
    static const char *const forms[] = {
        ONE("null"),
        ONE("{\"a\":1}"),
        ONE("{\"a\":1.0}"),
        ONE("{\"a\":1.0000000000000002}"),
        ONE("{\"a\":true}"),
        ONE("{\"a\":false}"),
        ONE("{\"a\":\"1\"}"),
        ONE("{\"a\":\"\"}"),
        ONE("{\"a\":[1]}"),
        ONE("{\"a\":[1.0]}"),
        ONE("{\"a\":[[1]]}"),
        ONE("{\"a\":[1,1]}"),
        ONE("{\"a\":[null]}"),
        ONE("{\"a\":{\"b\":1}}"),
        ONE("{\"a\":\"b\",\"b\":\"\"}"),
        ONE("{\"a\":\"\",\"b\":\"b\"}"),
        ONE("{\"ab\":\"\"}"),
        ONE("{\"a\":9223372036854775807}"),
        ONE("{\"a\":9223372036854775808}"),
        ONE("{\"a\":9223372036854775809}"),
        ONE("{\"a\":-9223372036854775808}"),
        ONE("{\"a\":1e998}"),
        ONE("{\"a\":1e999}"),
        ONE("{\"a\":\"x\\u0000\"}"),
        ONE("{\"a\":\"x\"}"),
        "{\"ids\":[\"b\"]}",
        "{\"ids\":[\"\"]}",
        "{\"ids\":[]}",
        "{\"ids\":[\"a\",\"b\"]}",
        "{\"ids\":[\"a\"],\"documents\":[\"\"]}",
        "{\"ids\":[\"a\"],\"documents\":[\"x\"]}",
        "{\"ids\":[\"a\"],\"documents\":[\"null\"]}",
        "{\"ids\":[\"a\"],\"uris\":[\"\"]}",
        "{\"ids\":[\"a\"],\"uris\":[\"x\"]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[0]]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[-0.0]]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[0,0]]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[1.0000001]]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[null]]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        for (size_t j = 0; j < ARRAY_LEN(forms); j++) {
            assert_agree(forms[i], forms[j], i == j);
        }
    }
}

static void nothing_slips_from_one_field_into_the_next(void **state)
{
    (void)state;
    assert_agree("{\"ids\":[\"a\"],\"documents\":[\"bc\"],\"uris\":[\"d\"]}",
                 "{\"ids\":[\"a\"],\"documents\":[\"b\"],\"uris\":[\"cd\"]}", false);
    assert_agree("{\"ids\":[\"a\",\"b\"],\"documents\":[\"x\",null]}",
                 "{\"ids\":[\"a\",\"b\"],\"documents\":[null,\"x\"]}", false);
    assert_agree("{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1],[2]]}",
                 "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[2],[1]]}", false);
    assert_agree(ONE("{\"a\":\"\",\"b\":1}"), ONE("{\"a\":\"b\\u0000\\u0001\"}"), false);
}

static void the_form_is_the_one_that_ledgers_hold(void **state)
{
    (void)state;
    char hex[65];
    struct digest digest = digest_answer(TWO_RECORDS);
    digest_format(&digest, hex);
    /* a change here makes every stored readback_sha256 look like a difference: raise CANONICAL_FORM */
    assert_string_equal(hex, "6ad8563f0fab160e7b8f4a09638394686c7cd9c5bc270081a39a42efb5b92283");
}

static void without_memory_there_is_no_digest(void **state)
{
    (void)state;
    struct record_set set = {0};
    struct error err = {0};
    struct digest digest = {{7}};
    struct arena small;
    assert_true(columns_scan(span_from_str(TWO_RECORDS), &arena, &set, &err));
    for (size_t max = 1; max < 400; max += 13) {
        struct error failed = {0};
        arena_init(&small, max);
        if (!equality_digest(&set, &small, &digest, &failed)) {
            assert_int_equal(failed.kind, ERROR_LIMIT);
            assert_int_equal(digest.bytes[0], 7); /* untouched */
        } else {
            max = 400;
        }
        arena_deinit(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_spelling_do_not_matter),
        cmocka_unit_test(what_equality_leaves_out_is_left_out),
        cmocka_unit_test(every_change_of_a_value_shows),
        cmocka_unit_test(nothing_slips_from_one_field_into_the_next),
        cmocka_unit_test(the_form_is_the_one_that_ledgers_hold),
        cmocka_unit_test(without_memory_there_is_no_digest),
    };
    return cmocka_run_group_tests_name("equality_digest", tests, arena_set_up, arena_tear_down);
}
