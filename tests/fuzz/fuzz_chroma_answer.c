/* Answers of a server that may be anything: refusals, pre-flight checks, collection objects. No message shows the secret, and the
 * bodies made of a collection object are JSON. The first two bytes choose the status. */
#include "fuzz.h"

#include "net/chroma_internal.h"

#define SECRET "s3cret"

static const int STATUSES[] = {0,   200, 201, 204, 301, 400, 401, 403, 404, 408, 409,
                               410, 413, 422, 429, 500, 501, 502, 503, 504, 599};

static struct chroma *server(uint8_t choice)
{
    static struct chroma chroma = {.tenant = "default_tenant",
                                   .database = "default_database",
                                   .role = "target",
                                   .auth_header = "X-Chroma-Token: " SECRET};

    strcpy(chroma.address.origin, "http://127.0.0.1:8000");
    strcpy(chroma.address.base, "http://127.0.0.1:8000/prefix");
    chroma.version.number = (choice & 64) != 0 ? 4024 : 0; /* 0.4.24, which has a dialect */
    return &chroma;
}

static void check_error(bool ok, const struct error *err)
{
    fuzz_check_outcome(ok, err);
    REQUIRE(strstr(err->message, SECRET) == NULL);
}

static void check_json(struct buf *body)
{
    struct json_scan scan;
    struct json_value value;
    struct error err = {0};

    REQUIRE(buf_check(body, "body", &err));
    json_scan_init(&scan, buf_span(body));
    REQUIRE(json_read(&scan, &value, &err) && json_finish(&scan, &err));
    buf_clear(body);
}

static bool check_setting(void *ctx, const struct chroma_setting *setting)
{
    (void)ctx;
    REQUIRE(setting->name[0] != '\0' && memchr(setting->name, '\0', sizeof setting->name) != NULL);
    REQUIRE(setting->value.len > 0);
    return true;
}

static void check_collection(struct span text)
{
    struct chroma_collection collection;
    struct error err = {0};
    struct buf body;
    bool needed;
    bool ok = chroma_read_collection(text, &collection, &err);

    fuzz_check_outcome(ok, &err);
    if (!ok) {
        return;
    }
    buf_init(&body, 8u << 20);
    for (enum chroma_index_kind kind = CHROMA_INDEX_HNSW; kind <= CHROMA_INDEX_METADATA; kind++) {
        if (chroma_create_body(&collection, "the \"target\"", kind, &body, &err)) {
            check_json(&body);
        }
        error_clear(&err);
        buf_clear(&body);
        if (chroma_metadata_body(&collection, kind, &body, &needed, &err) && needed) {
            check_json(&body);
        }
        error_clear(&err);
        buf_clear(&body);
    }
    REQUIRE(chroma_each_setting(&collection, check_setting, NULL, &err));
    buf_deinit(&body);
    chroma_collection_deinit(&collection);
}

/* A version is what it says, or none. */
static void check_version(struct span body, uint8_t choice)
{
    struct chroma_version version;
    struct chroma chroma = *server(choice);
    struct error err = {0};

    if (chroma_read_version(body, &version)) {
        REQUIRE(strnlen(version.text, sizeof version.text) < sizeof version.text);
        REQUIRE(version.text[0] >= '0' && version.text[0] <= '9');
        check_error(chroma_take_version(&chroma, &version, &err), &err);
    }
}

static void check_identity(struct span body)
{
    struct chroma_identity identity;
    struct error err = {0};

    if (chroma_read_identity(body, &identity, &err)) {
        REQUIRE(strnlen(identity.tenant, sizeof identity.tenant) < sizeof identity.tenant);
        REQUIRE(strnlen(identity.database, sizeof identity.database) < sizeof identity.database);
        REQUIRE(strnlen(identity.databases, sizeof identity.databases) < sizeof identity.databases);
        REQUIRE(identity.database_count == 1 || identity.database[0] == '\0');
    } else {
        check_error(false, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {data, size};
    uint8_t choice = fuzz_byte(&input);
    struct http_answer answer = {.status = STATUSES[choice % (sizeof STATUSES / sizeof *STATUSES)],
                                 .trace_id = (choice & 128) != 0 ? "abc-123" : NULL};
    struct chroma_limits limits;
    struct error err = {0};

    answer.body = input;
    if (answer.status == 0) {
        error_set(&answer.err, ERROR_UNAVAILABLE, "127.0.0.1:8000: no connection");
    }
    check_error(chroma_check(server(choice), &answer, &err), &err);
    error_clear(&err);
    check_error(chroma_check_named(server(choice), &answer, "docs", &err), &err);
    error_clear(&err);
    check_error(chroma_check_preflight(server(choice), &answer, &limits, &err), &err);
    check_version(input, choice);
    check_identity(input);
    check_collection(input);
    return 0;
}
