/* See deletions.h. */
#include "producer/deletions.h"

#include "app/log.h"
#include "format/columns.h"
#include "producer/ids.h"

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
                   int64_t fence, bool is_done, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_settle_deletions(&rt->ledger, job->job_id, pair->collection_no, fence, is_done,
                                      runtime_answer_fn, &answer, err) &&
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

/* What was handed out under this fence, until the lease of its slot. A failure that passes leaves it to be handed out again. */
static bool delete_piece(struct runtime *rt, struct job *job, struct pair *pair, struct span hex,
                         int64_t fence, int64_t started_ms, int64_t *count, struct error *err)
{
    struct ids ids = {0};
    struct error why = {0};
    bool ok = ids_read(&ids, hex, err);
    if (ok) {
        bool is_done =
            send(rt, &pair->target, &ids, runtime_lease_deadline_ms(rt, started_ms), &why);
        bool is_passing = error_disposition(why.kind) == DISPOSITION_RETRY;
        *count += is_done ? (int64_t)ids.count : 0;
        if (why.kind == ERROR_CANCELLED) {
            *err = why;
            ok = false;
        } else if (!is_done && !is_passing) {
            ok = settle(rt, job, pair, fence, false, err) && block(rt, job, why.message, err) &&
                 error_set(err, ERROR_CONFLICT, "the target does not delete: %.400s", why.message);
        } else {
            if (!is_done) {
                log_event(LOG_WARN, "deleting.waits", LOG_TEXT("why", why.message));
            }
            runtime_waits(rt, is_done ? "" : why.message);
            ok = settle(rt, job, pair, fence, is_done, err);
        }
    }
    ids_deinit(&ids);
    return ok;
}

bool deletions_run(struct runtime *rt, struct job *job, struct pair *pair, int64_t *count,
                   struct error *err)
{
    bool more = true;
    bool ok = true;
    *count = 0;
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
                              pg_i64(answer.rows, 0, "fence"), started_ms, count, err);
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
