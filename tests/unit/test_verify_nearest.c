/* Exact neighbours, recall, distances and percentiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "producer/verify_nearest.h"
#include "support/expect.h"

static void distances_are_those_of_chroma(void **state)
{
    static const float a[] = {1, 2, 3, 4, 5};
    static const float b[] = {2, 2, 1, 4, 0};
    static const float twice[] = {2, 4, 6, 8, 10};
    double norm_a = verify_norm(a, 5);
    (void)state;
    assert_true(norm_a == sqrt(55));
    assert_true(verify_distance(SPACE_L2, a, 0, b, 0, 5) == 1 + 4 + 25);
    assert_true(verify_distance(SPACE_IP, a, 0, b, 0, 5) == 1.0 - (2 + 4 + 3 + 16));
    assert_true(fabs(verify_distance(SPACE_COSINE, a, norm_a, b, 5, 5) -
                     (1 - 25 / (sqrt(55) * 5))) < 1e-12);
    assert_true(fabs(verify_distance(SPACE_COSINE, a, norm_a, twice, 2 * norm_a, 5)) < 1e-12);
    assert_true(verify_distance(SPACE_COSINE, a, norm_a, b, 0, 5) == 1); /* no direction */
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void the_nearest_ten_are_kept_in_order_whatever_the_order_of_offers(void **state)
{
    struct rng rng = seeded_rng();
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct verify_nearest nearest = {0};
        double all[100];
        size_t count = rng_below(&rng, 100);
        for (size_t i = 0; i < count; i++) {
            char id[32];
            all[i] = (double)rng_below(&rng, 40); /* equals, too */
            snprintf(id, sizeof id, "%.0f", all[i]);
            assert_true(verify_nearest_offer(&nearest, all[i], span_from_str(id)));
        }
        qsort(all, count, sizeof all[0], compare_doubles);
        assert_int_equal(nearest.count, count < VERIFY_NEAREST ? count : VERIFY_NEAREST);
        for (size_t i = 0; i < nearest.count; i++) {
            char id[32];
            snprintf(id, sizeof id, "%.0f", all[i]);
            assert_true(nearest.list[i].distance == all[i]);
            expect_text((struct span){nearest.list[i].id, nearest.list[i].id_len}, id);
        }
        verify_nearest_deinit(&nearest);
    }
}

static void a_distance_that_is_no_number_is_never_near(void **state)
{
    struct verify_nearest nearest = {0};
    (void)state;
    assert_true(verify_nearest_offer(&nearest, NAN, SPAN_LITERAL("a")));
    assert_int_equal(nearest.count, 0);
    assert_true(verify_nearest_offer(&nearest, 1, SPAN_LITERAL(""))); /* an empty id is one */
    assert_int_equal(nearest.count, 1);
    verify_nearest_deinit(&nearest);
}

/* Exact neighbours a … at distances 1, 2, … */
static struct verify_nearest exact_of(size_t count)
{
    struct verify_nearest nearest = {0};
    for (size_t i = 0; i < count; i++) {
        char id[2] = {(char)('a' + i), '\0'};
        assert_true(verify_nearest_offer(&nearest, (double)(i + 1), span_from_str(id)));
    }
    return nearest;
}

static double recall_of(size_t exact, const char *ids, const double *distances)
{
    struct verify_nearest nearest = exact_of(exact);
    struct neighbour list[26];
    struct neighbours found = {list, strlen(ids)};
    for (size_t i = 0; i < found.count; i++) {
        list[i] = (struct neighbour){{(const uint8_t *)ids + i, 1},
                                     distances != NULL ? distances[i] : NAN};
    }
    double recall = verify_recall(&nearest, &found);
    verify_nearest_deinit(&nearest);
    return recall;
}

static void recall_is_the_share_of_the_exact_neighbours_that_came(void **state)
{
    static const double tie[] = {1, 2, 3, 3.00001, 9};
    static const double nearer[] = {0.5};
    (void)state;
    assert_true(recall_of(10, "abcdefghij", NULL) == 1);
    assert_true(recall_of(10, "jihgfedcba", NULL) == 1);
    assert_true(recall_of(10, "abcdexyz", NULL) == 0.5);
    assert_true(recall_of(10, "", NULL) == 0);
    assert_true(recall_of(0, "", NULL) == 1);
    assert_true(recall_of(3, "abcdefghij", NULL) == 1); /* fewer records than were asked for */
    assert_true(recall_of(3, "abxyz", tie) == 1);       /* x is as near as c */
    assert_true(recall_of(3, "x", nearer) == 0);        /* nothing is nearer than the nearest */
}

static void distances_are_compared_relative_above_one_and_absolutely_below(void **state)
{
    struct neighbour here[] = {
        {SPAN_LITERAL("a"), 0}, {SPAN_LITERAL("b"), 1000}, {SPAN_LITERAL("c"), 2}};
    struct neighbour there[] = {
        {SPAN_LITERAL("b"), 1000.009}, {SPAN_LITERAL("a"), 2e-5}, {SPAN_LITERAL("x"), 0}};
    struct verify_distances sum = {0};
    (void)state;
    assert_true(verify_is_near(0, 1e-5) && !verify_is_near(0, 1.1e-5));
    assert_true(verify_is_near(1e4, 1e4 + 0.09) && !verify_is_near(1e4, 1e4 + 0.2));
    assert_false(verify_is_near(1, NAN));
    verify_distances_add(&sum, &(struct neighbours){here, 3}, &(struct neighbours){there, 3});
    assert_int_equal(sum.compared, 2);
    assert_int_equal(sum.apart, 1); /* a; b is within 1e-5 of its size */
    assert_true(fabs(sum.greatest - 2e-5) < 1e-12);
}

static void percentiles_are_values_that_occurred(void **state)
{
    int64_t values[100];
    int64_t two[] = {9, 3};
    (void)state;
    for (int i = 0; i < 100; i++) {
        values[i] = 100 - i;
    }
    assert_int_equal(verify_percentile(values, 100, 0.5), 50);
    assert_int_equal(verify_percentile(values, 100, 0.95), 95);
    assert_int_equal(verify_percentile(values, 100, 1), 100);
    assert_int_equal(verify_percentile(two, 2, 0.5), 3);
    assert_int_equal(verify_percentile(two, 2, 0.95), 9);
    assert_int_equal(verify_percentile(two, 1, 0.95), 3);
    assert_int_equal(verify_percentile(NULL, 0, 0.5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_those_of_chroma),
        cmocka_unit_test(the_nearest_ten_are_kept_in_order_whatever_the_order_of_offers),
        cmocka_unit_test(a_distance_that_is_no_number_is_never_near),
        cmocka_unit_test(recall_is_the_share_of_the_exact_neighbours_that_came),
        cmocka_unit_test(distances_are_compared_relative_above_one_and_absolutely_below),
        cmocka_unit_test(percentiles_are_values_that_occurred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
