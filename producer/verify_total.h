/*
 * What a verify of several collections adds up to: a line for each that is not equal, one at the end, and the exit code.
 * Pure but for memory, which is that of those lines.
 */
#ifndef PRODUCER_VERIFY_TOTAL_H
#define PRODUCER_VERIFY_TOTAL_H

#include "app/exit_code.h"
#include "base/bytes.h"

enum verify_outcome {
    VERIFY_IS_EQUAL,
    VERIFY_IS_DIFFERENT,
    VERIFY_IS_ABSENT,  /* the target has no such collection */
    VERIFY_IS_UNKNOWN, /* could not be compared to the end */
    VERIFY_OUTCOMES
};

struct verify_total {
    size_t pairs; /* to be compared */
    size_t counts[VERIFY_OUTCOMES];
    uint64_t records; /* of the source, in those that are equal */
    bool is_sampled;
    enum exit_code code;
    struct buf lines;
};

void verify_total_init(struct verify_total *total, size_t pairs, bool is_sampled);
void verify_total_deinit(struct verify_total *total); /* of a zeroed struct: nothing */
void verify_total_equal(struct verify_total *total, uint64_t records);
/* where: which pair; why, code: what is wrong with it. */
void verify_total_other(struct verify_total *total, enum verify_outcome outcome,
                        enum exit_code code, const char *where, const char *why);
/* How many have been compared, or at least looked for. */
size_t verify_total_done(const struct verify_total *total);
/* "49 of 50 collections are equal, 1 differs": below the lines of those that are not. */
void verify_total_write(const struct verify_total *total, struct buf *out);

#endif
