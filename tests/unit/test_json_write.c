/* JSON written: strings that read back, floats that round trip, compaction onto one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "format/json_scan.h"
#include "format/json_write.h"
#include "support/expect.h"

static void check_string(struct span text, const char *want)
{
    struct buf buf;

    buf_init(&buf, 1000);
    json_write_string(&buf, text);
    expect_text(buf_span(&buf), want);
    buf_deinit(&buf);
}

static void strings_are_quoted_and_escaped(void **state)
{
    (void)state;
    check_string(SPAN_LITERAL(""), "\"\"");
    check_string((struct span){NULL, 0}, "\"\"");
    check_string(SPAN_LITERAL("plain / text"), "\"plain / text\"");
    check_string(SPAN_LITERAL("\"\\"), "\"\\\"\\\\\"");
    check_string(SPAN_LITERAL("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    check_string(SPAN_LITERAL("a\0b\x01\x1f\x7f"), "\"a\\u0000b\\u0001\\u001f\x7f\"");
    check_string(SPAN_LITERAL("gr\xc3\xbc\xc3\x9f\n\xf0\x9f\x9a\xa2"),
                 "\"gr\xc3\xbc\xc3\x9f\\n\xf0\x9f\x9a\xa2\"");
    check_string(SPAN_LITERAL("12345678\"12345678\n\xc3\xbc\"\xc3\xbc"),
                 "\"12345678\\\"12345678\\n\xc3\xbc\\\"\xc3\xbc\"");
}

static size_t random_text(struct rng *rng, uint8_t *out, size_t max)
{
    size_t len = 0;

    while (len + 4 <= max) {
        static const uint32_t bounds[] = {0x20, 0x80, 0x80, 0x800, 0x10000, 0x110000};
        uint32_t scalar = (uint32_t)rng_below(rng, bounds[rng_below(rng, ARRAY_LEN(bounds))]);

        len += utf8_encode(scalar >= 0xd800 && scalar < 0xe000 ? '"' : scalar, out + len);
    }
    return len;
}

static void every_text_reads_back_as_it_was(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t text[120];
        size_t len = random_text(&rng, text, (size_t)rng_below(&rng, sizeof text));
        struct error err = {0};
        struct json_scan scan;
        struct json_value value;
        struct buf json;
        struct buf back;

        buf_init(&json, 1000);
        buf_init(&back, 1000);
        json_write_string(&json, (struct span){text, len});
        json_scan_init(&scan, buf_span(&json));
        expect_ok(json_read(&scan, &value, &err) && json_finish(&scan, &err), &err);
        expect_ok(json_decode_string(value, &back, &err), &err);
        assert_true(span_equal(buf_span(&back), (struct span){text, len}));
        buf_deinit(&json);
        buf_deinit(&back);
    }
}

static void floats_are_short_and_read_back(void **state)
{
    static const float values[] = {0.1f, -2.0f, 0.0f, -0.0f, 1e-30f, 3.4028235e38f, 0.33333334f};
    struct error err = {0};
    struct json_scan scan;
    struct buf buf;
    float back[7];
    size_t count;
    bool finite;

    (void)state;
    buf_init(&buf, 1000);
    json_write_floats(&buf, values, ARRAY_LEN(values));
    expect_text(buf_span(&buf), "[0.1,-2,0,-0.0,1e-30,3.4028235e+38,0.33333334]");
    json_scan_init(&scan, buf_span(&buf));
    expect_ok(json_read_floats(&scan, back, 7, &count, &finite, &err), &err);
    assert_int_equal(count, 7);
    assert_memory_equal(values, back, sizeof values);
    buf_clear(&buf);
    json_write_floats(&buf, NULL, 0);
    expect_text(buf_span(&buf), "[]");
    buf_deinit(&buf);
}

static void check_compact(const char *text, const char *want)
{
    struct buf buf;

    buf_init(&buf, 1000);
    json_write_compact(&buf, span_from_str(text));
    expect_text(buf_span(&buf), want);
    buf_deinit(&buf);
}

static void white_space_is_dropped_outside_strings_only(void **state)
{
    (void)state;
    check_compact("", "");
    check_compact("null", "null");
    check_compact("{ \"a b\" :\n[ 1 ,\t2.50 ,\r\n\"x y\\n\" ] }", "{\"a b\":[1,2.50,\"x y\\n\"]}");
    check_compact("[\"\\\"\" , \"\\\\\" , \" \\\\\\\" \" ]", "[\"\\\"\",\"\\\\\",\" \\\\\\\" \"]");
    check_compact("\" \"", "\" \"");
    check_compact("[ \"\" , \"\" ]", "[\"\",\"\"]");
    check_compact("{\"already\":[\"compact\",1]}", "{\"already\":[\"compact\",1]}");
}

static void a_compacted_value_says_the_same(void **state)
{
    static const char *const spaces[] = {"", "", " ", "\n", "\t ", "\r\n"};
    static const char *const tokens[] = {
        "{", "\"k \\\\\"", ":", "[", "1.0", ",", "\" \\\" \\u0000\"", ",", "true", "]",
        ",", "\"\"",       ":", "{", "}",   "}"};
    struct rng rng = seeded_rng();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct buf wide;
        struct buf tight;
        struct buf want;

        buf_init(&wide, 1000);
        buf_init(&tight, 1000);
        buf_init(&want, 1000);
        for (size_t t = 0; t < ARRAY_LEN(tokens); t++) {
            buf_append_str(&wide, spaces[rng_below(&rng, ARRAY_LEN(spaces))]);
            buf_append_str(&wide, tokens[t]);
            buf_append_str(&want, tokens[t]);
        }
        json_write_compact(&tight, buf_span(&wide));
        assert_true(span_equal(buf_span(&tight), buf_span(&want)));
        buf_deinit(&wide);
        buf_deinit(&tight);
        buf_deinit(&want);
    }
}

static void the_ceiling_is_told_by_the_buf(void **state)
{
    static const float values[] = {0.1f, 0.2f};
    struct error err = {0};
    struct buf buf;

    (void)state;
    for (size_t max = 1; max < 9; max++) {
        buf_init(&buf, max);
        json_write_floats(&buf, values, 2);
        expect_error(buf_check(&buf, "body", &err), &err, ERROR_LIMIT, NULL);
        buf_clear(&buf);
        json_write_string(&buf, SPAN_LITERAL("12345\n7"));
        expect_error(buf_check(&buf, "body", &err), &err, ERROR_LIMIT, NULL);
        buf_deinit(&buf);
    }
    buf_init(&buf, 9);
    json_write_floats(&buf, values, 2);
    expect_ok(buf_check(&buf, "body", &err), &err);
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_quoted_and_escaped),
        cmocka_unit_test(every_text_reads_back_as_it_was),
        cmocka_unit_test(floats_are_short_and_read_back),
        cmocka_unit_test(white_space_is_dropped_outside_strings_only),
        cmocka_unit_test(a_compacted_value_says_the_same),
        cmocka_unit_test(the_ceiling_is_told_by_the_buf),
    };

    return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
