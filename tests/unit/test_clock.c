/* Clocks, kernel randomness, the repeatable generator and the backoff built on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "support/expect.h"

static void boottime_goes_forward_in_milliseconds(void **state)
{
    int64_t before = clock_boottime_ms();
    struct timespec pause = {.tv_nsec = 30 * 1000000};

    (void)state;
    nanosleep(&pause, NULL);
    assert_in_range((uint64_t)(clock_boottime_ms() - before), 29, 10000);
}

static void the_wall_clock_is_unix_time(void **state)
{
    int64_t now = (int64_t)time(NULL) * 1000;

    (void)state;
    assert_in_range((uint64_t)(clock_wall_ms() - now + 2000), 0, 12000);
}

static void check_utc(int64_t ms, const char *want)
{
    char text[25];

    memset(text, 'x', sizeof text);
    clock_format_utc(ms, text);
    assert_string_equal(text, want);
}

static void utc_is_formatted_also_before_1970_and_at_the_extremes(void **state)
{
    (void)state;
    check_utc(0, "1970-01-01T00:00:00.000Z");
    check_utc(INT64_C(1795255740123), "2026-11-21T10:09:00.123Z");
    check_utc(-1, "1969-12-31T23:59:59.999Z");
    check_utc(-1000, "1969-12-31T23:59:59.000Z");
    check_utc(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    check_utc(INT64_MAX, "9999-12-31T23:59:59.999Z");
    check_utc(INT64_MIN, "0000-01-01T00:00:00.000Z");
}

static void kernel_randomness_differs_and_fills_everything(void **state)
{
    uint8_t a[1000] = {0};
    uint8_t b[1000] = {0};
    size_t zeros = 0;

    (void)state;
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = 0; i < sizeof a; i++) {
        zeros += a[i] == 0;
    }
    assert_true(zeros < 50);
    random_bytes(a, 0);
}

static void the_same_seed_gives_the_same_sequence(void **state)
{
    struct rng a;
    struct rng b;

    (void)state;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 100; i++) {
        assert_true(rng_next(&a) == rng_next(&b));
    }
    rng_seed(&b, 43);
    assert_true(rng_next(&a) != rng_next(&b));
    rng_seed(&a, 1234567); /* published first output of SplitMix64 for this seed */
    assert_true(rng_next(&a) == UINT64_C(6457827717110365317));
}

static void below_stays_below_and_is_even(void **state)
{
    struct rng rng = seeded_rng();
    unsigned counts[7] = {0};

    (void)state;
    for (int i = 0; i < 70000; i++) {
        counts[rng_below(&rng, 7)]++;
    }
    for (size_t i = 0; i < 7; i++) {
        assert_in_range(counts[i], 9000, 11000);
    }
    counts[0] = 0;
    for (int i = 0; i < 30000;
         i++) { /* a plain remainder would make the lowest third half of them */
        counts[0] += rng_below(&rng, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    assert_in_range(counts[0], 9500, 10500);
    for (int i = 0; i < 100; i++) {
        assert_true(rng_below(&rng, 1) == 0);
        assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
        assert_true(rng_below(&rng, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
}

static void backoff_doubles_up_to_its_cap_with_jitter(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (uint32_t attempt = 0; attempt < 80; attempt++) {
        uint64_t ceiling = attempt < 10 ? UINT64_C(200) << attempt : 30000;
        uint64_t sum = 0;

        ceiling = ceiling < 30000 ? ceiling : 30000;
        for (int i = 0; i < 500; i++) {
            uint32_t wait = backoff_ms(&rng, attempt, 200, 30000);

            assert_in_range(wait, 100, ceiling);
            sum += wait;
        }
        assert_in_range(sum / 500, (100 + ceiling) * 4 / 10, (100 + ceiling) * 6 / 10);
    }
}

static void backoff_keeps_a_cap_below_its_base(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_in_range(backoff_ms(&rng, 3, 1000, 10), 0, 10);
        assert_int_equal(backoff_ms(&rng, 40, 0, 1000), 0);
        assert_in_range(backoff_ms(&rng, UINT32_MAX, UINT32_MAX, UINT32_MAX), UINT32_MAX / 2,
                        UINT32_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boottime_goes_forward_in_milliseconds),
        cmocka_unit_test(the_wall_clock_is_unix_time),
        cmocka_unit_test(utc_is_formatted_also_before_1970_and_at_the_extremes),
        cmocka_unit_test(kernel_randomness_differs_and_fills_everything),
        cmocka_unit_test(the_same_seed_gives_the_same_sequence),
        cmocka_unit_test(below_stays_below_and_is_even),
        cmocka_unit_test(backoff_doubles_up_to_its_cap_with_jitter),
        cmocka_unit_test(backoff_keeps_a_cap_below_its_base),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
