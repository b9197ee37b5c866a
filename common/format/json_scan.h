/*
 * A strict, validating JSON reader that yields slices of the input and never re-types a value:
 * `1.0` stays `1.0`, 2^63-1 keeps its digits, `\u0000` stays in its string (decision 5).
 * RFC 8259: no trailing commas, no comments, no NaN; UTF-8 must be valid, surrogate escapes paired;
 * nesting at most LIMIT_JSON_DEPTH; duplicate member names are the caller's business.
 * Borrows the input; allocates nothing. Thread: any, one scanner each.
 *
 * Reading is by pull:
 *     json_open(&scan, '{', err);
 *     while (json_next_member(&scan, &key, &more, err) && more) { json_read(&scan, &value, err); … }
 * Every member or element must be consumed (json_read, json_open, json_read_floats) before the next one is asked for.
 */
#ifndef FORMAT_JSON_SCAN_H
#define FORMAT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value { /* one whole value, validated */
    enum json_type type;
    struct span text; /* as it stands in the input, quotes and brackets included, no outer white space */
};

struct json_scan {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;                        /* containers open by json_open */
    bool is_first[LIMIT_JSON_DEPTH];       /* no element of that container consumed yet */
};

void json_scan_init(struct json_scan *scan, struct span text);
/* Type of the next value, without consuming it. */
MUST_CHECK bool json_peek(struct json_scan *scan, enum json_type *out, struct error *err);
/* Consumes and validates one whole value, however nested. */
MUST_CHECK bool json_read(struct json_scan *scan, struct json_value *out, struct error *err);
/* Enters an object ('{') or array ('['); any other next value is an ERROR_FORMAT. */
MUST_CHECK bool json_open(struct json_scan *scan, char bracket, struct error *err);
/* Next member of the open object: its name (still escaped, with quotes), or *more = false and the object is left. */
MUST_CHECK bool json_next_member(struct json_scan *scan, struct json_value *name, bool *more, struct error *err);
/* Stands before the next element of the open array, or *more = false and the array is left. */
MUST_CHECK bool json_next_element(struct json_scan *scan, bool *more, struct error *err);
/* Consumes an array of numbers and nulls into out[0…max): a null or a number beyond float range becomes NaN and
 * sets *finite = false. More than max elements, or anything else inside: ERROR_FORMAT. */
MUST_CHECK bool json_read_floats(struct json_scan *scan, float *out, size_t max, size_t *count, bool *finite,
                                 struct error *err);
/* Nothing but white space is left. */
MUST_CHECK bool json_finish(struct json_scan *scan, struct error *err);

/* Appends the characters of a string value (escapes resolved, UTF-8). */
MUST_CHECK bool json_decode_string(struct json_value value, struct buf *out, struct error *err);
/* A string value whose characters are exactly `literal` (also when it is written with escapes). */
bool json_string_is(struct json_value value, const char *literal);
/* How many bytes the characters of a string value take as UTF-8; 0 for any other value. */
size_t json_string_bytes(struct json_value value);
/* How much of a string value's text, opening quote included and closing one not, are the whole characters that take at
 * most `max` bytes as UTF-8. No escape and no character is cut in two. */
size_t json_string_prefix(struct json_value value, size_t max);
/* A number written as an integer: no fraction, no exponent. Chroma decides int or float by this alone. */
bool json_number_is_integer(struct json_value value);

#endif
