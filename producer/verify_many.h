/* Several pairs of a verify, one after the other, and what they add up to. */
#ifndef PRODUCER_VERIFY_MANY_H
#define PRODUCER_VERIFY_MANY_H

#include "producer/verify.h"

/* The job's pairs have both sides. What is wrong with one of them is told, and the others are compared nevertheless. *code: the
 * worst of all; also when it returns false, because of what concerns all of them: a signal, memory, a file. */
MUST_CHECK bool verify_many(struct verify *verify, const struct job *job, enum exit_code *code,
                            struct error *err);

#endif
