/* The .env file, read as python-dotenv does. Programs ask option_environment(); only environment_load is for others. */
#ifndef APP_ENVIRONMENT_H
#define APP_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"

struct environment; /* opaque, heap; wiped when freed, because it may hold secrets */

/* What python-dotenv reads in it: quotes over several lines, `export `, comments, and ${NAME} and ${NAME:-DEFAULT} by the
 * process environment, then by earlier lines. ERROR_USAGE names file and line, never the value: what is no text, a quote that
 * is closed nowhere, and what is no variable but names one that this program reads; what else is none is passed over.
 * must_exist false: no such file, or a directory of that name, gives an empty environment. */
MUST_CHECK bool environment_read(const char *path, bool must_exist, struct environment **out,
                                 struct error *err);
void environment_free(struct environment *environment); /* NULL is fine */
/* NULL when the file does not set it; of two lines the last counts, and a name alone unsets it. environment NULL: NULL. */
const char *environment_find(const struct environment *environment, const char *name);
/* The name of the index-th variable, NULL behind the last. */
const char *environment_name(const struct environment *environment, size_t index);
/* Where it begins, from 1; 0: not set. */
size_t environment_line(const struct environment *environment, const char *name);
const char *environment_path(const struct environment *environment);

/* Appends a whole small file to out, whose ceiling bounds it; *exists = false when there is none (or a directory).
 * ERROR_USAGE otherwise, naming the path: such files are configuration. */
MUST_CHECK bool environment_load(const char *path, struct buf *out, bool *exists,
                                 struct error *err);

#endif
