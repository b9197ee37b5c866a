/* Members of a real Kafka's group: nothing is skipped, nothing acknowledged too early, memory stays bounded. */
#include <string.h>
#include <unistd.h>

#include "bus_world.h"

/* librdkafka 2.0.2 pauses for up to a second whenever its queue of 8 MiB was full: many more would only take longer. */
#define SHARED  200 /* 100 MB for two members */
#define WAITING 120 /* 60 MB, of which a member may keep less than 40 in memory */
#define ROUNDS  24  /* leaving takes librdkafka most of a second */

static void two_members_share_everything_without_a_gap(void **state)
{
    struct fixture *f = *state;
    struct bus_position positions[PARTITIONS];
    struct probe_member a, b;
    int64_t committed, total;
    int64_t until;

    create_topic(f, &WISHES);
    assert_int_equal(read_positions(f, positions, &committed), 0);
    publish(f, 0, SHARED, 500000);
    total = read_positions(f, positions, &committed);
    assert_in_range(total, SHARED, SHARED + f->sent_again);
    for (size_t i = 0; i < PARTITIONS; i++) {
        assert_int_equal(positions[i].committed, BUS_NO_OFFSET);
    }
    for (size_t i = 0; i < SHARED; i++) { /* the report told the truth about the place */
        assert_true(f->reports.of[i].offset < positions[f->reports.of[i].partition].high);
    }

    assert_true(probe_join(&a, &f->settings, f->seen));
    assert_true(probe_join(&b, &f->settings, f->seen));
    until = clock_boottime_ms() + WAIT_MS;
    while (a.partitions + b.partitions < PARTITIONS || a.partitions == 0 || b.partitions == 0) {
        assert_true(clock_boottime_ms() < until);
        assert_true(probe_turn(&a, false, 50) && probe_turn(&b, false, 50));
    }
    until = clock_boottime_ms() + WAIT_MS;
    while ((int64_t)(a.messages + b.messages) < total) {
        assert_true(clock_boottime_ms() < until);
        assert_true(probe_turn(&a, true, 20) && probe_turn(&b, true, 20));
    }
    assert_true(a.messages > 0 && b.messages > 0);
    assert_int_equal(a.wrong + a.skipped + b.wrong + b.skipped, 0);
    probe_assert_seen(f->seen, 0, SHARED, 1, 1 + f->sent_again);
    probe_leave(&a);
    probe_leave(&b);
    assert_int_equal(read_positions(f, positions, &committed), total);
    assert_int_equal(committed, total);
}

static void what_is_acknowledged_is_committed_in_the_background(void **state)
{
    struct fixture *f = *state;
    struct bus_position positions[PARTITIONS];
    struct probe_member member;
    int64_t committed = 0;
    int64_t until;

    create_topic(f, &WISHES);
    publish(f, 0, 100, 1000);
    read_positions(f, positions, &committed);
    assert_true(probe_join(&member, &f->settings, f->seen));
    member.acknowledge = false;
    assert_true(probe_await_messages(&member, 100, WAIT_MS));
    for (int partition = 0; partition < PARTITIONS; partition++) {
        subscriber_acknowledge(member.subscriber, member.generation, partition,
                               positions[partition].high / 2);
        subscriber_acknowledge(member.subscriber, member.generation - 1, partition,
                               positions[partition].high);
    }
    until = clock_boottime_ms() + WAIT_MS;
    do {
        assert_true(probe_turn(&member, true, 200));
        read_positions(f, positions, &committed);
        assert_true(clock_boottime_ms() < until);
    } while (committed == 0);
    for (int partition = 0; partition < PARTITIONS; partition++) {
        assert_int_equal(positions[partition].committed, positions[partition].high / 2);
    }
    probe_leave(&member);
}

static long resident_kib(void)
{
    long pages = 0, ignored = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &ignored, &pages), 2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void a_full_member_keeps_its_place_and_its_memory(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    int64_t until;
    long before, most = 0;

    create_topic(f, &WISHES);
    publish(f, 0, WAITING, 500000);
    publisher_close(f->publisher, 1000);
    f->publisher = NULL;
    before = resident_kib();
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_assignment(&member, WAIT_MS));
    until = clock_boottime_ms() + SESSION_MS + SESSION_MS / 2;
    while (clock_boottime_ms() < until) {
        assert_true(probe_turn(&member, false, 1000));
        most = resident_kib() > most ? resident_kib() : most;
    }
    assert_int_equal(member.messages, 0);
    assert_int_equal(member.revocations, 0);
    print_message("%ld KiB more than before\n", most - before);
    assert_true(most - before < 40 * 1024);
    assert_true(probe_await_messages(&member, WAITING, WAIT_MS));
    assert_int_equal(member.revocations, 0);
    assert_int_equal(member.wrong + member.skipped, 0);
    probe_assert_seen(f->seen, 0, WAITING, 1, 1 + f->sent_again);
    probe_leave(&member);
}

static void nothing_is_skipped_while_members_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct bus_position positions[PARTITIONS];
    struct probe_member members[3] = {0};
    uint64_t seed, sent = 0;
    int64_t committed, total;
    struct rng rng;

    random_bytes(&seed, sizeof seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    create_topic(f, &WISHES);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct probe_member *member = &members[rng_below(&rng, ARRAY_LEN(members))];

        if (member->subscriber == NULL) {
            assert_true(probe_join(member, &f->settings, f->seen));
        } else {
            assert_int_equal(member->skipped + member->wrong, 0);
            probe_leave(member);
        }
        publish(f, sent, sent + 40, 20000);
        sent += 40;
        for (uint64_t turns = rng_below(&rng, 20); turns > 0; turns--) {
            for (size_t i = 0; i < ARRAY_LEN(members); i++) {
                if (members[i].subscriber != NULL) {
                    assert_true(probe_turn(&members[i], rng_below(&rng, 4) != 0, 10));
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
    total = read_positions(f, positions, &committed);
    assert_in_range(total, sent, sent + f->sent_again);
    assert_true(probe_join(&members[0], &f->settings, f->seen));
    assert_true(probe_await_messages(&members[0], (size_t)(total - committed), WAIT_MS));
    probe_leave(&members[0]);
    assert_int_equal(members[0].skipped + members[0].wrong, 0);
    probe_assert_seen(f->seen, 0, sent, 1, 255);
    read_positions(f, positions, &committed);
    assert_int_equal(committed, total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_members_share_everything_without_a_gap),
        TEST(what_is_acknowledged_is_committed_in_the_background),
        TEST(a_full_member_keeps_its_place_and_its_memory),
        TEST(nothing_is_skipped_while_members_come_and_go),
    };

    return run_all("bus", tests, ARRAY_LEN(tests));
}
