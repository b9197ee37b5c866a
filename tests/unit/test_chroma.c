/* The calls on the wire: what is asked of a server, and how each answer comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/chroma.h"
#include "support/loopback.h"

#define PATIENCE_MS 8000

static const struct uuid some_uuid = {"3fa85f64-5717-4562-b3fc-2c963f66afa6"};

struct world {
    struct loop *loop;
    struct http *http;
    struct loopback *server;
    struct chroma chroma;
};

struct result { /* of whatever call */
    bool done;
    unsigned calls;
    struct error err;
    struct chroma_limits limits;
    struct chroma_collection collection;
    uint64_t count;
    char body[256];
    char ids[256]; /* "a,b," */
    unsigned refuse_at;
    unsigned id_count;
};

struct reply {
    int status;
    const char *body;
};

static struct loopback_request seen;
static char seen_body[256];

static void replies(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    const struct reply *reply = ctx;
    struct loopback_request request;

    (void)nth;
    while (loopback_read_head(peer, &request)) {
        size_t len = loopback_read(peer, seen_body, request.content_length);

        seen_body[len] = '\0';
        seen = request;
        loopback_answer(peer, reply->status, "", reply->body);
    }
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct error err = {0};

    signal(SIGPIPE, SIG_IGN);
    setenv("no_proxy", "*", 1); /* whatever the machine has: these servers are here */
    world->loop = loop_new(&err);
    world->http = world->loop ? http_new(world->loop, "chroma-ferry/test", &err) : NULL;
    world->chroma = (struct chroma){.http = world->http,
                                    .tenant = "default_tenant",
                                    .database = "default_database",
                                    .role = "source"};
    *state = world;
    return world->http ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *world = *state;

    http_free(world->http);
    loop_free(world->loop);
    loopback_stop(world->server);
    free(world);
    return 0;
}

static struct chroma *serve(struct world *world, const struct reply *reply)
{
    struct error err = {0};

    loopback_stop(world->server);
    world->server = loopback_start(replies, reply);
    assert_true(http_parse_address(loopback_url(world->server, ""), &world->chroma.address, &err));
    return &world->chroma;
}

static void finish(struct world *world, const struct http_request *request, struct result *result)
{
    struct error err = {0};

    assert_non_null(request);
    assert_int_equal(result->calls, 0);
    assert_true(loop_until(world->loop, &result->done, clock_boottime_ms() + PATIENCE_MS, &err));
    assert_int_equal(result->calls, 1);
}

static void note(struct result *result, const struct error *err)
{
    result->done = true;
    result->calls++;
    result->err = *err;
}

static void on_done(void *ctx, const struct error *err)
{
    note(ctx, err);
}

static void on_limits(void *ctx, const struct chroma_limits *limits, const struct error *err)
{
    struct result *result = ctx;

    result->limits = *limits;
    note(result, err);
}

static void on_collection(void *ctx, struct chroma_collection *collection, const struct error *err)
{
    struct result *result = ctx;

    result->collection = *collection;
    note(result, err);
}

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct result *result = ctx;

    snprintf(result->body, sizeof result->body, "%.*s", (int)answer->body.len,
             answer->body.ptr ? (const char *)answer->body.ptr : "");
    note(result, err);
}

static void on_count(void *ctx, uint64_t count, const struct error *err)
{
    struct result *result = ctx;

    result->count = count;
    note(result, err);
}

static void on_version(void *ctx, const struct chroma_version *version, const struct error *err)
{
    struct result *result = ctx;

    result->count = version->number;
    note(result, err);
}

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct result *result = ctx;
    size_t len = strlen(result->ids);

    if (++result->id_count == result->refuse_at) {
        return error_set(err, ERROR_CONFLICT, "the plan is another's now");
    }
    snprintf(result->ids + len, sizeof result->ids - len, "%.*s,", (int)id.len,
             (const char *)id.ptr);
    return true;
}

static void expect_request(const char *line, const char *body)
{
    if (strncmp(seen.head, line, strlen(line)) != 0) {
        fail_msg("asked: %s", seen.head);
    }
    assert_non_null(strstr(seen.head, "\r\nAccept: application/json\r\n"));
    assert_string_equal(seen_body, body);
    assert_int_equal(strstr(seen.head, "\r\nContent-Type: application/json\r\n") != NULL,
                     body[0] != '\0');
}

static void preflight_asks_and_reads(void **state)
{
    const struct reply reply = {200, "{\"max_batch_size\":5461,\"supports_base64_encoding\":true}"};
    struct result result = {0};
    struct error err = {0};

    finish(*state, chroma_preflight(serve(*state, &reply), on_limits, &result, &err), &result);
    expect_request("GET /api/v2/pre-flight-checks HTTP/1.1\r\n", "");
    assert_int_equal(result.err.kind, ERROR_NONE);
    assert_int_equal(result.limits.max_batch_records, 5461);
    assert_true(result.limits.takes_base64);
}

static void a_collection_is_asked_by_its_encoded_name(void **state)
{
    const struct reply reply = {
        200, "{\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\",\"name\":\"d\",\"dimension\":3}"};
    struct world *world = *state;
    struct result result = {0};
    struct error err = {0};

    serve(world, &reply);
    snprintf(world->chroma.tenant, sizeof world->chroma.tenant, "%s", "a/b c");
    snprintf(world->chroma.database, sizeof world->chroma.database, "%s", "x+y?");
    snprintf(world->chroma.address.base + strlen(world->chroma.address.base), 8, "/proxy");
    finish(world,
           chroma_get_collection(&world->chroma, "d%\xc3\xbc.-_~", on_collection, &result, &err),
           &result);
    expect_request(
        "GET /proxy/api/v2/tenants/a%2Fb%20c/databases/x%2By%3F/collections/d%25%C3%BC.-_~ "
        "HTTP/1.1\r\n",
        "");
    assert_int_equal(result.err.kind, ERROR_NONE);
    assert_true(uuid_equal(&result.collection.uuid, &some_uuid));
    assert_int_equal(result.collection.dimension, 3);
    chroma_collection_deinit(&result.collection);
}

static void a_missing_collection_is_not_found(void **state)
{
    const struct reply reply = {
        404, "{\"error\":\"NotFoundError\",\"message\":\"Collection [d] does not exist\"}"};
    struct result result = {0};
    struct error err = {0};

    finish(*state, chroma_get_collection(serve(*state, &reply), "d", on_collection, &result, &err),
           &result);
    assert_int_equal(result.err.kind, ERROR_NOT_FOUND);
    assert_non_null(strstr(result.err.message, ": collection \"d\" does not exist (404)"));
    assert_null(result.collection.object);
}

static void an_unreadable_collection_is_a_format_error_of_that_server(void **state)
{
    const struct reply reply = {200, "{\"name\":\"d\"}"};
    struct result result = {0};
    struct error err = {0};

    finish(*state, chroma_get_collection(serve(*state, &reply), "d", on_collection, &result, &err),
           &result);
    assert_int_equal(result.err.kind, ERROR_FORMAT);
    assert_ptr_equal(strstr(result.err.message, "source 127.0.0.1:"), result.err.message);
    assert_null(result.collection.object);
}

static void creating_posts_and_a_conflict_is_a_conflict(void **state)
{
    const struct reply exists = {
        409, "{\"error\":\"ChromaError\",\"message\":\"Collection [d] already exists\"}"};
    struct result result = {0};
    struct error err = {0};

    finish(*state,
           chroma_create_collection(serve(*state, &exists), SPAN_LITERAL("{\"name\":\"d\"}"),
                                    on_collection, &result, &err),
           &result);
    expect_request(
        "POST /api/v2/tenants/default_tenant/databases/default_database/collections HTTP/1.1\r\n",
        "{\"name\":\"d\"}");
    assert_int_equal(result.err.kind, ERROR_CONFLICT);
    assert_non_null(strstr(result.err.message, "409: Collection [d] already exists"));
}

#define RECORDS                                                                                    \
    "/api/v2/tenants/default_tenant/databases/default_database/collections/"                       \
    "3fa85f64-5717-4562-b3fc-2c963f66afa6"

static void the_calls_by_uuid_have_their_paths(void **state)
{
    const struct reply reply = {200, "17.5"};
    struct world *world = *state;
    struct chroma *chroma = serve(world, &reply);
    struct span body = SPAN_LITERAL("{\"x\":1}");
    struct result result = {0};
    struct error err = {0};

    finish(world, chroma_put_collection(chroma, &some_uuid, body, on_done, &result, &err), &result);
    expect_request("PUT " RECORDS " HTTP/1.1\r\n", "{\"x\":1}");
    result = (struct result){0};
    finish(world, chroma_count(chroma, &some_uuid, on_count, &result, &err), &result);
    expect_request("GET " RECORDS "/count HTTP/1.1\r\n", "");
    assert_int_equal(result.err.kind, ERROR_FORMAT); /* no number of records */
    result = (struct result){0};
    finish(world, chroma_get_records(chroma, &some_uuid, body, 0, on_answer, &result, &err),
           &result);
    expect_request("POST " RECORDS "/get HTTP/1.1\r\n", "{\"x\":1}");
    assert_string_equal(result.body, "17.5");
    result = (struct result){0};
    finish(world, chroma_delete(chroma, &some_uuid, body, 0, on_done, &result, &err), &result);
    expect_request("POST " RECORDS "/delete HTTP/1.1\r\n", "{\"x\":1}");
    assert_int_equal(result.err.kind, ERROR_NONE);
    result = (struct result){0};
    finish(world, chroma_upsert(chroma, &some_uuid, body, 0, on_done, &result, &err), &result);
    expect_request("POST " RECORDS "/upsert HTTP/1.1\r\n", "{\"x\":1}");
    assert_int_equal(result.err.kind, ERROR_NONE);
    result = (struct result){0};
    finish(world, chroma_delete(chroma, &some_uuid, body, 0, on_done, &result, &err), &result);
    expect_request("POST " RECORDS "/delete HTTP/1.1\r\n", "{\"x\":1}");
    assert_int_equal(result.err.kind, ERROR_NONE);
    result = (struct result){0};
    finish(world, chroma_list_collections(chroma, 0, 100, on_answer, &result, &err), &result);
    expect_request(
        "GET "
        "/api/v2/tenants/default_tenant/databases/default_database/collections?limit=100&offset=0 "
        "HTTP/1.1\r\n",
        "");
    result = (struct result){0};
    finish(world, chroma_look_tenant(chroma, on_done, &result, &err), &result);
    expect_request("GET /api/v2/tenants/default_tenant HTTP/1.1\r\n", "");
    result = (struct result){0};
    finish(world, chroma_look_database(chroma, on_done, &result, &err), &result);
    expect_request("GET /api/v2/tenants/default_tenant/databases/default_database HTTP/1.1\r\n",
                   "");
}

/* Sends one call of each kind, and says what became of it. */
static void expect_outage(struct world *world, struct chroma *chroma, unsigned nth)
{
    static const struct chroma_page page = {0};
    struct span body = SPAN_LITERAL("{\"x\":1}");
    struct result result = {0};
    struct error err = {0};
    struct http_request *request = NULL;

    switch (nth) {
    case 0:
        request = chroma_upsert(chroma, &some_uuid, body, 0, on_done, &result, &err);
        break;
    case 1:
        request = chroma_delete(chroma, &some_uuid, body, 0, on_done, &result, &err);
        break;
    case 2:
        request = chroma_get_records(chroma, &some_uuid, body, 0, on_answer, &result, &err);
        break;
    case 3:
        request = chroma_query(chroma, &some_uuid, body, 0, on_answer, &result, &err);
        break;
    case 4:
        request = chroma_count(chroma, &some_uuid, on_count, &result, &err);
        break;
    case 5:
        request = chroma_list_ids(chroma, &some_uuid, page, on_id, on_count, &result, &err);
        break;
    case 6:
        request = chroma_list_collections(chroma, 0, 100, on_answer, &result, &err);
        break;
    case 7:
        request = chroma_get_collection(chroma, "d", on_collection, &result, &err);
        break;
    case 8:
        request = chroma_create_collection(chroma, body, on_collection, &result, &err);
        break;
    case 9:
        request = chroma_put_collection(chroma, &some_uuid, body, on_done, &result, &err);
        break;
    case 10:
        request = chroma_delete_collection(chroma, "d", on_done, &result, &err);
        break;
    case 11:
        request = chroma_ask_version(chroma, CHROMA_API_V2, on_version, &result, &err);
        break;
    default:
        request = chroma_preflight(chroma, on_limits, &result, &err);
        break;
    }
    finish(world, request, &result);
    if (result.err.kind != ERROR_UNAVAILABLE || !http_may_be_applied(&result.err)) {
        fail_msg("call %u: %s: %s", nth, error_kind_name(result.err.kind), result.err.message);
    }
    assert_ptr_equal(strstr(result.err.message, "source "), result.err.message);
}

static void a_page_is_no_answer_to_anything(void **state)
{
    static const struct reply met = {200, "{\"max_batch_size\":1}"};
    static const struct reply pages[] = {
        {200, "\n<!DOCTYPE html><html>back soon</html>"},
        {404, "404 page not found\n"},
        {400, "<html>400</html>"},
    };
    struct result result = {0};
    struct error err = {0};

    finish(*state, chroma_preflight(serve(*state, &met), on_limits, &result, &err), &result);
    assert_int_equal(result.err.kind, ERROR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct chroma *chroma = serve(*state, &pages[i]);

        for (unsigned nth = 0; nth <= 12; nth++) {
            expect_outage(*state, chroma, nth);
        }
    }
}

static void an_empty_answer_to_a_question_is_none(void **state)
{
    static const struct reply empty = {200, ""};
    struct world *world = *state;
    struct chroma *chroma = serve(world, &empty);
    struct result result = {0};
    struct error err = {0};

    for (unsigned nth = 2; nth <= 8; nth++) {
        expect_outage(world, chroma, nth);
    }
    finish(world, chroma_upsert(chroma, &some_uuid, SPAN_LITERAL("{}"), 0, on_done, &result, &err),
           &result);
    assert_int_equal(result.err.kind, ERROR_NONE); /* it will be read back */
}

#define V1_RECORDS "/api/v1/collections/3fa85f64-5717-4562-b3fc-2c963f66afa6"

static void a_server_with_api_v1_has_paths_of_its_own(void **state)
{
    const struct reply reply = {200, "17"};
    struct world *world = *state;
    struct chroma *chroma = serve(world, &reply);
    struct span body = SPAN_LITERAL("{\"ids\":[],\"include\":[\"metadatas\",\"uris\"]}");
    struct result result = {0};
    struct error err = {0};

    chroma->api = CHROMA_API_V1;
    snprintf(chroma->tenant, sizeof chroma->tenant, "%s", "a/b c");
    snprintf(chroma->database, sizeof chroma->database, "%s", "x&y=");
    finish(world, chroma_preflight(chroma, on_limits, &result, &err), &result);
    expect_request("GET /api/v1/pre-flight-checks HTTP/1.1\r\n", "");
    result = (struct result){0};
    finish(world, chroma_list_collections(chroma, 0, 100, on_answer, &result, &err), &result);
    expect_request("GET /api/v1/collections?tenant=a%2Fb%20c&database=x%26y%3D&limit=100&offset=0 "
                   "HTTP/1.1\r\n",
                   "");
    result = (struct result){0};
    finish(world, chroma_look_tenant(chroma, on_done, &result, &err), &result);
    expect_request("GET /api/v1/tenants/a%2Fb%20c HTTP/1.1\r\n", "");
    result = (struct result){0};
    finish(world, chroma_look_database(chroma, on_done, &result, &err), &result);
    expect_request("GET /api/v1/databases/x%26y%3D?tenant=a%2Fb%20c HTTP/1.1\r\n", "");
    result = (struct result){0};
    finish(world, chroma_get_collection(chroma, "d?", on_collection, &result, &err), &result);
    expect_request("GET /api/v1/collections/d%3F?tenant=a%2Fb%20c&database=x%26y%3D HTTP/1.1\r\n",
                   "");
    result = (struct result){0};
    finish(world, chroma_count(chroma, &some_uuid, on_count, &result, &err), &result);
    expect_request("GET " V1_RECORDS "/count HTTP/1.1\r\n", "");
    assert_int_equal(result.count, 17);
    result = (struct result){0};
    finish(world,
           chroma_list_ids(chroma, &some_uuid, (struct chroma_page){0}, on_id, on_count, &result,
                           &err),
           &result);
    expect_request("POST " V1_RECORDS "/get HTTP/1.1\r\n", "{\"include\":[]}");
    result = (struct result){0};
    finish(world, chroma_get_records(chroma, &some_uuid, body, 0, on_answer, &result, &err),
           &result);
    expect_request("POST " V1_RECORDS "/get HTTP/1.1\r\n",
                   "{\"ids\":[],\"include\":[\"metadatas\",\"uris\"]}");
}

static void a_server_without_uris_is_not_asked_for_them(void **state)
{
    static const struct {
        const char *body, *sent;
    } rows[] = {
        {"{\"ids\":[\"uris\"],\"include\":[\"embeddings\",\"documents\",\"metadatas\",\"uris\"]}",
         "{\"ids\":[\"uris\"],\"include\":[\"embeddings\",\"documents\",\"metadatas\"]}"},
        {"{\"ids\":[\"a\",\"uris\"]}", "{\"ids\":[\"a\",\"uris\"]}"},
        {"{\"include\":[]}", "{\"include\":[]}"},
    };
    const struct reply reply = {200, "{}"};
    struct world *world = *state;
    struct chroma *chroma = serve(world, &reply);

    chroma->api = CHROMA_API_V1;
    chroma->lacks_uris = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct result result = {0};
        struct error err = {0};

        finish(world,
               chroma_get_records(chroma, &some_uuid, span_from_str(rows[i].body), 0, on_answer,
                                  &result, &err),
               &result);
        expect_request("POST " V1_RECORDS "/get HTTP/1.1\r\n", rows[i].sent);
    }
}

static void a_version_is_asked_in_either_api(void **state)
{
    static const struct {
        struct reply reply;
        enum chroma_api api;
        const char *line;
        enum error_kind kind;
        uint32_t number;
    } rows[] = {
        {{200, "\"1.0.0\""},
         CHROMA_API_V2,
         "GET /api/v2/version HTTP/1.1\r\n",
         ERROR_NONE,
         1000000},
        {{200, "\"0.4.24\""}, CHROMA_API_V1, "GET /api/v1/version HTTP/1.1\r\n", ERROR_NONE, 4024},
        {{404, "{\"detail\":\"Not Found\"}"},
         CHROMA_API_V2,
         "GET /api/v2/version",
         ERROR_NOT_FOUND,
         0},
        {{410, ""}, CHROMA_API_V1, "GET /api/v1/version", ERROR_REJECTED, 0},
        {{401, ""}, CHROMA_API_V2, "GET /api/v2/version", ERROR_AUTH, 0},
        {{503, ""}, CHROMA_API_V2, "GET /api/v2/version", ERROR_UNAVAILABLE, 0},
        {{200, "<html>"}, CHROMA_API_V2, "GET /api/v2/version", ERROR_FORMAT, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct result result = {0};
        struct error err = {0};

        finish(*state,
               chroma_ask_version(serve(*state, &rows[i].reply), rows[i].api, on_version, &result,
                                  &err),
               &result);
        expect_request(rows[i].line, "");
        assert_int_equal(result.err.kind, rows[i].kind);
        assert_int_equal(result.count, rows[i].number);
    }
}

static void a_refused_token_names_what_was_asked(void **state)
{
    const struct reply reply = {403, "{\"error\":\"AuthError\",\"message\":\"Forbidden\"}"};
    struct world *world = *state;
    struct chroma *chroma = serve(world, &reply);
    struct result result = {0};
    struct error err = {0};

    chroma->api = CHROMA_API_V1;
    snprintf(chroma->auth_header, sizeof chroma->auth_header, "%s", "X-Chroma-Token: hunter2");
    finish(world, chroma_count(chroma, &some_uuid, on_count, &result, &err), &result);
    assert_int_equal(result.err.kind, ERROR_AUTH);
    assert_non_null(strstr(result.err.message, ": 403 to " V1_RECORDS "/count: refused the "
                                               "X-Chroma-Token that was sent (check "
                                               "FERRY_SOURCE_TOKEN"));
    assert_null(strstr(result.err.message, "hunter2"));
}

static void a_count_is_a_bare_number(void **state)
{
    const struct reply reply = {200, "5000000\n"};
    struct result result = {0};
    struct error err = {0};

    finish(*state, chroma_count(serve(*state, &reply), &some_uuid, on_count, &result, &err),
           &result);
    assert_int_equal(result.err.kind, ERROR_NONE);
    assert_int_equal(result.count, 5000000);
}

static void ids_are_streamed(void **state)
{
    const struct reply reply = {
        200, "{\"ids\":[\"a\",\"b\\u0062\",\"\xc3\xbc\"],\"embeddings\":null,\"include\":[]}"};
    struct result result = {0};
    struct error err = {0};

    finish(*state,
           chroma_list_ids(serve(*state, &reply), &some_uuid, (struct chroma_page){0}, on_id,
                           on_count, &result, &err),
           &result);
    expect_request("POST " RECORDS "/get HTTP/1.1\r\n", "{\"include\":[]}");
    assert_int_equal(result.err.kind, ERROR_NONE);
    assert_string_equal(result.ids, "a,bb,\xc3\xbc,");
    assert_int_equal(result.count, 3);
}

static void a_broken_list_of_ids_is_a_format_error_of_that_server(void **state)
{
    static const struct reply cases[] = {
        {200, "{\"ids\":[\"a\",17]}"},
        {200, "{\"ids\":[\"a\""},
        {200, "{\"other\":1}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result result = {0};
        struct error err = {0};

        finish(*state,
               chroma_list_ids(serve(*state, &cases[i]), &some_uuid, (struct chroma_page){0}, on_id,
                               on_count, &result, &err),
               &result);
        assert_int_equal(result.err.kind, ERROR_FORMAT);
        assert_ptr_equal(strstr(result.err.message, "source 127.0.0.1:"), result.err.message);
        assert_non_null(strstr(result.err.message, ": the list of ids: "));
    }
}

static void a_refused_id_ends_the_listing_with_its_own_error(void **state)
{
    const struct reply reply = {200, "{\"ids\":[\"a\",\"b\",\"c\"]}"};
    struct result result = {.refuse_at = 2};
    struct error err = {0};

    finish(*state,
           chroma_list_ids(serve(*state, &reply), &some_uuid, (struct chroma_page){0}, on_id,
                           on_count, &result, &err),
           &result);
    assert_int_equal(result.err.kind, ERROR_CONFLICT);
    assert_string_equal(result.err.message, "the plan is another's now");
    assert_string_equal(result.ids, "a,");
}

static void a_refused_listing_is_a_refusal(void **state)
{
    const struct reply reply = {500, "{\"message\":\"Error finding id\"}"};
    struct result result = {0};
    struct error err = {0};

    finish(*state,
           chroma_list_ids(serve(*state, &reply), &some_uuid, (struct chroma_page){0}, on_id,
                           on_count, &result, &err),
           &result);
    assert_int_equal(result.err.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(result.err.message, "500: Error finding id"));
    assert_int_equal(result.id_count, 0);
}

static void the_secret_travels_as_a_header_until_it_is_forgotten(void **state)
{
    const struct reply reply = {200, "1"};
    struct world *world = *state;
    struct chroma *chroma = serve(world, &reply);
    struct result result = {0};
    struct error err = {0};

    snprintf(chroma->auth_header, sizeof chroma->auth_header, "%s", "X-Chroma-Token: hunter2");
    finish(world, chroma_count(chroma, &some_uuid, on_count, &result, &err), &result);
    assert_non_null(strstr(seen.head, "\r\nX-Chroma-Token: hunter2\r\n"));
    chroma_forget_secret(chroma);
    for (size_t i = 0; i < sizeof chroma->auth_header; i++) {
        assert_int_equal(chroma->auth_header[i], 0);
    }
    result = (struct result){0};
    finish(world, chroma_count(chroma, &some_uuid, on_count, &result, &err), &result);
    assert_null(strstr(seen.head, "hunter2"));
}

static void a_server_that_is_away_is_named_with_its_role(void **state)
{
    struct world *world = *state;
    struct result result = {0};
    struct error err = {0};
    char url[64], wanted[128];
    unsigned port = loopback_closed_port();

    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    snprintf(wanted, sizeof wanted, "source 127.0.0.1:%u: connection refused", port);
    assert_true(http_parse_address(url, &world->chroma.address, &err));
    finish(world, chroma_preflight(&world->chroma, on_limits, &result, &err), &result);
    assert_int_equal(result.err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(result.err.message, wanted);
}

static void a_name_too_long_for_a_url_is_refused_at_once(void **state)
{
    const struct reply reply = {200, "1"};
    struct chroma *chroma = serve(*state, &reply);
    struct result result = {0};
    struct error err = {0};
    static char name[9000];

    memset(name, 'n', sizeof name - 1);
    assert_null(chroma_get_collection(chroma, name, on_collection, &result, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_int_equal(result.calls, 0);
}

static void a_cancelled_call_answers_cancelled(void **state)
{
    const struct reply reply = {200, "1"};
    struct result result = {0};
    struct error err = {0};
    struct http_request *request =
        chroma_count(serve(*state, &reply), &some_uuid, on_count, &result, &err);

    assert_non_null(request);
    http_cancel(request);
    finish(*state, request, &result);
    assert_int_equal(result.err.kind, ERROR_CANCELLED);
}

#define CHROMA_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHROMA_TEST(preflight_asks_and_reads),
        CHROMA_TEST(a_collection_is_asked_by_its_encoded_name),
        CHROMA_TEST(a_missing_collection_is_not_found),
        CHROMA_TEST(an_unreadable_collection_is_a_format_error_of_that_server),
        CHROMA_TEST(creating_posts_and_a_conflict_is_a_conflict),
        CHROMA_TEST(the_calls_by_uuid_have_their_paths),
        CHROMA_TEST(a_page_is_no_answer_to_anything),
        CHROMA_TEST(an_empty_answer_to_a_question_is_none),
        CHROMA_TEST(a_server_with_api_v1_has_paths_of_its_own),
        CHROMA_TEST(a_server_without_uris_is_not_asked_for_them),
        CHROMA_TEST(a_version_is_asked_in_either_api),
        CHROMA_TEST(a_refused_token_names_what_was_asked),
        CHROMA_TEST(a_count_is_a_bare_number),
        CHROMA_TEST(ids_are_streamed),
        CHROMA_TEST(a_broken_list_of_ids_is_a_format_error_of_that_server),
        CHROMA_TEST(a_refused_id_ends_the_listing_with_its_own_error),
        CHROMA_TEST(a_refused_listing_is_a_refusal),
        CHROMA_TEST(the_secret_travels_as_a_header_until_it_is_forgotten),
        CHROMA_TEST(a_server_that_is_away_is_named_with_its_role),
        CHROMA_TEST(a_name_too_long_for_a_url_is_refused_at_once),
        CHROMA_TEST(a_cancelled_call_answers_cancelled),
    };

    return cmocka_run_group_tests_name("chroma", tests, NULL, NULL);
}
