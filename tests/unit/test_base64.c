/* Base64: the RFC's vectors, every length there and back, and strictness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/base64.h"
#include "support/expect.h"

static void check(const char *bytes, const char *text)
{
    struct span want = span_from_str(bytes);
    struct error err = {0};
    struct buf buf;
    uint8_t back[16];
    size_t len = 99;

    buf_init(&buf, 100);
    base64_append(&buf, want);
    expect_text(buf_span(&buf), text);
    expect_ok(base64_decode(buf_span(&buf), back, &len, &err), &err);
    assert_true(span_equal((struct span){back, len}, want));
    buf_deinit(&buf);
}

static void the_vectors_of_the_rfc(void **state)
{
    (void)state;
    check("", "");
    check("f", "Zg==");
    check("fo", "Zm8=");
    check("foo", "Zm9v");
    check("foob", "Zm9vYg==");
    check("fooba", "Zm9vYmE=");
    check("foobar", "Zm9vYmFy");
    check("\xfb\xff\xbf", "+/+/");
}

static void every_length_goes_there_and_back(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (size_t len = 0; len < 600; len++) {
        uint8_t *bytes = malloc(len > 0 ? len : 1);
        uint8_t *back;
        struct error err = {0};
        struct buf buf;
        size_t back_len;

        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)rng_next(&rng);
        }
        buf_init(&buf, (len + 2) / 3 * 4 + 1);
        buf_append_byte(&buf, '>');
        base64_append(&buf, (struct span){bytes, len});
        expect_ok(buf_check(&buf, "base64", &err), &err);
        assert_int_equal(buf.len - 1, (len + 2) / 3 * 4);
        back = malloc(base64_decoded_max(buf.len - 1) + 1);
        assert_non_null(back);
        expect_ok(base64_decode((struct span){buf.ptr + 1, buf.len - 1}, back, &back_len, &err),
                  &err);
        assert_true(span_equal((struct span){back, back_len}, (struct span){bytes, len}));
        free(back);
        free(bytes);
        buf_deinit(&buf);
    }
}

/* The oracle here is the encoder: a text that decodes must be exactly what its bytes encode to. */
static void every_text_that_decodes_is_canonical(void **state)
{
    static const char alphabet[] = "AQgw/+9=B-_ \n.";
    size_t accepted = 0;

    (void)state;
    for (unsigned n = 0; n < 14 * 14 * 14 * 14; n++) {
        const uint8_t text[8] = {'Z',
                                 'm',
                                 '9',
                                 'v',
                                 (uint8_t)alphabet[n % 14],
                                 (uint8_t)alphabet[n / 14 % 14],
                                 (uint8_t)alphabet[n / 196 % 14],
                                 (uint8_t)alphabet[n / 2744]};
        struct span span = {text, sizeof text};
        struct error err = {0};
        struct buf again;
        uint8_t out[6];
        size_t len;

        if (!base64_decode(span, out, &len, &err)) {
            assert_int_equal(err.kind, ERROR_FORMAT);
            continue;
        }
        accepted++;
        buf_init(&again, 100);
        base64_append(&again, (struct span){out, len});
        assert_true(span_equal(buf_span(&again), span));
        buf_deinit(&again);
    }
    /* 8 letters of the alphabet; "xx==": second with 4 zero bits (A, Q, g, w); "xxx=": third with 2
     * (A, Q, g, w) */
    assert_int_equal(accepted, 8 * 8 * 8 * 8 + 8 * 4 + 8 * 8 * 4);
}

static void malformed_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "A",        "AA",           "AAA",        "AAAAA",    "=",    "==",   "====",
        "A===",     "=AAA",         "A=AA",       "AA=A",     "AB==", "AAB=", "Zg=",
        "Zg==Zg==", "Zm8=Zm9v",     "Zm9v\nZm9v", "Zm9v Zm9", "Zm-v", "Zm_v", "Zm9v====",
        "Zm9\xc3",  "Zm9v\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        uint8_t out[64];
        size_t len;

        expect_error(base64_decode(span_from_str(bad[i]), out, &len, &err), &err, ERROR_FORMAT,
                     "base64");
    }
}

static void every_byte_beyond_the_alphabet_is_refused(void **state)
{
    size_t accepted = 0;

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 4; place++) {
            uint8_t text[8] = "AAAAAAAA";
            struct error err = {0};
            uint8_t out[6];
            size_t len;

            text[place] = (uint8_t)byte;
            accepted += base64_decode((struct span){text, sizeof text}, out, &len, &err);
        }
    }
    assert_int_equal(accepted, 4 * 64);
}

static void the_ceiling_is_told_by_the_buf(void **state)
{
    struct error err = {0};
    struct buf buf;

    (void)state;
    buf_init(&buf, 7);
    base64_append(&buf, SPAN_LITERAL("foobar"));
    expect_error(buf_check(&buf, "base64", &err), &err, ERROR_LIMIT, NULL);
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc),
        cmocka_unit_test(every_length_goes_there_and_back),
        cmocka_unit_test(every_text_that_decodes_is_canonical),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(every_byte_beyond_the_alphabet_is_refused),
        cmocka_unit_test(the_ceiling_is_told_by_the_buf),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
