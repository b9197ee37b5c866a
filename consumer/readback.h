/* Reading a batch back from its target and comparing it, record by record (D2, decision 14). */
#ifndef CONSUMER_READBACK_H
#define CONSUMER_READBACK_H

#include <stddef.h>

struct consumer;

/* Leaves its verdict in the slot's parcel. */
void readback_start(struct consumer *consumer, size_t slot);

#endif
