/*
 * PROTOCOL §8: what a claim that ended irregularly had sent may have arrived after the batch was verified. Every such
 * batch is read once more, when nothing can be on its way any more, and held against the digest of its verification.
 */
#ifndef PRODUCER_REREAD_H
#define PRODUCER_REREAD_H

#include "producer/job.h"

/* By the holder of the finish lease, waited for; a target that is away is waited for too, visibly. *reopened: how many
 * batches are planned again because they have changed. */
MUST_CHECK bool reread_all(struct runtime *rt, struct job *job, int64_t *reopened,
                           struct error *err);

#endif
