/* PostgreSQL's own variables, and those for proxies, out of a .env file. Internal to run; before the first thread and the
 * first connection. */
#ifndef RUN_LIBRARY_ENVIRONMENT_H
#define RUN_LIBRARY_ENVIRONMENT_H

#include "app/option.h"

/* Puts those that the process environment lacks into it. ERROR_USAGE: a line break in one, wherever it was set. */
MUST_CHECK bool library_environment_fill(const struct option_set *options, struct error *err);

#endif
