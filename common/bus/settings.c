/*
 * How our Kafka clients are configured: one table, each line with the roles it is for and the reason where the default
 * would lose, skip or double something. Built for librdkafka 2.0.2; a property that only newer versions know is set
 * where it is known. Knows nothing of messages. What people add comes last, see properties.h.
 */
#include "bus/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "bus/certificate.h"
#include "bus/properties.h"

#define EVERY_ROLE (CLIENT_PUBLISHER | CLIENT_SUBSCRIBER | CLIENT_ADMIN)

struct setting {
    unsigned roles;
    const char *name;
    const char *text; /* NULL: the number */
    unsigned number;
    bool optional; /* unknown to some versions we run with */
};

static const struct setting SETTINGS[] = {
    /* Connections: a broker that comes back is found within a second, one that is silent is given up. */
    {EVERY_ROLE, "reconnect.backoff.max.ms", NULL, 1000, false},
    {EVERY_ROLE, "socket.keepalive.enable", "true", 0, false},
    {EVERY_ROLE, "socket.nagle.disable", "true", 0, false},
    {EVERY_ROLE, "socket.connection.setup.timeout.ms", NULL, LIMIT_CONNECT_MS, false},
    {EVERY_ROLE, "allow.auto.create.topics", "false", 0,
     false}, /* the producer's default is true */
    {EVERY_ROLE, "message.max.bytes", NULL, LIMIT_MESSAGE_WIRE, false},
    {CLIENT_PUBLISHER | CLIENT_SUBSCRIBER, "statistics.interval.ms", NULL, 5000, false},
    /* A topic that appears late is noticed soon, not after five minutes. */
    {CLIENT_SUBSCRIBER, "topic.metadata.refresh.interval.ms", NULL, 10000, false},

    /* Publishing: nothing lost, nothing doubled by the client; an outage stalls for an hour before it fails. */
    {CLIENT_PUBLISHER, "enable.idempotence", "true", 0, false},
    {CLIENT_PUBLISHER, "acks", "all", 0, false},
    {CLIENT_PUBLISHER, "delivery.timeout.ms", NULL, 3600000, false},
    {CLIENT_PUBLISHER, "request.timeout.ms", NULL, 30000, false},
    {CLIENT_PUBLISHER, "compression.type", "none", 0, false}, /* the value is gzip already */
    {CLIENT_PUBLISHER, "linger.ms", NULL, 5, false},
    {CLIENT_PUBLISHER, "queue.buffering.max.kbytes", NULL, 65536, false},

    /* Subscribing: from the start, since the default begins at the end and skips; what is acknowledged is stored by
     * hand and committed every second. Eager assignment: the cooperative one is unsafe before 2.10. */
    {CLIENT_SUBSCRIBER, "enable.auto.commit", "true", 0, false},
    {CLIENT_SUBSCRIBER, "enable.auto.offset.store", "false", 0, false},
    {CLIENT_SUBSCRIBER, "auto.commit.interval.ms", NULL, 1000, false},
    {CLIENT_SUBSCRIBER, "auto.offset.reset", "earliest", 0, false},
    {CLIENT_SUBSCRIBER, "partition.assignment.strategy", "roundrobin", 0, false},
    {CLIENT_SUBSCRIBER, "enable.partition.eof", "false", 0, false},
    {CLIENT_SUBSCRIBER, "check.crcs", "true", 0, false},
    {CLIENT_SUBSCRIBER, "fetch.wait.max.ms", NULL, 100, false},
    {CLIENT_SUBSCRIBER, "fetch.error.backoff.ms", NULL, 100, false},
    {CLIENT_SUBSCRIBER, "fetch.queue.backoff.ms", NULL, 20,
     true}, /* since 2.2; before: up to 1 s */
    /* Memory: at most 8 MiB wait in the queue, and one answer per broker, 8 MiB, may still come on top. Bytes decide,
     * not the number of messages. */
    {CLIENT_SUBSCRIBER, "queued.min.messages", NULL, 1000, false},
    {CLIENT_SUBSCRIBER, "queued.max.messages.kbytes", NULL, 8192, false},
    {CLIENT_SUBSCRIBER, "fetch.message.max.bytes", NULL, MIB, false},
    {CLIENT_SUBSCRIBER, "fetch.max.bytes", NULL, LIMIT_MESSAGE_WIRE, false},
};

#define SESSION_TIMEOUT_MS 45000u
#define HEARTBEAT_MS       3000u
#define MAX_POLL_MS        300000u

/* Libraries do not log: what matters comes through the error callback and *_trouble(). Any thread. */
static void swallow_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

static bool conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, bool optional,
                     struct error *err)
{
    char reason[256];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, reason, sizeof reason);

    if (result == RD_KAFKA_CONF_OK || (optional && result == RD_KAFKA_CONF_UNKNOWN)) {
        return true;
    }
    return error_set(err, ERROR_USAGE, "Kafka client setting %s: %s", name, reason);
}

static bool conf_set_number(rd_kafka_conf_t *conf, const char *name, unsigned number, bool optional,
                            struct error *err)
{
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    return conf_set(conf, name, text, optional, err);
}

static bool conf_set_group(rd_kafka_conf_t *conf, const struct bus_settings *settings,
                           struct error *err)
{
    unsigned session_ms = SESSION_TIMEOUT_MS;
    unsigned beat_ms = HEARTBEAT_MS;
    unsigned poll_ms = MAX_POLL_MS;

    if (settings->group == NULL) {
        return error_set(err, ERROR_BUG, "a subscriber needs a group");
    }
    if (settings->session_timeout_ms != 0) {
        session_ms = settings->session_timeout_ms;
        poll_ms = settings->session_timeout_ms;
        beat_ms = session_ms / 3 < HEARTBEAT_MS ? session_ms / 3 : HEARTBEAT_MS;
    }
    return conf_set(conf, "group.id", settings->group, false, err) &&
           conf_set_number(conf, "session.timeout.ms", session_ms, false, err) &&
           conf_set_number(conf, "heartbeat.interval.ms", beat_ms, false, err) &&
           conf_set_number(conf, "max.poll.interval.ms", poll_ms, false, err);
}

rd_kafka_conf_t *settings_conf_bare(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_log_cb(conf, swallow_log);
    certificate_watch(conf);
    return conf;
}

rd_kafka_conf_t *settings_conf(const struct bus_settings *settings, enum client_role role,
                               struct error *err)
{
    rd_kafka_conf_t *conf;
    bool ok;

    if (!bus_check_brokers(settings->brokers, err)) {
        return NULL;
    }
    conf = settings_conf_bare();
    ok = conf_set(conf, "bootstrap.servers", settings->brokers, false, err);
    if (ok && settings->client_id != NULL) {
        ok = conf_set(conf, "client.id", settings->client_id, false, err);
    }
    for (size_t i = 0; ok && i < ARRAY_LEN(SETTINGS); i++) {
        const struct setting *s = &SETTINGS[i];

        if ((s->roles & role) != 0) {
            ok = s->text != NULL ? conf_set(conf, s->name, s->text, s->optional, err)
                                 : conf_set_number(conf, s->name, s->number, s->optional, err);
        }
    }
    if (ok && settings->message_bytes != 0) {
        ok = conf_set_number(conf, "message.max.bytes", settings->message_bytes, false, err);
    }
    if (ok && role == CLIENT_SUBSCRIBER) {
        ok = conf_set_group(conf, settings, err);
    } else if (ok && role == CLIENT_ADMIN && settings->group != NULL) {
        ok = conf_set(conf, "group.id", settings->group, false, err) &&
             conf_set(conf, "enable.auto.commit", "false", false,
                      err); /* it asks, it is no member */
    }
    ok = ok && properties_apply(settings->properties, conf, err);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

static bool copy_text(const char *from, const char **to)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *to != NULL;
}

bool settings_copy(const struct bus_settings *from, struct bus_settings *to, struct error *err)
{
    *to = *from;
    to->brokers = to->topic = to->client_id = to->group = NULL;
    if (!copy_text(from->brokers, &to->brokers) || !copy_text(from->topic, &to->topic) ||
        !copy_text(from->client_id, &to->client_id) || !copy_text(from->group, &to->group)) {
        settings_free(to);
        return error_set(err, ERROR_NOMEM, "out of memory for the bus settings");
    }
    return true;
}

void settings_free(struct bus_settings *copy)
{
    free((void *)copy->brokers); /* ours: settings_copy made them */
    free((void *)copy->topic);
    free((void *)copy->client_id);
    free((void *)copy->group);
    *copy = (struct bus_settings){0};
}

const char *bus_library_version(void)
{
    return rd_kafka_version_str();
}

/* host, or an IPv6 address in brackets */
static bool host_is_sound(const char *host, size_t len)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    static const char address[] = "abcdefABCDEF0123456789:.";

    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        return strspn(host + 1, address) == len - 2;
    }
    return len > 0 && strspn(host, name) >= len;
}

static bool broker_is_sound(const char *text, size_t len)
{
    const char *colon = memrchr(text, ':', len);
    struct span digits;
    uint64_t port;

    if (colon == NULL || !host_is_sound(text, (size_t)(colon - text))) {
        return false;
    }
    digits.ptr = (const uint8_t *)colon + 1;
    digits.len = len - (size_t)(colon + 1 - text);
    return number_parse_u64(digits, &port) && port >= 1 && port <= 65535;
}

bool bus_check_brokers(const char *brokers, struct error *err)
{
    const char *at = brokers;

    if (brokers == NULL || brokers[0] == '\0') {
        return error_set(err, ERROR_USAGE,
                         "no Kafka brokers given, expected host:port[,host:port…]");
    }
    for (;;) {
        size_t len = strcspn(at, ",");

        if (!broker_is_sound(at, len)) {
            return error_set(err, ERROR_USAGE, "Kafka brokers: \"%.*s\" is not host:port",
                             len > 200 ? 200 : (int)len, at);
        }
        if (at[len] == '\0') {
            return true;
        }
        at += len + 1;
    }
}
