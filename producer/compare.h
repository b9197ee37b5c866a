/*
 * The end's comparison, PROTOCOL §8: both sides' ids are listed again, and the ledger compares them with what was moved. It
 * also decides there what a job that catches up or deletes does next; this tells people about it.
 */
#ifndef PRODUCER_COMPARE_H
#define PRODUCER_COMPARE_H

#include "producer/job.h"

struct comparison {
    int64_t missing, extra; /* at the target */
    int64_t existing;       /* added to the source, and at the target against --on-existing fail */
    int64_t planned, to_delete;
    int64_t returned; /* of planned: vanished, and there again; of a job that does not catch up */
    bool is_decided;  /* something was planned or is to be deleted: the end begins again */
    bool is_refused;  /* too much would be deleted: the ledger has blocked the job and says why */
    char first_missing[256], first_extra[512];
};

/* By the finish lease's holder; deletions of the pair must not be open. */
MUST_CHECK bool compare_run(struct runtime *rt, struct job *job, struct pair *pair,
                            struct comparison *out, struct error *err);

#endif
