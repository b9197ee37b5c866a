/* One request of a side's, waited for. Internal to side.c and side_place.c. */
#ifndef PRODUCER_SIDE_ASKED_H
#define PRODUCER_SIDE_ASKED_H

#include "producer/side.h"

struct asked {
    struct side *side;
    bool done;
    struct error err;
    struct chroma_version version;
    struct chroma_identity identity;
    uint64_t count;
};

void asked_finish(struct asked *asked, const struct error *err);
/* A chroma_done_fn. ctx: the asked. */
void asked_on_done(void *ctx, const struct error *err);
/* request: as the call gave it; NULL: *err is set already. */
MUST_CHECK bool asked_wait(struct asked *asked, struct runtime *rt,
                           const struct http_request *request, struct error *err);

#endif
