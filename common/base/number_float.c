/*
 * Decimal text to float32, exactly and fast. Up to 18 digits go into an integer, one multiplication
 * scales it, and the double is rounded to a float. Rounding twice is harmless unless the double
 * lies next to the middle between two floats; there, for longer numbers, and with an
 * exponent, strtof decides. Kept apart from number.c because the loop's speed depends on what the
 * compiler inlines around it (tests/bench).
 */
#include "base/number.h"

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

#define LOW_BITS UINT64_C(0x1fffffff) /* of a double, below a float's last bit */
#define MIDDLE   UINT64_C(0x10000000)
/* In ulps of double: mantissa, power and product are each half a one off at most. */
#define MIDDLE_SLACK 4u
#define FAST_DIGITS  18 /* their value is below 2^63 */

static const double negative_power[FAST_DIGITS + 1] = {
    1e0,   1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8, 1e-9,
    1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

static const uint64_t integer_power[9] = {1,      10,      100,      1000,     10000,
                                          100000, 1000000, 10000000, 100000000};

/* Eight ASCII digits, the first in the lowest byte: pairs, then fours, then all. */
static inline uint64_t eight_value(uint64_t word)
{
    word -= EACH_BYTE('0');
    word = word * 10 + (word >> 8);
    return (((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
            (((word >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
           32;
}

/* Takes up to eight digits at once; how many is data, not a branch: their number is what varies
 * from float to float. */
static inline size_t word_scan(const uint8_t *at, uint64_t *mantissa)
{
    uint64_t word;
    uint64_t other; /* high bit of the first byte that is no digit; above it anything */
    unsigned count;

    memcpy(&word, at, sizeof word);
    other = word ^ EACH_BYTE('0');
    other = ((other + EACH_BYTE(0x76)) | other) & EACH_BYTE(0x80);
    if (other == 0) {
        *mantissa = *mantissa * integer_power[8] + eight_value(word);
        return 8;
    }
    count = (unsigned)__builtin_ctzll(other) / 8;
    word = (word << 8) << (56 - 8 * count); /* the digits move to the end, zeros go in front */
    word |= EACH_BYTE('0') >> (8 * count);
    *mantissa = *mantissa * integer_power[count] + eight_value(word);
    return count;
}
#endif

static inline const uint8_t *digits_scan(const uint8_t *at, const uint8_t *end, uint64_t *mantissa)
{
    while (at < end && (uint8_t)(*at - '0') <= 9) {
        *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
        at++;
    }
    return at;
}

/* The same where many digits are likely: behind the point. */
static inline const uint8_t *places_scan(const uint8_t *at, const uint8_t *end, uint64_t *mantissa)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        size_t count = word_scan(at, mantissa);

        at += count;
        if (count < 8) {
            return at;
        }
    }
#endif
    return digits_scan(at, end, mantissa);
}

/* Never inlined: its text buffer would cost the fast path a guarded stack frame. */
__attribute__((noinline)) static size_t scan_slowly(const uint8_t *at, const uint8_t *end,
                                                    float *out)
{
    struct decimal decimal;
    char plain[DECIMAL_TEXT_BYTES];

    if (!decimal_scan(at, end, &decimal)) {
        return 0;
    }
    decimal_text(at, &decimal, plain);
    *out = strtof(plain, NULL);
    return decimal.len;
}

/* mantissa / 10^places, both as the fast path has them, so that the result is zero or far inside the
 * normal range of a float; false when only strtof can tell. */
static inline bool scale(uint64_t mantissa, size_t places, uint32_t sign, float *out)
{
    double value = (double)(int64_t)mantissa * negative_power[places];
    uint64_t bits;
    uint32_t narrow;
    float rounded;

    memcpy(&bits, &value, sizeof bits);
    if ((bits & LOW_BITS) - (MIDDLE - MIDDLE_SLACK) <= 2 * MIDDLE_SLACK) {
        return false;
    }
    rounded = (float)value;
    memcpy(&narrow, &rounded, sizeof narrow); /* signs are random in vectors, so no branch */
    narrow |= sign << 31;
    memcpy(out, &narrow, sizeof narrow);
    return true;
}

size_t float_scan(const uint8_t *at, const uint8_t *end, float *out)
{
    const uint8_t *start = at;
    const uint8_t *digits;
    uint64_t mantissa = 0;
    size_t places = 0;
    size_t count;
    uint32_t sign;

    if (end - at < 2) { /* one digit, or nothing: too rare to be quick */
        return scan_slowly(at, end, out);
    }
    sign = *at == '-';
    at += sign;
    digits = at;
    at = *at == '0' ? at + 1 : digits_scan(at, end, &mantissa);
    count = (size_t)(at - digits);
    if (count == 0) {
        return 0;
    }
    if (at < end && *at == '.') {
        digits = ++at;
        at = places_scan(at, end, &mantissa);
        places = (size_t)(at - digits);
        if (places == 0) {
            return 0;
        }
        count += places;
    }
    if (count > FAST_DIGITS || (at < end && (*at | 0x20) == 'e') ||
        !scale(mantissa, places, sign, out)) {
        return scan_slowly(start, end, out);
    }
    return (size_t)(at - start);
}

bool float_parse(struct span text, float *out)
{
    return text.len > 0 && float_scan(text.ptr, text.ptr + text.len, out) == text.len;
}
