/*
 * Sweeping and ending a job, by the one producer that holds the finish lease: PROTOCOL §5 and §8, straight through.
 */
#ifndef PRODUCER_FINISH_H
#define PRODUCER_FINISH_H

#include "bus/bus.h"
#include "producer/job.h"
#include "producer/progress.h"

/* Plans again what the bus proves lost. Does nothing when another producer holds the lease. A bus that does not answer
 * is no error, nor is a topic that is not there: the next sweep asks again. */
MUST_CHECK bool finish_sweep(struct runtime *rt, const struct job *job,
                             const struct bus_settings *bus, bool *is_topic_missing,
                             struct error *err);
/* All batches are final: the checks of §8, then succeeded or failed. The job's state afterwards is the ledger's to say;
 * *refused: it did not let the job end, because the world has moved on, or because its counts do not add up. */
MUST_CHECK bool finish_end(struct runtime *rt, struct job *job, const struct progress *progress,
                           bool *refused, struct error *err);

#endif
