/* Writing a batch to its target (D1): decoded once, sent in as many requests as the target's limits need. */
#ifndef CONSUMER_UPSERT_H
#define CONSUMER_UPSERT_H

#include <stddef.h>
#include <stdint.h>

struct consumer;

/* parts: at least so many requests, one after the other. */
void upsert_start(struct consumer *consumer, size_t slot, uint32_t parts);

#endif
