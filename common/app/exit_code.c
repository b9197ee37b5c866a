/* The table from error kinds to exit codes, and its text for --help. Who exits is main() alone. */
#include "app/exit_code.h"

#include <stddef.h>

enum exit_code exit_code_for(const struct error *err)
{
    switch (err->kind) { /* no default: the compiler asks about a new kind */
    case ERROR_NONE:
        return EXIT_DONE;
    case ERROR_USAGE:
    case ERROR_AUTH:
    case ERROR_NOT_FOUND:
        return EXIT_USAGE;
    case ERROR_TIMEOUT:
    case ERROR_UNAVAILABLE:
    case ERROR_THROTTLED:
        return EXIT_UNAVAILABLE;
    case ERROR_REJECTED:
    case ERROR_CONFLICT:
    case ERROR_TOO_LARGE:
    case ERROR_FORMAT:
        return EXIT_NEEDS_PERSON;
    case ERROR_INTEGRITY:
        return EXIT_MISMATCH;
    case ERROR_CANCELLED:
        return EXIT_INTERRUPTED;
    case ERROR_NOMEM:
    case ERROR_LIMIT:
    case ERROR_IO:
    case ERROR_BUG:
    case ERROR_KIND_COUNT:
        break;
    }
    return EXIT_BUG;
}

enum exit_code exit_code_worse(enum exit_code a, enum exit_code b)
{
    static const enum exit_code first_wins[] = {
        EXIT_BUG,         EXIT_USAGE,    EXIT_UNAVAILABLE, EXIT_NEEDS_PERSON,
        EXIT_INTERRUPTED, EXIT_MISMATCH, EXIT_REJECTS};
    for (size_t i = 0; i < ARRAY_LEN(first_wins); i++) {
        if (a == first_wins[i] || b == first_wins[i]) {
            return first_wins[i];
        }
    }
    return EXIT_DONE;
}

const char *exit_code_help(void)
{
    return "  0   done\n"
           "  1   done, with rejected records\n"
           "  2   usage or configuration\n"
           "  3   a dependency is unavailable: rerun later\n"
           "  4   the job failed or is blocked and needs a person\n"
           "  5   verification found a mismatch\n"
           "  6   interrupted, progress saved: rerun to go on\n"
           "  70  internal error\n";
}
