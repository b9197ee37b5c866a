/* Subscribing when something is broken: the group, the client, the topic; and ends that do not hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "support/bus_fixture.h"

static void an_outage_of_the_group_is_survived_and_named(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    int64_t until;

    fixture_publish_and_wait(f, 0, 20, 100);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_messages(&member, 20, WAIT_MS));
    mock_bus_down(f->bus, 1);
    until = clock_boottime_ms() + WAIT_MS;
    while (subscriber_trouble(member.subscriber)[0] == '\0' && clock_boottime_ms() < until) {
        assert_true(probe_turn(&member, true, 200));
    }
    assert_non_null(strstr(subscriber_trouble(member.subscriber), "127.0.0.1:"));
    mock_bus_up(f->bus, 1);
    fixture_publish_and_wait(f, 20, 40, 100);
    assert_true(probe_await_messages(&member, 40, WAIT_MS));
    assert_string_equal(subscriber_trouble(member.subscriber), "");
    assert_int_equal(member.skipped + member.wrong, 0);
    probe_leave(&member);
}

static void a_fatal_consumer_error_is_told_and_leaving_still_ends(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    int64_t start;
    bool alive = true;

    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_assignment(&member, WAIT_MS));
    mock_bus_kill_subscriber(member.subscriber);
    start = clock_boottime_ms();
    while (alive && clock_boottime_ms() - start < WAIT_MS) {
        alive = probe_turn(&member, true, 200);
    }
    assert_false(alive);
    assert_int_equal(member.err.kind, ERROR_UNAVAILABLE);
    start = clock_boottime_ms();
    probe_leave(&member);
    assert_in_range(clock_boottime_ms() - start, 0, 7000);
}

static void leaving_is_bounded_when_the_group_has_gone(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    int64_t start;

    fixture_publish_and_wait(f, 0, 20, 100);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_messages(&member, 20, WAIT_MS));
    mock_bus_down(f->bus, 1);
    start = clock_boottime_ms();
    subscriber_close(member.subscriber, 1500);
    assert_in_range(clock_boottime_ms() - start, 0, 4000);

    assert_true(probe_join(&member, &f->settings, f->seen)); /* never got as far as the group */
    start = clock_boottime_ms();
    subscriber_close(member.subscriber, 1500);
    assert_in_range(clock_boottime_ms() - start, 0, 4000);
    mock_bus_up(f->bus, 1);
    subscriber_close(NULL, 0);
}

static void a_topic_that_appears_late_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    int64_t until = clock_boottime_ms() + 3000;

    mock_bus_topic_unknown(f->bus, TOPIC);
    assert_true(probe_join(&member, &f->settings, f->seen));
    while (clock_boottime_ms() < until) {
        assert_true(probe_turn(&member, true, 200));
    }
    assert_non_null(strstr(subscriber_trouble(member.subscriber), "does not exist"));
    mock_bus_topic_known(f->bus, TOPIC);
    fixture_publish_and_wait(f, 0, 10, 100);
    assert_true(probe_await_messages(&member, 10, WAIT_MS));
    probe_leave(&member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ONE(an_outage_of_the_group_is_survived_and_named),
        ON_ONE(a_fatal_consumer_error_is_told_and_leaving_still_ends),
        ON_ONE(leaving_is_bounded_when_the_group_has_gone),
        ON_ONE(a_topic_that_appears_late_is_waited_for),
    };

    return cmocka_run_group_tests_name("bus_outage_mock", tests, NULL, NULL);
}
