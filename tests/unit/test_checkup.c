/* The check-up's findings: their line, their JSON, and the exit code they add up to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "producer/checkup.h"

static struct checkup checkup;

static int empty(void **state)
{
    (void)state;
    checkup = (struct checkup){.count = 0};
    return 0;
}

static void fail_as(enum error_kind kind)
{
    struct error err = {0};
    error_set(&err, kind, "broken");
    checkup_fail(&checkup, "source", "tcp", "mend it", &err);
}

static void nothing_but_fails_makes_a_code(void **state)
{
    (void)state;
    assert_int_equal(checkup_exit_code(&checkup), EXIT_DONE);
    checkup_add(&checkup, "a", "b", CHECK_OK, "", "x");
    checkup_add(&checkup, "a", "b", CHECK_WARNING, "y", "x");
    checkup_add(&checkup, "a", "b", CHECK_SKIPPED, "", "x");
    assert_int_equal(checkup_exit_code(&checkup), EXIT_DONE);
    assert_int_equal(checkup_number(&checkup, CHECK_WARNING), 1);
    assert_int_equal(checkup_number(&checkup, CHECK_FAIL), 0);
}

/* Each row's code wins over those of the rows before it. */
static void the_worst_wins(void **state)
{
    static const struct {
        enum error_kind kind;
        enum exit_code code;
    } rows[] = {
        {ERROR_REJECTED, EXIT_NEEDS_PERSON},
        {ERROR_UNAVAILABLE, EXIT_UNAVAILABLE},
        {ERROR_TIMEOUT, EXIT_UNAVAILABLE},
        {ERROR_FORMAT, EXIT_UNAVAILABLE},
        {ERROR_AUTH, EXIT_USAGE},
        {ERROR_REJECTED, EXIT_USAGE},
        {ERROR_NOMEM, EXIT_BUG},
        {ERROR_USAGE, EXIT_BUG},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fail_as(rows[i].kind);
        assert_int_equal(checkup_exit_code(&checkup), rows[i].code);
    }
}

static void a_fail_without_an_error_is_a_setting(void **state)
{
    (void)state;
    checkup_add(&checkup, "a", "b", CHECK_FAIL, "", "x");
    assert_int_equal(checkup_exit_code(&checkup), EXIT_USAGE);
}

static void more_than_there_is_room_for_is_a_bug(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHECKUP_MOST; i++) {
        checkup_add(&checkup, "a", "b", CHECK_OK, "", "x");
    }
    assert_int_equal(checkup_exit_code(&checkup), EXIT_DONE);
    fail_as(ERROR_REJECTED);
    assert_int_equal(checkup.count, CHECKUP_MOST);
    assert_int_equal(checkup_exit_code(&checkup), EXIT_BUG);
}

static void assert_written(void (*write)(const struct finding *, struct buf *), size_t i,
                           const char *expected)
{
    struct buf out;
    buf_init(&out, 8192);
    write(&checkup.findings[i], &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_deinit(&out);
}

static void a_finding_is_one_line(void **state)
{
    (void)state;
    fail_as(ERROR_UNAVAILABLE);
    checkup_add(&checkup, "kafka", "dead letters", CHECK_OK, "", "two\nlines \"and\" more");
    assert_written(checkup_write_line, 0, "fail     source     tcp          broken -> mend it\n");
    assert_written(checkup_write_line, 1,
                   "ok       kafka      dead letters two\\x0alines \"and\" more\n");
    assert_written(checkup_write_json, 0,
                   "{\"state\":\"fail\",\"area\":\"source\",\"check\":\"tcp\",\"found\":\"broken\","
                   "\"advice\":\"mend it\",\"exit_code\":3}");
    assert_written(checkup_write_json, 1,
                   "{\"state\":\"ok\",\"area\":\"kafka\",\"check\":\"dead letters\",\"found\":"
                   "\"two\\\\x0alines \\\"and\\\" more\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_but_fails_makes_a_code, empty),
        cmocka_unit_test_setup(the_worst_wins, empty),
        cmocka_unit_test_setup(a_fail_without_an_error_is_a_setting, empty),
        cmocka_unit_test_setup(more_than_there_is_room_for_is_a_bug, empty),
        cmocka_unit_test_setup(a_finding_is_one_line, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
