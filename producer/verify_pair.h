/* One pair of collections of a verify: found on both sides, checked to be two, and forgotten for the next one. */
#ifndef PRODUCER_VERIFY_PAIR_H
#define PRODUCER_VERIFY_PAIR_H

#include "producer/verify.h"

/* The i-th of the job's. verify_pair_end before the next one, and at the end; also of a zeroed struct, or twice. */
void verify_pair_begin(struct verify *verify, const struct job *job, size_t i);
/* The pair's place on that side becomes verify's, and its collection is looked up there; a server that fails is asked again for
 * patience_ms, 0: not at all. found NULL: that it is not there is ERROR_NOT_FOUND. */
MUST_CHECK bool verify_pair_find(struct verify *verify, enum verify_which which,
                                 const struct pair *pair, int64_t patience_ms, bool *found,
                                 struct error *err);
/* Both were found: ERROR_USAGE when they are one. */
MUST_CHECK bool verify_pair_are_two(const struct verify *verify, struct error *err);
/* It was compared: do they agree in everything that was asked for? */
bool verify_pair_is_fine(const struct verify *verify);
void verify_pair_end(struct verify *verify);

#endif
