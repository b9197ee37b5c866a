/* Exit codes of both programs (design §7). Where several fit, the first of 70, 2, 3, 4, 6, 5, 1 wins. */
#ifndef APP_EXIT_CODE_H
#define APP_EXIT_CODE_H

#include "base/error.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_REJECTS = 1,      /* done, with rejected records */
    EXIT_USAGE = 2,        /* usage or configuration */
    EXIT_UNAVAILABLE = 3,  /* a dependency is unavailable: rerun later */
    EXIT_NEEDS_PERSON = 4, /* the job failed or is blocked */
    EXIT_MISMATCH = 5,     /* verification found a mismatch */
    EXIT_INTERRUPTED = 6,  /* progress is saved: rerun to go on */
    EXIT_BUG = 70,
};

/* For an error that ends a program. USAGE, AUTH, NOT_FOUND → 2 (the message names what is missing);
 * TIMEOUT, UNAVAILABLE, THROTTLED → 3; REJECTED, CONFLICT, TOO_LARGE, FORMAT → 4; INTEGRITY → 5; CANCELLED → 6;
 * NOMEM, LIMIT, IO, BUG → 70. */
enum exit_code exit_code_for(const struct error *err);
/* Of two that both fit, the one that wins. */
enum exit_code exit_code_worse(enum exit_code a, enum exit_code b);
const char *exit_code_help(void); /* lines for --help */

#endif
