/* Time and randomness, at the edge: the deciding cores never call these, they are given the values. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_boottime_ms(void); /* CLOCK_BOOTTIME: counts suspension and SIGSTOP; for deadlines */
int64_t clock_boottime_us(void); /* the same, finer: for durations that are told */
int64_t clock_wall_ms(void);     /* Unix time; for logs only, never for leases */
void clock_format_utc(int64_t wall_ms, char out[25]); /* 2026-11-21T10:09:00.123Z */

void random_bytes(void *out, size_t len); /* from the kernel */

struct rng { /* seeded, repeatable, not for secrets */
    uint64_t state;
};
void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* 0 … bound-1; bound > 0 */

/* Full jitter: uniform in [0, min(cap, base·2^attempt)] ms, but never under base/2. attempt counts from 0. */
uint32_t backoff_ms(struct rng *rng, uint32_t attempt, uint32_t base_ms, uint32_t cap_ms);

#endif
