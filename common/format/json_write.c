/*
 * JSON text out. Strings are copied in runs between the few bytes that need an escape. Checks
 * nothing: what comes in was validated by json_scan or is ours.
 */
#include "format/json_write.h"

#include <string.h>

#include "base/number.h"
#include "format/json_lex.h"

static void write_escape(struct buf *buf, uint8_t byte)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    uint8_t text[6] = {'\\', byte, '0', '0', '0', '0'};
    size_t len = 2;

    if (byte < 0x20 && letters[byte] != 0) {
        text[1] = (uint8_t)letters[byte];
    } else if (byte < 0x20) {
        text[1] = 'u';
        text[4] = (uint8_t)('0' + (byte >> 4));
        text[5] = (uint8_t) "0123456789abcdef"[byte & 0xf];
        len = 6;
    }
    buf_append(buf, text, len);
}

void json_write_string(struct buf *buf, struct span text)
{
    const uint8_t *at = text.ptr;
    const uint8_t *end = text.len > 0 ? at + text.len : at;
    const uint8_t *run = at;

    buf_append_byte(buf, '"');
    while (at < end) {
        if (*at >= 0x80) {
            at++;
            continue;
        }
        at = json_lex_plain(at, end);
        if (at < end && *at < 0x80) {
            buf_append(buf, run, (size_t)(at - run));
            write_escape(buf, *at);
            run = ++at;
        }
    }
    buf_append(buf, run, (size_t)(at - run));
    buf_append_byte(buf, '"');
}

void json_write_floats(struct buf *buf, const float *values, size_t count)
{
    char text[32];

    buf_append_byte(buf, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_byte(buf, ',');
        }
        buf_append(buf, text, float_format(values[i], text));
    }
    buf_append_byte(buf, ']');
}

/* From an opening quote to behind the closing one. */
static const uint8_t *behind_string(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *from = at + 1;

    for (;;) {
        const uint8_t *quote = memchr(from, '"', (size_t)(end - from));
        const uint8_t *escape;

        if (!quote) {
            return end;
        }
        escape = quote;
        while (escape > from && escape[-1] == '\\') {
            escape--;
        }
        if ((quote - escape) % 2 == 0) {
            return quote + 1;
        }
        from = quote + 1;
    }
}

void json_write_compact(struct buf *buf, struct span value)
{
    const uint8_t *at = value.ptr;
    const uint8_t *end = value.len > 0 ? at + value.len : at;
    const uint8_t *run = at;

    while (at < end) {
        if (*at == '"') {
            at = behind_string(at, end);
        } else if (json_is_space(*at)) {
            buf_append(buf, run, (size_t)(at - run));
            run = ++at;
        } else {
            at++;
        }
    }
    buf_append(buf, run, (size_t)(at - run));
}
