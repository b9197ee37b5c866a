/*
 * Listing a collection's ids into the ledger: streamed from the server, staged in pieces of LISTING_PIECE ids, with the
 * answer paused while the ledger catches up. Memory is flat in the number of ids. Used by the plan and by the end.
 */
#ifndef PRODUCER_LISTING_H
#define PRODUCER_LISTING_H

#include <stdint.h>

#include "producer/side.h"

#define LISTING_PIECE 5000

/* Queues the statement that stages one piece; answers come to fn(ctx). */
typedef bool listing_stage_fn(void *ctx, int64_t first_ordinal, const struct span *ids,
                              size_t count, pg_done_fn *fn, void *fn_ctx, struct error *err);

struct listing_result {
    int64_t listed;   /* ids the server sent */
    int64_t distinct; /* of them new to the staging table */
};

/* Lists every id of the side's collection, waited for. A server that fails for the moment is waited for, visibly, and
 * asked again: for the page that failed, or from the start, ordinals too (the staging keeps one of each id). One that lists fewer
 * ids than it counts records is asked by pages (id_pages.h), and is an ERROR_REJECTED when that does not help. One that answers 500 for longer than --patience
 * is an ERROR_REJECTED: one damaged id makes every listing of a collection fail so. What the ledger says is not asked again:
 * ERROR_CONFLICT, another producer has taken over; ERROR_UNAVAILABLE, nobody knows what is staged. */
MUST_CHECK bool listing_run(struct runtime *rt, struct side *side, listing_stage_fn *stage,
                            void *ctx, struct listing_result *out, struct error *err);

#endif
