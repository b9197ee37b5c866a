/*
 * A nearest-neighbour query for one vector, and its answer. No HTTP here.
 */
#ifndef FORMAT_NEIGHBOURS_H
#define FORMAT_NEIGHBOURS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

struct neighbour {
    struct span id;  /* characters; a slice of the answer, or in the arena */
    double distance; /* as the server computed it; NaN when it gave none */
};

struct neighbours { /* in the answer's order: nearest first */
    struct neighbour *list;
    size_t count;
};

/* {"query_embeddings":[[…]],"n_results":N,"include":["distances"]} */
void neighbours_write_query(struct buf *out, const float *vector, size_t dimension,
                            size_t n_results);
/* Scans the answer to such a query. Borrows it and the arena. ERROR_FORMAT: malformed, not the answer to one
 * vector, or not as many distances as ids. */
MUST_CHECK bool neighbours_scan(struct span answer, struct arena *arena, struct neighbours *out,
                                struct error *err);

#endif
