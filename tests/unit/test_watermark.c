/* Which offset may be stored: the contiguous prefix of one generation, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/watermark.h"
#include "support/expect.h"

#define NONE (-1)

static int set_up(void **state)
{
    struct watermark *watermark = watermark_new();

    assert_non_null(watermark);
    watermark_assign(watermark, 1);
    *state = watermark;
    return 0;
}

static int tear_down(void **state)
{
    watermark_free(*state);
    return 0;
}

static void begin(struct watermark *watermark, int partition, int64_t offset)
{
    assert_int_equal(watermark_begin(watermark, 1, partition, offset), WATERMARK_TAKEN);
}

/* What is to be stored after this one is done, or NONE. */
static int64_t done(struct watermark *watermark, int partition, int64_t offset)
{
    int64_t next = NONE;

    return watermark_done(watermark, 1, partition, offset, &next) ? next : NONE;
}

static void one_after_the_other_each_is_stored(void **state)
{
    for (int64_t offset = 7; offset < 300; offset++) {
        begin(*state, 0, offset);
        assert_int_equal(done(*state, 0, offset), offset + 1);
    }
    assert_int_equal(watermark_unfinished(*state), 0);
}

static void what_is_done_early_waits_for_what_is_below(void **state)
{
    begin(*state, 0, 5);
    begin(*state, 0, 6);
    begin(*state, 0, 7);
    assert_int_equal(done(*state, 0, 7), NONE);
    assert_int_equal(done(*state, 0, 6), NONE);
    assert_int_equal(watermark_unfinished(*state), 1);
    assert_int_equal(done(*state, 0, 5), 8);
}

static void offsets_may_have_gaps(void **state)
{
    begin(*state, 0, 10);
    begin(*state, 0, 12);
    begin(*state, 0, 90);
    assert_int_equal(done(*state, 0, 12), NONE);
    assert_int_equal(done(*state, 0, 10), 13);
    assert_int_equal(done(*state, 0, 90), 91);
}

static void partitions_do_not_wait_for_each_other(void **state)
{
    for (int partition = 0; partition < 300; partition++) {
        begin(*state, partition, 1);
        begin(*state, partition, 2);
    }
    for (int partition = 299; partition > 0; partition--) {
        assert_int_equal(done(*state, partition, 2), NONE);
        assert_int_equal(done(*state, partition, 1), 3);
    }
    assert_int_equal(watermark_unfinished(*state), 2);
}

static void what_is_not_known_changes_nothing(void **state)
{
    assert_int_equal(done(*state, 0, 5), NONE);
    begin(*state, 0, 5);
    assert_int_equal(done(*state, 0, 4), NONE);
    assert_int_equal(done(*state, 0, 6), NONE);
    assert_int_equal(done(*state, 1, 5), NONE);
    assert_int_equal(done(*state, 0, 5), 6);
    assert_int_equal(done(*state, 0, 5), NONE);
}

static void another_generation_is_neither_taken_nor_stored(void **state)
{
    int64_t next;

    begin(*state, 0, 5);
    assert_int_equal(watermark_begin(*state, 2, 0, 6), WATERMARK_ENDED);
    watermark_assign(*state, 2);
    assert_int_equal(watermark_unfinished(*state), 0);
    assert_int_equal(watermark_begin(*state, 1, 0, 6), WATERMARK_ENDED);
    assert_int_equal(watermark_begin(*state, 2, 0, 5), WATERMARK_TAKEN);
    assert_false(watermark_done(*state, 1, 0, 5, &next));
    assert_true(watermark_done(*state, 2, 0, 5, &next));
    assert_int_equal(next, 6);
}

static void however_much_is_done_beyond_an_unfinished_one_the_next_is_taken(void **state)
{
    enum {
        COUNT = 100000
    };
    begin(*state, 0, 0);
    begin(*state, 0, 1);
    for (int64_t offset = 2; offset < COUNT; offset++) {
        begin(*state, 0, offset);
        assert_int_equal(done(*state, 0, offset), NONE);
        assert_int_equal(watermark_unfinished(*state), 2);
    }
    begin(*state, 0, COUNT);
    assert_int_equal(done(*state, 0, 0), 1);
    assert_int_equal(done(*state, 0, 1), COUNT);
    assert_int_equal(done(*state, 0, COUNT), COUNT + 1);
}

static void unfinished_ones_are_bounded_for_each_partition(void **state)
{
    for (int64_t offset = 0; offset < WATERMARK_UNFINISHED; offset++) {
        begin(*state, 0, offset);
    }
    assert_int_equal(watermark_begin(*state, 1, 0, WATERMARK_UNFINISHED), WATERMARK_FULL);
    begin(*state, 1, WATERMARK_UNFINISHED);
    assert_int_equal(done(*state, 0, 7), NONE);
    begin(*state, 0, WATERMARK_UNFINISHED);
    assert_int_equal(watermark_begin(*state, 1, 0, WATERMARK_UNFINISHED + 1), WATERMARK_FULL);
    assert_int_equal(done(*state, 0, 0), 1);
}

static void offsets_that_go_backward_are_told(void **state)
{
    begin(*state, 0, 8);
    assert_int_equal(watermark_begin(*state, 1, 0, 8), WATERMARK_BACKWARD);
    assert_int_equal(watermark_begin(*state, 1, 0, 3), WATERMARK_BACKWARD);
    begin(*state, 1, 3);
    assert_int_equal(done(*state, 0, 8), 9);
    assert_int_equal(watermark_begin(*state, 1, 0, 0), WATERMARK_BACKWARD);
}

static void in_any_order_exactly_the_prefix_is_stored(void **state)
{
    enum {
        COUNT = 40
    };
    struct rng rng = seeded_rng();

    for (int run = 0; run < 2000; run++) {
        int64_t order[COUNT];
        bool is_done[COUNT + 1] = {false};
        int64_t stored = 0;
        watermark_assign(*state, 1);
        for (int i = 0; i < COUNT; i++) {
            begin(*state, 0, i);
            size_t at = (size_t)rng_below(&rng, (uint64_t)i + 1);
            order[i] = order[at];
            order[at] = i;
        }
        for (int i = 0; i < COUNT; i++) {
            int64_t prefix = 0;
            int64_t next = done(*state, 0, order[i]);
            is_done[order[i]] = true;
            while (is_done[prefix]) {
                prefix++;
            }
            assert_int_equal(next, prefix > stored ? prefix : NONE);
            stored = prefix;
        }
        assert_int_equal(stored, COUNT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_after_the_other_each_is_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_done_early_waits_for_what_is_below, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(offsets_may_have_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(partitions_do_not_wait_for_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_generation_is_neither_taken_nor_stored, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            however_much_is_done_beyond_an_unfinished_one_the_next_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unfinished_ones_are_bounded_for_each_partition, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(offsets_that_go_backward_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_any_order_exactly_the_prefix_is_stored, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("watermark", tests, NULL, NULL);
}
