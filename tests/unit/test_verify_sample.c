/* Sampling while reading: how many, which ones, and the same ones again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/verify_sample.h"
#include "support/expect.h"

static uint64_t size_of(const char *text, uint64_t total)
{
    struct verify_sample_size size;
    struct error err = {0};
    expect_ok(verify_sample_parse(text, &size, &err), &err);
    return verify_sample_of(&size, total);
}

static void a_size_is_a_percentage_rounded_up_or_a_count(void **state)
{
    (void)state;
    assert_int_equal(size_of("5%", 1000), 50);
    assert_int_equal(size_of("5%", 1), 1);
    assert_int_equal(size_of("0.1%", 1500), 2);
    assert_int_equal(size_of("100%", 7), 7);
    assert_int_equal(size_of("5%", 0), 0);
    assert_int_equal(size_of("12", 1000), 12);
    assert_int_equal(size_of("12", 5), 5);
}

static void other_sizes_are_refused(void **state)
{
    static const char *const texts[] = {"",     "%",   "0",    "0%",   "-1", "-5%",
                                        "101%", "5 %", "five", "nan%", "1e3"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct verify_sample_size size;
        struct error err = {0};
        expect_error(verify_sample_parse(texts[i], &size, &err), &err, ERROR_USAGE, "--sample");
    }
}

static void exactly_so_many_are_taken_for_every_seed(void **state)
{
    struct rng rng = seeded_rng();
    (void)state;
    for (int round = 0; round < 500; round++) {
        uint64_t total = rng_below(&rng, 400);
        uint64_t wanted = rng_below(&rng, total + 20);
        uint64_t taken = 0;
        struct verify_sampler sampler;
        verify_sampler_init(&sampler, rng_next(&rng), total, wanted);
        for (uint64_t i = 0; i < total; i++) {
            taken += verify_sampler_take(&sampler);
        }
        assert_int_equal(taken, wanted < total ? wanted : total);
        assert_false(verify_sampler_take(&sampler));
    }
}

static void the_same_seed_takes_the_same_ones(void **state)
{
    struct verify_sampler first;
    struct verify_sampler again;
    struct verify_sampler other;
    int different = 0;
    (void)state;
    verify_sampler_init(&first, 7, 1000, 100);
    verify_sampler_init(&again, 7, 1000, 100);
    verify_sampler_init(&other, 8, 1000, 100);
    for (int i = 0; i < 1000; i++) {
        bool taken = verify_sampler_take(&first);
        assert_int_equal(taken, verify_sampler_take(&again));
        different += taken != verify_sampler_take(&other);
    }
    assert_true(different > 0);
}

static void every_place_is_as_likely_as_any_other(void **state)
{
    enum {
        PLACES = 20,
        ROUNDS = 20000
    };
    int taken[PLACES] = {0};
    struct rng rng = seeded_rng();
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct verify_sampler sampler;
        verify_sampler_init(&sampler, rng_next(&rng), PLACES, 5);
        for (int i = 0; i < PLACES; i++) {
            taken[i] += verify_sampler_take(&sampler);
        }
    }
    for (int i = 0; i < PLACES; i++) { /* 5000 each; eight standard deviations are 490 */
        assert_in_range((uint64_t)taken[i], 4510, 5490);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_is_a_percentage_rounded_up_or_a_count),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(exactly_so_many_are_taken_for_every_seed),
        cmocka_unit_test(the_same_seed_takes_the_same_ones),
        cmocka_unit_test(every_place_is_as_likely_as_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
