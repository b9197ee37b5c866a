/*
 * The states of jobs and batches and the only ways between them. The SQL side (0001_tables.sql) has the same tables as
 * functions and a trigger; an integration test compares every pair.
 */
#ifndef STORE_STATES_H
#define STORE_STATES_H

#include <stdbool.h>

#include "base/bytes.h"

enum job_state {
    JOB_PENDING,
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_BLOCKED,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_STATE_COUNT
};

enum batch_state {
    BATCH_PLANNED,
    BATCH_PUBLISHED,
    BATCH_CLAIMED,
    BATCH_VERIFIED,
    BATCH_REJECTED,
    BATCH_SUPERSEDED,
    BATCH_CANCELLED,
    BATCH_STATE_COUNT
};

const char *job_state_name(enum job_state state);
bool job_state_parse(struct span name, enum job_state *out);
bool job_state_is_final(enum job_state state); /* succeeded, failed, cancelled */
bool job_transition_is_valid(enum job_state from, enum job_state to);

const char *batch_state_name(enum batch_state state);
bool batch_transition_is_valid(enum batch_state from, enum batch_state to);

#endif
