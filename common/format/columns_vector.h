/* Private to columns: one element of the "embeddings" column. */
#ifndef FORMAT_COLUMNS_VECTOR_H
#define FORMAT_COLUMNS_VECTOR_H

#include "base/arena.h"
#include "base/error.h"
#include "format/json_scan.h"
#include "format/record.h"

/* Consumes an array of numbers into the record's embedding; null or [] leaves it without one.
 * *dimension is that of the vector before, 0 before the first: what to expect, no more. */
MUST_CHECK bool columns_read_embedding(struct json_scan *scan, struct arena *arena,
                                       size_t *dimension, struct record *record, struct error *err);

#endif
