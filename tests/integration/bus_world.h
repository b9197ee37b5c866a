/*
 * What the programs that test the bus against a real Kafka begin with: FERRY_KAFKA_BROKERS says where; without it they end
 * with 77, skipped. Every test has a topic and a group of its own, named at random, which stay behind.
 */
#ifndef INTEGRATION_BUS_WORLD_H
#define INTEGRATION_BUS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/uuid.h"
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    publisher_close(f->publisher, 1000);
    free(f);
    return 0;
}

static inline void assert_ok(bool ok, const struct error *err)
{
    if (!ok) {
        fail_msg("%s: %s", error_kind_name(err->kind), err->message);
    }
}

static inline void create_topic(struct fixture *f, const struct topic_wishes *wishes)
{
    bool created;

    assert_ok(topic_ensure(&f->settings, wishes, true, &created, ASK_MS, &f->err), &f->err);
    assert_true(created);
}

static inline void send_one(struct fixture *f, uint64_t token, size_t len)
{
    struct error err = {0};

    while (!probe_send(f->publisher, token, len, &err)) {
        assert_int_equal(err.kind, ERROR_THROTTLED);
        error_clear(&err);
        probe_await_reports(f->publisher, &f->reports, f->reports.count + 1, 100);
    }
}

/* Until each is stored, as a program does it. */
static inline void publish(struct fixture *f, uint64_t from, uint64_t to, size_t len)
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

static inline int64_t read_positions(struct fixture *f, struct bus_position out[PARTITIONS],
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

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static inline int run_all(const char *group, const struct CMUnitTest *tests, size_t count)
{
    if (getenv("FERRY_KAFKA_BROKERS") == NULL) {
        fprintf(stderr, "FERRY_KAFKA_BROKERS is not set: skipped\n");
        return SKIPPED;
    }
    return _cmocka_run_group_tests(group, tests, count, NULL, NULL);
}

#endif
