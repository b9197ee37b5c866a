/*
 * Bytes: `struct span` is borrowed, `struct buf` is owned and grows up to a mandatory ceiling.
 * A buf failure (ceiling, memory) is sticky: appends become no-ops and buf_check() tells once at the end,
 * so encoders read straight. Not thread safe.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"

struct span { /* never NUL-terminated by promise; ptr may be NULL when len is 0 */
    const uint8_t *ptr;
    size_t len;
};

#define SPAN_LITERAL(s) ((struct span){(const uint8_t *)("" s), sizeof(s) - 1})

struct span span_from_str(const char *s);
bool span_equal(struct span a, struct span b);
int span_compare(struct span a, struct span b); /* bytewise, shorter first */

struct buf {
    uint8_t *ptr;           /* owned */
    size_t len;             /* bytes used */
    size_t cap;             /* bytes allocated */
    size_t max;             /* ceiling; 0 is a bug */
    enum error_kind failed; /* ERROR_NONE, ERROR_LIMIT or ERROR_NOMEM; sticky until buf_clear */
};

void buf_init(struct buf *buf, size_t max);
void buf_deinit(struct buf *buf);  /* of a zeroed struct: nothing */
void buf_clear(struct buf *buf);   /* keeps the memory */
void buf_release(struct buf *buf); /* gives the memory back, keeps the ceiling */
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_span(struct buf *buf, struct span span);
void buf_append_str(struct buf *buf, const char *s);
void buf_append_byte(struct buf *buf, uint8_t byte);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for `len` more bytes; returns where to write them (caller then adds to buf->len) or NULL, sticky. */
uint8_t *buf_reserve(struct buf *buf, size_t len);
/* Adds a terminating NUL that does not count in len; "" when failed. The pointer lives until the next change. */
const char *buf_cstr(struct buf *buf);
/* False, with ERROR_LIMIT or ERROR_NOMEM naming `what`, when any append failed. */
MUST_CHECK bool buf_check(const struct buf *buf, const char *what, struct error *err);
struct span buf_span(const struct buf *buf);
/* Moves the bytes out: the caller owns the returned pointer (free()), buf is empty afterwards.
 * NULL and 0 when there are none, or when an append failed. */
uint8_t *buf_take(struct buf *buf, size_t *out_len);

void buf_append_hex(struct buf *buf, struct span span); /* lower case */
/* Decodes an even number of hex digits to the end of buf. */
MUST_CHECK bool buf_append_unhex(struct buf *buf, struct span hex, struct error *err);
/* Appends text for a one-line message: control bytes, double quotes and invalid UTF-8 become \xNN;
 * at most max bytes, then "…". */
void buf_append_printable(struct buf *buf, struct span span, size_t max);
/* The same for text that will not stand between quotes: double quotes stay as they are. */
void buf_append_text(struct buf *buf, struct span span, size_t max);

#endif
