/* Where values were set, in words: for refusals and for people who ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/option_parts.h"

/* The name by which it was set; a value that a rule makes up has none. */
static const char *variable_of(const struct option_set *set, size_t index)
{
    const char *variable = set->values[index].variable;
    return variable != NULL ? variable : option_at(set, index)->env;
}

void option_describe_value(const struct option_set *set, size_t index, char *out, size_t size)
{
    const struct option_row *row = option_at(set, index);
    switch (set->values[index].origin) {
    case OPTION_COMMAND_LINE:
        snprintf(out, size, "--%s", row->name);
        break;
    case OPTION_ENVIRONMENT:
        snprintf(out, size, "%s", variable_of(set, index));
        break;
    case OPTION_ENV_FILE:
        snprintf(out, size, "%s in %s", variable_of(set, index),
                 environment_path(set->environment));
        break;
    case OPTION_CONFIG_FILE:
        snprintf(out, size, "%s", set->values[index].from->where);
        break;
    case OPTION_DEFAULT:
        snprintf(out, size, "default of --%s", row->name);
        break;
    }
}

static void describe(const struct option_set *set, const char *variable, enum option_origin origin,
                     char *out, size_t size)
{
    if (origin == OPTION_ENV_FILE) {
        snprintf(out, size, "%s line %zu (%s)", environment_path(set->environment),
                 environment_line(set->environment, variable), variable);
    } else {
        snprintf(out, size, "%s", variable);
    }
}

/* Of an address also where the endpoint was named. */
static void describe_endpoint(const struct option_set *set, size_t index, char *out, size_t size)
{
    const struct option_value *value = &set->values[index];
    const struct option_row *row = option_at(set, index);
    char named[600] = "";
    if (value->named_by == OPTION_COMMAND_LINE) {
        snprintf(named, sizeof named, "--%s", row->name);
    } else if (value->named_by != OPTION_DEFAULT) {
        describe(set, row->env, value->named_by, named, sizeof named);
    }
    snprintf(out, size, "%s%s%s line %zu", named, named[0] != '\0' ? ", " : "",
             config_path(set->config), value->from->line);
}

void option_describe(const struct option_set *set, const char *name, char *out, size_t size)
{
    for (size_t i = 0; i < option_count(set); i++) {
        const struct option_value *value = &set->values[i];
        if (strcmp(option_at(set, i)->name, name) != 0) {
            continue;
        }
        if (value->text == NULL || value->origin == OPTION_DEFAULT) {
            snprintf(out, size, "%s", value->text == NULL ? "not set" : "default");
        } else if (value->origin == OPTION_CONFIG_FILE) {
            describe_endpoint(set, i, out, size);
        } else if (value->origin == OPTION_COMMAND_LINE) {
            snprintf(out, size, "--%s", name);
        } else {
            describe(set, variable_of(set, i), value->origin, out, size);
        }
        return;
    }
    fprintf(stderr, "there is no option --%s\n", name);
    abort();
}

void option_describe_variable(const struct option_set *set, const char *variable, char *out,
                              size_t size)
{
    enum option_origin origin;
    if (option_find_variable(set, variable, &origin) == NULL) {
        snprintf(out, size, "not set");
    } else {
        describe(set, variable, origin, out, size);
    }
}
