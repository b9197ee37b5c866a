/*
 * Reads .env files for the option table and for secrets, as python-dotenv reads them, which Chroma's own clients and servers
 * use; where it would take another value than the text shows (${NAME}), or several lines for one, a line is refused rather
 * than guessed at. Nothing is expanded, and nothing is put into the process environment.
 */
#include "app/environment.h"

#include <stdlib.h>
#include <string.h>

#include "app/dotenv.h"
#include "base/limits.h"
#include "base/utf8.h"

struct variable { /* both point into the text */
    const char *name;
    const char *value;
    size_t line;
};

struct environment {
    char *path;
    struct buf text;
    struct variable *variables;
    size_t count;
};

/* What no text file has; NULL: it is text. */
static const char *find_junk(const char *line, const char *end)
{
    while (line < end) {
        size_t len = utf8_sequence((const uint8_t *)line, (const uint8_t *)end);
        if (len == 0) {
            return "bytes that are no UTF-8";
        }
        if (*line == '\0') {
            return "a NUL byte";
        }
        if (((unsigned char)*line < ' ' && *line != '\t') || *line == 0x7f) {
            return "a control character";
        }
        line += len;
    }
    return NULL;
}

static bool parse_text(struct environment *environment, struct error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* editors put it in front; it says nothing */
    char *at = (char *)environment->text.ptr;
    char *end = at + environment->text.len; /* every line ends with a newline */
    if (end - at > (ptrdiff_t)sizeof(mark) - 1 && memcmp(at, mark, sizeof(mark) - 1) == 0) {
        at += sizeof(mark) - 1;
    }
    for (size_t number = 1; at < end; number++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        char *next = stop + 1;
        if (stop > at && stop[-1] == '\r') {
            stop--;
        }
        const char *name = NULL;
        const char *value = NULL;
        const char *problem = find_junk(at, stop);
        *stop = '\0';
        if (problem == NULL) {
            problem = dotenv_parse_line(at, &name, &value);
        }
        if (problem != NULL) {
            return error_set(err, ERROR_USAGE, "%s, line %zu: %s", environment->path, number,
                             problem);
        }
        if (name != NULL) {
            environment->variables[environment->count++] = (struct variable){name, value, number};
        }
        at = next;
    }
    return true;
}

static size_t count_lines(struct span text)
{
    size_t lines = 0;
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
    if (environment == NULL) {
        return error_set(err, ERROR_NOMEM, "no memory for %s", path);
    }
    buf_init(&environment->text, LIMIT_ENV_FILE);
    environment->path = strdup(path);
    /* Room for all of it at once: a buffer that grows leaves copies of secrets behind. */
    if (environment->path == NULL || buf_reserve(&environment->text, LIMIT_ENV_FILE) == NULL) {
        error_set(err, ERROR_NOMEM, "no memory for %s", path);
        goto out;
    }
    if (!environment_load(path, &environment->text, &exists, err)) {
        goto out;
    }
    if (!exists && must_exist) {
        error_set(err, ERROR_USAGE, "there is no file %s", path);
        goto out;
    }
    /* The last line may lack its end, and parsing ends every line with a NUL. */
    buf_append_byte(&environment->text, '\n');
    if (!buf_check(&environment->text, path, err)) {
        goto out;
    }
    environment->variables =
        calloc(count_lines(buf_span(&environment->text)), sizeof(struct variable));
    if (environment->variables == NULL) {
        error_set(err, ERROR_NOMEM, "no memory for %s", path);
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
    if (environment->text.ptr != NULL) {
        explicit_bzero(environment->text.ptr, environment->text.cap);
    }
    buf_deinit(&environment->text);
    free(environment->variables);
    free(environment->path);
    free(environment);
}

static const struct variable *find(const struct environment *environment, const char *name)
{
    for (size_t i = environment != NULL ? environment->count : 0; i > 0; i--) {
        if (strcmp(environment->variables[i - 1].name, name) == 0) {
            return &environment->variables[i - 1];
        }
    }
    return NULL;
}

const char *environment_name(const struct environment *environment, size_t index)
{
    return environment != NULL && index < environment->count ? environment->variables[index].name
                                                             : NULL;
}

const char *environment_find(const struct environment *environment, const char *name)
{
    const struct variable *variable = find(environment, name);
    return variable != NULL ? variable->value : NULL;
}

size_t environment_line(const struct environment *environment, const char *name)
{
    const struct variable *variable = find(environment, name);
    return variable != NULL ? variable->line : 0;
}

const char *environment_path(const struct environment *environment)
{
    return environment->path;
}
