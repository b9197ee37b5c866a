/*
 * One row per option drives flag, environment variable, default, checking and --help. Precedence: flag, process
 * environment, .env in the working directory (or --env-file), default. Secrets are never options: see secret.h.
 * The name of an endpoint in ferry.conf may stand for the address of a source or target; then its section says what is of that
 * server, and variables do not. Nor do FERRY_SOURCE_TOKEN and the like for the --source of another server than FERRY_SOURCE.
 * Everything is checked before anything is refused: the message names the first problem and counts the others.
 *
 * A flag given twice: the last one wins, but for a list, which grows. An empty variable counts as not set, and hides the same one in .env.
 * --env-file, --config and --help belong to every program and stand in no table.
 */
#ifndef APP_OPTION_H
#define APP_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum option_type {
    OPTION_TEXT,
    OPTION_FLAG,     /* no value; as a variable true, yes, 1, false, no or 0 */
    OPTION_NUMBER,   /* min … max */
    OPTION_DURATION, /* value with unit: 500ms, 20s, 5m, 2h; stored in ms; min … max in ms */
    OPTION_URL,      /* http:// or https://, checked by form only */
    OPTION_LIST,     /* text; given several times, the values are joined by commas */
};

struct option_row {
    const char *name; /* "source": flag --source */
    char short_name;  /* 0: none */
    const char *env;  /* "FERRY_SOURCE", or NULL */
    enum option_type type;
    const char *placeholder; /* "URL" in --help */
    const char *fallback;    /* default as text, or NULL: none */
    int64_t min, max;        /* both included; both 0: anything from 0 on */
    bool required;
    const char *group; /* heading in --help: "Source", "Bus" … */
    const char *help;  /* one line */
};

enum option_origin {
    OPTION_DEFAULT,
    OPTION_CONFIG_FILE, /* a named endpoint's */
    OPTION_ENV_FILE,
    OPTION_ENVIRONMENT,
    OPTION_COMMAND_LINE
};

struct option_set; /* parsed values, opaque, heap */

/* --help or -h stands among the arguments, before any "--": to be asked before option_parse, which ignores them. */
bool option_wants_help(int argc, char *const *argv);
/* argv[0] is skipped; rows outlive the set. Positional words that remain: option_word(). NULL on failure: *err is
 * ERROR_USAGE and its message one line ("unknown option --soruce; did you mean --source? (and 2 more problems)"). */
struct option_set *option_parse(const struct option_row *rows, size_t count, int argc,
                                char *const *argv, size_t max_words, struct error *err);
void option_free(struct option_set *set);
/* A name that is in no row aborts. Text: NULL when not set. Number: also durations, in ms; 0 when not set. */
const char *option_text(const struct option_set *set, const char *name);
int64_t option_number(const struct option_set *set, const char *name);
bool option_flag(const struct option_set *set, const char *name);
enum option_origin option_origin(const struct option_set *set, const char *name);
size_t option_word_count(const struct option_set *set);
const char *option_word(const struct option_set *set, size_t index);
/* The value of a variable from the process environment, else from the .env file, else NULL (for secrets and others
 * that have no flag). Never empty. */
const char *option_environment(const struct option_set *set, const char *variable);

/* Every variable that begins with prefix and is set, process environment and .env, with the value that
 * option_environment gives; one that stands in both comes twice. Ends when fn says false. */
typedef bool option_variable_fn(void *ctx, const char *variable, const char *value,
                                struct error *err);
MUST_CHECK bool option_each_variable(const struct option_set *set, const char *prefix,
                                     option_variable_fn *fn, void *ctx, struct error *err);

/* The address of a role's server ("source", "target") as flag, variable, endpoint or Chroma's variables give it; NULL: nowhere.
 * What the secrets set for that role are bound to; also for programs whose table has no such row. */
const char *option_server(const struct option_set *set, const char *role);
/* The ferry.conf that was read, or NULL. */
const char *option_config_path(const struct option_set *set);
/* The settings of the endpoints that were named: "source token_file", its value (no secret), where it stands. Ends when fn
 * says false. */
typedef bool option_setting_fn(void *ctx, const char *name, const char *value, const char *where);
bool option_each_endpoint_setting(const struct option_set *set, option_setting_fn *fn, void *ctx);
/* Variables that are set and say nothing, because an endpoint is named for that side, or a flag names another server than the
 * address that they stand beside; *at is 0 at first, *why words for people. NULL: no more; valid until the next call. */
const char *option_unused_variable(const struct option_set *set, size_t *at, const char **why);
/* Properties of the bus's client in ferry.conf, with where each stands. */
typedef bool option_property_fn(void *ctx, const char *where, const char *name, const char *value,
                                struct error *err);
MUST_CHECK bool option_each_property(const struct option_set *set, option_property_fn *fn,
                                     void *ctx, struct error *err);

/* Chroma's own variables, by chroma_variable (chroma_environment.h); NULL when not set. They stand in for a target, its
 * tenant and database, and for a source beside Chroma Cloud, which neither a flag nor a FERRY_ variable gives. */
void option_chroma_values(const struct option_set *set, const char *values[]);
/* Where an option's value, or a variable's, was set, for people: "--source", "FERRY_SOURCE", ".env line 3 (FERRY_SOURCE)",
 * "default", "not set". */
void option_describe(const struct option_set *set, const char *name, char *out, size_t size);
void option_describe_variable(const struct option_set *set, const char *variable, char *out,
                              size_t size);

struct option_help {
    const char *usage;       /* "ferry-producer migrate [options]" */
    const char *what;        /* one or two sentences */
    const char *examples;    /* complete lines */
    const char *environment; /* complete lines for variables that are no options, or NULL */
};
/* Usage, what, options by group (with variable and default in brackets), examples, environment, exit status. */
void option_print_help(const struct option_row *rows, size_t count, const struct option_help *help);

#endif
