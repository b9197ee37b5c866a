/*
 * Checks one option's text: the same rules for a flag, a variable and a default. A refusal names where the value stood,
 * what was expected with its range, and what was found; an address that may hold a password is not repeated.
 * Deliberately no network and no files: whether a server is there is found out by asking it.
 */
#include "app/option_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

#define LONGEST_SHOWN 60

struct unit {
    const char *name;
    int64_t ms;
};
/* Largest first, as a duration is shown in the largest unit that divides it. */
static const struct unit units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

const struct option_row option_builtins[OPTION_BUILTINS] = {
    {.name = "env-file",
     .type = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "Read variables from FILE instead of .env."},
    {.name = "config",
     .env = "FERRY_CONFIG",
     .type = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "Names that stand for servers, instead of in ferry.conf."},
    {.name = "help", .short_name = 'h', .type = OPTION_FLAG, .help = "Show this and end."},
};

/* "<where>: expected <expected>, got "<text>"": the form of every refusal. */
static bool refuse(const char *where, const char *expected, const char *text, struct error *err)
{
    struct buf shown;
    buf_init(&shown, 8 * LONGEST_SHOWN);
    buf_append_printable(&shown, span_from_str(text), LONGEST_SHOWN);
    error_set(err, ERROR_USAGE, "%s: expected %s, got \"%s\"", where, expected, buf_cstr(&shown));
    buf_deinit(&shown);
    return false;
}

static bool is_in_range(const struct option_row *row, int64_t value)
{
    bool has_range = row->min != 0 || row->max != 0;
    return has_range ? value >= row->min && value <= row->max : value >= 0;
}

static void format_bound(const struct option_row *row, int64_t value, char *out, size_t size)
{
    size_t i = 0;
    if (row->type != OPTION_DURATION) {
        snprintf(out, size, "%" PRId64, value);
        return;
    }
    while (value % units[i].ms != 0) {
        i++;
    }
    snprintf(out, size, "%" PRId64 "%s", value / units[i].ms, value == 0 ? "s" : units[i].name);
}

void option_format_range(const struct option_row *row, char *out, size_t size)
{
    char low[32];
    char high[32];
    format_bound(row, row->min, low, sizeof(low));
    format_bound(row, row->max, high, sizeof(high));
    if ((row->min == 0 && row->max == 0) || row->max == INT64_MAX) {
        snprintf(out, size, "from %s on", low);
    } else {
        snprintf(out, size, "from %s to %s", low, high);
    }
}

static bool check_number(const struct option_row *row, const char *where, const char *text,
                         int64_t *number, struct error *err)
{
    int64_t value = 0;
    if (number_parse_i64(span_from_str(text), &value) && is_in_range(row, value)) {
        *number = value;
        return true;
    }
    char range[80];
    char expected[112];
    option_format_range(row, range, sizeof(range));
    snprintf(expected, sizeof(expected), "a whole number %s", range);
    return refuse(where, expected, text, err);
}

/* Digits and a unit, nothing between them and no sign. */
static bool parse_duration(const char *text, int64_t *ms)
{
    size_t digits = strspn(text, "0123456789");
    int64_t value = 0;
    if (!number_parse_i64((struct span){(const uint8_t *)text, digits}, &value)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits, units[i].name) == 0) {
            return !__builtin_mul_overflow(value, units[i].ms, ms);
        }
    }
    return false;
}

static bool check_duration(const struct option_row *row, const char *where, const char *text,
                           int64_t *number, struct error *err)
{
    int64_t ms = 0;
    if (parse_duration(text, &ms) && is_in_range(row, ms)) {
        *number = ms;
        return true;
    }
    char range[80];
    char expected[160];
    bool lacks_unit = text[strspn(text, "0123456789")] == '\0';
    option_format_range(row, range, sizeof(range));
    snprintf(expected, sizeof(expected), "a duration %s%s", range,
             lacks_unit ? " with its unit (ms, s, m, h)" : "");
    return refuse(where, expected, text, err);
}

static bool has_space_or_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool check_url(const char *where, const char *text, struct error *err)
{
    static const char *const schemes[] = {"http://", "https://"};
    const char *host = NULL;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0) {
            host = text + strlen(schemes[i]);
        }
    }
    if (strpbrk(text, "@?#") != NULL) {
        return error_set(
            err, ERROR_USAGE,
            "%s: an address holds no user, password, query or fragment (nothing with @, ? or #); "
            "secrets have variables of their own",
            where);
    }
    if (host == NULL || *host == '\0' || *host == '/' || *host == ':' ||
        has_space_or_control(text)) {
        return refuse(where, "an address like http://HOST:PORT or https://HOST", text, err);
    }
    return true;
}

static bool check_flag(const char *where, const char *text, int64_t *number, struct error *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *number = i % 2 == 1;
            return true;
        }
    }
    return refuse(where, "true or false", text, err);
}

/* It would end a header line, a log line or a line of a file that it gets into. */
static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

bool option_check(const struct option_row *row, const char *where, const char *text,
                  int64_t *number, struct error *err)
{
    if (has_control(text)) {
        return error_set(err, ERROR_USAGE, "%s: a line break or another control character", where);
    }
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_LIST:
        return true;
    case OPTION_FLAG:
        return check_flag(where, text, number, err);
    case OPTION_NUMBER:
        return check_number(row, where, text, number, err);
    case OPTION_DURATION:
        return check_duration(row, where, text, number, err);
    case OPTION_URL:
        return check_url(where, text, err);
    }
    return error_set(err, ERROR_BUG, "option %s has no type", row->name);
}

const char *option_placeholder(const struct option_row *row)
{
    if (row->placeholder != NULL) {
        return row->placeholder;
    }
    switch (row->type) {
    case OPTION_URL:
        return "URL";
    case OPTION_NUMBER:
        return "N";
    case OPTION_DURATION:
        return "TIME";
    case OPTION_TEXT:
    case OPTION_LIST:
    case OPTION_FLAG:
        break;
    }
    return "VALUE";
}
