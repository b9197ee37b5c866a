/* The transition tables; see states.h. */
#include "store/states.h"

#include "base/compiler.h"

static const char *const job_names[JOB_STATE_COUNT] = {
    "pending", "running", "paused", "blocked", "succeeded", "failed", "cancelled"};
static const char *const batch_names[BATCH_STATE_COUNT] = {
    "planned", "published", "claimed", "verified", "rejected", "superseded", "cancelled"};

#define TO(state) (1u << (state))

static const unsigned job_ways[JOB_STATE_COUNT] = {
    [JOB_PENDING] = TO(JOB_RUNNING) | TO(JOB_FAILED) | TO(JOB_CANCELLED),
    [JOB_RUNNING] =
        TO(JOB_PAUSED) | TO(JOB_BLOCKED) | TO(JOB_SUCCEEDED) | TO(JOB_FAILED) | TO(JOB_CANCELLED),
    [JOB_PAUSED] = TO(JOB_RUNNING) | TO(JOB_CANCELLED),
    [JOB_BLOCKED] = TO(JOB_RUNNING) | TO(JOB_CANCELLED),
    [JOB_SUCCEEDED] = TO(JOB_RUNNING), /* by a redrive */
    [JOB_FAILED] = TO(JOB_RUNNING),
};

static const unsigned batch_ways[BATCH_STATE_COUNT] = {
    [BATCH_PLANNED] = TO(BATCH_PUBLISHED) | TO(BATCH_CLAIMED) | TO(BATCH_VERIFIED) |
                      TO(BATCH_REJECTED) | TO(BATCH_SUPERSEDED) | TO(BATCH_CANCELLED),
    [BATCH_PUBLISHED] = TO(BATCH_PLANNED) | TO(BATCH_CLAIMED) | TO(BATCH_CANCELLED),
    [BATCH_CLAIMED] =
        TO(BATCH_PLANNED) | TO(BATCH_VERIFIED) | TO(BATCH_REJECTED) | TO(BATCH_CANCELLED),
    [BATCH_VERIFIED] = TO(BATCH_PLANNED),
    [BATCH_REJECTED] = TO(BATCH_PLANNED) | TO(BATCH_VERIFIED) | TO(BATCH_SUPERSEDED),
};

const char *job_state_name(enum job_state state)
{
    return job_names[state];
}

bool job_state_parse(struct span name, enum job_state *out)
{
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        if (span_equal(name, span_from_str(job_names[i]))) {
            *out = (enum job_state)i;
            return true;
        }
    }
    return false;
}

bool job_state_is_final(enum job_state state)
{
    return state == JOB_SUCCEEDED || state == JOB_FAILED || state == JOB_CANCELLED;
}

bool job_transition_is_valid(enum job_state from, enum job_state to)
{
    return from == to || (job_ways[from] & TO(to)) != 0;
}

const char *batch_state_name(enum batch_state state)
{
    return batch_names[state];
}

bool batch_transition_is_valid(enum batch_state from, enum batch_state to)
{
    return from == to || (batch_ways[from] & TO(to)) != 0;
}
