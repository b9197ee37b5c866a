/*
 * The Chroma calls against real servers, named by FERRY_SOURCE and FERRY_TARGET (`compose/local
 * env`): what a collection made like its source really becomes, and what the server really says.
 * Collections get a random name and stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "format/columns.h"
#include "net/chroma_internal.h"

#define PATIENCE_MS 20000

struct world {
    struct loop *loop;
    struct http *http;
    struct chroma source, target;
};

struct result {
    bool done;
    struct error err;
    struct chroma_limits limits;
    struct chroma_collection collection;
    struct buf body;
    uint64_t count;
    uint64_t ids;
};

static struct world world;

static void open_server(struct chroma *chroma, const char *role, const char *url)
{
    struct error err = {0};

    *chroma = (struct chroma){
        .http = world.http, .tenant = "default_tenant", .database = "default_database"};
    snprintf(chroma->role, sizeof chroma->role, "%s", role);
    if (!http_parse_address(url, &chroma->address, &err)) {
        fail_msg("%s", err.message);
    }
}

static int setup(void **state)
{
    struct error err = {0};

    (void)state;
    world.loop = loop_new(&err);
    world.http = world.loop ? http_new(world.loop, "chroma-ferry/test", &err) : NULL;
    if (!world.http) {
        return -1;
    }
    open_server(&world.source, "source", getenv("FERRY_SOURCE"));
    open_server(&world.target, "target", getenv("FERRY_TARGET"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_free(world.http);
    loop_free(world.loop);
    return 0;
}

static void finish(struct http_request *request, struct result *result,
                   const struct error *send_err)
{
    struct error err = {0};

    if (!request) {
        fail_msg("%s", send_err->message);
    }
    if (!loop_until(world.loop, &result->done, clock_boottime_ms() + PATIENCE_MS, &err)) {
        fail_msg("%s", err.message);
    }
    result->done = false;
}

static void expect_fine(const struct result *result)
{
    if (result->err.kind != ERROR_NONE) {
        fail_msg("%s: %s", error_kind_name(result->err.kind), result->err.message);
    }
}

static void on_done(void *ctx, const struct error *err)
{
    struct result *result = ctx;

    result->err = *err;
    result->done = true;
}

static void on_limits(void *ctx, const struct chroma_limits *limits, const struct error *err)
{
    ((struct result *)ctx)->limits = *limits;
    on_done(ctx, err);
}

static void on_collection(void *ctx, struct chroma_collection *collection, const struct error *err)
{
    ((struct result *)ctx)->collection = *collection;
    on_done(ctx, err);
}

static void on_count(void *ctx, uint64_t count, const struct error *err)
{
    ((struct result *)ctx)->count = count;
    on_done(ctx, err);
}

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct result *result = ctx;

    buf_init(&result->body, LIMIT_RESPONSE);
    buf_append_span(&result->body, answer->body);
    on_done(ctx, err);
}

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct result *result = ctx;
    char wanted[32];

    snprintf(wanted, sizeof wanted, "id-%llu", (unsigned long long)result->ids++);
    return span_equal(id, span_from_str(wanted)) ||
           error_set(err, ERROR_FORMAT, "another id than %s", wanted);
}

struct name {
    char text[64];
};

static struct name fresh_name(void)
{
    struct name name;
    struct uuid uuid;

    uuid_random(&uuid);
    snprintf(name.text, sizeof name.text, "net-%s", uuid.text);
    return name;
}

static struct chroma_collection create(struct chroma *chroma, struct span body)
{
    struct result result = {0};
    struct error err = {0};

    finish(chroma_create_collection(chroma, body, on_collection, &result, &err), &result, &err);
    expect_fine(&result);
    return result.collection;
}

static struct chroma_collection get(struct chroma *chroma, const char *name)
{
    struct result result = {0};
    struct error err = {0};

    finish(chroma_get_collection(chroma, name, on_collection, &result, &err), &result, &err);
    expect_fine(&result);
    return result.collection;
}

/* `have` holds exactly the members of `want`, value by value as text: 1 is not 1.0. Member order is
 * the server's whim. */
static void expect_same_members(struct span want, struct span have)
{
    struct json_scan scan;
    struct json_value key, value, other;
    struct error err = {0};
    unsigned wanted = 0, had = 0;
    bool more;

    json_scan_init(&scan, want);
    assert_true(json_open(&scan, '{', &err));
    while (json_next_member(&scan, &key, &more, &err) && more) {
        char name[128];

        assert_true(json_read(&scan, &value, &err));
        snprintf(name, sizeof name, "%.*s", (int)key.text.len - 2, (const char *)key.text.ptr + 1);
        if (!chroma_member(have, name, &other)) {
            fail_msg("%s is missing in %.*s", name, (int)have.len, (const char *)have.ptr);
        }
        if (value.type == JSON_OBJECT) {
            expect_same_members(value.text, other.text);
        } else if (!span_equal(value.text, other.text)) {
            fail_msg("%s: %.*s, was %.*s", name, (int)other.text.len, (const char *)other.text.ptr,
                     (int)value.text.len, (const char *)value.text.ptr);
        }
        wanted++;
    }
    json_scan_init(&scan, have);
    assert_true(json_open(&scan, '{', &err));
    while (json_next_member(&scan, &key, &more, &err) && more) {
        assert_true(json_read(&scan, &value, &err));
        had++;
    }
    assert_int_equal(wanted, had);
}

static void expect_same_member(const struct chroma_collection *want,
                               const struct chroma_collection *have, const char *name)
{
    struct json_value a, b;

    assert_true(chroma_member(buf_span(&want->text), name, &a));
    assert_true(chroma_member(buf_span(&have->text), name, &b));
    assert_int_equal(a.type, b.type);
    if (a.type == JSON_OBJECT) {
        expect_same_members(a.text, b.text);
    }
}

static void copy_collection(const struct chroma_collection *source, const char *name)
{
    struct error err = {0};
    struct buf body;
    struct chroma_collection target;
    struct result result = {0};
    bool needed;

    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    assert_true(chroma_create_body(source, name, CHROMA_INDEX_HNSW, &body, &err));
    target = create(&world.target, buf_span(&body));
    buf_clear(&body);
    assert_true(chroma_metadata_body(source, CHROMA_INDEX_HNSW, &body, &needed, &err));
    if (needed) {
        finish(chroma_put_collection(&world.target, &target.uuid, buf_span(&body), on_done, &result,
                                     &err),
               &result, &err);
        expect_fine(&result);
    }
    buf_deinit(&body);
    chroma_collection_deinit(&target);
}

static void a_collection_made_like_its_source_is_like_it(void **state)
{
    static const struct {
        const char *rest; /* of the create request at the source */
        enum space space;
    } rows[] = {
        {"\"metadata\":null", SPACE_L2},
        {"\"metadata\":{\"hnsw:space\":\"l2\"}", SPACE_L2},
        {"\"metadata\":{\"hnsw:space\":\"ip\"}", SPACE_IP},
        {"\"metadata\":{\"hnsw:space\":\"cosine\",\"owner\":\"x\"}", SPACE_COSINE},
        {"\"metadata\":{\"hnsw:space\":\"cosine\",\"hnsw:M\":20,\"hnsw:batch_size\":50,\"hnsw:num_"
         "threads\":2,"
         "\"hnsw:construction_ef\":150,\"hnsw:search_ef\":77,\"hnsw:sync_threshold\":500,\"hnsw:"
         "resize_factor\":1.5,"
         "\"i\":1,\"f\":1.0}",
         SPACE_COSINE},
        {"\"configuration\":{\"hnsw\":{\"space\":\"ip\",\"ef_construction\":120,\"ef_search\":55,"
         "\"max_neighbors\":8,"
         "\"resize_factor\":1.7,\"sync_threshold\":300,\"batch_size\":33}}",
         SPACE_IP},
        {"\"configuration\":{\"hnsw\":{\"space\":\"cosine\"},\"embedding_function\":{\"type\":"
         "\"known\",\"name\":\"openai\","
         "\"config\":{\"model_name\":\"m\",\"n\":1,\"f\":1.0,\"big\":9007199254740993,\"none\":"
         "null,\"list\":[1,1.0]}}},"
         "\"metadata\":{\"i\":1,\"f\":1.0,\"big\":9007199254740993,\"low\":-9223372036854775808,"
         "\"e\":0.1,\"b\":false,"
         "\"s\":\"a\\u0000\\\"\xc3\xbc\xf0\x9f\x9a\xa2\",\"hnsw:search_ef\":100}",
         SPACE_COSINE},
        {"\"configuration\":{\"embedding_function\":{\"type\":\"legacy\"}}", SPACE_L2},
        {"\"configuration\":{\"embedding_function\":{\"type\":\"unknown\"}}", SPACE_L2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma_collection made, source, target;
        struct name name = fresh_name(), copy = fresh_name();
        char json[2048];

        snprintf(json, sizeof json, "{\"name\":\"%s\",%s}", name.text, rows[i].rest);
        made = create(&world.source, span_from_str(json));
        source = get(&world.source, name.text);
        assert_true(uuid_equal(&made.uuid, &source.uuid));
        assert_int_equal(source.space, rows[i].space);
        copy_collection(&source, copy.text);
        target = get(&world.target, copy.text);
        assert_string_equal(target.name, copy.text);
        assert_int_equal(target.space, source.space);
        expect_same_member(&source, &target, "metadata");
        expect_same_member(&source, &target, "configuration_json");
        expect_same_member(&source, &target, "schema");
        chroma_collection_deinit(&made);
        chroma_collection_deinit(&source);
        chroma_collection_deinit(&target);
    }
}

static void preflight_tells_this_servers_limits(void **state)
{
    struct result result = {0};
    struct error err = {0};

    (void)state;
    finish(chroma_preflight(&world.source, on_limits, &result, &err), &result, &err);
    expect_fine(&result);
    assert_int_equal(result.limits.max_batch_records, 5461);
    assert_true(result.limits.takes_base64);
}

static void a_server_without_the_api_is_named(void **state)
{
    struct chroma elsewhere = world.source;
    struct result result = {0};
    struct error err = {0};

    (void)state;
    snprintf(elsewhere.address.base, sizeof elsewhere.address.base, "%.500s/elsewhere",
             world.source.address.base);
    elsewhere.is_met = true; /* something stands before it for a while */
    finish(chroma_preflight(&elsewhere, on_limits, &result, &err), &result, &err);
    assert_int_equal(result.err.kind, ERROR_UNAVAILABLE);
    elsewhere.is_met = false;
    finish(chroma_preflight(&elsewhere, on_limits, &result, &err), &result, &err);
    assert_int_equal(result.err.kind, ERROR_USAGE);
    assert_non_null(
        strstr(result.err.message,
               "/elsewhere answers 404 to /api/v2/pre-flight-checks: not a Chroma with API v2"));
}

static void a_missing_collection_is_not_found_and_a_second_one_a_conflict(void **state)
{
    struct name name = fresh_name();
    struct chroma_collection collection;
    struct result result = {0};
    struct error err = {0};
    char json[128];

    (void)state;
    finish(chroma_get_collection(&world.target, name.text, on_collection, &result, &err), &result,
           &err);
    assert_int_equal(result.err.kind, ERROR_NOT_FOUND);
    snprintf(json, sizeof json, "{\"name\":\"%s\"}", name.text);
    collection = create(&world.target, span_from_str(json));
    chroma_collection_deinit(&collection);
    finish(
        chroma_create_collection(&world.target, span_from_str(json), on_collection, &result, &err),
        &result, &err);
    assert_int_equal(result.err.kind, ERROR_CONFLICT);
}

static void upsert_n(struct chroma_collection *collection, size_t from, size_t count)
{
    struct result result = {0};
    struct error err = {0};
    struct buf body;

    buf_init(&body, LIMIT_REQUEST_BODY);
    buf_append_str(&body, "{\"ids\":[");
    for (size_t i = from; i < from + count; i++) {
        buf_printf(&body, "%s\"id-%zu\"", i == from ? "" : ",", i);
    }
    buf_append_str(&body, "],\"embeddings\":[");
    for (size_t i = from; i < from + count; i++) {
        buf_printf(&body, "%s[%zu.5,0.25,-1.0]", i == from ? "" : ",", i);
    }
    buf_append_str(&body, "]}");
    assert_true(buf_check(&body, "body", &err));
    finish(
        chroma_upsert(&world.source, &collection->uuid, buf_span(&body), 0, on_done, &result, &err),
        &result, &err);
    expect_fine(&result);
    buf_deinit(&body);
}

static void records_are_written_counted_listed_and_read(void **state)
{
    struct name name = fresh_name();
    struct span wanted[] = {SPAN_LITERAL("id-7"), SPAN_LITERAL("id-4999"), SPAN_LITERAL("id-5000")};
    struct chroma_collection collection, again;
    struct result result = {0};
    struct error err = {0};
    struct record_set set;
    struct arena arena;
    struct buf body;
    char json[128];

    (void)state;
    snprintf(json, sizeof json, "{\"name\":\"%s\"}", name.text);
    collection = create(&world.source, span_from_str(json));
    assert_int_equal(collection.dimension, 0);
    upsert_n(&collection, 0, 2500);
    upsert_n(&collection, 2500, 2500);
    again = get(&world.source, name.text);
    assert_int_equal(again.dimension, 3);
    chroma_collection_deinit(&again);

    finish(chroma_count(&world.source, &collection.uuid, on_count, &result, &err), &result, &err);
    expect_fine(&result);
    assert_int_equal(result.count, 5000);
    result.count = 0;
    finish(chroma_list_ids(&world.source, &collection.uuid, (struct chroma_page){0}, on_id,
                           on_count, &result, &err),
           &result, &err);
    expect_fine(&result);
    assert_int_equal(result.count, 5000);
    assert_int_equal(result.ids, 5000);

    buf_init(&body, LIMIT_REQUEST_BODY);
    columns_write_get(&body, wanted, 3);
    finish(chroma_get_records(&world.source, &collection.uuid, buf_span(&body), 0, on_answer,
                              &result, &err),
           &result, &err);
    expect_fine(&result);
    arena_init(&arena, LIMIT_BATCH_ARENA);
    if (!columns_scan(buf_span(&result.body), &arena, &set, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(set.count, 2);
    assert_true(set.records[0].embedding[0] == 7.5F || set.records[1].embedding[0] == 7.5F);
    arena_deinit(&arena);
    buf_deinit(&result.body);
    buf_deinit(&body);
    chroma_collection_deinit(&collection);
}

static void a_wrong_dimension_is_rejected_in_the_servers_words(void **state)
{
    struct name name = fresh_name();
    struct chroma_collection collection;
    struct result result = {0};
    struct error err = {0};
    char json[128];

    (void)state;
    snprintf(json, sizeof json, "{\"name\":\"%s\"}", name.text);
    collection = create(&world.source, span_from_str(json));
    upsert_n(&collection, 0, 1);
    finish(chroma_upsert(&world.source, &collection.uuid,
                         SPAN_LITERAL("{\"ids\":[\"a\"],\"embeddings\":[[1,2,3,4]]}"), 0, on_done,
                         &result, &err),
           &result, &err);
    assert_int_equal(result.err.kind, ERROR_REJECTED);
    assert_non_null(strstr(result.err.message,
                           ": 400: Collection expecting embedding with dimension of 3, got 4"));
    chroma_collection_deinit(&collection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preflight_tells_this_servers_limits),
        cmocka_unit_test(a_server_without_the_api_is_named),
        cmocka_unit_test(a_missing_collection_is_not_found_and_a_second_one_a_conflict),
        cmocka_unit_test(a_collection_made_like_its_source_is_like_it),
        cmocka_unit_test(records_are_written_counted_listed_and_read),
        cmocka_unit_test(a_wrong_dimension_is_rejected_in_the_servers_words),
    };

    if (!getenv("FERRY_SOURCE") || !getenv("FERRY_TARGET")) {
        fputs("FERRY_SOURCE and FERRY_TARGET name no servers: skipped\n", stderr);
        return 77;
    }
    signal(SIGPIPE, SIG_IGN);
    setenv("no_proxy", "*", 1); /* whatever the machine has: these servers are here */
    return cmocka_run_group_tests_name("chroma", tests, setup, teardown);
}
