/* Builds the parameters of one statement; see statement.h. Sends nothing but through pg_submit. */
#include "store/statement.h"

#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

#define STRIDED(type, first, stride, i)                                                            \
    ((const type *)(const void *)((const char *)(first) + (stride) * (i)))

void statement_begin(struct statement *st, const char *sql)
{
    st->sql = sql;
    st->count = 0;
    buf_init(&st->text, LIMIT_BATCH_ARENA);
}

static void open_param(struct statement *st)
{
    if (st->count == STATEMENT_PARAMS) {
        st->text.failed = ERROR_LIMIT;
        return;
    }
    st->starts[st->count++] = st->text.len;
}

static void close_param(struct statement *st)
{
    buf_append_byte(&st->text, 0);
}

/* A message that was cut between the bytes of a character must not make the ledger refuse the statement. */
static void append_utf8(struct buf *out, const char *value)
{
    const uint8_t *at = (const uint8_t *)value;
    const uint8_t *end = at + strlen(value);
    while (at < end) {
        size_t len = utf8_sequence(at, end);
        if (len == 0) {
            buf_append_str(out, "\xef\xbf\xbd"); /* U+FFFD */
            at++;
        } else {
            buf_append(out, at, len);
            at += len;
        }
    }
}

void statement_text(struct statement *st, const char *value)
{
    open_param(st);
    if (value == NULL) {
        st->starts[st->count - 1] = SIZE_MAX;
        return;
    }
    append_utf8(&st->text, value);
    close_param(st);
}

void statement_span(struct statement *st, struct span value)
{
    open_param(st);
    buf_append_span(&st->text, value);
    close_param(st);
}

void statement_uuid(struct statement *st, const struct uuid *value)
{
    statement_text(st, value->text[0] != '\0' ? value->text : NULL);
}

void statement_i64(struct statement *st, int64_t value)
{
    open_param(st);
    buf_printf(&st->text, "%lld", (long long)value);
    close_param(st);
}

void statement_interval_ms(struct statement *st, int64_t ms)
{
    open_param(st);
    buf_printf(&st->text, "%lld milliseconds", (long long)ms);
    close_param(st);
}

void statement_i64s(struct statement *st, const int64_t *first, size_t stride, size_t count)
{
    open_param(st);
    pg_array_begin(&st->text);
    for (size_t i = 0; i < count; i++) {
        pg_array_i64(&st->text, *STRIDED(int64_t, first, stride, i));
    }
    pg_array_end(&st->text);
    close_param(st);
}

void statement_bools(struct statement *st, const bool *first, size_t stride, size_t count)
{
    open_param(st);
    pg_array_begin(&st->text);
    for (size_t i = 0; i < count; i++) {
        pg_array_text(&st->text, span_from_str(*STRIDED(bool, first, stride, i) ? "t" : "f"));
    }
    pg_array_end(&st->text);
    close_param(st);
}

void statement_texts(struct statement *st, const char *const *first, size_t stride, size_t count)
{
    open_param(st);
    pg_array_begin(&st->text);
    for (size_t i = 0; i < count; i++) {
        const char *value = *STRIDED(char *, first, stride, i);
        if (value == NULL) {
            pg_array_null(&st->text);
        } else {
            pg_array_text(&st->text, span_from_str(value));
        }
    }
    pg_array_end(&st->text);
    close_param(st);
}

void statement_spans_bytea(struct statement *st, const struct span *first, size_t stride,
                           size_t count)
{
    open_param(st);
    pg_array_begin(&st->text);
    for (size_t i = 0; i < count; i++) {
        pg_array_bytea(&st->text, *STRIDED(struct span, first, stride, i));
    }
    pg_array_end(&st->text);
    close_param(st);
}

void statement_spans_text(struct statement *st, const struct span *first, size_t stride,
                          size_t count)
{
    struct buf printable;
    buf_init(&printable, LIMIT_BATCH_ARENA);
    open_param(st);
    pg_array_begin(&st->text);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&printable);
        buf_append_text(&printable, *STRIDED(struct span, first, stride, i), LIMIT_ERROR_BODY);
        pg_array_text(&st->text, buf_span(&printable));
    }
    pg_array_end(&st->text);
    close_param(st);
    buf_deinit(&printable);
}

bool statement_submit(struct statement *st, struct pg *pg, pg_done_fn *fn, void *ctx,
                      struct error *err)
{
    const char *params[STATEMENT_PARAMS];
    bool ok = buf_check(&st->text, "a ledger statement", err);
    if (ok) {
        for (size_t i = 0; i < st->count; i++) {
            params[i] =
                st->starts[i] == SIZE_MAX ? NULL : (const char *)st->text.ptr + st->starts[i];
        }
        ok = pg_submit(pg, st->sql, params, st->count, fn, ctx, err);
    }
    buf_deinit(&st->text);
    return ok;
}
