/* Members of a mock group that come, go, stall, or can hold no more: nothing is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "support/bus_fixture.h"

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
    probe_assert_seen(f->seen, 0, 650, 1, 1);
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
    probe_assert_seen(f->seen, 0, 40, 1, 1);
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
    probe_assert_seen(f->seen, 0, sent, 1, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ONE(a_member_that_can_hold_no_more_stays_and_loses_nothing),
        ON_ONE(a_member_that_is_not_served_loses_its_partitions_and_recovers),
        ON_ONE(messages_are_skipped_by_nobody_while_members_come_and_go),
    };

    return cmocka_run_group_tests_name("bus_member_mock", tests, NULL, NULL);
}
