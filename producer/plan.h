/*
 * Planning a job, one pair after the other: PROTOCOL §1. Lists both ends, joins them in the ledger, cuts batches, closes the plan. Nothing is
 * exported before; a plan that was cut short is discarded and made again.
 */
#ifndef PRODUCER_PLAN_H
#define PRODUCER_PLAN_H

#include "producer/job.h"

enum plan_outcome {
    PLAN_READY,   /* batches are there (perhaps none: an empty collection) */
    PLAN_NOTHING, /* everything has been moved by earlier jobs: the job row is gone */
};

struct plan_result {
    enum plan_outcome outcome;
    bool is_by_target; /* what the target has was taken for moved: earlier jobs were purged */
    bool
        is_answer_lost; /* PLAN_NOTHING by what is left in the ledger: is_by_target and n_skipped are not known */
    int64_t source_ids; /* 0 when the plan was there already, -1 when another producer made it */
    int64_t n_planned, n_skipped; /* of all its pairs, as far as they were planned now */
};

/* Plans, or waits while another producer does. ERROR_REJECTED: the job has failed, because records exist at the target
 * that must not (--on-existing fail). */
MUST_CHECK bool plan_run(struct runtime *rt, struct job *job, struct plan_result *out,
                         struct error *err);

#endif
