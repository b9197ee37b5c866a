/* What the brokers are, as far as they tell. Blocks, bounded. */
#include <stdio.h>
#include <string.h>

#include "bus/admin.h"

/* Kafka tells its version nowhere else; from 4.0 on not there either. */
static void take_version(rd_kafka_event_t *event, char out[40])
{
    size_t count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    const rd_kafka_ConfigEntry_t **entries =
        count == 1 ? rd_kafka_ConfigResource_configs(resources[0], &count) : NULL;

    for (size_t i = 0; entries != NULL && i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (value != NULL &&
            strcmp(rd_kafka_ConfigEntry_name(entries[i]), "inter.broker.protocol.version") == 0) {
            snprintf(out, 40, "%.*s", (int)strcspn(value, "-"), value);
        }
    }
}

/* Not everybody may ask: then it is not known. */
static void ask_version(struct admin *admin, int broker, char out[40])
{
    struct error untold = {0};
    char number[16];
    rd_kafka_ConfigResource_t *resource;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *event;

    snprintf(number, sizeof number, "%d", broker);
    resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, number);
    options = admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(admin->client, &resource, 1, options, admin->answers);
    event =
        admin_answer(admin, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, "describe a broker", &untold);
    if (event != NULL) {
        take_version(event, out);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_AdminOptions_destroy(options);
}

bool bus_look(const struct bus_settings *settings, uint32_t timeout_ms, struct bus_about *out,
              struct error *err)
{
    struct admin admin = {0};
    const struct rd_kafka_metadata *found = NULL;
    int broker;

    *out = (struct bus_about){.brokers = 0};
    if (!admin_open(&admin, settings, timeout_ms, err)) {
        return false;
    }
    broker = rd_kafka_controllerid(admin.client, admin_left_ms(&admin));
    if (rd_kafka_metadata(admin.client, 0, admin.topic, &found, admin_left_ms(&admin)) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        out->brokers = found->broker_cnt;
        rd_kafka_metadata_destroy(found);
    }
    if (broker >= 0) {
        ask_version(&admin, broker, out->version);
    }
    admin_close(&admin);
    return true;
}
