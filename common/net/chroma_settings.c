/*
 * What is set on a collection, one by one, as comparable texts: index parameters as they hold, embedding function,
 * metadata, and where the schema is not what a server makes by itself. Decides nothing about them.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "net/chroma_internal.h"

struct lister {
    chroma_setting_fn *fn;
    void *ctx;
    bool goes_on;
};

static void give(struct lister *lister, const struct chroma_setting *setting)
{
    lister->goes_on = lister->goes_on && lister->fn(lister->ctx, setting);
}

static struct chroma_setting name_setting(const char *group, struct span key)
{
    struct chroma_setting setting = {.key = key};
    size_t len = (size_t)snprintf(setting.name, sizeof setting.name, "%s", group);
    while (key.len > 0 && len + key.len >= sizeof setting.name) {
        key.len--; /* for people only; the key tells settings apart */
    }
    while (key.len > 0 && key.len < setting.key.len && (key.ptr[key.len] & 0xc0) == 0x80) {
        key.len--;
    }
    if (key.len > 0) {
        memcpy(setting.name + len, key.ptr, key.len);
        setting.name[len + key.len] = '\0';
    }
    return setting;
}

static void give_number(struct lister *lister, const char *group, struct span key,
                        struct span value, double usual)
{
    struct chroma_setting setting = name_setting(group, key);
    double number = 0;
    setting.kind = CHROMA_SETTING_NUMBER;
    setting.value = value;
    setting.is_default = number_parse_double(value, &number) && number == usual;
    give(lister, &setting);
}

/* num_threads is no setting of the collection: a server takes its machine's. */
static void give_hnsw(struct lister *lister, const struct chroma_index *index)
{
    const struct {
        const char *name;
        struct span value;
        const char *usual;
    } rows[] = {
        {"ef_construction", index->ef_construction, "100"},
        {"ef_search", index->ef_search, "100"},
        {"max_neighbors", index->max_neighbors, "16"},
        {"resize_factor", index->resize_factor, "1.2"},
        {"sync_threshold", index->sync_threshold, "1000"},
        {"batch_size", index->batch_size, "100"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span usual = span_from_str(rows[i].usual);
        double number = 0;
        (void)number_parse_double(usual, &number);
        give_number(lister, "hnsw.", span_from_str(rows[i].name),
                    rows[i].value.ptr != NULL ? rows[i].value : usual, number);
    }
}

/* The text between the quotes of a member's name, escapes as they are. */
static struct span inner(struct json_value key)
{
    return (struct span){key.text.ptr + 1, key.text.len - 2};
}

static void give_spann(struct lister *lister, struct span spann)
{
    static const struct {
        const char *name;
        double usual;
    } rows[] = {{"search_nprobe", 64},   {"write_nprobe", 32},   {"ef_construction", 200},
                {"ef_search", 200},      {"max_neighbors", 64},  {"reassign_neighbor_count", 64},
                {"split_threshold", 50}, {"merge_threshold", 25}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_value value;
        if (chroma_member(spann, rows[i].name, &value) && value.type == JSON_NUMBER) {
            give_number(lister, "spann.", span_from_str(rows[i].name), value.text, rows[i].usual);
        }
    }
}

static bool give_metadata(struct lister *lister, struct span metadata, struct error *err)
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
            return true;
        }
        if (!json_read(&scan, &value, err)) {
            return false;
        }
        struct chroma_setting setting = name_setting("metadata.", inner(key));
        setting.kind =
            value.type == JSON_NUMBER ? CHROMA_SETTING_TYPED_NUMBER : CHROMA_SETTING_TREE;
        setting.value = value.text;
        setting.is_default = value.type == JSON_NULL; /* null is as good as no such key */
        setting.is_list = value.type == JSON_ARRAY;
        setting.is_index_key = chroma_is_index_key(key);
        give(lister, &setting);
    }
    return false;
}

/* ---- the schema: which indexes are on that are usually off, and the other way round ---- */

static bool is_usual(const char *holder, const char *index, bool is_enabled)
{
    bool usual = strcmp(index, "int_inverted_index") == 0 ||
                 strcmp(index, "float_inverted_index") == 0 ||
                 strcmp(index, "bool_inverted_index") == 0;
    if (strcmp(index, "string_inverted_index") == 0) {
        usual = strcmp(holder, "#document") != 0;
    } else if (strcmp(index, "fts_index") == 0) {
        usual = strcmp(holder, "#document") == 0;
    } else if (strcmp(index, "vector_index") == 0) {
        usual = strcmp(holder, "#embedding") == 0;
    }
    return is_enabled == usual;
}

static void give_holder(struct lister *lister, const char *holder, const struct document *types)
{
    for (const struct document *type = document_first(types); type != NULL;
         type = document_next(type)) {
        for (const struct document *index = document_first(type); index != NULL;
             index = document_next(index)) {
            bool is_enabled = document_bool(document_get(index, "enabled"), false);
            const char *kind = document_name(index);
            char name[200];
            if (kind == NULL || document_is_null(document_get(index, "enabled")) ||
                is_usual(holder, kind, is_enabled)) {
                continue;
            }
            snprintf(name, sizeof name, "%.120s.%.60s", holder, kind);
            struct chroma_setting setting = name_setting("schema.", span_from_str(name));
            setting.key = (struct span){NULL, 0}; /* was ours */
            setting.kind = CHROMA_SETTING_TREE;
            setting.value = is_enabled ? SPAN_LITERAL("\"enabled\"") : SPAN_LITERAL("\"disabled\"");
            give(lister, &setting);
        }
    }
}

static void give_schema(struct lister *lister, const struct document *schema)
{
    const struct document *keys = document_get(schema, "keys");
    give_holder(lister, "defaults", document_get(schema, "defaults"));
    for (const struct document *key = document_first(keys); key != NULL; key = document_next(key)) {
        if (document_name(key) != NULL) {
            give_holder(lister, document_name(key), key);
        }
    }
    if (!document_is_null(document_get(schema, "cmek"))) {
        struct chroma_setting setting = name_setting("schema.", SPAN_LITERAL("cmek"));
        setting.kind = CHROMA_SETTING_TREE;
        setting.value = SPAN_LITERAL("\"set\"");
        give(lister, &setting);
    }
}

/* ---- all of them ---- */

static void give_function(struct lister *lister, struct span configuration)
{
    struct chroma_setting setting = name_setting("embedding_function", (struct span){NULL, 0});
    struct json_value function;
    bool is_set = chroma_member(configuration, "embedding_function", &function) &&
                  function.type == JSON_OBJECT;
    setting.kind = CHROMA_SETTING_TREE;
    setting.value = is_set ? function.text : SPAN_LITERAL("null");
    setting.is_default = !is_set;
    give(lister, &setting);
}

bool chroma_each_setting(const struct chroma_collection *collection, chroma_setting_fn *fn,
                         void *ctx, struct error *err)
{
    struct lister lister = {fn, ctx, true};
    struct span json = buf_span(&collection->text);
    struct chroma_index index;
    struct json_value configuration = {JSON_NULL, {NULL, 0}};
    struct json_value spann, metadata;

    if (!chroma_resolve_index(json, collection->metadata_is_idle, &index, err)) {
        return false;
    }
    (void)chroma_member(json, "configuration_json", &configuration);
    bool is_spann = chroma_member(configuration.text, "spann", &spann) && spann.type == JSON_OBJECT;
    struct chroma_setting kind = name_setting("index", (struct span){NULL, 0});
    kind.kind = CHROMA_SETTING_TREE;
    kind.value = is_spann ? SPAN_LITERAL("\"spann\"") : SPAN_LITERAL("\"hnsw\"");
    give(&lister, &kind);
    if (is_spann) {
        give_spann(&lister, spann.text);
    } else {
        give_hnsw(&lister, &index);
    }
    give_function(&lister, configuration.text);
    if (chroma_member(json, "metadata", &metadata) && metadata.type == JSON_OBJECT &&
        !give_metadata(&lister, metadata.text, err)) {
        return false;
    }
    give_schema(&lister, document_get(collection->object, "schema"));
    return true;
}
