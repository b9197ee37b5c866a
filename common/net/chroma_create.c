/*
 * The bodies that make a target collection like its source. Metadata and embedding function are
 * copied as the source's own text, so that 1 stays an integer and 1.0 a float. Of an
 * index Chroma Cloud takes the space only, and servers before 1.0 take it as metadata and know no
 * embedding function.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "format/json_write.h"
#include "net/chroma_internal.h"

#define CLOUD_DOMAIN "trychroma.com"

struct parameter {
    const char *name;
    size_t offset;       /* of its span in struct chroma_index */
    const char *old_key; /* its name in metadata, before 1.0 */
    const char *fallback;
};

static const struct parameter parameters[] = {
    {"ef_construction", offsetof(struct chroma_index, ef_construction), "hnsw:construction_ef",
     "100"},
    {"ef_search", offsetof(struct chroma_index, ef_search), "hnsw:search_ef", "100"},
    {"max_neighbors", offsetof(struct chroma_index, max_neighbors), "hnsw:M", "16"},
    {"resize_factor", offsetof(struct chroma_index, resize_factor), "hnsw:resize_factor", "1.2"},
    {"sync_threshold", offsetof(struct chroma_index, sync_threshold), "hnsw:sync_threshold",
     "1000"},
    {"batch_size", offsetof(struct chroma_index, batch_size), "hnsw:batch_size", "100"},
    {"num_threads", offsetof(struct chroma_index, num_threads), "hnsw:num_threads", ""},
};

static struct span value_of(const struct chroma_index *index, const struct parameter *parameter)
{
    struct span value;
    memcpy(&value, (const char *)index + parameter->offset, sizeof value);
    return value;
}

bool chroma_is_at_cloud(const struct chroma *chroma)
{
    /* origin: https://api.trychroma.com:443 */
    const char *port = strrchr(chroma->address.origin, ':');
    size_t host_end = port != NULL ? (size_t)(port - chroma->address.origin) : 0;
    size_t len = sizeof "." CLOUD_DOMAIN - 1;

    return host_end > len && memcmp(port - len, "." CLOUD_DOMAIN, len) == 0;
}

bool chroma_is_cloud(const struct chroma *chroma)
{
    return chroma->is_cloud || chroma_is_at_cloud(chroma);
}

enum chroma_index_kind chroma_index_kind_of(const struct chroma *chroma)
{
    if (chroma_is_old(chroma)) {
        return CHROMA_INDEX_METADATA;
    }
    return chroma_is_cloud(chroma) ? CHROMA_INDEX_SPANN : CHROMA_INDEX_HNSW;
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

/* Clients embed queries by this; the server only keeps it. */
static bool find_embedding_function(struct span collection, struct json_value *out)
{
    struct json_value configuration;

    return chroma_member(collection, "configuration_json", &configuration) &&
           chroma_member(configuration.text, "embedding_function", out) && out->type == JSON_OBJECT;
}

struct wanted { /* of a source's metadata */
    bool
        index_keys; /* hnsw:*: a server parses those strictly and lets them fight with the configuration */
    bool lists; /* a single server's handler ends on them without an answer */
};

static bool is_wanted(const struct wanted *wanted, struct json_value key, struct json_value value)
{
    return (wanted->index_keys || !chroma_is_index_key(key)) &&
           (wanted->lists || value.type != JSON_ARRAY);
}

/* Null when nothing is left: an empty object is refused. written: members that stand there already, behind a brace.
 * *index_keys: how many of those there are. */
static bool write_metadata(struct buf *out, struct span metadata, const struct wanted *wanted,
                           size_t written, size_t *index_keys, struct error *err)
{
    struct json_scan scan;
    struct json_value key, value;
    bool more;

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
        *index_keys += chroma_is_index_key(key) ? 1 : 0;
        if (!is_wanted(wanted, key, value)) {
            continue;
        }
        buf_append_byte(out, written++ == 0 ? '{' : ',');
        buf_append_span(out, key.text);
        buf_append_byte(out, ':');
        buf_append_span(out, value.text);
    }
    return false;
}

static bool write_metadata_of(struct buf *out, struct span collection, const struct wanted *wanted,
                              size_t written, size_t *index_keys, struct error *err)
{
    struct json_value metadata;

    *index_keys = 0;
    if (!chroma_member(collection, "metadata", &metadata) || metadata.type != JSON_OBJECT) {
        buf_append_str(out, written == 0 ? "null" : "}");
        return true;
    }
    return write_metadata(out, metadata.text, wanted, written, index_keys, err);
}

static size_t write_member(struct buf *out, const char *key, struct span value, size_t written)
{
    buf_printf(out, "%c\"%s\":", written == 0 ? '{' : ',', key);
    buf_append_span(out, value);
    return written + 1;
}

/* The index as a server before 1.0 takes it: what is not the default, and what the source's metadata has. Returns how many
 * members were written. */
static size_t write_old_index(struct buf *out, struct span collection,
                              const struct chroma_index *index)
{
    struct json_value metadata, ignored;
    bool has_metadata = chroma_member(collection, "metadata", &metadata);
    size_t written = 0;

    if (index->space != SPACE_L2 ||
        (has_metadata && chroma_member(metadata.text, "hnsw:space", &ignored))) {
        char space[16];
        snprintf(space, sizeof space, "\"%s\"", space_name(index->space));
        written = write_member(out, "hnsw:space", span_from_str(space), written);
    }
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        struct span value = value_of(index, &parameters[i]);
        bool is_kept =
            has_metadata && chroma_member(metadata.text, parameters[i].old_key, &ignored);
        if (value.ptr != NULL &&
            (is_kept || !span_equal(value, span_from_str(parameters[i].fallback)))) {
            written = write_member(out, parameters[i].old_key, value, written);
        }
    }
    return written;
}

static void write_configuration(struct buf *out, struct span collection,
                                const struct chroma_index *index, enum chroma_index_kind kind)
{
    struct json_value function;

    buf_append_str(out, "\"configuration\":{");
    write_index(out, index, kind);
    buf_append_str(out, ",\"embedding_function\":");
    if (find_embedding_function(collection, &function)) {
        buf_append_span(out, function.text);
    } else {
        buf_append_str(out, "null");
    }
    buf_append_str(out, "},");
}

bool chroma_create_body(const struct chroma_collection *source, const char *target_name,
                        enum chroma_index_kind kind, struct buf *out, struct error *err)
{
    struct span collection = buf_span(&source->text);
    struct chroma_index index;
    struct wanted wanted = {.index_keys = false, .lists = kind == CHROMA_INDEX_SPANN};
    size_t written = 0;
    size_t index_keys;

    if (!chroma_resolve_index(collection, source->metadata_is_idle, &index, err)) {
        return false;
    }
    index.space = source->space; /* by which it is really measured; its metadata may say another */
    buf_append_str(out, "{\"name\":");
    json_write_string(out, span_from_str(target_name));
    buf_append_str(out, ",\"get_or_create\":false,");
    if (kind != CHROMA_INDEX_METADATA) {
        write_configuration(out, collection, &index, kind);
    }
    buf_append_str(out, "\"metadata\":");
    if (kind == CHROMA_INDEX_METADATA) {
        written = write_old_index(out, collection, &index);
    }
    if (!write_metadata_of(out, collection, &wanted, written, &index_keys, err)) {
        return false;
    }
    buf_append_byte(out, '}');
    return buf_check(out, "a create request", err);
}

bool chroma_metadata_body(const struct chroma_collection *source, enum chroma_index_kind kind,
                          struct buf *out, bool *needed, struct error *err)
{
    struct wanted wanted = {.index_keys = true, .lists = kind == CHROMA_INDEX_SPANN};
    size_t index_keys = 0;

    *needed = false;
    buf_append_str(out, "{\"new_metadata\":");
    if (!write_metadata_of(out, buf_span(&source->text), &wanted, 0, &index_keys, err)) {
        return false;
    }
    *needed = index_keys > 0 && kind != CHROMA_INDEX_METADATA;
    buf_append_byte(out, '}');
    if (!*needed) {
        buf_clear(out);
    }
    return buf_check(out, "a metadata request", err);
}
