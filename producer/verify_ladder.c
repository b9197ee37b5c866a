/* The table from failures to steps; see verify_ladder.h. Decision 18's kinds, seen by a reader who must not stop at one record. */
#include "producer/verify_ladder.h"

#define TRIES_AT_500 2 /* 500 is rarely a passing trouble, and halving asks again anyway */

void verify_ladder_start(struct verify_ladder *ladder, size_t count)
{
    ladder->count = 0;
    if (count > 0) {
        ladder->ranges[ladder->count++] = (struct verify_range){.to = count};
    }
}

const struct verify_range *verify_ladder_next(const struct verify_ladder *ladder)
{
    return ladder->count > 0 ? &ladder->ranges[ladder->count - 1] : NULL;
}

void verify_ladder_done(struct verify_ladder *ladder)
{
    if (ladder->count > 0) {
        ladder->count--;
    }
}

/* Never again the same whole: halves, or the one record is given up. */
static enum verify_step halve(struct verify_ladder *ladder)
{
    struct verify_range whole = ladder->ranges[--ladder->count];
    size_t middle = whole.from + (whole.to - whole.from) / 2;
    if (whole.to - whole.from <= 1) {
        return VERIFY_STEP_GIVE_UP;
    }
    ladder->ranges[ladder->count++] = (struct verify_range){.from = middle, .to = whole.to};
    ladder->ranges[ladder->count++] = (struct verify_range){.from = whole.from, .to = middle};
    return VERIFY_STEP_HALVES;
}

/* The server's own failure, about these records or about everything. */
static enum verify_step after_500(struct verify_ladder *ladder, struct verify_range *range)
{
    /* Below the top its parents have failed before it. */
    bool is_part = ladder->count > 1 || range->from > 0;
    bool is_single = range->to - range->from == 1;
    uint32_t tries = is_part && !is_single ? 1 : TRIES_AT_500;
    return range->attempt < tries ? VERIFY_STEP_AGAIN : halve(ladder);
}

enum verify_step verify_ladder_failed(struct verify_ladder *ladder, const struct error *why,
                                      bool has_answered, int64_t now_ms, int64_t patience_ms)
{
    if (ladder->count == 0) {
        return VERIFY_STEP_STOP;
    }
    struct verify_range *range = &ladder->ranges[ladder->count - 1];
    if (range->attempt++ == 0) {
        range->failing_since_ms = now_ms;
    }
    switch (why->kind) { /* no default: a new kind must be decided here */
    case ERROR_UNAVAILABLE:
        if (why->native == 500) {
            return after_500(ladder, range);
        }
        break;
    case ERROR_TIMEOUT:
    case ERROR_THROTTLED:
        break;
    case ERROR_TOO_LARGE:
    case ERROR_LIMIT:
    case ERROR_FORMAT:
        return halve(ladder);
    case ERROR_REJECTED:
        return has_answered ? halve(ladder) : VERIFY_STEP_STOP;
    case ERROR_NONE:
    case ERROR_USAGE:
    case ERROR_NOMEM:
    case ERROR_IO:
    case ERROR_AUTH:
    case ERROR_NOT_FOUND:
    case ERROR_CONFLICT:
    case ERROR_INTEGRITY:
    case ERROR_CANCELLED:
    case ERROR_BUG:
    case ERROR_KIND_COUNT:
        return VERIFY_STEP_STOP;
    }
    return now_ms - range->failing_since_ms >= patience_ms ? VERIFY_STEP_STOP : VERIFY_STEP_AGAIN;
}
