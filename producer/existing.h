/*
 * Who has written what the target holds, where the ledger alone cannot tell; for jobs that leave alone what is not the ferry's
 * (--on-existing skip and fail). Waited for; a server that is away is asked again for a minute.
 */
#ifndef PRODUCER_EXISTING_H
#define PRODUCER_EXISTING_H

#include "producer/job.h"

/* Of a plan: records that an earlier job sent, and nobody has read back since, are the ferry's own where they are what the source
 * has. Of the others anybody may have changed them, and they count as existing. */
MUST_CHECK bool existing_settle_doubtful(struct runtime *rt, struct job *job, struct pair *pair,
                                         int64_t epoch, struct error *err);

/* Of redriven batches: looks whether their records have come to the target meanwhile, before they are exported. */
MUST_CHECK bool existing_look(struct runtime *rt, struct job *job, struct error *err);

#endif
