/* The index of a record set by id: finding, order, duplicates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "format/record.h"
#include "support/scratch_arena.h"

#define COUNT 300

static struct record_set make_set(size_t count, char (*ids)[16], struct record *records)
{
    for (size_t i = 0; i < count; i++) {
        record_init(&records[i]);
        /* 7 has no factor in common with 300, so the ids are all different and out of order */
        int len = snprintf(ids[i], sizeof ids[i], "id-%zu", i * 7 % 300);
        records[i].id = (struct span){(const uint8_t *)ids[i], (size_t)len};
    }
    return (struct record_set){records, count};
}

static void an_empty_record_has_nulls_and_nothing_that_is_not_finite(void **state)
{
    (void)state;
    struct record record;
    memset(&record, 0xA5, sizeof record);
    record_init(&record);
    assert_null(record.embedding);
    assert_int_equal(record.dimension, 0);
    assert_true(record.is_finite);
    assert_int_equal(record.document.type, JSON_NULL);
    assert_memory_equal(record.uri.text.ptr, "null", 4);
    assert_int_equal(record.metadata.text.len, 4);
}

static void every_record_is_found_by_its_id(void **state)
{
    (void)state;
    static char ids[COUNT][16];
    static struct record records[COUNT];
    struct record_set set = make_set(COUNT, ids, records);
    const struct record_index *index = record_index_new(&set, &arena);
    assert_non_null(index);
    for (size_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(record_index_find(index, records[i].id), &records[i]);
    }
}

static void an_id_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    static char ids[COUNT][16];
    static struct record records[COUNT];
    struct record_set set = make_set(COUNT, ids, records);
    const struct record_index *index = record_index_new(&set, &arena);
    assert_null(record_index_find(index, SPAN_LITERAL("")));
    assert_null(record_index_find(index, SPAN_LITERAL("id-")));
    assert_null(record_index_find(index, SPAN_LITERAL("id-300")));
    assert_null(record_index_find(index, SPAN_LITERAL("zz")));
}

static void ids_with_nul_and_common_prefixes_are_kept_apart(void **state)
{
    (void)state;
    struct record records[4];
    static const struct span ids[4] = {{(const uint8_t *)"a\0c", 3},
                                       {(const uint8_t *)"a\0b", 3},
                                       {(const uint8_t *)"a", 1},
                                       {(const uint8_t *)"", 0}};
    for (size_t i = 0; i < 4; i++) {
        record_init(&records[i]);
        records[i].id = ids[i];
    }
    struct record_set set = {records, 4};
    const struct record_index *index = record_index_new(&set, &arena);
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(record_index_find(index, ids[i]), &records[i]);
        assert_ptr_equal(record_index_at(index, i), &records[3 - i]);
    }
    assert_null(record_index_at(index, 4));
}

static void an_empty_set_has_an_index_that_finds_nothing(void **state)
{
    (void)state;
    struct error err = {0};
    struct record_set set = {NULL, 0};
    const struct record_index *index = record_index_new(&set, &arena);
    assert_non_null(index);
    assert_null(record_index_find(index, SPAN_LITERAL("a")));
    assert_null(record_index_at(index, 0));
    assert_true(record_set_check_unique(&set, &arena, &err));
}

static void an_id_that_comes_twice_is_named(void **state)
{
    (void)state;
    static char ids[COUNT][16];
    static struct record records[COUNT];
    struct error err = {0};
    struct record_set set = make_set(COUNT, ids, records);
    assert_true(record_set_check_unique(&set, &arena, &err));
    records[0].id = SPAN_LITERAL("id-\n77");
    records[299].id = SPAN_LITERAL("id-\n77");
    assert_false(record_set_check_unique(&set, &arena, &err));
    assert_int_equal(err.kind, ERROR_FORMAT);
    assert_non_null(strstr(err.message, "id-\\x0a77"));
}

static void without_memory_there_is_no_index(void **state)
{
    (void)state;
    struct arena small;
    struct error err = {0};
    struct record records[2];
    record_init(&records[0]);
    record_init(&records[1]);
    struct record_set set = {records, 2};
    arena_init(&small, 8);
    assert_null(record_index_new(&set, &small));
    assert_false(record_set_check_unique(&set, &small, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    arena_deinit(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_record_has_nulls_and_nothing_that_is_not_finite),
        cmocka_unit_test(every_record_is_found_by_its_id),
        cmocka_unit_test(an_id_that_is_not_there_is_not_found),
        cmocka_unit_test(ids_with_nul_and_common_prefixes_are_kept_apart),
        cmocka_unit_test(an_empty_set_has_an_index_that_finds_nothing),
        cmocka_unit_test(an_id_that_comes_twice_is_named),
        cmocka_unit_test(without_memory_there_is_no_index),
    };
    return cmocka_run_group_tests_name("record", tests, arena_set_up, arena_tear_down);
}
