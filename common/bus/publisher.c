/*
 * Publishing: messages go in with a token, come back as reports, and only a report says that one is stored.
 * librdkafka keeps order, retries and removes its own duplicates; what to send again after a failed report is the
 * caller's decision. Blocks nowhere but in publisher_close, for as long as it was told.
 */
#include "bus/publisher.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/settings.h"
#include "bus/subscriber.h"

#define CLOSE_SERVE_MS 1000 /* for the reports of purged messages */

static void publisher_free(struct publisher *publisher)
{
    if (publisher->fd >= 0) {
        close(publisher->fd);
    }
    settings_free(&publisher->settings);
    free(publisher);
}

struct publisher *publisher_open(const struct bus_settings *settings, publisher_report_fn *fn,
                                 void *ctx, struct error *err)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);
    uint64_t seed;

    if (publisher == NULL) {
        error_set(err, ERROR_NOMEM, "out of memory for a publisher");
        return NULL;
    }
    publisher->report = fn;
    publisher->ctx = ctx;
    random_bytes(&seed, sizeof seed);
    rng_seed(&publisher->rng, seed);
    publisher->fd = wake_open(err);
    if (publisher->fd < 0 || !settings_copy(settings, &publisher->settings, err) ||
        !publisher_client_start(publisher, err)) {
        publisher_free(publisher);
        return NULL;
    }
    return publisher;
}

void publisher_close(struct publisher *publisher, uint32_t flush_ms)
{
    if (publisher == NULL) {
        return;
    }
    publisher->closing = true;
    if (publisher->client != NULL) {
        rd_kafka_flush(publisher->client, flush_ms > INT32_MAX ? INT32_MAX : (int)flush_ms);
        publisher_client_end(publisher, CLOSE_SERVE_MS, ERROR_CANCELLED);
    }
    publisher_free(publisher);
}

int publisher_fd(void *publisher)
{
    return ((struct publisher *)publisher)->fd;
}

short publisher_wants(void *publisher)
{
    (void)publisher;
    return POLLIN;
}

void publisher_step(void *ctx, short got)
{
    struct publisher *publisher = ctx;

    (void)got;
    wake_drain(publisher->fd);
    if (publisher->client != NULL) {
        rd_kafka_poll(publisher->client, 0);
    }
    publisher_client_mend(publisher);
}

static void headers_add(rd_kafka_headers_t *list, const struct bus_header *headers, size_t count)
{
    for (size_t i = 0; i < count;
         i++) { /* fails for a read-only list only, which a new one is not */
        rd_kafka_header_add(list, headers[i].name, -1, headers[i].value,
                            headers[i].len > 0 ? (ssize_t)headers[i].len : -1);
    }
}

/* A message on its way to the client. Owns nothing but the headers, until the client has them. */
struct sending {
    struct span key;
    rd_kafka_headers_t *headers;
    void *value;
    size_t len;
    int flags;
};

static rd_kafka_resp_err_t produce(struct publisher *publisher, const struct sending *sending,
                                   struct outbox_entry *entry)
{
    /* What the RD_KAFKA_V_ macros expand to, but for a GNU extension in them. */
    return rd_kafka_producev(publisher->client, RD_KAFKA_VTYPE_TOPIC, publisher->settings.topic,
                             RD_KAFKA_VTYPE_KEY, sending->key.ptr, sending->key.len,
                             RD_KAFKA_VTYPE_VALUE, sending->value, sending->len,
                             RD_KAFKA_VTYPE_HEADERS, sending->headers, RD_KAFKA_VTYPE_MSGFLAGS,
                             sending->flags, RD_KAFKA_VTYPE_OPAQUE, entry, RD_KAFKA_VTYPE_END);
}

/* Also when nothing can be sent: the headers are gone afterwards. */
static bool send_it(struct publisher *publisher, const struct sending *sending, uint64_t token,
                    struct error *err)
{
    struct outbox_entry *entry = outbox_add(&publisher->outbox, token);
    rd_kafka_resp_err_t code;

    if (entry == NULL) {
        rd_kafka_headers_destroy(sending->headers);
        return error_set(err, ERROR_NOMEM, "out of memory for a message");
    }
    code = produce(publisher, sending, entry);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return true;
    }
    rd_kafka_headers_destroy(sending->headers); /* ours again, like the value */
    outbox_remove(&publisher->outbox, entry);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        publisher_client_broken(publisher);
        return error_set(err, ERROR_THROTTLED, "publish to %s: the client is being rebuilt",
                         publisher->settings.topic);
    }
    if (client_error_kind(code) == ERROR_NOT_FOUND) {
        publisher_client_miss_topic(publisher, code);
        return error_set(err, ERROR_THROTTLED, "%s", publisher->trouble.last.message);
    }
    return client_error_set(err, code, NULL, "publish to %s", publisher->settings.topic);
}

static bool check_running(const struct publisher *publisher, struct error *err)
{
    if (publisher->closing) {
        return error_set(err, ERROR_CANCELLED, "publish to %s: closing", publisher->settings.topic);
    }
    if (publisher->state != PUBLISHER_RUNNING) {
        return error_set(err, ERROR_THROTTLED, "publish to %s: the client is being rebuilt",
                         publisher->settings.topic);
    }
    if (publisher->ask_at_ms != 0) {
        return error_set(err, ERROR_THROTTLED, "publish to %s: the topic does not exist",
                         publisher->settings.topic);
    }
    return true;
}

void publisher_miss_topic(struct publisher *publisher)
{
    publisher_client_miss_topic(publisher, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

bool publisher_send(struct publisher *publisher, const char *key, const struct bus_header *headers,
                    size_t header_count, uint8_t *value, size_t len, uint64_t token,
                    struct error *err)
{
    struct sending sending = {
        .key = span_from_str(key), .value = value, .len = len, .flags = RD_KAFKA_MSG_F_FREE};

    if (!check_running(publisher, err)) {
        return false;
    }
    sending.headers = rd_kafka_headers_new(header_count);
    headers_add(sending.headers, headers, header_count);
    return send_it(publisher, &sending, token, err);
}

bool publisher_send_copy(struct publisher *publisher, const struct bus_copy *copy, uint64_t token,
                         struct error *err)
{
    struct sending sending = {
        .key = copy->key, .len = copy->value.len, .flags = RD_KAFKA_MSG_F_COPY};

    if (!check_running(publisher, err)) {
        return false;
    }
    if (copy->has_value) { /* no bytes are a value too */
        sending.value = copy->value.len > 0 ? (void *)copy->value.ptr : (void *)"";
    }
    sending.headers = copy->headers_of != NULL ? subscriber_copy_headers(copy->headers_of) : NULL;
    if (sending.headers == NULL) {
        sending.headers = rd_kafka_headers_new(copy->header_count);
    }
    headers_add(sending.headers, copy->headers, copy->header_count);
    return send_it(publisher, &sending, token, err);
}

size_t publisher_pending(const struct publisher *publisher)
{
    return publisher->outbox.count;
}

uint32_t publisher_rebuilds(const struct publisher *publisher)
{
    return publisher->rebuilt;
}

const char *publisher_trouble(const struct publisher *publisher)
{
    return publisher->trouble.last.message;
}
