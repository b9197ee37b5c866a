/*
 * The topic: created when it is missing and wanted, otherwise held against what the ferry needs. A topic that would
 * refuse a batch, forget it early or merge messages of one key is refused here, not met in the middle of a job.
 * Never alters a topic that exists: that is its owner's decision, and the message says how.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "bus/admin.h"

#define WEEK_MS INT64_C(604800000) /* the least accepted where "for ever" was wished */

static bool refuse(const struct admin *admin, const char *name, const char *value, const char *need,
                   const char *wanted, struct error *err)
{
    const char *topic = admin->settings->topic;

    return error_set(
        err, ERROR_USAGE,
        "topic %s: %s is %s, %s (kafka-configs --bootstrap-server %s --alter --topic %s "
        "--add-config %s=%s)",
        topic, name, value, need, admin->settings->brokers, topic, name, wanted);
}

static bool check_message_bytes(const struct admin *admin, const char *value,
                                const struct topic_wishes *wishes, struct error *err)
{
    int64_t bytes;
    char need[64], wanted[24];

    if (number_parse_i64(span_from_str(value), &bytes) && bytes >= wishes->message_bytes) {
        return true;
    }
    snprintf(wanted, sizeof wanted, "%" PRId64, wishes->message_bytes);
    snprintf(need, sizeof need, "must be at least %s", wanted);
    return refuse(admin, "max.message.bytes", value, need, wanted, err);
}

static bool check_retention(const struct admin *admin, const char *value,
                            const struct topic_wishes *wishes, struct error *err)
{
    int64_t least = wishes->retention_ms >= 0 ? wishes->retention_ms : WEEK_MS;
    int64_t kept;
    char need[64], wanted[24];

    if (number_parse_i64(span_from_str(value), &kept) && (kept == -1 || kept >= least)) {
        return true;
    }
    snprintf(wanted, sizeof wanted, "%" PRId64, wishes->retention_ms);
    snprintf(need, sizeof need, "must be -1 or at least %" PRId64, least);
    return refuse(admin, "retention.ms", value, need, wanted, err);
}

/* A size says nothing of who has read: any forgets batches that wait, when there are enough of them. */
static bool check_retained_bytes(const struct admin *admin, const char *value, struct error *err)
{
    int64_t bytes;

    return (number_parse_i64(span_from_str(value), &bytes) && bytes == -1) ||
           refuse(admin, "retention.bytes", value, "must be -1", "-1", err);
}

/* A list like "compact,delete". */
static bool check_cleanup(const struct admin *admin, const char *value, struct error *err)
{
    if (strstr(value, "compact") == NULL) {
        return true;
    }
    return refuse(admin, "cleanup.policy", value, "must not compact", "delete", err);
}

static bool check_entry(const struct admin *admin, const rd_kafka_ConfigEntry_t *entry,
                        const struct topic_wishes *wishes, struct error *err)
{
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);

    if (value == NULL) {
        return true;
    }
    if (strcmp(name, "max.message.bytes") == 0) {
        return check_message_bytes(admin, value, wishes, err);
    }
    if (strcmp(name, "retention.ms") == 0) {
        return check_retention(admin, value, wishes, err);
    }
    if (strcmp(name, "retention.bytes") == 0) {
        return check_retained_bytes(admin, value, err);
    }
    if (strcmp(name, "cleanup.policy") == 0) {
        return check_cleanup(admin, value, err);
    }
    return true;
}

static bool check_answer(const struct admin *admin, rd_kafka_event_t *event,
                         const struct topic_wishes *wishes, struct error *err)
{
    size_t count;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    const rd_kafka_ConfigEntry_t **entries;
    rd_kafka_resp_err_t code;
    bool ok = true;

    if (count != 1) {
        return error_set(err, ERROR_UNAVAILABLE, "topic %s: its configuration was not told",
                         admin->settings->topic);
    }
    code = rd_kafka_ConfigResource_error(resources[0]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return client_error_set(err, code, rd_kafka_ConfigResource_error_string(resources[0]),
                                "configuration of topic %s", admin->settings->topic);
    }
    entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    for (size_t i = 0; ok && i < count; i++) {
        ok = check_entry(admin, entries[i], wishes, err);
    }
    return ok;
}

static bool topic_check(struct admin *admin, const struct topic_wishes *wishes, struct error *err)
{
    rd_kafka_AdminOptions_t *options = admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, admin->settings->topic);
    rd_kafka_event_t *event;
    bool ok = false;

    rd_kafka_DescribeConfigs(admin->client, &resource, 1, options, admin->answers);
    event = admin_answer(admin, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, "describe the topic", err);
    if (event != NULL) {
        ok = check_answer(admin, event, wishes, err);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_AdminOptions_destroy(options);
    return ok;
}

static bool creation_result(const struct admin *admin, rd_kafka_event_t *event, bool *created,
                            struct error *err)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;

    *created = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (*created || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) { /* somebody else was first */
        return true;
    }
    return client_error_set(err, code,
                            count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL,
                            "create topic %s", admin->settings->topic);
}

static bool topic_create(struct admin *admin, const struct topic_wishes *wishes, bool *created,
                         struct error *err)
{
    char reason[256], bytes[24], retention[24];
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *event;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(admin->settings->topic, wishes->partitions,
                              -1 /* the broker's default */, reason, sizeof reason);
    bool ok = false;

    if (topic == NULL) {
        return error_set(err, ERROR_USAGE, "create topic %s: %s", admin->settings->topic, reason);
    }
    snprintf(bytes, sizeof bytes, "%" PRId64, wishes->message_bytes);
    snprintf(retention, sizeof retention, "%" PRId64, wishes->retention_ms);
    rd_kafka_NewTopic_set_config(topic, "max.message.bytes", bytes);
    rd_kafka_NewTopic_set_config(topic, "retention.ms", retention);
    rd_kafka_NewTopic_set_config(topic, "retention.bytes", "-1");
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
    rd_kafka_NewTopic_set_config(topic, "compression.type", "producer");
    options = admin_options(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(admin->client, &topic, 1, options, admin->answers);
    event = admin_answer(admin, RD_KAFKA_EVENT_CREATETOPICS_RESULT, "create the topic", err);
    if (event != NULL) {
        ok = creation_result(admin, event, created, err);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    return ok;
}

/* Created is not ready: a message sent before every leader serves is refused, and 2.0.2 does not take that well. */
static bool topic_await(struct admin *admin, struct error *err)
{
    int partitions;
    int64_t *ignored;
    bool ok;

    if (!admin_partitions(admin, true, &partitions, err)) {
        return false;
    }
    ignored = calloc((size_t)partitions, sizeof *ignored);
    if (ignored == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for offsets");
    }
    ok = admin_offsets(admin, partitions, RD_KAFKA_OFFSET_END, ignored, err);
    free(ignored);
    return ok;
}

bool topic_ensure(const struct bus_settings *settings, const struct topic_wishes *wishes,
                  bool may_create, bool *created, uint32_t timeout_ms, struct error *err)
{
    struct admin admin;
    int partitions;
    bool ok;

    *created = false;
    if (!admin_open(&admin, settings, timeout_ms, err)) {
        return false;
    }
    ok = admin_partitions(&admin, false, &partitions, err);
    if (ok && partitions == 0) {
        ok = may_create
                 ? topic_create(&admin, wishes, created, err)
                 : error_set(err, ERROR_NOT_FOUND,
                             "topic %s does not exist on Kafka at %s: run ferry-producer setup",
                             settings->topic, settings->brokers);
        ok = ok && topic_await(&admin, err);
    }
    ok = ok && topic_check(&admin, wishes, err);
    admin_close(&admin);
    return ok;
}
