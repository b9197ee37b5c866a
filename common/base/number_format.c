/*
 * float32 to the shortest decimal text that reads back as the same float. Candidates of six to nine
 * digits are made and checked with one double operation each; what that cannot settle goes through
 * the C library.
 */
#include "base/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

/* Within these every power of ten that is needed is an exact double. */
#define FAST_LEAST 1e-12
#define FAST_MOST  1e20

struct candidate { /* digits · 10^exponent */
    uint64_t digits;
    int exponent;
};

static bool reads_back(struct candidate candidate, float want)
{
    char text[48];
    float have;
    int len = snprintf(text, sizeof text, "%llue%d", (unsigned long long)candidate.digits,
                       candidate.exponent);

    return float_parse((struct span){(const uint8_t *)text, (size_t)len}, &have) && have == want;
}

/* Quick test; when unsure (next to the middle between two floats) the slow one answers. */
static bool is_same(struct candidate candidate, float want)
{
    double value = (double)candidate.digits;
    uint64_t bits;

    if (candidate.exponent < -22 || candidate.exponent > 22) {
        return reads_back(candidate, want);
    }
    value = candidate.exponent < 0 ? value / decimal_power[-candidate.exponent]
                                   : value * decimal_power[candidate.exponent];
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x1fffffff) == 0x10000000) {
        return reads_back(candidate, want);
    }
    return (float)value == want;
}

/* Decimal exponent of the first digit, or one less. */
static int exponent_estimate(double magnitude)
{
    uint64_t bits;
    int scaled;

    memcpy(&bits, &magnitude, sizeof bits);
    scaled = ((int)(bits >> 52) - 1023) * 30103; /* log10(2) = 0.30103 */
    return scaled >= 0 ? scaled / 100000 : -((-scaled + 99999) / 100000);
}

static double scaled_up(double magnitude, int exponent)
{
    return exponent < 0 ? magnitude * decimal_power[-exponent]
                        : magnitude / decimal_power[exponent];
}

/* The nearest number of `count` digits, or about that near: is_same() has the last word. */
static struct candidate nearest_fast(double magnitude, int count)
{
    int exponent = exponent_estimate(magnitude) - (count - 1);
    double scaled = scaled_up(magnitude, exponent);

    if (scaled >= decimal_power[count]) {
        scaled = scaled_up(magnitude, ++exponent);
    }
    return (struct candidate){(uint64_t)(scaled + 0.5), exponent};
}

static struct candidate nearest_slow(double magnitude, int count)
{
    struct candidate out = {0};
    char text[40];
    char *exponent;

    snprintf(text, sizeof text, "%.*e", count - 1, magnitude);
    exponent = strchr(text, 'e');
    for (const char *at = text; exponent && at < exponent;
         at++) { /* steps over a locale's decimal point */
        if (*at >= '0' && *at <= '9') {
            out.digits = out.digits * 10 + (uint64_t)(*at - '0');
        }
    }
    out.exponent = exponent ? (int)strtol(exponent + 1, NULL, 10) - (count - 1) : 0;
    return out;
}

static struct candidate shortest(float magnitude)
{
    bool is_fast = magnitude >= FAST_LEAST && magnitude <= FAST_MOST;
    /* Six digits survive any normal float, so fewer come out of six with zeros at the end. */
    int count = magnitude >= FLT_MIN ? FLT_DIG : 1;
    uint32_t bits;
    struct candidate candidate;

    memcpy(&bits, &magnitude, sizeof bits);
    for (;; count++) {
        candidate = is_fast ? nearest_fast(magnitude, count) : nearest_slow(magnitude, count);
        if (is_same(candidate, magnitude)) {
            break;
        }
        /* Above a power of two the floats are twice as far apart, so the farther neighbour may
         * still do. */
        if ((bits & 0x7fffff) == 0) {
            candidate.digits++;
            if (is_same(candidate, magnitude)) {
                break;
            }
        }
        assert(count < FLT_DECIMAL_DIG);
    }
    while (candidate.digits % 10 == 0) {
        candidate.digits /= 10;
        candidate.exponent++;
    }
    return candidate;
}

static size_t write_digits(uint64_t value, char *out)
{
    char reversed[24];
    size_t count = 0;

    do {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = reversed[count - 1 - i];
    }
    return count;
}

/* d.ddde-07, and de-07 when there is only one digit. */
static size_t write_scientific(const char *digits, size_t count, int leading, char *out)
{
    size_t len = 0;

    out[len++] = digits[0];
    if (count > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, count - 1);
        len += count - 1;
    }
    out[len++] = 'e';
    out[len++] = leading < 0 ? '-' : '+';
    leading = leading < 0 ? -leading : leading;
    out[len++] = (char)('0' + leading / 10);
    out[len++] = (char)('0' + leading % 10);
    return len;
}

/* Positional from 1e-5 up to 1e15, scientific beyond. At most 17 bytes. */
static size_t lay_out(struct candidate candidate, char *out)
{
    char digits[24];
    size_t count = write_digits(candidate.digits, digits);
    int leading = (int)count - 1 + candidate.exponent; /* decimal exponent of the first digit */
    size_t whole = (size_t)(leading + 1);

    if (leading < -5 || leading > 15) {
        return write_scientific(digits, count, leading, out);
    }
    if (leading < 0) {
        size_t zeros = (size_t)-leading - 1;

        memcpy(out, "0.0000", 2 + zeros);
        memcpy(out + 2 + zeros, digits, count);
        return 2 + zeros + count;
    }
    if (count <= whole) {
        memcpy(out, digits, count);
        memset(out + count, '0', whole - count);
        return whole;
    }
    memcpy(out, digits, whole);
    out[whole] = '.';
    memcpy(out + whole + 1, digits + whole, count - whole);
    return count + 1;
}

size_t float_format(float value, char out[32])
{
    size_t len = 0;

    assert(isfinite(value));
    if (value == 0.0f) { /* with a point, or readers that make integers of numbers lose the sign */
        len = signbit(value) ? 4 : 1;
        memcpy(out, signbit(value) ? "-0.0" : "0", len);
        return len;
    }
    if (value < 0.0f) {
        out[len++] = '-';
    }
    return len + lay_out(shortest(fabsf(value)), out + len);
}
