/* See outcome.h. */
#include "run/outcome.h"

bool outcome_read(struct outcome *out, const struct pg_rows *rows, struct error *err)
{
    *out = (struct outcome){0};
    if (pg_row_count(rows) != 1 || !job_state_parse(pg_text(rows, 0, "state"), &out->state)) {
        return error_set(err, ERROR_NOT_FOUND, "the job is gone from the ledger");
    }
    out->rejected = pg_i64(rows, 0, "rejected");
    out->mismatches = pg_i64(rows, 0, "mismatches");
    out->missing = pg_i64(rows, 0, "missing");
    out->extra = pg_i64(rows, 0, "extra");
    out->is_exact = pg_bool(rows, 0, "is_exact");
    out->unsettled = pg_i64(rows, 0, "unsettled");
    return true;
}

enum exit_code outcome_code(const struct outcome *o)
{
    switch (o->state) {
    case JOB_SUCCEEDED:
        return o->unsettled > 0 ? EXIT_INTERRUPTED : o->rejected > 0 ? EXIT_REJECTS : EXIT_DONE;
    case JOB_FAILED:
        return o->mismatches > 0 || o->missing > 0 || (o->is_exact && o->extra > 0)
                   ? EXIT_MISMATCH
                   : EXIT_NEEDS_PERSON;
    case JOB_BLOCKED:
    case JOB_CANCELLED:
        return EXIT_NEEDS_PERSON;
    case JOB_PAUSED:
    case JOB_PENDING:
    case JOB_RUNNING:
    case JOB_STATE_COUNT:
        break;
    }
    return EXIT_INTERRUPTED;
}
