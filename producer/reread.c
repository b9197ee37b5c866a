/* See reread.h. One batch at a time: they are few. Compares digests only; what differs is for the next delivery to say. */
#include "producer/reread.h"

#include <string.h>

#include "app/log.h"
#include "format/columns.h"
#include "format/equality.h"
#include "producer/ids.h"

#define BACKOFF_BASE_MS 500
#define BACKOFF_CAP_MS  10000

struct reading { /* one request, waited for */
    const struct ids *ids;
    bool done;
    char sha256[65]; /* of what is there now */
    struct error err;
};

/* The records of those ids, as far as they are there: a missing one changes the digest. */
static bool digest_answer(struct reading *reading, struct span answer, struct arena *arena,
                          struct error *err)
{
    struct record_set have;
    struct record_set wanted = {0};
    struct digest digest;
    if (!columns_scan(answer, arena, &have, err)) {
        return false;
    }
    struct record_index *index = record_index_new(&have, arena);
    wanted.records = arena_alloc_array(arena, reading->ids->count, sizeof *wanted.records);
    if (index == NULL || wanted.records == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < reading->ids->count; i++) {
        const struct record *record = record_index_find(index, reading->ids->list[i]);
        if (record != NULL) {
            wanted.records[wanted.count++] = *record;
        }
    }
    if (!equality_digest(&wanted, arena, &digest, err)) {
        return false;
    }
    digest_format(&digest, reading->sha256);
    return true;
}

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct reading *reading = ctx;
    reading->err = *err;
    if (err->kind == ERROR_NONE) {
        struct arena arena;
        arena_init(&arena, LIMIT_BATCH_ARENA);
        (void)!digest_answer(reading, answer->body, &arena, &reading->err);
        arena_deinit(&arena);
    }
    reading->done = true;
}

static bool read_once(struct runtime *rt, struct side *target, struct reading *reading,
                      struct error *err)
{
    struct buf body;
    buf_init(&body, LIMIT_REQUEST_BODY);
    columns_write_get(&body, reading->ids->list, reading->ids->count);
    reading->done = false;
    error_clear(&reading->err);
    bool ok = buf_check(&body, "a request for records", err) &&
              chroma_get_records(&target->chroma, &target->collection.uuid, buf_span(&body), 0,
                                 on_answer, reading, err) != NULL &&
              runtime_await(rt, &reading->done, err);
    if (ok && reading->err.kind != ERROR_NONE) {
        *err = reading->err;
        ok = false;
    }
    buf_deinit(&body);
    return ok;
}

static bool read_patiently(struct runtime *rt, struct side *target, struct reading *reading,
                           struct error *err)
{
    for (uint32_t attempt = 0; !read_once(rt, target, reading, err); attempt++) {
        if (error_disposition(err->kind) != DISPOSITION_RETRY) {
            return false;
        }
        log_event(LOG_WARN, "reread.waits", LOG_TEXT("why", err->message));
        runtime_waits(rt, err->message);
        error_clear(err);
        if (!runtime_sleep(rt, backoff_ms(&rt->rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS),
                           err)) {
            return false;
        }
    }
    runtime_waits(rt, "");
    return true;
}

static bool settle(struct runtime *rt, const struct job *job, int64_t batch_no, int64_t rev,
                   bool is_same, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_reread_settle(&rt->ledger, job->job_id, batch_no, rev, is_same,
                                   runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    if (ok && pg_row_count(answer.rows) == 0) {
        ok = error_set(err, ERROR_CONFLICT, "another producer is finishing job %s", job->name);
    }
    answer_deinit(&answer);
    return ok;
}

/* One row of ledger_reread_next. */
static bool check_batch(struct runtime *rt, struct job *job, const struct pg_rows *row,
                        int64_t *reopened, struct error *err)
{
    struct ids ids = {0};
    struct reading reading = {.ids = &ids};
    int64_t batch_no = pg_i64(row, 0, "batch_no");
    struct pair *pair = job_pair(job, pg_i64(row, 0, "collection_no"));
    bool ok = ids_read(&ids, pg_text(row, 0, "ids"), err) &&
              (pair != NULL || error_set(err, ERROR_BUG, "it is of no collection of the job")) &&
              read_patiently(rt, &pair->target, &reading, err);
    if (ok) {
        bool is_same = strcmp(reading.sha256, pg_cstr(row, 0, "sha256")) == 0;
        ok = settle(rt, job, batch_no, pg_i64(row, 0, "export_rev"), is_same, err);
        *reopened += ok && !is_same;
        log_event(is_same ? LOG_INFO : LOG_WARN, is_same ? "batch.reread" : "batch.reopened",
                  LOG_TEXT("job", job->name), LOG_NUMBER("batch", batch_no));
    }
    ids_deinit(&ids);
    return ok || error_wrap(err, "read batch %lld again", (long long)batch_no);
}

bool reread_all(struct runtime *rt, struct job *job, int64_t *reopened, struct error *err)
{
    bool more = true;
    bool ok = true;
    *reopened = 0;
    while (ok && more) {
        struct answer answer = {0};
        ok = ledger_reread_next(&rt->ledger, job->job_id, runtime_answer_fn, &answer, err) &&
             runtime_await_answer(rt, &answer, err);
        more = ok && pg_row_count(answer.rows) > 0;
        ok = ok && (!more || check_batch(rt, job, answer.rows, reopened, err));
        answer_deinit(&answer);
    }
    return ok;
}
