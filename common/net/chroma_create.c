/*
 * The bodies that make a target collection like its source. Metadata and embedding function are
 * copied as the source's own text, so that 1 stays an integer and 1.0 a float. Of an
 * index Chroma Cloud takes the space only; chroma_not_carried() names the rest.
 */
#include <stddef.h>
#include <string.h>

#include "format/json_write.h"
#include "net/chroma_internal.h"

#define CLOUD_DOMAIN "trychroma.com"

struct parameter {
    const char *name;
    size_t offset; /* of its span in struct chroma_index */
};

static const struct parameter parameters[] = {
    {"ef_construction", offsetof(struct chroma_index, ef_construction)},
    {"ef_search", offsetof(struct chroma_index, ef_search)},
    {"max_neighbors", offsetof(struct chroma_index, max_neighbors)},
    {"resize_factor", offsetof(struct chroma_index, resize_factor)},
    {"sync_threshold", offsetof(struct chroma_index, sync_threshold)},
    {"batch_size", offsetof(struct chroma_index, batch_size)},
    {"num_threads", offsetof(struct chroma_index, num_threads)},
};

static struct span value_of(const struct chroma_index *index, const struct parameter *parameter)
{
    struct span value;
    memcpy(&value, (const char *)index + parameter->offset, sizeof value);
    return value;
}

enum chroma_index_kind chroma_index_kind_of(const struct chroma *chroma)
{
    /* origin: https://api.trychroma.com:443 */
    const char *port = strrchr(chroma->address.origin, ':');
    size_t host_end = port != NULL ? (size_t)(port - chroma->address.origin) : 0;
    size_t len = sizeof "." CLOUD_DOMAIN - 1;
    bool is_cloud = host_end > len && memcmp(port - len, "." CLOUD_DOMAIN, len) == 0;
    return is_cloud ? CHROMA_INDEX_SPANN : CHROMA_INDEX_HNSW;
}

static void write_index(struct buf *out, const struct chroma_index *index,
                        enum chroma_index_kind kind)
{
    buf_printf(out, "\"%s\":{\"space\":\"%s\"", kind == CHROMA_INDEX_SPANN ? "spann" : "hnsw",
               space_name(index->space));
    for (size_t i = 0; kind == CHROMA_INDEX_HNSW && i < ARRAY_LEN(parameters); i++) {
        struct span value = value_of(index, &parameters[i]);
        if (value.ptr != NULL) {
            buf_printf(out, ",\"%s\":", parameters[i].name);
            buf_append_span(out, value);
        }
    }
    buf_append_byte(out, '}');
}

bool chroma_not_carried(const struct chroma_collection *source, enum chroma_index_kind kind,
                        struct buf *out, struct error *err)
{
    struct chroma_index index;
    size_t named = 0;

    if (kind == CHROMA_INDEX_HNSW) {
        return true;
    }
    if (!chroma_resolve_index(buf_span(&source->text), &index, err)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        struct span value = value_of(&index, &parameters[i]);
        if (value.ptr != NULL) {
            buf_printf(out, "%s%s ", named++ > 0 ? ", " : "", parameters[i].name);
            buf_append_span(out, value);
        }
    }
    return buf_check(out, "the list of what is not carried", err);
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
                        enum chroma_index_kind kind, struct buf *out, struct error *err)
{
    struct span collection = buf_span(&source->text);
    struct chroma_index index;
    bool left_out;

    if (!chroma_resolve_index(collection, &index, err)) {
        return false;
    }
    index.space = source->space; /* by which it is really measured; its metadata may say another */
    buf_append_str(out, "{\"name\":");
    json_write_string(out, span_from_str(target_name));
    buf_append_str(out, ",\"get_or_create\":false,\"configuration\":{");
    write_index(out, &index, kind);
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
