/* A job's limits: chosen for a new one, kept and perhaps changed for one that goes on; and the source collection as a
 * whole held against them, before anything is written. */
#ifndef PRODUCER_JOB_LIMITS_H
#define PRODUCER_JOB_LIMITS_H

#include "producer/job.h"

/* From the options and what the target is, which side_open has found out. */
MUST_CHECK bool job_limits_choose(struct job *job, const struct option_set *options,
                                  struct error *err);
/* What of the source collection the target would not take under this name. Asks the source for its count. */
MUST_CHECK bool job_limits_find(struct job *job, struct pair *pair, struct runtime *rt,
                                struct quota_findings *out, struct error *err);
/* The same as a refusal: ERROR_REJECTED names the first. */
MUST_CHECK bool job_limits_check(struct job *job, struct pair *pair, struct runtime *rt,
                                 struct error *err);
/* For a job that goes on: its own, out of the ledger; options that are given change them there. */
MUST_CHECK bool job_limits_settle(struct job *job, struct runtime *rt, struct error *err);

#endif
