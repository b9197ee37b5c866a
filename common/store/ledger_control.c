/* What people do to a job, and what is to be seen of it then: schemas/ledger/0004_control.sql. */
#include "store/ledger.h"
#include "store/statement.h"

static bool submit_of_job(struct ledger *ledger, const char *sql, const char *job, pg_done_fn *fn,
                          void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, sql);
    statement_text(&st, job);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_pause(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                  struct error *err)
{
    return submit_of_job(ledger, "SELECT ferry.pause($1)", job, fn, ctx, err);
}

bool ledger_cancel(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                   struct error *err)
{
    return submit_of_job(ledger, "SELECT ferry.cancel($1)", job, fn, ctx, err);
}

bool ledger_purge(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                  struct error *err)
{
    return submit_of_job(ledger, "SELECT ferry.purge($1)", job, fn, ctx, err);
}

bool ledger_rehearsal_targets(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                              struct error *err)
{
    return submit_of_job(ledger, "SELECT * FROM ferry.rehearsal_targets($1)", job, fn, ctx, err);
}

bool ledger_rehearsal_strangers(struct ledger *ledger, int64_t job_id, const struct uuid *target,
                                const struct span *ids, size_t count, pg_done_fn *fn, void *ctx,
                                struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.rehearsal_strangers($1,$2,$3)");
    statement_i64(&st, job_id);
    statement_uuid(&st, target);
    statement_spans_bytea(&st, ids, sizeof *ids, count);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_rehearsal_removed(struct ledger *ledger, int64_t job_id, const struct uuid *target,
                              pg_done_fn *fn, void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT ferry.rehearsal_removed($1,$2)");
    statement_i64(&st, job_id);
    statement_uuid(&st, target);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}

bool ledger_job_hold(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                     struct error *err)
{
    return submit_of_job(ledger, "SELECT * FROM ferry.job_hold($1)", job, fn, ctx, err);
}

bool ledger_target_in_flight(struct ledger *ledger, const struct uuid *target, pg_done_fn *fn,
                             void *ctx, struct error *err)
{
    struct statement st;
    statement_begin(&st, "SELECT * FROM ferry.target_in_flight($1)");
    statement_uuid(&st, target);
    return statement_submit(&st, ledger->pg, fn, ctx, err);
}
