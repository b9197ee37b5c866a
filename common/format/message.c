/*
 * The names and text forms of what travels beside a batch (PROTOCOL §7), written and read by one
 * table. Knows no bus: a caller hands in how a header is found. Compares nothing; what is read here
 * is a claim.
 */
#include "format/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

enum header_kind {
    HEADER_UUID,
    HEADER_NUMBER,
    HEADER_DIGEST
};

static const char VERSION_NAME[] = "ferry-format";

static const struct {
    const char *name;
    enum header_kind kind;
    size_t field; /* offset in struct envelope */
} HEADERS[MESSAGE_HEADERS - 1] = {
    /* the version stands before them, read apart */
    {"ferry-ledger", HEADER_UUID, offsetof(struct envelope, ledger)},
    {"ferry-job", HEADER_NUMBER, offsetof(struct envelope, job_id)},
    {"ferry-collection", HEADER_NUMBER, offsetof(struct envelope, collection_no)},
    {"ferry-batch", HEADER_NUMBER, offsetof(struct envelope, batch_no)},
    {"ferry-rev", HEADER_NUMBER, offsetof(struct envelope, export_rev)},
    {"ferry-records", HEADER_NUMBER, offsetof(struct envelope, records)},
    {"ferry-payload-sha256", HEADER_DIGEST, offsetof(struct envelope, payload)},
    {"ferry-idempotency-key", HEADER_DIGEST, offsetof(struct envelope, idempotency_key)},
};

static void write_value(enum header_kind kind, const void *field, struct message_header *out)
{
    switch (kind) {
    case HEADER_UUID:
        (void)snprintf(out->value, sizeof out->value, "%s", ((const struct uuid *)field)->text);
        break;
    case HEADER_NUMBER:
        (void)snprintf(out->value, sizeof out->value, "%" PRId64, *(const int64_t *)field);
        break;
    case HEADER_DIGEST:
        digest_format(field, out->value);
        break;
    }
}

void message_write_headers(const struct envelope *envelope,
                           struct message_header out[MESSAGE_HEADERS])
{
    out[0].name = VERSION_NAME;
    (void)snprintf(out[0].value, sizeof out[0].value, "%d", BATCH_FORMAT_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        out[i + 1].name = HEADERS[i].name;
        write_value(HEADERS[i].kind, (const char *)envelope + HEADERS[i].field, &out[i + 1]);
    }
}

static bool refuse(const char *name, const char *what, struct span value, struct error *err)
{
    struct buf shown;
    buf_init(&shown, 512);
    buf_append_printable(&shown, value, 80);
    error_set(err, ERROR_FORMAT, "message header %s: %s, \"%s\"", name, what, buf_cstr(&shown));
    buf_deinit(&shown);
    return false;
}

/* Decimal digits only, no sign, no leading zero: one number has one text. */
static bool read_number(struct span value, int64_t *out)
{
    return value.len > 0 && value.ptr[0] >= '1' && value.ptr[0] <= '9' &&
           number_parse_i64(value, out);
}

static bool read_value(enum header_kind kind, const char *name, struct span value, void *field,
                       struct error *err)
{
    switch (kind) {
    case HEADER_UUID:
        return uuid_parse(value, field) || refuse(name, "not a UUID", value, err);
    case HEADER_NUMBER:
        return read_number(value, field) || refuse(name, "not a positive number", value, err);
    case HEADER_DIGEST:
        return digest_parse(value, field) || refuse(name, "not a SHA-256 in hex", value, err);
    }
    return error_set(err, ERROR_BUG, "message header %s has no kind", name);
}

bool message_read_headers(message_find_fn *find, void *ctx, struct envelope *out, struct error *err)
{
    struct envelope envelope = {0};
    struct span value = {0};
    if (!find(ctx, VERSION_NAME, &value)) {
        return error_set(err, ERROR_FORMAT, "message header %s is missing", VERSION_NAME);
    }
    char version[16];
    (void)snprintf(version, sizeof version, "%d", BATCH_FORMAT_VERSION);
    if (!span_equal(value, span_from_str(version))) {
        return refuse(VERSION_NAME, "a version this program does not know", value, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        if (!find(ctx, HEADERS[i].name, &value)) {
            return error_set(err, ERROR_FORMAT, "message header %s is missing", HEADERS[i].name);
        }
        if (!read_value(HEADERS[i].kind, HEADERS[i].name, value,
                        (char *)&envelope + HEADERS[i].field, err)) {
            return false;
        }
    }
    *out = envelope;
    return true;
}

void message_write_key(const struct envelope *envelope, char out[MESSAGE_KEY])
{
    (void)snprintf(out, MESSAGE_KEY, "%" PRId64 "/%" PRId64 "/%" PRId64, envelope->job_id,
                   envelope->batch_no, envelope->export_rev);
}
