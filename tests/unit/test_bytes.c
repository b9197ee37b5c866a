/* Spans and the buffer: sticky failures, exact ceilings, hex and printable text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "support/expect.h"

static void spans_compare_bytewise_and_shorter_first(void **state)
{
    struct span empty = {NULL, 0};

    (void)state;
    assert_int_equal(span_compare(SPAN_LITERAL("a"), SPAN_LITERAL("b")), -1);
    assert_int_equal(span_compare(SPAN_LITERAL("b"), SPAN_LITERAL("a")), 1);
    assert_int_equal(span_compare(SPAN_LITERAL("a"), SPAN_LITERAL("aa")), -1);
    assert_int_equal(span_compare(SPAN_LITERAL("aa"), SPAN_LITERAL("a")), 1);
    assert_int_equal(span_compare(SPAN_LITERAL("\xff"), SPAN_LITERAL("\x01zz")), 1);
    assert_int_equal(span_compare(SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\0c")), -1);
    assert_int_equal(span_compare(empty, SPAN_LITERAL("")), 0);
    assert_int_equal(span_compare(empty, SPAN_LITERAL("a")), -1);
    assert_true(span_equal(SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\0b")));
    assert_false(span_equal(SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\0c")));
    assert_false(span_equal(SPAN_LITERAL("a"), SPAN_LITERAL("aa")));
    assert_true(span_equal(empty, SPAN_LITERAL("")));
    assert_int_equal(span_from_str("abc").len, 3);
    assert_int_equal(span_from_str(NULL).len, 0);
}

static void appends_add_up(void **state)
{
    struct error err = {0};
    struct buf buf;

    (void)state;
    buf_init(&buf, 1000);
    buf_append(&buf, "abc", 3);
    buf_append(&buf, NULL, 0);
    buf_append_str(&buf, "def");
    buf_append_byte(&buf, 'g');
    buf_append_span(&buf, SPAN_LITERAL("h\0i"));
    buf_append_span(&buf, (struct span){NULL, 0});
    buf_printf(&buf, "-%d-%s-", 42, "x");
    assert_true(span_equal(buf_span(&buf), SPAN_LITERAL("abcdefgh\0i-42-x-")));
    expect_ok(buf_check(&buf, "text", &err), &err);
    buf_deinit(&buf);
    assert_null(buf.ptr);
}

/* Whatever the pieces: up to max everything fits, and one byte more does not. */
static void the_ceiling_is_exact_and_never_exceeded(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (size_t max = 1; max < 700; max++) {
        struct error err = {0};
        struct buf buf;

        buf_init(&buf, max);
        while (buf.len < max) {
            char piece[90];
            size_t len = (size_t)rng_below(&rng, sizeof piece) + 1;

            len = len < max - buf.len ? len : max - buf.len;
            memset(piece, 'p', sizeof piece);
            buf_append(&buf, piece, len);
            assert_true(buf.cap <= max);
        }
        expect_ok(buf_check(&buf, "text", &err), &err);
        assert_int_equal(buf.len, max);
        assert_int_equal(strlen(buf_cstr(&buf)), max);
        buf_append_byte(&buf, 'x');
        assert_int_equal(buf.len, max);
        expect_error(buf_check(&buf, "the text", &err), &err, ERROR_LIMIT,
                     "the text is larger than");
        buf_deinit(&buf);
    }
}

static void a_failure_is_sticky_until_cleared(void **state)
{
    struct error err = {0};
    struct buf buf;
    size_t len;

    (void)state;
    buf_init(&buf, 10);
    buf_append_str(&buf, "12345678901");
    assert_int_equal(buf.len, 0);
    buf_append_str(&buf, "1");
    buf_append_byte(&buf, '2');
    buf_printf(&buf, "%d", 3);
    assert_null(buf_reserve(&buf, 0));
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf_cstr(&buf), "");
    assert_null(buf_take(&buf, &len));
    assert_int_equal(len, 0);
    expect_error(buf_check(&buf, "text", &err), &err, ERROR_LIMIT, "text is larger than 10 bytes");
    buf_clear(&buf);
    buf_append_str(&buf, "1234567890");
    expect_ok(buf_check(&buf, "text", &err), &err);
    buf_deinit(&buf);
}

static void a_huge_request_is_a_limit_and_not_an_overflow(void **state)
{
    struct error err = {0};
    struct buf buf;

    (void)state;
    buf_init(&buf, 100);
    buf_append_str(&buf, "abc");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    expect_error(buf_check(&buf, "text", &err), &err, ERROR_LIMIT, NULL);
    buf_clear(&buf);
    buf_append_hex(&buf, (struct span){(const uint8_t *)"x", SIZE_MAX - 1});
    expect_error(buf_check(&buf, "text", &err), &err, ERROR_LIMIT, NULL);
    buf_deinit(&buf);
    buf_init(&buf, SIZE_MAX);
    buf_append_str(&buf, "abc");
    assert_null(buf_reserve(&buf, SIZE_MAX - 3));
    expect_error(buf_check(&buf, "text", &err), &err, ERROR_NOMEM, NULL);
    buf_deinit(&buf);
}

static void an_unopened_buf_holds_nothing_and_is_freed_twice(void **state)
{
    struct error err = {0};
    struct buf buf = {0};

    (void)state;
    buf_append_str(&buf, "a");
    expect_error(buf_check(&buf, "text", &err), &err, ERROR_LIMIT, NULL);
    buf_deinit(&buf);
    buf_deinit(&buf);
}

static void growth_doubles(void **state)
{
    struct buf buf;
    const uint8_t *last = NULL;
    size_t last_cap = 0;
    int moves = 0;

    (void)state;
    buf_init(&buf, 10u << 20);
    for (int i = 0; i < 1 << 20; i++) {
        buf_append_byte(&buf, 'x');
        moves += buf.cap != last_cap;
        last_cap = buf.cap;
        last = buf.ptr;
    }
    assert_non_null(last);
    assert_true(moves <= 16);
    buf_deinit(&buf);
}

static void reserve_gives_room_that_the_caller_fills(void **state)
{
    struct buf buf;
    uint8_t *room;

    (void)state;
    buf_init(&buf, 8);
    room = buf_reserve(&buf, 8);
    assert_non_null(room);
    memcpy(room, "12345678", 8);
    buf.len += 8;
    assert_non_null(buf_reserve(&buf, 0));
    expect_text(buf_span(&buf), "12345678");
    assert_null(buf_reserve(&buf, 1));
    buf_deinit(&buf);
}

static void cstr_ends_the_text_without_counting(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 3);
    assert_string_equal(buf_cstr(&buf), "");
    buf_append_str(&buf, "abc");
    assert_string_equal(buf_cstr(&buf), "abc");
    assert_int_equal(buf.len, 3);
    buf_clear(&buf);
    assert_string_equal(buf_cstr(&buf), "");
    buf_deinit(&buf);
}

static void take_moves_the_bytes_out(void **state)
{
    struct error err = {0};
    struct buf buf;
    uint8_t *taken;
    size_t len;

    (void)state;
    buf_init(&buf, 100);
    assert_null(buf_take(&buf, &len));
    buf_append_str(&buf, "hello");
    taken = buf_take(&buf, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(taken, "hello", 5);
    assert_int_equal(buf.len, 0);
    buf_append_str(&buf, "again");
    expect_text(buf_span(&buf), "again");
    expect_ok(buf_check(&buf, "text", &err), &err);
    free(taken);
    buf_deinit(&buf);
}

static void release_keeps_the_ceiling_and_clear_the_memory(void **state)
{
    struct buf buf;
    const uint8_t *ptr;

    (void)state;
    buf_init(&buf, 100);
    buf_append_str(&buf, "hello");
    ptr = buf.ptr;
    buf_clear(&buf);
    assert_ptr_equal(buf.ptr, ptr);
    assert_int_equal(buf.len, 0);
    buf_release(&buf);
    assert_null(buf.ptr);
    assert_int_equal(buf.cap, 0);
    assert_int_equal(buf.max, 100);
    buf_deinit(&buf);
}

static void printf_of_any_length_fits_or_fails_whole(void **state)
{
    char text[300];

    (void)state;
    memset(text, 'y', sizeof text);
    for (int len = 0; len < 250; len++) {
        struct buf buf;

        buf_init(&buf, 200);
        buf_printf(&buf, "%.*s", len, text);
        assert_int_equal(buf.failed, len <= 200 ? ERROR_NONE : ERROR_LIMIT);
        assert_int_equal(buf.len, len <= 200 ? len : 0);
        buf_deinit(&buf);
    }
}

static void hex_goes_both_ways(void **state)
{
    struct error err = {0};
    struct buf hex;
    struct buf back;
    uint8_t all[256];

    (void)state;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    buf_init(&hex, 512);
    buf_init(&back, 256);
    buf_append_hex(&hex, (struct span){all, sizeof all});
    assert_memory_equal(hex.ptr, "000102030405060708090a0b0c0d0e0f10", 34);
    expect_ok(buf_append_unhex(&back, buf_span(&hex), &err), &err);
    assert_true(span_equal(buf_span(&back), (struct span){all, sizeof all}));
    buf_clear(&back);
    expect_ok(buf_append_unhex(&back, SPAN_LITERAL("aAfF09"), &err), &err);
    assert_true(span_equal(buf_span(&back), SPAN_LITERAL("\xaa\xff\x09")));
    expect_ok(buf_append_unhex(&back, SPAN_LITERAL(""), &err), &err);
    buf_deinit(&hex);
    buf_deinit(&back);
}

static void malformed_hex_changes_nothing(void **state)
{
    static const char *const bad[] = {"a",  "abc", "0g", "g0", "0:",  "0/",
                                      "0@", "0G",  "0`", " 0", "0x00"};
    struct error err = {0};
    struct buf buf;

    (void)state;
    buf_init(&buf, 10);
    buf_append_byte(&buf, 'k');
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        expect_error(buf_append_unhex(&buf, span_from_str(bad[i]), &err), &err, ERROR_FORMAT, NULL);
        expect_text(buf_span(&buf), "k");
    }
    expect_error(buf_append_unhex(&buf, SPAN_LITERAL("00000000000000000000"), &err), &err,
                 ERROR_LIMIT, NULL);
    buf_deinit(&buf);
}

static void check_printable(struct span text, size_t max, const char *want)
{
    struct buf buf;

    buf_init(&buf, 1000);
    buf_append_printable(&buf, text, max);
    expect_text(buf_span(&buf), want);
    buf_deinit(&buf);
}

static void printable_text_is_harmless_between_quotes(void **state)
{
    (void)state;
    check_printable(SPAN_LITERAL("plain"), 100, "plain");
    check_printable(SPAN_LITERAL("a\"b\nc\0d"), 100, "a\\x22b\\x0ac\\x00d");
    check_printable(SPAN_LITERAL("gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xa2"), 100,
                    "gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xa2");
    check_printable(SPAN_LITERAL("\xff\xc3(\xed\xa0\x80"), 100, "\\xff\\xc3(\\xed\\xa0\\x80");
    check_printable((struct span){NULL, 0}, 100, "");
}

static void text_outside_quotes_keeps_its_own(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 100);
    buf_append_text(&buf, SPAN_LITERAL("say \"x\"\n"), 100);
    assert_string_equal(buf_cstr(&buf), "say \"x\"\\x0a");
    buf_deinit(&buf);
}

static void printable_text_is_cut_between_characters(void **state)
{
    (void)state;
    check_printable(SPAN_LITERAL("abcdef"), 6, "abcdef");
    check_printable(SPAN_LITERAL("abcdef"), 5, "abcde\xe2\x80\xa6");
    check_printable(SPAN_LITERAL("abc\xc3\xbcx"), 4, "abc\xe2\x80\xa6");
    check_printable(SPAN_LITERAL("abc\nx"), 6, "abc\xe2\x80\xa6");
    check_printable(SPAN_LITERAL("a"), 0, "\xe2\x80\xa6");
    check_printable(SPAN_LITERAL(""), 0, "");
}

/* Against the definition: decode, check the range, encode again. */
static void utf8_sequences_are_those_of_the_standard(void **state)
{
    uint8_t encoded[4];
    size_t valid = 0;

    (void)state;
    for (uint32_t scalar = 0; scalar <= 0x10ffff; scalar++) {
        size_t len = utf8_encode(scalar, encoded);
        bool is_surrogate = scalar >= 0xd800 && scalar <= 0xdfff;

        assert_int_equal(utf8_sequence(encoded, encoded + len), is_surrogate ? 0 : len);
        for (size_t cut = 1; cut < len; cut++) {
            assert_int_equal(utf8_sequence(encoded, encoded + cut), 0);
        }
    }
    /* and no others: every three-byte text, and four-byte ones by their first three */
    for (uint32_t bytes = 0; bytes < 1u << 24; bytes++) {
        uint8_t text[4] = {(uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8), (uint8_t)bytes, 0x80};

        valid += utf8_sequence(text, text + 4) == 4;
        valid += utf8_sequence(text, text + 3) == 3;
    }
    assert_int_equal(valid, (0x10000 - 0x800 - 0x800) + (0x110000 - 0x10000) / 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_bytewise_and_shorter_first),
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(the_ceiling_is_exact_and_never_exceeded),
        cmocka_unit_test(a_failure_is_sticky_until_cleared),
        cmocka_unit_test(a_huge_request_is_a_limit_and_not_an_overflow),
        cmocka_unit_test(an_unopened_buf_holds_nothing_and_is_freed_twice),
        cmocka_unit_test(growth_doubles),
        cmocka_unit_test(reserve_gives_room_that_the_caller_fills),
        cmocka_unit_test(cstr_ends_the_text_without_counting),
        cmocka_unit_test(take_moves_the_bytes_out),
        cmocka_unit_test(release_keeps_the_ceiling_and_clear_the_memory),
        cmocka_unit_test(printf_of_any_length_fits_or_fails_whole),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(malformed_hex_changes_nothing),
        cmocka_unit_test(printable_text_is_harmless_between_quotes),
        cmocka_unit_test(text_outside_quotes_keeps_its_own),
        cmocka_unit_test(printable_text_is_cut_between_characters),
        cmocka_unit_test(utf8_sequences_are_those_of_the_standard),
    };

    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
