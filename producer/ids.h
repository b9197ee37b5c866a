/* A batch's ids as the ledger answers them: hex, comma between, because they may hold anything. */
#ifndef PRODUCER_IDS_H
#define PRODUCER_IDS_H

#include "base/bytes.h"
#include "base/limits.h"

struct ids {
    struct buf bytes; /* one after the other; owned */
    struct span list[LIMIT_BATCH_RECORDS];
    size_t count;
};

/* out: zeroed. ERROR_LIMIT: more than a batch may hold. ids_deinit also after a failure. */
MUST_CHECK bool ids_read(struct ids *out, struct span hex_list, struct error *err);
void ids_deinit(struct ids *ids);

#endif
