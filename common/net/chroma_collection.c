/*
 * A collection object read: who it is, and which index parameters really hold. Record values and
 * metadata stay raw text; only what the ferry decides by is read out.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "net/chroma_internal.h"

#define KEY_MAX 256u /* a longer metadata key is none of ours */

void chroma_collection_deinit(struct chroma_collection *collection)
{
    document_free(collection->object);
    buf_deinit(&collection->text);
    *collection = (struct chroma_collection){0};
}

bool chroma_member(struct span object, const char *name, struct json_value *out)
{
    struct json_scan scan;
    struct json_value key;
    struct error ignored = {0};
    bool more;

    json_scan_init(&scan, object);
    if (object.len == 0 || !json_open(&scan, '{', &ignored)) {
        return false;
    }
    while (json_next_member(&scan, &key, &more, &ignored) && more &&
           json_read(&scan, out, &ignored)) {
        if (json_string_is(key, name)) {
            return true;
        }
    }
    return false;
}

bool chroma_is_index_key(struct json_value key)
{
    struct buf text;
    struct error ignored = {0};
    bool is_index_key;

    if (key.text.len > KEY_MAX * 6) {
        return false;
    }
    buf_init(&text, KEY_MAX * 6);
    is_index_key = json_decode_string(key, &text, &ignored) && text.len >= 5 &&
                   memcmp(text.ptr, "hnsw:", 5) == 0;
    buf_deinit(&text);
    return is_index_key;
}

static bool is_number_equal(struct span text, double want)
{
    double value;

    return !text.ptr || (number_parse_double(text, &value) && value == want);
}

/* The defaults of every server since 0.4; a field that is left out has its default. */
static bool is_default(const struct chroma_index *index)
{
    return index->space == SPACE_L2 && is_number_equal(index->ef_construction, 100) &&
           is_number_equal(index->ef_search, 100) && is_number_equal(index->max_neighbors, 16) &&
           is_number_equal(index->resize_factor, 1.2) &&
           is_number_equal(index->sync_threshold, 1000) && is_number_equal(index->batch_size, 100);
}

/* A number of the wrong type would be refused at creation and was never in force at the source:
 * left out. */
static void take_number(struct span object, const char *name, uint64_t least, bool may_be_fraction,
                        struct span *out)
{
    struct json_value value;
    uint64_t number;
    double real;

    if (!chroma_member(object, name, &value) || value.type != JSON_NUMBER) {
        return;
    }
    if (may_be_fraction ? number_parse_double(value.text, &real) && real >= (double)least
                        : number_parse_u64(value.text, &number) && number >= least) {
        *out = value.text;
    }
}

static bool take_space(struct span object, const char *name, enum space *out, struct error *err)
{
    struct json_value value;

    if (!chroma_member(object, name, &value) || value.type == JSON_NULL) {
        return true;
    }
    for (enum space space = SPACE_L2; space <= SPACE_COSINE; space++) {
        if (value.type == JSON_STRING && json_string_is(value, space_name(space))) {
            *out = space;
            return true;
        }
    }
    return error_set(
        err, ERROR_FORMAT, "the collection's space is %.*s, which is none of l2, ip, cosine",
        (int)(value.text.len < 40 ? value.text.len : 40), (const char *)value.text.ptr);
}

static bool take_configuration(struct span hnsw, struct chroma_index *out, struct error *err)
{
    take_number(hnsw, "ef_construction", 1, false, &out->ef_construction);
    take_number(hnsw, "ef_search", 1, false, &out->ef_search);
    take_number(hnsw, "max_neighbors", 1, false, &out->max_neighbors);
    take_number(hnsw, "resize_factor", 0, true, &out->resize_factor);
    take_number(hnsw, "sync_threshold", 2, false, &out->sync_threshold);
    return take_space(hnsw, "space", &out->space, err);
}

static bool take_metadata(struct span metadata, struct chroma_index *out, struct error *err)
{
    *out = (struct chroma_index){.space = SPACE_L2};
    take_number(metadata, "hnsw:construction_ef", 1, false, &out->ef_construction);
    take_number(metadata, "hnsw:search_ef", 1, false, &out->ef_search);
    take_number(metadata, "hnsw:M", 1, false, &out->max_neighbors);
    take_number(metadata, "hnsw:resize_factor", 0, true, &out->resize_factor);
    take_number(metadata, "hnsw:sync_threshold", 2, false, &out->sync_threshold);
    take_number(metadata, "hnsw:batch_size", 2, false, &out->batch_size);
    take_number(metadata, "hnsw:num_threads", 1, false, &out->num_threads);
    return take_space(metadata, "hnsw:space", &out->space, err);
}

static struct span member_text(struct span object, const char *name)
{
    struct json_value value;

    return chroma_member(object, name, &value) ? value.text : (struct span){NULL, 0};
}

/* Not in the configuration the API shows, only in the schema. num_threads there is the machine's,
 * not a choice. */
static void take_batch_size(struct span json, struct chroma_index *out)
{
    static const char *const path[] = {"schema",       "keys",   "#embedding", "float_list",
                                       "vector_index", "config", "hnsw"};
    struct span at = json;

    for (size_t i = 0; i < ARRAY_LEN(path); i++) {
        at = member_text(at, path[i]);
    }
    take_number(at, "batch_size", 2, false, &out->batch_size);
}

bool chroma_resolve_index(struct span json, bool metadata_is_idle, struct chroma_index *out,
                          struct error *err)
{
    struct span configuration = member_text(json, "configuration_json");
    struct span metadata = member_text(json, "metadata");
    struct json_value spann;

    *out = (struct chroma_index){.space = SPACE_L2};
    if (chroma_member(configuration, "spann", &spann) && spann.type == JSON_OBJECT) {
        return take_space(spann.text, "space", &out->space,
                          err); /* a distributed server's index: only this carries over */
    }
    if (!take_configuration(member_text(configuration, "hnsw"), out, err)) {
        return false;
    }
    take_batch_size(json, out);
    /* Collections made by old clients: the configuration shows defaults, the index was built from
     * the metadata. */
    if (metadata_is_idle || !is_default(out)) {
        return true;
    }
    bool is_fine = take_metadata(metadata, out, err);
    out->is_doubtful = is_fine && out->space != SPACE_L2;
    return is_fine;
}

static bool take_identity(struct chroma_collection *out, struct error *err)
{
    const char *uuid = document_string(document_get(out->object, "id"), "");
    const char *name = document_string(document_get(out->object, "name"), "");
    double dimension = document_number(document_get(out->object, "dimension"), 0);

    if (!uuid_parse(span_from_str(uuid), &out->uuid)) {
        return error_set(err, ERROR_FORMAT, "a collection without an id that is a UUID");
    }
    if (name[0] == '\0' || strlen(name) >= sizeof out->name) {
        return error_set(err, ERROR_FORMAT, "a collection without a name of 1 to %zu bytes",
                         sizeof out->name - 1);
    }
    snprintf(out->name, sizeof out->name, "%s", name);
    if (!(dimension >= 0 && dimension <= LIMIT_DIMENSION)) {
        return error_set(err, ERROR_FORMAT,
                         "collection \"%s\" has dimension %g; 0 to %u is possible", name, dimension,
                         LIMIT_DIMENSION);
    }
    out->dimension = (uint32_t)dimension;
    return true;
}

bool chroma_read_collection(struct span json, struct chroma_collection *out, struct error *err)
{
    struct chroma_index index;

    *out = (struct chroma_collection){0};
    buf_init(&out->text, LIMIT_CONTROL_DOCUMENT);
    buf_append_span(&out->text, json);
    if (!buf_check(&out->text, "a collection object", err) ||
        !document_parse(buf_span(&out->text), &out->object, err) || !take_identity(out, err) ||
        !chroma_resolve_index(buf_span(&out->text), false, &index, err)) {
        chroma_collection_deinit(out);
        return false;
    }
    out->space = index.space;
    out->is_space_doubtful = index.is_doubtful;
    return true;
}
