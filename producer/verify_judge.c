/* What became of a piece that was asked for; see verify_pass_internal.h. Sends nothing. */
#include "app/log.h"
#include "base/limits.h"
#include "producer/verify_pass_internal.h"

#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS  10000
#define HOPELESS        100u /* records given up before any was read: it is not the records */

static struct error *failed_half(struct verify_lane *lane, enum verify_which *which)
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
static bool hand_on(struct verify_lane *lane, const struct verify_range *range, struct error *err)
{
    struct verify_run *run = lane->run;
    struct arena arena;
    struct verify_piece piece = {
        .ids = lane->ids + range->from, .count = range->to - range->from, .arena = &arena};
    bool is_read = true;
    bool ok = true;
    arena_init(&arena, 2 * LIMIT_BATCH_ARENA);
    for (int side = 0; side < VERIFY_SIDES && is_read; side++) {
        struct verify_half *half = &lane->halves[side];
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

static bool give_up(struct verify_lane *lane, size_t at, enum verify_which which,
                    const struct error *why, struct error *err)
{
    struct verify_run *run = lane->run;
    if (++run->given_up >= HOPELESS && !run->was_read[which]) {
        *err = *why;
        return error_wrap(err, "none of the first %u records could be read", HOPELESS);
    }
    return run->pass->on_unreadable(run->pass->ctx, lane->ids[at], why, err);
}

static bool act_on_failure(struct verify_lane *lane, size_t at, enum verify_which which,
                           const struct error *why, struct error *err)
{
    struct verify_run *run = lane->run;
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

bool verify_judge(struct verify_lane *lane, struct error *err)
{
    enum verify_which which = VERIFY_SOURCE;
    const struct verify_range *range = verify_ladder_next(&lane->ladder);
    size_t at = range->from;
    bool ok = failed_half(lane, &which) != NULL || hand_on(lane, range, err);
    for (int side = 0; side < VERIFY_SIDES; side++) {
        buf_release(&lane->halves[side].answer);
    }
    const struct error *why = failed_half(lane, &which);
    if (ok && why != NULL) {
        ok = act_on_failure(lane, at, which, why, err);
    }
    return ok;
}
