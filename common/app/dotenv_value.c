/* What a value comes to; see dotenv.h. */
#include <string.h>

#include "app/dotenv.h"

/* What a backslash and this character mean between such quotes; 0: just what they are. */
static uint8_t meaning(char quote, uint8_t c)
{
    static const char written[] = "\\'\"abfnrtv";
    static const char meant[] = "\\'\"\a\b\f\n\r\t\v";
    const char *found = c != '\0' ? strchr(quote == '"' ? written : "\\'", c) : NULL;
    return found == NULL ? '\0' : quote == '"' ? (uint8_t)meant[found - written] : c;
}

size_t dotenv_unescape(struct span raw, char quote, uint8_t *out)
{
    size_t len = 0;
    for (size_t in = 0; in < raw.len; in++) {
        bool is_pair = quote != '\0' && raw.ptr[in] == '\\' && in + 1 < raw.len;
        uint8_t meant = is_pair ? meaning(quote, raw.ptr[in + 1]) : '\0';
        in += meant != '\0';
        out[len++] = meant != '\0' ? meant : raw.ptr[in];
    }
    return len;
}

/* Is what begins at `at` with ${ a reference? *resume: behind it, or where the next may begin when it is none. */
static bool read_reference(const uint8_t *at, const uint8_t *end, struct span *name,
                           struct span *fallback, const uint8_t **resume)
{
    const uint8_t *stop = at + 2;
    while (stop < end && *stop != '}' && *stop != ':') {
        stop++;
    }
    *name = (struct span){at + 2, (size_t)(stop - at - 2)};
    *fallback = (struct span){0};
    *resume = stop; /* what begins before it would end there too */
    if (stop < end && *stop == '}') {
        *resume = stop + 1;
        return true;
    }
    if (end - stop < 2 || stop[1] != '-') {
        return false;
    }
    const uint8_t *close = memchr(stop, '}', (size_t)(end - stop));
    *resume = close != NULL ? close + 1 : end;
    if (close != NULL) {
        *fallback = (struct span){stop + 2, (size_t)(close - stop - 2)};
    }
    return close != NULL;
}

void dotenv_expand(struct span value, dotenv_lookup_fn *lookup, void *ctx, struct buf *out)
{
    while (value.len > 0) {
        const uint8_t *end = value.ptr + value.len;
        const uint8_t *dollar = memmem(value.ptr, value.len, "${", 2);
        struct span name, fallback, found;
        const uint8_t *resume;
        if (dollar == NULL) {
            buf_append_span(out, value);
            return;
        }
        buf_append(out, value.ptr, (size_t)(dollar - value.ptr));
        if (read_reference(dollar, end, &name, &fallback, &resume)) {
            buf_append_span(out, lookup(ctx, name, &found) ? found : fallback);
        } else {
            buf_append(out, dollar, (size_t)(resume - dollar));
        }
        value = (struct span){resume, (size_t)(end - resume)};
    }
}
