/* The event loop without HTTP: watches, timers, and changing both from inside callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"

#define SOON_MS 2000u /* how long a test waits for what must come at once */

struct probe { /* a watch and a timer that count */
    struct loop *loop;
    int fd;
    short wants;
    unsigned ready, ticks;
    short got;
    void (*then)(struct probe *probe);
    struct probe *other;
};

static int probe_fd(void *ctx)
{
    return ((struct probe *)ctx)->fd;
}

static short probe_wants(void *ctx)
{
    return ((struct probe *)ctx)->wants;
}

static void probe_ready(void *ctx, short got)
{
    struct probe *probe = ctx;
    char byte;

    probe->ready++;
    probe->got = got;
    if (got & POLLIN) {
        (void)!read(probe->fd, &byte, 1);
    }
    if (probe->then) {
        probe->then(probe);
    }
}

static void probe_tick(void *ctx)
{
    struct probe *probe = ctx;

    probe->ticks++;
    if (probe->then) {
        probe->then(probe);
    }
}

static void watch(struct probe *probe)
{
    struct error err = {0};

    assert_true(loop_watch(probe->loop,
                           (struct loop_watch){probe_fd, probe_wants, probe_ready, probe}, &err));
}

static void every(struct probe *probe, uint32_t period_ms)
{
    struct error err = {0};

    assert_true(loop_every(probe->loop, period_ms, probe_tick, probe, &err));
}

static void turn(struct loop *loop, uint32_t max_wait_ms)
{
    struct error err = {0};

    if (!loop_turn(loop, max_wait_ms, &err)) {
        fail_msg("%s", err.message);
    }
}

static int setup(void **state)
{
    struct error err = {0};

    *state = loop_new(&err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void a_readable_descriptor_ends_the_wait(void **state)
{
    int ends[2];
    struct probe probe = {.loop = *state, .wants = POLLIN};
    int64_t start = clock_boottime_ms();

    assert_int_equal(pipe(ends), 0);
    probe.fd = ends[0];
    watch(&probe);
    turn(*state, 0);
    assert_int_equal(probe.ready, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    turn(*state, SOON_MS);
    assert_int_equal(probe.ready, 1);
    assert_int_equal(probe.got, POLLIN);
    assert_true(clock_boottime_ms() - start < SOON_MS);
    turn(*state, 0);
    assert_int_equal(probe.ready, 1);
    close(ends[0]);
    close(ends[1]);
}

static void only_what_is_wanted_is_reported(void **state)
{
    int ends[2];
    struct probe probe = {.loop = *state, .wants = POLLIN};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    probe.fd = ends[0];
    watch(&probe);
    turn(*state, 0);
    assert_int_equal(probe.ready, 0); /* writable all the time, but nobody asked */
    probe.wants = POLLIN | POLLOUT;
    turn(*state, SOON_MS);
    assert_int_equal(probe.ready, 1);
    assert_int_equal(probe.got, POLLOUT);
    probe.wants = 0;
    assert_int_equal(write(ends[1], "x", 1), 1);
    turn(*state, 0);
    assert_int_equal(probe.ready, 1);
    close(ends[0]);
    close(ends[1]);
}

static void the_descriptor_may_change_and_be_absent(void **state)
{
    int first[2], second[2];
    struct probe probe = {.loop = *state, .wants = POLLIN, .fd = -1};

    assert_int_equal(pipe(first), 0);
    assert_int_equal(pipe(second), 0);
    watch(&probe);
    turn(*state, 0);
    probe.fd = first[0];
    assert_int_equal(write(second[1], "x", 1), 1);
    turn(*state, 0);
    assert_int_equal(probe.ready, 0);
    probe.fd = second[0];
    turn(*state, SOON_MS);
    assert_int_equal(probe.ready, 1);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

static void a_hangup_is_told_as_what_was_wanted(void **state)
{
    int ends[2];
    struct probe probe = {.loop = *state, .wants = POLLIN};

    assert_int_equal(pipe(ends), 0);
    probe.fd = ends[0];
    watch(&probe);
    close(ends[1]); /* an empty pipe then polls POLLHUP without POLLIN */
    turn(*state, SOON_MS);
    assert_int_equal(probe.ready, 1);
    assert_int_equal(probe.got, POLLIN);
    close(ends[0]);
}

static void a_closed_descriptor_is_told_too(void **state)
{
    int ends[2];
    struct probe probe = {.loop = *state, .wants = POLLOUT};

    assert_int_equal(pipe(ends), 0);
    probe.fd = ends[1];
    watch(&probe);
    close(ends[0]);
    close(ends[1]);
    turn(*state, 50);
    assert_int_equal(probe.ready, 1);
    assert_int_equal(probe.got, POLLOUT);
}

static void unwatch_other(struct probe *probe)
{
    loop_unwatch(probe->loop, probe->other);
}

static void a_watch_removed_by_another_is_not_called_any_more(void **state)
{
    int ends[2];
    struct probe second = {.loop = *state, .wants = POLLIN};
    struct probe first = {.loop = *state, .wants = POLLIN, .then = unwatch_other, .other = &second};

    assert_int_equal(pipe(ends), 0);
    first.fd = ends[0];
    second.fd = ends[0];
    watch(&first);
    watch(&second);
    assert_int_equal(write(ends[1], "xy", 2), 2);
    turn(*state, SOON_MS);
    turn(*state, SOON_MS);
    assert_int_equal(first.ready, 2);
    assert_int_equal(second.ready, 0);
    close(ends[0]);
    close(ends[1]);
}

static void unwatch_self_and_watch_many(struct probe *probe)
{
    loop_unwatch(probe->loop, probe);
    for (unsigned i = 0; i < 40; i++) {
        watch(probe->other);
    }
}

static void a_watch_may_remove_itself_and_add_others(void **state)
{
    int ends[2];
    struct probe second = {.loop = *state, .wants = POLLOUT};
    struct probe first = {
        .loop = *state, .wants = POLLIN, .then = unwatch_self_and_watch_many, .other = &second};

    assert_int_equal(pipe(ends), 0);
    first.fd = ends[0];
    second.fd = ends[1];
    watch(&first);
    assert_int_equal(write(ends[1], "xy", 2), 2);
    turn(*state, SOON_MS);
    assert_int_equal(first.ready, 1);
    assert_int_equal(second.ready, 0); /* added now, asked from the next turn on */
    turn(*state, SOON_MS);
    assert_int_equal(first.ready, 1);
    assert_int_equal(second.ready, 40);
    loop_unwatch(*state, &second);
    turn(*state, 0);
    assert_int_equal(second.ready, 40);
    close(ends[0]);
    close(ends[1]);
}

static void a_timer_comes_after_its_period_and_again(void **state)
{
    struct probe probe = {.loop = *state};
    int64_t start = clock_boottime_ms();

    every(&probe, 30);
    turn(*state, 0);
    assert_int_equal(probe.ticks, 0);
    while (probe.ticks < 3 && clock_boottime_ms() - start < SOON_MS) {
        turn(*state, SOON_MS); /* the timer must cut the wait short */
    }
    assert_int_equal(probe.ticks, 3);
    assert_true(clock_boottime_ms() - start >= 90);
    assert_true(clock_boottime_ms() - start < SOON_MS);
    loop_cancel(*state, &probe);
    turn(*state, 60);
    assert_int_equal(probe.ticks, 3);
}

static void a_late_timer_is_not_made_up_for(void **state)
{
    struct probe probe = {.loop = *state};

    every(&probe, 10);
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000000L}, NULL);
    turn(*state, 0);
    turn(*state, 0);
    assert_int_equal(probe.ticks, 1);
}

static void cancel_both(struct probe *probe)
{
    loop_cancel(probe->loop, probe);
    loop_cancel(probe->loop, probe->other);
}

static void a_timer_may_cancel_itself_and_another_that_is_due(void **state)
{
    struct probe second = {.loop = *state};
    struct probe first = {.loop = *state, .then = cancel_both, .other = &second};

    every(&first, 10);
    every(&second, 10);
    nanosleep(&(struct timespec){.tv_nsec = 30 * 1000000L}, NULL);
    turn(*state, 0);
    turn(*state, 30);
    assert_int_equal(first.ticks, 1);
    assert_int_equal(second.ticks, 0);
}

static void a_timer_without_a_period_is_refused(void **state)
{
    struct error err = {0};

    assert_false(loop_every(*state, 0, probe_tick, NULL, &err));
    assert_int_equal(err.kind, ERROR_BUG);
}

static void turn_inside(struct probe *probe)
{
    struct error err = {0};

    assert_false(loop_turn(probe->loop, 0, &err));
    assert_int_equal(err.kind, ERROR_BUG);
    assert_string_equal(err.message, "the event loop was turned from inside one of its callbacks");
}

static void a_turn_inside_a_turn_is_refused(void **state)
{
    struct probe probe = {.loop = *state, .then = turn_inside};

    every(&probe, 1);
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000L}, NULL);
    turn(*state, 0);
    assert_int_equal(probe.ticks, 1);
    probe.then = NULL;
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000L}, NULL);
    turn(*state, 0); /* and the loop goes on */
    assert_int_equal(probe.ticks, 2);
}

static bool is_done;

static void say_done(struct probe *probe)
{
    is_done = probe->ticks == 3;
}

static void until_turns_until_done(void **state)
{
    struct probe probe = {.loop = *state, .then = say_done};
    struct error err = {0};

    is_done = false;
    every(&probe, 5);
    assert_true(loop_until(*state, &is_done, 0, &err));
    assert_int_equal(probe.ticks, 3);
    assert_true(loop_until(*state, &is_done, 1, &err)); /* done already: no look at the clock */
}

static void until_gives_up_at_the_deadline(void **state)
{
    static const bool never = false;
    struct error err = {0};
    int64_t start = clock_boottime_ms();

    assert_false(loop_until(*state, &never, start + 50, &err));
    assert_int_equal(err.kind, ERROR_TIMEOUT);
    assert_in_range(clock_boottime_ms() - start, 50, SOON_MS);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_readable_descriptor_ends_the_wait),
        LOOP_TEST(only_what_is_wanted_is_reported),
        LOOP_TEST(the_descriptor_may_change_and_be_absent),
        LOOP_TEST(a_hangup_is_told_as_what_was_wanted),
        LOOP_TEST(a_closed_descriptor_is_told_too),
        LOOP_TEST(a_watch_removed_by_another_is_not_called_any_more),
        LOOP_TEST(a_watch_may_remove_itself_and_add_others),
        LOOP_TEST(a_timer_comes_after_its_period_and_again),
        LOOP_TEST(a_late_timer_is_not_made_up_for),
        LOOP_TEST(a_timer_may_cancel_itself_and_another_that_is_due),
        LOOP_TEST(a_timer_without_a_period_is_refused),
        LOOP_TEST(a_turn_inside_a_turn_is_refused),
        LOOP_TEST(until_turns_until_done),
        LOOP_TEST(until_gives_up_at_the_deadline),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
