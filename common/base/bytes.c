/*
 * Spans and the growing buffer. Every allocation holds one byte more than the capacity, so that
 * buf_cstr() and buf_printf() can always put their NUL without touching the ceiling. Hex and
 * message text are in bytes_text.c.
 */
#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAP 64u

struct span span_from_str(const char *s)
{
    return (struct span){(const uint8_t *)s, s ? strlen(s) : 0};
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int span_compare(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

void buf_init(struct buf *buf, size_t max)
{
    assert(max > 0);
    *buf = (struct buf){.max = max};
}

void buf_deinit(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = ERROR_NONE;
}

void buf_release(struct buf *buf)
{
    size_t max = buf->max;

    buf_deinit(buf);
    buf->max = max;
}

static bool buf_grow(struct buf *buf, size_t needed)
{
    size_t cap = buf->cap > buf->max / 2 ? buf->max : buf->cap * 2;
    uint8_t *grown;

    if (cap < SMALLEST_CAP) {
        cap = SMALLEST_CAP < buf->max ? SMALLEST_CAP : buf->max;
    }
    if (cap < needed) {
        cap = needed;
    }
    grown = cap < SIZE_MAX ? realloc(buf->ptr, cap + 1) : NULL;
    if (!grown && cap > needed) { /* doubling was a wish, needed is the need */
        cap = needed;
        grown = realloc(buf->ptr, cap + 1);
    }
    if (!grown) {
        buf->failed = ERROR_NOMEM;
        return false;
    }
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

uint8_t *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->failed != ERROR_NONE) {
        return NULL;
    }
    if (buf->len > buf->max || len > buf->max - buf->len) {
        buf->failed = ERROR_LIMIT;
        return NULL;
    }
    if ((!buf->ptr || buf->cap - buf->len < len) && !buf_grow(buf, buf->len + len)) {
        return NULL;
    }
    return buf->ptr + buf->len;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    uint8_t *to;

    if (len == 0) {
        return;
    }
    to = buf_reserve(buf, len);
    if (to) {
        memcpy(to, data, len);
        buf->len += len;
    }
}

void buf_append_span(struct buf *buf, struct span span)
{
    buf_append(buf, span.ptr, span.len);
}

void buf_append_str(struct buf *buf, const char *s)
{
    buf_append(buf, s, strlen(s));
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    uint8_t *to = buf_reserve(buf, 1);

    if (to) {
        *to = byte;
        buf->len++;
    }
}

const char *buf_cstr(struct buf *buf)
{
    if (buf->failed != ERROR_NONE || !buf->ptr) {
        return "";
    }
    buf->ptr[buf->len] = '\0';
    return (const char *)buf->ptr;
}

bool buf_check(const struct buf *buf, const char *what, struct error *err)
{
    switch (buf->failed) {
    case ERROR_NONE:
        return true;
    case ERROR_LIMIT:
        return error_set(err, ERROR_LIMIT, "%s is larger than %zu bytes", what, buf->max);
    default:
        return error_set(err, buf->failed, "out of memory for %s after %zu bytes", what, buf->len);
    }
}

struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->ptr, buf->len};
}

uint8_t *buf_take(struct buf *buf, size_t *out_len)
{
    uint8_t *taken = NULL;
    uint8_t *shrunk;

    *out_len = 0;
    if (buf->failed != ERROR_NONE) {
        return NULL; /* half a text is never handed out; buf_check() told already */
    }
    if (buf->len > 0) {
        shrunk =
            realloc(buf->ptr, buf->len); /* taken bytes tend to live long: no slack with them */
        taken = shrunk ? shrunk : buf->ptr;
        *out_len = buf->len;
        buf->ptr = NULL;
        buf->len = 0;
        buf->cap = 0;
    }
    return taken;
}
