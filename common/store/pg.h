/*
 * One asynchronous PostgreSQL connection: statements queue, run one after the other, and each answers through its
 * callback in the order of submission, exactly once, never from inside the call. libpq stays behind this header.
 * Connection settings are libpq's own (PGHOST, PGSERVICE, PGPASSFILE …).
 *
 * A lost connection fails the running statement and all queued ones with ERROR_UNAVAILABLE (whether the running one was
 * applied is unknown: every statement of ours is a compare-and-set, so the caller redoes it), and then reconnects by
 * itself with jittered backoff. Statements submitted meanwhile wait. The owner watches pg_fd()/pg_wants() and calls
 * pg_step() when ready and at least every 100 ms.
 */
#ifndef STORE_PG_H
#define STORE_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/* SQL and parameters of one statement; the server ends at 1 GiB, by closing the connection. */
#define PG_SUBMISSION_MAX_BYTES (256u * 1024u * 1024u)

struct pg;

struct pg_rows; /* a result, borrowed for the callback */
int pg_row_count(const struct pg_rows *rows);
/* All of them: column by name (a name that is not in the result is a bug and aborts). NULL reads as "", 0, false. */
struct span pg_text(const struct pg_rows *rows, int row, const char *column);
const char *pg_cstr(const struct pg_rows *rows, int row, const char *column);
int64_t pg_i64(const struct pg_rows *rows, int row, const char *column);
bool pg_bool(const struct pg_rows *rows, int row, const char *column);
bool pg_is_null(const struct pg_rows *rows, int row, const char *column);

/* A copy that outlives the callback: free with pg_rows_free(). NULL: out of memory. */
struct pg_rows *pg_rows_copy(const struct pg_rows *rows);
void pg_rows_free(struct pg_rows *rows); /* NULL is fine */

typedef void pg_done_fn(void *ctx, const struct pg_rows *rows,
                        const struct error *err); /* err kind NONE: rows valid */

/* Starts connecting. The settings are read again for each attempt: leave the environment as it is.
 * application_name: program and role, shown in pg_stat_activity, unless PGAPPNAME says otherwise. */
struct pg *pg_new(const char *application_name, uint64_t seed, struct error *err);
void pg_free(struct pg *pg); /* fails what is queued with CANCELLED */

int pg_fd(void *pg);
short pg_wants(void *pg); /* POLLIN | POLLOUT */
void pg_step(void *pg, short got);

/* Parameters are text; NULL is SQL NULL. Copied; ERROR_LIMIT over PG_SUBMISSION_MAX_BYTES. fn may submit; it must not
 * free pg. A submission made before the first connection, or during an outage, waits for the connection. */
MUST_CHECK bool pg_submit(struct pg *pg, const char *sql, const char *const *params, size_t count,
                          pg_done_fn *fn, void *ctx, struct error *err);
/* Several statements as one text, no parameters (migrations). It must end its own transaction: what it leaves open,
 * also by failing, is rolled back. rows: of its last statement. */
MUST_CHECK bool pg_submit_script(struct pg *pg, const char *sql, pg_done_fn *fn, void *ctx,
                                 struct error *err);

/* How long the server may be silent (neither sending nor taking bytes) over a statement before the connection counts as
 * lost; 20 s at first. Belongs to the statements submitted from now on: raise it around one that raises
 * statement_timeout (which is 15 s). */
void pg_set_answer_limit(struct pg *pg, uint32_t ms);
uint32_t pg_answer_limit(const struct pg *pg);

bool pg_is_connected(const struct pg *pg);
/* Why not, for status lines; "" when connected. Host, port and database only, never the password. */
const char *pg_trouble(const struct pg *pg);
/* True, with the reason, when the first connection was refused for something that waiting does not mend: a password, a
 * missing database or role, a malformed setting. It is then not tried again, and every statement answers with that. */
bool pg_connect_refused(const struct pg *pg, struct error *err);
const char *pg_where(const struct pg *pg); /* "HOST:PORT/DATABASE" as far as known */
/* How the connection travels, as this side knows it; of one that is not there, as one on this machine. */
enum pg_link {
    PG_LINK_LOCAL,     /* a socket, or loopback */
    PG_LINK_ENCRYPTED, /* by TLS or GSSAPI */
    PG_LINK_IN_CLEAR,
};
enum pg_link pg_link_of(const struct pg *pg);
size_t pg_queue_length(const struct pg *pg);
const char *pg_library_version(void);

/* SQLSTATE → kind, pure (reference reliability §3.3): 40001, 40P01, 55P03, 57014, 08*, 57P*, 53*, 58030, 25006 and "no
 * SQLSTATE" are UNAVAILABLE; 28*, 42501 AUTH; 42P01, 3F000, 3D000, 42883 NOT_FOUND; 23* CONFLICT; else REJECTED.
 * Our own functions raise FE001 USAGE, FE002 CONFLICT, FE003 NOT_FOUND, FE004 REJECTED, FE005 UNAVAILABLE; their text is the message as
 * it stands, without "PostgreSQL HOST:PORT/DATABASE: " before it. */
enum error_kind pg_classify(const char *sqlstate);
/* The server is away or cannot work now, whatever it was asked; not: it could not do this in time, or something of ours says
 * "come back later". Such a wait has no end of its own. */
bool pg_is_outage(const struct error *err);

/* Array parameters: {"…","…"} built element by element. */
void pg_array_begin(struct buf *buf);
void pg_array_i64(struct buf *buf, int64_t value);
void pg_array_text(struct buf *buf,
                   struct span value); /* text[]: quoted, escaped; must be NUL-free UTF-8 */
void pg_array_bytea(struct buf *buf, struct span value); /* bytea[]: \x hex */
void pg_array_null(struct buf *buf);
void pg_array_end(struct buf *buf);

#endif
