/* The statements of the text; see dotenv.h. tests/e2e/test_env_file.py asks python-dotenv itself about thousands of variables. */
#include "app/dotenv.h"

#include <string.h>

static const char EXPECTED[] = "expected KEY=value";

/* Length of the white space character at `at`, of any script, a newline included; 0: it is none. */
static size_t space_at(const uint8_t *at, const uint8_t *end)
{
    if (at == end) {
        return 0;
    }
    if (*at < 0x80) {
        return *at == ' ' || (*at >= '\t' && *at <= '\r') || (*at >= 0x1c && *at <= 0x1f);
    }
    if (*at == 0xc2 && end - at >= 2) {
        return at[1] == 0x85 || at[1] == 0xa0 ? 2 : 0;
    }
    if (*at < 0xe1 || *at > 0xe3 || end - at < 3) {
        return 0;
    }
    uint32_t bytes = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
    bool is_space = bytes == 0xe19a80 ||                        /* U+1680 */
                    (bytes >= 0xe28080 && bytes <= 0xe2808a) || /* U+2000…U+200A */
                    bytes == 0xe280a8 || bytes == 0xe280a9 ||   /* U+2028, U+2029 */
                    bytes == 0xe280af || bytes == 0xe2819f ||   /* U+202F, U+205F */
                    bytes == 0xe38080;                          /* U+3000 */
    return is_space ? 3 : 0;
}

static size_t blank_at(const uint8_t *at, const uint8_t *end)
{
    return at < end && *at == '\n' ? 0 : space_at(at, end);
}

static const uint8_t *skip_blanks(const uint8_t *at, const uint8_t *end)
{
    for (size_t len; (len = blank_at(at, end)) > 0; at += len) {
    }
    return at;
}

static const uint8_t *line_end(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return stop != NULL ? stop : end;
}

static void advance(struct dotenv_reader *reader, const uint8_t *to)
{
    for (const uint8_t *at = reader->at; (at = line_end(at, to)) < to; at++) {
        reader->line++;
    }
    reader->at = to;
}

static bool is_at(const struct dotenv_reader *reader, char c)
{
    return reader->at < reader->end && *reader->at == (uint8_t)c;
}

static struct span between(const uint8_t *from, const uint8_t *to)
{
    return (struct span){from, (size_t)(to - from)};
}

void dotenv_init(struct dotenv_reader *reader, struct span text)
{
    static const struct span mark = {(const uint8_t *)"\xef\xbb\xbf", 3};
    *reader = (struct dotenv_reader){text.ptr, text.ptr + text.len, 1};
    if (text.len >= mark.len && memcmp(text.ptr, mark.ptr, mark.len) == 0) {
        reader->at += mark.len;
    }
}

static void skip_export(struct dotenv_reader *reader)
{
    static const struct span word = {(const uint8_t *)"export", 6};
    size_t left = (size_t)(reader->end - reader->at);
    if (left > word.len && memcmp(reader->at, word.ptr, word.len) == 0 &&
        blank_at(reader->at + word.len, reader->end) > 0) {
        reader->at = skip_blanks(reader->at + word.len, reader->end);
    }
}

/* Between single quotes a name may be anything; double quotes are part of it. */
static bool read_name(struct dotenv_reader *reader, struct span *out)
{
    const uint8_t *at = reader->at;
    if (is_at(reader, '\'')) {
        const uint8_t *stop = memchr(at + 1, '\'', (size_t)(reader->end - at - 1));
        if (stop == NULL || stop == at + 1) {
            return false;
        }
        *out = between(at + 1, stop);
        advance(reader, stop + 1);
        return true;
    }
    while (at < reader->end && *at != '=' && *at != '#' && space_at(at, reader->end) == 0) {
        at++;
    }
    *out = between(reader->at, at);
    reader->at = at;
    return out->len > 0;
}

/* A backslash keeps what follows it from closing the quote. */
static bool read_quoted(struct dotenv_reader *reader, struct dotenv_statement *out)
{
    const uint8_t *at = reader->at + 1;
    out->quote = (char)*reader->at;
    while (at < reader->end && *at != (uint8_t)out->quote) {
        at += *at == '\\' && at + 1 < reader->end ? 2 : 1;
    }
    if (at == reader->end) {
        return false;
    }
    out->value = between(reader->at + 1, at);
    advance(reader, at + 1);
    return true;
}

/* Ends before the white space in front of a comment, or of the line's end. */
static void read_unquoted(struct dotenv_reader *reader, struct dotenv_statement *out)
{
    const uint8_t *stop = line_end(reader->at, reader->end);
    const uint8_t *last = reader->at; /* behind what is no white space */
    for (const uint8_t *at = reader->at; at < stop && !(*at == '#' && at > last);) {
        size_t len = space_at(at, stop);
        at += len > 0 ? len : 1;
        last = len > 0 ? last : at;
    }
    out->value = between(reader->at, last);
    reader->at = stop;
}

/* What follows the equals sign. A # behind it stands for itself, unless white space is between them. */
static const char *read_value(struct dotenv_reader *reader, struct dotenv_statement *out)
{
    const uint8_t *sign = reader->at;
    reader->at = skip_blanks(sign + 1, reader->end);
    out->has_value = true;
    if (is_at(reader, '#') && reader->at > sign + 1) {
        return NULL;
    }
    if (!is_at(reader, '\'') && !is_at(reader, '"')) {
        read_unquoted(reader, out);
        return NULL;
    }
    out->is_unclosed = !read_quoted(reader, out);
    return out->is_unclosed ? "the quote is not closed" : NULL;
}

static const char *read_statement(struct dotenv_reader *reader, struct dotenv_statement *out)
{
    skip_export(reader);
    if (!is_at(reader, '#') && !read_name(reader, &out->name)) {
        return EXPECTED;
    }
    reader->at = skip_blanks(reader->at, reader->end);
    if (is_at(reader, '=')) {
        const char *problem = read_value(reader, out);
        if (problem != NULL) {
            return problem;
        }
    }
    reader->at = skip_blanks(reader->at, reader->end);
    if (is_at(reader, '#')) {
        reader->at = line_end(reader->at, reader->end);
    }
    if (reader->at < reader->end && *reader->at != '\n') {
        return out->quote != '\0' ? "there is text behind the closing quote" : EXPECTED;
    }
    return NULL;
}

bool dotenv_next(struct dotenv_reader *reader, struct dotenv_statement *out)
{
    do {
        const uint8_t *at = reader->at;
        for (size_t len; (len = space_at(at, reader->end)) > 0; at += len) {
        }
        advance(reader, at);
        if (at == reader->end) {
            return false;
        }
        *out = (struct dotenv_statement){.line = reader->line};
        out->problem = read_statement(reader, out);
        if (out->problem != NULL) {
            reader->at = line_end(reader->at, reader->end);
            out->name = (struct span){0};
        }
        out->text = between(at, reader->at);
    } while (out->problem == NULL && out->name.len == 0);
    return true;
}
