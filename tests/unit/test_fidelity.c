/* Which settings the fidelity report names, for targets that are yet to be made and for those that exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "producer/fidelity.h"
#include "support/expect.h"

/* As a server of 1.5.9 shows it: %s configuration, metadata, more keys of the schema. */
#define HNSW                                                                                       \
    "{\"hnsw\":{\"space\":\"cosine\",\"ef_construction\":100,\"ef_search\":100,\"max_neighbors\":" \
    "16,"                                                                                          \
    "\"resize_factor\":1.2,\"sync_threshold\":1000},\"spann\":null,\"embedding_function\":null}"
#define SPANN                                                                                      \
    "{\"hnsw\":null,\"spann\":{\"search_nprobe\":64,\"write_nprobe\":32,\"space\":\"cosine\","     \
    "\"ef_construction\":200,\"ef_search\":200,\"max_neighbors\":64,\"reassign_neighbor_count\":"  \
    "64,"                                                                                          \
    "\"split_threshold\":50,\"merge_threshold\":25},\"embedding_function\":null}"
#define SCHEMA(more)                                                                               \
    "{\"defaults\":{\"string\":{\"fts_index\":{\"enabled\":false,\"config\":{}},"                  \
    "\"string_inverted_index\":{\"enabled\":true,\"config\":{}}},\"float_list\":{\"vector_"        \
    "index\":{"                                                                                    \
    "\"enabled\":false,\"config\":{}}},\"sparse_vector\":{\"sparse_vector_index\":{\"enabled\":"   \
    "false}},"                                                                                     \
    "\"int\":{\"int_inverted_index\":{\"enabled\":true,\"config\":{}}}},\"keys\":{\"#document\":{" \
    "\"string\":{\"fts_index\":{\"enabled\":true,\"config\":{}},\"string_inverted_index\":{"       \
    "\"enabled\":"                                                                                 \
    "false,\"config\":{}}}},\"#embedding\":{\"float_list\":{\"vector_index\":{\"enabled\":true,"   \
    "\"config\":{\"hnsw\":{\"num_threads\":2,\"batch_size\":100}}}}}" more "}}"
#define AUTO_KEY                                                                                   \
    ",\"page\":{\"int\":{\"int_inverted_index\":{\"enabled\":true,\"config\":{}}}},\"s\":{"        \
    "\"string\":{"                                                                                 \
    "\"fts_index\":{\"enabled\":false,\"config\":{}},\"string_inverted_index\":{\"enabled\":true}" \
    "}}"

static struct fidelity found;

static struct chroma_collection collection_of(const char *configuration, const char *metadata,
                                              const char *schema)
{
    struct chroma_collection collection;
    struct error err = {0};
    struct buf json;
    buf_init(&json, LIMIT_CONTROL_DOCUMENT);
    buf_printf(&json,
               "{\"id\":\"3057dffd-9d34-42b8-aec8-bcb13785305b\",\"name\":\"docs\","
               "\"configuration_json\":%s,\"metadata\":%s,\"schema\":%s,\"dimension\":3}",
               configuration, metadata, schema);
    if (!chroma_read_collection(buf_span(&json), &collection, &err)) {
        fail_msg("%s: %s", buf_cstr(&json), err.message);
    }
    buf_deinit(&json);
    return collection;
}

static void expect_lines(const char *want)
{
    struct buf lines;
    buf_init(&lines, LIMIT_CONTROL_DOCUMENT);
    fidelity_write_lines(&found, 0, &lines);
    assert_string_equal(lines.len > 0 ? buf_cstr(&lines) : "", want);
    buf_deinit(&lines);
}

static void expect_new(const char *configuration, const char *metadata, const char *schema,
                       enum chroma_index_kind kind, const char *want)
{
    struct chroma_collection source = collection_of(configuration, metadata, schema);
    struct error err = {0};
    assert_true(fidelity_expect(&source, kind, &found, &err));
    expect_lines(want);
    chroma_collection_deinit(&source);
}

static void expect_between(const char *const source[3], const char *const target[3],
                           const char *want)
{
    struct chroma_collection left = collection_of(source[0], source[1], source[2]);
    struct chroma_collection right = collection_of(target[0], target[1], target[2]);
    struct error err = {0};
    assert_true(fidelity_compare(&left, &right, CHROMA_INDEX_HNSW, &found, &err));
    expect_lines(want);
    chroma_collection_deinit(&left);
    chroma_collection_deinit(&right);
}

static void nothing_is_told_of_an_ordinary_collection(void **state)
{
    (void)state;
    expect_new(HNSW, "{\"owner\":\"x\",\"n\":1.0}", SCHEMA(AUTO_KEY), CHROMA_INDEX_HNSW, "");
    expect_new(HNSW, "null", "null", CHROMA_INDEX_HNSW, "");
    expect_new("null", "{\"hnsw:space\":\"cosine\",\"hnsw:M\":32}", "null", CHROMA_INDEX_HNSW, "");
    expect_new("{\"hnsw\":{\"space\":\"ip\",\"ef_search\":77}}", "null", "null", CHROMA_INDEX_HNSW,
               "");
    expect_new(SPANN, "{\"a\":[1]}", "null", CHROMA_INDEX_SPANN, "");
}

static void cloud_takes_the_space_only(void **state)
{
    (void)state;
    expect_new(HNSW, "{\"owner\":\"x\"}", SCHEMA(""), CHROMA_INDEX_SPANN,
               "  index: \"hnsw\" -> \"spann\"\n");
    expect_new("{\"hnsw\":{\"space\":\"ip\",\"ef_search\":77,\"max_neighbors\":32}}", "null",
               "null", CHROMA_INDEX_SPANN,
               "  index: \"hnsw\" -> \"spann\"\n"
               "  hnsw.ef_search: 77 -> (the server's own)\n"
               "  hnsw.max_neighbors: 32 -> (the server's own)\n");
    expect_new("null", "{\"hnsw:space\":\"ip\",\"hnsw:batch_size\":500}", "null",
               CHROMA_INDEX_SPANN,
               "  index: \"hnsw\" -> \"spann\"\n"
               "  hnsw.batch_size: 500 -> (the server's own)\n");
}

static void a_single_server_takes_neither_spann_nor_lists(void **state)
{
    (void)state;
    expect_new("{\"spann\":{\"space\":\"l2\",\"search_nprobe\":64,\"split_threshold\":60}}",
               "{\"tags\":[\"a\"],\"n\":1}", "null", CHROMA_INDEX_HNSW,
               "  index: \"spann\" -> \"hnsw\"\n"
               "  spann.split_threshold: 60 -> (the server's own)\n"
               "  metadata.tags: [\"a\"] -> (left out: such a server cannot keep a list here)\n");
}

static void indexes_that_were_switched_are_told(void **state)
{
    (void)state;
    expect_new(HNSW, "null",
               SCHEMA(AUTO_KEY
                      ",\"txt\":{\"string\":{\"string_inverted_index\":{\"enabled\":false},"
                      "\"fts_index\":{\"enabled\":true}}},\"sp\":{\"sparse_vector\":{"
                      "\"sparse_vector_index\":{\"enabled\":true}}}"),
               CHROMA_INDEX_HNSW,
               "  schema.txt.string_inverted_index: \"disabled\" -> (the server's default)\n"
               "  schema.txt.fts_index: \"enabled\" -> (the server's default)\n"
               "  schema.sp.sparse_vector_index: \"enabled\" -> (the server's default)\n");
    expect_new(HNSW, "null",
               "{\"keys\":{\"#document\":{\"string\":{\"fts_index\":{\"enabled\":false}}}},"
               "\"cmek\":{\"gcp\":\"k\"}}",
               CHROMA_INDEX_HNSW,
               "  schema.#document.fts_index: \"disabled\" -> (the server's default)\n"
               "  schema.cmek: \"set\" -> (the server's default)\n");
    /* strange ones are passed over */
    expect_new(HNSW, "null",
               "{\"keys\":[{\"a\":1}],\"defaults\":{\"a\":[{\"enabled\":true}],\"b\":3}}",
               CHROMA_INDEX_HNSW, "");
}

static void equal_settings_are_not_told(void **state)
{
    static const char *const left[] = {
        "{\"hnsw\":{\"space\":\"l2\",\"ef_search\":77},\"embedding_function\":{\"type\":\"known\","
        "\"name\":"
        "\"x\",\"config\":{\"a\":1,\"b\":[1,2]}}}",
        "{\"a\":1,\"b\":\"t\",\"big\":9007199254740993,\"f\":1e2,\"n\":null}", "null"};
    static const char *const right[] = {
        "{\"hnsw\":{\"ef_search\":77,\"space\":\"l2\",\"max_neighbors\":16},\"embedding_"
        "function\":{\"name\":"
        "\"x\",\"config\":{\"b\":[1,2],\"a\":1},\"type\":\"known\"}}",
        "{\"f\":100.0,\"big\":9007199254740993,\"b\":\"t\",\"a\":1}", SCHEMA(AUTO_KEY)};
    (void)state;
    expect_between(left, right, "");
    expect_between(right, left, "");
    assert_false(found.is_unfinished);
}

static void every_difference_is_told_with_both_values(void **state)
{
    static const char *const left[] = {
        "{\"hnsw\":{\"space\":\"l2\",\"ef_search\":77},\"embedding_function\":{\"type\":\"known\","
        "\"name\":"
        "\"openai\",\"config\":{}}}",
        "{\"a\":1,\"big\":9007199254740993,\"f\":1.5,\"mine\":\"x\",\"t\":true}", "null"};
    static const char *const right[] = {
        "{\"hnsw\":{\"space\":\"l2\",\"max_neighbors\":32},\"embedding_function\":null}",
        "{\"a\":1.0,\"big\":9007199254740992,\"f\":1.25,\"yours\":[],\"t\":1}", "null"};
    (void)state;
    expect_between(
        left, right,
        "  hnsw.ef_search: 77 -> 100\n"
        "  hnsw.max_neighbors: 16 -> 32\n"
        "  embedding_function: {\"type\":\"known\",\"name\":\"openai\",\"config\":{}} -> null\n"
        "  metadata.a: 1 -> 1.0\n"
        "  metadata.big: 9007199254740993 -> 9007199254740992\n"
        "  metadata.f: 1.5 -> 1.25\n"
        "  metadata.mine: \"x\" -> (not set)\n"
        "  metadata.t: true -> 1\n"
        "  metadata.yours: (not set) -> []\n");
    assert_false(found.is_unfinished);
}

static void a_creation_that_was_cut_short_is_known(void **state)
{
    static const char *const source[] = {
        "{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":77}}",
        "{\"a\":1,\"hnsw:space\":\"cosine\",\"h\\u006esw:x\":2,\"list\":[1]}", "null"};
    static const char *const cut[] = {"{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":77}}",
                                      "{\"a\":1}", "null"};
    static const struct {
        const char *configuration, *metadata;
    } others[] = {
        {"{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":78}}", "{\"a\":1}"},
        {"{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":77}}", "{\"a\":2}"},
        {"{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":77}}", "null"},
        {"{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":77}}", "{\"a\":1,\"b\":1}"},
        {"{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":77}}", "{\"a\":1,\"hnsw:space\":\"ip\"}"},
        {"{\"hnsw\":{\"space\":\"cosine\",\"ef_search\":77}}",
         "{\"a\":1,\"hnsw:space\":\"cosine\",\"h\\u006esw:x\":2}"}, /* only the list is missing */
    };
    (void)state;
    expect_between(source, cut,
                   "  metadata.hnsw:space: \"cosine\" -> (not set)\n"
                   "  metadata.h\\u006esw:x: 2 -> (not set)\n"
                   "  metadata.list: [1] -> (not set)\n");
    assert_true(found.is_unfinished);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct chroma_collection left = collection_of(source[0], source[1], "null");
        struct chroma_collection right =
            collection_of(others[i].configuration, others[i].metadata, "null");
        struct error err = {0};
        assert_true(fidelity_compare(&left, &right, CHROMA_INDEX_HNSW, &found, &err));
        assert_true(found.count > 0);
        assert_false(found.is_unfinished);
        chroma_collection_deinit(&left);
        chroma_collection_deinit(&right);
    }
}

static void the_index_of_an_old_server_is_in_its_metadata(void **state)
{
    static const char function[] = "{\"hnsw\":{\"space\":\"ip\",\"ef_search\":77},"
                                   "\"embedding_function\":{\"type\":\"legacy\"}}";
    struct chroma_collection source = collection_of(function, "{\"a\":1}", "null");
    struct chroma_collection target =
        collection_of("null", "{\"a\":1,\"hnsw:space\":\"ip\",\"hnsw:search_ef\":77}", "null");
    struct error err = {0};
    (void)state;
    expect_new(
        function, "{\"a\":1}", "null", CHROMA_INDEX_METADATA,
        "  embedding_function: {\"type\":\"legacy\"} -> (none: a server before 1.0 keeps none)\n");
    assert_true(fidelity_compare(&source, &target, CHROMA_INDEX_METADATA, &found, &err));
    expect_lines("  embedding_function: {\"type\":\"legacy\"} -> null\n");
    assert_false(found.is_unfinished);
    chroma_collection_deinit(&source);
    chroma_collection_deinit(&target);
}

static void long_values_are_cut_and_many_are_counted(void **state)
{
    struct buf metadata, out;
    struct error err = {0};
    (void)state;
    buf_init(&metadata, LIMIT_CONTROL_DOCUMENT);
    buf_init(&out, LIMIT_CONTROL_DOCUMENT);
    for (int i = 0; i < FIDELITY_ROWS + 5; i++) {
        buf_printf(&metadata, "%s\"k%d", i == 0 ? "{" : ",", i);
        for (int j = 0; j < 100; j++) {
            buf_append_str(&metadata, "\xc3\xa9");
        }
        buf_append_str(&metadata, "\":\"");
        for (int j = 0; j < 200; j++) {
            buf_append_str(&metadata, "\xf0\x9f\x8e\xb2");
        }
        buf_append_byte(&metadata, '"');
    }
    buf_append_byte(&metadata, '}');
    struct chroma_collection source = collection_of(HNSW, buf_cstr(&metadata), "null");
    struct chroma_collection target = collection_of(HNSW, "null", "null");
    assert_true(fidelity_compare(&source, &target, CHROMA_INDEX_HNSW, &found, &err));
    assert_int_equal(found.count, FIDELITY_ROWS);
    assert_int_equal(found.more, 5);
    fidelity_write_json(&found, &out);
    struct document *json = NULL;
    assert_true(document_parse(buf_span(&out), &json, &err)); /* valid UTF-8 too */
    assert_int_equal(document_length(json), FIDELITY_ROWS);
    document_free(json);
    assert_true(fidelity_compare(&source, &source, CHROMA_INDEX_HNSW, &found, &err));
    assert_int_equal(found.count, 0);
    chroma_collection_deinit(&source);
    chroma_collection_deinit(&target);
    buf_deinit(&metadata);
    buf_deinit(&out);
}

static void the_report_is_json_for_programs(void **state)
{
    struct buf out;
    struct fidelity more = {0};
    (void)state;
    buf_init(&out, LIMIT_CONTROL_DOCUMENT);
    expect_new(HNSW, "null", "null", CHROMA_INDEX_SPANN, "  index: \"hnsw\" -> \"spann\"\n");
    fidelity_write_json(&found, &out);
    assert_string_equal(buf_cstr(&out), "[{\"setting\":\"index\",\"source\":\"\\\"hnsw\\\"\","
                                        "\"target\":\"\\\"spann\\\"\"}]");
    more = found;
    snprintf(more.rows[1].setting, sizeof more.rows[1].setting, "hnsw.x");
    more.count = 2;
    assert_int_equal(fidelity_add(&found, &more), 1); /* what is known is not told twice */
    assert_int_equal(found.count, 2);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_of_an_ordinary_collection),
        cmocka_unit_test(cloud_takes_the_space_only),
        cmocka_unit_test(a_single_server_takes_neither_spann_nor_lists),
        cmocka_unit_test(indexes_that_were_switched_are_told),
        cmocka_unit_test(equal_settings_are_not_told),
        cmocka_unit_test(every_difference_is_told_with_both_values),
        cmocka_unit_test(a_creation_that_was_cut_short_is_known),
        cmocka_unit_test(the_index_of_an_old_server_is_in_its_metadata),
        cmocka_unit_test(long_values_are_cut_and_many_are_counted),
        cmocka_unit_test(the_report_is_json_for_programs),
    };
    return cmocka_run_group_tests_name("fidelity", tests, NULL, NULL);
}
