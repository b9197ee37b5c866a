/* The exporting producer's statements: PROTOCOL §2 and §6. */
#include "store/ledger.h"
#include "store/statement.h"

#define COLUMN(items, field) &(items)[0].field, sizeof((items)[0]), count

bool ledger_claim_exports(struct ledger *ledger, int64_t job_id, int64_t max, int64_t ahead,
                          int64_t ahead_bytes, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.claim_exports($1,$2,$3,$4,$5,$6)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, max);
    statement_interval_ms(&st, ledger->lease_ms);
    statement_i64(&st, ahead);
    statement_i64(&st, ahead_bytes);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_record_exports(struct ledger *ledger, int64_t job_id,
                           const struct ledger_export *exports, size_t count,
                           const struct ledger_left_out *left_out, size_t left_out_count,
                           pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    size_t wide = sizeof *left_out;
    statement_begin(&st, "SELECT * FROM ferry.record_exports($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64s(&st, COLUMN(exports, batch_no));
    statement_i64s(&st, COLUMN(exports, fence));
    statement_i64s(&st, COLUMN(exports, rev));
    statement_texts(&st, COLUMN(exports, sha256));
    statement_i64s(&st, COLUMN(exports, bytes));
    statement_i64s(&st, &left_out[0].batch_no, wide, left_out_count);
    statement_spans_bytea(&st, &left_out[0].id, wide, left_out_count);
    statement_texts(&st, &left_out[0].reason, wide, left_out_count);
    statement_spans_text(&st, &left_out[0].message, wide, left_out_count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_report_exports(struct ledger *ledger, int64_t job_id,
                           const struct ledger_report *reports, size_t count, pg_done_fn *fn,
                           void *ctx, struct error *err)
{
    struct statement st;
    /* -1 stands for "the acknowledgement carried no offset", which the ledger keeps as NULL. */
    statement_begin(&st, "SELECT * FROM ferry.report_exports($1,$2,$3,$4,$5,"
                         "(SELECT array_agg(nullif(o, -1) ORDER BY n) FROM unnest($6::bigint[]) "
                         "WITH ORDINALITY u (o, n)))");
    statement_i64(&st, job_id);
    statement_i64s(&st, COLUMN(reports, batch_no));
    statement_i64s(&st, COLUMN(reports, fence));
    statement_i64s(&st, COLUMN(reports, rev));
    statement_i64s(&st, COLUMN(reports, partition));
    statement_i64s(&st, COLUMN(reports, offset));
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_release_exports(struct ledger *ledger, int64_t job_id,
                            const struct ledger_claim *claims, size_t count, const char *cause,
                            pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.release_exports($1,$2,$3,$4)");
    statement_i64(&st, job_id);
    statement_i64s(&st, COLUMN(claims, batch_no));
    statement_i64s(&st, COLUMN(claims, fence));
    statement_text(&st, cause);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_split_export(struct ledger *ledger, int64_t job_id, int64_t batch_no, int64_t fence,
                         pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.split_export($1,$2,$3)");
    statement_i64(&st, job_id);
    statement_i64(&st, batch_no);
    statement_i64(&st, fence);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_next_unseen(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                        struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.next_unseen($1)");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_settle_unseen(struct ledger *ledger, int64_t job_id, int64_t batch_no,
                          const struct span *found, size_t count, pg_done_fn *fn, void *ctx,
                          struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.settle_unseen($1,$2,$3,$4)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, batch_no);
    statement_spans_bytea(&st, found, sizeof *found, count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}
