/*
 * What the programs read in .env files: env_values FILE… writes, of each file and ended by NUL each, "=NAME", its value and its
 * line, "-NAME" for a name without a value, "!MESSAGE" for a file that is refused, and "." behind it. For test_env_file.py,
 * which asks python-dotenv about the same files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app/environment.h"

static void tell(const char *mark, const char *text)
{
    printf("%s%s", mark, text);
    putchar('\0');
}

static void tell_all(const struct environment *environment)
{
    const char *name;
    for (size_t i = 0; (name = environment_name(environment, i)) != NULL; i++) {
        const char *value = environment_find(environment, name);
        tell(value != NULL ? "=" : "-", name);
        if (value != NULL) {
            tell("", value);
            printf("%zu", environment_line(environment, name));
            putchar('\0');
        }
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct environment *environment = NULL;
        struct error err = {0};
        if (environment_read(argv[i], true, &environment, &err)) {
            tell_all(environment);
            environment_free(environment);
        } else {
            tell("!", err.message);
        }
        tell(".", "");
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
