/*
 * Errors are values. A fallible function returns bool and fills the caller's `struct error`;
 * the boundary that knows the native code (curl, libpq, the bus, zlib) classifies it once into a kind,
 * and error_disposition() alone says what to do about a kind.
 * No heap, no globals, never logs. Any thread.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

enum error_kind { /* what happened; never what to do about it */
    ERROR_NONE = 0,
    ERROR_USAGE,       /* the command line or a setting is wrong */
    ERROR_NOMEM,       /* allocation failed */
    ERROR_LIMIT,       /* one of our own ceilings was hit */
    ERROR_IO,          /* a local file, pipe or terminal failed */
    ERROR_TIMEOUT,     /* the peer did not answer in time; the request may have been applied */
    ERROR_UNAVAILABLE, /* no connection, 5xx, server shutting down; may have been applied */
    ERROR_THROTTLED,   /* the peer asks for less (429); not applied */
    ERROR_AUTH,        /* credentials missing or refused */
    ERROR_NOT_FOUND,   /* collection, database, topic … does not exist */
    ERROR_CONFLICT,    /* the world has moved on: lease, fence or state lost; exists already */
    ERROR_REJECTED,    /* the peer understood and said no (400, 422, constraint) */
    ERROR_TOO_LARGE,   /* 413, message size */
    ERROR_FORMAT,      /* bytes are malformed */
    ERROR_INTEGRITY,   /* well-formed but not what was promised: digest, count */
    ERROR_CANCELLED,   /* we stopped it ourselves */
    ERROR_BUG,         /* cannot happen */
    ERROR_KIND_COUNT
};

enum disposition {
    DISPOSITION_RETRY,     /* the same again, after a wait */
    DISPOSITION_SPLIT,     /* smaller pieces */
    DISPOSITION_REJECT,    /* this record or message alone is at fault */
    DISPOSITION_BLOCK_JOB, /* the job needs a person */
    DISPOSITION_ABANDON,   /* drop the work, write nothing: another owns it now */
    DISPOSITION_STOP,      /* end the program */
};

struct error { /* caller's storage; all zero means "no error" */
    enum error_kind kind;
    int32_t native;          /* errno, CURLcode, HTTP status or bus code; 0 when ours */
    char sqlstate[6];        /* five characters when PostgreSQL spoke, else "" */
    uint32_t retry_after_ms; /* 0 = the peer gave no hint */
    char message[512];       /* one line, no trailing period, no secrets, control bytes escaped */
};

/* Sets kind and message; an error already there is kept (the first one wins). Always returns false,
 * so that `return error_set(err, …)` reads well. */
bool error_set(struct error *err, enum error_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts context in front: "export batch 17: <message>". Always returns false. */
bool error_wrap(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void error_clear(struct error *err);
const char *error_kind_name(enum error_kind kind); /* "timeout", for logs */

/* The one table of decision 18. */
enum disposition error_disposition(enum error_kind kind);

#endif
