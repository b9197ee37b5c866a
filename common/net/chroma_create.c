/*
 * The bodies that make a target collection like its source. Metadata and embedding function are
 * copied as the source's own text, so that 1 stays an integer and 1.0 a float. Not for Chroma
 * Cloud, whose index has other parameters.
 */
#include "format/json_write.h"
#include "net/chroma_internal.h"

static void write_number(struct buf *out, const char *name, struct span number)
{
    if (number.ptr) {
        buf_printf(out, ",\"%s\":", name);
        buf_append_span(out, number);
    }
}

static void write_index(struct buf *out, const struct chroma_index *index)
{
    buf_printf(out, "{\"space\":\"%s\"", space_name(index->space));
    write_number(out, "ef_construction", index->ef_construction);
    write_number(out, "ef_search", index->ef_search);
    write_number(out, "max_neighbors", index->max_neighbors);
    write_number(out, "resize_factor", index->resize_factor);
    write_number(out, "sync_threshold", index->sync_threshold);
    write_number(out, "batch_size", index->batch_size);
    write_number(out, "num_threads", index->num_threads);
    buf_append_byte(out, '}');
}

/* Clients embed queries by this; the server only keeps it. */
static void write_embedding_function(struct buf *out, struct span collection)
{
    struct json_value configuration, function;

    if (chroma_member(collection, "configuration_json", &configuration) &&
        chroma_member(configuration.text, "embedding_function", &function) &&
        function.type == JSON_OBJECT) {
        buf_append_span(out, function.text);
    } else {
        buf_append_str(out, "null");
    }
}

/* The metadata without hnsw:* keys: a server parses those strictly and lets them fight with the
 * configuration. They follow by chroma_metadata_body(). Null when nothing is left: an empty object
 * is refused. */
static bool write_metadata(struct buf *out, struct span metadata, bool *left_out, struct error *err)
{
    struct json_scan scan;
    struct json_value key, value;
    bool more;
    size_t written = 0;

    json_scan_init(&scan, metadata);
    if (!json_open(&scan, '{', err)) {
        return false;
    }
    while (json_next_member(&scan, &key, &more, err)) {
        if (!more) {
            buf_append_str(out, written == 0 ? "null" : "}");
            return true;
        }
        if (!json_read(&scan, &value, err)) {
            return false;
        }
        if (chroma_is_index_key(key)) {
            *left_out = true;
            continue;
        }
        buf_append_byte(out, written++ == 0 ? '{' : ',');
        buf_append_span(out, key.text);
        buf_append_byte(out, ':');
        buf_append_span(out, value.text);
    }
    return false;
}

static bool write_metadata_of(struct buf *out, struct span collection, bool *left_out,
                              struct error *err)
{
    struct json_value metadata;

    *left_out = false;
    if (!chroma_member(collection, "metadata", &metadata) || metadata.type != JSON_OBJECT) {
        buf_append_str(out, "null");
        return true;
    }
    return write_metadata(out, metadata.text, left_out, err);
}

bool chroma_create_body(const struct chroma_collection *source, const char *target_name,
                        struct buf *out, struct error *err)
{
    struct span collection = buf_span(&source->text);
    struct chroma_index index;
    bool left_out;

    if (!chroma_resolve_index(collection, &index, err)) {
        return false;
    }
    buf_append_str(out, "{\"name\":");
    json_write_string(out, span_from_str(target_name));
    buf_append_str(out, ",\"get_or_create\":false,\"configuration\":{\"hnsw\":");
    write_index(out, &index);
    buf_append_str(out, ",\"embedding_function\":");
    write_embedding_function(out, collection);
    buf_append_str(out, "},\"metadata\":");
    if (!write_metadata_of(out, collection, &left_out, err)) {
        return false;
    }
    buf_append_byte(out, '}');
    return buf_check(out, "a create request", err);
}

bool chroma_metadata_body(const struct chroma_collection *source, struct buf *out, bool *needed,
                          struct error *err)
{
    struct span collection = buf_span(&source->text);
    struct json_value metadata;
    struct buf rest;
    bool is_fine;

    *needed = false;
    buf_init(&rest, source->text.max);
    is_fine = write_metadata_of(&rest, collection, needed, err);
    buf_deinit(&rest);
    if (!is_fine || !*needed || !chroma_member(collection, "metadata", &metadata)) {
        return is_fine;
    }
    buf_append_str(out, "{\"new_metadata\":");
    buf_append_span(out, metadata.text);
    buf_append_byte(out, '}');
    return buf_check(out, "a metadata request", err);
}
