/* The strict scanner: what it accepts, what it refuses and where it says so, slices untouched,
 * vectors converted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/utf8.h"
#include "format/json_push.h"
#include "format/json_scan.h"
#include "support/expect.h"

/* A copy that ends where its allocation ends, so that a sanitizer sees any look beyond it. */
static struct span exact_copy(struct span text)
{
    uint8_t *copy = malloc(text.len > 0 ? text.len : 1);

    assert_non_null(copy);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return (struct span){copy, text.len};
}

static void free_copy(struct span copy)
{
    free((void *)(uintptr_t)copy.ptr);
}

static bool reads(struct span text, struct error *err)
{
    struct span copy = exact_copy(text);
    struct json_scan scan;
    struct json_value value = {0};
    bool ok;

    json_scan_init(&scan, copy);
    ok = json_read(&scan, &value, err) && json_finish(&scan, err);
    free_copy(copy);
    return ok;
}

static bool ignore_event(void *ctx, enum json_push_event event, unsigned depth, struct span piece,
                         struct error *err)
{
    (void)ctx;
    (void)event;
    (void)depth;
    (void)piece;
    (void)err;
    return true;
}

/* The push parser must agree on what is JSON; cut in two at every place, or at one given place. */
static bool push_reads(struct span text, size_t cut)
{
    struct span first = exact_copy((struct span){text.ptr, cut});
    struct span second = exact_copy((struct span){text.ptr + cut, text.len - cut});
    struct error err = {0};
    struct json_push push;
    bool ok;

    json_push_init(&push, ignore_event, NULL);
    ok = json_push_feed(&push, first, &err) && json_push_feed(&push, second, &err) &&
         json_push_finish(&push, &err);
    free_copy(first);
    free_copy(second);
    return ok;
}

static void check(struct span text, bool is_json)
{
    struct error err = {0};

    if (reads(text, &err) != is_json) {
        fail_msg("%.*s: %s", (int)text.len, (const char *)text.ptr,
                 is_json ? err.message : "was accepted");
    }
    if (!is_json) {
        assert_int_equal(err.kind, ERROR_FORMAT);
        assert_memory_equal(err.message, "malformed JSON at byte ", 23);
    }
    for (size_t cut = 0; cut <= text.len; cut++) {
        if (push_reads(text, cut) != is_json) {
            fail_msg("%.*s, pushed and cut at %zu: %s", (int)text.len, (const char *)text.ptr, cut,
                     is_json ? "was refused" : "was accepted");
        }
    }
}

static const char *const good[] = {
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1.0",
    "1e5",
    "1E+5",
    "1e-5",
    "0.5e0",
    "-0.0",
    "12345678901234567890123",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "[]",
    "{}",
    " [ ] ",
    "\t\r\n{ }\n",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[],{}]",
    "{\"a\":1}",
    "{ \"a\" : 1 , \"b\" : [ ] }",
    "{\"a\":{\"a\":{}}}",
    "{\"\":0}",
    "{\"a\":1,\"a\":2}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u00e9\\uD83D\\uDEA2\\ud83d\\udea2\"",
    "\"\\uFFFF\\uffFE\"",
    "\"\\uD7FF\\uE000\"",
    "\"\x7f\"",
    "\"gr\xc3\xbc\xc3\x9f\"",
    "\"\xe2\x82\xac\"",
    "\"\xf0\x9f\x9a\xa2\"",
    "\"\xef\xbf\xbf\"",
    "\"\xf4\x8f\xbf\xbf\"",
    "\"\xed\x9f\xbf\xee\x80\x80\"",
    "\"12345678901234567890\"",
    "\"1234567\\n12345678\\t1\"",
    "[true,false,null,0,\"\",[],{}]",
    "[1e999999,-1e-999999]",
    "\"/\"",
    "\"\\/\"",
    "\"\\u0022\\u005c\"",
};

static void what_is_json_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        check(span_from_str(good[i]), true);
    }
}

static void every_beginning_of_a_container_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct span text = span_from_str(good[i]);

        while (text.len > 0 && strchr(" \n\t\r", text.ptr[text.len - 1])) {
            text.len--;
        }
        if (strchr("]}\"", text.ptr[text.len - 1])) {
            for (size_t len = 0; len < text.len; len++) {
                check((struct span){text.ptr, len}, false);
            }
        }
    }
}

static const char *const bad[] = {
    "",
    " ",
    "\n",
    "[",
    "]",
    "{",
    "}",
    "[1",
    "[1,",
    "[,",
    "[,1]",
    "[1,]",
    "[1,,2]",
    "[1 2]",
    "[1}",
    "{1}",
    "{]",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{\"a\",1}",
    "{\"a\"::1}",
    "{a:1}",
    "{'a':1}",
    "{null:1}",
    "{1:1}",
    "{\"a\":1]",
    "[1]]",
    "{}}",
    "[][]",
    "1 1",
    "1,",
    "\"\" \"\"",
    "nul",
    "nulll",
    "nul l",
    "True",
    "NULL",
    "NaN",
    "Infinity",
    "-Infinity",
    "tru",
    "truefalse",
    "fals",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e1",
    "-.1",
    "01",
    "-01",
    "00",
    "1e",
    "1e+",
    "1e-",
    "1E",
    "0x10",
    "1f",
    "1_0",
    "--1",
    "1-1",
    "0.1.2",
    "1e5.5",
    "[01]",
    "[1.]",
    "[-]",
    "\"",
    "\"a",
    "\"\\",
    "\"\\\"",
    "\"\\u",
    "\"\\u12",
    "\"\\u123\"",
    "\"\\u123g\"",
    "\"\\U0041\"",
    "\"\\x41\"",
    "\"\\a\"",
    "\"\\'\"",
    "\"\\0\"",
    "\"\\ \"",
    "'a'",
    "\"\n\"",
    "\"\t\"",
    "\"\x01\"",
    "\"\x1f\"",
    "\"1234567\x1f\"",
    "\"\\ud800\"",
    "\"\\udbff\"",
    "\"\\udc00\"",
    "\"\\udfff\"",
    "\"\\ud83d\\ud83d\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ud83dx\"",
    "\"\\ud83d\\n\"",
    "\"\\udea2\\ud83d\"",
    "\"\\ud83d\\udea\"",
    "\"\\ud83d",
    "\"\\ud83d\\",
    "\"\x80\"",
    "\"\xbf\"",
    "\"\xc0\x80\"",
    "\"\xc1\xbf\"",
    "\"\xc3\"",
    "\"\xc3(\"",
    "\"\xe0\x80\x80\"",
    "\"\xe0\x9f\xbf\"",
    "\"\xe2\x82\"",
    "\"\xe2(\xac\"",
    "\"\xed\xa0\x80\"",
    "\"\xed\xbf\xbf\"",
    "\"\xf0\x80\x80\x80\"",
    "\"\xf0\x8f\xbf\xbf\"",
    "\"\xf0\x9f\x9a\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xf5\x80\x80\x80\"",
    "\"\xf8\x88\x80\x80\x80\"",
    "\"\xfe\"",
    "\"\xff\"",
    "\xef\xbb\xbf[]",
    "[1]\x0c",
    "[1]\x0b",
    "[\xa0]",
    "//x\n1",
    "/**/1",
    "[1]//",
    "#",
    "\x01",
    "[\"a\":1]",
    "[\"a\",\n4\n,1,",
    "{\"a\":1,1}",
    "{\"a\":\"\xff\"}",
    "{\"\xff\":1}",
    "{\"\\ud800\":1}",
    "\xff",
};

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check(span_from_str(bad[i]), false);
    }
    check(SPAN_LITERAL("\0"), false);
    check(SPAN_LITERAL("1\0"), false);
    check(SPAN_LITERAL("[1\0]"), false);
    check(SPAN_LITERAL("\"\0\""), false);
    check(SPAN_LITERAL("\"12345678\0\""), false);
}

/* Every special byte at every place of the eight that are looked at together. */
static void every_byte_at_every_place_of_a_string_is_judged(void **state)
{
    char text[40];

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t place = 1; place < 20; place++) {
            bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

            memset(text, 'a', sizeof text);
            text[0] = '"';
            text[22] = '"';
            text[place] = (char)byte;
            check((struct span){(const uint8_t *)text, 23}, is_plain);
        }
    }
}

static void all_two_and_three_byte_sequences_are_judged_as_utf8(void **state)
{
    (void)state;
    for (uint32_t bytes = 0x800000; bytes < 0x1000000; bytes += 3) {
        uint8_t text[5] = {'"', (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8), (uint8_t)bytes, '"'};
        const uint8_t *at = text + 1;
        struct error err = {0};

        while (at < text + 4 && *at >= 0x20 && *at != '"' && *at != '\\' &&
               utf8_sequence(at, text + 4) > 0) {
            at += utf8_sequence(at, text + 4);
        }
        if (reads((struct span){text, 5}, &err) != (at == text + 4) && *at != '\\' && *at != '"') {
            fail_msg("%06x", bytes);
        }
    }
}

static struct span nested(struct buf *buf, unsigned depth, const char *open, const char *close)
{
    buf_clear(buf);
    for (unsigned i = 0; i < depth; i++) {
        buf_append_str(buf, open);
    }
    for (unsigned i = 0; i < depth; i++) {
        buf_append_str(buf, close);
    }
    return buf_span(buf);
}

static void nesting_is_bounded(void **state)
{
    struct error err = {0};
    struct buf buf;

    (void)state;
    buf_init(&buf, 4u << 20);
    check(nested(&buf, LIMIT_JSON_DEPTH, "[", "]"), true);
    check(nested(&buf, LIMIT_JSON_DEPTH + 1, "[", "]"), false);
    expect_error(reads(nested(&buf, 1000000, "[", "]"), &err), &err, ERROR_FORMAT,
                 "at byte 64: nested too deeply");
    expect_error(reads(nested(&buf, 300000, "{\"a\":", "}"), &err), &err, ERROR_FORMAT,
                 "nested too deeply");
    buf_deinit(&buf);
}

static void a_value_may_use_the_whole_depth_wherever_it_stands(void **state)
{
    struct error err = {0};
    struct buf buf;
    struct json_scan scan;
    struct json_value value;
    bool more;

    (void)state;
    buf_init(&buf, 1000);
    buf_append_str(&buf, "[[");
    for (unsigned i = 0; i < 2 * LIMIT_JSON_DEPTH; i++) {
        buf_append_byte(&buf, i < LIMIT_JSON_DEPTH ? '[' : ']');
    }
    buf_append_str(&buf, "]]");
    json_scan_init(&scan, buf_span(&buf));
    expect_ok(json_open(&scan, '[', &err) && json_next_element(&scan, &more, &err), &err);
    expect_ok(json_open(&scan, '[', &err) && json_next_element(&scan, &more, &err), &err);
    expect_ok(json_read(&scan, &value, &err), &err);
    assert_int_equal(value.text.len, 2 * LIMIT_JSON_DEPTH);
    expect_ok(json_next_element(&scan, &more, &err), &err);
    assert_false(more);
    expect_ok(json_next_element(&scan, &more, &err), &err);
    assert_false(more);
    expect_ok(json_finish(&scan, &err), &err);
    buf_deinit(&buf);
}

static void opening_is_bounded_too(void **state)
{
    struct error err = {0};
    struct buf buf;
    struct json_scan scan;
    bool more;

    (void)state;
    buf_init(&buf, 1000);
    json_scan_init(&scan, nested(&buf, LIMIT_JSON_DEPTH + 1, "[", "]"));
    for (unsigned i = 0; i < LIMIT_JSON_DEPTH; i++) {
        expect_ok(json_open(&scan, '[', &err) && json_next_element(&scan, &more, &err), &err);
    }
    expect_error(json_open(&scan, '[', &err), &err, ERROR_FORMAT, "nested too deeply");
    buf_deinit(&buf);
}

static void the_message_says_where_and_what(void **state)
{
    struct error err = {0};

    (void)state;
    expect_error(reads(SPAN_LITERAL("[1, 2 3]"), &err), &err, ERROR_FORMAT,
                 "malformed JSON at byte 6: expected ',' or ']', found '3'");
    expect_error(reads(SPAN_LITERAL("{\"a\":\n}"), &err), &err, ERROR_FORMAT,
                 "byte 6: expected a value, found '}'");
    expect_error(reads(SPAN_LITERAL("{\"a\""), &err), &err, ERROR_FORMAT,
                 "byte 4: expected ':', found the end");
    expect_error(reads(SPAN_LITERAL("{\"a\":1,}"), &err), &err, ERROR_FORMAT,
                 "byte 7: expected a member name");
    expect_error(reads(SPAN_LITERAL("[1\x01"), &err), &err, ERROR_FORMAT,
                 "byte 2: expected ',' or ']', found 0x01");
    expect_error(reads(SPAN_LITERAL("[\"abc\n\"]"), &err), &err, ERROR_FORMAT,
                 "byte 5: unescaped control character");
    expect_error(reads(SPAN_LITERAL("\"ab\xff\""), &err), &err, ERROR_FORMAT,
                 "byte 3: invalid UTF-8");
    expect_error(reads(SPAN_LITERAL("\"ab\\q\""), &err), &err, ERROR_FORMAT,
                 "byte 3: unknown escape");
    expect_error(reads(SPAN_LITERAL("\"\\udc00\""), &err), &err, ERROR_FORMAT,
                 "byte 1: low surrogate");
    expect_error(reads(SPAN_LITERAL("[] x"), &err), &err, ERROR_FORMAT,
                 "byte 3: expected nothing more, found 'x'");
    expect_error(reads(SPAN_LITERAL("-x"), &err), &err, ERROR_FORMAT,
                 "byte 1: expected a digit, found 'x'");
}

static void values_are_slices_of_the_input(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
    } cases[] = {
        {"1.0", JSON_NUMBER},           {"9223372036854775807", JSON_NUMBER},
        {"\"a\\u0000b\"", JSON_STRING}, {"{ \"z\" : [1, 2] , \"a\" : {} }", JSON_OBJECT},
        {"[ 1,\n2 ]", JSON_ARRAY},      {"true", JSON_TRUE},
        {"false", JSON_FALSE},          {"null", JSON_NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        struct json_scan scan;
        struct json_value value;
        enum json_type type;
        char text[100];

        snprintf(text, sizeof text, " \n%s\t ", cases[i].text);
        json_scan_init(&scan, span_from_str(text));
        expect_ok(json_peek(&scan, &type, &err), &err);
        assert_int_equal(type, cases[i].type);
        expect_ok(json_read(&scan, &value, &err), &err);
        assert_int_equal(value.type, cases[i].type);
        expect_text(value.text, cases[i].text);
        assert_ptr_equal(value.text.ptr, text + 2);
        expect_ok(json_finish(&scan, &err), &err);
    }
}

static void containers_are_walked_by_pull(void **state)
{
    static const char text[] =
        " { \"ids\" : [ \"a\" , \"b\" ] , \"none\" : null,\"e\":[],\"o\":{} , \"m\" : {\"k\":1} } ";
    static const char *const names[] = {"\"ids\"", "\"none\"", "\"e\"", "\"o\"", "\"m\""};
    struct error err = {0};
    struct json_scan scan;
    struct json_value name;
    struct json_value value;
    struct buf seen;
    bool more;
    size_t member = 0;

    (void)state;
    buf_init(&seen, 100);
    json_scan_init(&scan, span_from_str(text));
    expect_ok(json_open(&scan, '{', &err), &err);
    for (;;) {
        expect_ok(json_next_member(&scan, &name, &more, &err), &err);
        if (!more) {
            break;
        }
        expect_text(name.text, names[member]);
        assert_int_equal(name.type, JSON_STRING);
        if (member == 0) {
            expect_ok(json_open(&scan, '[', &err), &err);
            for (;;) {
                expect_ok(json_next_element(&scan, &more, &err), &err);
                if (!more) {
                    break;
                }
                expect_ok(json_read(&scan, &value, &err), &err);
                buf_append_span(&seen, value.text);
            }
        } else {
            expect_ok(json_read(&scan, &value, &err), &err);
            buf_append_span(&seen, value.text);
        }
        member++;
    }
    expect_ok(json_finish(&scan, &err), &err);
    assert_int_equal(member, 5);
    expect_text(buf_span(&seen), "\"a\"\"b\"null[]{}{\"k\":1}");
    buf_deinit(&seen);
}

/* The pull walk must be as strict as json_read: walk everything by pull, recursively. */
static bool walk(struct json_scan *scan, struct error *err)
{
    enum json_type type;
    struct json_value value;
    bool more = true;

    if (!json_peek(scan, &type, err)) {
        return false;
    }
    if (type != JSON_ARRAY && type != JSON_OBJECT) {
        return json_read(scan, &value, err);
    }
    if (!json_open(scan, type == JSON_ARRAY ? '[' : '{', err)) {
        return false;
    }
    while (more) {
        if (!(type == JSON_ARRAY ? json_next_element(scan, &more, err)
                                 : json_next_member(scan, &value, &more, err)) ||
            (more && !walk(scan, err))) {
            return false;
        }
    }
    return true;
}

static bool walks(struct span text)
{
    struct span copy = exact_copy(text);
    struct error err = {0};
    struct json_scan scan;
    bool ok;

    json_scan_init(&scan, copy);
    ok = walk(&scan, &err) && json_finish(&scan, &err);
    free_copy(copy);
    return ok;
}

static void walking_is_as_strict_as_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(walks(span_from_str(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (walks(span_from_str(bad[i]))) {
            fail_msg("%s", bad[i]);
        }
    }
}

/* Three readers, one grammar: texts a little beside JSON must get the same verdict from all of
 * them. */
static void mutated_texts_get_one_verdict_from_every_reader(void **state)
{
    static const char alphabet[] =
        "{}[]\",:\\/ntrufalse0123456789.eE+-dDbB \n\x01\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\xa2\xed";
    struct rng rng = seeded_rng();
    size_t accepted = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        const char *from = good[rng_below(&rng, ARRAY_LEN(good))];
        uint8_t text[64];
        size_t len = strlen(from);
        struct error err = {0};
        bool verdict;

        memcpy(text, from, len);
        for (uint64_t edits = rng_below(&rng, 3) + 1; edits > 0; edits--) {
            uint8_t byte = (uint8_t)alphabet[rng_below(&rng, sizeof alphabet - 1)];
            size_t place = (size_t)rng_below(&rng, len + 1);

            if (rng_below(&rng, 2) == 0 && place < len) {
                text[place] = byte;
            } else if (len < sizeof text - 1) {
                memmove(text + place + 1, text + place, len - place);
                text[place] = byte;
                len++;
            }
        }
        verdict = reads((struct span){text, len}, &err);
        accepted += verdict;
        if (walks((struct span){text, len}) != verdict ||
            push_reads((struct span){text, len}, (size_t)rng_below(&rng, len + 1)) != verdict) {
            fail_msg("readers disagree on %.*s", (int)len, (const char *)text);
        }
    }
    assert_in_range(accepted, 2000, 198000); /* or the mutations test nothing */
}

static void check_decoded(const char *json, struct span want)
{
    struct span copy = exact_copy(span_from_str(json));
    struct error err = {0};
    struct json_scan scan;
    struct json_value value;
    struct buf out;

    buf_init(&out, 200);
    buf_append_byte(&out, '>');
    json_scan_init(&scan, copy);
    expect_ok(json_read(&scan, &value, &err), &err);
    expect_ok(json_decode_string(value, &out, &err), &err);
    assert_true(span_equal((struct span){out.ptr + 1, out.len - 1}, want));
    buf_deinit(&out);
    free_copy(copy);
}

static void strings_are_decoded(void **state)
{
    (void)state;
    check_decoded("\"\"", SPAN_LITERAL(""));
    check_decoded("\"plain\"", SPAN_LITERAL("plain"));
    check_decoded("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SPAN_LITERAL("\"\\/\b\f\n\r\t"));
    check_decoded("\"a\\u0000b\"", SPAN_LITERAL("a\0b"));
    check_decoded("\"\\u007f\\u0080\\u07FF\\u0800\\uffff\"",
                  SPAN_LITERAL("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"));
    check_decoded("\"\\ud83d\\udea2!\\uD800\\uDC00\\uDBFF\\uDFFF\"",
                  SPAN_LITERAL("\xf0\x9f\x9a\xa2!\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
    check_decoded("\"gr\xc3\xbc\xc3\x9f\\n\"", SPAN_LITERAL("gr\xc3\xbc\xc3\x9f\n"));
}

static void decoding_honours_the_ceiling_and_the_type(void **state)
{
    struct error err = {0};
    struct buf out;
    struct json_value string = {JSON_STRING, SPAN_LITERAL("\"abcd\"")};
    struct json_value number = {JSON_NUMBER, SPAN_LITERAL("12")};

    (void)state;
    buf_init(&out, 3);
    expect_error(json_decode_string(string, &out, &err), &err, ERROR_LIMIT, NULL);
    buf_clear(&out);
    expect_error(json_decode_string(number, &out, &err), &err, ERROR_BUG, NULL);
    buf_deinit(&out);
}

static void check_is(const char *json, const char *literal, bool want)
{
    struct json_value value = {JSON_STRING, span_from_str(json)};

    if (json_string_is(value, literal) != want) {
        fail_msg("%s is %s", json, literal);
    }
}

static void a_string_is_its_characters_however_written(void **state)
{
    struct json_value null = {JSON_NULL, SPAN_LITERAL("null")};

    (void)state;
    check_is("\"ids\"", "ids", true);
    check_is("\"\\u0069ds\"", "ids", true);
    check_is("\"i\\u0064\\u0073\"", "ids", true);
    check_is("\"chroma:uri\"", "chroma:uri", true);
    check_is("\"a\\/b\"", "a/b", true);
    check_is("\"\"", "", true);
    check_is("\"\\ud83d\\udea2\"", "\xf0\x9f\x9a\xa2", true);
    check_is("\"id\"", "ids", false);
    check_is("\"idss\"", "ids", false);
    check_is("\"Ids\"", "ids", false);
    check_is("\"\"", "ids", false);
    check_is("\"ids\"", "", false);
    check_is("\"ids\\u0000\"", "ids", false);
    check_is("\"\\u0000\"", "", false);
    assert_false(json_string_is(null, "null"));
}

static void integers_are_told_by_their_spelling_alone(void **state)
{
    static const struct {
        const char *text;
        bool is_integer;
    } cases[] = {{"0", true},    {"-1", true},   {"12345678901234567890", true},
                 {"-0", true},   {"1.0", false}, {"1e5", false},
                 {"1E5", false}, {"-0.0", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_value value = {JSON_NUMBER, span_from_str(cases[i].text)};

        assert_int_equal(json_number_is_integer(value), cases[i].is_integer);
        value.type = JSON_STRING;
        assert_false(json_number_is_integer(value));
    }
}

static void the_wrong_bracket_is_refused(void **state)
{
    struct error err = {0};
    struct json_scan scan;
    struct json_value name;
    bool more;

    (void)state;
    json_scan_init(&scan, SPAN_LITERAL(" [1]"));
    expect_error(json_open(&scan, '{', &err), &err, ERROR_FORMAT,
                 "byte 1: expected an object, found '['");
    json_scan_init(&scan, SPAN_LITERAL("null"));
    expect_error(json_open(&scan, '[', &err), &err, ERROR_FORMAT,
                 "byte 0: expected an array, found 'n'");
    json_scan_init(&scan, (struct span){NULL, 0});
    expect_error(json_open(&scan, '[', &err), &err, ERROR_FORMAT, "found the end");
    json_scan_init(&scan, SPAN_LITERAL("1"));
    expect_error(json_next_element(&scan, &more, &err), &err, ERROR_BUG, NULL);
    expect_error(json_next_member(&scan, &name, &more, &err), &err, ERROR_BUG, NULL);
    json_scan_init(&scan, SPAN_LITERAL("[1]"));
    expect_ok(json_open(&scan, '[', &err), &err);
    expect_error(json_finish(&scan, &err), &err, ERROR_BUG, NULL);
}

static bool read_floats(const char *text, float *out, size_t max, size_t *count, bool *finite,
                        struct error *err)
{
    struct span copy = exact_copy(span_from_str(text));
    struct json_scan scan;
    bool ok;

    json_scan_init(&scan, copy);
    ok = json_read_floats(&scan, out, max, count, finite, err) && json_finish(&scan, err);
    free_copy(copy);
    return ok;
}

static void vectors_become_floats(void **state)
{
    struct error err = {0};
    float values[8];
    size_t count = 99;
    bool finite = false;

    (void)state;
    expect_ok(
        read_floats(" [ 0.1 , -2 ,\n3e2,4.5E-1,-0.0,16777217] ", values, 8, &count, &finite, &err),
        &err);
    assert_int_equal(count, 6);
    assert_true(finite);
    assert_true(values[0] == 0.1f && values[1] == -2.0f && values[2] == 300.0f &&
                values[3] == 0.45f);
    assert_true(values[4] == 0.0f && signbit(values[4]) && values[5] == 16777216.0f);
    expect_ok(read_floats("[]", values, 0, &count, &finite, &err), &err);
    assert_int_equal(count, 0);
    assert_true(finite);
    expect_ok(read_floats("[ ]", NULL, 0, &count, &finite, &err), &err);
    expect_ok(read_floats("[5]", values, 1, &count, &finite, &err), &err);
    assert_true(values[0] == 5.0f);
}

static void nulls_and_overflows_become_nan_and_are_told(void **state)
{
    struct error err = {0};
    float values[4];
    size_t count;
    bool finite;

    (void)state;
    expect_ok(read_floats("[null,1,1e39,-1e39]", values, 4, &count, &finite, &err), &err);
    assert_int_equal(count, 4);
    assert_false(finite);
    assert_true(isnan(values[0]) && values[1] == 1.0f && isnan(values[2]) && isnan(values[3]));
    expect_ok(read_floats("[3.4028235e38]", values, 4, &count, &finite, &err), &err);
    assert_true(finite);
}

static void vectors_are_as_strict_as_the_rest(void **state)
{
    static const char *const texts[] = {
        "",      "[",       "]",         "{}",      "null",  "1",       "\"\"",  "[1",
        "[1,",   "[,]",     "[,1]",      "[1,]",    "[1 2]", "[1,,2]",  "[01]",  "[1.]",
        "[.5]",  "[+1]",    "[-]",       "[1e]",    "[nul]", "[nulls]", "[null", "[nan]",
        "[inf]", "[true]",  "[\"1\"]",   "[[1]]",   "[{}]",  "[1}",     "[1]]",  "[1x]",
        "[0x1]", "[1.5.5]", "[1,null,]", "[1\x01]", "[n",    "[1;2]",
    };
    float values[8];
    size_t count;
    bool finite;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error err = {0};

        expect_error(read_floats(texts[i], values, 8, &count, &finite, &err), &err, ERROR_FORMAT,
                     "malformed JSON at byte ");
    }
}

static void a_vector_longer_than_expected_is_refused_unwritten(void **state)
{
    struct error err = {0};
    float values[3] = {7, 7, 7};
    size_t count;
    bool finite;

    (void)state;
    expect_error(read_floats("[1,2,3]", values, 2, &count, &finite, &err), &err, ERROR_FORMAT,
                 "byte 5: more than 2 numbers");
    assert_true(values[2] == 7.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_is_accepted),
        cmocka_unit_test(every_beginning_of_a_container_is_refused),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(every_byte_at_every_place_of_a_string_is_judged),
        cmocka_unit_test(all_two_and_three_byte_sequences_are_judged_as_utf8),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_value_may_use_the_whole_depth_wherever_it_stands),
        cmocka_unit_test(opening_is_bounded_too),
        cmocka_unit_test(the_message_says_where_and_what),
        cmocka_unit_test(values_are_slices_of_the_input),
        cmocka_unit_test(containers_are_walked_by_pull),
        cmocka_unit_test(walking_is_as_strict_as_reading),
        cmocka_unit_test(mutated_texts_get_one_verdict_from_every_reader),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(decoding_honours_the_ceiling_and_the_type),
        cmocka_unit_test(a_string_is_its_characters_however_written),
        cmocka_unit_test(integers_are_told_by_their_spelling_alone),
        cmocka_unit_test(the_wrong_bracket_is_refused),
        cmocka_unit_test(vectors_become_floats),
        cmocka_unit_test(nulls_and_overflows_become_nan_and_are_told),
        cmocka_unit_test(vectors_are_as_strict_as_the_rest),
        cmocka_unit_test(a_vector_longer_than_expected_is_refused_unwritten),
    };

    return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
