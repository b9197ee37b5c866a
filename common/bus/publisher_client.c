/*
 * The life of a publisher's librdkafka handle. A fatal client error (2.0.2 raises one after an ordinary disconnect)
 * costs the handle, never a message: those in transit may still report, the rest is reported as unavailable, and a new
 * handle comes after a wait, again and again. The caller sends anew what was not stored; duplicates are possible then.
 */
#include "bus/publisher.h"

#include <string.h>

#include "bus/settings.h"

#define DRAIN_MS           5000 /* for the reports of messages in transit */
#define PURGE_MS           500  /* for the reports of purged messages */
#define DESTROY_MS         200  /* the rest of it goes on in the background */
#define TOPIC_ASK_EVERY_MS 1000
#define TOPIC_ASK_MS       200 /* the loop stands still meanwhile */
#define REBUILD_BASE_MS    100
#define REBUILD_CAP_MS     10000
#define REBUILD_ATTEMPTS   16 /* the cap is reached long before */

/* Broken or closing, a purged message says something else than that somebody purged it. A topic that is gone is an outage:
 * it was there when the publisher was opened. */
static enum error_kind report_kind(const struct publisher *publisher, rd_kafka_resp_err_t code)
{
    enum error_kind kind = client_error_kind(code);

    if ((kind == ERROR_CANCELLED && !publisher->closing) || kind == ERROR_NOT_FOUND) {
        return ERROR_UNAVAILABLE;
    }
    return kind;
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct publisher *publisher = opaque;
    uint64_t token = outbox_remove(&publisher->outbox, message->_private);
    rd_kafka_resp_err_t code = message->err;
    int64_t offset = message->offset;
    struct error err = {0};

    (void)client;
    if (client_error_kind(code) == ERROR_NOT_FOUND && !publisher->closing) {
        publisher_client_miss_topic(publisher, code);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && offset < 0) {
        /* Said to be stored because a later one of its partition was. Not proven: a broker that does not know the
         * sender yet takes a later one alone, and this one is lost. A duplicate costs less. */
        offset = BUS_NO_OFFSET;
        error_set(&err, ERROR_UNAVAILABLE, "publish to %s: acknowledged without an offset",
                  publisher->settings.topic);
    } else if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        trouble_clear(&publisher->trouble);
        publisher->rebuilds = 0;
        publisher->ask_at_ms = 0;
    } else {
        offset = BUS_NO_OFFSET;
        error_set(&err, report_kind(publisher, code), "publish to %s: %s",
                  publisher->settings.topic, rd_kafka_err2str(code));
        err.native = (int32_t)code;
    }
    publisher->report(publisher->ctx, token, (int)message->partition, offset, &err);
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct publisher *publisher = opaque;
    char text[256];

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);

        trouble_note(&publisher->trouble, cause, text);
        publisher_client_broken(publisher);
        return;
    }
    if (client_error_kind((rd_kafka_resp_err_t)code) == ERROR_NOT_FOUND) {
        publisher_client_miss_topic(publisher, (rd_kafka_resp_err_t)code);
        return;
    }
    trouble_note(&publisher->trouble, (rd_kafka_resp_err_t)code, reason);
}

static int on_statistics(rd_kafka_t *client, char *json, size_t len, void *opaque)
{
    struct publisher *publisher = opaque;

    (void)client;
    (void)len;
    if (publisher->state == PUBLISHER_RUNNING && publisher->ask_at_ms == 0) {
        trouble_review(&publisher->trouble, json);
    }
    return 0; /* librdkafka frees the text */
}

static void watch_queue(rd_kafka_t *client, int fd)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(client);

    wake_attach(queue, fd);
    rd_kafka_queue_destroy(queue);
}

bool publisher_client_start(struct publisher *publisher, struct error *err)
{
    char reason[256];
    rd_kafka_conf_t *conf = settings_conf(&publisher->settings, CLIENT_PUBLISHER, err);

    if (conf == NULL) {
        return false;
    }
    rd_kafka_conf_set_opaque(conf, publisher);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    publisher->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (publisher->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERROR_UNAVAILABLE, "Kafka client: %s", reason);
    }
    watch_queue(publisher->client, publisher->fd);
    publisher->state = PUBLISHER_RUNNING;
    return true;
}

void publisher_client_broken(struct publisher *publisher)
{
    if (publisher->state == PUBLISHER_RUNNING) {
        publisher->state = PUBLISHER_DRAINING;
        publisher->due_ms = clock_boottime_ms() + DRAIN_MS;
    }
}

void publisher_client_end(struct publisher *publisher, uint32_t serve_ms, enum error_kind kind)
{
    int64_t deadline = clock_boottime_ms() + serve_ms;
    struct error err = {0};

    if (publisher->outbox.count > 0) {
        /* Not waiting inside purge: a broker thread may be stuck in name resolution. */
        rd_kafka_purge(publisher->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                              RD_KAFKA_PURGE_F_NON_BLOCKING);
    }
    while (publisher->outbox.count > 0 && clock_boottime_ms() < deadline) {
        rd_kafka_poll(publisher->client, 20);
    }
    watch_queue(publisher->client, -1);
    client_destroy(publisher->client,
                   DESTROY_MS); /* no callback after this, so the entries are ours alone */
    publisher->client = NULL;
    error_set(&err, kind, "publish to %s: ended without a report", publisher->settings.topic);
    while (publisher->outbox.first != NULL) {
        uint64_t token = outbox_remove(&publisher->outbox, publisher->outbox.first);

        publisher->report(publisher->ctx, token, -1, BUS_NO_OFFSET, &err);
    }
}

void publisher_client_miss_topic(struct publisher *publisher, rd_kafka_resp_err_t code)
{
    trouble_note_missing(&publisher->trouble, code, publisher->settings.topic);
    if (publisher->ask_at_ms == 0) {
        publisher->ask_at_ms = clock_boottime_ms() + TOPIC_ASK_EVERY_MS;
    }
}

/* The client notices by itself only when something is sent, which would be read and encoded for nothing each time. */
static void look_for_topic(struct publisher *publisher)
{
    rd_kafka_resp_err_t code;

    switch (client_find_topic(publisher->client, publisher->settings.topic, TOPIC_ASK_MS, &code)) {
    case TOPIC_THERE:
        publisher->ask_at_ms = 0;
        trouble_clear(&publisher->trouble);
        return;
    case TOPIC_MISSING:
        trouble_note_missing(&publisher->trouble, code, publisher->settings.topic);
        break;
    case TOPIC_UNSURE: /* whoever does not answer is complained of by the client */
        break;
    }
    publisher->ask_at_ms = clock_boottime_ms() + TOPIC_ASK_EVERY_MS;
}

static void wait_for_next(struct publisher *publisher)
{
    publisher->state = PUBLISHER_WAITING;
    publisher->due_ms = clock_boottime_ms() + backoff_ms(&publisher->rng, publisher->rebuilds,
                                                         REBUILD_BASE_MS, REBUILD_CAP_MS);
    if (publisher->rebuilds < REBUILD_ATTEMPTS) {
        publisher->rebuilds++;
    }
}

void publisher_client_mend(struct publisher *publisher)
{
    int64_t now = clock_boottime_ms();
    struct error err = {0};

    if (publisher->state == PUBLISHER_DRAINING &&
        (publisher->outbox.count == 0 || now >= publisher->due_ms)) {
        publisher_client_end(publisher, PURGE_MS, ERROR_UNAVAILABLE);
        wait_for_next(publisher);
    }
    if (publisher->state == PUBLISHER_WAITING && now >= publisher->due_ms) {
        if (publisher_client_start(publisher, &err)) {
            publisher->rebuilt++;
        } else {
            trouble_note(&publisher->trouble, RD_KAFKA_RESP_ERR__FAIL, err.message);
            wait_for_next(publisher);
        }
    }
    if (publisher->state == PUBLISHER_RUNNING && publisher->ask_at_ms != 0 &&
        now >= publisher->ask_at_ms) {
        look_for_topic(publisher);
    }
}
