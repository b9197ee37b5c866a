/*
 * Inside the bus only: a publisher and its client. publisher.c is what callers use, publisher_client.c the life of the
 * librdkafka handle: made, broken, mended.
 */
#ifndef BUS_PUBLISHER_H
#define BUS_PUBLISHER_H

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "bus/bus.h"
#include "bus/client.h"
#include "bus/outbox.h"

enum publisher_state {
    PUBLISHER_RUNNING,
    PUBLISHER_DRAINING, /* the client is fatally broken; messages in transit may still be reported as stored */
    PUBLISHER_WAITING, /* no client; the next one at due_ms */
};

struct publisher {
    struct bus_settings settings; /* own copy */
    publisher_report_fn *report;
    void *ctx;
    rd_kafka_t *client; /* NULL while waiting */
    int fd;
    enum publisher_state state;
    bool closing;
    int64_t due_ms;    /* of the state */
    int64_t ask_at_ms; /* the topic was said not to exist: when to look for it again; 0: no */
    uint32_t rebuilds; /* since the last stored message */
    uint32_t rebuilt;  /* in all */
    struct rng rng;
    struct outbox outbox;
    struct trouble trouble;
};

MUST_CHECK bool publisher_client_start(struct publisher *publisher, struct error *err);
void publisher_client_broken(
    struct publisher *publisher); /* a fatal error: no message can be sent any more */
void publisher_client_mend(struct publisher *publisher); /* what is due now */
/* The topic was said not to exist: nothing is sent until it is there again. */
void publisher_client_miss_topic(struct publisher *publisher, rd_kafka_resp_err_t code);
/* Ends the client; every message without a report gets one of that kind. Serves reports for at most serve_ms. */
void publisher_client_end(struct publisher *publisher, uint32_t serve_ms, enum error_kind kind);

#endif
