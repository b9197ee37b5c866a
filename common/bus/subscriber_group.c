/*
 * A subscriber's life in its group: joining, assignments and their generations, complaints, leaving. Assignment is
 * eager: all partitions go before others come. Offsets acknowledged up to a revocation are committed by librdkafka
 * before it rejoins. Takes no message out of the queue but those of an assignment that has ended.
 */
#include "bus/subscriber.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bus/settings.h"

#define TOPIC_REVIEW_MS 30000
#define TOPIC_ASK_MS    1000
#define DESTROY_MS      1000

/* Left over from the assignment before. Most are dropped by librdkafka itself when read; that all are gone before the
 * next generation begins is what a watermark rests on. */
static void discard_messages(struct subscriber *subscriber)
{
    rd_kafka_message_t *message;

    while ((message = rd_kafka_consume_queue(subscriber->messages, 0)) != NULL) {
        rd_kafka_message_destroy(message);
    }
}

static void revoke(struct subscriber *subscriber)
{
    if (subscriber->assigned) {
        subscriber->on_revoked(subscriber->ctx, subscriber->generation); /* may acknowledge yet */
        subscriber->assigned = false;
    }
    rd_kafka_assign(subscriber->client, NULL);
    discard_messages(subscriber);
}

static void forward(struct subscriber *subscriber, const rd_kafka_topic_partition_t *part)
{
    rd_kafka_queue_t *queue =
        rd_kafka_queue_get_partition(subscriber->client, part->topic, part->partition);

    if (queue != NULL) {
        rd_kafka_queue_forward(queue, subscriber->messages);
        rd_kafka_queue_destroy(queue);
    }
}

static void assign(struct subscriber *subscriber, const rd_kafka_topic_partition_list_t *list)
{
    size_t count = (size_t)list->cnt;
    int *partitions = calloc(count + 1, sizeof *partitions);
    rd_kafka_resp_err_t code;

    if (partitions == NULL) {
        error_set(&subscriber->failed, ERROR_NOMEM, "out of memory for an assignment");
        rd_kafka_assign(subscriber->client, NULL);
        return;
    }
    discard_messages(subscriber);
    for (size_t i = 0; i < count;
         i++) { /* before assigning: librdkafka then leaves our forwarding alone */
        partitions[i] = (int)list->elems[i].partition;
        forward(subscriber, &list->elems[i]);
    }
    code = rd_kafka_assign(subscriber->client, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        trouble_note(&subscriber->trouble, code, NULL);
    } else {
        subscriber->generation++;
        subscriber->assigned = true;
        if (count > 0) {
            subscriber->unknown_since_ms = 0;
        }
        subscriber->on_assigned(subscriber->ctx, subscriber->generation, partitions, count);
    }
    free(partitions);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct subscriber *subscriber = opaque;

    (void)client;
    if (subscriber->assigned || code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        revoke(subscriber);
    }
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(subscriber, list);
    }
}

static void note_trouble(struct subscriber *subscriber, rd_kafka_resp_err_t code,
                         const char *reason)
{
    if (client_error_kind(code) != ERROR_NOT_FOUND) {
        trouble_note(&subscriber->trouble, code, reason);
        return;
    }
    trouble_note_missing(&subscriber->trouble, code, subscriber->settings.topic);
    if (subscriber->unknown_since_ms == 0) {
        subscriber->unknown_since_ms = clock_boottime_ms();
    }
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    note_trouble(opaque, (rd_kafka_resp_err_t)code, reason);
}

static int on_statistics(rd_kafka_t *client, char *json, size_t len, void *opaque)
{
    struct subscriber *subscriber = opaque;

    (void)client;
    (void)len;
    if (subscriber->unknown_since_ms == 0) { /* that one is not about connections */
        trouble_review(&subscriber->trouble, json);
    }
    return 0; /* librdkafka frees the text */
}

bool subscriber_group_join(struct subscriber *subscriber, struct error *err)
{
    char reason[256];
    rd_kafka_topic_partition_list_t *topics;
    rd_kafka_resp_err_t code;
    rd_kafka_queue_t *events;
    rd_kafka_conf_t *conf = settings_conf(&subscriber->settings, CLIENT_SUBSCRIBER, err);

    if (conf == NULL) {
        return false;
    }
    rd_kafka_conf_set_opaque(conf, subscriber);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    subscriber->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (subscriber->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERROR_UNAVAILABLE, "Kafka client: %s", reason);
    }
    rd_kafka_poll_set_consumer(subscriber->client);
    events = rd_kafka_queue_get_consumer(subscriber->client);
    wake_attach(events, subscriber->fd);
    rd_kafka_queue_destroy(events);
    subscriber->messages = rd_kafka_queue_new(subscriber->client);
    wake_attach(subscriber->messages, subscriber->fd);
    topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, subscriber->settings.topic, RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(subscriber->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return client_error_set(err, code, NULL, "subscribe to %s", subscriber->settings.topic);
    }
    return true;
}

void subscriber_group_complaint(struct subscriber *subscriber, rd_kafka_message_t *complaint)
{
    rd_kafka_resp_err_t code = complaint->err;
    const char *topic = subscriber->settings.topic;
    char text[256];

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        /* A message outside our queue: it would be lost, and the offsets after it acknowledged over it. */
        error_set(&subscriber->failed, ERROR_BUG, "a message of %s came as a group event", topic);
    } else if (code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_fatal_error(subscriber->client, text, sizeof text);
        error_set(&subscriber->failed, ERROR_UNAVAILABLE, "subscription to %s: %s", topic, text);
    } else {
        note_trouble(subscriber, code, rd_kafka_message_errstr(complaint));
    }
    rd_kafka_message_destroy(complaint);
}

/* librdkafka says once that a topic is unknown, and nothing when it becomes known: ask. */
static void review_unknown_topic(struct subscriber *subscriber)
{
    const char *topic = subscriber->settings.topic;
    rd_kafka_resp_err_t code;

    subscriber->unknown_since_ms = clock_boottime_ms(); /* nobody answers: not the topic's fault */
    switch (client_find_topic(subscriber->client, topic, TOPIC_ASK_MS, &code)) {
    case TOPIC_MISSING:
        trouble_note_missing(&subscriber->trouble, code, topic);
        break;
    case TOPIC_THERE: /* the group takes it up with its next look */
        subscriber->unknown_since_ms = 0;
        trouble_clear(&subscriber->trouble);
        break;
    case TOPIC_UNSURE:
        break;
    }
}

void subscriber_group_serve(struct subscriber *subscriber)
{
    rd_kafka_message_t *event;

    while ((event = rd_kafka_consumer_poll(subscriber->client, 0)) != NULL) {
        subscriber_group_complaint(subscriber, event);
    }
    if (subscriber->unknown_since_ms != 0 &&
        clock_boottime_ms() - subscriber->unknown_since_ms > TOPIC_REVIEW_MS) {
        review_unknown_topic(subscriber);
    }
}

/* rd_kafka_consumer_close() of 2.0.2 may wait for ever when partitions were lost; this form of it can be left. */
static void close_group(struct subscriber *subscriber, int64_t deadline)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(subscriber->client);
    rd_kafka_error_t *refused = rd_kafka_consumer_close_queue(subscriber->client, queue);

    if (refused != NULL) {
        rd_kafka_error_destroy(refused);
    }
    while (refused == NULL && !rd_kafka_consumer_closed(subscriber->client) &&
           clock_boottime_ms() < deadline) {
        rd_kafka_message_t *event = rd_kafka_consume_queue(queue, 50);

        if (event != NULL) {
            rd_kafka_message_destroy(event);
        }
    }
    rd_kafka_queue_destroy(queue);
}

void subscriber_group_leave(struct subscriber *subscriber, uint32_t timeout_ms)
{
    rd_kafka_queue_t *events = rd_kafka_queue_get_consumer(subscriber->client);

    wake_attach(events, -1);
    wake_attach(subscriber->messages, -1);
    close_group(subscriber, clock_boottime_ms() + timeout_ms);
    rd_kafka_queue_destroy(events);
    rd_kafka_queue_destroy(subscriber->messages);
    client_destroy(subscriber->client, DESTROY_MS);
    subscriber->client = NULL;
}
