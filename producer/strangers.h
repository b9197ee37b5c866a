/* Does the collection of a rehearsal hold only what its job has brought? Ids are streamed to the ledger, which knows. */
#ifndef PRODUCER_STRANGERS_H
#define PRODUCER_STRANGERS_H

#include "producer/side.h"

struct strangers {
    int64_t records; /* of the collection */
    int64_t count;   /* of them that the job has not planned: somebody else's */
    char example[128];
};

/* Lists the side's collection, waited for as listing.h says. */
MUST_CHECK bool strangers_find(struct runtime *rt, struct side *side, int64_t job_id,
                               struct strangers *out, struct error *err);

#endif
