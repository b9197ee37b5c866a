/* Errors: the first one wins, messages come out as one printable line, and every kind has its
 * disposition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "support/expect.h"

static bool is_one_printable_line(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = at + strlen(text);

    while (at < end) {
        size_t len = utf8_sequence(at, end);

        if (len == 0 || *at < 0x20 || *at == 0x7f) {
            return false;
        }
        at += len;
    }
    return true;
}

static void set_fills_kind_and_message_and_returns_false(void **state)
{
    struct error err = {0};

    (void)state;
    assert_false(error_set(&err, ERROR_TIMEOUT, "no answer from %s in %d ms", "host", 5));
    assert_int_equal(err.kind, ERROR_TIMEOUT);
    assert_string_equal(err.message, "no answer from host in 5 ms");
}

static void the_first_error_wins(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_FORMAT, "first");
    assert_false(error_set(&err, ERROR_IO, "second"));
    assert_int_equal(err.kind, ERROR_FORMAT);
    assert_string_equal(err.message, "first");
}

static void setting_no_kind_is_a_bug_and_not_a_success(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_NONE, "oops");
    assert_int_equal(err.kind, ERROR_BUG);
}

static void clear_forgets_everything(void **state)
{
    struct error err = {0};
    struct error nothing = {0};

    (void)state;
    error_set(&err, ERROR_THROTTLED, "slow down");
    err.retry_after_ms = 10;
    err.native = 429;
    error_clear(&err);
    assert_memory_equal(&err, &nothing, sizeof err);
}

static void wrap_puts_context_in_front_and_keeps_the_rest(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_THROTTLED, "status %d", 429);
    err.native = 429;
    err.retry_after_ms = 1500;
    snprintf(err.sqlstate, sizeof err.sqlstate, "40001");
    assert_false(error_wrap(&err, "batch %d", 17));
    assert_false(error_wrap(&err, "export"));
    assert_string_equal(err.message, "export: batch 17: status 429");
    assert_int_equal(err.kind, ERROR_THROTTLED);
    assert_int_equal(err.native, 429);
    assert_int_equal(err.retry_after_ms, 1500);
    assert_string_equal(err.sqlstate, "40001");
}

static void wrapping_without_an_error_is_a_bug(void **state)
{
    struct error err = {0};

    (void)state;
    error_wrap(&err, "plan");
    assert_int_equal(err.kind, ERROR_BUG);
    assert_string_equal(err.message, "plan: no reason given");
}

static void control_and_invalid_bytes_are_escaped(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_REJECTED,
              "a\nb\tc\x1b[31m\x7f \xc2\x9b \xff\xc3 \xed\xa0\x80 \"gr\xc3\xbc\xc3\x9f\" "
              "\xf0\x9f\x9a\xa2");
    assert_string_equal(err.message,
                        "a\\x0ab\\x09c\\x1b[31m\\x7f \\xc2\\x9b \\xff\\xc3 \\xed\\xa0\\x80 "
                        "\"gr\xc3\xbc\xc3\x9f\" \xf0\x9f\x9a\xa2");
    error_wrap(&err, "x\ry");
    assert_true(strstr(err.message, "x\\x0dy: a\\x0ab\\x09c") == err.message);
}

static void a_trailing_newline_says_nothing(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_UNAVAILABLE, "server closed the connection\r\n\n");
    assert_string_equal(err.message, "server closed the connection");
}

/* Whatever stands at the cut: a message is valid UTF-8, as long as can be, and says that it was
 * cut. */
static void a_long_message_is_cut_between_characters(void **state)
{
    static const char *const units[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2",
                                        "\x01"};

    (void)state;
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        for (size_t shift = 0; shift < 8; shift++) {
            struct error err = {0};
            char text[1600];
            size_t len = shift;

            memset(text, 'a', sizeof text);
            while (len + 4 < sizeof text) {
                memcpy(text + len, units[u], strlen(units[u]));
                len += strlen(units[u]);
            }
            text[len] = '\0';
            error_set(&err, ERROR_FORMAT, "%s", text);
            assert_true(strlen(err.message) >= sizeof err.message - 8);
            assert_true(is_one_printable_line(err.message));
            assert_string_equal(err.message + strlen(err.message) - 3, "\xe2\x80\xa6");
            error_wrap(&err, "%s", text);
            assert_true(is_one_printable_line(err.message));
        }
    }
}

static void a_message_that_just_fits_is_whole(void **state)
{
    struct error err = {0};
    char text[sizeof err.message];

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    error_set(&err, ERROR_FORMAT, "%s", text);
    assert_string_equal(err.message, text);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < ERROR_KIND_COUNT; a++) {
        assert_non_null(error_kind_name((enum error_kind)a));
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(error_kind_name((enum error_kind)a),
                                    error_kind_name((enum error_kind)b));
        }
    }
    assert_string_equal(error_kind_name(ERROR_NOT_FOUND), "not_found");
    assert_string_equal(error_kind_name(ERROR_KIND_COUNT), "unknown");
}

static void every_kind_has_its_disposition(void **state)
{
    static const enum disposition table[ERROR_KIND_COUNT] = {
        [ERROR_NONE] = DISPOSITION_STOP,
        [ERROR_USAGE] = DISPOSITION_STOP,
        [ERROR_NOMEM] = DISPOSITION_STOP,
        [ERROR_LIMIT] = DISPOSITION_BLOCK_JOB,
        [ERROR_IO] = DISPOSITION_STOP,
        [ERROR_TIMEOUT] = DISPOSITION_RETRY,
        [ERROR_UNAVAILABLE] = DISPOSITION_RETRY,
        [ERROR_THROTTLED] = DISPOSITION_RETRY,
        [ERROR_AUTH] = DISPOSITION_BLOCK_JOB,
        [ERROR_NOT_FOUND] = DISPOSITION_BLOCK_JOB,
        [ERROR_CONFLICT] = DISPOSITION_ABANDON,
        [ERROR_REJECTED] = DISPOSITION_BLOCK_JOB,
        [ERROR_TOO_LARGE] = DISPOSITION_SPLIT,
        [ERROR_FORMAT] = DISPOSITION_REJECT,
        [ERROR_INTEGRITY] = DISPOSITION_BLOCK_JOB,
        [ERROR_CANCELLED] = DISPOSITION_STOP,
        [ERROR_BUG] = DISPOSITION_STOP,
    };

    (void)state;
    for (int kind = 0; kind < ERROR_KIND_COUNT; kind++) {
        assert_int_equal(error_disposition((enum error_kind)kind), table[kind]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_kind_and_message_and_returns_false),
        cmocka_unit_test(the_first_error_wins),
        cmocka_unit_test(setting_no_kind_is_a_bug_and_not_a_success),
        cmocka_unit_test(clear_forgets_everything),
        cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_rest),
        cmocka_unit_test(wrapping_without_an_error_is_a_bug),
        cmocka_unit_test(control_and_invalid_bytes_are_escaped),
        cmocka_unit_test(a_trailing_newline_says_nothing),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_message_that_just_fits_is_whole),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
        cmocka_unit_test(every_kind_has_its_disposition),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
