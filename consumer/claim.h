/* Asking the ledger for batches: PROTOCOL §3's first table, set-wise. */
#ifndef CONSUMER_CLAIM_H
#define CONSUMER_CLAIM_H

struct consumer;

/* One statement for all slots that have gathered in to_claim. */
void claim_flush(struct consumer *consumer);

#endif
