/* Properties for the bus's client out of a file and variables. */
#ifndef RUN_BUS_ENVIRONMENT_H
#define RUN_BUS_ENVIRONMENT_H

#include "app/option.h"
#include "bus/bus.h"

/*
 * One rule: first [kafka] of ferry.conf, then the file of --kafka-config (or FERRY_KAFKA_CONFIG), then every variable
 * FERRY_KAFKA_<PROPERTY>, dots as underscores, in the process environment or else in .env; the later one wins. Never a flag.
 * The file: PROPERTY=VALUE lines, blanks around both dropped, everything else is the value; "kafka." before the property
 * is dropped; blank lines and those beginning with # or ! say nothing.
 * FERRY_KAFKA_BROKERS, _CONFIG and _INSECURE are our own. All are judged and tried together before anything is opened;
 * one that switches a check off is warned about. NULL: ERROR_USAGE, naming the variable, or file and line.
 */
struct bus_properties *bus_environment_read(const struct option_set *options, struct error *err);
/* Those of the file alone, as they stand there, with "FILE, line N"; a value may be a secret, and is gone after fn. Ends when fn
 * says false. ERROR_USAGE: the file, or a line that is none. */
MUST_CHECK bool bus_environment_each(const struct option_set *options, option_property_fn *fn,
                                     void *ctx, struct error *err);

#endif
