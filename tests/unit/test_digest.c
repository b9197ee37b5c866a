/* SHA-256: known answers, streaming, hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/digest.h"
#include "support/expect.h"

static void check(struct span bytes, const char *want)
{
    struct digest digest;
    struct digest parsed;
    char hex[65];

    digest_of(bytes, &digest);
    digest_format(&digest, hex);
    assert_string_equal(hex, want);
    assert_true(digest_parse(span_from_str(hex), &parsed));
    assert_true(digest_equal(&digest, &parsed));
}

static void known_answers(void **state)
{
    (void)state;
    check((struct span){NULL, 0},
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(SPAN_LITERAL("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check(SPAN_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    struct rng rng = seeded_rng();
    uint8_t bytes[5000];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)rng_next(&rng);
    }
    for (int round = 0; round < 100; round++) {
        struct digest_stream *stream = digest_new();
        struct digest whole;
        struct digest pieces;
        size_t at = 0;

        assert_non_null(stream);
        digest_update(stream, (struct span){NULL, 0});
        while (at < sizeof bytes) {
            size_t len = (size_t)rng_below(&rng, 400);

            len = len < sizeof bytes - at ? len : sizeof bytes - at;
            digest_update(stream, (struct span){bytes + at, len});
            at += len;
        }
        digest_finish(stream, &pieces);
        digest_of((struct span){bytes, sizeof bytes}, &whole);
        assert_true(digest_equal(&whole, &pieces));
    }
}

static void one_bit_makes_another_digest(void **state)
{
    struct digest a;
    struct digest b;

    (void)state;
    digest_of(SPAN_LITERAL("a"), &a);
    b = a;
    assert_true(digest_equal(&a, &b));
    b.bytes[31] ^= 1;
    assert_false(digest_equal(&a, &b));
}

static void only_64_hex_digits_are_a_digest(void **state)
{
    struct digest digest;

    (void)state;
    assert_true(digest_parse(
        SPAN_LITERAL("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), &digest));
    assert_int_equal(digest.bytes[0], 0xba);
    assert_false(digest_parse(
        SPAN_LITERAL("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"), &digest));
    assert_false(digest_parse(
        SPAN_LITERAL("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"),
        &digest));
    assert_false(digest_parse(
        SPAN_LITERAL("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), &digest));
    assert_false(digest_parse(SPAN_LITERAL(""), &digest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
        cmocka_unit_test(one_bit_makes_another_digest),
        cmocka_unit_test(only_64_hex_digits_are_a_digest),
    };

    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
