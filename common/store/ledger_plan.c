/* Jobs and their plans: PROTOCOL §1, and looking a job up. */
#include "store/ledger.h"

#include <stdio.h>

#include "store/statement.h"

#define USUAL_PATIENCE_MS 15000u
#define SILENCE_MS        5000u /* more than the server's own patience before it counts as gone */

bool ledger_set_patience(struct ledger *ledger, uint32_t ms, pg_done_fn *fn, void *ctx,
                         struct error *err)
{
    struct statement st;
    char text[24];
    ms = ms != 0 ? ms : USUAL_PATIENCE_MS;
    snprintf(text, sizeof text, "%ums", ms);
    pg_set_answer_limit(ledger->pg, ms + SILENCE_MS);
    statement_begin(&st, "SELECT set_config('statement_timeout', $1, false)");
    statement_text(&st, text);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_submit(struct ledger *ledger, struct span submission, pg_done_fn *fn, void *ctx,
                   struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.submit($1)");
    statement_span(&st, submission);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_check_submission(struct ledger *ledger, struct span submission, pg_done_fn *fn,
                             void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.check_submission($1)");
    statement_span(&st, submission);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_has_target(struct ledger *ledger, const struct uuid *target, pg_done_fn *fn, void *ctx,
                       struct error *err)
{
    struct statement st;
    statement_begin(
        &st, "SELECT EXISTS (SELECT FROM ferry.job_collections WHERE target_uuid = $1) AS has");
    statement_uuid(&st, target);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_plan_take(struct ledger *ledger, int64_t job_id, int64_t collection_no, pg_done_fn *fn,
                      void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.plan_take($1,$2,$3,$4)");
    statement_uuid(&st, &ledger->worker);
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_interval_ms(&st, ledger->lease_ms);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_plan_add(struct ledger *ledger, int64_t job_id, int64_t collection_no, int64_t epoch,
                     char side, int64_t first_ordinal, const struct span *ids, size_t count,
                     pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.plan_add($1,$2,$3,$4,$5,$6) AS staged");
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, epoch);
    statement_text(&st, (const char[]){side, '\0'});
    statement_i64(&st, first_ordinal);
    statement_spans_bytea(&st, ids, sizeof *ids, count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_plan_select(struct ledger *ledger, int64_t job_id, int64_t collection_no, int64_t epoch,
                        pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.plan_select($1,$2,$3)");
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, epoch);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_plan_prior(struct ledger *ledger, int64_t job_id, int64_t collection_no, int64_t epoch,
                       pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.plan_prior($1,$2,$3)");
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, epoch);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_plan_doubtful(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                          int64_t epoch, const struct span *asked, size_t asked_count,
                          const struct span *own, size_t own_count, int64_t most, pg_done_fn *fn,
                          void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.plan_doubtful($1,$2,$3,$4,$5,$6)");
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, epoch);
    statement_spans_bytea(&st, asked, sizeof *asked, asked_count);
    statement_spans_bytea(&st, own, sizeof *own, own_count);
    statement_i64(&st, most);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_plan_cut(struct ledger *ledger, int64_t job_id, int64_t collection_no, int64_t epoch,
                     int64_t from, int64_t batch_records, int64_t max_batches, pg_done_fn *fn,
                     void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.plan_cut($1,$2,$3,$4,$5,$6)");
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, epoch);
    statement_i64(&st, from);
    statement_i64(&st, batch_records);
    statement_i64(&st, max_batches);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_plan_close(struct ledger *ledger, int64_t job_id, int64_t collection_no, int64_t epoch,
                       int64_t source_ids, int64_t target_ids, pg_done_fn *fn, void *ctx,
                       struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.plan_close($1,$2,$3,$4,$5)");
    statement_i64(&st, job_id);
    statement_i64(&st, collection_no);
    statement_i64(&st, epoch);
    statement_i64(&st, source_ids);
    statement_i64(&st, target_ids);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_job_settings(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                         struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT settings FROM ferry.jobs WHERE job_id = $1");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_change_settings(struct ledger *ledger, int64_t job_id, struct span settings,
                            pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.change_settings($1,$2)");
    statement_i64(&st, job_id);
    statement_span(&st, settings);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_block_job(struct ledger *ledger, int64_t job_id, const char *reason, pg_done_fn *fn,
                      void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.block_job($1,$2,$3)");
    statement_i64(&st, job_id);
    statement_uuid(&st, &ledger->worker);
    statement_text(&st, reason);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_find_job(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                     struct error *err)
{
    struct statement st;
    statement_begin(
        &st,
        "SELECT j.job_id, j.name, j.state, c.collection_no, c.selection, c.source_uuid, "
        "c.source_name,"
        " s.url AS source_url, s.tenant AS source_tenant, s.database_name AS source_database,"
        " t.target_uuid, t.name AS target_name, e.url AS target_url, e.tenant AS target_tenant,"
        " e.database_name AS target_database, ferry.wants(j.job_id, 'catch_up') AS catches_up,"
        " ferry.wants(j.job_id, 'delete_extra') AS deletes_extra"
        " FROM ferry.jobs j JOIN ferry.job_collections c USING (job_id)"
        " JOIN ferry.endpoints s ON s.endpoint_id = c.source_endpoint_id"
        " JOIN ferry.target_collections t USING (target_uuid)"
        " JOIN ferry.endpoints e ON e.endpoint_id = t.endpoint_id"
        " WHERE j.job_id = ferry.find_job($1) ORDER BY c.collection_no");
    statement_text(&st, job);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_resume_job(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                       struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.resume_job($1)");
    statement_i64(&st, job_id);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_redrive(struct ledger *ledger, int64_t job_id, const char *reason, pg_done_fn *fn,
                    void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.redrive((SELECT name FROM ferry.jobs WHERE job_id = $1),"
                         " NULL, $2)");
    statement_i64(&st, job_id);
    statement_text(&st, reason);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}
