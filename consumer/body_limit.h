/*
 * Is a 413 about the size of a request, or about the state of what stands before the target? Pure; one for each target, in one
 * consumer's memory.
 *
 * No size that a target has taken is too large for it, and no target takes less than LIMIT_BODY_FLOOR: below the larger of both a
 * 413 is doubted, that is waited for like an outage, and neither teaches a limit nor rejects a record. What lasts is believed, for
 * somebody may have set a smaller limit; but never below LIMIT_BODY_FLOOR.
 */
#ifndef CONSUMER_BODY_LIMIT_H
#define CONSUMER_BODY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct body_limit {   /* all zero: nothing is known */
    int64_t accepted; /* bytes of the largest request that was taken */
    int64_t doubted;  /* of the largest that was refused and doubted since; 0: none */
    int64_t since_ms; /* the first of those */
};

void body_limit_accept(struct body_limit *limit, int64_t bytes);
/* 413. True: it is too large. patience_ms: what is doubted for so long is believed. */
bool body_limit_refuse(struct body_limit *limit, int64_t bytes, int64_t patience_ms,
                       int64_t now_ms);
/* What the target must take. */
int64_t body_limit_floor(const struct body_limit *limit);

#endif
