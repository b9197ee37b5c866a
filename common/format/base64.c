/*
 * Base64 by table, three bytes to four letters. Fast enough that the deflate behind it is what
 * costs.
 */
#include "format/base64.h"

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NO 0xff /* no letter of the alphabet; its high bit survives an OR */

static const uint8_t letter_value[256] = {
#define NO8  NO, NO, NO, NO, NO, NO, NO, NO
#define NO16 NO8, NO8
    NO16, NO16, NO8, NO, NO, NO, 62,   NO,   NO,   NO,   63,   52,   53,   54,   55, 56, 57,
    58,   59,   60,  61, NO, NO, NO,   NO,   NO,   NO,   NO,   0,    1,    2,    3,  4,  5,
    6,    7,    8,   9,  10, 11, 12,   13,   14,   15,   16,   17,   18,   19,   20, 21, 22,
    23,   24,   25,  NO, NO, NO, NO,   NO,   NO,   26,   27,   28,   29,   30,   31, 32, 33,
    34,   35,   36,  37, 38, 39, 40,   41,   42,   43,   44,   45,   46,   47,   48, 49, 50,
    51,   NO,   NO,  NO, NO, NO, NO16, NO16, NO16, NO16, NO16, NO16, NO16, NO16,
#undef NO16
#undef NO8
};

void base64_append(struct buf *out, struct span bytes)
{
    size_t groups = bytes.len / 3;
    size_t rest = bytes.len % 3;
    size_t len = (groups + (rest > 0)) * 4;
    const uint8_t *from = bytes.ptr;
    uint8_t *to;

    if (len == 0) {
        return;
    }
    to = buf_reserve(out, len);
    if (!to) {
        return;
    }
    for (size_t i = 0; i < groups; i++, from += 3, to += 4) {
        uint32_t group = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];

        to[0] = (uint8_t)alphabet[group >> 18];
        to[1] = (uint8_t)alphabet[group >> 12 & 63];
        to[2] = (uint8_t)alphabet[group >> 6 & 63];
        to[3] = (uint8_t)alphabet[group & 63];
    }
    if (rest > 0) {
        uint32_t group = (uint32_t)from[0] << 16 | (rest == 2 ? (uint32_t)from[1] << 8 : 0);

        to[0] = (uint8_t)alphabet[group >> 18];
        to[1] = (uint8_t)alphabet[group >> 12 & 63];
        to[2] = rest == 2 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        to[3] = '=';
    }
    out->len += len;
}

size_t base64_decoded_max(size_t text_len)
{
    return text_len / 4 * 3;
}

/* Two or three letters before the padding; what is left over of their bits must be zero. */
static bool decode_tail(const uint8_t *from, size_t letters, uint8_t *to)
{
    uint8_t a = letter_value[from[0]];
    uint8_t b = letter_value[from[1]];
    uint8_t c = letters == 3 ? letter_value[from[2]] : 0;

    if (((a | b | c) & 0x80) != 0 || (letters == 3 ? c & 3 : b & 15) != 0) {
        return false;
    }
    to[0] = (uint8_t)(a << 2 | b >> 4);
    if (letters == 3) {
        to[1] = (uint8_t)(b << 4 | c >> 2);
    }
    return true;
}

bool base64_decode(struct span text, uint8_t *out, size_t *out_len, struct error *err)
{
    size_t padding = 0;
    size_t groups;
    const uint8_t *from = text.ptr;
    uint8_t *to = out;
    uint8_t any = 0;

    if (text.len % 4 != 0) {
        return error_set(err, ERROR_FORMAT, "base64 of %zu characters, not a multiple of 4",
                         text.len);
    }
    if (text.len > 0 && from[text.len - 1] == '=') {
        padding = from[text.len - 2] == '=' ? 2 : 1;
    }
    groups = text.len / 4 - (padding > 0);
    for (size_t i = 0; i < groups; i++, from += 4, to += 3) {
        uint8_t a = letter_value[from[0]];
        uint8_t b = letter_value[from[1]];
        uint8_t c = letter_value[from[2]];
        uint8_t d = letter_value[from[3]];

        any |= a | b | c | d;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    if ((any & 0x80) != 0) {
        return error_set(err, ERROR_FORMAT, "base64 holds a character outside its alphabet");
    }
    if (padding > 0 && !decode_tail(from, 4 - padding, to)) {
        return error_set(err, ERROR_FORMAT, "base64 ends in malformed padding");
    }
    *out_len = groups * 3 + (padding > 0 ? 3 - padding : 0);
    return true;
}
