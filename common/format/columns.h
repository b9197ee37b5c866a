/*
 * Chroma's columnar JSON: `get` answers in, `get` and `upsert` bodies out. No HTTP here.
 * Facts: reference chroma-api §3 and §4 (null columns, order is not the order asked for, unknown members ignored).
 */
#ifndef FORMAT_COLUMNS_H
#define FORMAT_COLUMNS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "format/record.h"

/* Scans a get answer into records. `answer` must outlive them. ERROR_FORMAT: malformed, ids missing, a column whose
 * length is not that of ids (embeddings too: a legacy server that leaves one out shifts the rest). A column that is null
 * or absent gives null documents, uris, metadata, and no embeddings. The same id twice: ERROR_FORMAT. Vectors may differ in
 * length: each record has its own dimension. */
MUST_CHECK bool columns_scan(struct span answer, struct arena *arena, struct record_set *out, struct error *err);

/* All that a record has beside its id, as Chroma's `include` names it. */
#define COLUMNS_ALL "[\"embeddings\",\"documents\",\"metadatas\",\"uris\"]"

/* {"ids":[…],"include":["embeddings","documents","metadatas","uris"]} ; ids are raw characters */
void columns_write_get(struct buf *out, const struct span *ids, size_t count);
/* The same for some columns only; include: a JSON array, "[]" for the ids alone */
void columns_write_get_only(struct buf *out, const struct span *ids, size_t count, const char *include);

/* {"ids":[…]}, a delete's body. */
void columns_write_delete(struct buf *out, const struct span *ids, size_t count);

enum vector_encoding { VECTOR_BASE64, VECTOR_DECIMAL }; /* one kind for a whole request; a mix is a 422 */

/* An upsert body for records[0…count): embeddings, documents, metadatas, uris as parallel arrays, values copied raw. */
void columns_write_upsert(struct buf *out, const struct record *records, size_t count, enum vector_encoding encoding);

#endif
