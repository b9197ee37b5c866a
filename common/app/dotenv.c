/* See dotenv.h. */
#include "app/dotenv.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

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

const char *dotenv_parse_line(char *line, const char **name, const char **value)
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
