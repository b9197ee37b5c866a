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

static rd_kafka_headers_t *headers_make(const struct bus_header *headers, size_t count)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(count);

    for (size_t i = 0; i < count;
         i++) { /* fails for a read-only list only, which a new one is not */
        rd_kafka_header_add(list, headers[i].name, -1, headers[i].value, -1);
    }
    return list;
}

bool publisher_send(struct publisher *publisher, const char *key, const struct bus_header *headers,
                    size_t header_count, uint8_t *value, size_t len, uint64_t token,
                    struct error *err)
{
    struct outbox_entry *entry;
    rd_kafka_headers_t *list;
    rd_kafka_resp_err_t code;

    if (publisher->closing) {
        return error_set(err, ERROR_CANCELLED, "publish to %s: closing", publisher->settings.topic);
    }
    if (publisher->state != PUBLISHER_RUNNING) {
        return error_set(err, ERROR_THROTTLED, "publish to %s: the client is being rebuilt",
                         publisher->settings.topic);
    }
    entry = outbox_add(&publisher->outbox, token);
    if (entry == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for a message");
    }
    list = headers_make(headers, header_count);
    /* What the RD_KAFKA_V_ macros expand to, but for a GNU extension in them. */
    code = rd_kafka_producev(publisher->client, RD_KAFKA_VTYPE_TOPIC, publisher->settings.topic,
                             RD_KAFKA_VTYPE_KEY, key, strlen(key), RD_KAFKA_VTYPE_VALUE, value, len,
                             RD_KAFKA_VTYPE_HEADERS, list, RD_KAFKA_VTYPE_MSGFLAGS,
                             RD_KAFKA_MSG_F_FREE, RD_KAFKA_VTYPE_OPAQUE, entry, RD_KAFKA_VTYPE_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return true;
    }
    rd_kafka_headers_destroy(list); /* ours again, like the value */
    outbox_remove(&publisher->outbox, entry);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        publisher_client_broken(publisher);
        return error_set(err, ERROR_THROTTLED, "publish to %s: the client is being rebuilt",
                         publisher->settings.topic);
    }
    return client_error_set(err, code, NULL, "publish to %s", publisher->settings.topic);
}

size_t publisher_pending(const struct publisher *publisher)
{
    return publisher->outbox.count;
}

const char *publisher_trouble(const struct publisher *publisher)
{
    return publisher->trouble.last.message;
}
