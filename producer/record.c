/*
 * The exporter's steps in the ledger: E1 claims, E3 digests, E5 reports, releases and splits; set-wise, one statement for
 * all slots that are ready. An answer that does not name a batch means that the world has moved on.
 */
#include "producer/exporter.h"

#include <stdlib.h>
#include <string.h>

#include "app/log.h"

struct statement_ctx { /* one statement under way and the slots it speaks for */
    struct exporter *exporter;
    int64_t started_ms;
    size_t count;
    size_t slots[EXPORT_SLOTS];
    int64_t fences[EXPORT_SLOTS]; /* a slot may carry another batch when the answer comes */
};

/* NULL: hung up, or out of memory, which ends the program. */
static struct statement_ctx *open_statement(struct exporter *exporter, const size_t *slots,
                                            size_t count)
{
    if (exporter->rt->ledger.pg == NULL) {
        return NULL;
    }
    struct statement_ctx *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        struct error err = {0};
        error_set(&err, ERROR_NOMEM, "out of memory for a ledger statement");
        exporter_note_failure(exporter, &err);
    } else {
        ctx->exporter = exporter;
        ctx->started_ms = clock_boottime_ms();
        ctx->count = count;
        for (size_t i = 0; i < count; i++) {
            ctx->slots[i] = slots[i];
            ctx->fences[i] = exporter->cargo[slots[i]].fence;
        }
        exporter->statements++;
    }
    return ctx;
}

static void close_statement(struct statement_ctx *ctx)
{
    ctx->exporter->statements--;
    free(ctx);
}

/* ---- E1 ---- */

static void take_in(struct exporter *exporter, const struct pg_rows *rows, int row,
                    int64_t started_ms)
{
    size_t slot;
    struct error err = {0};
    if (!export_free_slot(&exporter->core, &slot)) {
        return; /* cannot be: we asked for no more than are free; the lease ends by itself */
    }
    struct cargo *cargo = &exporter->cargo[slot];
    cargo->pair = job_pair(exporter->job, pg_i64(rows, row, "collection_no"));
    if (cargo->pair == NULL) {
        error_set(&err, ERROR_BUG, "job %s has a batch of no collection of its",
                  exporter->job->name);
        exporter_note_failure(exporter, &err);
        return; /* the lease ends by itself */
    }
    cargo->batch_no = pg_i64(rows, row, "batch_no");
    cargo->fence = pg_i64(rows, row, "fence");
    cargo->rev = pg_i64(rows, row, "export_rev");
    if (!ids_read(&cargo->ids, pg_text(rows, row, "ids"), &err)) {
        log_event(LOG_ERROR, "export.unreadable", LOG_NUMBER("batch", cargo->batch_no),
                  LOG_TEXT("why", err.message));
        cargo_drop(cargo);
        return;
    }
    exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_CLAIMED,
                                                     .slot = slot,
                                                     .batch_no = cargo->batch_no,
                                                     .fence = cargo->fence,
                                                     .rev = cargo->rev,
                                                     .started_ms = started_ms});
}

static void on_claimed(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct statement_ctx *statement = ctx;
    struct exporter *exporter = statement->exporter;
    int count = err->kind == ERROR_NONE ? pg_row_count(rows) : 0;
    for (int i = 0; i < count; i++) {
        take_in(exporter, rows, i, statement->started_ms);
    }
    close_statement(statement);
    exporter_note_failure(exporter, err);
    exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_CLAIM_END,
                                                     .count = (size_t)count,
                                                     .error = err->kind});
    if (exporter->core.is_stopping) {
        record_flush(exporter); /* what came too late is given back; nobody may step us any more */
    }
}

/* Not while the ledger is away: the claim would wait, with a lease that is counted from now. */
void record_claim(struct exporter *exporter, size_t count)
{
    struct error err = {0};
    struct statement_ctx *ctx =
        pg_is_connected(exporter->rt->ledger.pg) ? open_statement(exporter, NULL, 0) : NULL;
    if (ctx == NULL || !ledger_claim_exports(&exporter->rt->ledger, exporter->job->job_id,
                                             (int64_t)count, LIMIT_PUBLISH_AHEAD,
                                             LIMIT_PUBLISH_AHEAD_BYTES, on_claimed, ctx, &err)) {
        if (ctx != NULL) {
            close_statement(ctx);
        }
        exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_CLAIM_END,
                                                         .error = ERROR_UNAVAILABLE});
    }
}

/* ---- E3 ---- */

/* The row of that batch in an answer, or -1. */
static int find_row(const struct pg_rows *rows, int64_t batch_no)
{
    for (int i = 0; i < pg_row_count(rows); i++) {
        if (pg_i64(rows, i, "batch_no") == batch_no) {
            return i;
        }
    }
    return -1;
}

static void on_recorded(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct statement_ctx *statement = ctx;
    struct exporter *exporter = statement->exporter;
    exporter_note_failure(exporter, err);
    for (size_t i = 0; i < statement->count; i++) {
        struct cargo *cargo = &exporter->cargo[statement->slots[i]];
        if (cargo->fence != statement->fences[i]) {
            continue;
        }
        cargo->err = *err;
        int row = err->kind == ERROR_NONE ? find_row(rows, cargo->batch_no) : -1;
        exporter_handle(
            exporter,
            &(struct export_event){.kind = EXPORT_EVENT_RECORDED,
                                   .slot = statement->slots[i],
                                   .error = err->kind,
                                   .matched = row >= 0,
                                   .is_final = row >= 0 && !span_equal(pg_text(rows, row, "state"),
                                                                       SPAN_LITERAL("planned"))});
    }
    close_statement(statement);
}

static void flush_records(struct exporter *exporter)
{
    struct ledger_export exports[EXPORT_SLOTS];
    size_t out_max = 0;
    size_t out_count = 0;
    struct error err = {0};
    size_t count = exporter->to_record_count;

    for (size_t i = 0; i < count; i++) {
        const struct cargo *cargo = &exporter->cargo[exporter->to_record[i]];
        exports[i] = (struct ledger_export){cargo->batch_no, cargo->fence, cargo->rev,
                                            cargo->operations > 0 ? cargo->sha256_hex : NULL,
                                            cargo->value_bytes};
        out_max += cargo->left_out_count + cargo->truncated_count;
    }
    struct ledger_left_out *left_out = calloc(out_max + 1, sizeof *left_out);
    struct statement_ctx *ctx = open_statement(exporter, exporter->to_record, count);
    for (size_t i = 0; left_out != NULL && i < count; i++) {
        const struct cargo *cargo = &exporter->cargo[exporter->to_record[i]];
        memcpy(left_out + out_count, cargo->left_out, cargo->left_out_count * sizeof *left_out);
        out_count += cargo->left_out_count;
        memcpy(left_out + out_count, cargo->truncated, cargo->truncated_count * sizeof *left_out);
        out_count += cargo->truncated_count;
    }
    exporter->to_record_count = 0;
    if (left_out == NULL || ctx == NULL ||
        !ledger_record_exports(&exporter->rt->ledger, exporter->job->job_id, exports, count,
                               left_out, out_count, on_recorded, ctx, &err)) {
        error_set(&err, ERROR_NOMEM, "out of memory");
        if (ctx != NULL) {
            on_recorded(ctx, NULL, &err);
        }
    }
    free(left_out);
}

/* ---- E5 ---- */

static void on_reported(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct statement_ctx *statement = ctx;
    (void)rows;
    exporter_note_failure(statement->exporter, err);
    for (size_t i = 0; i < statement->count; i++) {
        if (statement->exporter->cargo[statement->slots[i]].fence == statement->fences[i]) {
            exporter_handle(statement->exporter,
                            &(struct export_event){.kind = EXPORT_EVENT_REPORTED,
                                                   .slot = statement->slots[i],
                                                   .error = err->kind});
        }
    }
    close_statement(statement);
}

static void flush_reports(struct exporter *exporter)
{
    struct ledger_report reports[EXPORT_SLOTS];
    struct error err = {0};
    size_t count = exporter->to_report_count;
    for (size_t i = 0; i < count; i++) {
        const struct cargo *cargo = &exporter->cargo[exporter->to_report[i]];
        reports[i] = (struct ledger_report){cargo->batch_no, cargo->fence, cargo->rev,
                                            cargo->partition, cargo->offset};
    }
    struct statement_ctx *ctx = open_statement(exporter, exporter->to_report, count);
    exporter->to_report_count = 0;
    if (ctx != NULL && !ledger_report_exports(&exporter->rt->ledger, exporter->job->job_id, reports,
                                              count, on_reported, ctx, &err)) {
        on_reported(ctx, NULL, &err);
    }
}

static void on_settled(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct statement_ctx *statement = ctx;
    (void)rows;
    /* What was lost with the connection is made up for by the lease. */
    exporter_note_failure(statement->exporter, err);
    close_statement(statement);
}

static void flush_releases(struct exporter *exporter)
{
    struct error err = {0};
    struct statement_ctx *ctx = open_statement(exporter, NULL, 0);
    if (ctx != NULL && !ledger_release_exports(&exporter->rt->ledger, exporter->job->job_id,
                                               exporter->to_release, exporter->to_release_count,
                                               exporter->release_cause, on_settled, ctx, &err)) {
        close_statement(ctx);
    }
    exporter->to_release_count = 0;
    exporter->release_cause[0] = '\0';
}

void record_flush(struct exporter *exporter)
{
    if (exporter->rt->ledger.pg == NULL) { /* hung up */
        exporter->to_record_count = exporter->to_report_count = exporter->to_release_count = 0;
        return;
    }
    if (exporter->to_record_count > 0) {
        flush_records(exporter);
    }
    if (exporter->to_report_count > 0) {
        flush_reports(exporter);
    }
    if (exporter->to_release_count > 0) {
        flush_releases(exporter);
    }
}

void record_split(struct exporter *exporter, size_t slot)
{
    const struct cargo *cargo = &exporter->cargo[slot];
    struct error err = {0};
    struct statement_ctx *ctx = open_statement(exporter, NULL, 0);
    log_event(LOG_INFO, "batch.split", LOG_TEXT("job", exporter->job->name),
              LOG_NUMBER("batch", cargo->batch_no));
    if (ctx != NULL && !ledger_split_export(&exporter->rt->ledger, exporter->job->job_id,
                                            cargo->batch_no, cargo->fence, on_settled, ctx, &err)) {
        close_statement(ctx);
    }
}

void record_block(struct exporter *exporter, size_t slot)
{
    const struct cargo *cargo = &exporter->cargo[slot];
    struct error err = {0};
    struct statement_ctx *ctx = open_statement(exporter, NULL, 0);
    log_event(LOG_ERROR, "job.blocked", LOG_TEXT("job", exporter->job->name),
              LOG_TEXT("why", cargo->err.message));
    if (ctx != NULL && !ledger_block_job(&exporter->rt->ledger, exporter->job->job_id,
                                         cargo->err.message, on_settled, ctx, &err)) {
        close_statement(ctx);
    }
}
