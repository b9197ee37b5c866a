/* Control documents: strict parsing, lookups that never fault, ceilings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "format/document.h"
#include "support/expect.h"

static struct document *parse(const char *text)
{
    struct error err = {0};
    struct document *root = NULL;

    expect_ok(document_parse(span_from_str(text), &root, &err), &err);
    assert_non_null(root);
    return root;
}

static void members_are_looked_up_by_path(void **state)
{
    struct document *root =
        parse(" {\"name\":\"docs\",\"metadata\":{\"hnsw:space\":\"cosine\"},\"dimension\":384,"
              "\"ok\":true,\"no\":false,\"nothing\":null,\"list\":[1,\"two\",[3]]} ");

    (void)state;
    assert_string_equal(document_string(document_get(root, "name"), "?"), "docs");
    assert_string_equal(
        document_string(document_get(document_get(root, "metadata"), "hnsw:space"), "?"), "cosine");
    assert_true(document_number(document_get(root, "dimension"), -1) == 384);
    assert_true(document_bool(document_get(root, "ok"), false));
    assert_false(document_bool(document_get(root, "no"), true));
    assert_true(document_is_null(document_get(root, "nothing")));
    assert_int_equal(document_length(document_get(root, "list")), 3);
    assert_string_equal(document_string(document_at(document_get(root, "list"), 1), "?"), "two");
    assert_int_equal(document_length(document_at(document_get(root, "list"), 2)), 1);
    document_free(root);
}

static void what_is_missing_or_of_another_type_gives_the_fallback(void **state)
{
    struct document *root = parse("{\"s\":\"x\",\"n\":1,\"a\":[1],\"o\":{\"k\":2}}");

    (void)state;
    assert_null(document_get(root, "missing"));
    assert_null(document_get(root, "S"));
    assert_null(document_get(document_get(document_get(root, "missing"), "deeper"), "still"));
    assert_null(document_get(document_get(root, "s"), "x"));
    assert_null(document_get(document_get(root, "a"), "x"));
    assert_null(document_at(document_get(root, "a"), 1));
    assert_null(document_at(document_get(root, "a"), -1));
    assert_null(document_at(document_get(root, "o"), 0));
    assert_null(document_at(NULL, 0));
    assert_int_equal(document_length(document_get(root, "o")), 0);
    assert_int_equal(document_length(NULL), 0);
    assert_string_equal(document_string(document_get(root, "n"), "fallback"), "fallback");
    assert_null(document_string(NULL, NULL));
    assert_true(document_number(document_get(root, "s"), 7) == 7);
    assert_true(document_bool(document_get(root, "n"), true));
    assert_true(document_is_null(NULL));
    assert_false(document_is_null(root));
    document_free(root);
    document_free(NULL);
}

static void members_are_walked_in_order(void **state)
{
    static const char *const names[] = {"z", "a", "m"};
    struct document *root = parse("{\"z\":1,\"a\":2,\"m\":3}");
    const struct document *member = document_first(root);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(document_name(member), names[i]);
        assert_true(document_number(member, 0) == (double)(i + 1));
        member = document_next(member);
    }
    assert_null(member);
    assert_null(document_next(NULL));
    assert_null(document_name(NULL));
    assert_null(document_first(NULL));
    assert_null(document_first(document_get(root, "z")));
    document_free(root);
}

static void lax_json_is_refused(void **state)
{
    static const char *const bad[] = {"",         " ",       "{",          "{}x",
                                      "{} {}",    "[1,]",    "{\"a\":1,}", "NaN",
                                      "01",       "+1",      "'a'",        "[1 2]",
                                      "\"\x01\"", "\"\\x\"", "{a:1}",      "\xef\xbb\xbf{}",
                                      "\"\xff\"", "nulll",   "[1]\x0b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        struct document *root = (struct document *)&err;

        expect_error(document_parse(span_from_str(bad[i]), &root, &err), &err, ERROR_FORMAT,
                     "malformed JSON");
        assert_null(root);
    }
}

static void the_text_needs_no_terminator(void **state)
{
    char *text = malloc(9);
    struct error err = {0};
    struct document *root;

    (void)state;
    assert_non_null(text);
    memcpy(text, "{\"a\": 12}", 9);
    expect_ok(document_parse((struct span){(const uint8_t *)text, 9}, &root, &err), &err);
    free(text);
    assert_true(document_number(document_get(root, "a"), 0) == 12);
    document_free(root);
}

/* Some versions of cJSON look at 63 digits only. */
static void a_long_number_is_whole_or_refused(void **state)
{
    struct error err = {0};
    struct document *root;
    char text[200];

    (void)state;
    memset(text, '1', sizeof text);
    if (document_parse((struct span){(const uint8_t *)text, sizeof text}, &root, &err)) {
        assert_true(document_number(root, 0) > 1.1e199);
        document_free(root);
    } else {
        assert_int_equal(err.kind, ERROR_FORMAT);
        assert_null(root);
    }
}

static void size_and_depth_are_bounded(void **state)
{
    size_t len = LIMIT_CONTROL_DOCUMENT + 1;
    uint8_t *text = malloc(len);
    struct error err = {0};
    struct document *root;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', len);
    text[0] = '1';
    expect_error(document_parse((struct span){text, len}, &root, &err), &err, ERROR_LIMIT,
                 "larger than");
    expect_ok(document_parse((struct span){text, len - 1}, &root, &err), &err);
    document_free(root);
    memset(text, '[', len - 1);
    expect_error(document_parse((struct span){text, len - 1}, &root, &err), &err, ERROR_FORMAT,
                 "nested too deeply");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_looked_up_by_path),
        cmocka_unit_test(what_is_missing_or_of_another_type_gives_the_fallback),
        cmocka_unit_test(members_are_walked_in_order),
        cmocka_unit_test(lax_json_is_refused),
        cmocka_unit_test(the_text_needs_no_terminator),
        cmocka_unit_test(a_long_number_is_whole_or_refused),
        cmocka_unit_test(size_and_depth_are_bounded),
    };

    return cmocka_run_group_tests_name("document", tests, NULL, NULL);
}
