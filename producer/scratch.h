/* Removing what was made for a rehearsal: the only collections that the ferry ever deletes. */
#ifndef PRODUCER_SCRATCH_H
#define PRODUCER_SCRATCH_H

#include "run/runtime.h"

/* job: name or number. The ledger says which collections were made for it, and that it has ended; the server, that the one of
 * that name still is that one. Tells what it did (stdout). ERROR_USAGE: no rehearsal. A collection that is gone is no error. */
MUST_CHECK bool scratch_remove(struct runtime *rt, const char *job, struct error *err);

#endif
