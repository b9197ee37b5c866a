/*
 * The batch codec: one message value is gzip NDJSON, a header line and then one operation a line.
 * Format, version and a worked example: schemas/batch/README.md. Encoder and decoder are this one module.
 * The digest of the value travels beside it (message header, ledger), never in it.
 */
#ifndef FORMAT_BATCH_H
#define FORMAT_BATCH_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/uuid.h"
#include "format/digest.h"
#include "format/record.h"

#define BATCH_FORMAT_VERSION 1

struct batch_header { /* the first line; also the message headers say the same */
    struct uuid ledger;
    int64_t job_id;
    int64_t batch_no;
    int64_t export_rev;
    struct uuid target;  /* collection UUID */
    uint32_t records;    /* operation lines that follow */
};

/* Encodes upsert operations for records[0…count) (header->records is set from count) and appends the gzip bytes to
 * out. Every record must have a finite embedding. ERROR_LIMIT when out's ceiling is hit. */
MUST_CHECK bool batch_encode(const struct batch_header *header, const struct record *records, size_t count,
                             struct buf *out, struct error *err);

/* Appends one record's operation line, with its newline, as batch_encode writes it. A record that cannot travel, having no
 * vector or one that is not finite, gets "embedding":null, which is for people and no operation of the format. */
void batch_write_line(const struct record *record, struct buf *out);
/* The line of a decoded record, with its newline, as it stood in the batch: a slice of `text`. */
struct span batch_line_of(const struct buf *text, const struct record *record);

/* Inflates into `text` (which the records then borrow) and scans. ERROR_FORMAT: malformed, unknown version, unknown
 * op, count unlike the header line, the same id twice, vectors of different length or not finite.
 * The caller has compared the digest before and compares the header with the ledger after. */
MUST_CHECK bool batch_decode(struct span value, struct buf *text, struct arena *arena, struct batch_header *header,
                             struct record_set *out, struct error *err);

/* SHA-256(target UUID text, "/", job, "/", batch, "/", rev, "/", payload digest hex): decision 8. */
void batch_idempotency_key(const struct batch_header *header, const struct digest *payload, struct digest *out);

#endif
