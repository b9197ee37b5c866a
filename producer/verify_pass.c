/*
 * The pieces in flight; see verify_pass.h. Each lane carries one piece through its ladder: both sides are asked at the same
 * time, and the piece is judged when both have answered. Knows nothing of what is compared.
 */
#include "producer/verify_pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "producer/verify_pass_internal.h"

#define TICK_MS     20         /* how late a wait may end */
#define PIECE_BYTES (1u * MIB) /* of ids, when they are long */

static void advance(struct verify_lane *lane);

static void settle(struct verify_run *run)
{
    bool is_busy = run->in_flight > 0;
    for (size_t i = 0; i < run->pass->in_flight && run->failure.kind == ERROR_NONE; i++) {
        is_busy = is_busy || run->lanes[i].has_piece;
    }
    run->done = !is_busy && (run->failure.kind != ERROR_NONE || run->has_ended_ids);
}

/* Nothing more is begun; what is in flight is ended, and its callbacks are waited for. */
static void fail(struct verify_run *run, const struct error *why)
{
    if (run->failure.kind != ERROR_NONE) {
        return;
    }
    run->failure = *why;
    for (size_t i = 0; i < VERIFY_LANES; i++) {
        for (int side = 0; side < VERIFY_SIDES; side++) {
            if (run->lanes[i].halves[side].request != NULL) {
                http_cancel(run->lanes[i].halves[side].request);
            }
        }
    }
}

/* Fills the lane with the next ids; without any it stays empty. */
static bool load(struct verify_lane *lane, struct error *err)
{
    struct verify_run *run = lane->run;
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

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct verify_half *half = ctx;
    struct verify_lane *lane = half->lane;
    struct verify_run *run = lane->run;
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
        struct error why = {0};
        if (!verify_judge(lane, &why)) {
            fail(run, &why);
        }
        advance(lane);
    }
    settle(run);
}

static bool ask(struct verify_lane *lane, enum verify_which which, const struct verify_range *range,
                struct error *err)
{
    struct verify_run *run = lane->run;
    struct verify_half *half = &lane->halves[which];
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
static void advance(struct verify_lane *lane)
{
    struct verify_run *run = lane->run;
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
    struct verify_run *run = ctx;
    int64_t now_ms = clock_boottime_ms();
    for (size_t i = 0; i < run->pass->in_flight; i++) {
        struct verify_lane *lane = &run->lanes[i];
        if (lane->again_at_ms > 0 && now_ms >= lane->again_at_ms) {
            lane->again_at_ms = 0;
            advance(lane);
        }
    }
    settle(run);
}

static void lane_init(struct verify_lane *lane, struct verify_run *run)
{
    lane->run = run;
    buf_init(&lane->bytes, PIECE_BYTES + LIMIT_RECORD_ID);
    for (int side = 0; side < VERIFY_SIDES; side++) {
        lane->halves[side].lane = lane;
        buf_init(&lane->halves[side].body, LIMIT_REQUEST_BODY);
        buf_init(&lane->halves[side].answer, LIMIT_RESPONSE);
    }
}

static void lane_deinit(struct verify_lane *lane)
{
    buf_deinit(&lane->bytes);
    for (int side = 0; side < VERIFY_SIDES; side++) {
        buf_deinit(&lane->halves[side].body);
        buf_deinit(&lane->halves[side].answer);
    }
}

bool verify_pass_run(const struct verify_pass *pass, struct runtime *rt, struct error *err)
{
    struct verify_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    run->pass = pass;
    run->rt = rt;
    for (size_t i = 0; i < VERIFY_LANES; i++) {
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
    for (size_t i = 0; i < VERIFY_LANES; i++) {
        lane_deinit(&run->lanes[i]);
    }
    free(run);
    return ok;
}
