/*
 * Strings: validated byte by byte where they need it and eight bytes at a time where they do not;
 * decoded only for the few values that are compared as characters. The rest of the project carries
 * strings as they were written.
 */
#include <string.h>

#include "base/utf8.h"
#include "format/json_lex.h"
#include "format/json_scan.h"

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS       EACH_BYTE(0x80)

bool json_lex_fail(struct error *err, uint64_t offset, const char *expected, const uint8_t *found)
{
    char what[16] = "the end";

    if (found && *found > 0x20 && *found < 0x7f) {
        memcpy(what, (char[]){'\'', (char)*found, '\'', '\0'}, 4);
    } else if (found) {
        memcpy(what, "0x", 2);
        what[2] = "0123456789abcdef"[*found >> 4];
        what[3] = "0123456789abcdef"[*found & 0xf];
        what[4] = '\0';
    }
    return error_set(err, ERROR_FORMAT, "malformed JSON at byte %llu: expected %s, found %s",
                     (unsigned long long)offset, expected, what);
}

bool json_lex_fault(struct error *err, uint64_t offset, const char *fault)
{
    return error_set(err, ERROR_FORMAT, "malformed JSON at byte %llu: %s",
                     (unsigned long long)offset, fault);
}

static inline uint64_t zero_bytes(uint64_t word) /* exact up to the first zero byte */
{
    return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

const uint8_t *json_lex_plain(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        if ((zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\')) |
             ((word - EACH_BYTE(0x20)) & ~word & HIGH_BITS) | (word & HIGH_BITS)) != 0) {
            break;
        }
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20 && *at < 0x80) {
        at++;
    }
    return at;
}

uint8_t json_lex_escape(uint8_t letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

int json_lex_hex(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

/* The four digits of \uXXXX; false when they are not there. */
static bool read_unit(const uint8_t *at, const uint8_t *end, uint32_t *out)
{
    *out = 0;
    if (end - at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        int digit = json_lex_hex(at[i]);

        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* One escape, from its backslash on: its scalar value and its length, or what is wrong with it. */
static const char *read_escape(const uint8_t *at, const uint8_t *end, uint32_t *scalar, size_t *len)
{
    uint32_t low;

    *len = 2;
    if (end - at < 2) {
        return "the text ends inside a string";
    }
    if (at[1] != 'u') {
        *scalar = json_lex_escape(at[1]);
        return *scalar != 0 ? NULL : "unknown escape";
    }
    *len = 6;
    if (!read_unit(at + 2, end, scalar)) {
        return "\\u without four hexadecimal digits";
    }
    if (json_is_low_surrogate(*scalar)) {
        return "low surrogate without a high one before it";
    }
    if (json_is_high_surrogate(*scalar)) {
        *len = 12;
        if (end - at < 12 || at[6] != '\\' || at[7] != 'u' || !read_unit(at + 8, end, &low) ||
            !json_is_low_surrogate(low)) {
            return "high surrogate without a low one behind it";
        }
        *scalar = json_surrogate_pair(*scalar, low);
    }
    return NULL;
}

const uint8_t *json_lex_string(const uint8_t *start, const uint8_t *at, const uint8_t *end,
                               struct error *err)
{
    for (;;) {
        const char *fault = NULL;
        uint32_t scalar;
        size_t len;

        at = json_lex_plain(at, end);
        if (at == end) {
            fault = "the text ends inside a string";
        } else if (*at == '"') {
            return at + 1;
        } else if (*at == '\\') {
            fault = read_escape(at, end, &scalar, &len);
        } else if (*at < 0x20) {
            fault = "unescaped control character in a string";
        } else {
            len = utf8_sequence(at, end);
            fault = len == 0 ? "invalid UTF-8" : NULL;
        }
        if (fault) {
            json_lex_fault(err, (uint64_t)(at - start), fault);
            return NULL;
        }
        at += len;
    }
}

/* What stands between the quotes; false when it is no string at all. */
static bool inner_text(struct json_value value, struct span *out)
{
    if (value.type != JSON_STRING || value.text.len < 2) {
        return false;
    }
    *out = (struct span){value.text.ptr + 1, value.text.len - 2};
    return true;
}

/* The next piece of a string's characters: a run without escapes, borrowed, or one escape resolved
 * into store. */
static bool next_piece(struct span *rest, uint8_t store[4], struct span *piece)
{
    const uint8_t *end = rest->ptr + rest->len;
    const uint8_t *backslash = memchr(rest->ptr, '\\', rest->len);
    uint32_t scalar;
    size_t len;

    if (backslash == rest->ptr) {
        if (read_escape(rest->ptr, end, &scalar, &len)) {
            return false; /* only possible when the value never went through the scanner */
        }
        *piece = (struct span){store, utf8_encode(scalar, store)};
    } else {
        len = backslash ? (size_t)(backslash - rest->ptr) : rest->len;
        *piece = (struct span){rest->ptr, len};
    }
    rest->ptr += len;
    rest->len -= len;
    return true;
}

bool json_decode_string(struct json_value value, struct buf *out, struct error *err)
{
    struct span rest;
    struct span piece;
    uint8_t store[4];

    if (!inner_text(value, &rest)) {
        return error_set(err, ERROR_BUG, "decoding a JSON value that is not a string");
    }
    while (rest.len > 0) {
        if (!next_piece(&rest, store, &piece)) {
            return error_set(err, ERROR_BUG, "decoding a JSON string that was never validated");
        }
        buf_append_span(out, piece);
    }
    return buf_check(out, "JSON string", err);
}

bool json_string_is(struct json_value value, const char *literal)
{
    struct span want = span_from_str(literal);
    struct span rest;
    struct span piece;
    uint8_t store[4];

    if (!inner_text(value, &rest)) {
        return false;
    }
    while (rest.len > 0) {
        if (!next_piece(&rest, store, &piece) || piece.len > want.len ||
            memcmp(piece.ptr, want.ptr, piece.len) != 0) {
            return false;
        }
        want.ptr += piece.len;
        want.len -= piece.len;
    }
    return want.len == 0;
}

size_t json_string_bytes(struct json_value value)
{
    struct span rest;
    struct span piece;
    uint8_t store[4];
    size_t bytes = 0;

    if (!inner_text(value, &rest)) {
        return 0;
    }
    while (rest.len > 0 && next_piece(&rest, store, &piece)) {
        bytes += piece.len;
    }
    return bytes;
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t json_string_prefix(struct json_value value, size_t max)
{
    struct span rest;
    struct span piece;
    uint8_t store[4];

    if (!inner_text(value, &rest)) {
        return 0;
    }
    const uint8_t *at = rest.ptr;
    while (rest.len > 0 && next_piece(&rest, store, &piece)) {
        if (piece.len > max) {
            bool is_run = piece.ptr == at; /* not an escape, which stays or goes as a whole */
            while (is_run && max > 0 && is_continuation(at[max])) {
                max--;
            }
            return (size_t)(at - value.text.ptr) + (is_run ? max : 0);
        }
        max -= piece.len;
        at = rest.ptr;
    }
    return (size_t)(at - value.text.ptr);
}
