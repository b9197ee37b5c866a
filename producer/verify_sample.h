/*
 * A seeded sample of a list that is read one after the other: exactly so many, each choice equally likely, nothing
 * remembered but three numbers. The same seed over the same list chooses the same ones. Pure.
 */
#ifndef PRODUCER_VERIFY_SAMPLE_H
#define PRODUCER_VERIFY_SAMPLE_H

#include "base/clock.h"
#include "base/error.h"

struct verify_sample_size { /* what --sample asks for */
    bool is_percent;
    double percent; /* above 0, at most 100 */
    uint64_t count;
};

/* "5%", "0.1%" or "1000". ERROR_USAGE says what is expected. */
MUST_CHECK bool verify_sample_parse(const char *text, struct verify_sample_size *out,
                                    struct error *err);
/* How many of so many: a percentage is rounded up, a count never exceeds the total. */
uint64_t verify_sample_of(const struct verify_sample_size *size, uint64_t total);

struct verify_sampler {
    struct rng rng;
    uint64_t left;   /* still to be asked about */
    uint64_t wanted; /* still to be chosen of them */
};
void verify_sampler_init(struct verify_sampler *sampler, uint64_t seed, uint64_t total,
                         uint64_t wanted);
/* Is the next one in the sample? Beyond the total: never. */
bool verify_sampler_take(struct verify_sampler *sampler);

#endif
