/* Numbers: integers at their limits, and floats bit by bit against the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "base/number.h"
#include "support/expect.h"

static uint32_t float_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static void check_u64(const char *text, bool ok, uint64_t want)
{
    uint64_t value = 7;

    if (number_parse_u64(span_from_str(text), &value) != ok || value != (ok ? want : 7)) {
        fail_msg("%s: %llu", text, (unsigned long long)value);
    }
}

static void check_i64(const char *text, bool ok, int64_t want)
{
    int64_t value = 7;

    if (number_parse_i64(span_from_str(text), &value) != ok || value != (ok ? want : 7)) {
        fail_msg("%s: %lld", text, (long long)value);
    }
}

static void integers_are_whole_and_in_range(void **state)
{
    (void)state;
    check_u64("0", true, 0);
    check_u64("18446744073709551615", true, UINT64_MAX);
    check_u64("18446744073709551616", false, 0);
    check_u64("28446744073709551615", false, 0);
    check_u64("184467440737095516150", false, 0);
    check_u64("", false, 0);
    check_u64("-1", false, 0);
    check_u64("+1", false, 0);
    check_u64(" 1", false, 0);
    check_u64("1 ", false, 0);
    check_u64("1e3", false, 0);
    check_u64("0x1", false, 0);
    check_i64("-1", true, -1);
    check_i64("-0", true, 0);
    check_i64("9223372036854775807", true, INT64_MAX);
    check_i64("9223372036854775808", false, 0);
    check_i64("-9223372036854775808", true, INT64_MIN);
    check_i64("-9223372036854775809", false, 0);
    check_i64("-", false, 0);
    check_i64("--1", false, 0);
    check_i64("", false, 0);
}

static void doubles_are_correctly_rounded(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "-0.0",
        "1",
        "0.1",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992",
        "123456789012345678",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e400",
        "-1e400",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "2.2250738585072011e-308",
        "0.30000000000000004",
        "1.5e-7",
        "100e-2",
        "179769313486231580793728971405301199e273",
        "8.5e-45",
        "7.1e+10",
        "3E5",
        "3E+5",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        double want = strtod(texts[i], NULL);
        double have = 7;

        assert_true(number_parse_double(span_from_str(texts[i]), &have));
        if (memcmp(&want, &have, sizeof want) != 0) {
            fail_msg("%s: want %a, have %a", texts[i], want, have);
        }
    }
}

static void random_doubles_round_trip(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_next(&rng);
        double value;
        double have;
        char text[64];

        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        snprintf(text, sizeof text, "%.17g", value);
        assert_true(number_parse_double(span_from_str(text), &have));
        if (memcmp(&value, &have, sizeof value) != 0) {
            fail_msg("%s: %a", text, have);
        }
    }
}

static const char *const no_numbers[] = {
    "",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "01",
    "-01",
    "00",
    "1e",
    "1e+",
    "1e-",
    "e5",
    "0x1",
    "1f",
    " 1",
    "1 ",
    "nan",
    "inf",
    "NaN",
    "1,",
    "1.5.",
    "1e5.",
    "1e5e",
    "--1",
    "-.5",
    "1_0",
    "0.5.",
    "0.5-",
    "0-1",
    "1-1",
    "-e5",
    "-\xff",
    "1\xb2",
    "0.1234567890123456789.",
    "12345678901234567890x",
};

static void what_json_does_not_call_a_number_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(no_numbers); i++) {
        double d;
        float f;

        if (number_parse_double(span_from_str(no_numbers[i]), &d) ||
            float_parse(span_from_str(no_numbers[i]), &f)) {
            fail_msg("\"%s\" was taken for a number", no_numbers[i]);
        }
    }
}

/* The oracle. The text lies at the very end of its allocation, so that a sanitizer sees any look
 * beyond it. */
static void check_float(const char *text)
{
    size_t len = strlen(text);
    char *exact = malloc(len);
    float want = strtof(text, NULL);
    float have = 7.0f;

    assert_non_null(exact);
    memcpy(exact, text, len);
    if (!float_parse((struct span){(const uint8_t *)exact, len}, &have) ||
        float_bits(want) != float_bits(have)) {
        fail_msg("%s: want %08x, have %08x", text, float_bits(want), float_bits(have));
    }
    free(exact);
}

static void floats_at_the_edges_are_those_of_strtof(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.0",
        "0e5",
        "-0e-5",
        "0.000000000000000000000000000",
        "-0e999999999999999999999",
        "1",
        "9",
        "-1",
        "10",
        "0.5",
        "1e0",
        "1E5",
        "1e+5",
        "1e-5",
        "123456789012345678",
        "1234567890123456789",
        "12345678901234567890",
        "123456789012345678901234567890",
        "0.1234567890123456789012345678901234567890",
        "3.4028234663852886e38",
        "3.4028235677973366e38",
        "3.4028235677973362e38",
        "340282356779733661637539395458142568447",
        "340282356779733661637539395458142568448",
        "340282346638528859811704183484516925440",
        "1e39",
        "-1e39",
        "1e99999",
        "1e-99999",
        "1e999999999999999999999999",
        "1e-999999999999999999999999",
        "1.17549435e-38",
        "1.1754943508222875e-38",
        "1.1754942807573643e-38",
        "1.1754942106924411e-38",
        "1.401298464324817e-45",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "7.006492321624084e-46",
        "1e-45",
        "1e-46",
        "16777217",
        "16777216.999999999",
        "16777217.000000001",
        "33554435",
        "8388608.5",
        "8388609.5",
        "0.000000000000000000000001",
        "0.00000000000000000000000000000000000000000000000000001",
        "9007199254740993",
        "18014398509481985",
        "999999999999999999",
        "9999999999999999999",
        "0.99999999999999999999",
        "0.999999970197677612",
        "0.99999997019767761230468750",
        "0.999999970197677612304687500000000000000000000000000000000000000001",
        "100000000000000000000000000000000000000000000000000e-50",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        check_float(texts[i]);
    }
}

/* Beyond 800 digits only "and a bit more" is kept: it must still decide a tie. */
static void a_tie_is_decided_by_its_thousandth_digit(void **state)
{
    static char text[3000];
    static const char tie[] = "0.999999970197677612304687500000";
    struct span span = {(const uint8_t *)text, sizeof text - 1};
    double d = 0;
    float f = 0;

    (void)state;
    memset(text, '0', sizeof text - 1);
    memcpy(text, tie, sizeof tie - 1);
    assert_true(float_parse(span, &f));
    assert_int_equal(float_bits(f), float_bits(1.0f)); /* to even */
    memcpy(text, "0.500000029802322387695312500000", sizeof tie - 1);
    assert_true(float_parse(span, &f));
    assert_int_equal(float_bits(f), float_bits(0.5f)); /* to even */
    text[sizeof text - 2] = '1';
    assert_true(float_parse(span, &f));
    assert_int_equal(float_bits(f), float_bits(0.5f) + 1);
    assert_true(number_parse_double(span, &d));
    assert_true(d == 0.50000002980232239);
    /* a number of 2,999 integer digits */
    memset(text, '1', sizeof text - 1);
    assert_true(float_parse(span, &f));
    assert_true(isinf(f));
    assert_true(number_parse_double(span, &d));
    assert_true(isinf(d));
    memcpy(text + sizeof text - 6, "e-999", 5);
    assert_true(number_parse_double(span, &d));
    assert_true(isinf(d));
    memcpy(text + sizeof text - 7, "e-2992", 6);
    assert_true(number_parse_double(span, &d));
    assert_true(d == 1.1111111111111112);
}

/* Two million, or as many as FERRY_TEST_FLOATS says; ten texts a round. */
static long rounds(void)
{
    const char *millions = getenv("FERRY_TEST_FLOATS");

    return (millions != NULL ? strtol(millions, NULL, 10) : 2) * 100000;
}

static void millions_of_random_floats_are_those_of_strtof(void **state)
{
    struct rng rng = seeded_rng();
    char text[128];

    (void)state;
    for (long i = rounds(); i > 0; i--) {
        float value = float_from_bits((uint32_t)rng_next(&rng));
        float vector = (float)((double)rng_next(&rng) / 18446744073709551616.0 - 0.5);
        uint64_t bits = rng_next(&rng);
        double wide;
        double middle;

        if (!isfinite(value)) {
            value = vector;
        }
        text[float_format(value, text)] = '\0';
        check_float(text);
        text[float_format(vector, text)] = '\0';
        check_float(text);
        snprintf(text, sizeof text, "%.9g", (double)value);
        check_float(text);
        snprintf(text, sizeof text, "%.17g", (double)vector * (1 + 1e-9));
        check_float(text);
        memcpy(&wide, &bits, sizeof wide);
        snprintf(text, sizeof text, "%.17g", isfinite(wide) ? wide : 1.5);
        check_float(text);
        /* the middle between two floats, and a hair beside it */
        middle = ((double)vector + (double)nextafterf(vector, 2.0f)) / 2;
        snprintf(text, sizeof text, "%.*f", (int)rng_below(&rng, 50) + 10, middle);
        check_float(text);
        snprintf(text, sizeof text, "%.17g", nextafter(middle, rng_below(&rng, 2) ? 2.0 : -2.0));
        check_float(text);
        middle = ((double)value + (double)nextafterf(value, 0.0f)) / 2;
        snprintf(text, sizeof text, "%.*e", (int)rng_below(&rng, 60), middle);
        check_float(text);
        /* digits as they come */
        snprintf(text, sizeof text, "%llu.%0*llu",
                 (unsigned long long)(bits >> rng_below(&rng, 64)), (int)rng_below(&rng, 30) + 1,
                 (unsigned long long)(rng_next(&rng) >> rng_below(&rng, 64)));
        check_float(text);
        snprintf(text, sizeof text, "-%llue%d", (unsigned long long)(bits >> rng_below(&rng, 64)),
                 (int)rng_below(&rng, 120) - 70);
        check_float(text);
    }
}

static void subnormals_and_their_middles_are_those_of_strtof(void **state)
{
    struct rng rng = seeded_rng();
    char text[256];

    (void)state;
    for (int i = 0; i < 50000; i++) {
        float value = float_from_bits((uint32_t)rng_below(&rng, 0x00800010));
        double middle = ((double)value + (double)nextafterf(value, 1.0f)) / 2;

        snprintf(text, sizeof text, "%.*e", (int)rng_below(&rng, 20), (double)value);
        check_float(text);
        snprintf(text, sizeof text, "%.*e", (int)rng_below(&rng, 150), middle);
        check_float(text);
        snprintf(text, sizeof text, "%.200f", middle);
        check_float(text);
    }
}

static void scan_stops_behind_the_number(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {"1,", 1},    {"1.5]", 3}, {"-0.25e2 ", 7}, {"01", 1},          {"12345678,9", 8},
        {"1.2.3", 3}, {"1e5x", 3}, {"0x", 1},       {"-,", 0},          {"1.,", 0},
        {"0.,", 0},   {",", 0},    {"1e,", 0},      {"0.12345678", 10}, {"0.123456789,0.1", 11}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint8_t *at = (const uint8_t *)cases[i].text;
        float value;

        if (float_scan(at, at + strlen(cases[i].text), &value) != cases[i].len) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void check_format(float value)
{
    char text[32];
    char shorter[32];
    size_t len = float_format(value, text);
    size_t digits = 0;
    float back = 0;

    assert_true(len < sizeof text);
    if (!float_parse((struct span){(const uint8_t *)text, len}, &back) ||
        float_bits(back) != float_bits(value)) {
        fail_msg("%08x became %.*s", float_bits(value), (int)len, text);
    }
    for (size_t i = 0; i < len && text[i] != 'e'; i++) {
        digits += text[i] >= '0' && text[i] <= '9' && (digits > 0 || text[i] != '0');
    }
    while (digits > 0 && memchr(text, '.', len) == NULL && text[len - 1] == '0' &&
           memchr(text, 'e', len) == NULL) {
        len--; /* zeros that only hold the place */
        digits--;
    }
    if (digits > 1) { /* one digit less would not have done */
        snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, (double)value);
        if (float_bits(strtof(shorter, NULL)) == float_bits(value)) {
            fail_msg("%.*s is longer than %s", (int)len, text, shorter);
        }
    }
}

static void formatted_floats_are_short_and_read_back(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (int i = 0; i < 300000; i++) {
        float value = float_from_bits((uint32_t)rng_next(&rng));

        check_format(isfinite(value) ? value : 0.1f);
        check_format((float)((double)rng_next(&rng) / 18446744073709551616.0 - 0.5));
    }
    for (uint32_t exponent = 0; exponent < 255; exponent++) { /* around every power of two */
        for (uint32_t near = 0; near < 5; near++) {
            uint32_t bits = (exponent << 23) + near;

            check_format(float_from_bits(bits >= 2 ? bits - 2 : bits));
        }
    }
    for (uint32_t bits = 0; bits < 2000; bits++) {
        check_format(float_from_bits(bits));
    }
    check_format(FLT_MAX);
    check_format(-FLT_MAX);
    check_format(FLT_MIN);
    check_format(FLT_TRUE_MIN);
}

static void formatted_floats_look_like_json(void **state)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0.0f, "0"},
        {-0.0f, "-0.0"},
        {1.0f, "1"},
        {-1.5f, "-1.5"},
        {0.1f, "0.1"},
        {100.0f, "100"},
        {16777216.0f, "16777216"},
        {1e15f, "1000000000000000"},
        {1e16f, "1e+16"},
        {1.5e20f, "1.5e+20"},
        {3.4028235e38f, "3.4028235e+38"},
        {0.00001f, "0.00001"},
        {0.000001f, "1e-06"},
        {-1.25e-7f, "-1.25e-07"},
        {1e-45f, "1e-45"},
        {0x1p-96f,
         "1.2621775e-29"}, /* not the nearest eight digits, but they do: below is too near */
        {0.012345679f, "0.012345679"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[32];
        size_t len = float_format(cases[i].value, text);

        expect_text((struct span){(const uint8_t *)text, len}, cases[i].text);
    }
}

static void products_that_overflow_are_refused(void **state)
{
    size_t product = 7;

    (void)state;
    assert_true(size_multiply(6, 7, &product));
    assert_int_equal(product, 42);
    assert_true(size_multiply(SIZE_MAX, 1, &product));
    assert_true(size_multiply(SIZE_MAX, 0, &product));
    assert_false(size_multiply(SIZE_MAX / 2 + 1, 2, &product));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_whole_and_in_range),
        cmocka_unit_test(doubles_are_correctly_rounded),
        cmocka_unit_test(random_doubles_round_trip),
        cmocka_unit_test(what_json_does_not_call_a_number_is_refused),
        cmocka_unit_test(floats_at_the_edges_are_those_of_strtof),
        cmocka_unit_test(a_tie_is_decided_by_its_thousandth_digit),
        cmocka_unit_test(millions_of_random_floats_are_those_of_strtof),
        cmocka_unit_test(subnormals_and_their_middles_are_those_of_strtof),
        cmocka_unit_test(scan_stops_behind_the_number),
        cmocka_unit_test(formatted_floats_are_short_and_read_back),
        cmocka_unit_test(formatted_floats_look_like_json),
        cmocka_unit_test(products_that_overflow_are_refused),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
