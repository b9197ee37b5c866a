/*
 * A JSON number taken apart, for number.c and number_float.c only: the grammar, and the way to the
 * C library's exact conversion that no locale and no length of the text can disturb.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_TEXT_BYTES 832

struct decimal { /* value = ±mantissa · 10^exponent, if is_exact */
    size_t len;  /* bytes of the text */
    uint64_t mantissa;
    int64_t exponent; /* saturated far beyond any double */
    bool is_negative;
    bool is_exact; /* at most 19 digits: mantissa holds them all */
};

/* False when no JSON number starts at `at`. */
bool decimal_scan(const uint8_t *at, const uint8_t *end, struct decimal *out);
/* The same value as "-123e-7": no decimal point, and never longer than strtod needs to round
 * correctly. */
void decimal_text(const uint8_t *at, const struct decimal *decimal, char out[DECIMAL_TEXT_BYTES]);

extern const double decimal_power[23]; /* 10^0 … 10^22, the exact ones */

#endif
