/*
 * Deleting at the target what the ledger has decided: in pieces, each under a write slot, straight through. What may have been
 * sent stays decided over any restart, and the same ids may be deleted twice; see schemas/ledger/0008_compare.sql. Before each
 * request the source is asked for these very ids, and what it has is spared.
 */
#ifndef PRODUCER_DELETIONS_H
#define PRODUCER_DELETIONS_H

#include "producer/job.h"

struct deletions { /* of one run */
    int64_t deleted;
    int64_t spared; /* decided, but the source has them */
};

/* Carries out every open deletion of the pair. By the finish lease's holder. A server that fails for the moment
 * is waited for, visibly. ERROR_CONFLICT: the target refuses to delete, and the job is blocked with its words. */
MUST_CHECK bool deletions_run(struct runtime *rt, struct job *job, struct pair *pair,
                              struct deletions *done, struct error *err);

#endif
