/*
 * The sweep's question (PROTOCOL §5): can this batch's message still come? Only when the bus proves that it cannot is the
 * batch planned again; age alone proves nothing. Pure.
 */
#ifndef PRODUCER_SWEEP_H
#define PRODUCER_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"

enum sweep_verdict {
    SWEEP_WAIT,     /* it may still come */
    SWEEP_CONSUMED, /* the group's position is beyond it */
    SWEEP_LOST_TAIL, /* its offset is at or above the high watermark: the broker lost it, or the topic was recreated */
    SWEEP_EXPIRED, /* its offset is below the low watermark: retention took it */
    SWEEP_DRAINED, /* no offset is known, and the group has read everything there is */
    SWEEP_VERDICT_COUNT
};

/* offset BUS_NO_OFFSET: none known. positions: of every partition of the topic. */
enum sweep_verdict sweep_judge(int partition, int64_t offset, const struct bus_position *positions,
                               size_t count);
const char *sweep_verdict_text(enum sweep_verdict verdict); /* for the ledger */

#endif
