/* Subscribing against librdkafka's mock cluster: places, generations, members that come, go, stall and break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "support/bus_fixture.h"

static void assert_seen(const struct fixture *f, uint64_t from, uint64_t to, unsigned least,
                        unsigned most)
{
    for (uint64_t token = from; token < to; token++) {
        assert_in_range(f->seen[token], least, most);
    }
}

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
    assert_seen(f, 0, 300, 1, 1);
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
    assert_seen(f, 0, 150, 1, 1);

    assert_true(probe_join(&member, &f->settings, f->seen)); /* unacknowledged: again */
    assert_true(probe_await_messages(&member, 50, WAIT_MS));
    probe_leave(&member);
    assert_seen(f, 0, 100, 1, 1);
    assert_seen(f, 100, 150, 2, 2);
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
    assert_seen(f, 0, 40, 2, 2);
}

static void a_member_that_can_hold_no_more_stays_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    int64_t until;
    size_t before;

    fixture_publish_and_wait(f, 0, 600, 500);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_assignment(&member, WAIT_MS));
    assert_int_equal(member.messages, 0);
    until = clock_boottime_ms() + 2 * SESSION_MS;
    while (clock_boottime_ms() < until) {
        assert_true(probe_turn(&member, false, 1000));
    }
    assert_int_equal(member.messages, 0);
    assert_int_equal(member.revocations, 0);

    before = f->reports.count;
    fixture_send_all(f, 600, 650, 500); /* something new behind the old */
    assert_true(probe_await_reports(f->publisher, &f->reports, before + 50, WAIT_MS));
    assert_true(probe_await_messages(&member, 650, WAIT_MS));
    assert_int_equal(member.skipped, 0);
    assert_int_equal(member.wrong, 0);
    assert_int_equal(member.revocations, 0);
    probe_leave(&member);
    assert_seen(f, 0, 650, 1, 1);
}

static void a_member_that_is_not_served_loses_its_partitions_and_recovers(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    int64_t until;

    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_assignment(&member, WAIT_MS));
    until = clock_boottime_ms() + SESSION_MS + 1500;
    while (clock_boottime_ms() < until) { /* silence */
        poll(NULL, 0, 100);
    }
    fixture_publish_and_wait(f, 0, 40, 500);
    assert_true(probe_await_messages(&member, 40, WAIT_MS));
    assert_int_equal(member.revocations, 1);
    assert_int_equal(member.wrong, 0);
    probe_leave(&member);
    assert_seen(f, 0, 40, 1, 1);
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

static void messages_are_skipped_by_nobody_while_members_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct probe_member members[3] = {0};
    uint64_t seed, sent = 0;
    int64_t until;
    struct rng rng;

    random_bytes(&seed, sizeof seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    for (unsigned round = 0; round < 6; round++) {
        struct probe_member *member = &members[rng_below(&rng, ARRAY_LEN(members))];

        if (member->subscriber == NULL) {
            assert_true(probe_join(member, &f->settings, f->seen));
        } else {
            assert_int_equal(member->skipped + member->wrong, 0);
            probe_leave(member);
        }
        fixture_publish_and_wait(f, sent, sent + 40, 300);
        sent += 40;
        for (uint64_t turns = 4 + rng_below(&rng, 30); turns > 0; turns--) {
            for (size_t i = 0; i < ARRAY_LEN(members); i++) {
                if (members[i].subscriber != NULL) {
                    assert_true(probe_turn(&members[i], rng_below(&rng, 4) != 0, 20));
                }
            }
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (members[i].subscriber != NULL) {
            assert_int_equal(members[i].skipped + members[i].wrong, 0);
            probe_leave(&members[i]);
        }
    }
    assert_true(probe_join(&members[0], &f->settings, f->seen)); /* what nobody acknowledged */
    until = clock_boottime_ms() + WAIT_MS;
    while (memchr(f->seen, 0, sent) != NULL && clock_boottime_ms() < until) {
        assert_true(probe_turn(&members[0], true, 100));
    }
    assert_int_equal(members[0].skipped + members[0].wrong, 0);
    probe_leave(&members[0]);
    assert_seen(f, 0, sent, 1, 255);
}

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
    assert_non_null(strstr(subscriber_trouble(member.subscriber), "Unknown topic"));
    mock_bus_topic_known(f->bus, TOPIC);
    fixture_publish_and_wait(f, 0, 10, 100);
    assert_true(probe_await_messages(&member, 10, WAIT_MS));
    probe_leave(&member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_THREE(a_member_gets_every_message_with_its_content_and_place),
        ON_ONE(the_next_member_begins_where_the_last_one_acknowledged),
        ON_ONE(an_acknowledgement_of_an_ended_generation_changes_nothing),
        ON_ONE(a_member_that_can_hold_no_more_stays_and_loses_nothing),
        ON_ONE(a_member_that_is_not_served_loses_its_partitions_and_recovers),
        ON_ONE(a_message_outlives_its_subscriber),
        ON_ONE(the_descriptor_stays_ready_until_everything_is_taken_or_nothing_wanted),
        ON_ONE(messages_are_skipped_by_nobody_while_members_come_and_go),
        ON_ONE(an_outage_of_the_group_is_survived_and_named),
        ON_ONE(a_fatal_consumer_error_is_told_and_leaving_still_ends),
        ON_ONE(leaving_is_bounded_when_the_group_has_gone),
        ON_ONE(a_topic_that_appears_late_is_waited_for),
    };

    return cmocka_run_group_tests_name("bus_group_mock", tests, NULL, NULL);
}
