/* How much a job will send: the arithmetic, and that it is said once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "producer/estimate.h"
#include "support/expect.h"

static struct estimate estimate;
static struct buf line;

static int fresh(void **state)
{
    (void)state;
    memset(&estimate, 0, sizeof estimate);
    buf_init(&line, KIB);
    return 0;
}

static int done(void **state)
{
    (void)state;
    buf_deinit(&line);
    return 0;
}

static void the_rest_is_reckoned_at_the_mean_of_the_first_four(void **state)
{
    (void)state;
    assert_int_equal(estimate_bytes(&estimate, 1000), 0);
    estimate_add(&estimate, 300, 300000);
    assert_int_equal(estimate_bytes(&estimate, 1000), 1000000);
    estimate_add(&estimate, 100, 300000);
    assert_int_equal(estimate_bytes(&estimate, 1000), 1500000);
    estimate_add(&estimate, 0, 0);
    estimate_add(&estimate, 100, 0);
    assert_int_equal(estimate_bytes(&estimate, 1000), 1200000);
    estimate_add(&estimate, 100, 999999999); /* the fifth */
    assert_int_equal(estimate_bytes(&estimate, 1000), 1200000);
    assert_int_equal(estimate_bytes(&estimate, -1), 0);
}

static void it_rounds_up_and_does_not_overflow(void **state)
{
    (void)state;
    estimate_add(&estimate, 3, 10);
    assert_int_equal(estimate_bytes(&estimate, 1), 4);
    assert_int_equal(estimate_bytes(&estimate, 3), 10);
    estimate_add(&estimate, 0, INT64_C(3000000000000000));
    assert_int_equal(estimate_bytes(&estimate, 3000), INT64_C(3000000000000010000));
}

static void it_is_said_once_when_four_batches_were_seen(void **state)
{
    (void)state;
    const struct estimate_rest rest = {12000, 40};
    for (int i = 0; i < 4; i++) {
        assert_false(estimate_say(&estimate, &rest, &line));
        estimate_add(&estimate, 300, 600000);
    }
    assert_true(estimate_say(&estimate, &rest, &line));
    assert_string_equal(
        buf_cstr(&line),
        "about 24 MB will go through the topic: 12000 records of 2.0 kB, compressed; "
        "at most 24 MB are ahead of the consumers, all of it stays for the topic's "
        "retention");
    assert_false(estimate_say(&estimate, &rest, &line));
}

static void fewer_batches_are_all_that_is_waited_for(void **state)
{
    (void)state;
    const struct estimate_rest rest = {500, 2};
    estimate_add(&estimate, 300, 30000);
    assert_false(estimate_say(&estimate, &rest, &line));
    estimate_add(&estimate, 0, 0); /* of which nothing was left */
    assert_true(estimate_say(&estimate, &rest, &line));
    assert_non_null(strstr(buf_cstr(&line), "about 50 kB "));
}

static void nothing_to_send_is_not_worth_a_line(void **state)
{
    (void)state;
    assert_false(estimate_say(&estimate, &(struct estimate_rest){0, 0}, &line));
    estimate_add(&estimate, 0, 0);
    assert_false(estimate_say(&estimate, &(struct estimate_rest){300, 1}, &line));
}

static void what_waits_is_bounded_by_the_window(void **state)
{
    (void)state;
    const struct estimate_rest rest = {300 * 1000, 1000};
    for (int i = 0; i < 4; i++) {
        estimate_add(&estimate, 300, 1000000);
    }
    assert_true(estimate_say(&estimate, &rest, &line));
    assert_non_null(strstr(buf_cstr(&line), "about 1.0 GB "));
    assert_non_null(strstr(buf_cstr(&line), "at most 128 MB ")); /* 128 batches */
    memset(&estimate, 0, sizeof estimate);
    buf_clear(&line);
    for (int i = 0; i < 4; i++) {
        estimate_add(&estimate, 300, 4000000);
    }
    assert_true(estimate_say(&estimate, &rest, &line));
    assert_non_null(strstr(buf_cstr(&line), "at most 268 MB ")); /* 256 MiB */
}

static void sizes_have_two_digits_that_count(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } rows[] = {{0, "0 bytes"},         {999, "999 bytes"},   {1000, "1.0 kB"},
                {1400, "1.4 kB"},       {9949, "9.9 kB"},     {9951, "10 kB"},
                {999499, "999 kB"},     {999500, "1.0 MB"},   {37000000, "37 MB"},
                {1400000000, "1.4 GB"}, {INT64_MAX, "9.2 EB"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&line);
        estimate_write_size(&line, rows[i].bytes);
        assert_string_equal(buf_cstr(&line), rows[i].text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rest_is_reckoned_at_the_mean_of_the_first_four),
        TEST(it_rounds_up_and_does_not_overflow),
        TEST(it_is_said_once_when_four_batches_were_seen),
        TEST(fewer_batches_are_all_that_is_waited_for),
        TEST(nothing_to_send_is_not_worth_a_line),
        TEST(what_waits_is_bounded_by_the_window),
        TEST(sizes_have_two_digits_that_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
