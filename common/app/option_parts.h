/* What parser, checks and --help of the option table share. Internal to app. */
#ifndef APP_OPTION_PARTS_H
#define APP_OPTION_PARTS_H

#include "app/chroma_environment.h"
#include "app/config.h"
#include "app/environment.h"
#include "app/option.h"
#include "app/secret.h"
#include "base/bytes.h"
#include "base/error.h"

/* --env-file, --config and --help, which every program has. */
#define OPTION_BUILTINS 3
extern const struct option_row option_builtins[OPTION_BUILTINS];

struct option_value {
    char *text; /* owned; NULL: not set */
    int64_t number;
    enum option_origin origin;
    const char *variable;            /* borrowed: that it comes from, if any */
    const struct config_value *from; /* what an endpoint says of it, or NULL; borrowed */
    enum option_origin named_by;     /* of an address: where the name of the endpoint stood */
    bool is_refused; /* already a problem: not to be reported as missing or malformed again */
};

struct option_set {
    const struct option_row *rows;
    size_t count;
    struct option_value *values; /* the rows', then the built-in ones' */
    char **words;                /* owned, as are its texts */
    size_t word_count;
    struct environment *environment; /* NULL: could not be read */
    struct config *config;           /* NULL: there is none */
    /* The endpoint that is named for a role, NULL: none. Of config. */
    const struct config_endpoint *sections[2];
    bool is_elsewhere[2];        /* a flag names another server than the role's variable does */
    char chroma_servers[2][400]; /* addresses of a role by Chroma's variables, or "" */
};

struct option_parser {
    struct option_set *set;
    int argc;
    char *const *argv;
    int at; /* next argument */
    size_t max_words;
    size_t problems;
    bool has_memory;                  /* false: an allocation failed */
    struct error *err;                /* keeps the first problem */
    struct chroma_environment chroma; /* the last that was read: texts may point into it */
    bool is_chroma_refused;
};

size_t option_count(const struct option_set *set); /* rows and built-in ones */
const struct option_row *option_at(const struct option_set *set, size_t index);

void option_report(struct option_parser *parser, const char *fmt, ...) PRINTF_LIKE(2, 3);
void option_set_text(struct option_parser *parser, size_t index, const char *text,
                     enum option_origin origin);

/* option_chroma.c: what Chroma's variables say for a row that nothing else has set, or NULL; *variable the one it comes
 * from, NULL when a rule's default. The target's row is settled before those of its tenant and database. */
const char *option_from_chroma(struct option_parser *parser, const struct option_row *row,
                               const char **variable, enum option_origin *origin);
/* Behind "missing --target", or --source without any target: "; …", what else they lack to name Chroma Cloud, or "". */
void option_chroma_hint(const struct option_parser *parser, const struct option_row *row, char *out,
                        size_t size);
/* The addresses that they give the two roles; what cannot be meant gives none here. */
void option_note_chroma_servers(struct option_set *set);
/* option.c: a variable's value and whether process or file has it. NULL: not set, or empty. */
const char *option_find_variable(const struct option_set *set, const char *name,
                                 enum option_origin *origin);

/* option_endpoint.c: the file of --config, or the one that is found. */
void option_read_config(struct option_parser *parser, const char *named);
/* Finds the endpoints that are named, before rows are settled. */
void option_choose_endpoints(struct option_parser *parser);
/* Does a named endpoint speak in place of a row's variable? Then what it says, text NULL for nothing; else NULL, also where a
 * flag speaks. */
const struct config_value *option_from_endpoint(const struct option_set *set, size_t index);

/* A variable about a role's server, and the setting of a section that it is. */
struct option_endpoint_variable {
    char name[40];
    size_t role;
    enum config_key key;
};
/* By number from 0 on; false: no more. By name; false: it is none. */
bool option_endpoint_variable(size_t at, struct option_endpoint_variable *out);
bool option_find_endpoint_variable(const char *name, struct option_endpoint_variable *out);

/* option_unused.c: finds the flags that name another server than the variable, before rows are settled. */
void option_note_elsewhere(struct option_set *set);
/* Is this a variable about the other server then: its secret, how that is sent, certificates, header lines, whether it is Cloud? */
bool option_is_elsewhere(const struct option_set *set, const char *name);

/* option_origin.c: where a value stood, as the person who set it knows it; begins a refusal. */
void option_describe_value(const struct option_set *set, size_t index, char *out, size_t size);

/* option_arguments.c: argv into texts and words. */
void option_read_arguments(struct option_parser *parser);

/* option_value.c. Checks text by the row's type and range. where: "--lease", "FERRY_LEASE", …; begins the message.
 * *number gets the value of a number, a duration (ms) or a flag (0, 1). */
MUST_CHECK bool option_check(const struct option_row *row, const char *where, const char *text,
                             int64_t *number, struct error *err);
/* "from 1s to 5m", of a number or duration. */
void option_format_range(const struct option_row *row, char *out, size_t size);
const char *option_placeholder(const struct option_row *row); /* "URL", "N" …: never NULL */

/* option_help.c: the text that option_print_help() prints. */
void option_write_help(const struct option_row *rows, size_t count, const struct option_help *help,
                       struct buf *out);

#endif
