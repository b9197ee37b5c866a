/* See ticket.h. */
#include "consumer/ticket.h"

#include <stdlib.h>

#include "base/clock.h"
#include "consumer/consumer.h"

struct ticket *ticket_take(struct consumer *consumer, struct gathering *gathering)
{
    size_t count = 0;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        count += gathering->waits[i];
    }
    if (count == 0 || !pg_is_connected(consumer->rt.ledger.pg)) {
        return NULL;
    }
    struct ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket == NULL) {
        return NULL; /* they wait for the next turn */
    }
    ticket->consumer = consumer;
    ticket->started_ms = clock_boottime_ms();
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        if (gathering->waits[i]) {
            gathering->waits[i] = false;
            ticket->slots[ticket->count++] = i;
        }
    }
    return ticket;
}
