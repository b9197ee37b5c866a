/* What a verify of several collections adds up to: the lines, and the exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "producer/verify_total.h"

static void check_text(const struct verify_total *total, const char *want)
{
    struct buf out;
    buf_init(&out, 64u * KIB);
    verify_total_write(total, &out);
    assert_string_equal(buf_cstr(&out), want);
    buf_deinit(&out);
}

static void all_equal_is_one_line_with_the_records(void **state)
{
    struct verify_total total;
    (void)state;
    for (int is_sampled = 0; is_sampled < 2; is_sampled++) {
        verify_total_init(&total, 3, is_sampled);
        verify_total_equal(&total, 4000000000u);
        verify_total_equal(&total, 0);
        verify_total_equal(&total, 1000000000u);
        check_text(&total, is_sampled ? "no difference found in 3 collections: 5000000000 records\n"
                                      : "3 collections are equal: 5000000000 records\n");
        assert_int_equal(total.code, EXIT_DONE);
        assert_int_equal(verify_total_done(&total), 3);
        verify_total_deinit(&total);
    }
}

static void each_that_is_not_equal_has_its_line(void **state)
{
    struct verify_total total;
    (void)state;
    verify_total_init(&total, 4, false);
    verify_total_other(&total, VERIFY_IS_DIFFERENT, EXIT_MISMATCH, "t/d/a -> t/d/a",
                       "1 difference");
    verify_total_equal(&total, 7);
    verify_total_equal(&total, 7);
    verify_total_equal(&total, 7);
    check_text(&total, "t/d/a -> t/d/a: 1 difference\n3 of 4 collections are equal, 1 differs\n");
    verify_total_deinit(&total);

    verify_total_init(&total, 8, false);
    verify_total_equal(&total, 7);
    verify_total_other(&total, VERIFY_IS_ABSENT, EXIT_MISMATCH, "a", "not there");
    verify_total_other(&total, VERIFY_IS_DIFFERENT, EXIT_MISMATCH, "b", "2 differences");
    verify_total_other(&total, VERIFY_IS_UNKNOWN, EXIT_UNAVAILABLE, "c", "503");
    verify_total_other(&total, VERIFY_IS_DIFFERENT, EXIT_MISMATCH, "d", "1 difference");
    check_text(&total, "a: not there\nb: 2 differences\nc: 503\nd: 1 difference\n"
                       "1 of 8 collections is equal, 2 differ, 1 is not at the target, 1 could not "
                       "be compared, 3 were not reached\n");
    verify_total_deinit(&total);

    verify_total_init(&total, 2, true);
    verify_total_other(&total, VERIFY_IS_ABSENT, EXIT_MISMATCH, "a", "not there");
    check_text(&total, "a: not there\nno difference found in 0 of 2 collections, 1 is not at the "
                       "target, 1 was not reached\n");
    verify_total_deinit(&total);
}

static void the_worst_is_the_exit_code_in_any_order(void **state)
{
    static const enum exit_code codes[] = {EXIT_MISMATCH, EXIT_NEEDS_PERSON, EXIT_UNAVAILABLE,
                                           EXIT_USAGE};
    size_t last = ARRAY_LEN(codes) - 1;
    (void)state;
    for (int is_backwards = 0; is_backwards < 2; is_backwards++) {
        struct verify_total total;
        verify_total_init(&total, 5, false);
        for (size_t i = 0; i <= last; i++) {
            verify_total_other(&total, VERIFY_IS_UNKNOWN, codes[is_backwards ? last - i : i], "a",
                               "why");
            verify_total_equal(&total, 1);
            assert_int_equal(total.code, is_backwards ? EXIT_USAGE : codes[i]);
        }
        verify_total_deinit(&total);
    }
}

static void a_total_that_was_never_begun_can_be_ended(void **state)
{
    struct verify_total total = {0};
    (void)state;
    verify_total_deinit(&total);
    assert_int_equal(verify_total_done(&total), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_equal_is_one_line_with_the_records),
        cmocka_unit_test(each_that_is_not_equal_has_its_line),
        cmocka_unit_test(the_worst_is_the_exit_code_in_any_order),
        cmocka_unit_test(a_total_that_was_never_begun_can_be_ended),
    };
    return cmocka_run_group_tests_name("verify_total", tests, NULL, NULL);
}
