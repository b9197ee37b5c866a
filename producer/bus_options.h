/* Bus settings out of options, and the wishes of ours that every topic must meet. */
#ifndef PRODUCER_BUS_OPTIONS_H
#define PRODUCER_BUS_OPTIONS_H

#include "bus/bus.h"
#include "run/runtime.h"

/* Texts are borrowed from the options, properties from the runtime; group needs the ledger's UUID, NULL where no group is needed. */
MUST_CHECK bool bus_options_read(struct runtime *rt, const struct uuid *ledger,
                                 struct bus_settings *out, struct error *err);
/* partitions count only when the topic is created. */
MUST_CHECK bool bus_ensure_topic(const struct bus_settings *bus, int partitions, bool may_create,
                                 bool *created, struct error *err);

#endif
