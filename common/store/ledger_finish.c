/* The finishing producer's statements: following, sweeping and ending a job, PROTOCOL §5 and §8. */
#include "store/ledger.h"
#include "store/statement.h"

bool ledger_job_progress(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                         struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.job_progress($1)");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_finish_take(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                        struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.finish_take($1,$2,$3)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_interval_ms(&st, ledger->lease_ms);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_sweep_candidates(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                             struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.sweep_candidates($1)");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_sweep_replan(struct ledger *ledger, int64_t job_id, const struct ledger_swept *swept,
                         size_t count, const char *cause, pg_done_fn *fn, void *ctx,
                         struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.sweep_replan($1,$2,$3,$4,$5)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64s(&st, &swept[0].batch_no, sizeof *swept, count);
    statement_i64s(&st, &swept[0].rev, sizeof *swept, count);
    statement_text(&st, cause);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_finish_add(struct ledger *ledger, int64_t job_id, int64_t collection_no, char side,
                       int64_t first_ordinal, const struct span *ids, size_t count, pg_done_fn *fn,
                       void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.finish_add($1,$2,$3,$4,$5,$6) AS staged");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_text(&st, (const char[]){side, '\0'});
    statement_i64(&st, first_ordinal);
    statement_spans_bytea(&st, ids, sizeof *ids, count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_finish_compare(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                           pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.finish_compare($1,$2,$3)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_finish_job(struct ledger *ledger, int64_t job_id, const char *state,
                       const char *last_error, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.finish_job($1,$2,$3,$4)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_text(&st, state);
    statement_text(&st, last_error);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_first_mismatch(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                           struct error *err)
{
    struct statement st;
    statement_begin(&st,
                    "SELECT ferry.printable(id) AS id, message FROM ferry.rejected_records"
                    " WHERE job_id = $1 AND reason = 'mismatch' ORDER BY batch_no, id LIMIT 1");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_job_status(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                       struct error *err)
{
    struct statement st;
    statement_begin(&st,
                    "SELECT s.*, row_to_json(s) AS json FROM ferry.job_status s"
                    " WHERE $1::text IS NULL OR s.job_id = ferry.find_job($1) ORDER BY s.job_id");
    statement_text(&st, job);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}
