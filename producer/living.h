/*
 * What of some ids a collection has right now. A list of all ids may leave out what lives (pages of a list shift while it
 * is read, a gateway cuts it): before anything is deleted, these very ids are asked for.
 */
#ifndef PRODUCER_LIVING_H
#define PRODUCER_LIVING_H

#include "producer/ids.h"
#include "producer/side.h"

/* living[i]: ids->list[i] is there; *count: how many. Asked again for the rest until an answer has none of them, because an
 * answer may be cut, too. The last request ends at deadline_ms. ERROR_FORMAT: the answer is not to that question. */
MUST_CHECK bool living_find(struct runtime *rt, struct side *side, const struct ids *ids,
                            int64_t deadline_ms, bool living[LIMIT_BATCH_RECORDS], size_t *count,
                            struct error *err);

#endif
