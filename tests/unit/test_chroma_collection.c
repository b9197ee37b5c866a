/* Collection objects as real servers write them, and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/chroma_internal.h"

#define ID "\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\""
#define DEFAULTS                                                                                   \
    "\"ef_construction\":100,\"ef_search\":100,\"max_neighbors\":16,\"resize_factor\":1.2,\"sync_" \
    "threshold\":1000"

static struct chroma_collection read_text(const char *json)
{
    struct chroma_collection collection;
    struct error err = {0};

    if (!chroma_read_collection(span_from_str(json), &collection, &err)) {
        fail_msg("%s: %s", json, err.message);
    }
    return collection;
}

static void a_whole_object_is_read(void **state)
{
    static const char json[] =
        "{" ID ",\"name\":\"docs\",\"configuration_json\":{\"hnsw\":{\"space\":\"cosine\"," DEFAULTS
        "},\"spann\":null,\"embedding_function\":{\"type\":\"legacy\"}},\"schema\":{\"defaults\":{}"
        ",\"keys\":{}},"
        "\"metadata\":{\"owner\":\"x\"},\"dimension\":1536,\"tenant\":\"default_tenant\","
        "\"database\":\"d\","
        "\"log_position\":0,\"version\":0}";
    struct chroma_collection collection = read_text(json);

    (void)state;
    assert_string_equal(collection.uuid.text, "3fa85f64-5717-4562-b3fc-2c963f66afa6");
    assert_string_equal(collection.name, "docs");
    assert_int_equal(collection.dimension, 1536);
    assert_int_equal(collection.space, SPACE_COSINE);
    assert_string_equal(document_string(document_get(collection.object, "tenant"), ""),
                        "default_tenant");
    assert_true(span_equal(buf_span(&collection.text), span_from_str(json)));
    chroma_collection_deinit(&collection);
    assert_null(collection.object);
    chroma_collection_deinit(&collection);
}

static void what_may_be_null_or_absent_may_be_so(void **state)
{
    static const char *const texts[] = {
        "{" ID ",\"name\":\"n\"}",
        "{" ID ",\"name\":\"n\",\"configuration_json\":null,\"metadata\":null,\"dimension\":null,"
        "\"schema\":null}",
        "{" ID ",\"name\":\"n\",\"configuration_json\":{\"hnsw\":null,\"spann\":null}}",
        "{" ID ",\"name\":\"n\",\"configuration_json\":{},\"metadata\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct chroma_collection collection = read_text(texts[i]);

        assert_int_equal(collection.dimension, 0);
        assert_int_equal(collection.space, SPACE_L2);
        chroma_collection_deinit(&collection);
    }
}

static void the_space_is_resolved_as_the_server_does(void **state)
{
    static const struct {
        const char *configuration, *metadata;
        enum space space;
    } rows[] = {
        {"{\"hnsw\":{\"space\":\"ip\"," DEFAULTS "}}", "null", SPACE_IP},
        {"{\"hnsw\":{\"space\":\"l2\"," DEFAULTS "}}", "null", SPACE_L2},
        /* made by an old client: the configuration shows defaults, the index is what the metadata
         * says */
        {"{\"hnsw\":{\"space\":\"l2\"," DEFAULTS "}}", "{\"hnsw:space\":\"cosine\"}", SPACE_COSINE},
        {"{\"hnsw\":{\"space\":\"l2\"}}", "{\"hnsw:space\":\"ip\"}", SPACE_IP},
        {"{\"hnsw\":{\"space\":\"l2\",\"resize_factor\":1.20}}", "{\"hnsw:space\":\"ip\"}",
         SPACE_IP},
        /* any choice in the configuration, and it holds */
        {"{\"hnsw\":{\"space\":\"cosine\"," DEFAULTS "}}", "{\"hnsw:space\":\"ip\"}", SPACE_COSINE},
        {"{\"hnsw\":{\"space\":\"l2\",\"ef_search\":101}}", "{\"hnsw:space\":\"ip\"}", SPACE_L2},
        {"{\"hnsw\":{\"space\":\"l2\",\"ef_construction\":99}}", "{\"hnsw:space\":\"ip\"}",
         SPACE_L2},
        {"{\"hnsw\":{\"space\":\"l2\",\"max_neighbors\":17}}", "{\"hnsw:space\":\"ip\"}", SPACE_L2},
        {"{\"hnsw\":{\"space\":\"l2\",\"resize_factor\":1.3}}", "{\"hnsw:space\":\"ip\"}",
         SPACE_L2},
        {"{\"hnsw\":{\"space\":\"l2\",\"sync_threshold\":999}}", "{\"hnsw:space\":\"ip\"}",
         SPACE_L2},
        /* a legacy server's shape says nothing */
        {"{\"hnsw_configuration\":{\"space\":\"cosine\",\"M\":16}}", "{\"hnsw:space\":\"ip\"}",
         SPACE_IP},
        {"{\"hnsw_configuration\":{\"space\":\"cosine\",\"M\":16}}", "null", SPACE_L2},
        /* written with escapes */
        {"null", "{\"hnsw\\u003aspace\":\"c\\u006fsine\"}", SPACE_COSINE},
        /* a distributed server */
        {"{\"hnsw\":null,\"spann\":{\"space\":\"cosine\",\"search_nprobe\":64}}",
         "{\"hnsw:space\":\"ip\"}", SPACE_COSINE},
        {"{\"hnsw\":null,\"spann\":{\"search_nprobe\":64}}", "null", SPACE_L2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[1024];
        struct chroma_collection collection;

        snprintf(json, sizeof json,
                 "{" ID ",\"name\":\"n\",\"configuration_json\":%s,\"metadata\":%s}",
                 rows[i].configuration, rows[i].metadata);
        collection = read_text(json);
        if (collection.space != rows[i].space) {
            fail_msg("%s: %s", json, space_name(collection.space));
        }
        chroma_collection_deinit(&collection);
    }
}

static void a_broken_object_names_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"", NULL},
        {"{", NULL},
        {"{}x", NULL},
        {"[]", "without an id"},
        {"null", "without an id"},
        {"{\"name\":\"n\"}", "without an id that is a UUID"},
        {"{\"id\":\"x\",\"name\":\"n\"}", "without an id that is a UUID"},
        {"{\"id\":7,\"name\":\"n\"}", "without an id that is a UUID"},
        {"{" ID "}", "without a name"},
        {"{" ID ",\"name\":\"\"}", "without a name"},
        {"{" ID ",\"name\":null}", "without a name"},
        {"{" ID ",\"name\":\"n\",\"dimension\":-1}", "dimension -1"},
        {"{" ID ",\"name\":\"n\",\"dimension\":65537}", "dimension 65537"},
        {"{" ID ",\"name\":\"n\",\"configuration_json\":{\"hnsw\":{\"space\":\"taxi\"}}}",
         "space is \"taxi\""},
        {"{" ID ",\"name\":\"n\",\"configuration_json\":{\"hnsw\":{\"space\":3}}}", "space is 3"},
        {"{" ID ",\"name\":\"n\",\"configuration_json\":{\"spann\":{\"space\":\"taxi\"}}}",
         "space is \"taxi\""},
        {"{" ID ",\"name\":\"n\",\"metadata\":{\"hnsw:space\":\"taxi\"}}",
         "none of l2, ip, cosine"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma_collection collection;
        struct error err = {0};

        if (chroma_read_collection(span_from_str(rows[i].json), &collection, &err)) {
            fail_msg("taken: %s", rows[i].json);
        }
        assert_int_equal(err.kind, ERROR_FORMAT);
        if (rows[i].says && !strstr(err.message, rows[i].says)) {
            fail_msg("%s: %s", rows[i].json, err.message);
        }
        assert_null(collection.object);
        assert_null(collection.text.ptr);
    }
}

static void a_name_too_long_is_refused(void **state)
{
    char json[2048];
    char name[600];
    struct chroma_collection collection;
    struct error err = {0};

    (void)state;
    memset(name, 'n', sizeof name);
    name[519] = '\0';
    snprintf(json, sizeof json, "{" ID ",\"name\":\"%s\"}", name);
    collection = read_text(json);
    assert_string_equal(collection.name, name);
    chroma_collection_deinit(&collection);
    name[519] = 'n';
    name[520] = '\0';
    snprintf(json, sizeof json, "{" ID ",\"name\":\"%s\"}", name);
    assert_false(chroma_read_collection(span_from_str(json), &collection, &err));
    assert_int_equal(err.kind, ERROR_FORMAT);
}

static void members_are_found_by_their_decoded_name(void **state)
{
    struct span object = SPAN_LITERAL("{\"a\":1,\"\\u0062\":{\"a\":2},\"c\":[3]}");
    struct json_value value;

    (void)state;
    assert_true(chroma_member(object, "b", &value));
    assert_true(span_equal(value.text, SPAN_LITERAL("{\"a\":2}")));
    assert_true(chroma_member(object, "c", &value));
    assert_int_equal(value.type, JSON_ARRAY);
    assert_false(chroma_member(object, "d", &value));
    assert_false(chroma_member(SPAN_LITERAL("[1]"), "a", &value));
    assert_false(chroma_member((struct span){NULL, 0}, "a", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_object_is_read),
        cmocka_unit_test(what_may_be_null_or_absent_may_be_so),
        cmocka_unit_test(the_space_is_resolved_as_the_server_does),
        cmocka_unit_test(a_broken_object_names_what_is_wrong),
        cmocka_unit_test(a_name_too_long_is_refused),
        cmocka_unit_test(members_are_found_by_their_decoded_name),
    };

    return cmocka_run_group_tests_name("chroma_collection", tests, NULL, NULL);
}
