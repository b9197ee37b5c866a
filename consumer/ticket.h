/* Set-wise ledger statements (decision 20): slots gather during a loop turn, one statement takes them all, and a ticket
 * remembers which they were until the answer comes. */
#ifndef CONSUMER_TICKET_H
#define CONSUMER_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/delivery.h"

struct consumer;

struct gathering {
    bool waits[DELIVERY_SLOTS];
};

struct ticket {
    struct consumer *consumer;
    int64_t started_ms; /* when the statement was submitted */
    size_t count;
    size_t slots[DELIVERY_SLOTS];
};

/* What has gathered, or NULL: nothing, or nobody to ask at the moment. A statement that waited for its connection would
 * carry an old time. The caller passes it to the statement's callback, which frees it. */
struct ticket *ticket_take(struct consumer *consumer, struct gathering *gathering);

#endif
