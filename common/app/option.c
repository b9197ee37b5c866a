/*
 * From arguments, variables and .env to checked values, by a table. Texts are collected first; then every row takes the
 * one of highest precedence and checks it, so that a run cannot fail on a value that is overruled anyway.
 * Reading arguments is option_arguments.c, what a value must look like option_value.c, --help option_help.c.
 * Nothing is printed here, and no value is put into the process environment.
 */
#include "app/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/environment.h"
#include "app/option_parts.h"
#include "base/bytes.h"

#define ENV_FILE      ".env"
#define ENV_FILE_NAME "env-file"
#define CONFIG_NAME   "config"

size_t option_count(const struct option_set *set)
{
    return set->count + OPTION_BUILTINS;
}

const struct option_row *option_at(const struct option_set *set, size_t index)
{
    return index < set->count ? &set->rows[index] : &option_builtins[index - set->count];
}

void option_report(struct option_parser *parser, const char *fmt, ...)
{
    char message[sizeof(parser->err->message)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    error_set(parser->err, ERROR_USAGE, "%s", message);
    parser->problems++;
}

void option_set_text(struct option_parser *parser, size_t index, const char *text,
                     enum option_origin origin)
{
    struct option_value *value = &parser->set->values[index];
    free(value->text);
    value->text = strdup(text);
    value->origin = origin;
    parser->has_memory = parser->has_memory && value->text != NULL;
}

/* Empty counts as not set, and a process variable hides the file's one even so: it is how to unset one for a run. */
const char *option_find_variable(const struct option_set *set, const char *name,
                                 enum option_origin *origin)
{
    const char *text = getenv(name);
    *origin = OPTION_ENVIRONMENT;
    if (text == NULL) {
        text = environment_find(set->environment, name);
        *origin = OPTION_ENV_FILE;
    }
    return text != NULL && *text != '\0' ? text : NULL;
}

/* A name that is not in the table is a mistake in the program, which the first run that comes by shall show. */
static const struct option_value *value_named(const struct option_set *set, const char *name)
{
    for (size_t i = 0; i < option_count(set); i++) {
        if (strcmp(option_at(set, i)->name, name) == 0) {
            return &set->values[i];
        }
    }
    fprintf(stderr, "there is no option --%s\n", name);
    abort();
}

static void read_environment(struct option_parser *parser)
{
    const struct option_value *named = value_named(parser->set, ENV_FILE_NAME);
    if (named->is_refused) {
        return;
    }
    const char *path = named->text != NULL ? named->text : ENV_FILE;
    if (!environment_read(path, named->text != NULL, &parser->set->environment, parser->err)) {
        parser->problems++;
    } else if (!value_named(parser->set, CONFIG_NAME)->is_refused) {
        option_read_config(parser, value_named(parser->set, CONFIG_NAME)->text);
        option_choose_endpoints(parser);
        option_note_elsewhere(parser->set);
        option_note_chroma_servers(parser->set);
    }
}

static void report_missing(struct option_parser *parser, const struct option_row *row)
{
    char hint[240];
    if (row->env != NULL) {
        option_chroma_hint(parser, row, hint, sizeof(hint));
        option_report(parser, "missing --%s %s (or %s)%s", row->name, option_placeholder(row),
                      row->env, hint);
    } else {
        option_report(parser, "missing --%s %s", row->name, option_placeholder(row));
    }
}

static void settle(struct option_parser *parser, size_t index)
{
    const struct option_row *row = option_at(parser->set, index);
    struct option_value *value = &parser->set->values[index];
    enum option_origin origin = OPTION_DEFAULT;
    const char *text = NULL;
    value->from = option_from_endpoint(parser->set, index);
    if (value->from != NULL) { /* variables are then about another server */
        text = value->from->text;
        origin = OPTION_CONFIG_FILE;
    } else if (value->text == NULL && row->env != NULL) {
        value->variable = row->env;
        if (!option_is_elsewhere(parser->set, row->env)) {
            text = option_find_variable(parser->set, row->env, &origin);
        }
        text = text != NULL ? text : option_from_chroma(parser, row, &value->variable, &origin);
    }
    if (value->text == NULL && text == NULL) {
        text = row->fallback;
        origin = OPTION_DEFAULT;
    }
    if (text != NULL) {
        option_set_text(parser, index, text, origin);
    }
    if (value->is_refused || !parser->has_memory) {
        return;
    }
    if (value->text != NULL) {
        char where[600];
        option_describe_value(parser->set, index, where, sizeof(where));
        parser->problems += !option_check(row, where, value->text, &value->number, parser->err);
    } else if (row->required && parser->set->environment != NULL) {
        report_missing(parser,
                       row); /* an unreadable .env is the problem then, not what may stand in it */
    }
}

/* The first problem is in *err; room for the count of the others is made by cutting it. */
static void count_others(struct option_parser *parser)
{
    char tail[48];
    char first[sizeof(parser->err->message)];
    int tail_len = snprintf(tail, sizeof(tail), " (and %zu more problem%s)", parser->problems - 1,
                            parser->problems == 2 ? "" : "s");
    snprintf(first, sizeof(first), "%s", parser->err->message);
    error_clear(parser->err);
    /* 16 bytes to spare: a character that is cut in two is written longer. */
    error_set(parser->err, ERROR_USAGE, "%.*s%s", (int)sizeof(first) - 16 - tail_len, first, tail);
}

struct option_set *option_parse(const struct option_row *rows, size_t count, int argc,
                                char *const *argv, size_t max_words, struct error *err)
{
    struct option_set *set = calloc(1, sizeof(*set));
    struct option_parser parser = {.set = set,
                                   .argc = argc,
                                   .argv = argv,
                                   .at = 1,
                                   .max_words = max_words,
                                   .has_memory = true,
                                   .err = err};
    if (set == NULL) {
        goto no_memory;
    }
    set->rows = rows;
    set->count = count;
    set->values = calloc(option_count(set), sizeof(*set->values));
    set->words = calloc(max_words + 1, sizeof(*set->words));
    if (set->values == NULL || set->words == NULL) {
        goto no_memory;
    }
    option_read_arguments(&parser);
    read_environment(&parser);
    for (size_t i = 0; i < option_count(set); i++) {
        settle(&parser, i);
    }
    if (!parser.has_memory) {
        goto no_memory;
    }
    if (parser.problems == 0) {
        return set;
    }
    if (parser.problems > 1 && err->kind == ERROR_USAGE) {
        count_others(&parser);
    }
    option_free(set);
    return NULL;
no_memory:
    error_clear(err);
    error_set(err, ERROR_NOMEM, "no memory for options");
    option_free(set);
    return NULL;
}

void option_free(struct option_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; set->values != NULL && i < option_count(set); i++) {
        free(set->values[i].text);
    }
    for (size_t i = 0; i < set->word_count; i++) {
        free(set->words[i]);
    }
    free(set->values);
    free(set->words);
    environment_free(set->environment);
    config_free(set->config);
    free(set);
}

const char *option_text(const struct option_set *set, const char *name)
{
    return value_named(set, name)->text;
}

int64_t option_number(const struct option_set *set, const char *name)
{
    return value_named(set, name)->number;
}

bool option_flag(const struct option_set *set, const char *name)
{
    return value_named(set, name)->number != 0;
}

enum option_origin option_origin(const struct option_set *set, const char *name)
{
    return value_named(set, name)->origin;
}

size_t option_word_count(const struct option_set *set)
{
    return set->word_count;
}

const char *option_word(const struct option_set *set, size_t index)
{
    return index < set->word_count ? set->words[index] : NULL;
}

const char *option_environment(const struct option_set *set, const char *variable)
{
    enum option_origin origin;
    return option_find_variable(set, variable, &origin);
}

static bool tell_variable(const struct option_set *set, const char *name, option_variable_fn *fn,
                          void *ctx, struct error *err)
{
    const char *value = option_environment(set, name);
    return value == NULL || fn(ctx, name, value, err);
}

bool option_each_variable(const struct option_set *set, const char *prefix, option_variable_fn *fn,
                          void *ctx, struct error *err)
{
    size_t len = strlen(prefix);
    const char *name;
    for (size_t i = 0; (name = environment_name(set->environment, i)) != NULL; i++) {
        if (strncmp(name, prefix, len) == 0 && !tell_variable(set, name, fn, ctx, err)) {
            return false;
        }
    }
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, prefix, len) != 0) {
            continue;
        }
        char *copy = strndup(*at, strcspn(*at, "="));
        if (copy == NULL) {
            return error_set(err, ERROR_NOMEM, "no memory for variables");
        }
        bool ok = tell_variable(set, copy, fn, ctx, err);
        free(copy);
        if (!ok) {
            return false;
        }
    }
    return true;
}
