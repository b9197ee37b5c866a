/* The sweep's verdicts; see sweep.h. */
#include "producer/sweep.h"

/* A position beyond the end is older than the loss of that end: who asks there is sent back to the start, and reads again. */
static bool is_position_valid(const struct bus_position *position)
{
    return position->committed <= position->high;
}

/* Everything that exists has been read: lag 0 on all partitions. */
static bool is_drained(const struct bus_position *positions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_empty = positions[i].low == positions[i].high;
        if (!is_empty && positions[i].committed != positions[i].high) {
            return false;
        }
    }
    return count > 0;
}

enum sweep_verdict sweep_judge(int partition, int64_t offset, const struct bus_position *positions,
                               size_t count)
{
    if (offset == BUS_NO_OFFSET) {
        return is_drained(positions, count) ? SWEEP_DRAINED : SWEEP_WAIT;
    }
    for (size_t i = 0; i < count; i++) {
        if (positions[i].partition != partition) {
            continue;
        }
        if (offset >= positions[i].high) {
            return SWEEP_LOST_TAIL;
        }
        if (offset < positions[i].low) {
            return SWEEP_EXPIRED;
        }
        return is_position_valid(&positions[i]) && positions[i].committed > offset ? SWEEP_CONSUMED
                                                                                   : SWEEP_WAIT;
    }
    return count > 0 ? SWEEP_LOST_TAIL : SWEEP_WAIT; /* the topic has no such partition any more */
}

const char *sweep_verdict_text(enum sweep_verdict verdict)
{
    switch (verdict) {
    case SWEEP_WAIT:
        return "may still come";
    case SWEEP_CONSUMED:
        return "its message was acknowledged without a result";
    case SWEEP_LOST_TAIL:
        return "its message is gone: the bus lost its tail, or the topic was recreated";
    case SWEEP_EXPIRED:
        return "its message is gone: the topic's retention took it";
    case SWEEP_DRAINED:
        return "its message never came, and everything on the topic has been read";
    case SWEEP_VERDICT_COUNT:
        break;
    }
    return "";
}
