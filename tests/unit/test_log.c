/* Log lines: their form, their escaping, their ceiling, and that a log nobody can read harms nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/log.h"

/* Standard error is a socket that keeps one datagram per write, so that a line in two writes would show. */
static int saved_stderr = -1;
static int reading_end = -1;

static int catch_stderr(void **state)
{
    int pair[2];
    (void)state;
    log_configure("ferry-test", LOG_INFO);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    reading_end = pair[0];
    saved_stderr = dup(STDERR_FILENO);
    return dup2(pair[1], STDERR_FILENO) == STDERR_FILENO && close(pair[1]) == 0 ? 0 : -1;
}

static int release_stderr(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reading_end);
    return 0;
}

/* One write's bytes; "" when there is none. */
static const char *next_line(void)
{
    static char line[2 * PIPE_BUF];
    ssize_t len = recv(reading_end, line, sizeof(line) - 1, MSG_DONTWAIT);
    line[len > 0 ? len : 0] = '\0';
    return line;
}

#define STAMP_LENGTH (sizeof("ts=2026-11-21T10:09:00.123Z") - 1)

static void check_line(const char *expected)
{
    const char *line = next_line();
    assert_true(strlen(line) > STAMP_LENGTH);
    assert_memory_equal(line, "ts=2", 4);
    assert_int_equal(line[STAMP_LENGTH - 1], 'Z');
    assert_string_equal(line + STAMP_LENGTH, expected);
}

static void check_value(const char *text, const char *expected)
{
    char line[2000];
    snprintf(line, sizeof(line), " program=ferry-test level=info event=e v=%s\n", expected);
    log_event(LOG_INFO, "e", LOG_TEXT("v", text));
    check_line(line);
}

static void an_event_is_one_line_in_one_write(void **state)
{
    (void)state;
    log_event(LOG_INFO, "batch.verified", LOG_NUMBER("job", 12), LOG_NUMBER("records", INT64_MIN),
              LOG_TEXT("collection", "docs"));
    check_line(
        " program=ferry-test level=info event=batch.verified job=12 records=-9223372036854775808 "
        "collection=docs\n");
    assert_string_equal(next_line(), "");
}

static void an_event_may_have_no_field_and_no_program(void **state)
{
    (void)state;
    log_configure(NULL, LOG_INFO);
    log_write(LOG_ERROR, "gone", NULL, 0);
    check_line(" level=error event=gone\n");
}

static void values_are_quoted_when_they_must_be(void **state)
{
    (void)state;
    check_value("plain", "plain");
    check_value("http://h:1/a?b", "http://h:1/a?b");
    check_value("C:\\x", "C:\\x");
    check_value("two words", "\"two words\"");
    check_value("a=b", "\"a=b\"");
    check_value("say \"no\"", "\"say \\\"no\\\"\"");
    check_value("a \\ b", "\"a \\\\ b\"");
    check_value("", "\"\"");
    check_value(NULL, "\"\"");
    check_value("gr\xc3\xbc\xc3\x9f"
                "e",
                "\"gr\xc3\xbc\xc3\x9f"
                "e\"");
}

static void no_value_can_begin_another_line_or_steer_a_terminal(void **state)
{
    (void)state;
    check_value("a\nlevel=error event=forged", "\"a\\nlevel=error event=forged\"");
    check_value("a\r\tb", "\"a\\r\\tb\"");
    check_value("\x1b[2J", "\"\\x1b[2J\"");
    check_value("\x7f", "\"\\x7f\"");
    check_value("\xc2\x9b"
                "2J",
                "\"\\xc2\\x9b2J\"");
    check_value("\xff\xc3", "\"\\xff\\xc3\"");
}

static void levels_below_the_configured_one_are_silent(void **state)
{
    (void)state;
    log_event(LOG_DEBUG, "e", LOG_NUMBER("n", 1));
    assert_string_equal(next_line(), "");
    log_configure("ferry-test", LOG_DEBUG);
    log_event(LOG_DEBUG, "e", LOG_NUMBER("n", 1));
    check_line(" program=ferry-test level=debug event=e n=1\n");
    log_configure("ferry-test", LOG_ERROR);
    log_event(LOG_WARN, "e", LOG_NUMBER("n", 1));
    assert_string_equal(next_line(), "");
}

static void levels_have_names(void **state)
{
    enum log_level level = LOG_INFO;
    (void)state;
    assert_true(log_level_parse("error", &level) && level == LOG_ERROR);
    assert_true(log_level_parse("warn", &level) && level == LOG_WARN);
    assert_true(log_level_parse("info", &level) && level == LOG_INFO);
    assert_true(log_level_parse("debug", &level) && level == LOG_DEBUG);
    assert_false(log_level_parse("trace", &level));
    assert_false(log_level_parse("", &level));
    assert_int_equal(level, LOG_DEBUG);
}

static void a_field_that_does_not_fit_is_left_out_and_the_line_says_so(void **state)
{
    static char longest[PIPE_BUF + 1];
    (void)state;
    memset(longest, '\n', sizeof(longest) - 1);
    for (size_t len = 0; len < sizeof(longest);
         len += 7) { /* every boundary: what is in a line is whole */
        longest[len] = '\0';
        log_event(LOG_INFO, "e", LOG_TEXT("a", "first"), LOG_TEXT("v", longest),
                  LOG_NUMBER("z", 26));
        longest[len] = '\n';
        const char *line = next_line();
        size_t written = strlen(line);
        assert_true(written > 0 && written <= PIPE_BUF);
        assert_int_equal(line[written - 1], '\n');
        assert_int_equal(strcspn(line, "\n"), written - 1);
        const char *tail = strstr(line, " event=e a=first");
        assert_non_null(tail);
        if (strstr(tail, "truncated=true") != NULL) {
            assert_true(len > 1000);
            assert_string_equal(tail, " event=e a=first z=26 truncated=true\n");
        } else {
            assert_int_equal(strlen(tail), strlen(" event=e a=first v=\"\" z=26\n") + 2 * len);
        }
    }
}

static void errno_survives_a_line(void **state)
{
    (void)state;
    close(reading_end);
    signal(SIGPIPE, SIG_IGN);
    errno = ENOENT;
    log_event(LOG_INFO, "e", LOG_NUMBER("n", 1));
    assert_int_equal(errno, ENOENT);
    signal(SIGPIPE, SIG_DFL);
    reading_end = dup(STDIN_FILENO);
}

/* In a child, because cmocka itself wants its standard error. */
static int run_child(int (*deed)(void))
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(deed());
    }
    assert_true(pid > 0);
    assert_true(waitpid(pid, &status, 0) == pid);
    return status;
}

static int log_into_nothing(void)
{
    close(STDERR_FILENO);
    log_event(LOG_INFO, "e", LOG_NUMBER("n", 1));
    return 7;
}

static int open_after_configuring(void)
{
    close(STDIN_FILENO);
    close(STDERR_FILENO);
    log_configure("ferry-test", LOG_INFO);
    int pair[2] = {-1, -1};
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0 || pair[0] <= STDERR_FILENO ||
        pair[1] <= STDERR_FILENO) {
        return 1;
    }
    log_event(LOG_INFO, "e", LOG_NUMBER("n", 1));
    char byte = 0;
    return read(pair[0], &byte, 1) == -1 && errno == EAGAIN ? 7 : 2;
}

static void a_closed_standard_error_harms_nothing(void **state)
{
    (void)state;
    int status = run_child(log_into_nothing);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void what_is_opened_later_never_becomes_the_log(void **state)
{
    (void)state;
    int status = run_child(open_after_configuring);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, catch_stderr, release_stderr)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_one_line_in_one_write),
        TEST(an_event_may_have_no_field_and_no_program),
        TEST(values_are_quoted_when_they_must_be),
        TEST(no_value_can_begin_another_line_or_steer_a_terminal),
        TEST(levels_below_the_configured_one_are_silent),
        TEST(levels_have_names),
        TEST(a_field_that_does_not_fit_is_left_out_and_the_line_says_so),
        TEST(errno_survives_a_line),
        TEST(a_closed_standard_error_harms_nothing),
        TEST(what_is_opened_later_never_becomes_the_log),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
