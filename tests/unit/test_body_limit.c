/* What a 413 says, given what the target has taken before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "consumer/body_limit.h"

#define PATIENCE 60000
#define FLOOR    ((int64_t)LIMIT_BODY_FLOOR)

static struct body_limit limit;
static int64_t now;

static int set_up(void **state)
{
    (void)state;
    limit = (struct body_limit){0};
    now = 1000;
    return 0;
}

static bool refuse(int64_t bytes)
{
    return body_limit_refuse(&limit, bytes, PATIENCE, now);
}

static void a_small_request_is_never_too_large(void **state)
{
    (void)state;
    assert_false(refuse(386));
    now += 10 * PATIENCE;
    assert_false(refuse(386));
    assert_false(refuse(FLOOR));
    assert_int_equal(body_limit_floor(&limit), FLOOR);
}

static void a_large_one_is_of_which_nothing_is_known(void **state)
{
    (void)state;
    assert_true(refuse(FLOOR + 1));
    body_limit_accept(&limit, 500);
    assert_true(refuse(FLOOR + 1));
    body_limit_accept(&limit, 2 * FLOOR);
    assert_true(refuse(2 * FLOOR + 1));
}

static void what_was_taken_before_is_not_too_large_unless_that_lasts(void **state)
{
    (void)state;
    body_limit_accept(&limit, 8 * FLOOR);
    assert_int_equal(body_limit_floor(&limit), 8 * FLOOR);
    assert_false(refuse(8 * FLOOR));
    now += PATIENCE - 1;
    assert_false(refuse(2 * FLOOR));
    assert_false(refuse(FLOOR));
    now += 1;
    assert_false(refuse(FLOOR)); /* however long */
    assert_true(refuse(2 * FLOOR));
    assert_true(refuse(3 * FLOOR)); /* and from then on */
    assert_int_equal(body_limit_floor(&limit), FLOOR);
}

static void as_large_a_one_that_is_taken_ends_the_doubt(void **state)
{
    (void)state;
    body_limit_accept(&limit, 8 * FLOOR);
    assert_false(refuse(4 * FLOOR));
    assert_false(refuse(2 * FLOOR));
    now += PATIENCE / 2;
    body_limit_accept(&limit, 3 * FLOOR); /* says nothing of the other */
    body_limit_accept(&limit, 4 * FLOOR);
    assert_false(refuse(4 * FLOOR));
    now += PATIENCE - 1;
    assert_false(refuse(4 * FLOOR));
    now += 1;
    assert_true(refuse(4 * FLOOR));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_small_request_is_never_too_large),
        TEST(a_large_one_is_of_which_nothing_is_known),
        TEST(what_was_taken_before_is_not_too_large_unless_that_lasts),
        TEST(as_large_a_one_that_is_taken_ends_the_doubt),
    };

    return cmocka_run_group_tests_name("body_limit", tests, NULL, NULL);
}
