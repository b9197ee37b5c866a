/*
 * Integers and doubles from text, whole span or nothing. float32 has a file of its own,
 * number_float.c.
 */
#include "base/number.h"

#include <stdlib.h>

#include "base/decimal.h"

#define EXACT_MANTISSA (UINT64_C(1) << 53)

bool number_parse_u64(struct span text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.ptr[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool number_parse_i64(struct span text, int64_t *out)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t magnitude;

    if (is_negative) {
        text.ptr++;
        text.len--;
    }
    if (!number_parse_u64(text, &magnitude) || magnitude > (uint64_t)INT64_MAX + is_negative) {
        return false;
    }
    if (is_negative) {
        *out =
            magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1; /* INT64_MIN has no positive twin */
    } else {
        *out = (int64_t)magnitude;
    }
    return true;
}

bool number_parse_double(struct span text, double *out)
{
    struct decimal decimal;
    char plain[DECIMAL_TEXT_BYTES];

    if (text.len == 0 || !decimal_scan(text.ptr, text.ptr + text.len, &decimal) ||
        decimal.len != text.len) {
        return false;
    }
    if (decimal.is_exact && decimal.mantissa <= EXACT_MANTISSA && decimal.exponent >= -22 &&
        decimal.exponent <= 22) { /* both operands exact: one operation, one rounding */
        double value = (double)decimal.mantissa;

        value = decimal.exponent < 0 ? value / decimal_power[-decimal.exponent]
                                     : value * decimal_power[decimal.exponent];
        *out = decimal.is_negative ? -value : value;
        return true;
    }
    decimal_text(text.ptr, &decimal, plain);
    *out = strtod(plain, NULL);
    return true;
}

bool size_multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
