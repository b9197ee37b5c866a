/* Is the target there? Asked before a write where it was silent, by a request that costs it nothing. Ends with EVENT_KNOCK. */
#ifndef CONSUMER_KNOCK_H
#define CONSUMER_KNOCK_H

#include <stddef.h>

struct consumer;

void knock_start(struct consumer *consumer, size_t slot);

#endif
