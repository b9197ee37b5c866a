/* gzip: one member there and back, deterministic, its text and base64 parts mixed, and every
 * ceiling and malformation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/limits.h"
#include "format/base64.h"
#include "format/gzip.h"
#include "support/expect.h"

struct part {
    enum gzip_content content;
    struct span bytes;
};

static void compress_parts(const struct part *parts, size_t count, struct buf *out)
{
    struct gzip_writer *writer;
    struct error err = {0};

    expect_ok(gzip_open(out, &writer, &err), &err);
    for (size_t i = 0; i < count; i++) {
        expect_ok(gzip_write(writer, parts[i].content, parts[i].bytes, &err), &err);
    }
    expect_ok(gzip_close(writer, &err), &err);
}

static void compress_text(struct span text, struct buf *out)
{
    struct part part = {GZIP_TEXT, text};

    compress_parts(&part, 1, out);
}

/* NDJSON-like lines: text, then the base64 of random floats. Every part a separate write. */
static size_t make_lines(struct rng *rng, struct part *parts, size_t lines, size_t vector_bytes,
                         struct buf *store)
{
    size_t count = 0;

    for (size_t i = 0; i < lines; i++) {
        size_t before = store->len;

        buf_printf(store,
                   "{\"op\":\"upsert\",\"id\":\"document-%zu\",\"document\":\"the quick brown fox "
                   "number %llu\",\"e\":\"",
                   i, (unsigned long long)rng_below(rng, 1000));
        parts[count++] = (struct part){GZIP_TEXT, {store->ptr + before, store->len - before}};
        before = store->len;
        for (size_t b = 0; b < vector_bytes; b += 3) {
            uint64_t random = rng_next(rng);

            base64_append(store, (struct span){(const uint8_t *)&random, 3});
        }
        parts[count++] = (struct part){GZIP_BASE64, {store->ptr + before, store->len - before}};
        before = store->len;
        buf_append_str(store, "\"}\n");
        parts[count++] = (struct part){GZIP_TEXT, {store->ptr + before, store->len - before}};
    }
    return count;
}

static void texts_of_every_size_go_there_and_back(void **state)
{
    struct rng rng = seeded_rng();
    static uint8_t bytes[300000];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)("abcdefgh"[rng_below(&rng, 8)]);
    }
    for (size_t len = 0; len <= sizeof bytes; len = len * 3 + 1) {
        struct error err = {0};
        struct buf packed;
        struct buf back;

        buf_init(&packed, MIB);
        buf_init(&back, MIB);
        buf_append_str(&back, "kept");
        compress_text((struct span){bytes, len}, &packed);
        expect_ok(gzip_inflate(buf_span(&packed), &back, &err), &err);
        assert_int_equal(back.len, 4 + len);
        assert_memory_equal(back.ptr, "kept", 4);
        assert_memory_equal(back.ptr + 4, bytes, len);
        buf_deinit(&packed);
        buf_deinit(&back);
    }
}

static void mixed_content_goes_there_and_back(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (int round = 0; round < 40; round++) {
        static struct part parts[3 * 200];
        size_t lines = (size_t)rng_below(&rng, 200) + 1;
        struct error err = {0};
        struct buf store;
        struct buf packed;
        struct buf back;
        size_t count;

        buf_init(&store, 4u * MIB);
        (void)buf_reserve(&store, 4u * MIB); /* parts point into it: it must not move */
        buf_init(&packed, 4u * MIB);
        buf_init(&back, 4u * MIB);
        count = make_lines(&rng, parts, lines, (size_t)rng_below(&rng, 9000), &store);
        expect_ok(buf_check(&store, "lines", &err), &err);
        compress_parts(parts, count, &packed);
        expect_ok(gzip_inflate(buf_span(&packed), &back, &err), &err);
        assert_true(span_equal(buf_span(&back), buf_span(&store)));
        buf_deinit(&store);
        buf_deinit(&packed);
        buf_deinit(&back);
    }
}

static void equal_input_gives_equal_bytes(void **state)
{
    static struct part parts[3 * 50];
    struct rng rng = seeded_rng();
    struct buf store;
    struct buf a;
    struct buf b;
    size_t count;

    (void)state;
    buf_init(&store, MIB);
    (void)buf_reserve(&store, MIB);
    buf_init(&a, MIB);
    buf_init(&b, MIB);
    count = make_lines(&rng, parts, 50, 1536 * 4, &store);
    compress_parts(parts, count, &a);
    compress_parts(parts, count, &b);
    assert_true(span_equal(buf_span(&a), buf_span(&b)));
    /* magic, deflate, no flags, no time; system: unknown */
    assert_memory_equal(a.ptr, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8);
    assert_int_equal(a.ptr[9], 255);
    buf_deinit(&store);
    buf_deinit(&a);
    buf_deinit(&b);
}

static size_t packed_size(const struct part *parts, size_t count, int as_content)
{
    struct buf packed;
    size_t len;

    buf_init(&packed, 2u * MIB);
    if (as_content < 0) {
        compress_parts(parts, count, &packed);
    } else {
        static struct part same[3 * 1000];

        for (size_t i = 0; i < count; i++) {
            same[i] = (struct part){(enum gzip_content)as_content, parts[i].bytes};
        }
        compress_parts(same, count, &packed);
    }
    len = packed.len;
    buf_deinit(&packed);
    return len;
}

/* What the switching is for: base64 at six bits a letter or little more, text still as text. */
static void the_two_contents_together_are_smaller_than_either_alone(void **state)
{
    static struct part parts[3 * 1000];
    struct rng rng = seeded_rng();
    struct buf store;
    size_t count;

    (void)state;
    buf_init(&store, 2u * MIB);
    (void)buf_reserve(&store, 2u * MIB);
    count = make_lines(&rng, parts, 100, 6144, &store);
    assert_in_range(packed_size(parts, count, -1), 100 * 6144, 100 * 6144 * 103 / 100);
    assert_true(packed_size(parts, count, -1) < packed_size(parts, count, GZIP_TEXT));
    buf_clear(&store);
    count = make_lines(&rng, parts, 1000, 96, &store);
    assert_true(packed_size(parts, count, -1) < packed_size(parts, count, GZIP_BASE64) * 9 / 10);
    buf_deinit(&store);
}

static void a_full_output_fails_the_write_and_frees_on_close(void **state)
{
    struct rng rng = seeded_rng();
    uint8_t noise[100000];

    (void)state;
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)rng_next(&rng);
    }
    for (size_t max = 1; max < 100100; max += 4999) {
        struct gzip_writer *writer;
        struct error err = {0};
        struct buf out;
        bool ok = true;

        buf_init(&out, max);
        expect_ok(gzip_open(&out, &writer, &err), &err);
        for (size_t at = 0; ok && at < sizeof noise; at += 1000) {
            ok = gzip_write(writer, at % 3000 == 0 ? GZIP_BASE64 : GZIP_TEXT,
                            (struct span){noise + at, 1000}, &err);
        }
        if (!gzip_close(writer, &err)) {
            ok = false;
        }
        assert_true(out.len <= max);
        expect_error(ok, &err, ERROR_LIMIT, "gzip output");
        buf_deinit(&out);
    }
}

static void an_abandoned_writer_is_freed(void **state)
{
    struct gzip_writer *writer;
    struct error err = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    expect_ok(gzip_open(&out, &writer, &err), &err);
    expect_ok(gzip_write(writer, GZIP_BASE64, SPAN_LITERAL("AAAA"), &err), &err);
    gzip_abandon(writer);
    gzip_abandon(NULL);
    buf_deinit(&out);
}

static void every_cut_is_noticed(void **state)
{
    struct error err = {0};
    struct buf packed;
    struct buf back;

    (void)state;
    buf_init(&packed, 1000);
    buf_init(&back, 1000);
    buf_append_str(&back, "kept");
    compress_text(SPAN_LITERAL("a text of some length, of some length, and no more"), &packed);
    for (size_t len = 0; len < packed.len; len++) {
        expect_error(gzip_inflate((struct span){packed.ptr, len}, &back, &err), &err, ERROR_FORMAT,
                     "cut off");
        expect_text(buf_span(&back), "kept");
    }
    buf_deinit(&packed);
    buf_deinit(&back);
}

/* Some bits mean nothing (the padding before the checksum); but nothing else than the text ever
 * comes out. */
static void damage_is_noticed_or_harmless(void **state)
{
    struct span text = SPAN_LITERAL("a text of some length, of some length, and no more");
    struct buf packed;
    struct buf back;
    size_t harmless = 0;

    (void)state;
    buf_init(&packed, 1000);
    buf_init(&back, 1000);
    compress_text(text, &packed);
    for (size_t bit = 10 * 8; bit < packed.len * 8; bit++) {
        struct error err = {0};

        buf_clear(&back);
        packed.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (gzip_inflate(buf_span(&packed), &back, &err)) {
            assert_true(span_equal(buf_span(&back), text));
            harmless++;
        } else {
            assert_int_equal(err.kind, ERROR_FORMAT);
            assert_int_equal(back.len, 0);
        }
        packed.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(harmless < 8);
    buf_deinit(&packed);
    buf_deinit(&back);
}

static void bytes_behind_the_member_are_refused(void **state)
{
    struct error err = {0};
    struct buf packed;
    struct buf back;
    size_t one;

    (void)state;
    buf_init(&packed, 1000);
    buf_init(&back, 1000);
    compress_text(SPAN_LITERAL("text"), &packed);
    one = packed.len;
    buf_append_byte(&packed, 0);
    expect_error(gzip_inflate(buf_span(&packed), &back, &err), &err, ERROR_FORMAT,
                 "1 bytes behind");
    packed.len = one;
    compress_text(SPAN_LITERAL("second member"), &packed);
    expect_error(gzip_inflate(buf_span(&packed), &back, &err), &err, ERROR_FORMAT,
                 "behind the gzip data");
    assert_int_equal(back.len, 0);
    buf_deinit(&packed);
    buf_deinit(&back);
}

static void what_is_not_gzip_is_refused(void **state)
{
    uint8_t raw[100];
    uLongf raw_len = sizeof raw;
    struct error err = {0};
    struct buf back;

    (void)state;
    buf_init(&back, 1000);
    assert_int_equal(compress(raw, &raw_len, (const Bytef *)"text", 4),
                     Z_OK); /* zlib's own wrapping */
    expect_error(gzip_inflate((struct span){raw, raw_len}, &back, &err), &err, ERROR_FORMAT,
                 "malformed gzip");
    expect_error(gzip_inflate(SPAN_LITERAL("{\"a\":1}"), &back, &err), &err, ERROR_FORMAT,
                 "malformed gzip");
    expect_error(gzip_inflate((struct span){NULL, 0}, &back, &err), &err, ERROR_FORMAT, "cut off");
    buf_deinit(&back);
}

static void compress_zeros(size_t len, struct buf *packed)
{
    uint8_t *zeros = calloc(1, len);

    assert_non_null(zeros);
    compress_text((struct span){zeros, len}, packed);
    free(zeros);
}

static void the_ratio_counts_from_the_second_mib_on(void **state)
{
    struct error err = {0};
    struct buf packed;
    struct buf back;

    (void)state;
    buf_init(&packed, MIB);
    buf_init(&back, LIMIT_INFLATED);
    compress_zeros(MIB, &packed); /* about 1000 to 1, but small */
    expect_ok(gzip_inflate(buf_span(&packed), &back, &err), &err);
    assert_int_equal(back.len, MIB);
    buf_clear(&packed);
    buf_clear(&back);
    compress_zeros(8u * MIB, &packed);
    expect_error(gzip_inflate(buf_span(&packed), &back, &err), &err, ERROR_LIMIT,
                 "inflates to more than");
    assert_int_equal(back.len, 0);
    buf_deinit(&packed);
    buf_deinit(&back);
}

static void the_inflated_size_is_bounded_whatever_the_ratio(void **state)
{
    struct rng rng = seeded_rng();
    size_t len = LIMIT_INFLATED + 1;
    uint8_t *bytes = malloc(len);
    struct error err = {0};
    struct buf packed;
    struct buf back;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'a', len);
    for (size_t i = 0; i < len; i += 4096) { /* enough noise to stay below the ratio */
        for (size_t b = 0; b < 64; b++) {
            bytes[i + b < len ? i + b : i] = (uint8_t)rng_next(&rng);
        }
    }
    buf_init(&packed, LIMIT_INFLATED);
    buf_init(&back, 2 * LIMIT_INFLATED);
    compress_text((struct span){bytes, len}, &packed);
    assert_true(packed.len * LIMIT_INFLATE_RATIO > len);
    expect_error(gzip_inflate(buf_span(&packed), &back, &err), &err, ERROR_LIMIT,
                 "inflates to more than 67108864");
    buf_clear(&packed);
    compress_text((struct span){bytes, len - 1}, &packed);
    expect_ok(gzip_inflate(buf_span(&packed), &back, &err), &err);
    assert_int_equal(back.len, len - 1);
    buf_deinit(&packed);
    buf_deinit(&back);
    free(bytes);
}

static void the_output_ceiling_is_exact(void **state)
{
    struct error err = {0};
    struct buf packed;
    struct buf back;

    (void)state;
    buf_init(&packed, MIB);
    compress_zeros(100000, &packed);
    buf_init(&back, 100000);
    expect_ok(gzip_inflate(buf_span(&packed), &back, &err), &err);
    buf_deinit(&back);
    buf_init(&back, 99999);
    expect_error(gzip_inflate(buf_span(&packed), &back, &err), &err, ERROR_LIMIT, "inflated data");
    buf_deinit(&back);
    buf_deinit(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_every_size_go_there_and_back),
        cmocka_unit_test(mixed_content_goes_there_and_back),
        cmocka_unit_test(equal_input_gives_equal_bytes),
        cmocka_unit_test(the_two_contents_together_are_smaller_than_either_alone),
        cmocka_unit_test(a_full_output_fails_the_write_and_frees_on_close),
        cmocka_unit_test(an_abandoned_writer_is_freed),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(damage_is_noticed_or_harmless),
        cmocka_unit_test(bytes_behind_the_member_are_refused),
        cmocka_unit_test(what_is_not_gzip_is_refused),
        cmocka_unit_test(the_ratio_counts_from_the_second_mib_on),
        cmocka_unit_test(the_inflated_size_is_bounded_whatever_the_ratio),
        cmocka_unit_test(the_output_ceiling_is_exact),
    };

    return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
