/* Which servers are known, which are refused, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/chroma.h"

#define ADDRESS "http://127.0.0.1:8000"

static struct chroma server(const char *role)
{
    struct chroma chroma = {.address = {ADDRESS, ADDRESS "/pre"}};

    snprintf(chroma.role, sizeof chroma.role, "%s", role);
    return chroma;
}

static void a_version_is_a_json_string_of_three_numbers(void **state)
{
    static const struct {
        const char *body;
        uint32_t number; /* 0: none */
        const char *text;
    } rows[] = {
        {"\"1.0.0\"", 1000000, "1.0.0"},
        {"\"0.6.3\"\n", 6003, "0.6.3"},
        {" \"0.5.16\"", 5016, "0.5.16"},
        {"\"0.4.24\"", 4024, "0.4.24"},
        {"\"0.6.4.dev19+g1234\"", 6004, "0.6.4.dev19"},
        {"\"0.5.2rc1\"", 5002, "0.5.2rc1"},
        {"\"0.5.2s3cret\"", 5002, "0.5.2"}, /* anything may stand there, and is not shown */
        {"\"12.345.678\"", 12345678, "12.345.678"},
        {"0.6", 0, ""},
        {"\"0.6\"", 0, ""},
        {"\"v1.0.0\"", 0, ""},
        {"\"1.0.1000\"", 0, ""},
        {"\"-1.0.0\"", 0, ""},
        {"\"1..0\"", 0, ""},
        {"\"1.0.\"", 0, ""},
        {"\"\"", 0, ""},
        {"{\"version\":\"1.0.0\"}", 0, ""},
        {"[\"1.0.0\"]", 0, ""},
        {"null", 0, ""},
        {"<!doctype html>", 0, ""},
        {"", 0, ""},
        {"\"1.0.0-and-much-more-text-than-any-version\"", 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma_version version;
        bool is_one = chroma_read_version(span_from_str(rows[i].body), &version);

        if (is_one != (rows[i].text[0] != '\0')) {
            fail_msg("%s", rows[i].body);
        }
        assert_string_equal(version.text, rows[i].text);
        if (is_one) {
            assert_int_equal(version.number, rows[i].number);
        }
    }
}

static bool take(struct chroma *chroma, const char *text, struct error *err)
{
    struct chroma_version version;
    char body[64];

    snprintf(body, sizeof body, "\"%s\"", text);
    assert_true(chroma_read_version(span_from_str(body), &version));
    return chroma_take_version(chroma, &version, err);
}

static void each_version_has_its_api(void **state)
{
    static const struct {
        const char *version;
        enum chroma_api api;
        bool is_source, is_target, lacks_uris;
    } rows[] = {
        {"0.3.29", CHROMA_API_V1, false, false, false},
        {"0.4.0", CHROMA_API_V1, false, false, false},
        {"0.4.14", CHROMA_API_V1, false, false, false},
        {"0.4.15", CHROMA_API_V1, true, false, true},
        {"0.4.16", CHROMA_API_V1, true, false, false},
        {"0.4.24", CHROMA_API_V1, true, false, false},
        {"0.5.0", CHROMA_API_V1, true, false, false},
        {"0.5.15", CHROMA_API_V1, true, false, false},
        {"0.5.16", CHROMA_API_V2, true, true, false},
        {"0.5.23", CHROMA_API_V2, true, true, false},
        {"0.6.3", CHROMA_API_V2, true, true, false},
        {"0.6.4.dev19", CHROMA_API_V2, true, true, false},
        {"0.7.0", CHROMA_API_V2, false, false, false},
        {"1.0.0", CHROMA_API_V2, true, true, false},
        {"1.9.2", CHROMA_API_V2, true, true, false},
        {"2.0.0", CHROMA_API_V2, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int is_target = 0; is_target < 2; is_target++) {
            struct chroma chroma = server(is_target ? "target" : "source");
            struct error err = {0};
            bool is_fine = take(&chroma, rows[i].version, &err);

            if (is_fine != (is_target ? rows[i].is_target : rows[i].is_source)) {
                fail_msg("%s as %s", rows[i].version, chroma.role);
            }
            assert_int_equal(err.kind, is_fine ? ERROR_NONE : ERROR_USAGE);
            assert_int_equal(chroma.version.number != 0, is_fine);
            if (is_fine) {
                assert_int_equal(chroma.api, rows[i].api);
                assert_int_equal(chroma.lacks_uris, rows[i].lacks_uris);
            }
        }
    }
}

static void a_refusal_says_what_to_do(void **state)
{
    static const struct {
        const char *role, *version, *message;
    } rows[] = {
        {"source", "0.3.29",
         "source " ADDRESS "/pre: Chroma 0.3.29 is too old: 0.4.15 to 0.6.x and 1.x are known; "
         "its files are of another kind, which 0.4 does not read: bring them to Chroma 0.4.24 by "
         "Chroma's own chroma-migrate (pip install chroma-migrate), and move from there"},
        {"source", "0.4.0",
         "source " ADDRESS "/pre: Chroma 0.4.0 is too old: 0.4.15 to 0.6.x and 1.x are known; "
         "start Chroma 0.4.24 on a copy of its data, and move from there"},
        {"target", "2.0.0",
         "target " ADDRESS "/pre: Chroma 2.0.0 is not known: 0.4.15 to 0.6.x and 1.x are"},
        {"target", "0.4.24",
         "target " ADDRESS "/pre: Chroma 0.4.24 can be a source but no target: 0.5.16 to 0.6.x and "
         "1.x can"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma chroma = server(rows[i].role);
        struct error err = {0};

        assert_false(take(&chroma, rows[i].version, &err));
        assert_string_equal(err.message, rows[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_a_json_string_of_three_numbers),
        cmocka_unit_test(each_version_has_its_api),
        cmocka_unit_test(a_refusal_says_what_to_do),
    };

    return cmocka_run_group_tests_name("chroma_version", tests, NULL, NULL);
}
