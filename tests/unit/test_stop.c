/* Signals as a descriptor: readable when one has come, counted, and never deadly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/stop.h"

static struct stop stop;

static int enter(void **state)
{
    struct error err = {0};
    (void)state;
    return stop_open(&stop, &err) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    stop_on_ready(&stop, POLLIN); /* nothing of this test is pending in the next one */
    stop_close(&stop);
    return 0;
}

static bool is_ready(void)
{
    struct pollfd poll_fd = {.fd = stop_fd(&stop), .events = stop_wants(&stop)};
    return poll(&poll_fd, 1, 0) == 1;
}

static void nothing_is_requested_before_a_signal(void **state)
{
    (void)state;
    assert_true(stop_fd(&stop) >= 0);
    assert_int_equal(stop_wants(&stop), POLLIN);
    assert_false(is_ready());
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 0);
}

static void each_signal_counts_once(void **state)
{
    (void)state;
    kill(getpid(), SIGINT);
    assert_true(is_ready());
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 1);
    assert_false(is_ready());
    kill(getpid(), SIGTERM);
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 2);
    kill(getpid(), SIGINT);
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 3);
}

static void two_kinds_that_come_together_count_twice(void **state)
{
    (void)state;
    kill(getpid(), SIGINT);
    kill(getpid(), SIGTERM);
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 2);
}

static void a_signal_that_was_ignored_before_counts_too(void **state)
{
    struct error err = {0};
    (void)state;
    stop_close(&stop);
    assert_true(signal(SIGINT, SIG_IGN) != SIG_ERR);
    assert_true(stop_open(&stop, &err));
    kill(getpid(), SIGINT);
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 1);
    signal(SIGINT, SIG_DFL);
}

static void a_terminal_that_is_closed_asks_to_stop_unless_under_nohup(void **state)
{
    struct error err = {0};
    (void)state;
    kill(getpid(), SIGHUP);
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 1);
    stop_close(&stop);
    sigset_t none;
    sigemptyset(&none);
    assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    assert_int_equal(sigprocmask(SIG_SETMASK, &none, NULL), 0);
    assert_true(stop_open(&stop, &err));
    kill(getpid(), SIGHUP);
    stop_on_ready(&stop, POLLIN);
    assert_int_equal(stop.requested, 0);
    signal(SIGHUP, SIG_DFL);
}

static void a_file_that_may_not_grow_is_an_error_and_no_signal(void **state)
{
    char name[] = "/tmp/ferry-test-stop-XXXXXX";
    struct rlimit old;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = {0, old.rlim_max};
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ssize_t written = write(fd, "x", 1);
    int cause = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(written, -1);
    assert_int_equal(cause, EFBIG);
    close(fd);
}

static void a_peer_that_hung_up_is_an_error_and_no_signal(void **state)
{
    int pair[2] = {-1, -1};
    (void)state;
    assert_int_equal(pipe(pair), 0);
    close(pair[0]);
    assert_int_equal(write(pair[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(pair[1]);
}

static void the_descriptor_is_not_inherited_and_never_blocks(void **state)
{
    (void)state;
    assert_true(fcntl(stop_fd(&stop), F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(stop_fd(&stop), F_GETFL) & O_NONBLOCK);
}

static void closing_twice_is_harmless(void **state)
{
    (void)state;
    stop_close(&stop);
    assert_int_equal(stop_fd(&stop), -1);
    stop_close(&stop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_requested_before_a_signal),
        TEST(each_signal_counts_once),
        TEST(two_kinds_that_come_together_count_twice),
        TEST(a_signal_that_was_ignored_before_counts_too),
        TEST(a_peer_that_hung_up_is_an_error_and_no_signal),
        TEST(a_terminal_that_is_closed_asks_to_stop_unless_under_nohup),
        TEST(a_file_that_may_not_grow_is_an_error_and_no_signal),
        TEST(the_descriptor_is_not_inherited_and_never_blocks),
        TEST(closing_twice_is_harmless),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
