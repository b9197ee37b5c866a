/*
 * gzip by zlib. The writer switches its strategy inside one stream: level 6 for text, Huffman-only for
 * base64, which has no matches to find (smaller and 3 × faster than level 6, decision 6).
 * The reader has ceilings for size and ratio and takes exactly one member, nothing behind it.
 */
#ifndef FORMAT_GZIP_H
#define FORMAT_GZIP_H

#include "base/bytes.h"
#include "base/error.h"

enum gzip_content { GZIP_TEXT, GZIP_BASE64 };

struct gzip_writer; /* opaque, heap; appends to the buf it was opened on */

MUST_CHECK bool gzip_open(struct buf *out, struct gzip_writer **writer, struct error *err);
MUST_CHECK bool gzip_write(struct gzip_writer *writer, enum gzip_content content, struct span bytes, struct error *err);
/* Ends the stream and frees the writer, also on failure. */
MUST_CHECK bool gzip_close(struct gzip_writer *writer, struct error *err);
void gzip_abandon(struct gzip_writer *writer); /* frees without ending; NULL is fine */

/* Appends the inflated bytes to out (whose ceiling bounds them). ERROR_FORMAT: not gzip, cut off, bytes behind the
 * member. ERROR_LIMIT: beyond LIMIT_INFLATED, or LIMIT_INFLATE_RATIO after the first MiB. */
MUST_CHECK bool gzip_inflate(struct span gzip, struct buf *out, struct error *err);

#endif
