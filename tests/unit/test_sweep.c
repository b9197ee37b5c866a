/* The sweep's question: can this message still come? PROTOCOL §5, every verdict and every edge of [low, high). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/sweep.h"
#include "support/expect.h"

/* partition, low, high, committed */
static const struct bus_position plain[] = {{0, 0, 10, 4}, {1, 20, 30, 25}, {2, 5, 5, 5}};

static void check(int partition, int64_t offset, enum sweep_verdict want)
{
    assert_string_equal(sweep_verdict_text(sweep_judge(partition, offset, plain, ARRAY_LEN(plain))),
                        sweep_verdict_text(want));
}

static void a_message_that_is_not_read_yet_may_still_come(void **state)
{
    (void)state;
    check(0, 4, SWEEP_WAIT); /* the next one */
    check(0, 9, SWEEP_WAIT); /* the last one */
    check(1, 25, SWEEP_WAIT);
}

static void a_message_below_the_groups_position_was_acknowledged(void **state)
{
    (void)state;
    check(0, 3, SWEEP_CONSUMED);
    check(0, 0, SWEEP_CONSUMED); /* the first one there is */
    check(1, 20, SWEEP_CONSUMED);
    check(1, 24, SWEEP_CONSUMED);
}

static void a_message_at_or_above_the_end_is_lost_whatever_the_group_has_committed(void **state)
{
    static const struct bus_position recreated[] = {{0, 0, 3, 50}};
    (void)state;
    check(0, 10, SWEEP_LOST_TAIL);
    check(0, 11, SWEEP_LOST_TAIL);
    check(2, 5, SWEEP_LOST_TAIL); /* nothing is left in that partition */
    assert_int_equal(sweep_judge(0, 7, recreated, 1), SWEEP_LOST_TAIL);
}

static void a_message_below_the_beginning_is_expired(void **state)
{
    static const struct bus_position unread[] = {{0, 100, 200, BUS_NO_OFFSET}};
    (void)state;
    check(1, 19, SWEEP_EXPIRED);
    check(1, 0, SWEEP_EXPIRED);
    check(2, 4, SWEEP_EXPIRED);
    assert_int_equal(sweep_judge(0, 99, unread, 1), SWEEP_EXPIRED);
    assert_int_equal(sweep_judge(0, 100, unread, 1), SWEEP_WAIT);
}

static void a_group_that_has_committed_nothing_has_everything_before_it(void **state)
{
    static const struct bus_position fresh[] = {{0, 0, 10, BUS_NO_OFFSET}};
    (void)state;
    assert_int_equal(sweep_judge(0, 0, fresh, 1), SWEEP_WAIT);
    assert_int_equal(sweep_judge(0, 9, fresh, 1), SWEEP_WAIT);
    assert_int_equal(sweep_judge(-1, BUS_NO_OFFSET, fresh, 1), SWEEP_WAIT);
}

static void a_partition_that_is_not_there_any_more_has_lost_its_messages(void **state)
{
    (void)state;
    check(3, 0, SWEEP_LOST_TAIL);
    check(-1, 0, SWEEP_LOST_TAIL);
}

static void without_an_offset_only_lag_zero_everywhere_proves_anything(void **state)
{
    struct bus_position at[] = {{0, 0, 10, 10}, {1, 20, 30, 30}, {2, 0, 0, BUS_NO_OFFSET}};
    (void)state;
    assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, at, 3), SWEEP_DRAINED);
    for (size_t i = 0; i < 2; i++) {
        at[i].committed--;
        assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, at, 3), SWEEP_WAIT);
        at[i].committed = BUS_NO_OFFSET;
        assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, at, 3), SWEEP_WAIT);
        at[i].committed = at[i].high + 1; /* of a topic that was recreated: it will be read again */
        assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, at, 3), SWEEP_WAIT);
        at[i].committed = at[i].high;
    }
}

static void a_position_beyond_the_end_proves_nothing(void **state)
{
    static const struct bus_position cut[] = {{0, 2, 8, 10}};
    (void)state;
    assert_int_equal(sweep_judge(0, 1, cut, 1), SWEEP_EXPIRED);
    assert_int_equal(sweep_judge(0, 2, cut, 1), SWEEP_WAIT);
    assert_int_equal(sweep_judge(0, 7, cut, 1), SWEEP_WAIT); /* written after the cut */
    assert_int_equal(sweep_judge(0, 8, cut, 1), SWEEP_LOST_TAIL);
    assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, cut, 1), SWEEP_WAIT);
}

static void an_empty_topic_is_drained_and_has_lost_every_known_offset(void **state)
{
    static const struct bus_position empty[] = {{0, 0, 0, BUS_NO_OFFSET}, {1, 7, 7, BUS_NO_OFFSET}};
    (void)state;
    assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, empty, 2), SWEEP_DRAINED);
    assert_int_equal(sweep_judge(0, 0, empty, 2), SWEEP_LOST_TAIL);
    assert_int_equal(sweep_judge(1, 7, empty, 2), SWEEP_LOST_TAIL);
    assert_int_equal(sweep_judge(1, 6, empty, 2), SWEEP_EXPIRED);
}

static void no_partitions_at_all_prove_nothing(void **state)
{
    (void)state;
    assert_int_equal(sweep_judge(0, 5, plain, 0), SWEEP_WAIT);
    assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, plain, 0), SWEEP_WAIT);
}

/* Against the rule as PROTOCOL words it, for every small case. */
static void every_small_case_is_as_the_rule_says(void **state)
{
    (void)state;
    for (int64_t low = 0; low <= 3; low++) {
        for (int64_t high = low; high <= 4; high++) {
            for (int64_t committed = BUS_NO_OFFSET; committed <= 5; committed++) {
                struct bus_position at = {0, low, high, committed};
                for (int64_t offset = 0; offset <= 5; offset++) {
                    bool is_passed = committed > offset && committed <= high;
                    bool cannot_come = is_passed || offset < low || offset >= high;
                    assert_int_equal(sweep_judge(0, offset, &at, 1) != SWEEP_WAIT, cannot_come);
                }
                bool is_drained = low == high || committed == high;
                assert_int_equal(sweep_judge(0, BUS_NO_OFFSET, &at, 1) != SWEEP_WAIT, is_drained);
            }
        }
    }
}

static void every_verdict_has_its_own_words(void **state)
{
    (void)state;
    for (int i = SWEEP_WAIT; i <= SWEEP_DRAINED; i++) {
        assert_true(strlen(sweep_verdict_text((enum sweep_verdict)i)) > 10);
        for (int k = SWEEP_WAIT; k < i; k++) {
            assert_string_not_equal(sweep_verdict_text((enum sweep_verdict)i),
                                    sweep_verdict_text((enum sweep_verdict)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_is_not_read_yet_may_still_come),
        cmocka_unit_test(a_message_below_the_groups_position_was_acknowledged),
        cmocka_unit_test(a_message_at_or_above_the_end_is_lost_whatever_the_group_has_committed),
        cmocka_unit_test(a_message_below_the_beginning_is_expired),
        cmocka_unit_test(a_group_that_has_committed_nothing_has_everything_before_it),
        cmocka_unit_test(a_partition_that_is_not_there_any_more_has_lost_its_messages),
        cmocka_unit_test(without_an_offset_only_lag_zero_everywhere_proves_anything),
        cmocka_unit_test(a_position_beyond_the_end_proves_nothing),
        cmocka_unit_test(an_empty_topic_is_drained_and_has_lost_every_known_offset),
        cmocka_unit_test(no_partitions_at_all_prove_nothing),
        cmocka_unit_test(every_small_case_is_as_the_rule_says),
        cmocka_unit_test(every_verdict_has_its_own_words),
    };
    return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
