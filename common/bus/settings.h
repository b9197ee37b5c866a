/*
 * Inside the bus only: the one table of Kafka client settings. What each role sets, and why, is in settings.c.
 */
#ifndef BUS_SETTINGS_H
#define BUS_SETTINGS_H

#include <librdkafka/rdkafka.h>

#include "bus/bus.h"

enum client_role {
    CLIENT_PUBLISHER = 1,
    CLIENT_SUBSCRIBER = 2,
    CLIENT_ADMIN = 4, /* short-lived: topics and positions */
};

/* A configuration without callbacks, or NULL. The caller gives it to rd_kafka_new() or destroys it. */
rd_kafka_conf_t *settings_conf(const struct bus_settings *settings, enum client_role role,
                               struct error *err);

/* One that logs nothing, for trials. */
rd_kafka_conf_t *settings_conf_bare(void);

/* Our own copy, but for the properties: the caller's strings need not outlive the call that brought them. */
MUST_CHECK bool settings_copy(const struct bus_settings *from, struct bus_settings *to,
                              struct error *err);
void settings_free(struct bus_settings *copy); /* of a zeroed struct: nothing */

#endif
