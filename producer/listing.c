/* Ids from a server into the ledger; see listing.h. Decides nothing about them. */
#include "producer/listing.h"

#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "base/limits.h"
#include "producer/id_walk.h"

#define PIECES_IN_FLIGHT 2
#define PIECE_BYTES      (2u * MIB) /* of long ids: a statement must stay small */
#define BACKOFF_BASE_MS  500
#define BACKOFF_CAP_MS   10000

struct listing {
    struct id_walk walk;
    listing_stage_fn *stage;
    void *ctx;
    struct buf bytes;           /* the piece's ids, one after the other */
    size_t ends[LISTING_PIECE]; /* where each ends in bytes */
    size_t count;
    int64_t staged; /* ordinals given out */
    int64_t distinct;
    size_t in_flight; /* statements without an answer */
    bool is_paused;
    bool is_idle; /* no statement is without an answer */
    struct error err;
    bool is_ledgers; /* err is not the server's */
};

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
    if (listing->is_paused && listing->walk.request != NULL) {
        listing->is_paused = false;
        http_resume(listing->walk.request);
    }
    listing->is_idle = listing->in_flight == 0;
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
    listing->is_idle = false;
    listing->staged += (int64_t)listing->count;
    listing->count = 0;
    buf_clear(&listing->bytes);
    if (listing->in_flight >= PIECES_IN_FLIGHT && listing->walk.request != NULL) {
        listing->is_paused = true;
        http_pause(listing->walk.request);
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

static void begin(struct listing *listing)
{
    listing->count = 0;
    listing->staged = 0;
    buf_clear(&listing->bytes);
    listing->walk.pages.is_anew = false;
}

/* One question to the server, and what it brings in the ledger. */
static bool take_step(struct runtime *rt, struct listing *listing, struct error *err)
{
    struct id_walk *walk = &listing->walk;
    bool is_list = walk->pages.step == ID_PAGES_LIST;
    struct error why = {0};
    bool ok = id_walk_ask(walk, &why) && (!is_list || stage_piece(listing, &why));
    struct error ended = {0};
    if (why.kind != ERROR_CANCELLED && !runtime_await(rt, &listing->is_idle, &ended)) {
        why = ended;
    }
    listing->is_paused = false;
    if (listing->is_ledgers || !ok || why.kind != ERROR_NONE) {
        *err = listing->is_ledgers ? listing->err : why;
        return false;
    }
    if (is_list) {
        id_pages_listed(&walk->pages, walk->listed, (uint64_t)listing->distinct);
    }
    return true;
}

static bool list(struct runtime *rt, struct listing *listing, struct error *err)
{
    struct id_walk *walk = &listing->walk;
    while (walk->pages.step == ID_PAGES_COUNT || walk->pages.step == ID_PAGES_LIST) {
        if (walk->pages.is_anew) {
            begin(listing);
        }
        if (!take_step(rt, listing, err)) {
            return false;
        }
    }
    return walk->pages.step == ID_PAGES_DONE || id_walk_refuse_short(walk, err);
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

/* At least as long as the server asks for. False: the program ends, as *err says then. */
static bool wait(struct runtime *rt, uint32_t attempt, struct error *err)
{
    struct error cancelled = {0};
    uint32_t wait_ms = backoff_ms(&rt->rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
    if (runtime_sleep(rt, err->retry_after_ms > wait_ms ? err->retry_after_ms : wait_ms,
                      &cancelled)) {
        return true;
    }
    *err = cancelled;
    return false;
}

bool listing_run(struct runtime *rt, struct side *side, listing_stage_fn *stage, void *ctx,
                 struct listing_result *out, struct error *err)
{
    struct listing *listing = calloc(1, sizeof *listing);
    int64_t failing_since_ms = 0;
    bool ok = false;
    if (listing == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    listing->stage = stage;
    listing->ctx = ctx;
    listing->is_idle = true;
    buf_init(&listing->bytes, PIECE_BYTES + LIMIT_RECORD_ID);
    id_walk_begin(&listing->walk, rt, side, on_id, listing);
    for (uint32_t attempt = 0;; attempt++) {
        uint64_t known = listing->walk.pages.offset;
        error_clear(err);
        ok = list(rt, listing, err);
        attempt = listing->walk.pages.offset > known ? 0 : attempt; /* it goes on, with pauses */
        if (ok || listing->is_ledgers || listing->walk.is_callers ||
            error_disposition(err->kind) != DISPOSITION_RETRY ||
            is_beyond_patience(rt, &failing_since_ms, err)) {
            break;
        }
        log_event(LOG_WARN, "listing.waits", LOG_TEXT("why", err->message));
        runtime_waits(rt, err->message);
        if (!wait(rt, attempt, err)) {
            break;
        }
    }
    runtime_waits(rt, "");
    out->listed = listing->staged;
    out->distinct = listing->distinct;
    id_walk_deinit(&listing->walk);
    buf_deinit(&listing->bytes);
    free(listing);
    return ok;
}
