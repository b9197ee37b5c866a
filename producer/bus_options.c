/* See bus_options.h. */
#include "producer/bus_options.h"

#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"

bool bus_options_read(struct runtime *rt, const struct uuid *ledger, struct bus_settings *out,
                      struct error *err)
{
    const struct option_set *options = rt->options;
    static char client_id[48];
    static char group[64];
    if (option_text(options, "brokers") == NULL) { /* where the table cannot demand it */
        return error_set(err, ERROR_USAGE,
                         "missing --brokers HOST:PORT,… (or FERRY_KAFKA_BROKERS)");
    }
    snprintf(client_id, sizeof client_id, "ferry-producer-%d", (int)getpid());
    snprintf(group, sizeof group, "ferry.%s", ledger != NULL ? ledger->text : "none");
    *out = (struct bus_settings){.brokers = option_text(options, "brokers"),
                                 .topic = option_text(options, "topic"),
                                 .client_id = client_id,
                                 .group = group};
    return bus_check_brokers(out->brokers, err) &&
           runtime_bus_properties(rt, &out->properties, err);
}

bool bus_ensure_topic(const struct bus_settings *bus, int partitions, bool may_create,
                      bool *created, struct error *err)
{
    struct topic_wishes wishes = {
        .partitions = partitions, .message_bytes = LIMIT_MESSAGE_WIRE, .retention_ms = -1};
    return topic_ensure(bus, &wishes, may_create, created, LIMIT_CONNECT_MS, err);
}
