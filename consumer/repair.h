/* Decision 13: what neither an upsert nor a null clears is deleted and written again, and noted in the ledger before. */
#ifndef CONSUMER_REPAIR_H
#define CONSUMER_REPAIR_H

#include <stddef.h>

struct consumer;

/* One statement notes the surplus of all slots that wait for it. */
void repair_flush(struct consumer *consumer);
/* Deletes the slot's surplus at the target. The upsert that follows is the machine's. */
void repair_delete(struct consumer *consumer, size_t slot);

#endif
