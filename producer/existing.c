/* See existing.h. Asks in pieces of a batch at most; what follows from the answers is decided in the ledger. */
#include "producer/existing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "format/columns.h"
#include "format/equality.h"
#include "producer/ids.h"
#include "producer/verify_pass.h"

#define PATIENCE_MS  60000
#define COMPARED_IDS 100u /* with their vectors, of both sides */

struct asking {
    const struct ids *ids;
    size_t next;
    enum space space;
    bool compares;                          /* with the source; else whether it is there is all */
    struct span found[LIMIT_BATCH_RECORDS]; /* into ids */
    size_t found_count;
};

static bool next_id(void *ctx, struct span *id, bool *more, struct error *err)
{
    struct asking *asking = ctx;
    (void)err;
    *more = asking->next < asking->ids->count;
    if (*more) {
        *id = asking->ids->list[asking->next++];
    }
    return true;
}

/* The piece's own bytes are gone after the callback. */
static void note(struct asking *asking, struct span id)
{
    for (size_t i = 0; i < asking->ids->count; i++) {
        if (span_equal(asking->ids->list[i], id)) {
            asking->found[asking->found_count++] = asking->ids->list[i];
            return;
        }
    }
}

static bool is_found(const struct asking *asking, const struct verify_piece *piece, struct span id)
{
    const struct record *target = record_index_find(piece->have[VERIFY_TARGET], id);
    if (target == NULL || !asking->compares) {
        return target != NULL;
    }
    const struct record *source = record_index_find(piece->have[VERIFY_SOURCE], id);
    enum equality equality =
        source != NULL ? equality_compare(source, target, asking->space, piece->arena, NULL)
                       : EQUALITY_DIFFERENT;
    return equality == EQUALITY_SAME || equality == EQUALITY_ROUNDED;
}

static bool on_piece(void *ctx, const struct verify_piece *piece, struct error *err)
{
    struct asking *asking = ctx;
    (void)err;
    for (size_t i = 0; i < piece->count; i++) {
        if (is_found(asking, piece, piece->ids[i])) {
            note(asking, piece->ids[i]);
        }
    }
    return true;
}

/* What cannot be read is nobody's whom we could name: it stays as it is. */
static bool on_unreadable(void *ctx, struct span id, const struct error *why, struct error *err)
{
    struct asking *asking = ctx;
    (void)err;
    log_event(LOG_WARN, "existing.unreadable", LOG_TEXT("why", why->message));
    if (!asking->compares) {
        note(asking, id);
    }
    return true;
}

static bool ask(struct runtime *rt, struct pair *pair, struct asking *asking, struct error *err)
{
    uint32_t takes = pair->target.limits.max_batch_records;
    size_t most = asking->compares ? COMPARED_IDS : VERIFY_PIECE;
    struct verify_pass pass = {
        .sides = {asking->compares ? &pair->source : NULL, &pair->target},
        .include = asking->compares ? COLUMNS_ALL : "[]",
        .piece_ids = takes > 0 && takes < most ? takes : most,
        .in_flight = 1,
        .patience_ms = PATIENCE_MS,
        .next = next_id,
        .on_piece = on_piece,
        .on_unreadable = on_unreadable,
        .ctx = asking,
    };
    asking->space = pair->target.collection.space;
    asking->next = asking->found_count = 0;
    return verify_pass_run(&pass, rt, err);
}

/* ---- of a plan ---- */

/* Hands the last piece's answers over and takes the next one. *more: there is one. */
static bool next_doubtful(struct runtime *rt, const struct job *job, const struct pair *pair,
                          int64_t epoch, const struct asking *asking, struct ids *next, bool *more,
                          struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_plan_doubtful(&rt->ledger, job->job_id, pair->collection_no, epoch,
                                   asking->ids->list, asking->ids->count, asking->found,
                                   asking->found_count, LIMIT_BATCH_RECORDS, runtime_answer_fn,
                                   &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    *more = ok && !pg_is_null(answer.rows, 0, "plan_doubtful");
    ok = ok && (!*more || ids_read(next, pg_text(answer.rows, 0, "plan_doubtful"), err));
    answer_deinit(&answer);
    return ok;
}

bool existing_settle_doubtful(struct runtime *rt, struct job *job, struct pair *pair, int64_t epoch,
                              struct error *err)
{
    struct ids ids = {0};
    struct asking asking = {.ids = &ids, .compares = true};
    int64_t asked = 0;
    int64_t own = 0;
    bool more = true;
    bool ok = true;
    while (ok && more) {
        struct ids next = {0};
        ok = next_doubtful(rt, job, pair, epoch, &asking, &next, &more, err);
        ids_deinit(&ids);
        ids = next;
        asking.found_count = 0;
        ok = ok && (!more || ask(rt, pair, &asking, err));
        asked += (int64_t)ids.count;
        own += (int64_t)asking.found_count;
    }
    ids_deinit(&ids);
    if (ok && asked > 0) {
        char which[PAIR_WORDS];
        pair_which(job, pair, which);
        fprintf(
            stderr,
            "%sjob %s: %" PRId64 " records at the target may be an earlier job's, which did "
            "not read them back; %" PRId64
            " are what the source has and are taken for its own, the others for existing ones\n",
            which, job->name, asked, own);
    }
    return ok || error_wrap(err, "look at what an earlier job has left at the target");
}

/* ---- of redriven batches ---- */

static bool settle(struct runtime *rt, struct job *job, int64_t batch_no,
                   const struct asking *asking, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_settle_unseen(&rt->ledger, job->job_id, batch_no, asking->found,
                                   asking->found_count, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    int64_t skipped = ok ? pg_i64(answer.rows, 0, "settle_unseen") : 0;
    if (skipped > 0) {
        fprintf(stderr,
                "job %s: %" PRId64 " records are at the target by now, and stay as they are "
                "(--on-existing %s)\n",
                job->name, skipped, job->on_existing);
    }
    answer_deinit(&answer);
    return ok;
}

static bool look_at_batch(struct runtime *rt, struct job *job, const struct pg_rows *row,
                          struct error *err)
{
    struct ids ids = {0};
    struct asking asking = {.ids = &ids};
    int64_t batch_no = pg_i64(row, 0, "batch_no");
    struct pair *pair = job_pair(job, pg_i64(row, 0, "collection_no"));
    bool ok = ids_read(&ids, pg_text(row, 0, "ids"), err) &&
              (pair != NULL || error_set(err, ERROR_BUG, "it is of no collection of the job")) &&
              ask(rt, pair, &asking, err) && settle(rt, job, batch_no, &asking, err);
    ids_deinit(&ids);
    return ok ||
           error_wrap(err, "look at the target before batch %lld goes again", (long long)batch_no);
}

bool existing_look(struct runtime *rt, struct job *job, struct error *err)
{
    bool more = true;
    bool ok = true;
    while (ok && more) {
        struct answer answer = {0};
        ok = ledger_next_unseen(&rt->ledger, job->job_id, runtime_answer_fn, &answer, err) &&
             runtime_await_answer(rt, &answer, err);
        more = ok && pg_row_count(answer.rows) > 0;
        ok = ok && (!more || look_at_batch(rt, job, answer.rows, err));
        answer_deinit(&answer);
    }
    return ok;
}
