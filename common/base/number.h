/*
 * Text to numbers without a locale and without surprises.
 * float_parse() is the exact one: bit-identical to a correctly rounded strtof for every JSON
 * number.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Whole span, decimal digits only (a leading '-' for i64). False when empty, malformed or out of
 * range. */
bool number_parse_u64(struct span text, uint64_t *out);
bool number_parse_i64(struct span text, int64_t *out);
bool number_parse_double(struct span text, double *out); /* a JSON number, correctly rounded */

/* A JSON number, whole span. False when malformed. Overflow gives ±inf (the caller rejects it). */
bool float_parse(struct span text, float *out);
/* Reads the JSON number that starts at `at` and ends somewhere before `end`; returns its length, 0
 * when malformed. What follows the number is the caller's business. */
size_t float_scan(const uint8_t *at, const uint8_t *end, float *out);
/* Shortest decimal that parses back to the same float; out gets at most 32 bytes, returns the
 * length. Finite only. */
size_t float_format(float value, char out[32]);

bool size_multiply(size_t a, size_t b, size_t *out); /* false on overflow */

#endif
