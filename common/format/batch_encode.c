/*
 * Writes one batch: the header line and an upsert line per record, through gzip. Text is gathered
 * between vectors, so that the compressor changes its strategy only around them. Values are copied
 * as slices, never re-typed. Does not decide how large a batch may be: out's ceiling does, and the
 * caller splits.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "format/base64.h"
#include "format/batch.h"
#include "format/gzip.h"
#include "format/json_write.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "vectors travel as little-endian bytes and are copied from memory");

struct encoder {
    struct gzip_writer *gzip;
    struct buf text;           /* lines since the last vector */
    struct buf vector;         /* base64 of the current one */
    enum gzip_content as_text; /* how text is compressed */
    size_t inflated;           /* bytes given to gzip */
};

static bool flush(struct encoder *encoder, struct buf *pending, enum gzip_content content,
                  struct error *err)
{
    if (!buf_check(pending, "batch line", err)) {
        return false;
    }
    encoder->inflated += pending->len;
    if (encoder->inflated > LIMIT_INFLATED) {
        return error_set(err, ERROR_LIMIT, "more than %u bytes before compression", LIMIT_INFLATED);
    }
    bool ok = gzip_write(encoder->gzip, content, buf_span(pending), err);
    buf_clear(pending);
    return ok;
}

static void write_header(const struct batch_header *header, size_t count, struct buf *text)
{
    buf_printf(text,
               "{\"ferry_batch\":%d,\"ledger\":\"%s\",\"job\":%" PRId64 ",\"batch\":%" PRId64
               ",\"rev\":%" PRId64 ",\"target\":\"%s\",\"records\":%zu}\n",
               BATCH_FORMAT_VERSION, header->ledger.text, header->job_id, header->batch_no,
               header->export_rev, header->target.text, count);
}

static void write_before_vector(const struct record *record, struct buf *text)
{
    buf_append_str(text, "{\"op\":\"upsert\",\"id\":");
    json_write_compact(text, record->id_json);
    buf_append_str(text, ",\"embedding\":");
}

static struct span vector_bytes(const struct record *record)
{
    return (struct span){(const uint8_t *)record->embedding, record->dimension * sizeof(float)};
}

static void write_after_vector(const struct record *record, struct buf *text)
{
    buf_append_str(text, ",\"document\":");
    json_write_compact(text, record->document.text);
    buf_append_str(text, ",\"uri\":");
    json_write_compact(text, record->uri.text);
    buf_append_str(text, ",\"metadata\":");
    json_write_compact(text, record->metadata.text);
    buf_append_str(text, "}\n");
}

void batch_write_line(const struct record *record, struct buf *out)
{
    write_before_vector(record, out);
    if (record->embedding == NULL || !record->is_finite) {
        buf_append_str(out, "null");
    } else {
        buf_append_byte(out, '"');
        base64_append(out, vector_bytes(record));
        buf_append_byte(out, '"');
    }
    write_after_vector(record, out);
}

static bool write_record(struct encoder *encoder, const struct record *record, struct error *err)
{
    struct buf *text = &encoder->text;
    write_before_vector(record, text);
    buf_append_byte(text, '"');
    base64_append(&encoder->vector, vector_bytes(record));
    if (!flush(encoder, text, encoder->as_text, err) ||
        !flush(encoder, &encoder->vector, GZIP_BASE64, err)) {
        return false;
    }
    buf_append_byte(text, '"');
    write_after_vector(record, text);
    return true;
}

/* The decoder refuses what this function refuses; a message nobody can read must not be sent. */
static bool check_records(const struct record *records, size_t count, struct error *err)
{
    if (count == 0 || count > UINT32_MAX) {
        return error_set(err, ERROR_BUG, "a batch of %zu records cannot be encoded", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (records[i].embedding == NULL || records[i].dimension == 0 || !records[i].is_finite) {
            return error_set(err, ERROR_BUG, "record %zu has no finite embedding", i);
        }
        if (records[i].dimension != records[0].dimension) {
            return error_set(err, ERROR_FORMAT,
                             "record %zu has %zu components, the first one has %zu", i,
                             records[i].dimension, records[0].dimension);
        }
    }
    return true;
}

static bool encode(const struct batch_header *header, const struct record *records, size_t count,
                   enum gzip_content as_text, struct buf *out, size_t *inflated, struct error *err)
{
    struct encoder encoder = {.as_text = as_text};
    buf_init(&encoder.text, LIMIT_INFLATED);
    buf_init(&encoder.vector, LIMIT_INFLATED);
    bool ok = gzip_open(out, &encoder.gzip, err);
    if (ok) {
        write_header(header, count, &encoder.text);
        for (size_t i = 0; ok && i < count; i++) {
            ok = write_record(&encoder, &records[i], err);
        }
        ok = ok && flush(&encoder, &encoder.text, as_text, err);
        if (ok) {
            ok = gzip_close(encoder.gzip, err);
        } else {
            gzip_abandon(encoder.gzip);
        }
    }
    *inflated = encoder.inflated;
    buf_deinit(&encoder.text);
    buf_deinit(&encoder.vector);
    return ok;
}

bool batch_encode(const struct batch_header *header, const struct record *records, size_t count,
                  struct buf *out, struct error *err)
{
    if (!check_records(records, count, err)) {
        return error_wrap(err, "encode batch");
    }
    size_t start = out->len;
    size_t inflated = 0;
    bool ok = encode(header, records, count, GZIP_TEXT, out, &inflated, err);
    if (ok && inflated > MIB && (out->len - start) < inflated / (LIMIT_INFLATE_RATIO / 2)) {
        /* Honest but repetitive text can compress better than readers, who must fear bombs,
         * believe. */
        out->len = start;
        ok = encode(header, records, count, GZIP_BASE64, out, &inflated, err);
    }
    if (!ok) {
        out->len = start;
        return error_wrap(err, "encode batch");
    }
    return true;
}

void batch_idempotency_key(const struct batch_header *header, const struct digest *payload,
                           struct digest *out)
{
    char payload_hex[65];
    char text[256]; /* a UUID, three numbers, a digest: at most 163 */
    digest_format(payload, payload_hex);
    int len = snprintf(text, sizeof text, "%s/%" PRId64 "/%" PRId64 "/%" PRId64 "/%s",
                       header->target.text, header->job_id, header->batch_no, header->export_rev,
                       payload_hex);
    digest_of((struct span){(const uint8_t *)text, (size_t)len}, out);
}
