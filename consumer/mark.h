/* Saying in the ledger what became of a batch (D3), set-wise. */
#ifndef CONSUMER_MARK_H
#define CONSUMER_MARK_H

struct consumer;

/* One statement for all slots that have gathered in to_mark. */
void mark_flush(struct consumer *consumer);

#endif
