/* The consumer's statements, and the leases of both programs: PROTOCOL §3, §4, §9. */
#include "store/ledger.h"

#include <stdio.h>
#include <unistd.h>

#include "store/statement.h"

#define COLUMN(items, field) &(items)[0].field, sizeof((items)[0]), count

bool ledger_start_worker(struct ledger *ledger, const char *kind, const char *version,
                         pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    statement_begin(&st, "SELECT * FROM ferry.start_worker($1,$2,$3,$4,$5,$6)");
    statement_uuid(&st, &ledger->worker);
    statement_text(&st, kind);
    statement_text(&st, host);
    statement_i64(&st, getpid());
    statement_text(&st, version);
    statement_interval_ms(&st, ledger->lease_ms);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_renew(struct ledger *ledger, int64_t job_id, const struct ledger_claim *claims,
                  size_t count, const char *waits_for, const char *const *missing_secrets,
                  size_t missing_count, int64_t foreign_messages, int64_t partitions,
                  pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    char job[24];
    char held[24];
    snprintf(job, sizeof job, "%lld", (long long)job_id);
    snprintf(held, sizeof held, "%lld", (long long)partitions);
    statement_begin(&st, "SELECT * FROM ferry.renew($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)");
    statement_uuid(&st, &ledger->worker);
    statement_interval_ms(&st, ledger->lease_ms);
    statement_text(&st, job_id != 0 ? job : NULL);
    statement_i64s(&st, COLUMN(claims, job_id));
    statement_i64s(&st, COLUMN(claims, batch_no));
    statement_i64s(&st, COLUMN(claims, fence));
    statement_text(&st, waits_for);
    statement_texts(&st, missing_secrets, sizeof *missing_secrets, missing_count);
    statement_i64(&st, foreign_messages);
    statement_text(&st, partitions >= 0 ? held : NULL);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_stop_worker(struct ledger *ledger, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.stop_worker($1)");
    statement_uuid(&st, &ledger->worker);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_claim_batches(struct ledger *ledger, const struct ledger_arrival *arrivals,
                          size_t count, const char *const *secret_origins, size_t secret_count,
                          pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.claim_batches($1,$2,$3,$4,$5,$6,$7) ORDER BY ord");
    statement_uuid(&st, &ledger->worker);
    statement_interval_ms(&st, ledger->lease_ms);
    statement_i64s(&st, COLUMN(arrivals, job_id));
    statement_i64s(&st, COLUMN(arrivals, batch_no));
    statement_i64s(&st, COLUMN(arrivals, rev));
    statement_texts(&st, COLUMN(arrivals, sha256));
    statement_texts(&st, secret_origins, sizeof *secret_origins, secret_count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_park_batches(struct ledger *ledger, const struct ledger_arrival *arrivals, size_t count,
                         const char *cause, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.park_batches($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)");
    statement_uuid(&st, &ledger->worker);
    statement_interval_ms(&st, ledger->lease_ms);
    statement_i64s(&st, COLUMN(arrivals, job_id));
    statement_i64s(&st, COLUMN(arrivals, batch_no));
    statement_i64s(&st, COLUMN(arrivals, rev));
    statement_texts(&st, COLUMN(arrivals, sha256));
    statement_i64s(&st, COLUMN(arrivals, fence));
    statement_bools(&st, COLUMN(arrivals, sent));
    statement_text(&st, cause);
    statement_bools(&st, COLUMN(arrivals, lacks_secret));
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_release_claims(struct ledger *ledger, const struct ledger_arrival *arrivals,
                           size_t count, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.release_claims($1,$2,$3,$4,$5,$6)");
    statement_uuid(&st, &ledger->worker);
    statement_interval_ms(&st, ledger->lease_ms);
    statement_i64s(&st, COLUMN(arrivals, job_id));
    statement_i64s(&st, COLUMN(arrivals, batch_no));
    statement_i64s(&st, COLUMN(arrivals, fence));
    statement_bools(&st, COLUMN(arrivals, sent));
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_open_repairs(struct ledger *ledger, const struct ledger_claim *claims, size_t count,
                         const struct ledger_repair *repairs, size_t repair_count, pg_done_fn *fn,
                         void *ctx, struct error *err)
{
    struct statement st;
    size_t wide = sizeof *repairs;
    statement_begin(&st, "SELECT * FROM ferry.open_repairs($1,$2,$3,$4,$5,$6,$7)");
    statement_uuid(&st, &ledger->worker);
    statement_i64s(&st, COLUMN(claims, job_id));
    statement_i64s(&st, COLUMN(claims, batch_no));
    statement_i64s(&st, COLUMN(claims, fence));
    statement_i64s(&st, &repairs[0].job_id, wide, repair_count);
    statement_i64s(&st, &repairs[0].batch_no, wide, repair_count);
    statement_spans_bytea(&st, &repairs[0].id, wide, repair_count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_finish_batches(struct ledger *ledger, const struct ledger_outcome *outcomes,
                           size_t count, const struct ledger_left_out *rejects, size_t reject_count,
                           pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    size_t wide = sizeof *rejects;
    statement_begin(
        &st,
        "SELECT * FROM ferry.finish_batches($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)");
    statement_uuid(&st, &ledger->worker);
    statement_i64s(&st, COLUMN(outcomes, job_id));
    statement_i64s(&st, COLUMN(outcomes, batch_no));
    statement_i64s(&st, COLUMN(outcomes, fence));
    statement_i64s(&st, COLUMN(outcomes, verified));
    statement_i64s(&st, COLUMN(outcomes, rejected));
    statement_i64s(&st, COLUMN(outcomes, rounded));
    statement_texts(&st, COLUMN(outcomes, readback_sha256));
    statement_bools(&st, COLUMN(outcomes, is_doubtful));
    statement_i64s(&st, &rejects[0].job_id, wide, reject_count);
    statement_i64s(&st, &rejects[0].batch_no, wide, reject_count);
    statement_spans_bytea(&st, &rejects[0].id, wide, reject_count);
    statement_texts(&st, &rejects[0].reason, wide, reject_count);
    statement_spans_text(&st, &rejects[0].message, wide, reject_count);
    statement_i64s(&st, &rejects[0].status, wide, reject_count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_refuse_target(struct ledger *ledger, const struct uuid *target, const char *cause,
                          int64_t wait_ms, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.refuse_target($1,$2,$3)");
    statement_uuid(&st, target);
    statement_text(&st, cause);
    statement_interval_ms(&st, wait_ms);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_learn_limit(struct ledger *ledger, const struct uuid *target, int64_t bytes,
                        pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.learn_limit($1,$2)");
    statement_uuid(&st, target);
    statement_i64(&st, bytes);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_log_event(struct ledger *ledger, const char *kind, int64_t job_id, int64_t batch_no,
                      const char *detail, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    struct span text = span_from_str(detail);
    statement_begin(&st, "SELECT ferry.log_event($1,$2,nullif($3,0),$4,($5::text[])[1])");
    statement_text(&st, kind);
    statement_i64(&st, job_id);
    statement_i64(&st, batch_no);
    statement_uuid(&st, &ledger->worker);
    statement_spans_text(&st, &text, sizeof text, 1);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_note_events(struct ledger *ledger, const char *kind, const struct ledger_note *notes,
                        size_t count, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.note_events($1,$2,$3,$4,$5)");
    statement_text(&st, kind);
    statement_uuid(&st, &ledger->worker);
    statement_i64s(&st, COLUMN(notes, job_id));
    statement_i64s(&st, COLUMN(notes, batch_no));
    statement_spans_text(&st, &notes[0].detail, sizeof *notes, count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_follow_job(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                       struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.follow_job($1)");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}
