/*
 * The ids of a whole collection, read from a `get` answer with include:[] while it arrives: bytes in, ids out,
 * memory flat in the number of ids (five million ids are 200 MB of JSON). Strict like json_scan.
 */
#ifndef FORMAT_ID_STREAM_H
#define FORMAT_ID_STREAM_H

#include "base/bytes.h"
#include "base/error.h"

/* One id, escapes resolved; borrowed for the call. False stops the stream with the callback's error. */
typedef bool id_stream_fn(void *ctx, struct span id, struct error *err);

struct id_stream; /* opaque, heap */

struct id_stream *id_stream_new(id_stream_fn *on_id, void *ctx); /* NULL: no memory */
void id_stream_free(struct id_stream *stream);
MUST_CHECK bool id_stream_feed(struct id_stream *stream, struct span bytes, struct error *err);
/* The answer has ended: ERROR_FORMAT when it was cut off or had no "ids" array. */
MUST_CHECK bool id_stream_finish(struct id_stream *stream, struct error *err);
uint64_t id_stream_count(const struct id_stream *stream);

#endif
