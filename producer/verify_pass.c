/*
 * The pieces in flight; see verify_pass.h. Each lane carries one piece through its ladder: both sides are asked at the same
 * time, and the piece is judged when both have answered. Knows nothing of what is compared.
 */
#include "producer/verify_pass.h"

#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "base/limits.h"
#include "producer/verify_ladder.h"

#define LANES           8
#define TICK_MS         20 /* how late a wait may end */
#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS  10000
#define PIECE_BYTES     (1u * MIB) /* of ids, when they are long */
#define HOPELESS        100u       /* records given up before any was read: it is not the records */

struct run;
struct lane;

struct half { /* one side's part of a lane */
    struct lane *lane;
    struct http_request *request; /* NULL: none in flight */
    struct buf body;              /* the request's */
    struct buf answer;
    struct error err;
    uint32_t retry_after_ms;
};

struct lane {
    struct run *run;
    bool has_piece;
    struct buf bytes; /* the ids, one after the other */
    struct span ids[VERIFY_PIECE];
    size_t count;
    struct verify_ladder ladder;
    struct half halves[VERIFY_SIDES];
    int64_t again_at_ms; /* > 0: the range waits until then */
};

struct run {
    const struct verify_pass *pass;
    struct runtime *rt;
    struct lane lanes[LANES];
    bool was_read[VERIFY_SIDES]; /* has answered a request well */
    uint64_t given_up;
    size_t in_flight;
    bool has_ended_ids;
    bool done;
    struct error failure;
};

static void advance(struct lane *lane);

static void settle(struct run *run)
{
    bool is_busy = run->in_flight > 0;
    for (size_t i = 0; i < run->pass->in_flight && run->failure.kind == ERROR_NONE; i++) {
        is_busy = is_busy || run->lanes[i].has_piece;
    }
    run->done = !is_busy && (run->failure.kind != ERROR_NONE || run->has_ended_ids);
}

/* Nothing more is begun; what is in flight is ended, and its callbacks are waited for. */
static void fail(struct run *run, const struct error *why)
{
    if (run->failure.kind != ERROR_NONE) {
        return;
    }
    run->failure = *why;
    for (size_t i = 0; i < LANES; i++) {
        for (int side = 0; side < VERIFY_SIDES; side++) {
            if (run->lanes[i].halves[side].request != NULL) {
                http_cancel(run->lanes[i].halves[side].request);
            }
        }
    }
}

/* Fills the lane with the next ids; without any it stays empty. */
static bool load(struct lane *lane, struct error *err)
{
    struct run *run = lane->run;
    size_t ends[VERIFY_PIECE];
    lane->count = 0;
    buf_clear(&lane->bytes);
    while (lane->count < run->pass->piece_ids && lane->bytes.len < PIECE_BYTES &&
           !run->has_ended_ids) {
        struct span id;
        bool more = false;
        if (!run->pass->next(run->pass->ctx, &id, &more, err)) {
            return false;
        }
        run->has_ended_ids = !more;
        if (more) {
            buf_append_span(&lane->bytes, id);
            ends[lane->count++] = lane->bytes.len;
        }
    }
    if (!buf_check(&lane->bytes, "the ids of a piece", err)) {
        return false;
    }
    for (size_t i = 0, from = 0; i < lane->count; from = ends[i], i++) {
        lane->ids[i] = (struct span){lane->bytes.ptr + from, ends[i] - from};
    }
    verify_ladder_start(&lane->ladder, lane->count);
    lane->has_piece = lane->count > 0;
    return true;
}

static struct error *failed_half(struct lane *lane, enum verify_which *which)
{
    for (int side = 0; side < VERIFY_SIDES; side++) {
        if (lane->halves[side].err.kind != ERROR_NONE) {
            *which = (enum verify_which)side;
            return &lane->halves[side].err;
        }
    }
    return NULL;
}

/* Reads both answers and hands them on. An answer that cannot be read is that side's failure. */
static bool hand_on(struct lane *lane, const struct verify_range *range, struct error *err)
{
    struct run *run = lane->run;
    struct arena arena;
    struct verify_piece piece = {
        .ids = lane->ids + range->from, .count = range->to - range->from, .arena = &arena};
    bool is_read = true;
    bool ok = true;
    arena_init(&arena, 2 * LIMIT_BATCH_ARENA);
    for (int side = 0; side < VERIFY_SIDES && is_read; side++) {
        struct half *half = &lane->halves[side];
        struct record_set *set = arena_alloc(&arena, sizeof *set);
        if (run->pass->sides[side] == NULL) {
            continue;
        }
        is_read = set != NULL && columns_scan(buf_span(&half->answer), &arena, set, &half->err);
        piece.have[side] = is_read ? record_index_new(set, &arena) : NULL;
        if (piece.have[side] == NULL) {
            is_read = error_set(&half->err, ERROR_LIMIT, "the answer is larger than fits");
            error_wrap(&half->err, "%s", run->pass->sides[side]->chroma.address.base);
        }
    }
    if (is_read) {
        ok = run->pass->on_piece(run->pass->ctx, &piece, err);
        run->was_read[VERIFY_SOURCE] |= piece.have[VERIFY_SOURCE] != NULL;
        run->was_read[VERIFY_TARGET] |= piece.have[VERIFY_TARGET] != NULL;
        verify_ladder_done(&lane->ladder);
    }
    arena_deinit(&arena);
    return ok;
}

static bool give_up(struct lane *lane, size_t at, enum verify_which which, const struct error *why,
                    struct error *err)
{
    struct run *run = lane->run;
    if (++run->given_up >= HOPELESS && !run->was_read[which]) {
        *err = *why;
        return error_wrap(err, "none of the first %u records could be read", HOPELESS);
    }
    return run->pass->on_unreadable(run->pass->ctx, lane->ids[at], why, err);
}

static bool act_on_failure(struct lane *lane, size_t at, enum verify_which which,
                           const struct error *why, struct error *err)
{
    struct run *run = lane->run;
    int64_t now_ms = clock_boottime_ms();
    const struct verify_range *range = verify_ladder_next(&lane->ladder);
    uint32_t attempt = range->attempt;
    switch (verify_ladder_failed(&lane->ladder, why, run->was_read[which], now_ms,
                                 run->pass->patience_ms)) {
    case VERIFY_STEP_AGAIN:
        lane->again_at_ms =
            now_ms + (why->retry_after_ms > 0
                          ? why->retry_after_ms
                          : backoff_ms(&run->rt->rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS));
        if (attempt == 1) { /* not of every hiccup, and not again and again */
            log_event(LOG_WARN, "verify.waits", LOG_TEXT("why", why->message));
        }
        return true;
    case VERIFY_STEP_HALVES:
        return true;
    case VERIFY_STEP_GIVE_UP:
        return give_up(lane, at, which, why, err);
    case VERIFY_STEP_STOP:
        break;
    }
    *err = *why;
    return false;
}

static void judge(struct lane *lane)
{
    struct run *run = lane->run;
    struct error err = {0};
    enum verify_which which = VERIFY_SOURCE;
    const struct verify_range *range = verify_ladder_next(&lane->ladder);
    size_t at = range->from;
    bool ok = failed_half(lane, &which) != NULL || hand_on(lane, range, &err);
    for (int side = 0; side < VERIFY_SIDES; side++) {
        buf_release(&lane->halves[side].answer);
    }
    const struct error *why = failed_half(lane, &which);
    if (ok && why != NULL) {
        ok = act_on_failure(lane, at, which, why, &err);
    }
    if (!ok) {
        fail(run, &err);
    }
    advance(lane);
}

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct half *half = ctx;
    struct lane *lane = half->lane;
    struct run *run = lane->run;
    half->request = NULL;
    half->err = *err;
    buf_release(&half->body);
    if (err->kind == ERROR_NONE) {
        buf_append_span(&half->answer, answer->body); /* the other side may answer much later */
        (void)!buf_check(&half->answer, "an answer", &half->err);
    } else if (answer->retry_after_ms > 0) {
        half->err.retry_after_ms = answer->retry_after_ms;
    }
    run->in_flight--;
    if (lane->halves[VERIFY_SOURCE].request == NULL &&
        lane->halves[VERIFY_TARGET].request == NULL && run->failure.kind == ERROR_NONE) {
        judge(lane);
    }
    settle(run);
}

static bool ask(struct lane *lane, enum verify_which which, const struct verify_range *range,
                struct error *err)
{
    struct run *run = lane->run;
    struct half *half = &lane->halves[which];
    struct side *side = run->pass->sides[which];
    error_clear(&half->err);
    if (side == NULL) {
        return true;
    }
    buf_clear(&half->body);
    columns_write_get_only(&half->body, lane->ids + range->from, range->to - range->from,
                           run->pass->include);
    if (!buf_check(&half->body, "a request for records", err)) {
        return false;
    }
    half->request = chroma_get_records(&side->chroma, &side->collection.uuid, buf_span(&half->body),
                                       0, on_answer, half, err);
    run->in_flight += half->request != NULL;
    return half->request != NULL;
}

/* Begins what the lane has to do next, if anything. */
static void advance(struct lane *lane)
{
    struct run *run = lane->run;
    struct error err = {0};
    if (run->failure.kind != ERROR_NONE || lane->again_at_ms > 0) {
        return;
    }
    const struct verify_range *range = verify_ladder_next(&lane->ladder);
    if (range == NULL) {
        lane->has_piece = false;
        if (!run->has_ended_ids && !load(lane, &err)) {
            fail(run, &err);
            return;
        }
        range = verify_ladder_next(&lane->ladder);
    }
    if (range != NULL &&
        (!ask(lane, VERIFY_SOURCE, range, &err) || !ask(lane, VERIFY_TARGET, range, &err))) {
        fail(run, &err);
    }
}

static void on_tick(void *ctx)
{
    struct run *run = ctx;
    int64_t now_ms = clock_boottime_ms();
    for (size_t i = 0; i < run->pass->in_flight; i++) {
        struct lane *lane = &run->lanes[i];
        if (lane->again_at_ms > 0 && now_ms >= lane->again_at_ms) {
            lane->again_at_ms = 0;
            advance(lane);
        }
    }
    settle(run);
}

static void lane_init(struct lane *lane, struct run *run)
{
    lane->run = run;
    buf_init(&lane->bytes, PIECE_BYTES + LIMIT_RECORD_ID);
    for (int side = 0; side < VERIFY_SIDES; side++) {
        lane->halves[side].lane = lane;
        buf_init(&lane->halves[side].body, LIMIT_REQUEST_BODY);
        buf_init(&lane->halves[side].answer, LIMIT_RESPONSE);
    }
}

static void lane_deinit(struct lane *lane)
{
    buf_deinit(&lane->bytes);
    for (int side = 0; side < VERIFY_SIDES; side++) {
        buf_deinit(&lane->halves[side].body);
        buf_deinit(&lane->halves[side].answer);
    }
}

bool verify_pass_run(const struct verify_pass *pass, struct runtime *rt, struct error *err)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    run->pass = pass;
    run->rt = rt;
    for (size_t i = 0; i < LANES; i++) {
        lane_init(&run->lanes[i], run);
    }
    bool ok = loop_every(rt->loop, TICK_MS, on_tick, run, err);
    for (size_t i = 0; ok && i < pass->in_flight; i++) {
        advance(&run->lanes[i]);
    }
    settle(run);
    ok = ok && runtime_await(rt, &run->done, err);
    loop_cancel(rt->loop, run);
    if (ok && run->failure.kind != ERROR_NONE) {
        *err = run->failure;
        ok = false;
    }
    for (size_t i = 0; i < LANES; i++) {
        lane_deinit(&run->lanes[i]);
    }
    free(run);
    return ok;
}
