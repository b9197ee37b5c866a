/*
 * Reads .env files for the option table and for secrets, as python-dotenv reads them, which Chroma's own clients and servers
 * use; where it would take another value than the text shows (${NAME}), or several lines for one, a line is refused rather
 * than guessed at. Nothing is expanded, and nothing is put into the process environment.
 */
#include "app/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at)) {
        at++;
    }
    return at;
}

static bool is_name_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Behind a value: nothing, or a comment that stands apart from it. */
static bool is_line_end(char *at)
{
    char *rest = skip_blanks(at);
    return *rest == '\0' || (*rest == '#' && rest > at);
}

/* What a backslash and this character mean between such quotes; 0: just what they are. */
static char unescape(char quote, char c)
{
    static const char written[] = "\\'\"abfnrtv";
    static const char meant[] = "\\'\"\a\b\f\n\r\t\v";
    const char *found = c != '\0' ? strchr(quote == '"' ? written : "\\'", c) : NULL;
    return found == NULL ? '\0' : quote == '"' ? meant[found - written] : c;
}

/* Decoded where it stands: it never grows. */
static const char *parse_quoted(char *at, const char **value)
{
    char quote = *at;
    char *out = at;
    char *in = at + 1;
    for (; *in != quote; in++) {
        char meant = *in == '\\' ? unescape(quote, in[1]) : '\0';
        if (*in == '\0') {
            return "the quote is not closed";
        }
        in += meant != '\0';
        *out++ = meant != '\0' ? meant : *in;
    }
    if (!is_line_end(in + 1)) {
        return "there is text behind the closing quote";
    }
    *out = '\0';
    *value = at;
    return NULL;
}

/* Ends the value at its quote, or before the blanks in front of a comment or the line's end. */
static const char *parse_value(char *at, const char **value)
{
    char *end = at;
    at = skip_blanks(at);
    if (*at == '\'' || *at == '"') {
        return parse_quoted(at, value);
    }
    for (end = at; *end != '\0' && !(is_blank(*end) && *skip_blanks(end) == '#'); end++) {
    }
    if (*at == '#' && is_blank(at[-1])) { /* nothing but a comment */
        end = at;
    }
    while (end > at && is_blank(end[-1])) {
        end--;
    }
    *end = '\0';
    *value = at;
    return NULL;
}

/* Others would put another variable's value there. */
static bool has_reference(const char *value)
{
    const char *at = strstr(value, "${");
    return at != NULL && strchr(at, '}') != NULL;
}

/* *name stays NULL for a line without a variable. Returns what is wrong (never the text, it may be a secret), or NULL. */
static const char *parse_line(char *line, const char **name, const char **value)
{
    static const char export_word[] = "export";
    char *at = skip_blanks(line);
    if (*at == '\0' || *at == '#') {
        return NULL;
    }
    if (strncmp(at, export_word, sizeof(export_word) - 1) == 0 &&
        is_blank(at[sizeof(export_word) - 1])) {
        at = skip_blanks(at + sizeof(export_word) - 1);
    }
    char *end = at;
    while (is_name_byte(*end)) {
        end++;
    }
    char *equals = skip_blanks(end);
    if (end == at || *equals != '=' || (*at >= '0' && *at <= '9')) {
        return "expected KEY=value";
    }
    const char *problem = parse_value(equals + 1, value);
    if (problem != NULL) {
        return problem;
    }
    if (has_reference(*value)) {
        return "${…} is not expanded here: write the value out";
    }
    *end = '\0';
    *name = at;
    return NULL;
}

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
            problem = parse_line(at, &name, &value);
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

/* Until the end of the file or the ceiling of out. False: errno. */
static bool read_all(int fd, struct buf *out)
{
    uint8_t piece[4096];
    ssize_t got = 0;
    do {
        got = read(fd, piece, sizeof(piece));
        if (got > 0) {
            buf_append(out, piece, (size_t)got);
        }
    } while ((got > 0 && out->failed == ERROR_NONE) || (got < 0 && errno == EINTR));
    explicit_bzero(piece, sizeof(piece));
    return got >= 0;
}

bool environment_load(const char *path, struct buf *out, bool *exists, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool is_read = fd >= 0 && read_all(fd, out);
    int cause = errno;
    if (fd >= 0) {
        close(fd);
    }
    *exists = is_read;
    if (!is_read && (cause == ENOENT || cause == EISDIR)) {
        return true;
    }
    if (!is_read) {
        error_set(err, ERROR_USAGE, "cannot read %s: %s", path, strerror(cause));
        err->native = cause;
        return false;
    }
    if (out->failed == ERROR_LIMIT) {
        return error_set(err, ERROR_USAGE, "%s is longer than %zu bytes", path, out->max);
    }
    return buf_check(out, path, err);
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
