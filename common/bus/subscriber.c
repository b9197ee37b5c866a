/*
 * Subscribing: messages come with their position and the generation of the assignment, acknowledgements go back.
 * A message handed out is our own copy: librdkafka's would keep the whole fetched answer, up to 8 MiB, alive for as
 * long as one message of it is held. Which offset may be acknowledged is the caller's business.
 */
#include "bus/subscriber.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/settings.h"

struct held {
    rd_kafka_headers_t *headers; /* owned; NULL: none */
    uint8_t bytes[];             /* key, then value */
};

static bool message_take(const struct subscriber *subscriber, rd_kafka_message_t *from,
                         struct bus_message *out, struct error *err)
{
    struct held *held = malloc(sizeof *held + from->key_len + from->len);

    if (held == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for a message of %zu bytes", from->len);
    }
    held->headers = NULL;
    if (rd_kafka_message_detach_headers(from, &held->headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        held->headers = NULL; /* none, or unreadable: the caller misses them by name */
    }
    if (from->key_len > 0) {
        memcpy(held->bytes, from->key, from->key_len);
    }
    if (from->len > 0) {
        memcpy(held->bytes + from->key_len, from->payload, from->len);
    }
    *out = (struct bus_message){
        .partition = (int)from->partition,
        .offset = from->offset,
        .generation = subscriber->generation,
        .key = {held->bytes, from->key_len},
        .value = {held->bytes + from->key_len, from->len},
        .has_value = from->payload != NULL,
        .handle = held,
    };
    return true;
}

struct span bus_message_header(const struct bus_message *message, const char *name, bool *found)
{
    const struct held *held = message->handle;
    const void *value = NULL;
    size_t len = 0;

    *found =
        held != NULL && held->headers != NULL &&
        rd_kafka_header_get_last(held->headers, name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR;
    return *found ? (struct span){value, value != NULL ? len : 0} : (struct span){NULL, 0};
}

rd_kafka_headers_t *subscriber_copy_headers(const struct bus_message *message)
{
    const struct held *held = message->handle;

    return held != NULL && held->headers != NULL ? rd_kafka_headers_copy(held->headers) : NULL;
}

void bus_message_free(struct bus_message *message)
{
    struct held *held = message->handle;

    if (held != NULL) {
        if (held->headers != NULL) {
            rd_kafka_headers_destroy(held->headers);
        }
        free(held);
    }
    *message = (struct bus_message){0};
}

static void subscriber_free(struct subscriber *subscriber)
{
    if (subscriber->fd >= 0) {
        close(subscriber->fd);
    }
    settings_free(&subscriber->settings);
    free(subscriber);
}

struct subscriber *subscriber_open(const struct bus_settings *settings,
                                   subscriber_assigned_fn *on_assigned,
                                   subscriber_revoked_fn *on_revoked, void *ctx, struct error *err)
{
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);

    if (subscriber == NULL) {
        error_set(err, ERROR_NOMEM, "out of memory for a subscriber");
        return NULL;
    }
    subscriber->on_assigned = on_assigned;
    subscriber->on_revoked = on_revoked;
    subscriber->ctx = ctx;
    subscriber->fd = wake_open(err);
    if (subscriber->fd < 0 || !settings_copy(settings, &subscriber->settings, err) ||
        !subscriber_group_join(subscriber, err)) {
        subscriber_close(subscriber, 0);
        return NULL;
    }
    return subscriber;
}

void subscriber_close(struct subscriber *subscriber, uint32_t timeout_ms)
{
    if (subscriber == NULL) {
        return;
    }
    if (subscriber->client != NULL) {
        subscriber_group_leave(subscriber, timeout_ms);
    }
    subscriber_free(subscriber);
}

int subscriber_fd(void *subscriber)
{
    return ((struct subscriber *)subscriber)->fd;
}

short subscriber_wants(void *subscriber)
{
    (void)subscriber;
    return POLLIN;
}

/* A complaint is not the end of the queue: on to the next. */
static rd_kafka_message_t *next_message(struct subscriber *subscriber)
{
    rd_kafka_message_t *message;

    while ((message = rd_kafka_consume_queue(subscriber->messages, 0)) != NULL &&
           message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        subscriber_group_complaint(subscriber, message);
    }
    return message;
}

bool subscriber_next(struct subscriber *subscriber, bool want, struct bus_message *out, bool *got,
                     struct error *err)
{
    rd_kafka_message_t *message = NULL;

    *out = (struct bus_message){0};
    *got = false;
    wake_drain(subscriber->fd); /* first: what comes from here on raises it again */
    subscriber_group_serve(subscriber);
    if (subscriber->failed.kind == ERROR_NONE && want && subscriber->assigned) {
        message = next_message(subscriber);
    }
    if (message != NULL) {
        *got = message_take(subscriber, message, out, &subscriber->failed);
        rd_kafka_message_destroy(message);
        wake_raise(subscriber->fd); /* there may be more, and only an empty queue would tell */
        if (subscriber->unknown_since_ms == 0) { /* it may have come before the topic went */
            trouble_clear(&subscriber->trouble);
        }
    }
    if (subscriber->failed.kind != ERROR_NONE) {
        bus_message_free(out);
        *got = false;
        *err = subscriber->failed;
        return false;
    }
    return true;
}

void subscriber_acknowledge(struct subscriber *subscriber, uint64_t generation, int partition,
                            int64_t next_offset)
{
    rd_kafka_topic_partition_list_t *list;

    if (!subscriber->assigned || generation != subscriber->generation || next_offset < 0) {
        return;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, subscriber->settings.topic, partition)->offset =
        next_offset;
    /* Refused only when the partition is not ours any more; then its next owner reads the message again. */
    (void)rd_kafka_offsets_store(subscriber->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

const char *subscriber_trouble(const struct subscriber *subscriber)
{
    return subscriber->trouble.last.message;
}
