/*
 * The ids of a collection on disk: an unlinked file in TMPDIR (or /tmp), written once while the list streams in, read as
 * often as needed. So the server is not kept waiting in the middle of its answer, and five million ids take no memory.
 */
#ifndef PRODUCER_VERIFY_SPOOL_H
#define PRODUCER_VERIFY_SPOOL_H

#include <stdio.h>

#include "base/bytes.h"

struct verify_spool {
    FILE *file;     /* owned */
    uint64_t count; /* ids in it */
    uint64_t read;  /* ids handed out since the rewind */
    struct buf id;  /* the one handed out last; owned */
};

/* ERROR_IO, here and below, names the folder. verify_spool_close also after a failure, and for a zeroed struct. */
MUST_CHECK bool verify_spool_open(struct verify_spool *spool, struct error *err);
void verify_spool_close(struct verify_spool *spool);
MUST_CHECK bool verify_spool_clear(struct verify_spool *spool, struct error *err);
MUST_CHECK bool verify_spool_append(struct verify_spool *spool, struct span id, struct error *err);
MUST_CHECK bool verify_spool_rewind(struct verify_spool *spool, struct error *err);
/* The next id, borrowed until the next call; *more = false at the end. */
MUST_CHECK bool verify_spool_next(struct verify_spool *spool, struct span *id, bool *more,
                                  struct error *err);

#endif
