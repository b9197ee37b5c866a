/*
 * Array literals for parameters, element by element: {"a","b",NULL}. Pure; failures stay in the buffer.
 * Every element that could hold a brace is quoted, so an array that was begun is recognised by its last byte.
 */
#include "store/pg.h"

static void separate(struct buf *buf)
{
    if (buf->len > 0 && buf->ptr[buf->len - 1] != '{') {
        buf_append_byte(buf, ',');
    }
}

void pg_array_begin(struct buf *buf)
{
    buf_append_byte(buf, '{');
}

void pg_array_i64(struct buf *buf, int64_t value)
{
    separate(buf);
    buf_printf(buf, "%lld", (long long)value);
}

/* A NUL would end the parameter inside the quotes, which the server refuses as malformed: it is never cut silently. */
void pg_array_text(struct buf *buf, struct span value)
{
    size_t start = 0;

    separate(buf);
    buf_append_byte(buf, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') {
            buf_append(buf, value.ptr + start, i - start);
            buf_append_byte(buf, '\\');
            start = i;
        }
    }
    if (value.len > start) {
        buf_append(buf, value.ptr + start, value.len - start);
    }
    buf_append_byte(buf, '"');
}

void pg_array_bytea(struct buf *buf, struct span value)
{
    separate(buf);
    buf_append_str(buf, "\"\\\\x"); /* the array takes one backslash away, bytea reads the other */
    buf_append_hex(buf, value);
    buf_append_byte(buf, '"');
}

void pg_array_null(struct buf *buf)
{
    separate(buf);
    buf_append_str(buf, "NULL");
}

void pg_array_end(struct buf *buf)
{
    buf_append_byte(buf, '}');
}
