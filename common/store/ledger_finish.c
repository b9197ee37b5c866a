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

bool ledger_next_deletions(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                           int64_t max, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.next_deletions($1,$2,$3,$4,$5)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, max);
    statement_interval_ms(&st, ledger->lease_ms);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_spare_deletions(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                            int64_t fence, const struct span *ids, size_t count, pg_done_fn *fn,
                            void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.spare_deletions($1,$2,$3,$4,$5)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, fence);
    statement_spans_bytea(&st, ids, sizeof *ids, count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_settle_deletions(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                             int64_t fence, const char *outcome, pg_done_fn *fn, void *ctx,
                             struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.settle_deletions($1,$2,$3,$4)");
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, fence);
    statement_text(&st, outcome);
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

bool ledger_reread_next(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                        struct error *err)
{
    struct statement st;
    statement_begin(
        &st,
        "SELECT b.batch_no, b.collection_no, b.export_rev, encode(b.readback_sha256, 'hex') AS "
        "sha256,"
        " (SELECT string_agg(encode(u.id, 'hex'), ',' ORDER BY u.ord)"
        "  FROM unnest(i.ids) WITH ORDINALITY u (id, ord)"
        "  WHERE NOT EXISTS (SELECT FROM ferry.rejected_records r WHERE r.job_id = b.job_id"
        "                    AND r.batch_no = b.batch_no AND sha256(r.id) = sha256(u.id))"
        "  AND NOT EXISTS (SELECT FROM ferry.vanished_records v WHERE v.job_id = b.job_id"
        "                  AND v.batch_no = b.batch_no AND sha256(v.id) = sha256(u.id))) AS ids"
        " FROM ferry.batches b JOIN ferry.batch_ids i USING (job_id, batch_no)"
        " WHERE b.job_id = $1 AND b.state = 'verified' AND b.must_reread AND b.n_verified > 0"
        " ORDER BY b.batch_no LIMIT 1");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_reread_settle(struct ledger *ledger, int64_t job_id, int64_t batch_no, int64_t rev,
                          bool is_same, pg_done_fn *fn, void *ctx, struct error *err)
{
    static const char same[] =
        "UPDATE ferry.batches b SET must_reread = false"
        " WHERE b.job_id = $2 AND b.batch_no = $3 AND b.export_rev = $4 AND b.state = 'verified'"
        " AND EXISTS (SELECT FROM ferry.jobs j WHERE j.job_id = $2 AND j.finish_owner = $1"
        "             AND j.state = 'running') RETURNING b.batch_no";
    static const char changed[] =
        "WITH reopened AS ("
        " UPDATE ferry.batches b SET state = 'planned', export_rev = b.export_rev + 1,"
        "  payload_sha256 = NULL, payload_bytes = NULL, owner = NULL, fence = NULL,"
        "  lease_until = NULL, published_at = NULL, finished_at = NULL, readback_sha256 = NULL,"
        "  n_verified = 0, n_rejected = 0, n_vanished = 0, n_rounded = 0,"
        "  last_error = 'a request of an ended claim changed it after it was verified'"
        " WHERE b.job_id = $2 AND b.batch_no = $3 AND b.export_rev = $4 AND b.state = 'verified'"
        "  AND EXISTS (SELECT FROM ferry.jobs j WHERE j.job_id = $2 AND j.finish_owner = $1"
        "              AND j.state = 'running') RETURNING b.batch_no"
        "), noted AS ("
        " INSERT INTO ferry.events (kind, job_id, batch_no, worker_id, detail)"
        " SELECT 'batch.reopened', $2, r.batch_no, $1, 'changed after it was verified'"
        " FROM reopened r"
        ") SELECT batch_no FROM reopened";
    struct statement st;
    statement_begin(&st, is_same ? same : changed);
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, batch_no);
    statement_i64(&st, rev);
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

bool ledger_collection_status(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                              struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT s.*, row_to_json(s) AS json FROM ferry.collection_status s"
                         " WHERE s.job_id = ferry.find_job($1) ORDER BY s.collection_no");
    statement_text(&st, job);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}
