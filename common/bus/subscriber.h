/*
 * Inside the bus only: a subscriber. subscriber.c is what callers use, subscriber_group.c its life in the group:
 * assignments, complaints, leaving.
 */
#ifndef BUS_SUBSCRIBER_H
#define BUS_SUBSCRIBER_H

#include <librdkafka/rdkafka.h>

#include "bus/bus.h"
#include "bus/client.h"

struct subscriber {
    struct bus_settings settings; /* own copy */
    subscriber_assigned_fn *on_assigned;
    subscriber_revoked_fn *on_revoked;
    void *ctx;
    rd_kafka_t *client;
    /* Every assigned partition is forwarded here, so that group events can be served without taking a message. No
     * pause and resume is needed then: an unread queue is full, and librdkafka fetches no more. */
    rd_kafka_queue_t *messages;
    int fd;
    uint64_t generation;
    bool assigned;            /* the generation is current */
    int64_t unknown_since_ms; /* the topic was said not to exist; 0: no */
    struct error failed;      /* what subscriber_next has to tell */
    struct trouble trouble;
};

MUST_CHECK bool subscriber_group_join(struct subscriber *subscriber, struct error *err);
void subscriber_group_serve(
    struct subscriber *subscriber); /* what the group has to say, without waiting */
/* Something that came where messages come, and is none. Destroys it. */
void subscriber_group_complaint(struct subscriber *subscriber, rd_kafka_message_t *complaint);
void subscriber_group_leave(struct subscriber *subscriber, uint32_t timeout_ms);

/* A copy of a message's headers, or NULL: it has none. */
rd_kafka_headers_t *subscriber_copy_headers(const struct bus_message *message);

#endif
