/* The escapes in which servers and gateways may repeat a text: of addresses, of pages, of JSON and programs. Pure. */
#include <string.h>

#include "base/utf8.h"
#include "net/chroma_internal.h"

uint8_t chroma_fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

/* `count` digits of a number in base 10 or 16, folded; false: other characters stand there. */
static bool take_number(struct span text, size_t count, uint32_t base, uint32_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t number = 0;

    if (count == 0 || count > 7 || text.len < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *digit = memchr(digits, text.ptr[i], base);
        if (!digit) {
            return false;
        }
        number = number * base + (uint32_t)(digit - digits);
    }
    *out = number;
    return true;
}

static size_t write_scalar(uint32_t scalar, uint8_t out[4])
{
    if (scalar > 0x10ffff || (scalar >= 0xd800 && scalar <= 0xdfff)) {
        scalar = '?';
    }
    return utf8_encode(scalar, out);
}

/* "&#45;", "&#x2d;", "&amp;" and its like; 0: it is no entity. */
static size_t take_entity(struct span text, uint8_t out[4], size_t *taken)
{
    static const struct {
        const char *name;
        char byte;
    } names[] = {{"amp", '&'},  {"lt", '<'},    {"gt", '>'},
                 {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}};
    const uint8_t *end = memchr(text.ptr, ';', text.len < 12 ? text.len : 12);
    size_t len = end ? (size_t)(end - text.ptr) : 0;
    uint32_t number;

    *taken = len + 1;
    if (len > 2 && text.ptr[1] == '#') {
        bool is_hex = text.ptr[2] == 'x';
        size_t start = is_hex ? 3 : 2;
        struct span rest = {text.ptr + start, text.len - start};
        return take_number(rest, len - start, is_hex ? 16 : 10, &number) ? write_scalar(number, out)
                                                                         : 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(names) && len > 1; i++) {
        if (strlen(names[i].name) == len - 1 && memcmp(text.ptr + 1, names[i].name, len - 1) == 0) {
            out[0] = (uint8_t)names[i].byte;
            return 1;
        }
    }
    return 0;
}

/* As in JSON, and in what programming languages print. */
static size_t take_backslash(struct span text, uint8_t out[4], size_t *taken)
{
    static const char letters[] = "n\nr\rt\t";
    struct span rest = {text.ptr + 2, text.len >= 2 ? text.len - 2 : 0};
    uint32_t number;

    if (text.len < 2) {
        return 0;
    }
    if (text.ptr[1] == 'u' && take_number(rest, 4, 16, &number)) {
        *taken = 6;
        return write_scalar(number, out);
    }
    if (text.ptr[1] == 'x' && take_number(rest, 2, 16, &number)) {
        *taken = 4;
        out[0] = (uint8_t)number;
        return 1;
    }
    *taken = 2;
    out[0] = text.ptr[1];
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        out[0] = text.ptr[1] == letters[i] ? (uint8_t)letters[i + 1] : out[0];
    }
    return 1;
}

/* One character, or the escape that stands for it. */
static size_t take(struct span text, uint8_t out[4], size_t *taken)
{
    struct span rest = {text.ptr + 1, text.len - 1};
    uint32_t number;
    size_t count = 0;

    if (text.ptr[0] == '%' && take_number(rest, 2, 16, &number)) {
        *taken = 3;
        out[0] = (uint8_t)number;
        return 1;
    }
    if (text.ptr[0] == '&') {
        count = take_entity(text, out, taken);
    } else if (text.ptr[0] == '\\') {
        count = take_backslash(text, out, taken);
    }
    if (count == 0) {
        *taken = count = 1;
        out[0] = text.ptr[0] == '+' ? ' ' : text.ptr[0];
    }
    return count;
}

size_t chroma_unescape(uint8_t *at, size_t len)
{
    size_t used = 0;
    size_t taken = 0;

    for (size_t i = 0; i < len; i += taken) {
        uint8_t bytes[4];
        size_t count = take((struct span){at + i, len - i}, bytes, &taken);
        for (size_t k = 0; k < count; k++) {
            at[used++] = chroma_fold(bytes[k]);
        }
    }
    return used;
}
