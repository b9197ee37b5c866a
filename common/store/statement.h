/*
 * One parameterised statement being put together: parameters in order, arrays from strided memory, so that a set-wise
 * call over an array of structs is a line per column. Internal to store/.
 */
#ifndef STORE_STATEMENT_H
#define STORE_STATEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "store/pg.h"

#define STATEMENT_PARAMS 16

struct statement {
    const char *sql;
    struct buf text;                 /* all parameters, NUL after each */
    size_t starts[STATEMENT_PARAMS]; /* offsets into text; SIZE_MAX: SQL NULL */
    size_t count;
};

void statement_begin(struct statement *st, const char *sql);
/* NULL: SQL NULL. What is no UTF-8 in it is replaced. */
void statement_text(struct statement *st, const char *value);
void statement_span(struct statement *st, struct span value);
void statement_uuid(struct statement *st, const struct uuid *value);
void statement_i64(struct statement *st, int64_t value);
void statement_interval_ms(struct statement *st, int64_t ms);
/* Arrays: the first element's field and the distance in bytes to the next one's. */
void statement_i64s(struct statement *st, const int64_t *first, size_t stride, size_t count);
void statement_bools(struct statement *st, const bool *first, size_t stride, size_t count);
void statement_texts(struct statement *st, const char *const *first, size_t stride,
                     size_t count); /* NULL: SQL NULL */
void statement_spans_bytea(struct statement *st, const struct span *first, size_t stride,
                           size_t count);
/* Text of any bytes: what PostgreSQL's text cannot hold (NUL, invalid UTF-8) is escaped for people. */
void statement_spans_text(struct statement *st, const struct span *first, size_t stride,
                          size_t count);
/* Submits and frees, also on failure. */
MUST_CHECK bool statement_submit(struct statement *st, struct pg *pg, pg_done_fn *fn, void *ctx,
                                 struct error *err);

#endif
