/*
 * The canonical digest of a set of records (PROTOCOL §3 D3). Every field is tagged, and every
 * variable one carries its length, so no two contents share a form. Follows the rules of equality.h
 * except the tolerant ones: this compares two reads of one target, which agree bit for bit. The
 * form is stored in ledgers: changing it means a new CANONICAL_FORM.
 */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "format/equality.h"
#include "format/metadata.h"
#include "format/scratch.h"

#define CANONICAL_FORM "ferry records 1"

struct canon {
    struct buf form; /* of the record at hand */
    struct arena *scratch;
};

static bool put_value(struct canon *canon, struct json_value value, struct error *err);

static void put_u64(struct buf *form, uint64_t value)
{
    for (unsigned shift = 0; shift < 64; shift += 8) { /* little-endian */
        buf_append_byte(form, (uint8_t)(value >> shift));
    }
}

static void put_bytes(struct buf *form, char tag, struct span bytes)
{
    buf_append_byte(form, (uint8_t)tag);
    put_u64(form, bytes.len);
    buf_append_span(form, bytes);
}

static bool put_string(struct canon *canon, char tag, struct json_value value, struct error *err)
{
    struct span text;
    if (!scratch_string(value, canon->scratch, &text, err)) {
        return false;
    }
    put_bytes(&canon->form, tag, text);
    return true;
}

static void put_number(struct buf *form, struct json_value value)
{
    int64_t integer = 0;
    double real = 0;
    uint64_t bits = 0;
    if (json_number_is_integer(value) && number_parse_i64(value.text, &integer)) {
        buf_append_byte(form, 'i');
        put_u64(form, (uint64_t)integer);
    } else if (!json_number_is_integer(value) && number_parse_double(value.text, &real) &&
               isfinite(real)) {
        real = real == 0 ? 0 : real; /* -0.0 is 0.0 */
        memcpy(&bits, &real, sizeof bits);
        buf_append_byte(form, 'f');
        put_u64(form, bits);
    } else {
        put_bytes(form, 'n', value.text); /* beyond both types: as it is written */
    }
}

static bool put_array(struct canon *canon, struct json_value array, struct error *err)
{
    struct json_scan scan;
    struct json_value element;
    bool more = false;
    json_scan_init(&scan, array.text);
    if (!json_open(&scan, '[', err)) {
        return false;
    }
    buf_append_byte(&canon->form, '[');
    while (json_next_element(&scan, &more, err)) {
        if (!more) {
            buf_append_byte(&canon->form, ']');
            return true;
        }
        if (!json_read(&scan, &element, err) || !put_value(canon, element, err)) {
            return false;
        }
    }
    return false;
}

static bool put_object(struct canon *canon, struct json_value object, struct error *err)
{
    struct metadata metadata = {0};
    if (!metadata_read(object, canon->scratch, &metadata, err)) {
        return false;
    }
    buf_append_byte(&canon->form, '{');
    for (size_t i = 0; i < metadata.count; i++) {
        put_bytes(&canon->form, 'k', metadata.entries[i].key);
        if (!put_value(canon, metadata.entries[i].value, err)) {
            return false;
        }
    }
    buf_append_byte(&canon->form, '}');
    return true;
}

static bool put_value(struct canon *canon, struct json_value value, struct error *err)
{
    switch (value.type) {
    case JSON_NULL:
        buf_append_byte(&canon->form, '0');
        return true;
    case JSON_FALSE:
        buf_append_byte(&canon->form, 'F');
        return true;
    case JSON_TRUE:
        buf_append_byte(&canon->form, 'T');
        return true;
    case JSON_NUMBER:
        put_number(&canon->form, value);
        return true;
    case JSON_STRING:
        return put_string(canon, 's', value, err);
    case JSON_ARRAY:
        return put_array(canon, value, err);
    case JSON_OBJECT:
        return put_object(canon, value, err);
    }
    return error_set(err, ERROR_BUG, "a JSON value of no type");
}

static bool put_record(struct canon *canon, const struct record *record, struct error *err)
{
    struct span vector = {(const uint8_t *)record->embedding, record->dimension * sizeof(float)};
    put_bytes(&canon->form, 'r', record->id);
    if (record->embedding != NULL) {
        put_bytes(&canon->form, 'v', vector);
    } else {
        buf_append_byte(&canon->form, '0');
    }
    return put_value(canon, record->document, err) && put_value(canon, record->uri, err) &&
           put_object(canon, record->metadata, err) &&
           buf_check(&canon->form, "canonical form of a record", err);
}

bool equality_digest(const struct record_set *set, struct arena *scratch, struct digest *out,
                     struct error *err)
{
    const struct record_index *index = record_index_new(set, scratch);
    struct digest_stream *stream = digest_new();
    struct canon canon = {.scratch = scratch};
    buf_init(&canon.form, LIMIT_INFLATED);
    bool ok = index != NULL && stream != NULL;
    if (!ok) {
        error_set(err, stream == NULL ? ERROR_NOMEM : ERROR_LIMIT, "no room for %zu records",
                  set->count);
    } else {
        digest_update(stream, SPAN_LITERAL(CANONICAL_FORM));
    }
    for (size_t i = 0; ok && i < set->count; i++) {
        buf_clear(&canon.form);
        ok = put_record(&canon, record_index_at(index, i), err);
        if (ok) {
            digest_update(stream, buf_span(&canon.form));
        }
    }
    struct digest digest;
    if (stream != NULL) {
        digest_finish(stream, &digest); /* also frees it */
    }
    if (ok) {
        *out = digest;
    }
    buf_deinit(&canon.form);
    return ok ? true : error_wrap(err, "canonical digest");
}
