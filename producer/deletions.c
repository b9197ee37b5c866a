/* See deletions.h. */
#include "producer/deletions.h"

#include "app/log.h"
#include "format/columns.h"
#include "producer/living.h"

#define WAIT_MS 500

struct deleting { /* one request, waited for */
    bool done;
    struct error err;
};

static void on_deleted(void *ctx, const struct error *err)
{
    struct deleting *deleting = ctx;
    deleting->err = *err;
    deleting->done = true;
}

static bool send(struct runtime *rt, struct side *target, const struct ids *ids,
                 int64_t deadline_ms, struct error *err)
{
    struct deleting deleting = {0};
    struct buf body;
    buf_init(&body, LIMIT_REQUEST_BODY);
    columns_write_delete(&body, ids->list, ids->count);
    bool ok = buf_check(&body, "a request to delete", err) &&
              chroma_delete(&target->chroma, &target->collection.uuid, buf_span(&body), deadline_ms,
                            on_deleted, &deleting, err) != NULL &&
              runtime_await(rt, &deleting.done, err);
    if (ok && deleting.err.kind != ERROR_NONE) {
        *err = deleting.err;
        ok = false;
    }
    buf_deinit(&body);
    return ok;
}

static bool settle(struct runtime *rt, const struct job *job, const struct pair *pair,
                   int64_t fence, const char *outcome, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_settle_deletions(&rt->ledger, job->job_id, pair->collection_no, fence, outcome,
                                      runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    answer_deinit(&answer);
    return ok;
}

static bool spare(struct runtime *rt, const struct job *job, const struct pair *pair, int64_t fence,
                  const struct span *ids, size_t count, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_spare_deletions(&rt->ledger, job->job_id, pair->collection_no, fence, ids,
                                     count, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    answer_deinit(&answer);
    return ok;
}

static bool block(struct runtime *rt, const struct job *job, const char *why, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_block_job(&rt->ledger, job->job_id, why, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    answer_deinit(&answer);
    return ok;
}

/* What the source still has leaves *ids, and the ledger's deletions, before anything is sent. */
static bool keep_living(struct runtime *rt, struct job *job, struct pair *pair, struct ids *ids,
                        int64_t fence, int64_t deadline_ms, int64_t *spared, struct error *err)
{
    bool living[LIMIT_BATCH_RECORDS];
    struct span kept[LIMIT_BATCH_RECORDS];
    size_t count = 0;
    size_t gone = 0;
    if (!living_find(rt, &pair->source, ids, deadline_ms, living, &count, err)) {
        return false;
    }
    if (count == 0) {
        return true;
    }
    size_t kept_count = 0;
    for (size_t i = 0; i < ids->count; i++) {
        if (living[i]) {
            kept[kept_count++] = ids->list[i];
        } else {
            ids->list[gone++] = ids->list[i];
        }
    }
    ids->count = gone;
    bool ok = spare(rt, job, pair, fence, kept, kept_count, err);
    *spared += ok ? (int64_t)count : 0;
    return ok;
}

/* A failure that passes leaves what was handed out to be handed out again. */
static bool wait_for_it(struct runtime *rt, const struct error *why, struct error *err)
{
    if (why->kind == ERROR_NONE || error_disposition(why->kind) != DISPOSITION_RETRY) {
        runtime_waits(rt, "");
        return true;
    }
    log_event(LOG_WARN, "deleting.waits", LOG_TEXT("why", why->message));
    runtime_waits(rt, why->message);
    return runtime_sleep(rt, WAIT_MS, err);
}

static bool send_piece(struct runtime *rt, struct job *job, struct pair *pair,
                       const struct ids *ids, int64_t fence, int64_t deadline_ms, int64_t *deleted,
                       struct error *err)
{
    struct error why = {0};
    bool is_done = ids->count == 0 || send(rt, &pair->target, ids, deadline_ms, &why);
    *deleted += is_done ? (int64_t)ids->count : 0;
    if (why.kind == ERROR_CANCELLED) {
        *err = why;
        return false;
    }
    if (!settle(rt, job, pair, fence, is_done ? "done" : "unknown", err)) {
        return false;
    }
    if (!is_done && error_disposition(why.kind) != DISPOSITION_RETRY) {
        return block(rt, job, why.message, err) &&
               error_set(err, ERROR_CONFLICT, "the target does not delete: %.400s", why.message);
    }
    return wait_for_it(rt, &why, err);
}

/* What was handed out under this fence, until the lease of its slot: half of that is for the source's answer. */
static bool delete_piece(struct runtime *rt, struct job *job, struct pair *pair, struct span hex,
                         int64_t fence, int64_t started_ms, struct deletions *done,
                         struct error *err)
{
    struct ids ids = {0};
    struct error why = {0};
    int64_t deadline_ms = runtime_lease_deadline_ms(rt, started_ms);
    int64_t asking_ms = started_ms + (deadline_ms - started_ms) / 2;
    bool ok = ids_read(&ids, hex, err);
    if (ok && keep_living(rt, job, pair, &ids, fence, asking_ms, &done->spared, &why)) {
        ok = send_piece(rt, job, pair, &ids, fence, deadline_ms, &done->deleted, err);
    } else if (ok && error_disposition(why.kind) == DISPOSITION_RETRY) {
        ok = settle(rt, job, pair, fence, "unsent", err) && wait_for_it(rt, &why, err);
    } else if (ok) {
        struct error ignored = {0};
        (void)!(why.kind == ERROR_CANCELLED || settle(rt, job, pair, fence, "unsent", &ignored));
        *err = why;
        ok = false;
    }
    ids_deinit(&ids);
    return ok;
}

bool deletions_run(struct runtime *rt, struct job *job, struct pair *pair, struct deletions *done,
                   struct error *err)
{
    bool more = true;
    bool ok = true;
    *done = (struct deletions){0};
    while (ok && more) {
        struct answer answer = {0};
        int64_t started_ms = clock_boottime_ms();
        ok = ledger_next_deletions(&rt->ledger, job->job_id, pair->collection_no,
                                   LIMIT_BATCH_RECORDS, runtime_answer_fn, &answer, err) &&
             runtime_await_answer(rt, &answer, err);
        struct span state = ok ? pg_text(answer.rows, 0, "state") : SPAN_LITERAL("");
        more = ok && !span_equal(state, SPAN_LITERAL("done"));
        if (span_equal(state, SPAN_LITERAL("delete"))) {
            ok = delete_piece(rt, job, pair, pg_text(answer.rows, 0, "ids"),
                              pg_i64(answer.rows, 0, "fence"), started_ms, done, err);
        } else if (more) { /* no slot is free, or a request may be in flight */
            if (span_equal(state, SPAN_LITERAL("busy"))) {
                runtime_waits(rt, "a free write slot: all of the target are taken");
            }
            ok = runtime_sleep(rt, WAIT_MS, err);
        }
        answer_deinit(&answer);
    }
    runtime_waits(rt, "");
    return ok;
}
