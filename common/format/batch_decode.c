/*
 * Reads one batch: inflates it, counts its lines against the header line, and refuses what only
 * shows between lines (ids that come twice, vectors of different length). Lines themselves:
 * batch_line.c. Compares nothing with the ledger or the message headers; the caller does.
 */
#include <string.h>

#include "format/batch.h"
#include "format/batch_line.h"
#include "format/gzip.h"
#include "format/scratch.h"

/* Cuts the next line off rest. Every line ends with a newline, the last one too. */
static bool next_line(struct span *rest, struct span *line, struct error *err)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    if (end == NULL) {
        return error_set(err, ERROR_FORMAT, "a line without its newline");
    }
    *line = (struct span){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = (struct span){end + 1, rest->len - line->len - 1};
    return true;
}

static size_t count_lines(struct span text)
{
    size_t lines = 0;
    const uint8_t *at = text.ptr;
    const uint8_t *end = text.len > 0 ? text.ptr + text.len : text.ptr;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++;
        at++;
    }
    return lines;
}

static bool read_operations(struct span rest, uint32_t count, struct arena *arena,
                            struct record_set *out, struct error *err)
{
    size_t lines = count_lines(
        rest); /* counted first: the header line's number is not to be trusted with memory */
    if (lines != count) {
        return error_set(err, ERROR_FORMAT, "the header line says %u records, %zu lines follow",
                         count, lines);
    }
    struct record *records = scratch_array(arena, count, sizeof *records, err);
    if (records == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct span line;
        if (!next_line(&rest, &line, err) ||
            !batch_line_read_operation(line, arena, &records[i], err)) {
            return error_wrap(err, "line %u", i + 2);
        }
        if (records[i].dimension != records[0].dimension) {
            return error_set(err, ERROR_FORMAT, "line %u: %zu components, line 2 has %zu", i + 2,
                             records[i].dimension, records[0].dimension);
        }
    }
    if (rest.len > 0) {
        return error_set(err, ERROR_FORMAT, "bytes behind the last line's newline");
    }
    *out = (struct record_set){records, count};
    return record_set_check_unique(out, arena, err);
}

bool batch_decode(struct span value, struct buf *text, struct arena *arena,
                  struct batch_header *header, struct record_set *out, struct error *err)
{
    size_t start = text->len;
    struct batch_header read = {0};
    struct record_set set = {0};
    struct span line;
    if (!gzip_inflate(value, text, err)) {
        return error_wrap(err, "decode batch");
    }
    struct span rest = buf_span(text);
    if (rest.len > 0) { /* else there may be no pointer to add to */
        rest = (struct span){rest.ptr + start, rest.len - start};
    }
    if (!next_line(&rest, &line, err) || !batch_line_read_header(line, &read, err)) {
        return error_wrap(err, "decode batch: line 1");
    }
    if (!read_operations(rest, read.records, arena, &set, err)) {
        return error_wrap(err, "decode batch");
    }
    *header = read;
    *out = set;
    return true;
}
