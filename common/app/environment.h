/* The .env file, read as python-dotenv does, but never expanded. Programs ask option_environment(); only environment_load is for others. */
#ifndef APP_ENVIRONMENT_H
#define APP_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"

struct environment; /* opaque, heap; wiped when freed, because it may hold secrets */

/* KEY=value lines, with `export `, '…' or "…" and backslashes in them, and # comments. ERROR_USAGE names file and line, never
 * the value: what is no text, a quote that is not closed, and ${…}.
 * must_exist false: no such file, or a directory of that name, gives an empty environment. */
MUST_CHECK bool environment_read(const char *path, bool must_exist, struct environment **out,
                                 struct error *err);
void environment_free(struct environment *environment); /* NULL is fine */
/* NULL when the file does not set it; a variable set twice has its last value. environment NULL: NULL. */
const char *environment_find(const struct environment *environment, const char *name);
/* The name of the index-th variable, NULL behind the last. */
const char *environment_name(const struct environment *environment, size_t index);
size_t environment_line(const struct environment *environment,
                        const char *name); /* from 1; 0: none */
const char *environment_path(const struct environment *environment);

/* Appends a whole small file to out, whose ceiling bounds it; *exists = false when there is none (or a directory).
 * ERROR_USAGE otherwise, naming the path: such files are configuration. */
MUST_CHECK bool environment_load(const char *path, struct buf *out, bool *exists,
                                 struct error *err);

#endif
