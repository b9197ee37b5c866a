/* See ids.h. */
#include "producer/ids.h"

#include <string.h>

bool ids_read(struct ids *out, struct span hex_list, struct error *err)
{
    size_t ends[LIMIT_BATCH_RECORDS];
    size_t at = 0;
    buf_init(&out->bytes, (size_t)LIMIT_BATCH_RECORDS * LIMIT_RECORD_ID);
    out->count = 0;
    while (at <= hex_list.len) {
        const uint8_t *start = hex_list.ptr + at;
        const uint8_t *comma = hex_list.len > at ? memchr(start, ',', hex_list.len - at) : NULL;
        size_t len = comma != NULL ? (size_t)(comma - start) : hex_list.len - at;
        if (out->count == LIMIT_BATCH_RECORDS) {
            return error_set(err, ERROR_LIMIT, "a batch of more than %u ids", LIMIT_BATCH_RECORDS);
        }
        if (!buf_append_unhex(&out->bytes, (struct span){start, len}, err)) {
            return false;
        }
        ends[out->count++] = out->bytes.len;
        at += len + 1;
    }
    if (!buf_check(&out->bytes, "the ids of a batch", err)) {
        return false;
    }
    for (size_t i = 0, from = 0; i < out->count; from = ends[i], i++) {
        out->list[i] = (struct span){out->bytes.ptr + from, ends[i] - from};
    }
    return true;
}

void ids_deinit(struct ids *ids)
{
    buf_deinit(&ids->bytes);
    ids->count = 0;
}
