/*
 * Options as a program reads them: from flags, from variables, and from the files of a test's own directory. The functions
 * fail the running test by themselves. Include after cmocka.
 */
#ifndef SUPPORT_OPTION_FIXTURE_H
#define SUPPORT_OPTION_FIXTURE_H

#include "app/option.h"
#include "base/compiler.h"
#include "support/temp_dir.h"

/* NULL: it is not set. */
static inline void set_variable(const char *variable, const char *value)
{
    assert_int_equal(value != NULL ? setenv(variable, value, 1) : unsetenv(variable), 0);
}

static inline void unset_variables(const char *const *variables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        set_variable(variables[i], NULL);
    }
}

/* At most two arguments; NULL: no more. The result is the caller's; NULL where they are refused. */
static inline struct option_set *try_options(const struct option_row *rows, size_t count,
                                             const char *first, const char *second,
                                             struct error *err)
{
    const char *argv[] = {"program", first, second};
    int argc = first == NULL ? 1 : second == NULL ? 2 : 3;
    *err = (struct error){.kind = ERROR_NONE};
    return option_parse(rows, count, argc, (char *const *)(uintptr_t)argv, 0, err);
}

static inline struct option_set *read_options(const struct option_row *rows, size_t count,
                                              const char *first, const char *second)
{
    struct error err;
    struct option_set *options = try_options(rows, count, first, second, &err);
    if (options == NULL) {
        fail_msg("%s", err.message);
    }
    return options;
}

/* from: where it was found, as option_describe says it */
static inline void check_option(const struct option_set *options, const char *name,
                                const char *value, const char *from)
{
    char where[700];
    assert_non_null(option_text(options, name));
    assert_string_equal(option_text(options, name), value);
    option_describe(options, name, where, sizeof where);
    assert_string_equal(where, from);
}

#endif
