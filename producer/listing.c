/* Ids from a server into the ledger; see listing.h. Decides nothing about them. */
#include "producer/listing.h"

#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "base/limits.h"

#define PIECES_IN_FLIGHT 2
#define PIECE_BYTES      (2u * MIB) /* of long ids: a statement must stay small */
#define BACKOFF_BASE_MS  500
#define BACKOFF_CAP_MS   10000

struct listing {
    struct http_request *request;
    listing_stage_fn *stage;
    void *ctx;
    struct buf bytes;           /* the piece's ids, one after the other */
    size_t ends[LISTING_PIECE]; /* where each ends in bytes */
    size_t count;
    int64_t staged; /* ordinals given out */
    int64_t distinct;
    size_t in_flight; /* statements without an answer */
    bool is_paused;
    bool answered; /* the server's answer has ended */
    bool done;
    struct error err;
    bool is_ledgers; /* err is not the server's */
};

static void end_if_complete(struct listing *listing)
{
    listing->done = listing->answered && listing->in_flight == 0;
}

static void on_staged(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct listing *listing = ctx;
    listing->in_flight--;
    if (err->kind != ERROR_NONE) {
        if (listing->err.kind == ERROR_NONE) {
            listing->err = *err;
            listing->is_ledgers = true;
        }
    } else {
        listing->distinct += pg_i64(rows, 0, "staged");
    }
    if (listing->is_paused && listing->request != NULL) {
        listing->is_paused = false;
        http_resume(listing->request);
    }
    end_if_complete(listing);
}

static bool stage_piece(struct listing *listing, struct error *err)
{
    struct span ids[LISTING_PIECE];
    size_t start = 0;
    if (listing->count == 0) {
        return true;
    }
    if (!buf_check(&listing->bytes, "a piece of the id list", err)) {
        return false;
    }
    for (size_t i = 0; i < listing->count; i++) {
        ids[i] = (struct span){listing->bytes.ptr + start, listing->ends[i] - start};
        start = listing->ends[i];
    }
    if (!listing->stage(listing->ctx, listing->staged, ids, listing->count, on_staged, listing,
                        err)) {
        return false;
    }
    listing->in_flight++;
    listing->staged += (int64_t)listing->count;
    listing->count = 0;
    buf_clear(&listing->bytes);
    if (listing->in_flight >= PIECES_IN_FLIGHT && listing->request != NULL) {
        listing->is_paused = true;
        http_pause(listing->request);
    }
    return true;
}

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct listing *listing = ctx;
    if (listing->err.kind != ERROR_NONE) {
        *err = listing->err;
        return false;
    }
    buf_append_span(&listing->bytes, id);
    listing->ends[listing->count++] = listing->bytes.len;
    return (listing->count < LISTING_PIECE && listing->bytes.len < PIECE_BYTES) ||
           stage_piece(listing, err);
}

static void on_listed(void *ctx, uint64_t count, const struct error *err)
{
    struct listing *listing = ctx;
    struct error why = *err;
    (void)count;
    listing->request = NULL;
    if (why.kind == ERROR_NONE) {
        (void)stage_piece(listing, &why);
    }
    if (why.kind != ERROR_NONE && listing->err.kind == ERROR_NONE) {
        listing->err = why;
    }
    listing->answered = true;
    end_if_complete(listing);
}

static bool list_once(struct runtime *rt, struct side *side, struct listing *listing,
                      struct error *err)
{
    listing->count = 0;
    listing->staged = 0;
    listing->distinct = 0;
    listing->in_flight = 0;
    listing->is_paused = listing->answered = listing->done = listing->is_ledgers = false;
    error_clear(&listing->err);
    buf_clear(&listing->bytes);
    listing->request =
        chroma_list_ids(&side->chroma, &side->collection.uuid, on_id, on_listed, listing, err);
    if (listing->request == NULL || !runtime_await(rt, &listing->done, err)) {
        return false;
    }
    if (listing->err.kind != ERROR_NONE) {
        *err = listing->err;
        return false;
    }
    return true;
}

/* Which of the waits has gone on for too long; *since_ms: of the first 500 in a row, 0: there is none. */
static bool is_beyond_patience(struct runtime *rt, int64_t *since_ms, struct error *err)
{
    int64_t now_ms = clock_boottime_ms();
    int64_t patience_ms = option_number(rt->options, "patience");
    if (err->native != 500) { /* an outage, which may take its time */
        *since_ms = 0;
        return false;
    }
    *since_ms = *since_ms == 0 ? now_ms : *since_ms;
    if (now_ms - *since_ms < patience_ms) {
        return false;
    }
    err->kind = ERROR_REJECTED;
    error_wrap(err, "every time for longer than --patience (%lld s)",
               (long long)patience_ms / 1000);
    return true;
}

bool listing_run(struct runtime *rt, struct side *side, listing_stage_fn *stage, void *ctx,
                 struct listing_result *out, struct error *err)
{
    struct listing *listing = calloc(1, sizeof *listing);
    int64_t distinct = 0;
    int64_t failing_since_ms = 0;
    bool ok = false;
    if (listing == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    listing->stage = stage;
    listing->ctx = ctx;
    buf_init(&listing->bytes, PIECE_BYTES + LIMIT_RECORD_ID);
    for (uint32_t attempt = 0;; attempt++) {
        error_clear(err);
        ok = list_once(rt, side, listing, err);
        distinct += listing->distinct;
        if (ok || listing->is_ledgers || error_disposition(err->kind) != DISPOSITION_RETRY ||
            is_beyond_patience(rt, &failing_since_ms, err)) {
            break;
        }
        log_event(LOG_WARN, "listing.waits", LOG_TEXT("why", err->message));
        runtime_waits(rt, err->message);
        struct error cancelled = {0};
        if (!runtime_sleep(rt, backoff_ms(&rt->rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS),
                           &cancelled)) {
            *err = cancelled;
            break;
        }
    }
    runtime_waits(rt, "");
    out->listed = listing->staged;
    out->distinct = distinct;
    buf_deinit(&listing->bytes);
    free(listing);
    return ok;
}
