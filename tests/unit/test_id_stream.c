/* Ids out of an answer that arrives in pieces: the same ids whatever the cuts, and nothing but a
 * whole, strict answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "format/id_stream.h"
#include "support/expect.h"

struct collected {
    struct buf ids; /* each one behind its length in decimal: "3:abc" */
    size_t count;
    size_t stop_after; /* 0: never */
    bool is_silent;    /* stops without saying why */
};

static bool collect(void *ctx, struct span id, struct error *err)
{
    struct collected *collected = ctx;

    collected->count++;
    buf_printf(&collected->ids, "%zu:", id.len);
    buf_append_span(&collected->ids, id);
    if (collected->stop_after > 0 && collected->count >= collected->stop_after) {
        return collected->is_silent ? false : error_set(err, ERROR_CANCELLED, "enough");
    }
    return true;
}

/* Every chunk in an allocation of its own, so that a sanitizer sees any look beyond it. */
static bool feed_copy(struct id_stream *stream, const uint8_t *ptr, size_t len, struct error *err)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    bool ok;

    assert_non_null(copy);
    memcpy(copy, ptr, len);
    ok = id_stream_feed(stream, (struct span){copy, len}, err);
    free(copy);
    return ok;
}

/* Feeds text up to `first`, then in steps of `step`. */
static bool stream_text(struct span text, size_t first, size_t step, struct collected *out,
                        struct error *err)
{
    struct id_stream *stream = id_stream_new(collect, out);
    bool ok;

    assert_non_null(stream);
    buf_clear(&out->ids);
    out->count = 0;
    ok = feed_copy(stream, text.ptr, first, err);
    for (size_t at = first; ok && at < text.len; at += step) {
        ok = feed_copy(stream, text.ptr + at, step < text.len - at ? step : text.len - at, err);
    }
    ok = ok && id_stream_finish(stream, err);
    if (ok) {
        assert_int_equal(id_stream_count(stream), out->count);
    }
    id_stream_free(stream);
    return ok;
}

static void check_ids(struct span text, struct span want)
{
    struct collected out = {0};

    buf_init(&out.ids, MIB);
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct error err = {0};

        expect_ok(stream_text(text, cut, text.len + 1, &out, &err), &err);
        if (!span_equal(buf_span(&out.ids), want)) {
            fail_msg("cut at %zu: %s", cut, buf_cstr(&out.ids));
        }
    }
    for (size_t step = 1; step < 9; step++) {
        struct error err = {0};

        expect_ok(stream_text(text, 0, step, &out, &err), &err);
        assert_true(span_equal(buf_span(&out.ids), want));
    }
    buf_deinit(&out.ids);
}

static void check_refused(struct span text, const char *part)
{
    struct collected out = {0};

    buf_init(&out.ids, MIB);
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct error err = {0};

        expect_error(stream_text(text, cut, text.len + 1, &out, &err), &err, ERROR_FORMAT, part);
    }
    for (size_t step = 1; step < 9; step++) {
        struct error err = {0};

        expect_error(stream_text(text, 0, step, &out, &err), &err, ERROR_FORMAT, part);
    }
    buf_deinit(&out.ids);
}

static void ids_come_in_order_whatever_the_cuts(void **state)
{
    (void)state;
    check_ids(SPAN_LITERAL("{\"ids\":[\"a\",\"bc\",\"def\"]}"), SPAN_LITERAL("1:a2:bc3:def"));
    check_ids(SPAN_LITERAL(" { \"ids\" : [ \"a\" ,\n\"b\" ] } \n"), SPAN_LITERAL("1:a1:b"));
    check_ids(SPAN_LITERAL("{\"ids\":[]}"), SPAN_LITERAL(""));
    check_ids(SPAN_LITERAL("{\"ids\":[\"\"]}"), SPAN_LITERAL("0:"));
}

static void other_members_of_any_kind_are_skipped(void **state)
{
    (void)state;
    check_ids(SPAN_LITERAL("{\"x\":[\"no\",{\"ids\":[\"no\"]}],\"ids\":[\"yes\"],\"embeddings\":"
                           "null,\"include\":[]}"),
              SPAN_LITERAL("3:yes"));
    check_ids(SPAN_LITERAL("{\"n\":-1.5e+3,\"t\":true,\"f\":false,\"s\":\"ids\",\"o\":{\"ids\":{}},"
                           "\"ids\":[\"1\"],"
                           "\"ids2\":[1],\"id\":[2],\"\":0}"),
              SPAN_LITERAL("1:1"));
    check_ids(SPAN_LITERAL("{\"\\u0069d\\u0073\":[\"escaped\"]}"), SPAN_LITERAL("7:escaped"));
    check_ids(SPAN_LITERAL("{\"ids\\u0000\":1,\"ids\":[\"a\"]}"), SPAN_LITERAL("1:a"));
}

static void escapes_and_every_width_of_utf8_are_resolved(void **state)
{
    (void)state;
    check_ids(SPAN_LITERAL("{\"ids\":[\"a\\u0000b\",\"\\\"\\\\\\/"
                           "\\b\\f\\n\\r\\t\",\"\\u00e9\\u20ac\\ud83d\\udea2\\u0041\"]}"),
              SPAN_LITERAL("3:a\0b8:\"\\/\b\f\n\r\t10:\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\xa2"
                           "A"));
    check_ids(
        SPAN_LITERAL("{\"ids\":[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\xa2\",\"x\xf4\x8f\xbf\xbf\"]}"),
        SPAN_LITERAL("9:\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\xa2"
                     "5:x\xf4\x8f\xbf\xbf"));
}

static void an_answer_that_is_cut_off_is_refused_at_every_place(void **state)
{
    static const char text[] =
        "{\"a\":[1,{\"b\":null}],\"ids\":[\"x\\ud83d\\udea2\",\"\xe2\x82\xac\"],\"c\":\"d\"}";

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        check_refused((struct span){(const uint8_t *)text, len}, "malformed JSON at byte");
    }
}

static void ids_that_are_no_strings_are_refused(void **state)
{
    (void)state;
    check_refused(SPAN_LITERAL("{\"ids\":[1]}"), "an id that is not a string");
    check_refused(SPAN_LITERAL("{\"ids\":[null]}"), "an id that is not a string");
    check_refused(SPAN_LITERAL("{\"ids\":[\"a\",true]}"), "an id that is not a string");
    check_refused(SPAN_LITERAL("{\"ids\":[[\"a\"]]}"), "an id that is not a string");
    check_refused(SPAN_LITERAL("{\"ids\":[{}]}"), "an id that is not a string");
}

static void answers_without_a_list_of_ids_are_refused(void **state)
{
    (void)state;
    check_refused(SPAN_LITERAL("{}"), "no \"ids\"");
    check_refused(SPAN_LITERAL("{\"documents\":[\"ids\"]}"), "no \"ids\"");
    check_refused(SPAN_LITERAL("{\"ids\":null}"), "\"ids\" is not an array");
    check_refused(SPAN_LITERAL("{\"ids\":\"a\"}"), "\"ids\" is not an array");
    check_refused(SPAN_LITERAL("{\"ids\":\"\"}"), "\"ids\" is not an array");
    check_refused(SPAN_LITERAL("{\"ids\":{\"0\":\"a\"}}"), "\"ids\" is not an array");
    check_refused(SPAN_LITERAL("{\"ids\":[],\"ids\":[\"a\"]}"), "for the second time");
    check_refused(SPAN_LITERAL("[\"a\"]"), "not an object");
    check_refused(SPAN_LITERAL("\"ids\""), "not an object");
    check_refused(SPAN_LITERAL("null"), "not an object");
    check_refused(SPAN_LITERAL("17"), "not an object");
}

static void malformed_json_is_refused_anywhere(void **state)
{
    static const char *const bad[] = {
        "",
        "{\"ids\":[\"a\"]}x",
        "{\"ids\":[\"a\"]}{}",
        "{\"ids\":[\"a\",]}",
        "{\"ids\":[\"a\"],}",
        "{\"ids\":[\"a\" \"b\"]}",
        "{\"ids\":[\"a\"],\"x\":01}",
        "{\"ids\":[\"a\"],\"x\":nul}",
        "{\"ids\":[\"a\"],\"x\":[}",
        "{\"ids\":[\"\n\"]}",
        "{\"ids\":[\"\xff\"]}",
        "{\"ids\":[\"\xc3\"]}",
        "{\"ids\":[\"\xed\xa0\x80\"]}",
        "{\"ids\":[\"\\ud83d\"]}",
        "{\"ids\":[\"\\x\"]}",
        "{ids:[]}",
        "\xef\xbb\xbf{\"ids\":[]}",
        "<html>",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check_refused(span_from_str(bad[i]), "malformed JSON at byte");
    }
}

static void the_message_says_where(void **state)
{
    struct collected out = {0};
    struct error err = {0};

    (void)state;
    buf_init(&out.ids, 1000);
    for (size_t step = 1; step < 20; step++) {
        expect_error(stream_text(SPAN_LITERAL("{\"ids\":[\"a\" 1]}"), 0, step, &out, &err), &err,
                     ERROR_FORMAT, "malformed JSON at byte 12: expected ',' or ']', found '1'");
        expect_error(stream_text(SPAN_LITERAL("{\"ids\":[\"a\", 1]}"), 0, step, &out, &err), &err,
                     ERROR_FORMAT, "malformed answer at byte 13: an id");
        expect_error(
            stream_text(SPAN_LITERAL("{\"ids\":[\"abc\xff\xff\xff\xff\"]}"), 0, step, &out, &err),
            &err, ERROR_FORMAT, "at byte 12: invalid UTF-8");
    }
    buf_deinit(&out.ids);
}

static bool stream_long_id(size_t id_bytes, size_t step, struct collected *out, struct error *err)
{
    struct buf text;
    bool ok;

    buf_init(&text, 4u * MIB);
    buf_append_str(&text, "{\"ids\":[\"first\",\"");
    for (size_t i = 0; i < id_bytes; i++) {
        buf_append_byte(&text, i < 3 ? "<\">"[i] == '"' ? 'q' : (uint8_t) "<\">"[i] : 'i');
    }
    buf_append_str(&text, "\",\"last\"]}");
    ok = stream_text(buf_span(&text), 0, step, out, err);
    buf_deinit(&text);
    return ok;
}

static void an_id_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
    static const size_t steps[] = {1000, 4096, 8u * MIB};
    struct collected out = {0};
    struct error err = {0};

    (void)state;
    buf_init(&out.ids, MIB);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        expect_ok(stream_long_id(LIMIT_RECORD_ID, steps[i], &out, &err), &err);
        assert_int_equal(out.count, 3);
        assert_false(stream_long_id(LIMIT_RECORD_ID + 1, steps[i], &out, &err));
        assert_non_null(strstr(err.message, "id number 2, \"<q>iii"));
        expect_error(false, &err, ERROR_LIMIT, "has 65537 bytes, more than 65536");
        assert_int_equal(out.count, 1);
        expect_error(stream_long_id(2000000, steps[i], &out, &err), &err, ERROR_LIMIT,
                     "has 2000000 bytes");
    }
    buf_deinit(&out.ids);
}

static void the_callback_can_stop_it_and_it_stays_stopped(void **state)
{
    struct collected out = {.stop_after = 2};
    struct error err = {0};
    struct id_stream *stream = id_stream_new(collect, &out);

    (void)state;
    assert_non_null(stream);
    buf_init(&out.ids, 1000);
    expect_error(id_stream_feed(stream, SPAN_LITERAL("{\"ids\":[\"a\",\"b\",\"c\"]}"), &err), &err,
                 ERROR_CANCELLED, "enough");
    assert_int_equal(out.count, 2);
    expect_error(id_stream_feed(stream, SPAN_LITERAL("]"), &err), &err, ERROR_CANCELLED, "enough");
    expect_error(id_stream_finish(stream, &err), &err, ERROR_CANCELLED, "enough");
    assert_int_equal(out.count, 2);
    id_stream_free(stream);
    id_stream_free(NULL);
    out.is_silent = true;
    expect_error(stream_text(SPAN_LITERAL("{\"ids\":[\"a\",\"b\",\"c\"]}"), 0, 5, &out, &err), &err,
                 ERROR_BUG, "without a reason");
    buf_deinit(&out.ids);
}

static void many_ids_in_random_pieces(void **state)
{
    struct rng rng = seeded_rng();
    struct collected out = {0};
    struct error err = {0};
    struct buf text;
    struct buf want;

    (void)state;
    buf_init(&text, 64u * MIB);
    buf_init(&want, 64u * MIB);
    buf_init(&out.ids, 64u * MIB);
    buf_append_str(&text, "{\"ids\":[");
    for (unsigned i = 0; i < 100000; i++) {
        char id[60];
        int len = snprintf(id, sizeof id, "%u-gr\xc3\xbc\xc3\x9f-%llx", i,
                           (unsigned long long)rng_next(&rng));

        buf_printf(&text, "%s\"%s\"", i > 0 ? "," : "", id);
        buf_printf(&want, "%d:%s", len, id);
    }
    buf_append_str(&text, "],\"embeddings\":null}");
    for (int round = 0; round < 5; round++) {
        struct id_stream *stream = id_stream_new(collect, &out);

        assert_non_null(stream);
        buf_clear(&out.ids);
        for (size_t at = 0; at < text.len;) {
            size_t len = (size_t)rng_below(&rng, 20000) + 1;

            len = len < text.len - at ? len : text.len - at;
            expect_ok(feed_copy(stream, text.ptr + at, len, &err), &err);
            at += len;
        }
        expect_ok(id_stream_finish(stream, &err), &err);
        assert_int_equal(id_stream_count(stream), 100000);
        assert_true(span_equal(buf_span(&out.ids), buf_span(&want)));
        id_stream_free(stream);
    }
    buf_deinit(&text);
    buf_deinit(&want);
    buf_deinit(&out.ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_come_in_order_whatever_the_cuts),
        cmocka_unit_test(other_members_of_any_kind_are_skipped),
        cmocka_unit_test(escapes_and_every_width_of_utf8_are_resolved),
        cmocka_unit_test(an_answer_that_is_cut_off_is_refused_at_every_place),
        cmocka_unit_test(ids_that_are_no_strings_are_refused),
        cmocka_unit_test(answers_without_a_list_of_ids_are_refused),
        cmocka_unit_test(malformed_json_is_refused_anywhere),
        cmocka_unit_test(the_message_says_where),
        cmocka_unit_test(an_id_may_be_as_long_as_the_limit_and_no_longer),
        cmocka_unit_test(the_callback_can_stop_it_and_it_stays_stopped),
        cmocka_unit_test(many_ids_in_random_pieces),
    };

    return cmocka_run_group_tests_name("id_stream", tests, NULL, NULL);
}
