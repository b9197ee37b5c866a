/* The table from error kinds to exit codes: each kind stands here once, so that a new one is decided and not inherited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"

static void every_kind_has_its_exit_code(void **state)
{
    static const int codes[] = {
        [ERROR_NONE] = 0,        [ERROR_USAGE] = 2,     [ERROR_NOMEM] = 70,
        [ERROR_LIMIT] = 70,      [ERROR_IO] = 70,       [ERROR_TIMEOUT] = 3,
        [ERROR_UNAVAILABLE] = 3, [ERROR_THROTTLED] = 3, [ERROR_AUTH] = 2,
        [ERROR_NOT_FOUND] = 2,   [ERROR_CONFLICT] = 4,  [ERROR_REJECTED] = 4,
        [ERROR_TOO_LARGE] = 4,   [ERROR_FORMAT] = 4,    [ERROR_INTEGRITY] = 5,
        [ERROR_CANCELLED] = 6,   [ERROR_BUG] = 70,
    };
    (void)state;
    assert_int_equal(sizeof(codes) / sizeof(codes[0]), ERROR_KIND_COUNT);
    for (int kind = 0; kind < ERROR_KIND_COUNT; kind++) {
        struct error err = {.kind = (enum error_kind)kind};
        int code = (int)exit_code_for(&err);
        if (code != codes[kind]) {
            fail_msg("%s: %d instead of %d", error_kind_name(err.kind), code, codes[kind]);
        }
    }
}

static void an_error_of_no_known_kind_is_a_bug(void **state)
{
    struct error err = {.kind = ERROR_KIND_COUNT};
    (void)state;
    assert_int_equal(exit_code_for(&err), EXIT_BUG);
}

static void only_no_error_ends_with_zero(void **state)
{
    (void)state;
    for (int kind = ERROR_NONE + 1; kind < ERROR_KIND_COUNT; kind++) {
        struct error err = {.kind = (enum error_kind)kind};
        assert_int_not_equal(exit_code_for(&err), EXIT_DONE);
        assert_int_not_equal(exit_code_for(&err), EXIT_REJECTS);
    }
}

static void help_names_every_code(void **state)
{
    static const int codes[] = {EXIT_DONE,        EXIT_REJECTS,      EXIT_USAGE,
                                EXIT_UNAVAILABLE, EXIT_NEEDS_PERSON, EXIT_MISMATCH,
                                EXIT_INTERRUPTED, EXIT_BUG};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char start[8];
        snprintf(start, sizeof(start), "  %-3d ", codes[i]);
        assert_non_null(strstr(exit_code_help(), start));
    }
}

static void of_two_codes_the_one_wins_that_the_design_names_first(void **state)
{
    static const enum exit_code order[] = {EXIT_BUG,          EXIT_USAGE,       EXIT_UNAVAILABLE,
                                           EXIT_NEEDS_PERSON, EXIT_INTERRUPTED, EXIT_MISMATCH,
                                           EXIT_REJECTS,      EXIT_DONE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        for (size_t k = i; k < ARRAY_LEN(order); k++) {
            assert_int_equal(exit_code_worse(order[i], order[k]), order[i]);
            assert_int_equal(exit_code_worse(order[k], order[i]), order[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_its_exit_code),
        cmocka_unit_test(an_error_of_no_known_kind_is_a_bug),
        cmocka_unit_test(only_no_error_ends_with_zero),
        cmocka_unit_test(of_two_codes_the_one_wins_that_the_design_names_first),
        cmocka_unit_test(help_names_every_code),
    };
    return cmocka_run_group_tests_name("exit_code", tests, NULL, NULL);
}
