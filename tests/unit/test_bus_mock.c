/* Publishing against librdkafka's mock cluster: reports, faults, rebuilt clients, and ends that do not hang. */
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

static void every_message_is_reported_once_with_its_place(void **state)
{
    struct fixture *f = *state;
    uint8_t *taken = calloc(4, 400);

    fixture_send_all(f, 0, 400, 1000);
    assert_int_equal(publisher_pending(f->publisher), 400);
    assert_true(probe_await_reports(f->publisher, &f->reports, 400, WAIT_MS));
    assert_int_equal(publisher_pending(f->publisher), 0);
    fixture_assert_all_stored(f, 0, 400);
    for (size_t i = 0; i < 400; i++) {
        const struct probe_report *report = &f->reports.of[i];

        assert_in_range(report->partition, 0, 3);
        assert_in_range(report->offset, 0, 399);
        taken[(size_t)report->partition * 400 + (size_t)report->offset]++;
        assert_int_equal(taken[(size_t)report->partition * 400 + (size_t)report->offset], 1);
    }
    free(taken);
}

static void reports_come_by_the_descriptor_not_by_the_clock(void **state)
{
    struct fixture *f = *state;
    struct pollfd watch = {.fd = publisher_fd(f->publisher),
                           .events = publisher_wants(f->publisher)};
    unsigned woken = 0;

    for (uint64_t token = 0; token < 20; token++) {
        fixture_send_all(f, token, token + 1, 100);
        while (f->reports.count <= token) {
            assert_int_equal(poll(&watch, 1, 5000), 1);
            publisher_step(f->publisher, watch.revents);
            assert_in_range(++woken, 1, 200);
        }
    }
    publisher_step(f->publisher, POLLIN);
    assert_int_equal(poll(&watch, 1, 0), 0); /* quiet when there is nothing */
}

static void a_passing_refusal_is_retried_inside(void **state)
{
    struct fixture *f = *state;

    mock_bus_fail_produce(f->bus, MOCK_NOT_LEADER, 3);
    fixture_send_all(f, 0, 5, 1000);
    assert_true(probe_await_reports(f->publisher, &f->reports, 5, WAIT_MS));
    fixture_assert_all_stored(f, 0, 5);
}

static void an_acknowledgement_without_a_place_is_no_proof(void **state)
{
    struct fixture *f = *state;

    mock_bus_fail_produce(f->bus, MOCK_DUPLICATE, 1);
    fixture_send_all(f, 0, 1, 1000);
    assert_true(probe_await_reports(f->publisher, &f->reports, 1, WAIT_MS));
    assert_int_equal(f->reports.of[0].kind, ERROR_UNAVAILABLE);
    assert_int_equal(f->reports.of[0].offset, BUS_NO_OFFSET);
}

static void too_large_is_said_by_send_and_by_report(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    assert_false(probe_send(f->publisher, 0, LIMIT_MESSAGE_WIRE, &err)); /* and headers on top */
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
    assert_int_equal(publisher_pending(f->publisher), 0);

    mock_bus_fail_produce(f->bus, MOCK_TOO_LARGE, 1);
    fixture_send_all(f, 1, 2, LIMIT_MESSAGE_WIRE - 1024);
    assert_true(probe_await_reports(f->publisher, &f->reports, 1, WAIT_MS));
    assert_int_equal(f->reports.of[1].kind, ERROR_TOO_LARGE);
    assert_int_equal(f->reports.of[1].offset, BUS_NO_OFFSET);
}

static void no_permission_is_reported_as_such(void **state)
{
    struct fixture *f = *state;

    mock_bus_fail_produce(f->bus, MOCK_NO_PERMISSION, 1);
    fixture_send_all(f, 0, 1, 100);
    assert_true(probe_await_reports(f->publisher, &f->reports, 1, WAIT_MS));
    assert_int_equal(f->reports.of[0].kind, ERROR_AUTH);
}

static void a_topic_that_is_gone_is_named_and_waited_for(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    fixture_publish_and_wait(f, 0, 1, 100);
    mock_bus_topic_unknown(f->bus, TOPIC);
    mock_bus_fail_produce(f->bus, MOCK_UNKNOWN_TOPIC,
                          20); /* tried again inside, until the client has looked */
    fixture_send_all(f, 1, 2, 100);
    assert_true(probe_await_reports(f->publisher, &f->reports, 2, WAIT_MS));
    assert_int_equal(f->reports.of[1].kind, ERROR_UNAVAILABLE);
    assert_string_equal(publisher_trouble(f->publisher),
                        "topic " TOPIC " does not exist; make it again with: ferry-producer setup");
    fixture_serve(f, 2500); /* looked for and not found, twice */
    assert_false(probe_send(f->publisher, 2, 100, &err));
    assert_int_equal(err.kind, ERROR_THROTTLED);
    assert_non_null(strstr(publisher_trouble(f->publisher), "does not exist"));
    assert_int_equal(publisher_pending(f->publisher), 0);

    mock_bus_topic_known(f->bus, TOPIC);
    fixture_send_again(f, 2, 100);
    assert_true(probe_await_reports(f->publisher, &f->reports, 3, WAIT_MS));
    fixture_assert_all_stored(f, 2, 3);
    assert_string_equal(publisher_trouble(f->publisher), "");
}

static void who_is_told_by_somebody_else_that_the_topic_is_gone_asks_for_itself(void **state)
{
    struct fixture *f = *state;

    fixture_publish_and_wait(f, 0, 1, 100);
    publisher_miss_topic(f->publisher); /* an error of theirs: it is there */
    assert_non_null(strstr(publisher_trouble(f->publisher), "does not exist"));
    fixture_send_again(f, 1, 100);
    assert_true(probe_await_reports(f->publisher, &f->reports, 2, WAIT_MS));
    fixture_assert_all_stored(f, 1, 2);
    assert_string_equal(publisher_trouble(f->publisher), "");
}

static void a_full_queue_throttles_and_leaves_the_value_with_the_caller(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    uint64_t token = 0;

    mock_bus_down(f->bus, 1);
    while (probe_send(f->publisher, token, 4 * MIB, &err)) {
        assert_in_range(++token, 1, 40);
    }
    assert_int_equal(err.kind, ERROR_THROTTLED);
    assert_in_range(token, 15, 17); /* 64 MiB */
    assert_int_equal(publisher_pending(f->publisher), token);
    mock_bus_up(f->bus, 1);
    assert_true(probe_await_reports(f->publisher, &f->reports, token, WAIT_MS));
    fixture_assert_all_stored(f, 0, token);
    fixture_send_all(f, token, token + 1, 4 * MIB);
}

static void an_outage_stalls_and_says_why_until_it_ends(void **state)
{
    struct fixture *f = *state;
    int64_t until;

    fixture_send_all(f, 0, 3, 100);
    assert_true(probe_await_reports(f->publisher, &f->reports, 3, WAIT_MS));
    assert_string_equal(publisher_trouble(f->publisher), "");

    mock_bus_down(f->bus, 1);
    fixture_send_all(f, 3, 6, 100);
    assert_false(probe_await_reports(f->publisher, &f->reports, 4, 2500));
    assert_non_null(strstr(publisher_trouble(f->publisher), ": Connection refused"));
    assert_null(strstr(publisher_trouble(f->publisher), "bootstrap"));
    assert_null(strstr(publisher_trouble(f->publisher), "after"));

    mock_bus_up(f->bus, 1);
    assert_true(probe_await_reports(f->publisher, &f->reports, 6, WAIT_MS));
    fixture_assert_all_stored(f, 0, 6);
    until = clock_boottime_ms() + 7000; /* the next statistics at the latest */
    while (publisher_trouble(f->publisher)[0] != '\0' && clock_boottime_ms() < until) {
        probe_await_reports(f->publisher, &f->reports, 7, 100);
    }
    assert_string_equal(publisher_trouble(f->publisher), "");
}

static void a_fatal_client_error_costs_the_client_and_no_message(void **state)
{
    struct fixture *f = *state;

    for (uint64_t round = 0; round < 20; round++) {
        uint64_t first = round * 20;

        mock_bus_delay(f->bus, 1, (int)(round % 3) * 20); /* some in transit, some in the queue */
        fixture_send_all(f, first, first + 10, 1000);
        mock_bus_kill_publisher(f->publisher);
        assert_true(probe_await_reports(f->publisher, &f->reports, first + 10, WAIT_MS));
        for (uint64_t token = first; token < first + 10; token++) {
            const struct probe_report *report = &f->reports.of[token];

            assert_int_equal(report->times, 1);
            assert_true(report->kind == ERROR_NONE || report->kind == ERROR_UNAVAILABLE);
        }
        fixture_send_again(f, first + 10, 1000);
        fixture_send_all(f, first + 11, first + 20, 1000);
        assert_true(probe_await_reports(f->publisher, &f->reports, first + 20, WAIT_MS));
        fixture_assert_all_stored(f, first + 10, first + 20);
        assert_int_equal(publisher_rebuilds(f->publisher), round + 1);
    }
    assert_true(probe_reports_of_kind(&f->reports, ERROR_UNAVAILABLE) > 0);
}

static void a_client_that_goes_without_a_word_leaves_no_message_unreported(void **state)
{
    struct fixture *f = *state;

    mock_bus_delay(f->bus, 1, 1000);
    fixture_send_all(f, 0, 30, 1000);
    mock_bus_drop_client(f->publisher);
    assert_int_equal(f->reports.count, 30);
    assert_int_equal(probe_reports_of_kind(&f->reports, ERROR_UNAVAILABLE), 30);
    assert_int_equal(publisher_pending(f->publisher), 0);
}

static void closing_reports_everything_and_does_not_wait_for_an_absent_broker(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    int64_t start;

    (void)state;
    publisher_close(f->publisher, CLOSE_MS);
    f->settings.brokers = NO_ONE;
    f->publisher = publisher_open(&f->settings, probe_report, &f->reports, &f->err);
    assert_non_null(f->publisher);
    fixture_send_all(f, 0, 50, 1000);
    start = clock_boottime_ms();
    publisher_close(f->publisher, 300);
    assert_in_range(clock_boottime_ms() - start, 250, 3000);
    assert_int_equal(f->reports.count, 50);
    assert_int_equal(probe_reports_of_kind(&f->reports, ERROR_CANCELLED), 50);

    f->publisher = publisher_open(&f->settings, probe_report, &f->reports, &err);
    assert_non_null(f->publisher);
    publisher_close(f->publisher, 60000); /* nothing sent: nothing to wait for */
    f->publisher = NULL;
    assert_in_range(clock_boottime_ms() - start, 250, 5000);
    publisher_close(NULL, 0);
}

static void closing_flushes_what_can_still_go(void **state)
{
    struct fixture *f = *state;

    mock_bus_delay(f->bus, 1, 100);
    fixture_send_all(f, 0, 50, 1000);
    publisher_close(f->publisher, WAIT_MS);
    f->publisher = NULL;
    assert_int_equal(f->reports.count, 50);
    fixture_assert_all_stored(f, 0, 50);
}

static void nobody_there_is_said_within_the_time(void **state)
{
    struct bus_settings settings = {.brokers = NO_ONE, .topic = TOPIC, .group = "ferry.test"};
    struct topic_wishes wishes = {12, LIMIT_MESSAGE_WIRE, -1};
    struct bus_position positions[4];
    struct error err = {0};
    bool created = true;
    size_t count = 1;
    int64_t start = clock_boottime_ms();

    (void)state;
    assert_false(topic_ensure(&settings, &wishes, true, &created, 1500, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_false(created);
    assert_string_equal(err.message, "Kafka at 127.0.0.1:1: no broker answered within 1.5 s "
                                     "(127.0.0.1:1: Connection refused)");
    error_clear(&err);
    assert_false(topic_positions(&settings, positions, 4, &count, 1500, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_int_equal(count, 0);
    assert_in_range(clock_boottime_ms() - start, 2900, 6000);
}

/* A broker that stops answers so for a moment; an admin client of librdkafka (5040) ended the process there. */
static void a_coordinator_that_moves_is_asked_again(void **state)
{
    struct fixture *f = *state;
    struct bus_settings settings = f->settings;
    struct bus_position positions[4];
    struct error err = {0};
    size_t count = 0;

    settings.group = "ferry.test";
    fixture_publish_and_wait(f, 0, 8, 100);
    mock_bus_fail_committed(f->bus, MOCK_NOT_COORDINATOR, 2);
    assert_true(topic_positions(&settings, positions, 4, &count, 10000, &err));
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(positions[i].committed, BUS_NO_OFFSET);
    }
    mock_bus_fail_committed(f->bus, MOCK_NOT_COORDINATOR, 100);
    assert_false(topic_positions(&settings, positions, 4, &count, 1500, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
}

static void brokers_are_checked_before_anything_is_opened(void **state)
{
    static const char *const good[] = {
        "localhost:9092",
        "127.0.0.1:1",
        "kafka-1.example.org:65535,kafka_2:9092",
        "[::1]:9092",
    };
    static const char *const bad[] = {
        "",     "localhost", "localhost:", ":9092",    "localhost:0", "localhost:65536",
        "a:1,", ",a:1",      "a:1,,b:2",   "a b:1",    "http://a:1",  "a:9092x",
        "a:-1", "a:1 ",      "[::1:9092",  "::1:9092", "[]:9092",     "a:1;b:2",
    };
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(bus_check_brokers(good[i], &err));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        error_clear(&err);
        if (bus_check_brokers(bad[i], &err)) {
            fail_msg("\"%s\" was accepted", bad[i]);
        }
        assert_int_equal(err.kind, ERROR_USAGE);
    }
    error_clear(&err);
    assert_false(bus_check_brokers(NULL, &err));
    error_clear(&err);
    assert_null(publisher_open(&(struct bus_settings){.brokers = "nowhere", .topic = TOPIC},
                               probe_report, NULL, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    error_clear(&err);
    assert_null(subscriber_open(&(struct bus_settings){.brokers = NO_ONE, .topic = TOPIC}, NULL,
                                NULL, NULL, &err));
    assert_int_equal(err.kind, ERROR_BUG); /* no group */
    assert_true(strlen(bus_library_version()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brokers_are_checked_before_anything_is_opened),
        cmocka_unit_test(nobody_there_is_said_within_the_time),
        ON_ONE(a_coordinator_that_moves_is_asked_again),
        ON_THREE(every_message_is_reported_once_with_its_place),
        ON_ONE(reports_come_by_the_descriptor_not_by_the_clock),
        ON_THREE(a_passing_refusal_is_retried_inside),
        ON_ONE(an_acknowledgement_without_a_place_is_no_proof),
        ON_ONE(too_large_is_said_by_send_and_by_report),
        ON_ONE(no_permission_is_reported_as_such),
        ON_ONE(a_topic_that_is_gone_is_named_and_waited_for),
        ON_ONE(who_is_told_by_somebody_else_that_the_topic_is_gone_asks_for_itself),
        ON_ONE(a_full_queue_throttles_and_leaves_the_value_with_the_caller),
        ON_ONE(an_outage_stalls_and_says_why_until_it_ends),
        ON_ONE(a_fatal_client_error_costs_the_client_and_no_message),
        ON_ONE(a_client_that_goes_without_a_word_leaves_no_message_unreported),
        ON_ONE(closing_reports_everything_and_does_not_wait_for_an_absent_broker),
        ON_ONE(closing_flushes_what_can_still_go),
    };

    return cmocka_run_group_tests_name("bus_mock", tests, NULL, NULL);
}
