/*
 * UTF-8, one sequence at a time. Not a bulk validator: callers skip ASCII themselves and come here
 * for the rest.
 */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The second byte carries every restriction of the table; later ones are plain continuations. */
static bool second_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf; /* else overlong */
    case 0xed:
        return second >= 0x80 && second <= 0x9f; /* else a surrogate */
    case 0xf0:
        return second >= 0x90 && second <= 0xbf; /* else overlong */
    case 0xf4:
        return second >= 0x80 && second <= 0x8f; /* else above U+10FFFF */
    default:
        return is_continuation(second);
    }
}

size_t utf8_sequence(const uint8_t *at, const uint8_t *end)
{
    uint8_t first = at[0];
    size_t left = (size_t)(end - at);
    size_t len;

    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        len = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        len = 3;
    } else if (first >= 0xf0 && first <= 0xf4) {
        len = 4;
    } else {
        return 0;
    }
    if (left < len || !second_fits(first, at[1])) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (!is_continuation(at[i])) {
            return 0;
        }
    }
    return len;
}

size_t utf8_encode(uint32_t scalar, uint8_t out[4])
{
    if (scalar < 0x80) {
        out[0] = (uint8_t)scalar;
        return 1;
    }
    if (scalar < 0x800) {
        out[0] = (uint8_t)(0xc0 | (scalar >> 6));
        out[1] = (uint8_t)(0x80 | (scalar & 0x3f));
        return 2;
    }
    if (scalar < 0x10000) {
        out[0] = (uint8_t)(0xe0 | (scalar >> 12));
        out[1] = (uint8_t)(0x80 | ((scalar >> 6) & 0x3f));
        out[2] = (uint8_t)(0x80 | (scalar & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | (scalar >> 18));
    out[1] = (uint8_t)(0x80 | ((scalar >> 12) & 0x3f));
    out[2] = (uint8_t)(0x80 | ((scalar >> 6) & 0x3f));
    out[3] = (uint8_t)(0x80 | (scalar & 0x3f));
    return 4;
}

size_t utf8_printable(const uint8_t *at, const uint8_t *end, size_t *taken, char out[4])
{
    static const char hex[] = "0123456789abcdef";
    size_t len = utf8_sequence(at, end);
    bool is_control = at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && len == 2 && at[1] < 0xa0);

    if (len == 0 || is_control) {
        *taken = 1;
        out[0] = '\\';
        out[1] = 'x';
        out[2] = hex[at[0] >> 4];
        out[3] = hex[at[0] & 0xf];
        return 4;
    }
    *taken = len;
    memcpy(out, at, len);
    return len;
}
