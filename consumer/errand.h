/*
 * One request to a target on behalf of a slot: an upsert's piece, or a reading. It outlives the slot's interest in it,
 * because its body and its callback belong to the transport until the answer has come.
 */
#ifndef CONSUMER_ERRAND_H
#define CONSUMER_ERRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "consumer/delivery.h"
#include "net/http.h"

struct consumer;
struct record;

struct errand {
    struct consumer *consumer;
    size_t slot;
    bool is_abandoned; /* the answer concerns nobody any more */
    struct http_request *request;
    int64_t started_ms; /* of the request under way */
    struct buf body;
    /* an upsert's: what it sends, owned, and the pieces of that */
    struct record *records;
    size_t count;
    size_t at;       /* first record of the piece */
    size_t in_piece; /* records in it */
    uint32_t parts;
    bool is_doubted; /* its 413: see body_limit.h */
};

/* Begins one for a slot that has none. NULL: no memory. */
struct errand *errand_new(struct consumer *consumer, size_t slot);
/* When the request must have ended: after the request timeout, or with the slot's lease. */
int64_t errand_deadline_ms(const struct errand *errand);
/* The lease has been renewed. */
void errand_extend(struct errand *errand);
/* Cancels the request of a slot, if there is one; the slot hears nothing of it any more. */
void errand_abandon(struct consumer *consumer, size_t slot);
/* In the callback: frees it, and takes it off its slot. */
void errand_end(struct errand *errand);
/* The same for one whose answer is no more than its error: the slot hears of that, and a failure of this step is noted. */
void errand_tell(struct errand *errand, enum delivery_event_kind kind, const char *step,
                 const struct error *err);

#endif
