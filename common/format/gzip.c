/*
 * One gzip member out, one member in. The header holds no time and no system, so equal input gives
 * equal bytes.
 */
#include "format/gzip.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/limits.h"

#define LEVEL       6
#define WINDOW_GZIP (15 + 16)
#define CHUNK_BYTES (32u * KIB)
#define SLICE_BYTES (1u << 30) /* zlib counts in unsigned int */

struct gzip_writer {
    z_stream z;
    gz_header header;
    struct buf *out; /* borrowed */
    enum gzip_content content;
    uint8_t chunk[CHUNK_BYTES];
};

bool gzip_open(struct buf *out, struct gzip_writer **writer, struct error *err)
{
    struct gzip_writer *opened = calloc(1, sizeof *opened);

    *writer = NULL;
    if (!opened) {
        return error_set(err, ERROR_NOMEM, "out of memory for gzip");
    }
    if (deflateInit2(&opened->z, LEVEL, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(opened);
        return error_set(err, ERROR_NOMEM, "out of memory for gzip");
    }
    opened->header.os = 255; /* unknown: the same on every system */
    deflateSetHeader(&opened->z, &opened->header);
    opened->out = out;
    opened->content = GZIP_TEXT;
    *writer = opened;
    return true;
}

static void chunk_begin(struct gzip_writer *writer)
{
    writer->z.next_out = writer->chunk;
    writer->z.avail_out = CHUNK_BYTES;
}

static bool chunk_end(struct gzip_writer *writer, struct error *err)
{
    buf_append(writer->out, writer->chunk, CHUNK_BYTES - writer->z.avail_out);
    return buf_check(writer->out, "gzip output", err);
}

/* Ends the current block under the old strategy; zlib asks to be called again when its output ran
 * full. */
static bool switch_content(struct gzip_writer *writer, enum gzip_content content, struct error *err)
{
    int strategy = content == GZIP_BASE64 ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY;
    int code;

    do {
        chunk_begin(writer);
        code = deflateParams(&writer->z, LEVEL, strategy);
        if (!chunk_end(writer, err)) {
            return false;
        }
    } while (code == Z_BUF_ERROR && writer->z.avail_out == 0);
    if (code != Z_OK) {
        return error_set(err, ERROR_BUG, "deflateParams: %s", zError(code));
    }
    writer->content = content;
    return true;
}

static bool deflate_slice(struct gzip_writer *writer, struct span slice, int flush,
                          struct error *err)
{
    int code;

    writer->z.next_in = (z_const Bytef *)(uintptr_t)slice.ptr; /* zlib only reads it */
    writer->z.avail_in = (uInt)slice.len;
    do {
        chunk_begin(writer);
        code = deflate(&writer->z, flush);
        if (!chunk_end(writer, err)) {
            return false;
        }
    } while (code == Z_OK &&
             (writer->z.avail_out == 0 || writer->z.avail_in > 0 || flush == Z_FINISH));
    if (flush == Z_FINISH ? code != Z_STREAM_END : code != Z_OK && code != Z_BUF_ERROR) {
        return error_set(err, ERROR_BUG, "deflate: %s", zError(code));
    }
    return true;
}

bool gzip_write(struct gzip_writer *writer, enum gzip_content content, struct span bytes,
                struct error *err)
{
    if (bytes.len == 0) {
        return true;
    }
    if (content != writer->content && !switch_content(writer, content, err)) {
        return false;
    }
    while (bytes.len > 0) {
        size_t len = bytes.len < SLICE_BYTES ? bytes.len : SLICE_BYTES;

        if (!deflate_slice(writer, (struct span){bytes.ptr, len}, Z_NO_FLUSH, err)) {
            return false;
        }
        bytes.ptr += len;
        bytes.len -= len;
    }
    return true;
}

bool gzip_close(struct gzip_writer *writer, struct error *err)
{
    bool ok = deflate_slice(writer, (struct span){0}, Z_FINISH, err);

    gzip_abandon(writer);
    return ok;
}

void gzip_abandon(struct gzip_writer *writer)
{
    if (writer) {
        deflateEnd(&writer->z);
        free(writer);
    }
}

static size_t inflated_ceiling(size_t compressed)
{
    if (compressed >= LIMIT_INFLATED / LIMIT_INFLATE_RATIO) {
        return LIMIT_INFLATED;
    }
    return compressed * LIMIT_INFLATE_RATIO > MIB ? compressed * LIMIT_INFLATE_RATIO : MIB;
}

/* How an inflate() that cannot go on is reported. */
static bool inflate_failed(const z_stream *z, int code, struct error *err)
{
    switch (code) {
    case Z_MEM_ERROR:
        return error_set(err, ERROR_NOMEM, "out of memory for gunzip");
    case Z_OK:
    case Z_BUF_ERROR:
        return error_set(err, ERROR_FORMAT, "gzip data is cut off after %lu bytes", z->total_in);
    default:
        return error_set(err, ERROR_FORMAT, "malformed gzip data at byte %lu: %s", z->total_in,
                         z->msg ? z->msg : zError(code));
    }
}

static bool inflate_member(z_stream *z, struct buf *out, size_t ceiling, struct error *err)
{
    uint8_t chunk[CHUNK_BYTES];
    int code;

    do {
        z->next_out = chunk;
        z->avail_out = CHUNK_BYTES;
        code = inflate(z, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END) {
            return inflate_failed(z, code, err);
        }
        if (z->total_out > ceiling) {
            return error_set(err, ERROR_LIMIT, "gzip data inflates to more than %zu bytes",
                             ceiling);
        }
        buf_append(out, chunk, CHUNK_BYTES - z->avail_out);
        if (!buf_check(out, "inflated data", err)) {
            return false;
        }
        if (code == Z_OK && z->avail_in == 0 && z->avail_out > 0) {
            return inflate_failed(z, code, err);
        }
    } while (code != Z_STREAM_END);
    if (z->avail_in > 0) {
        return error_set(err, ERROR_FORMAT, "%u bytes behind the gzip data", z->avail_in);
    }
    return true;
}

bool gzip_inflate(struct span gzip, struct buf *out, struct error *err)
{
    z_stream z = {0};
    size_t before = out->len;
    bool ok;

    if (gzip.len > LIMIT_INFLATED) {
        return error_set(err, ERROR_LIMIT, "gzip data of %zu bytes is larger than %u", gzip.len,
                         LIMIT_INFLATED);
    }
    if (inflateInit2(&z, WINDOW_GZIP) != Z_OK) {
        return error_set(err, ERROR_NOMEM, "out of memory for gunzip");
    }
    z.next_in = (z_const Bytef *)(uintptr_t)gzip.ptr; /* zlib only reads it */
    z.avail_in = (uInt)gzip.len;
    ok = inflate_member(&z, out, inflated_ceiling(gzip.len), err);
    inflateEnd(&z);
    if (!ok) {
        out->len = before;
    }
    return ok;
}
