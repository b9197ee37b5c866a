/*
 * What the text of a .env file says, as python-dotenv 1.2.4 reads it. Pure: no file, no heap, no environment of its own.
 * Internal to app; the file is environment.h's. Spans are borrowed from the text that is read.
 */
#ifndef APP_DOTENV_H
#define APP_DOTENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct dotenv_reader {
    const uint8_t *at;
    const uint8_t *end;
    size_t line; /* from 1 */
};

struct dotenv_statement {
    struct span name;    /* empty only with a problem */
    struct span value;   /* as it is written between its quotes */
    bool has_value;      /* false: a name alone, which unsets what an earlier line has set */
    char quote;          /* ', " or NUL */
    size_t line;         /* where it begins */
    const char *problem; /* NULL, or what is wrong: never the text, it may be a secret */
    bool is_unclosed;    /* of the problem: a quote begins here that ends nowhere */
    struct span text;    /* all of it; with a problem: up to where the next one is looked for */
};

/* Line ends of every kind become newlines, in place; returns the new length. Before all else. */
size_t dotenv_unify_lines(uint8_t *text, size_t len);
/* Of such lines: what no text file has, or NULL; *line, from 1, where it stands. */
const char *dotenv_find_junk(struct span text, size_t *line);

void dotenv_init(struct dotenv_reader *reader, struct span text); /* past a byte order mark */
/* The next variable, or what is none; false: there is no more. Blank lines and comments are passed over. */
bool dotenv_next(struct dotenv_reader *reader, struct dotenv_statement *out);

/* What the backslashes between such quotes mean. out: raw.len bytes, may be raw's own place. Returns the length. */
size_t dotenv_unescape(struct span raw, char quote, uint8_t *out);

/* Is there such a variable? *value: empty when it is there without a value. */
typedef bool dotenv_lookup_fn(void *ctx, struct span name, struct span *value);
/* Appends value with ${NAME} and ${NAME:-DEFAULT} replaced, once: what is put in is not looked at again. A name that is not
 * there becomes its default or nothing. out's ceiling bounds it. */
void dotenv_expand(struct span value, dotenv_lookup_fn *lookup, void *ctx, struct buf *out);

#endif
