/* The bodies that make a target collection, byte by byte. That a real server takes them so:
 * integration/test_chroma.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "net/chroma.h"

#define HEAD "{\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\",\"name\":\"src\","

static struct chroma_collection source_of(const char *rest)
{
    struct chroma_collection collection;
    struct error err = {0};
    char json[4096];

    snprintf(json, sizeof json, HEAD "%s}", rest);
    if (!chroma_read_collection(span_from_str(json), &collection, &err)) {
        fail_msg("%s: %s", json, err.message);
    }
    return collection;
}

static void expect_create(const char *rest, const char *name, const char *wanted)
{
    struct chroma_collection source = source_of(rest);
    struct error err = {0};
    struct buf body;

    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    if (!chroma_create_body(&source, name, CHROMA_INDEX_HNSW, &body, &err)) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(buf_cstr(&body), wanted);
    buf_deinit(&body);
    chroma_collection_deinit(&source);
}

static void expect_metadata(const char *rest, const char *wanted) /* NULL: not needed */
{
    struct chroma_collection source = source_of(rest);
    struct error err = {0};
    bool needed = !wanted;
    struct buf body;

    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    assert_true(chroma_metadata_body(&source, CHROMA_INDEX_HNSW, &body, &needed, &err));
    assert_int_equal(needed, wanted != NULL);
    assert_string_equal(buf_cstr(&body), wanted ? wanted : "");
    buf_deinit(&body);
    chroma_collection_deinit(&source);
}

static void every_value_of_the_configuration_is_written(void **state)
{
    (void)state;
    expect_create(
        "\"configuration_json\":{\"hnsw\":{\"space\":\"cosine\",\"ef_construction\":120,\"ef_"
        "search\":77,"
        "\"max_neighbors\":20,\"resize_factor\":1.50,\"sync_threshold\":500},\"spann\":null,"
        "\"embedding_function\":null},\"metadata\":null",
        "docs",
        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{\"space\":"
        "\"cosine\","
        "\"ef_construction\":120,\"ef_search\":77,\"max_neighbors\":20,\"resize_factor\":1.50,"
        "\"sync_threshold\":500},\"embedding_function\":null},\"metadata\":null}");
}

static void metadata_and_embedding_function_are_copied_as_text(void **state)
{
    (void)state;
    expect_create(
        "\"configuration_json\":{\"hnsw\":{\"space\":\"ip\"},\"embedding_function\":{\"type\":"
        "\"known\","
        "\"name\":\"openai\",\"config\":{\"n\":1,\"f\":1.0,\"big\":9007199254740993}}},"
        "\"metadata\":{\"i\":1, "
        "\"f\":1.0,\"e\":1e0,\"big\":9007199254740993,\"b\":true,\"s\":\"a\\u0000\\\"b\"}",
        "docs",
        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{\"space\":\"ip\"},"
        "\"embedding_function\":{\"type\":\"known\",\"name\":\"openai\",\"config\":{\"n\":1,\"f\":"
        "1.0,"
        "\"big\":9007199254740993}}},\"metadata\":{\"i\":1,\"f\":1.0,\"e\":1e0,\"big\":"
        "9007199254740993,"
        "\"b\":true,\"s\":\"a\\u0000\\\"b\"}}");
}

static void old_index_keys_become_configuration(void **state)
{
    (void)state;
    expect_create(
        "\"configuration_json\":{\"hnsw\":{\"space\":\"l2\",\"ef_construction\":100,\"ef_search\":"
        "100,"
        "\"max_neighbors\":16,\"resize_factor\":1.2,\"sync_threshold\":1000}},"
        "\"metadata\":{\"a\":1,\"hnsw:space\":\"cosine\",\"hnsw:M\":20,\"hnsw:construction_ef\":"
        "150,\"b\":2,"
        "\"hnsw:search_ef\":77,\"hnsw:sync_threshold\":500,\"hnsw:resize_factor\":1.5,\"hnsw:batch_"
        "size\":50,"
        "\"hnsw\\u003anum_threads\":2}",
        "docs",
        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{\"space\":"
        "\"cosine\","
        "\"ef_construction\":150,\"ef_search\":77,\"max_neighbors\":20,\"resize_factor\":1.5,"
        "\"sync_threshold\":500,\"batch_size\":50,\"num_threads\":2},\"embedding_function\":null},"
        "\"metadata\":{\"a\":1,\"b\":2}}");
}

static void metadata_of_old_index_keys_alone_becomes_null(void **state)
{
    (void)state;
    expect_create(
        "\"metadata\":{\"hnsw:space\":\"ip\"}", "docs",
        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{\"space\":\"ip\"},"
        "\"embedding_function\":null},\"metadata\":null}");
    expect_create(
        "\"metadata\":{}", "docs",
        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{\"space\":\"l2\"},"
        "\"embedding_function\":null},\"metadata\":null}");
}

static void old_index_keys_of_a_wrong_type_are_no_configuration(void **state)
{
    (void)state;
    expect_create(
        "\"metadata\":{\"hnsw:M\":\"20\",\"hnsw:construction_ef\":1.5,\"hnsw:search_ef\":-1,"
        "\"hnsw:sync_threshold\":1,\"hnsw:batch_size\":1,\"hnsw:resize_factor\":\"x\",\"hnsw:new\":"
        "1,"
        "\"hnsw:num_threads\":0,\"hnswx\":1,\"x\":2}",
        "docs",
        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{\"space\":\"l2\"},"
        "\"embedding_function\":null},\"metadata\":{\"hnswx\":1,\"x\":2}}");
}

static void a_batch_size_only_the_schema_shows_is_kept(void **state)
{
    (void)state;
    expect_create(
        "\"configuration_json\":{\"hnsw\":{\"space\":\"l2\",\"ef_search\":50}},"
        "\"schema\":{\"defaults\":{},\"keys\":{\"#embedding\":{\"float_list\":{\"vector_index\":{"
        "\"enabled\":true,"
        "\"config\":{\"space\":\"l2\",\"hnsw\":{\"num_threads\":8,\"batch_size\":33}}}}}}}",
        "docs",
        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{\"space\":\"l2\","
        "\"ef_search\":50,\"batch_size\":33},\"embedding_function\":null},\"metadata\":null}");
}

static void of_a_distributed_index_only_the_space_is_kept(void **state)
{
    (void)state;
    expect_create("\"configuration_json\":{\"hnsw\":null,\"spann\":{\"search_nprobe\":64,\"space\":"
                  "\"cosine\","
                  "\"ef_construction\":200,\"ef_search\":200,\"max_neighbors\":64},\"embedding_"
                  "function\":{\"type\":"
                  "\"legacy\"}},\"metadata\":{\"hnsw:space\":\"ip\"}",
                  "docs",
                  "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"hnsw\":{"
                  "\"space\":\"cosine\"},"
                  "\"embedding_function\":{\"type\":\"legacy\"}},\"metadata\":null}");
}

static void a_name_is_written_as_json(void **state)
{
    (void)state;
    expect_create("\"metadata\":null", "a\"b\\c\n\xc3\xbc",
                  "{\"name\":\"a\\\"b\\\\c\\n\xc3\xbc\",\"get_or_create\":false,\"configuration\":{"
                  "\"hnsw\":{\"space\":"
                  "\"l2\"},\"embedding_function\":null},\"metadata\":null}");
}

static void metadata_follows_only_when_something_was_left_out(void **state)
{
    (void)state;
    expect_metadata("\"metadata\":null", NULL);
    expect_metadata("\"dimension\":3", NULL);
    expect_metadata("\"metadata\":{}", NULL);
    expect_metadata("\"metadata\":{\"a\":1,\"hnswx\":2,\"xhnsw:\":3}", NULL);
    expect_metadata("\"metadata\":{\"a\":1.0,\"hnsw:M\":\"20\"}",
                    "{\"new_metadata\":{\"a\":1.0,\"hnsw:M\":\"20\"}}");
    expect_metadata("\"metadata\":{\"h\\u006esw:space\":\"ip\"}",
                    "{\"new_metadata\":{\"h\\u006esw:space\":\"ip\"}}");
}

static void a_body_over_the_ceiling_is_refused(void **state)
{
    struct chroma_collection source =
        source_of("\"metadata\":{\"a\":\"bbbbbbbbbbbbbbbbbbbbbbbb\",\"hnsw:M\":20}");
    struct error err = {0};
    bool needed;
    struct buf body;

    (void)state;
    buf_init(&body, 20);
    assert_false(chroma_create_body(&source, "docs", CHROMA_INDEX_HNSW, &body, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    error_clear(&err);
    buf_clear(&body);
    assert_false(chroma_metadata_body(&source, CHROMA_INDEX_HNSW, &body, &needed, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    buf_deinit(&body);
    chroma_collection_deinit(&source);
}

static void on_cloud_only_the_space_is_carried(void **state)
{
    struct chroma_collection source =
        source_of("\"configuration_json\":{\"hnsw\":{\"space\":\"cosine\",\"ef_construction\":200,"
                  "\"max_neighbors\":32}},\"metadata\":{\"hnsw:M\":32,\"owner\":\"x\"}");
    struct error err = {0};
    struct buf body;

    (void)state;
    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    assert_true(chroma_create_body(&source, "docs", CHROMA_INDEX_SPANN, &body, &err));
    assert_string_equal(buf_cstr(&body),
                        "{\"name\":\"docs\",\"get_or_create\":false,\"configuration\":{\"spann\":{"
                        "\"space\":\"cosine\"},\"embedding_function\":null},\"metadata\":{"
                        "\"owner\":\"x\"}}");
    buf_deinit(&body);
    chroma_collection_deinit(&source);
}

static void lists_go_to_servers_that_survive_them_only(void **state)
{
    struct chroma_collection source =
        source_of("\"metadata\":{\"a\":[1],\"b\":2,\"hnsw:space\":\"l2\"}");
    struct error err = {0};
    struct buf body;
    bool needed;

    (void)state;
    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    assert_true(chroma_create_body(&source, "docs", CHROMA_INDEX_HNSW, &body, &err));
    assert_non_null(strstr(buf_cstr(&body), "\"metadata\":{\"b\":2}"));
    buf_clear(&body);
    assert_true(chroma_create_body(&source, "docs", CHROMA_INDEX_SPANN, &body, &err));
    assert_non_null(strstr(buf_cstr(&body), "\"metadata\":{\"a\":[1],\"b\":2}"));
    buf_clear(&body);
    assert_true(chroma_metadata_body(&source, CHROMA_INDEX_HNSW, &body, &needed, &err));
    assert_true(needed);
    assert_string_equal(buf_cstr(&body), "{\"new_metadata\":{\"b\":2,\"hnsw:space\":\"l2\"}}");
    buf_clear(&body);
    assert_true(chroma_metadata_body(&source, CHROMA_INDEX_SPANN, &body, &needed, &err));
    assert_string_equal(buf_cstr(&body),
                        "{\"new_metadata\":{\"a\":[1],\"b\":2,\"hnsw:space\":\"l2\"}}");
    buf_deinit(&body);
    chroma_collection_deinit(&source);
}

static void an_old_server_takes_its_index_as_metadata(void **state)
{
    static const struct {
        const char *source, *metadata;
    } rows[] = {
        {"\"configuration_json\":{\"hnsw\":{\"space\":\"cosine\",\"ef_construction\":200,"
         "\"ef_search\":100,\"max_neighbors\":32,\"resize_factor\":1.2,\"sync_threshold\":1000},"
         "\"embedding_function\":{\"type\":\"legacy\"}},\"metadata\":{\"hnsw:M\":8,\"owner\":1.0}",
         "{\"hnsw:space\":\"cosine\",\"hnsw:construction_ef\":200,\"hnsw:M\":32,\"owner\":1.0}"},
        {"\"metadata\":{\"a\":1,\"hnsw:space\":\"l2\",\"hnsw:M\":16}",
         "{\"hnsw:space\":\"l2\",\"hnsw:M\":16,\"a\":1}"},
        {"\"metadata\":{\"hnsw:space\":\"ip\"}", "{\"hnsw:space\":\"ip\"}"},
        {"\"configuration_json\":{\"hnsw\":{\"space\":\"ip\"}},\"metadata\":null",
         "{\"hnsw:space\":\"ip\"}"},
        {"\"metadata\":{\"a\":1}", "{\"a\":1}"},
        {"\"metadata\":null", "null"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma_collection source = source_of(rows[i].source);
        struct error err = {0};
        struct buf body;
        char expected[512];

        buf_init(&body, LIMIT_CONTROL_DOCUMENT);
        assert_true(chroma_create_body(&source, "docs", CHROMA_INDEX_METADATA, &body, &err));
        snprintf(expected, sizeof expected,
                 "{\"name\":\"docs\",\"get_or_create\":false,\"metadata\":%s}", rows[i].metadata);
        assert_string_equal(buf_cstr(&body), expected);
        buf_deinit(&body);
        chroma_collection_deinit(&source);
    }
}

static void the_distance_that_was_measured_is_created(void **state)
{
    struct chroma_collection source = source_of("\"metadata\":{\"hnsw:space\":\"l2\"}");
    struct error err = {0};
    struct buf body;

    (void)state;
    source.space = SPACE_COSINE;
    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    assert_true(chroma_create_body(&source, "docs", CHROMA_INDEX_HNSW, &body, &err));
    assert_non_null(strstr(buf_cstr(&body), "{\"hnsw\":{\"space\":\"cosine\""));
    buf_deinit(&body);
    chroma_collection_deinit(&source);
}

static void cloud_is_known_by_its_host(void **state)
{
    static const struct {
        const char *url;
        enum chroma_index_kind kind;
    } rows[] = {
        {"https://api.trychroma.com", CHROMA_INDEX_SPANN},
        {"https://europe-west1.gcp.trychroma.com:443", CHROMA_INDEX_SPANN},
        {"http://127.0.0.1:8000", CHROMA_INDEX_HNSW},
        {"https://api.trychroma.com.example.org", CHROMA_INDEX_HNSW},
        {"https://nottrychroma.com", CHROMA_INDEX_HNSW},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma chroma = {0};
        struct error err = {0};
        assert_true(http_parse_address(rows[i].url, &chroma.address, &err));
        assert_int_equal(chroma_index_kind_of(&chroma), rows[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_the_configuration_is_written),
        cmocka_unit_test(metadata_and_embedding_function_are_copied_as_text),
        cmocka_unit_test(old_index_keys_become_configuration),
        cmocka_unit_test(metadata_of_old_index_keys_alone_becomes_null),
        cmocka_unit_test(old_index_keys_of_a_wrong_type_are_no_configuration),
        cmocka_unit_test(a_batch_size_only_the_schema_shows_is_kept),
        cmocka_unit_test(of_a_distributed_index_only_the_space_is_kept),
        cmocka_unit_test(on_cloud_only_the_space_is_carried),
        cmocka_unit_test(lists_go_to_servers_that_survive_them_only),
        cmocka_unit_test(an_old_server_takes_its_index_as_metadata),
        cmocka_unit_test(the_distance_that_was_measured_is_created),
        cmocka_unit_test(cloud_is_known_by_its_host),
        cmocka_unit_test(a_name_is_written_as_json),
        cmocka_unit_test(metadata_follows_only_when_something_was_left_out),
        cmocka_unit_test(a_body_over_the_ceiling_is_refused),
    };

    return cmocka_run_group_tests_name("chroma_create", tests, NULL, NULL);
}
