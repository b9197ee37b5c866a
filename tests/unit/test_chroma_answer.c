/* From a server's answer to an error: its kind, and words a person can act on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/chroma_fixture.h"

static void expect(const struct error *err, enum error_kind kind, const char *message)
{
    assert_string_equal(err->message, message);
    assert_int_equal(err->kind, kind);
}

static void every_status_has_one_kind(void **state)
{
    static const struct {
        int status;
        enum error_kind kind;
    } rows[] = {
        {200, ERROR_NONE},        {201, ERROR_NONE},        {204, ERROR_NONE},
        {301, ERROR_REJECTED},    {302, ERROR_REJECTED},    {307, ERROR_REJECTED},
        {400, ERROR_REJECTED},    {401, ERROR_AUTH},        {403, ERROR_AUTH},
        {404, ERROR_NOT_FOUND},   {405, ERROR_REJECTED},    {408, ERROR_TIMEOUT},
        {409, ERROR_CONFLICT},    {410, ERROR_REJECTED},    {412, ERROR_REJECTED},
        {413, ERROR_TOO_LARGE},   {415, ERROR_REJECTED},    {418, ERROR_REJECTED},
        {422, ERROR_REJECTED},    {429, ERROR_THROTTLED},   {500, ERROR_UNAVAILABLE},
        {501, ERROR_REJECTED},    {502, ERROR_UNAVAILABLE}, {503, ERROR_UNAVAILABLE},
        {504, ERROR_UNAVAILABLE}, {529, ERROR_UNAVAILABLE}, {599, ERROR_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (chroma_classify(rows[i].status) != rows[i].kind) {
            fail_msg("%d is %s", rows[i].status, error_kind_name(chroma_classify(rows[i].status)));
        }
    }
}

static void a_refusal_is_told_in_the_servers_words(void **state)
{
    static const struct {
        int status;
        const char *body, *message;
        enum error_kind kind;
    } rows[] = {
        {400,
         "{\"error\":\"InvalidArgumentError\",\"message\":\"Collection expecting embedding with "
         "dimension of 3, got 4\"}",
         "target 127.0.0.1:8000: 400: Collection expecting embedding with dimension of 3, got 4",
         ERROR_REJECTED},
        {500, "{\"error\":\"ValueError('Collection x does not exist.')\"}",
         "target 127.0.0.1:8000: 500: ValueError('Collection x does not exist.')",
         ERROR_UNAVAILABLE},
        {422, "{\"detail\":\"shape\"}", "target 127.0.0.1:8000: 422: shape", ERROR_REJECTED},
        {413, "Payload too large", "target 127.0.0.1:8000: 413: Payload too large",
         ERROR_TOO_LARGE},
        {429, "You have been rate limited.\n",
         "target 127.0.0.1:8000: 429: You have been rate limited.", ERROR_THROTTLED},
        {502, "<html>\r\n<h1>502 Bad Gateway</h1></html>\r\n",
         "target 127.0.0.1:8000: 502: a page of a gateway or proxy before it, \"502 Bad Gateway\"",
         ERROR_UNAVAILABLE},
        {404, "", "target 127.0.0.1:8000: 404: no reason given", ERROR_NOT_FOUND},
        {503, " \n", "target 127.0.0.1:8000: 503: no reason given", ERROR_UNAVAILABLE},
        {400, "{\"error\":\"x\",\"message\":17}", "target 127.0.0.1:8000: 400: x", ERROR_REJECTED},
        {400, "{\"error\":\"1,2", "target 127.0.0.1:8000: 400: {\"error\":\"1,2", ERROR_REJECTED},
        {302, "", "target 127.0.0.1:8000: 302: no reason given", ERROR_REJECTED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct error err = {0};

        assert_false(chroma_check(&target, &answer, &err));
        expect(&err, rows[i].kind, rows[i].message);
        assert_int_equal(err.native, rows[i].status);
    }
}

static void success_says_nothing(void **state)
{
    struct http_answer answer = answer_of(201, "{}");
    struct error err = {0};

    (void)state;
    assert_true(chroma_check(&target, &answer, &err));
    assert_int_equal(err.kind, ERROR_NONE);
}

static void a_hint_to_wait_and_a_trace_are_kept(void **state)
{
    struct http_answer answer = answer_of(503, "busy");
    struct error err = {0};

    (void)state;
    answer.retry_after_ms = 7000;
    answer.trace_id = "abc123";
    assert_false(chroma_check(&target, &answer, &err));
    expect(&err, ERROR_UNAVAILABLE, "target 127.0.0.1:8000: 503: busy (trace abc123)");
    assert_int_equal(err.retry_after_ms, 7000);
}

static void a_long_body_is_cut_between_characters(void **state)
{
    char body[1200];
    struct http_answer answer;
    struct error err = {0};

    (void)state;
    body[0] = 'x';
    for (size_t i = 1; i + 2 < sizeof body; i += 2) {
        memcpy(body + i, "\xc3\xbc", 3);
    }
    answer = answer_of(500, body);
    assert_false(chroma_check(&target, &answer, &err));
    assert_true(strlen(err.message) < 300);
    assert_non_null(strstr(err.message, "xüü"));
    assert_string_equal(err.message + strlen(err.message) - 5, "ü…");
}

static void bytes_that_are_no_text_are_escaped(void **state)
{
    struct http_answer answer = answer_of(500, "a\x01\xff\x1b[31m");
    struct error err = {0};

    (void)state;
    assert_false(chroma_check(&target, &answer, &err));
    expect(&err, ERROR_UNAVAILABLE, "target 127.0.0.1:8000: 500: a\\x01\\xff\\x1b[31m");
}

#define ASKS  "target 127.0.0.1:8000: 403 to /pre/api/v1/count_collections: asks for credentials, "
#define CLOUD "https://api.trychroma.com:443"

static void missing_credentials_say_where_and_which_variable(void **state)
{
    static const struct chroma_advice none,
        off = {.is_none = true},
        section = {.token = "token_env of [endpoint x]", .style = "auth of [endpoint x]"},
        elsewhere = {.address = "FERRY_TARGET to its address, "
                                "and "};
    static const struct {
        const struct chroma_advice *advice;
        const char *message;
    } rows[] = {
        {&none, ASKS "none were sent (set FERRY_TARGET_TOKEN, and FERRY_TARGET_AUTH to bearer, "
                     "x-chroma-token or basic): Forbidden"},
        {&off, ASKS "none were sent, as FERRY_TARGET_AUTH says (set FERRY_TARGET_TOKEN, and "
                    "FERRY_TARGET_AUTH to bearer, x-chroma-token or basic): Forbidden"},
        {&section, ASKS "none were sent (set token_env of [endpoint x], and auth of [endpoint x] "
                        "to bearer, x-chroma-token or basic): Forbidden"},
        {&elsewhere, ASKS "none were sent (set FERRY_TARGET to its address, and "
                          "FERRY_TARGET_TOKEN, and FERRY_TARGET_AUTH to bearer, x-chroma-token or "
                          "basic): Forbidden"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma chroma = target;
        struct http_answer answer = answer_of(403, "{\"message\":\"Forbidden\"}");
        struct error err = {0};

        answer.url = "http://127.0.0.1:8000/pre/api/v1/count_collections";
        chroma.advice = *rows[i].advice;
        assert_false(chroma_check(&chroma, &answer, &err));
        expect(&err, ERROR_AUTH, rows[i].message);
    }
}

static void cloud_asks_for_a_key_that_can_be_given(void **state)
{
    static const struct {
        const char *origin;
        bool is_none;
        const char *advice;
    } rows[] = {
        {CLOUD, false, "asks for a key, none was sent (set CHROMA_API_KEY or FERRY_TARGET_TOKEN):"},
        {CLOUD, true,
         "asks for a key, none was sent, as FERRY_TARGET_AUTH says (set FERRY_TARGET_TOKEN, and "
         "FERRY_TARGET_AUTH to x-chroma-token):"},
        {"https://cloud.example:443", false,
         "asks for a key, none was sent (set FERRY_TARGET_TOKEN):"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma chroma = {.role = "target", .is_cloud = true};
        struct http_answer answer = answer_of(401, "no");
        struct error err = {0};

        snprintf(chroma.address.origin, sizeof chroma.address.origin, "%s", rows[i].origin);
        chroma.advice.is_none = rows[i].is_none;
        assert_false(chroma_check(&chroma, &answer, &err));
        if (strstr(err.message, rows[i].advice) == NULL) {
            fail_msg("%s", err.message);
        }
    }
}

static void header_lines_that_were_sent_are_named_without_their_values(void **state)
{
    static const char lines[] = "X-Gate: hunter2\0X-Team:hunter3\0";
    struct chroma chroma = target;
    struct http_answer answer = answer_of(403, "{\"message\":\"Forbidden\"}");
    struct error err = {0};

    (void)state;
    memcpy(chroma.headers, lines, sizeof lines);
    assert_false(chroma_check(&chroma, &answer, &err));
    expect(&err, ERROR_AUTH,
           "target 127.0.0.1:8000: 403: asks for credentials, only header lines were sent (X-Gate, "
           "X-Team: check them; or set FERRY_TARGET_TOKEN, and FERRY_TARGET_AUTH to bearer, "
           "x-chroma-token or basic): Forbidden");
    err = (struct error){0};
    snprintf(chroma.auth_header, sizeof chroma.auth_header, "X-Chroma-Token: wrong");
    assert_false(chroma_check(&chroma, &answer, &err));
    expect(&err, ERROR_AUTH,
           "target 127.0.0.1:8000: 403: refused the X-Chroma-Token that was sent beside X-Gate, "
           "X-Team (check FERRY_TARGET_TOKEN, and its rights; or set FERRY_TARGET_AUTH to "
           "bearer): Forbidden");
}

static void of_many_header_lines_some_are_named(void **state)
{
    struct chroma chroma = target;
    struct http_answer answer = answer_of(403, "no");
    struct error err = {0};
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 16; i++) {
        used += 1 + (size_t)snprintf(chroma.headers + used, sizeof chroma.headers - used,
                                     "X-A-Header-Of-A-Long-Name-%d: hunter2", i);
    }
    assert_false(chroma_check(&chroma, &answer, &err));
    assert_non_null(strstr(err.message, "(X-A-Header-Of-A-Long-Name-0, "));
    assert_non_null(strstr(err.message, "Name-4, …: check them"));
    assert_non_null(strstr(err.message, "or basic): no"));
    assert_null(strstr(err.message, "hunter2"));
}

static void refused_credentials_say_what_was_sent_and_what_to_try(void **state)
{
    static const struct {
        const char *header, *sent, *message;
    } rows[] = {
        {"X-Chroma-Token: wrong", "",
         "source 127.0.0.1:8000: 401: refused the X-Chroma-Token that was sent (check "
         "FERRY_SOURCE_TOKEN, and its rights; or set FERRY_SOURCE_AUTH to bearer): Forbidden"},
        {"X-Chroma-Token: wrong", "CHROMA_API_KEY",
         "source 127.0.0.1:8000: 401: refused the X-Chroma-Token that was sent (check "
         "CHROMA_API_KEY, and its rights; or set FERRY_SOURCE_AUTH to bearer): Forbidden"},
        {"Authorization: Bearer wrong", "CHROMA_AUTH_TOKEN",
         "source 127.0.0.1:8000: 401: refused the Authorization: Bearer that was sent (check "
         "CHROMA_AUTH_TOKEN, and its rights; or set FERRY_SOURCE_AUTH to x-chroma-token): "
         "Forbidden"},
        {"Authorization: Basic d3Jvbmc6", "FERRY_SOURCE_USER and FERRY_SOURCE_PASSWORD",
         "source 127.0.0.1:8000: 401: refused the Authorization: Basic that was sent (check "
         "FERRY_SOURCE_USER and FERRY_SOURCE_PASSWORD, and its rights; or, for a token in its "
         "place, set FERRY_SOURCE_TOKEN, and FERRY_SOURCE_AUTH to bearer): Forbidden"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma chroma = target;
        struct http_answer answer = answer_of(401, "{\"detail\":\"Forbidden\"}");
        struct error err = {0};

        snprintf(chroma.role, sizeof chroma.role, "%s", "source");
        snprintf(chroma.auth_header, sizeof chroma.auth_header, "%s", rows[i].header);
        snprintf(chroma.advice.sent, sizeof chroma.advice.sent, "%s", rows[i].sent);
        assert_false(chroma_check(&chroma, &answer, &err));
        expect(&err, ERROR_AUTH, rows[i].message);
    }
}

static void a_secret_that_comes_back_is_not_shown(void **state)
{
    static const char *const headers[] = {"X-Chroma-Token: hunter2",
                                          "Authorization: Bearer hunter2"};
    static const char *const bodies[] = {"{\"message\":\"bad token hunter2!\"}",
                                         "no such token: hunter2"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct chroma chroma = target;
        struct http_answer answer = answer_of(i % 2 ? 401 : 500, bodies[i / 2]);
        struct error err = {0};

        snprintf(chroma.auth_header, sizeof chroma.auth_header, "%s", headers[i % 2]);
        assert_false(chroma_check(&chroma, &answer, &err));
        assert_null(strstr(err.message, "hunter2"));
        assert_non_null(strstr(err.message, "repeats the secret"));
    }
}

static void a_failed_transport_is_told_with_the_role(void **state)
{
    struct http_answer answer = {.trace_id = ""};
    struct error err = {0};

    (void)state;
    error_set(&answer.err, ERROR_UNAVAILABLE, "127.0.0.1:8000: connection refused");
    answer.err.native = 7;
    assert_false(chroma_check(&target, &answer, &err));
    expect(&err, ERROR_UNAVAILABLE, "target 127.0.0.1:8000: connection refused");
    assert_int_equal(err.native, 7);
}

static void a_missing_collection_is_one_answer_in_every_dialect(void **state)
{
    static const struct {
        int status;
        const char *body;
        bool is_missing;
        uint32_t version;
    } rows[] = {
        {404, "{\"error\":\"NotFoundError\",\"message\":\"Collection [docs] does not exist\"}",
         true, 0},
        {404, "", true, 0},
        {400, "{\"error\":\"InvalidCollection\",\"message\":\"Collection docs does not exist.\"}",
         true, 0},
        {400, "{\"error\":\"InvalidArgumentError\",\"message\":\"name\"}", false, 0},
        {500, "{\"error\":\"ValueError('Collection docs does not exist.')\"}", false, 0},
        {500, "{\"error\":\"ValueError('Collection docs does not exist.')\"}", false, 1000000},
        {500, "{\"error\":\"ValueError('Collection docs does not exist.')\"}", true, 4024},
        {500, "{\"error\":\"ValueError('Tenant docs does not exist.')\"}", false, 4024},
        {500, "{\"error\":\"IndexError('list index out of range')\"}", false, 4024},
        {403, "does not exist", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct error err = {0};
        struct chroma chroma = target;
        char message[128];

        chroma.version.number = rows[i].version;
        assert_false(chroma_check_named(&chroma, &answer, "docs", &err));
        assert_int_equal(err.kind == ERROR_NOT_FOUND, rows[i].is_missing);
        assert_int_equal(err.native, rows[i].status);
        if (rows[i].is_missing) {
            snprintf(message, sizeof message,
                     "target 127.0.0.1:8000: collection \"docs\" does not exist (%d)",
                     rows[i].status);
            assert_string_equal(err.message, message);
        }
    }
}

static void a_collection_that_went_away_is_not_found_in_every_dialect(void **state)
{
    static const struct {
        int status;
        uint32_t version;
        const char *body;
        enum error_kind kind;
    } rows[] = {
        {404, 0, "", ERROR_NOT_FOUND},
        {400, 5023,
         "{\"error\":\"InvalidCollection\",\"message\":\"Collection x does not exist.\"}",
         ERROR_NOT_FOUND},
        {400, 0, "{\"error\":\"x\",\"message\":\"key does not exist\"}", ERROR_REJECTED},
        {500, 4024, "{\"error\":\"RuntimeError('coroutine raised StopIteration')\"}",
         ERROR_NOT_FOUND},
        {500, 0, "{\"error\":\"RuntimeError('coroutine raised StopIteration')\"}",
         ERROR_UNAVAILABLE},
        {500, 4024, "{\"error\":\"IndexError('list index out of range')\"}", ERROR_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct chroma chroma = target;
        struct error err = {0};

        chroma.version.number = rows[i].version;
        assert_false(chroma_check(&chroma, &answer, &err));
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(err.native, rows[i].status);
    }
}

static void a_missing_collection_elsewhere_names_database_and_tenant(void **state)
{
    struct chroma chroma = target;
    struct http_answer answer = answer_of(404, "");
    struct error err = {0};

    (void)state;
    snprintf(chroma.database, sizeof chroma.database, "%s", "prod");
    assert_false(chroma_check_named(&chroma, &answer, "docs", &err));
    expect(&err, ERROR_NOT_FOUND,
           "target 127.0.0.1:8000: collection \"docs\" does not exist in database \"prod\" of "
           "tenant \"default_tenant\" "
           "(404)");
}

static void preflight_reads_the_limits(void **state)
{
    struct http_answer answer =
        answer_of(200, "{\"max_batch_size\":5461,\"supports_base64_encoding\":true}");
    struct chroma_limits limits = {0};
    struct error err = {0};

    (void)state;
    assert_true(chroma_check_preflight(&target, &answer, &limits, &err));
    assert_int_equal(limits.max_batch_records, 5461);
    assert_true(limits.takes_base64);
    answer = answer_of(200, "{\"max_batch_size\":41666}");
    assert_true(chroma_check_preflight(&target, &answer, &limits, &err));
    assert_int_equal(limits.max_batch_records, 41666);
    assert_false(limits.takes_base64);
}

static void a_server_that_is_no_chroma_is_named_as_what_it_is(void **state)
{
    static const struct {
        int status;
        const char *body, *what;
    } rows[] = {
        {404, "<html>", "404"},
        {405, "", "405"},
        {410, "", "410"},
        {301, "", "301"},
        {501, "", "501"},
        {200, "<html>welcome</html>", "something that is not JSON"},
        {200, "", "something that is not JSON"},
        {200, "{}", "JSON without max_batch_size"},
        {200, "{\"max_batch_size\":0}", "JSON without max_batch_size"},
        {200, "{\"max_batch_size\":-1}", "JSON without max_batch_size"},
        {200, "{\"max_batch_size\":\"many\"}", "JSON without max_batch_size"},
        {200, "[]", "JSON without max_batch_size"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct chroma_limits limits = {0};
        struct error err = {0};
        char message[256];

        assert_false(chroma_check_preflight(&target, &answer, &limits, &err));
        snprintf(message, sizeof message,
                 "target http://127.0.0.1:8000/pre answers %s to /api/v2/pre-flight-checks: not a "
                 "Chroma with API v2",
                 rows[i].what);
        expect(&err, ERROR_USAGE, message);
        assert_int_equal(err.native, rows[i].status);
    }
}

static void a_server_with_api_v1_is_named_so(void **state)
{
    struct chroma chroma = target;
    struct http_answer answer = answer_of(404, "");
    struct chroma_limits limits = {0};
    struct error err = {0};

    (void)state;
    chroma.api = CHROMA_API_V1;
    assert_false(chroma_check_preflight(&chroma, &answer, &limits, &err));
    expect(
        &err, ERROR_USAGE,
        "target http://127.0.0.1:8000/pre answers 404 to /api/v1/pre-flight-checks: not a Chroma "
        "with API v1");
}

static void preflight_keeps_other_failures_apart(void **state)
{
    static const struct {
        int status;
        enum error_kind kind;
    } rows[] = {
        {401, ERROR_AUTH}, {403, ERROR_AUTH}, {429, ERROR_THROTTLED}, {503, ERROR_UNAVAILABLE}};
    struct chroma_limits limits = {0};
    struct http_answer answer = {.trace_id = ""};
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        answer = answer_of(rows[i].status, "");
        error_clear(&err);
        assert_false(chroma_check_preflight(&target, &answer, &limits, &err));
        assert_int_equal(err.kind, rows[i].kind);
    }
    answer = answer_of(0, "");
    error_set(&answer.err, ERROR_UNAVAILABLE, "127.0.0.1:8000: connection refused");
    error_clear(&err);
    assert_false(chroma_check_preflight(&target, &answer, &limits, &err));
    expect(&err, ERROR_UNAVAILABLE, "target 127.0.0.1:8000: connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_one_kind),
        cmocka_unit_test(a_refusal_is_told_in_the_servers_words),
        cmocka_unit_test(success_says_nothing),
        cmocka_unit_test(a_hint_to_wait_and_a_trace_are_kept),
        cmocka_unit_test(a_long_body_is_cut_between_characters),
        cmocka_unit_test(bytes_that_are_no_text_are_escaped),
        cmocka_unit_test(missing_credentials_say_where_and_which_variable),
        cmocka_unit_test(cloud_asks_for_a_key_that_can_be_given),
        cmocka_unit_test(header_lines_that_were_sent_are_named_without_their_values),
        cmocka_unit_test(of_many_header_lines_some_are_named),
        cmocka_unit_test(refused_credentials_say_what_was_sent_and_what_to_try),
        cmocka_unit_test(a_collection_that_went_away_is_not_found_in_every_dialect),
        cmocka_unit_test(a_secret_that_comes_back_is_not_shown),
        cmocka_unit_test(a_failed_transport_is_told_with_the_role),
        cmocka_unit_test(a_missing_collection_is_one_answer_in_every_dialect),
        cmocka_unit_test(a_missing_collection_elsewhere_names_database_and_tenant),
        cmocka_unit_test(preflight_reads_the_limits),
        cmocka_unit_test(a_server_that_is_no_chroma_is_named_as_what_it_is),
        cmocka_unit_test(a_server_with_api_v1_is_named_so),
        cmocka_unit_test(preflight_keeps_other_failures_apart),
    };

    return cmocka_run_group_tests_name("chroma_answer", tests, NULL, NULL);
}
