/* Inside the bus only: the properties that people add to the client's own; what callers see of them is in bus.h. */
#ifndef BUS_PROPERTIES_H
#define BUS_PROPERTIES_H

#include <librdkafka/rdkafka.h>

#include "bus/bus.h"

/* Over whatever conf has already. properties NULL: nothing. ERROR_USAGE, never with a value that may be a secret. */
MUST_CHECK bool properties_apply(const struct bus_properties *properties, rd_kafka_conf_t *conf,
                                 struct error *err);

enum property_class {
    PROPERTY_FREE,
    PROPERTY_OWNED, /* another value would lose, double or skip something */
    PROPERTY_CODE,  /* runs a program or loads one */
    PROPERTY_CHECK, /* switches a check off: only when that is asked for by name */
};
/* What that value of that property is; *reason is static, and NULL for PROPERTY_FREE. */
enum property_class property_classify(const char *name, const char *value, const char **reason);
bool property_is_secret(const char *name); /* its value is never repeated */

#endif
