/*
 * JSON's number grammar, and the detour to strtod/strtof for numbers that the fast paths decline.
 * Does not convert anything itself.
 */
#include "base/decimal.h"

#include <stdio.h>
#include <string.h>

/* A double's midpoints have at most 767 significant digits; one more that is not zero says "and a
 * bit more". */
#define SIGNIFICANT_DIGITS 800u
#define EXPONENT_CEILING   INT64_C(1000000000000000)
#define EXPONENT_EXTREME   99999

const double decimal_power[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static const uint8_t *digits_scan(const uint8_t *at, const uint8_t *end, uint64_t *mantissa)
{
    while (at < end && is_digit(*at)) {
        *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
        at++;
    }
    return at;
}

/* An exponent's digits after 'e'; NULL when there are none. */
static const uint8_t *exponent_scan(const uint8_t *at, const uint8_t *end, int64_t *out)
{
    bool is_negative = false;
    int64_t value = 0;

    if (at < end && (*at == '+' || *at == '-')) {
        is_negative = *at++ == '-';
    }
    if (at == end || !is_digit(*at)) {
        return NULL;
    }
    for (; at < end && is_digit(*at); at++) {
        if (value < EXPONENT_CEILING) {
            value = value * 10 + (*at - '0');
        }
    }
    *out = is_negative ? -value : value;
    return at;
}

bool decimal_scan(const uint8_t *at, const uint8_t *end, struct decimal *out)
{
    const uint8_t *start = at;
    const uint8_t *digits;
    int64_t exponent = 0;
    size_t count;

    *out = (struct decimal){0};
    if (at < end && *at == '-') {
        out->is_negative = true;
        at++;
    }
    if (at == end || !is_digit(*at)) {
        return false;
    }
    digits = at;
    at = *at == '0' ? at + 1 : digits_scan(at, end, &out->mantissa);
    count = (size_t)(at - digits);
    if (at < end && *at == '.') {
        digits = ++at;
        at = digits_scan(at, end, &out->mantissa);
        if (at == digits) {
            return false;
        }
        count += (size_t)(at - digits);
        out->exponent = -(int64_t)(at - digits);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = exponent_scan(at + 1, end, &exponent);
        if (!at) {
            return false;
        }
    }
    out->exponent += exponent;
    out->is_exact = count <= 19;
    out->len = (size_t)(at - start);
    return true;
}

void decimal_text(const uint8_t *at, const struct decimal *decimal, char out[DECIMAL_TEXT_BYTES])
{
    const uint8_t *end = at + decimal->len;
    int64_t exponent = decimal->exponent;
    bool is_more = false;
    size_t len = 0;
    size_t first;

    if (decimal->is_negative) {
        out[len++] = '-';
        at++;
    }
    first = len;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.' || (*at == '0' && len == first)) {
            continue; /* a leading zero, before or behind the point, has no weight */
        }
        if (len - first < SIGNIFICANT_DIGITS) {
            out[len++] = (char)*at;
        } else {
            is_more = is_more || *at != '0';
            exponent++;
        }
    }
    if (len == first) {
        out[len++] = '0';
    } else if (is_more) {
        out[len++] = '1';
        exponent--;
    }
    if (exponent > EXPONENT_EXTREME) {
        exponent = EXPONENT_EXTREME;
    } else if (exponent < -EXPONENT_EXTREME) {
        exponent = -EXPONENT_EXTREME;
    }
    snprintf(out + len, DECIMAL_TEXT_BYTES - len, "e%d", (int)exponent);
}
