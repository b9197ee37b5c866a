/*
 * Does a message of full size come back? It goes through a topic of its own, which nobody else reads and which is deleted
 * afterwards; should that fail, what is in it goes by itself within the hour. Blocks, bounded.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "bus/admin.h"

#define KEPT_MS  3600000
#define FLUSH_MS 1000
#define STEP_MS  100

struct trip {
    struct bus_settings settings; /* of the topic of its own */
    char topic[300];
    uint8_t *bytes;
    size_t len;
    int64_t deadline_ms;
    bool is_reported;
    struct error report;
};

static uint32_t left_ms(const struct trip *trip)
{
    int64_t left = trip->deadline_ms - clock_boottime_ms();

    return left > 1 ? (uint32_t)left : 1;
}

static void on_report(void *ctx, uint64_t token, int partition, int64_t offset,
                      const struct error *err)
{
    struct trip *trip = ctx;

    (void)token;
    (void)partition;
    (void)offset;
    trip->report = *err;
    trip->is_reported = true;
}

static bool send_it(struct trip *trip, struct publisher *publisher, struct error *err)
{
    struct bus_copy copy = {.value = {trip->bytes, trip->len}, .has_value = true};

    if (!publisher_send_copy(publisher, &copy, 1, err)) {
        return false;
    }
    while (!trip->is_reported && clock_boottime_ms() < trip->deadline_ms) {
        struct pollfd ready = {.fd = publisher_fd(publisher), .events = POLLIN};

        (void)poll(&ready, 1, STEP_MS);
        publisher_step(publisher, ready.revents);
    }
    if (!trip->is_reported) {
        return error_set(err, ERROR_UNAVAILABLE,
                         "a message of %zu bytes was not stored in time: %s", trip->len,
                         publisher_trouble(publisher));
    }
    if (trip->report.kind != ERROR_NONE) {
        *err = trip->report;
        return error_wrap(err, "a message of %zu bytes was not stored", trip->len);
    }
    return true;
}

static bool publish(struct trip *trip, struct error *err)
{
    struct publisher *publisher = publisher_open(&trip->settings, on_report, trip, err);
    bool ok = publisher != NULL && send_it(trip, publisher, err);

    publisher_close(publisher, FLUSH_MS);
    return ok;
}

static bool take(const struct trip *trip, const rd_kafka_message_t *message, struct error *err)
{
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return client_error_set(err, message->err, NULL, "read topic %s", trip->topic);
    }
    return (message->len == trip->len && memcmp(message->payload, trip->bytes, trip->len) == 0) ||
           error_set(err, ERROR_INTEGRITY,
                     "topic %s: a message of %zu bytes came back as another one of %zu",
                     trip->topic, trip->len, message->len);
}

/* By assignment: no group is joined. */
static bool read_back(const struct trip *trip, struct error *err)
{
    struct admin admin = {0};
    rd_kafka_message_t *message = NULL;
    rd_kafka_topic_partition_list_t *all;
    bool ok = false;

    if (!admin_open(&admin, &trip->settings, left_ms(trip), err)) {
        return false;
    }
    rd_kafka_poll_set_consumer(admin.client);
    all = admin_all_partitions(&admin, 1, RD_KAFKA_OFFSET_BEGINNING);
    rd_kafka_assign(admin.client, all);
    rd_kafka_topic_partition_list_destroy(all);
    while (message == NULL && admin_left_ms(&admin) > 0) {
        message = rd_kafka_consumer_poll(admin.client, admin_slice_ms(&admin));
    }
    if (message != NULL) {
        ok = take(trip, message, err);
        rd_kafka_message_destroy(message);
    } else {
        error_set(err, ERROR_UNAVAILABLE,
                  "a message of %zu bytes was stored, but did not come back "
                  "in time",
                  trip->len);
    }
    rd_kafka_assign(admin.client, NULL);
    admin_close(&admin);
    return ok;
}

static bool delete_topic(const struct trip *trip, uint32_t timeout_ms, struct error *err)
{
    struct admin admin = {0};
    rd_kafka_AdminOptions_t *options;
    rd_kafka_DeleteTopic_t *topic;
    rd_kafka_event_t *event;

    if (!admin_open(&admin, &trip->settings, timeout_ms, err)) {
        return false;
    }
    topic = rd_kafka_DeleteTopic_new(trip->topic);
    options = admin_options(&admin, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(admin.client, &topic, 1, options, admin.answers);
    event = admin_answer(&admin, RD_KAFKA_EVENT_DELETETOPICS_RESULT, "delete the topic", err);
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
        rd_kafka_resp_err_t code =
            count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;

        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            client_error_set(err, code, NULL, "delete topic %s", trip->topic);
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_AdminOptions_destroy(options);
    admin_close(&admin);
    return err->kind == ERROR_NONE;
}

bool bus_round_trip(const struct bus_settings *settings, size_t bytes, uint32_t timeout_ms,
                    struct bus_trip *out, struct error *err)
{
    struct topic_wishes wishes = {
        .partitions = 1, .message_bytes = LIMIT_MESSAGE_WIRE, .retention_ms = KEPT_MS};
    struct trip trip = {.settings = *settings, .len = bytes};
    struct error left = {0};
    uint32_t number;
    bool created = false;
    bool ok;

    *out = (struct bus_trip){.took_ms = 0};
    random_bytes(&number, sizeof number);
    snprintf(trip.topic, sizeof trip.topic, "%.200s.doctor-%08x", settings->topic, number);
    trip.settings.topic = trip.topic;
    trip.bytes = malloc(bytes);
    if (trip.bytes == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for a message");
    }
    random_bytes(trip.bytes, bytes); /* so that no compression makes it a smaller one */
    ok = topic_ensure(&trip.settings, &wishes, true, &created, timeout_ms, err);
    if (ok) {
        int64_t began_ms = clock_boottime_ms();
        trip.deadline_ms = began_ms + timeout_ms;
        ok = publish(&trip, err) && read_back(&trip, err);
        out->took_ms = clock_boottime_ms() - began_ms;
    }
    if (created && !delete_topic(&trip, timeout_ms, &left)) {
        snprintf(out->left, sizeof out->left, "%s", left.message);
    }
    snprintf(out->topic, sizeof out->topic, "%s", trip.topic);
    free(trip.bytes);
    return ok;
}
