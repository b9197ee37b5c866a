/*
 * Text into a buf: printf, hexadecimal, and what a one-line message may show of foreign bytes.
 */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    uint8_t *to;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0) {
        buf->failed = buf->failed != ERROR_NONE ? buf->failed : ERROR_NOMEM;
        return;
    }
    to = buf_reserve(buf, (size_t)len);
    if (!to) {
        return;
    }
    va_start(args, fmt);
    vsnprintf((char *)to, (size_t)len + 1, fmt,
              args); /* the NUL has a byte of its own, see bytes.c */
    va_end(args);
    buf->len += (size_t)len;
}

void buf_append_hex(struct buf *buf, struct span span)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *to = buf_reserve(buf, span.len > SIZE_MAX / 2 ? SIZE_MAX : span.len * 2);

    if (!to) {
        return;
    }
    for (size_t i = 0; i < span.len; i++) {
        *to++ = (uint8_t)digits[span.ptr[i] >> 4];
        *to++ = (uint8_t)digits[span.ptr[i] & 0xf];
    }
    buf->len += span.len * 2;
}

static int hex_value(uint8_t digit)
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

bool buf_append_unhex(struct buf *buf, struct span hex, struct error *err)
{
    uint8_t *to;

    if (hex.len % 2 != 0) {
        return error_set(err, ERROR_FORMAT, "hexadecimal text has an odd length, %zu", hex.len);
    }
    for (size_t i = 0; i < hex.len; i++) { /* all of it first: a refusal leaves buf as it was */
        if (hex_value(hex.ptr[i]) < 0) {
            return error_set(err, ERROR_FORMAT, "byte %zu is not a hexadecimal digit", i);
        }
    }
    to = buf_reserve(buf, hex.len / 2);
    if (to) {
        for (size_t i = 0; i < hex.len; i += 2) {
            *to++ = (uint8_t)(hex_value(hex.ptr[i]) << 4 | hex_value(hex.ptr[i + 1]));
        }
        buf->len += hex.len / 2;
    }
    return buf_check(buf, "hexadecimal text", err);
}

static void append_escaped(struct buf *buf, struct span span, size_t max, bool is_quoted)
{
    const uint8_t *at = span.ptr;
    const uint8_t *end = span.len > 0 ? at + span.len : at;
    size_t shown = 0;

    while (at < end) {
        char unit[4];
        size_t taken = 1;
        size_t len = sizeof unit;

        if (is_quoted && *at == '"') {
            memcpy(unit, "\\x22", sizeof unit);
        } else {
            len = utf8_printable(at, end, &taken, unit);
        }
        if (shown + len > max) {
            buf_append_str(buf, "\xe2\x80\xa6");
            return;
        }
        buf_append(buf, unit, len);
        shown += len;
        at += taken;
    }
}

void buf_append_printable(struct buf *buf, struct span span, size_t max)
{
    append_escaped(buf, span, max, true);
}

void buf_append_text(struct buf *buf, struct span span, size_t max)
{
    append_escaped(buf, span, max, false);
}
