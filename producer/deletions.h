/*
 * Deleting at the target what the ledger has decided: in pieces, each under a write slot, straight through. What was decided
 * stays decided over any restart, and the same ids may be deleted twice; see schemas/ledger/0008_compare.sql.
 */
#ifndef PRODUCER_DELETIONS_H
#define PRODUCER_DELETIONS_H

#include "producer/job.h"

/* Carries out every open deletion of the pair; *count: how many of them. By the finish lease's holder. A target that fails for the moment
 * is waited for, visibly. ERROR_CONFLICT: it refuses to delete, and the job is blocked with its words. */
MUST_CHECK bool deletions_run(struct runtime *rt, struct job *job, struct pair *pair,
                              int64_t *count, struct error *err);

#endif
