/*
 * The bus against a real Kafka: FERRY_KAFKA_BROKERS says where; without it the program ends with 77, skipped.
 * Every test has a topic and a group of its own, named at random, which stay behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "bus/admin.h"
#include "support/bus_probe.h"

#define SKIPPED    77
#define WAIT_MS    30000
#define ASK_MS     10000
#define SESSION_MS 6000 /* brokers accept no less */
#define PARTITIONS 6

static const struct topic_wishes WISHES = {PARTITIONS, LIMIT_MESSAGE_WIRE, -1};

struct fixture {
    char topic[64];
    char group[64];
    struct bus_settings settings;
    struct probe_reports reports;
    uint8_t seen[PROBE_TOKENS];
    struct publisher *publisher;
    unsigned sent_again; /* messages whose report was no proof; each may be there twice */
    struct error err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct uuid id;

    assert_non_null(f);
    uuid_random(&id);
    snprintf(f->topic, sizeof f->topic, "ferry.test.%s", id.text);
    snprintf(f->group, sizeof f->group, "ferry.%s", id.text);
    f->settings = (struct bus_settings){.brokers = getenv("FERRY_KAFKA_BROKERS"),
                                        .topic = f->topic,
                                        .client_id = "test",
                                        .group = f->group,
                                        .session_timeout_ms = SESSION_MS};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    publisher_close(f->publisher, 1000);
    free(f);
    return 0;
}

static void assert_ok(bool ok, const struct error *err)
{
    if (!ok) {
        fail_msg("%s: %s", error_kind_name(err->kind), err->message);
    }
}

static void create_topic(struct fixture *f, const struct topic_wishes *wishes)
{
    bool created;

    assert_ok(topic_ensure(&f->settings, wishes, true, &created, ASK_MS, &f->err), &f->err);
    assert_true(created);
}

static void send_one(struct fixture *f, uint64_t token, size_t len)
{
    struct error err = {0};

    while (!probe_send(f->publisher, token, len, &err)) {
        assert_int_equal(err.kind, ERROR_THROTTLED);
        error_clear(&err);
        probe_await_reports(f->publisher, &f->reports, f->reports.count + 1, 100);
    }
}

/* Until each is stored, as a program does it. */
static void publish(struct fixture *f, uint64_t from, uint64_t to, size_t len)
{
    if (f->publisher == NULL) {
        f->publisher = publisher_open(&f->settings, probe_report, &f->reports, &f->err);
        assert_non_null(f->publisher);
    }
    for (uint64_t token = from; token < to; token++) {
        send_one(f, token, len);
    }
    assert_true(probe_await_reports(f->publisher, &f->reports, to + f->sent_again, WAIT_MS));
    for (uint64_t token = from; token < to; token++) {
        while (f->reports.of[token].kind != ERROR_NONE) {
            assert_int_equal(f->reports.of[token].kind, ERROR_UNAVAILABLE);
            f->sent_again++;
            send_one(f, token, len);
            assert_true(
                probe_await_reports(f->publisher, &f->reports, f->reports.count + 1, WAIT_MS));
        }
    }
    assert_int_equal(publisher_pending(f->publisher), 0);
}

static int64_t read_positions(struct fixture *f, struct bus_position out[PARTITIONS],
                              int64_t *committed)
{
    size_t count;
    int64_t total = 0;

    assert_ok(topic_positions(&f->settings, out, PARTITIONS, &count, ASK_MS, &f->err), &f->err);
    assert_int_equal(count, PARTITIONS);
    *committed = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(out[i].partition, i);
        assert_int_equal(out[i].low, 0);
        total += out[i].high;
        *committed += out[i].committed == BUS_NO_OFFSET ? 0 : out[i].committed;
    }
    return total;
}

static void assert_seen(const struct fixture *f, uint64_t from, uint64_t to, unsigned least,
                        unsigned most)
{
    for (uint64_t token = from; token < to; token++) {
        assert_in_range(f->seen[token], least, most);
    }
}

static void a_missing_topic_is_created_once_and_only_when_allowed(void **state)
{
    struct fixture *f = *state;
    bool created = true;

    assert_false(topic_ensure(&f->settings, &WISHES, false, &created, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_NOT_FOUND);
    assert_false(created);
    error_clear(&f->err);
    create_topic(f, &WISHES);
    assert_ok(topic_ensure(&f->settings, &WISHES, true, &created, ASK_MS, &f->err), &f->err);
    assert_false(created);
    assert_ok(topic_ensure(&f->settings, &WISHES, false, &created, ASK_MS, &f->err), &f->err);

    f->settings.topic = "no/such name";
    assert_false(topic_ensure(&f->settings, &WISHES, true, &created, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_REJECTED);
    f->settings.topic = f->topic;
}

static void assert_refused(struct fixture *f, const struct topic_wishes *wishes, const char *part)
{
    bool created;

    error_clear(&f->err);
    assert_false(topic_ensure(&f->settings, wishes, true, &created, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_USAGE);
    if (strstr(f->err.message, part) == NULL) {
        fail_msg("\"%s\" is not in: %s", part, f->err.message);
    }
}

static void a_topic_that_would_lose_batches_is_refused_with_the_remedy(void **state)
{
    struct fixture *f = *state;
    const struct topic_wishes small = {1, 1048588, 3600000};
    const struct topic_wishes hour = {1, 1048588, 3600001};
    const struct topic_wishes ever = {1, 1048588, -1};
    const struct topic_wishes large = {1, LIMIT_MESSAGE_WIRE, 3600000};
    char expected[512];
    bool created;

    create_topic(f, &small);
    assert_ok(topic_ensure(&f->settings, &small, true, &created, ASK_MS, &f->err), &f->err);
    assert_refused(f, &hour, "retention.ms is 3600000, must be -1 or at least 3600001 (");
    assert_refused(f, &ever, "retention.ms is 3600000, must be -1 or at least 604800000 (");
    assert_refused(f, &ever, "--add-config retention.ms=-1)");
    snprintf(expected, sizeof expected,
             "topic %s: max.message.bytes is 1048588, must be at least 8388608 (kafka-configs "
             "--bootstrap-server %s --alter --topic %s --add-config max.message.bytes=8388608)",
             f->topic, f->settings.brokers, f->topic);
    assert_refused(f, &large, expected);
}

/* Somebody else's topic: ours never compact. */
static void create_compacted(struct fixture *f)
{
    char reason[256];
    struct admin admin;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(f->topic, 1, 1, reason, sizeof reason);
    rd_kafka_event_t *event;

    assert_non_null(topic);
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact,delete");
    rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
    assert_ok(admin_open(&admin, &f->settings, ASK_MS, &f->err), &f->err);
    rd_kafka_CreateTopics(admin.client, &topic, 1, NULL, admin.answers);
    event = admin_answer(&admin, RD_KAFKA_EVENT_CREATETOPICS_RESULT, "create", &f->err);
    assert_ok(event != NULL, &f->err);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    admin_close(&admin);
}

static void a_topic_that_would_merge_batches_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct topic_wishes wishes = {1, 1024, -1};

    create_compacted(f);
    assert_refused(f, &wishes, "cleanup.policy is compact,delete, must not compact (");
    assert_refused(f, &wishes, "--add-config cleanup.policy=delete)");
}

static void a_batch_of_the_wire_limit_fits_the_topic_we_create(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;

    create_topic(f, &WISHES);
    publish(f, 0, 3, LIMIT_MESSAGE_WIRE - 1024);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_messages(&member, 3, WAIT_MS));
    probe_leave(&member);
    assert_int_equal(member.wrong + member.skipped, 0);
    assert_seen(f, 0, 3, 1, 1 + f->sent_again);
}

/* 2.0.2 reports a first message as stored when the broker refused it and took the second (decided by time, so often). */
static void what_is_reported_stored_is_there_from_the_first_message_on(void **state)
{
    struct fixture *f = *state;

    for (unsigned round = 0; round < 10; round++) {
        struct bus_position positions[PARTITIONS];
        int64_t committed;
        struct uuid id;

        uuid_random(&id);
        snprintf(f->topic, sizeof f->topic, "ferry.test.%s", id.text);
        create_topic(f, &WISHES);
        publish(f, 0, 20, 500000);
        assert_in_range(read_positions(f, positions, &committed), 20, 20 + f->sent_again);
        publisher_close(f->publisher, 1000);
        f->publisher = NULL;
        f->sent_again = 0;
        memset(&f->reports, 0, sizeof f->reports);
    }
}

static void two_members_share_everything_without_a_gap(void **state)
{
    struct fixture *f = *state;
    struct bus_position positions[PARTITIONS];
    struct probe_member a, b;
    int64_t committed, total;
    int64_t until = clock_boottime_ms() + WAIT_MS;

    create_topic(f, &WISHES);
    assert_int_equal(read_positions(f, positions, &committed), 0);
    publish(f, 0, 500, 500000);
    total = read_positions(f, positions, &committed);
    assert_in_range(total, 500, 500 + f->sent_again);
    for (size_t i = 0; i < PARTITIONS; i++) {
        assert_int_equal(positions[i].committed, BUS_NO_OFFSET);
    }
    for (size_t i = 0; i < 500; i++) { /* the report told the truth about the place */
        assert_true(f->reports.of[i].offset < positions[f->reports.of[i].partition].high);
    }

    assert_true(probe_join(&a, &f->settings, f->seen));
    assert_true(probe_join(&b, &f->settings, f->seen));
    while (a.partitions + b.partitions < PARTITIONS || a.partitions == 0 || b.partitions == 0) {
        assert_true(clock_boottime_ms() < until);
        assert_true(probe_turn(&a, false, 50) && probe_turn(&b, false, 50));
    }
    while ((int64_t)(a.messages + b.messages) < total) {
        assert_true(clock_boottime_ms() < until);
        assert_true(probe_turn(&a, true, 20) && probe_turn(&b, true, 20));
    }
    assert_true(a.messages > 0 && b.messages > 0);
    assert_int_equal(a.wrong + a.skipped + b.wrong + b.skipped, 0);
    assert_seen(f, 0, 500, 1, 1 + f->sent_again);
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
    int64_t until = clock_boottime_ms() + WAIT_MS;

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
    publish(f, 0, 300, 500000);
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
    assert_true(probe_await_messages(&member, 300, WAIT_MS));
    assert_int_equal(member.revocations, 0);
    assert_int_equal(member.wrong + member.skipped, 0);
    assert_seen(f, 0, 300, 1, 1 + f->sent_again);
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
    for (unsigned round = 0; round < 40; round++) {
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
    assert_seen(f, 0, sent, 1, 255);
    read_positions(f, positions, &committed);
    assert_int_equal(committed, total);
}

static void a_topic_that_never_appears_is_said_to_be_missing(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    struct bus_position positions[PARTITIONS];
    size_t count;
    int64_t until = clock_boottime_ms() + 60000;
    bool alive = true;

    assert_false(topic_positions(&f->settings, positions, PARTITIONS, &count, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_NOT_FOUND);
    error_clear(&f->err);
    f->publisher = publisher_open(&f->settings, probe_report, &f->reports, &f->err);
    assert_non_null(f->publisher);
    assert_true(probe_send(f->publisher, 0, 100, &f->err));
    assert_true(probe_join(&member, &f->settings, f->seen));
    while ((alive || f->reports.count == 0) && clock_boottime_ms() < until) {
        alive = alive && probe_turn(&member, true, 200);
        publisher_step(f->publisher, POLLIN);
    }
    assert_false(alive);
    assert_int_equal(member.err.kind, ERROR_NOT_FOUND);
    assert_int_equal(f->reports.of[0].times, 1);
    assert_int_equal(f->reports.of[0].kind, ERROR_NOT_FOUND);
    assert_false(probe_send(f->publisher, 1, 100, &f->err)); /* known by now */
    assert_int_equal(f->err.kind, ERROR_NOT_FOUND);
    probe_leave(&member);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_topic_is_created_once_and_only_when_allowed),
        TEST(a_topic_that_would_lose_batches_is_refused_with_the_remedy),
        TEST(a_topic_that_would_merge_batches_is_refused),
        TEST(a_batch_of_the_wire_limit_fits_the_topic_we_create),
        TEST(what_is_reported_stored_is_there_from_the_first_message_on),
        TEST(two_members_share_everything_without_a_gap),
        TEST(what_is_acknowledged_is_committed_in_the_background),
        TEST(a_full_member_keeps_its_place_and_its_memory),
        TEST(nothing_is_skipped_while_members_come_and_go),
        TEST(a_topic_that_never_appears_is_said_to_be_missing),
    };

    if (getenv("FERRY_KAFKA_BROKERS") == NULL) {
        fprintf(stderr, "FERRY_KAFKA_BROKERS is not set: skipped\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
