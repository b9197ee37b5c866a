/* Pages and words of gateways and proxies, told from what a Chroma says: by the body, and what each means then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/chroma_fixture.h"

#define PAGE "\r\n<!DOCTYPE html><html><head><title>Back soon</title></head></html>"

static void expect(const struct error *err, enum error_kind kind, int status, const char *body)
{
    if (err->kind != kind) {
        fail_msg("%d %s is %s: %s", status, body, error_kind_name(err->kind), err->message);
    }
}

static void a_page_is_an_outage_whatever_its_status(void **state)
{
    static const int statuses[] = {200, 201, 400, 404, 405, 408, 409, 410, 415,
                                   418, 422, 500, 501, 502, 503, 504, 530};
    static const char *const bodies[] = {
        PAGE,
        "<html>\r\n<h1>400 Bad Request</h1></html>\r\n",
        "<?xml version=\"1.0\"?><Error/>",
        "404 page not found\n",
        "default backend - 404",
        "no healthy upstream",
        "Failed to connect",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        for (size_t k = 0; k < ARRAY_LEN(bodies); k++) {
            struct http_answer answer = answer_of(statuses[i], bodies[k]);
            struct error err = {0};

            assert_false(chroma_check(&target, &answer, &err));
            expect(&err, ERROR_UNAVAILABLE, statuses[i], bodies[k]);
            /* A 500 that could be the fault of a record is a Chroma's own. */
            assert_int_equal(err.native, statuses[i] == 500 ? 0 : statuses[i]);
            assert_int_equal(http_may_be_applied(&err), statuses[i] != 503);
        }
    }
}

static void what_means_the_same_whoever_says_it_keeps_its_meaning(void **state)
{
    static const struct {
        int status;
        enum error_kind kind;
    } rows[] = {
        {301, ERROR_REJECTED},  {302, ERROR_REJECTED},  {308, ERROR_REJECTED},
        {401, ERROR_AUTH},      {403, ERROR_AUTH},      {407, ERROR_AUTH},
        {413, ERROR_TOO_LARGE}, {429, ERROR_THROTTLED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, PAGE);
        struct error err = {0};

        answer.retry_after_ms = 3000;
        assert_false(chroma_check(&target, &answer, &err));
        expect(&err, rows[i].kind, rows[i].status, PAGE);
        assert_int_equal(err.native, rows[i].status);
        assert_int_equal(err.retry_after_ms, 3000);
    }
}

static void what_a_chroma_says_is_its_own(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum error_kind kind;
    } rows[] = {
        {400, "{\"error\":\"InvalidArgumentError\",\"message\":\"<html>\"}", ERROR_REJECTED},
        {422, " {\"error\": \"ChromaError\", \"message\": \"cut off he", ERROR_REJECTED},
        {422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"x\"}]}", ERROR_REJECTED},
        {404, "{\"detail\":\"Not Found\"}", ERROR_NOT_FOUND},
        {409, "{\"error\":\"UniqueConstraintError('x')\"}", ERROR_CONFLICT},
        {501, "{\"error\":\"ChromaError\",\"message\":\"no\"}", ERROR_REJECTED},
        {500, "{\"error\":\"IndexError('list index out of range')\"}", ERROR_UNAVAILABLE},
        {500, "Internal Server Error", ERROR_UNAVAILABLE}, /* uvicorn */
        {500, "", ERROR_UNAVAILABLE},
        {400, "Failed to parse the request body as JSON: EOF", ERROR_REJECTED},
        {400, "Failed to deserialize query string: invalid digit", ERROR_REJECTED},
        {422, "Failed to deserialize the JSON body into the target type: ids", ERROR_REJECTED},
        {415, "Expected request with `Content-Type: application/json`", ERROR_REJECTED},
        {400, "Invalid URL: Cannot parse `x` to a `u32`", ERROR_REJECTED},
        {400, "Invalid HTTP request received.", ERROR_REJECTED}, /* uvicorn */
        {413, "Payload too large", ERROR_TOO_LARGE},
        {429, "You have been rate limited.", ERROR_THROTTLED},
        {404, "", ERROR_NOT_FOUND}, /* no such route */
        {405, "", ERROR_REJECTED},  /* nor such a method */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct error err = {0};

        assert_false(chroma_check(&target, &answer, &err));
        expect(&err, rows[i].kind, rows[i].status, rows[i].body);
        assert_int_equal(err.native, rows[i].status);
    }
}

static void other_json_is_no_chromas(void **state)
{
    static const struct {
        int status;
        const char *body, *message;
    } rows[] = {
        {404, "{\"message\":\"no Route matched with those values\"}",
         "target 127.0.0.1:8000: 404: an answer of a gateway or proxy before it, \"no Route "
         "matched "
         "with those values\""},
        {400, "{\"error\":{\"code\":400,\"message\":\"bad gateway day\"}}",
         "target 127.0.0.1:8000: 400: an answer of a gateway or proxy before it, "
         "\"{\"error\":{\"code\":400,\"message\":\"bad gateway day\"}}\""},
        {422, "[1,2",
         "target 127.0.0.1:8000: 422: an answer of a gateway or proxy before it, \"[1,2\""},
        {400, "", "target 127.0.0.1:8000: 400: an empty answer of a gateway or proxy before it"},
        {422, " \n", "target 127.0.0.1:8000: 422: an empty answer of a gateway or proxy before it"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct error err = {0};

        assert_false(chroma_check(&target, &answer, &err));
        expect(&err, ERROR_UNAVAILABLE, rows[i].status, rows[i].body);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void an_answer_begins_as_json(void **state)
{
    static const char *const values[] = {"{}", "[]",   "\"1.0.0\"", " 17\n",
                                         "-1", "null", "true",      "false\n"};
    static const char *const others[] = {"<html>", "OK", "nullify", "not found", "\xef\xbb\xbf{}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct http_answer answer = answer_of(200, values[i]);
        struct error err = {0};

        assert_true(chroma_check(&target, &answer, &err));
        assert_true(chroma_check_told(&target, &answer, &err));
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct http_answer answer = answer_of(200, others[i]);
        struct error err = {0};

        assert_false(chroma_check(&target, &answer, &err));
        expect(&err, ERROR_UNAVAILABLE, 200, others[i]);
    }
}

static void nothing_is_an_answer_only_where_there_is_nothing_to_say(void **state)
{
    struct http_answer answer = answer_of(200, "\n");
    struct error err = {0};

    (void)state;
    assert_true(chroma_check(&target, &answer, &err));
    assert_false(chroma_check_told(&target, &answer, &err));
    expect(&err, ERROR_UNAVAILABLE, 200, "");
    err = (struct error){0};
    answer = answer_of(404, "");
    assert_false(chroma_check_told(&target, &answer, &err));
    expect(&err, ERROR_NOT_FOUND, 404, "");
}

static void a_page_says_nothing_of_a_collection(void **state)
{
    static const struct {
        int status;
        const char *body;
    } rows[] = {
        {404, PAGE},
        {404, "404 page not found\n"},
        {400, "<html>This page does not exist</html>"},
        {500, "<html>StopIteration</html>"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct chroma chroma = target;
        struct error err = {0};

        chroma.version.number = 4024;
        assert_false(chroma_check_named(&chroma, &answer, "docs", &err));
        expect(&err, ERROR_UNAVAILABLE, rows[i].status, rows[i].body);
    }
}

/* As a consumer asks in the middle of its work. What else is no Chroma at the first contact is in test_chroma_answer.c. */
static void where_a_chroma_has_been_met_another_answer_is_an_outage(void **state)
{
    static const struct {
        int status;
        const char *body;
    } rows[] = {{200, PAGE}, {200, ""},   {200, "{}"}, {301, ""},   {302, PAGE}, {400, PAGE},
                {404, PAGE}, {404, ""},   {405, ""},   {409, PAGE}, {410, ""},   {413, PAGE},
                {500, PAGE}, {501, PAGE}, {502, PAGE}, {503, ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer answer = answer_of(rows[i].status, rows[i].body);
        struct chroma chroma = target;
        struct chroma_limits limits = {0};
        struct error err = {0};

        chroma.is_met = true;
        assert_false(chroma_check_preflight(&chroma, &answer, &limits, &err));
        expect(&err, ERROR_UNAVAILABLE, rows[i].status, rows[i].body);
        if (rows[i].body[0] == PAGE[0] && rows[i].status != 302 && rows[i].status != 413) {
            assert_non_null(
                strstr(err.message, "a page of a gateway or proxy before it, \"Back soon\""));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_an_outage_whatever_its_status),
        cmocka_unit_test(what_means_the_same_whoever_says_it_keeps_its_meaning),
        cmocka_unit_test(what_a_chroma_says_is_its_own),
        cmocka_unit_test(other_json_is_no_chromas),
        cmocka_unit_test(an_answer_begins_as_json),
        cmocka_unit_test(nothing_is_an_answer_only_where_there_is_nothing_to_say),
        cmocka_unit_test(a_page_says_nothing_of_a_collection),
        cmocka_unit_test(where_a_chroma_has_been_met_another_answer_is_an_outage),
    };

    return cmocka_run_group_tests_name("chroma_page", tests, NULL, NULL);
}
