/* The text as a whole, before it is read; see dotenv.h. */
#include "app/dotenv.h"
#include "base/utf8.h"

size_t dotenv_unify_lines(uint8_t *text, size_t len)
{
    size_t out = 0;
    for (size_t in = 0; in < len; in++) {
        if (text[in] == '\r' && in + 1 < len && text[in + 1] == '\n') {
            continue;
        }
        text[out++] = text[in] == '\r' ? '\n' : text[in];
    }
    return out;
}

const char *dotenv_find_junk(struct span text, size_t *line)
{
    const uint8_t *end = text.ptr + text.len;
    *line = 1;
    for (const uint8_t *at = text.ptr; at < end;) {
        size_t len = utf8_sequence(at, end);
        if (len == 0) {
            return "bytes that are no UTF-8";
        }
        if (*at == '\0') {
            return "a NUL byte";
        }
        if ((*at < ' ' && *at != '\t' && *at != '\n') || *at == 0x7f) {
            return "a control character";
        }
        *line += *at == '\n';
        at += len;
    }
    return NULL;
}
