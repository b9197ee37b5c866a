/*
 * How much a job will send over the bus, judged by its first encoded batches: pure arithmetic, and one line for people,
 * said once.
 */
#ifndef PRODUCER_ESTIMATE_H
#define PRODUCER_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define ESTIMATE_BATCHES 4 /* so many encoded ones are enough */

struct estimate { /* zeroed: nothing seen */
    int64_t seen; /* batches */
    int64_t records, bytes;
    bool is_said;
};

/* A batch was encoded: so many records in so many bytes, or none of either. Only the first ESTIMATE_BATCHES count. */
void estimate_add(struct estimate *estimate, int64_t records, int64_t bytes);

struct estimate_rest { /* what was to be sent when we began, as the ledger says */
    int64_t records, batches;
};
/* Bytes that `records` will take at the mean seen, rounded up; 0 when nothing was seen. */
int64_t estimate_bytes(const struct estimate *estimate, int64_t records);
/* True once: when enough batches were seen, or all there are. Then the line is in out, without its end. */
bool estimate_say(struct estimate *estimate, const struct estimate_rest *rest, struct buf *out);

/* "1.4 GB", "37 MB", "512 bytes": decimal units, two digits that count. */
void estimate_write_size(struct buf *out, int64_t bytes);

#endif
