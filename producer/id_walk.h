/*
 * One walk over all ids of a side's collection, request by request as id_pages.h decides; waited for on the loop. What
 * comes all at once is handed on while it arrives; a page is handed on when it is whole, so that it can be asked for again.
 */
#ifndef PRODUCER_ID_WALK_H
#define PRODUCER_ID_WALK_H

#include "producer/id_pages.h"
#include "producer/side.h"

struct id_walk {
    struct side *side;
    struct runtime *rt;
    id_stream_fn
        *on_id; /* the caller's; what it refuses passes unchanged, and is_callers says so */
    void *ctx;
    struct id_pages pages;
    struct http_request *request; /* under way, may be paused; NULL: none */
    struct buf page;              /* lengths and bytes of a page's ids; owned */
    bool done;
    bool is_callers;
    uint64_t listed; /* ids of the last answer */
    struct error err;
};

void id_walk_begin(struct id_walk *walk, struct runtime *rt, struct side *side, id_stream_fn *on_id,
                   void *ctx);
void id_walk_deinit(struct id_walk *walk);
/* Asks one thing. After a list the caller says id_pages_listed. False: the server's failure, the caller's, or the end of
 * the program; pages.step is as before, pages.is_anew tells whether the list begins again. */
MUST_CHECK bool id_walk_ask(struct id_walk *walk, struct error *err);
/* For ID_PAGES_SHORT: an ERROR_REJECTED that names both numbers. Always returns false. */
bool id_walk_refuse_short(const struct id_walk *walk, struct error *err);

#endif
