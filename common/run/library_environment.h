/* PostgreSQL's own variables, and those for proxies, out of a .env file. */
#ifndef RUN_LIBRARY_ENVIRONMENT_H
#define RUN_LIBRARY_ENVIRONMENT_H

#include "app/option.h"

/* Puts those that the process environment lacks into it; internal to run, before the first thread and the first connection.
 * ERROR_USAGE: a line break in one, wherever it was set. */
MUST_CHECK bool library_environment_fill(const struct option_set *options, struct error *err);
/* Their names, from 0 on; NULL: no more. The value of PGPASSWORD is a secret, and an address may hold one. */
const char *library_environment_name(size_t at);

#endif
