/*
 * How a job stands, and with which exit code a program ends that has seen it so: one rule for both, README's table of exit
 * codes. Pure but for reading a row.
 */
#ifndef RUN_OUTCOME_H
#define RUN_OUTCOME_H

#include "app/exit_code.h"
#include "store/pg.h"
#include "store/states.h"

struct outcome {
    enum job_state state;
    int64_t rejected;            /* records, mismatches among them */
    int64_t mismatches, missing; /* read back otherwise; verified, and not at the target any more */
    int64_t extra;               /* at the target, and not of the job */
    bool is_exact;               /* those forbid success */
    int64_t unsettled; /* records that the end would have copied or deleted in another round */
};

/* The row of ferry.job_progress(); ERROR_NOT_FOUND when there is none. */
MUST_CHECK bool outcome_read(struct outcome *out, const struct pg_rows *rows, struct error *err);
enum exit_code outcome_code(const struct outcome *outcome);

#endif
