/* Removing what was made for a rehearsal: the only collections that the ferry ever deletes. */
#ifndef PRODUCER_SCRATCH_H
#define PRODUCER_SCRATCH_H

#include "run/runtime.h"

/* job: name or number. The ledger says which collections were made for it, and that it has ended; the server, that the one of
 * that name still is that one, and which ids it holds: with a single one that is not of the job nothing is deleted. is_given:
 * --target is its new address, if it is given, and --target-tenant and --target-database must be its own; else they are another
 * matter's. Tells what it did (stdout), and the ledger what it has deleted itself. A collection that is not there is warned of, and may be asked for again. ERROR_USAGE: no rehearsal, or a
 * server that is not its own; ERROR_REJECTED: the collection is another's by now. */
MUST_CHECK bool scratch_remove(struct runtime *rt, const char *job, bool is_given,
                               struct error *err);

#endif
