/*
 * The variables of a .env file, read as python-dotenv reads it, which Chroma's own clients and servers use: another program's
 * variables never keep ours from being read. Refused is what is no text, a quote that is closed nowhere, and what cannot be
 * read as a variable but names one of ours. Nothing is put into the process environment.
 */
#include "app/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/dotenv.h"
#include "base/limits.h"

struct variable { /* both point into the values */
    const char *name;
    const char *value; /* NULL: a name alone */
    size_t line;
};

struct environment {
    char *path;
    struct buf text;   /* the file's */
    struct buf values; /* names and what they came to, each with its NUL; never moves */
    struct variable *variables;
    size_t count;
};

static const struct variable *find(const struct environment *environment, struct span name)
{
    for (size_t i = environment != NULL ? environment->count : 0; i > 0; i--) {
        const struct variable *variable = &environment->variables[i - 1];
        if (span_equal(span_from_str(variable->name), name)) {
            return variable;
        }
    }
    return NULL;
}

/* For ${NAME}: the process environment, then what stands further up. */
static bool look_up(void *ctx, struct span name, struct span *value)
{
    const struct variable *variable = find(ctx, name);
    bool may_be_set = name.len > 0 && memchr(name.ptr, '=', name.len) == NULL;
    for (char **at = environ; may_be_set && at != NULL && *at != NULL; at++) {
        if (strncmp(*at, (const char *)name.ptr, name.len) == 0 && (*at)[name.len] == '=') {
            *value = span_from_str(*at + name.len + 1);
            return true;
        }
    }
    *value = span_from_str(variable != NULL ? variable->value : NULL);
    return variable != NULL;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Names that these programs and their libraries read. */
static bool is_ours(struct span word)
{
    static const struct {
        const char *begins;
        size_t min; /* PGP is none of PostgreSQL's */
    } names[] = {{"FERRY_", 7},      {"CHROMA_", 8},      {"chroma_", 8},      {"PG", 4},
                 {"http_proxy", 10}, {"https_proxy", 11}, {"HTTPS_PROXY", 11}, {"all_proxy", 9},
                 {"ALL_PROXY", 9},   {"no_proxy", 8},     {"NO_PROXY", 8}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i].begins);
        if (word.len >= names[i].min && memcmp(word.ptr, names[i].begins, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool names_ours(struct span text)
{
    for (size_t at = 0, stop; at < text.len; at = stop + 1) {
        for (stop = at; stop < text.len && is_name_byte(text.ptr[stop]); stop++) {
        }
        if (is_ours((struct span){text.ptr + at, stop - at})) {
            return true;
        }
    }
    return false;
}

/* The value is decoded where it stands in the text, which nobody reads again. */
static void add(struct environment *environment, const struct dotenv_statement *statement)
{
    struct buf *values = &environment->values;
    struct variable *variable = &environment->variables[environment->count];
    *variable =
        (struct variable){.line = statement->line, .name = (const char *)values->ptr + values->len};
    buf_append_span(values, statement->name);
    buf_append_byte(values, '\0');
    if (statement->has_value) {
        struct span value = {0};
        variable->value = (const char *)values->ptr + values->len;
        if (statement->value.len > 0) {
            uint8_t *at = environment->text.ptr + (statement->value.ptr - environment->text.ptr);
            value = (struct span){at, dotenv_unescape(statement->value, statement->quote, at)};
        }
        dotenv_expand(value, look_up, environment, values);
        buf_append_byte(values, '\0');
    }
    environment->count++;
}

static bool refuse(const struct environment *environment, size_t line, const char *problem,
                   struct error *err)
{
    return error_set(err, ERROR_USAGE, "%s, line %zu: %s", environment->path, line, problem);
}

static bool parse_text(struct environment *environment, struct error *err)
{
    struct dotenv_reader reader;
    struct dotenv_statement statement;
    dotenv_init(&reader, buf_span(&environment->text));
    while (dotenv_next(&reader, &statement)) {
        const char *problem = statement.problem;
        if (problem == NULL) {
            add(environment, &statement);
            problem = environment->values.failed != ERROR_NONE
                          ? "too long, with what its ${…} stand for"
                          : NULL;
        } else if (!statement.is_unclosed && !names_ours(statement.text)) {
            continue; /* python-dotenv warns its own program of it */
        }
        if (problem != NULL) {
            return refuse(environment, statement.line, problem, err);
        }
    }
    return true;
}

/* Room for all of it at once: a buffer that grows leaves copies of secrets behind. */
static bool make_room(struct environment *environment, const char *path)
{
    buf_init(&environment->text, LIMIT_ENV_FILE);
    buf_init(&environment->values, LIMIT_ENV_VALUES);
    environment->path = strdup(path);
    return environment->path != NULL && buf_reserve(&environment->text, LIMIT_ENV_FILE) != NULL &&
           buf_reserve(&environment->values, LIMIT_ENV_VALUES) != NULL;
}

/* A statement ends with a line or the text. */
static size_t count_statements(struct span text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++) {
        lines += text.ptr[i] == '\n';
    }
    return lines;
}

bool environment_read(const char *path, bool must_exist, struct environment **out,
                      struct error *err)
{
    bool exists = false;
    bool ok = false;
    struct environment *environment = calloc(1, sizeof(*environment));
    if (environment == NULL || !make_room(environment, path)) {
        error_set(err, ERROR_NOMEM, "no memory for %s", path);
        goto out;
    }
    struct buf *text = &environment->text;
    if (!environment_load(path, text, &exists, err)) {
        goto out;
    }
    if (!exists && must_exist) {
        error_set(err, ERROR_USAGE, "there is no file %s", path);
        goto out;
    }
    text->len = dotenv_unify_lines(text->ptr, text->len);
    environment->variables = calloc(count_statements(buf_span(text)), sizeof(struct variable));
    if (environment->variables == NULL) {
        error_set(err, ERROR_NOMEM, "no memory for %s", path);
        goto out;
    }
    size_t line;
    const char *junk = dotenv_find_junk(buf_span(text), &line);
    if (junk != NULL) {
        refuse(environment, line, junk, err);
        goto out;
    }
    ok = parse_text(environment, err);
out:
    if (ok) {
        *out = environment;
    } else {
        environment_free(environment);
    }
    return ok;
}

void environment_free(struct environment *environment)
{
    if (environment == NULL) {
        return;
    }
    if (environment->text.ptr != NULL) { /* all of it: line ends that went made it shorter */
        explicit_bzero(environment->text.ptr, environment->text.cap);
    }
    if (environment->values.ptr != NULL) {
        explicit_bzero(environment->values.ptr, environment->values.len);
    }
    buf_deinit(&environment->text);
    buf_deinit(&environment->values);
    free(environment->variables);
    free(environment->path);
    free(environment);
}

const char *environment_name(const struct environment *environment, size_t index)
{
    return environment != NULL && index < environment->count ? environment->variables[index].name
                                                             : NULL;
}

const char *environment_find(const struct environment *environment, const char *name)
{
    const struct variable *variable = find(environment, span_from_str(name));
    return variable != NULL ? variable->value : NULL;
}

size_t environment_line(const struct environment *environment, const char *name)
{
    const struct variable *variable = find(environment, span_from_str(name));
    return variable != NULL && variable->value != NULL ? variable->line : 0;
}

const char *environment_path(const struct environment *environment)
{
    return environment->path;
}
