/*
 * How a list of ids is read from servers that may fail: again, in halves, one by one, or not at all. One record whose
 * vector is lost makes a server answer 500 to every request that names it, so that such a record is closed in on and
 * given up alone. Pure: no clock, no input, no heap.
 */
#ifndef PRODUCER_VERIFY_LADDER_H
#define PRODUCER_VERIFY_LADDER_H

#include <stddef.h>

#include "base/error.h"

#define VERIFY_LADDER_DEPTH                                                                        \
    20 /* halves waiting for their turn: 2^19 ids, far more than a piece has */

struct verify_range { /* ids [from, to) of the piece */
    size_t from, to;
    uint32_t attempt;         /* failures of just this range */
    int64_t failing_since_ms; /* valid when attempt > 0 */
};

struct verify_ladder {
    struct verify_range ranges[VERIFY_LADDER_DEPTH];
    size_t count;
};

enum verify_step {
    VERIFY_STEP_AGAIN,   /* the same range after a wait: the next one is still it */
    VERIFY_STEP_HALVES,  /* the next range is its first half */
    VERIFY_STEP_GIVE_UP, /* the one id of the range cannot be read; it is done with */
    VERIFY_STEP_STOP,    /* the command cannot go on */
};

void verify_ladder_start(struct verify_ladder *ladder, size_t count);
/* What to read now; NULL: all is done. Valid until the next call. */
const struct verify_range *verify_ladder_next(const struct verify_ladder *ladder);
void verify_ladder_done(struct verify_ladder *ladder); /* that range has been read */
/* Reading it has failed. has_answered: the side that failed has answered some other request well. */
enum verify_step verify_ladder_failed(struct verify_ladder *ladder, const struct error *why,
                                      bool has_answered, int64_t now_ms, int64_t patience_ms);

#endif
