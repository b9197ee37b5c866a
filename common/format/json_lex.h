/*
 * What the json_*.c files share: tokens, escapes, and how malformed JSON is reported.
 * For the format layer only.
 */
#ifndef FORMAT_JSON_LEX_H
#define FORMAT_JSON_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/json_scan.h"

/* "malformed JSON at byte 123: expected a value, found '}'". found is NULL at the end of the text.
 * Returns false. */
bool json_lex_fail(struct error *err, uint64_t offset, const char *expected, const uint8_t *found);
/* The same about something that is not a matter of what else was expected. Returns false. */
bool json_lex_fault(struct error *err, uint64_t offset, const char *fault);

/* First byte from `at` on that is not plain text inside a string: quote, backslash, control or
 * non-ASCII byte. */
const uint8_t *json_lex_plain(const uint8_t *at, const uint8_t *end);
/* From behind the opening quote to behind the closing one; start is where the text's byte 0 is.
 * NULL: err tells. */
const uint8_t *json_lex_string(const uint8_t *start, const uint8_t *at, const uint8_t *end,
                               struct error *err);
/* What the letter behind a backslash stands for, 0 when it may not stand there ('u' is not handled
 * here). */
uint8_t json_lex_escape(uint8_t letter);
/* Value of a hex digit, -1 when it is none. */
int json_lex_hex(uint8_t digit);

/* For the pull reader: skips white space; the next byte, or 0 at the end (a NUL in the text is
 * malformed anyway). */
uint8_t json_next_byte(struct json_scan *scan);
bool json_fail_expected(const struct json_scan *scan, const char *expected, struct error *err);
/* Consume a scalar whose first byte json_peek() has seen; a string from its opening quote. */
MUST_CHECK bool json_take_scalar(struct json_scan *scan, enum json_type type, struct error *err);
MUST_CHECK bool json_take_string(struct json_scan *scan, struct error *err);

static inline bool json_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static inline bool json_is_high_surrogate(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static inline bool json_is_low_surrogate(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static inline uint32_t json_surrogate_pair(uint32_t high, uint32_t low)
{
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

#endif
