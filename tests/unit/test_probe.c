/* Which distance explains what a server says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/compiler.h"
#include "producer/probe.h"
#include "producer/verify_nearest.h"

#define DIMENSION 4

static const float vectors[][DIMENSION] = {
    {1.0f, 2.0f, -3.0f, 0.5f}, {0.25f, -1.0f, 4.0f, 2.0f}, {-2.0f, 0.0f, 0.125f, 1.0f}};
static const float units[][DIMENSION] = {
    {1.0f, 0.0f, 0.0f, 0.0f}, {0.6f, 0.8f, 0.0f, 0.0f}, {0.0f, 0.6f, 0.0f, 0.8f}};

static void measure(struct probe *probe, const float list[][DIMENSION], size_t count,
                    enum space space, double factor)
{
    for (size_t i = 0; i < count; i++) {
        const float *a = list[0], *b = list[i];
        double distance = verify_distance(space, a, verify_norm(a, DIMENSION), b,
                                          verify_norm(b, DIMENSION), DIMENSION);

        probe_add(probe, a, b, DIMENSION, (double)(float)distance * factor);
    }
}

static void the_space_that_explains_all_distances_is_found(void **state)
{
    (void)state;
    for (enum space space = SPACE_L2; space <= SPACE_COSINE; space++) {
        for (enum space declared = SPACE_L2; declared <= SPACE_COSINE; declared++) {
            struct probe probe = {.declared = declared};
            bool is_known = false;

            measure(&probe, vectors, ARRAY_LEN(vectors), space, 1 + 1e-6);
            assert_int_equal(probe_judge(&probe, &is_known), space);
            assert_true(is_known);
        }
    }
}

static void what_is_declared_stands_while_nothing_speaks_against_it(void **state)
{
    (void)state;
    for (enum space declared = SPACE_L2; declared <= SPACE_COSINE; declared++) {
        struct probe probe = {.declared = declared};
        bool is_known = true;

        assert_int_equal(probe_judge(&probe, &is_known), declared); /* nothing was compared */
        assert_false(is_known);
        probe_add(&probe, vectors[0], vectors[1], DIMENSION, NAN);
        assert_int_equal(probe.compared, 0);
    }
    struct probe probe = {.declared = SPACE_IP}; /* of unit vectors ip and cosine are the same */
    bool is_known = false;

    measure(&probe, units, ARRAY_LEN(units), SPACE_COSINE, 1);
    assert_int_equal(probe_judge(&probe, &is_known), SPACE_IP);
    assert_true(is_known);
    probe.declared = SPACE_L2;
    assert_int_equal(probe_judge(&probe, &is_known), SPACE_COSINE);
    assert_true(is_known);
}

static void a_record_with_itself_does_not_tell_l2_from_cosine(void **state)
{
    (void)state;
    for (enum space declared = SPACE_L2; declared <= SPACE_COSINE; declared++) {
        struct probe probe = {.declared = declared};
        bool is_known = false;

        measure(&probe, vectors, 1, SPACE_L2, 1);
        assert_int_equal(probe_judge(&probe, &is_known), declared);
        assert_int_equal(is_known, declared != SPACE_IP); /* for ip it would not be 0 */
    }
}

static void distances_that_nothing_explains_change_nothing(void **state)
{
    (void)state;
    struct probe probe = {.declared = SPACE_L2};
    bool is_known = true;

    measure(&probe, vectors, ARRAY_LEN(vectors), SPACE_COSINE, 1);
    probe_add(&probe, vectors[0], vectors[2], DIMENSION, 17);
    assert_int_equal(probe_judge(&probe, &is_known), SPACE_L2);
    assert_false(is_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_space_that_explains_all_distances_is_found),
        cmocka_unit_test(what_is_declared_stands_while_nothing_speaks_against_it),
        cmocka_unit_test(a_record_with_itself_does_not_tell_l2_from_cosine),
        cmocka_unit_test(distances_that_nothing_explains_change_nothing),
    };

    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
