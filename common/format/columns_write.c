/*
 * Request bodies in Chroma's columnar form: what to get, to delete, and to upsert. Record values are
 * copied as they stand; only vectors are spelled here. A column in which no record has anything is
 * left out.
 */
#include "format/base64.h"
#include "format/columns.h"
#include "format/json_write.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "vectors travel as little-endian bytes and are copied from memory");

static void separate(struct buf *out, size_t i)
{
    if (i > 0) {
        buf_append_byte(out, ',');
    }
}

static void write_ids(struct buf *out, const struct span *ids, size_t count)
{
    buf_append_str(out, "{\"ids\":[");
    for (size_t i = 0; i < count; i++) {
        separate(out, i);
        json_write_string(out, ids[i]);
    }
    buf_append_byte(out, ']');
}

void columns_write_delete(struct buf *out, const struct span *ids, size_t count)
{
    write_ids(out, ids, count);
    buf_append_byte(out, '}');
}

void columns_write_get_only(struct buf *out, const struct span *ids, size_t count,
                            const char *include)
{
    write_ids(out, ids, count);
    buf_append_str(out, ",\"include\":");
    buf_append_str(out, include);
    buf_append_byte(out, '}');
}

void columns_write_get(struct buf *out, const struct span *ids, size_t count)
{
    columns_write_get_only(out, ids, count, COLUMNS_ALL);
}

static void write_embedding(struct buf *out, const struct record *record,
                            enum vector_encoding encoding)
{
    if (record->embedding == NULL) {
        buf_append_str(out, "null");
    } else if (encoding == VECTOR_DECIMAL) {
        json_write_floats(out, record->embedding, record->dimension);
    } else {
        buf_append_byte(out, '"');
        base64_append(out, (struct span){(const uint8_t *)record->embedding,
                                         record->dimension * sizeof(float)});
        buf_append_byte(out, '"');
    }
}

typedef struct json_value value_of_fn(const struct record *record);

static struct json_value document_of(const struct record *record)
{
    return record->document;
}

static struct json_value uri_of(const struct record *record)
{
    return record->uri;
}

static struct json_value metadata_of(const struct record *record)
{
    return record->metadata;
}

static bool has_any(const struct record *records, size_t count, value_of_fn *value_of)
{
    for (size_t i = 0; i < count; i++) {
        if (value_of(&records[i]).type != JSON_NULL) {
            return true;
        }
    }
    return false;
}

static void write_column(struct buf *out, const char *name, const struct record *records,
                         size_t count, value_of_fn *value_of)
{
    if (!has_any(records, count, value_of)) {
        return;
    }
    buf_append_str(out, ",\"");
    buf_append_str(out, name);
    buf_append_str(out, "\":[");
    for (size_t i = 0; i < count; i++) {
        separate(out, i);
        buf_append_span(out, value_of(&records[i]).text);
    }
    buf_append_byte(out, ']');
}

void columns_write_upsert(struct buf *out, const struct record *records, size_t count,
                          enum vector_encoding encoding)
{
    buf_append_str(out, "{\"ids\":[");
    for (size_t i = 0; i < count; i++) {
        separate(out, i);
        buf_append_span(out, records[i].id_json);
    }
    buf_append_str(out, "],\"embeddings\":[");
    for (size_t i = 0; i < count; i++) {
        separate(out, i);
        write_embedding(out, &records[i], encoding);
    }
    buf_append_byte(out, ']');
    write_column(out, "documents", records, count, document_of);
    write_column(out, "metadatas", records, count, metadata_of);
    write_column(out, "uris", records, count, uri_of);
    buf_append_byte(out, '}');
}
