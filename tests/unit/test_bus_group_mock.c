/* Subscribing against librdkafka's mock cluster: messages, places, generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "base/clock.h"
#include "support/bus_fixture.h"

static void a_member_gets_every_message_with_its_content_and_place(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;

    fixture_publish_and_wait(f, 0, 300, 3000);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_messages(&member, 300, WAIT_MS));
    assert_int_equal(member.partitions, 4);
    assert_int_equal(member.wrong, 0);
    assert_int_equal(member.skipped, 0);
    probe_assert_seen(f->seen, 0, 300, 1, 1);
    for (size_t p = 0; p < 4; p++) { /* from the very first one */
        assert_true(member.next[p] > 0);
    }
    probe_leave(&member);
    assert_int_equal(member.revocations, 1);
}

static void the_next_member_begins_where_the_last_one_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;

    fixture_publish_and_wait(f, 0, 100, 500);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_messages(&member, 100, WAIT_MS));
    probe_leave(&member); /* commits */

    fixture_publish_and_wait(f, 100, 150, 500);
    assert_true(probe_join(&member, &f->settings, f->seen));
    member.acknowledge = false;
    assert_true(probe_await_messages(&member, 50, WAIT_MS));
    probe_leave(&member);
    probe_assert_seen(f->seen, 0, 150, 1, 1);

    assert_true(probe_join(&member, &f->settings, f->seen)); /* unacknowledged: again */
    assert_true(probe_await_messages(&member, 50, WAIT_MS));
    probe_leave(&member);
    probe_assert_seen(f->seen, 0, 100, 1, 1);
    probe_assert_seen(f->seen, 100, 150, 2, 2);
}

static void an_acknowledgement_of_an_ended_generation_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;

    fixture_publish_and_wait(f, 0, 40, 500);
    assert_true(probe_join(&member, &f->settings, f->seen));
    member.acknowledge = false;
    assert_true(probe_await_messages(&member, 40, WAIT_MS));
    for (int partition = 0; partition < 4; partition++) {
        subscriber_acknowledge(member.subscriber, member.generation - 1, partition,
                               member.next[partition]);
        subscriber_acknowledge(member.subscriber, member.generation + 1, partition,
                               member.next[partition]);
        subscriber_acknowledge(member.subscriber, member.generation, partition, -1);
    }
    subscriber_acknowledge(member.subscriber, member.generation, 63, 1); /* not ours */
    probe_leave(&member);

    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_messages(&member, 40, WAIT_MS));
    probe_leave(&member);
    probe_assert_seen(f->seen, 0, 40, 2, 2);
}

static void a_message_outlives_its_subscriber(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    struct bus_message message = {0};
    struct bus_message again;
    int64_t until = clock_boottime_ms() + WAIT_MS;
    bool got = false;
    bool found;

    fixture_publish_and_wait(f, 0, 1, 100000);
    assert_true(probe_join(&member, &f->settings, f->seen));
    while (!got && clock_boottime_ms() < until) {
        poll(NULL, 0, 20);
        assert_true(subscriber_next(member.subscriber, true, &message, &got, &member.err));
    }
    assert_true(got);
    assert_true(subscriber_next(member.subscriber, true, &again, &got, &member.err));
    assert_false(got);
    probe_leave(&member);
    assert_int_equal(message.value.len, 100000);
    assert_int_equal(message.value.ptr[99999] + 1, (uint8_t)(99999 * 7 + (99999 >> 10)) + 1);
    assert_true(span_equal(bus_message_header(&message, "token", &found), SPAN_LITERAL("0")));
    bus_message_free(&message);
    bus_message_free(&message);
    bus_message_header(&message, "token", &found);
    assert_false(found);
}

static void the_descriptor_stays_ready_until_everything_is_taken_or_nothing_wanted(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    struct bus_message message = {0};
    struct pollfd watch;
    unsigned taken = 0;
    bool got = true;

    fixture_publish_and_wait(f, 0, 20, 100);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_assignment(&member, WAIT_MS));
    watch = (struct pollfd){.fd = subscriber_fd(member.subscriber),
                            .events = subscriber_wants(member.subscriber)};
    while (taken < 20) { /* one at each turn, as a loop would */
        assert_int_equal(poll(&watch, 1, 5000), 1);
        assert_true(subscriber_next(member.subscriber, true, &message, &got, &member.err));
        taken += got;
        bus_message_free(&message);
        if (got && taken == 10) { /* no room: quiet, though there is more */
            assert_int_equal(poll(&watch, 1, 0), 1);
            assert_true(subscriber_next(member.subscriber, false, &message, &got, &member.err));
            assert_false(got);
            while (poll(&watch, 1, 300) == 1) { /* the group may have had something to say */
                assert_true(subscriber_next(member.subscriber, false, &message, &got, &member.err));
                assert_false(got);
            }
            assert_true(subscriber_next(member.subscriber, true, &message, &got, &member.err));
            assert_true(got);
            taken++;
            bus_message_free(&message);
        }
    }
    assert_true(subscriber_next(member.subscriber, true, &message, &got, &member.err));
    assert_false(got);
    probe_leave(&member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_THREE(a_member_gets_every_message_with_its_content_and_place),
        ON_ONE(the_next_member_begins_where_the_last_one_acknowledged),
        ON_ONE(an_acknowledgement_of_an_ended_generation_changes_nothing),
        ON_ONE(a_message_outlives_its_subscriber),
        ON_ONE(the_descriptor_stays_ready_until_everything_is_taken_or_nothing_wanted),
    };

    return cmocka_run_group_tests_name("bus_group_mock", tests, NULL, NULL);
}
