/*
 * Reads ferry.conf. The form is the INI library's; what it would take otherwise than people mean is refused here first, line
 * by line, on the way to it: lines longer than it reads, control characters, a comment behind a value that it would keep.
 * Blanks before a line are dropped, so that nothing continues the line above.
 */
#include "app/config_parts.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/option_parts.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/origin.h"

#define ENDPOINT_PREFIX "endpoint"
#define KAFKA_SECTION   "kafka"
#define KAFKA_PREFIX    "kafka."
#define LONGEST_SHOWN   60

struct reader {
    struct config *config;
    struct span rest;
    size_t line;
    size_t problem_line; /* 0: none */
    struct error *err;
};

/* The first problem stays; also the library's stream ends with one of the reader. */
static int refuse(struct reader *reader, const char *key, const char *problem)
{
    if (reader->problem_line == 0) {
        reader->problem_line = reader->line;
        error_set(reader->err, ERROR_USAGE, "%s, line %zu%s%s%s: %s", reader->config->path,
                  reader->line, key != NULL ? " (" : "", key != NULL ? key : "",
                  key != NULL ? ")" : "", problem);
    }
    return 0;
}

static int out_of_memory(struct reader *reader)
{
    error_clear(reader->err);
    reader->problem_line = reader->line;
    error_set(reader->err, ERROR_NOMEM, "no memory for %s", reader->config->path);
    return 0;
}

static bool is_control(uint8_t byte)
{
    return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

/* fgets() for the library: one line, without the blanks before it and without its end. */
static char *next_line(char *out, int size, void *ctx)
{
    struct reader *reader = ctx;
    const uint8_t *end = memchr(reader->rest.ptr, '\n', reader->rest.len);
    if (reader->rest.len == 0 || reader->problem_line != 0) {
        return NULL;
    }
    struct span line = {reader->rest.ptr,
                        end != NULL ? (size_t)(end - reader->rest.ptr) : reader->rest.len};
    size_t taken = line.len + (end != NULL);
    reader->rest.ptr += taken;
    reader->rest.len -= taken;
    reader->line++;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    while (line.len > 0 && (*line.ptr == ' ' || *line.ptr == '\t')) {
        line.ptr++;
        line.len--;
    }
    for (size_t i = 0; i < line.len; i++) {
        if (is_control(line.ptr[i])) {
            refuse(reader, NULL, "a control character");
            return NULL;
        }
    }
    if (line.len + 2 > (size_t)size) {
        refuse(reader, NULL, "the line is too long");
        return NULL;
    }
    memcpy(out, line.ptr, line.len);
    memcpy(out + line.len, "\n", 2);
    return out;
}

/* A value's copies; a file's name stands in the folder of the one that names it. */
static bool keep(struct reader *reader, struct config_value *value, const char *key,
                 const char *text, bool is_file)
{
    const struct config *config = reader->config;
    bool is_relative = is_file && text[0] != '/';
    int ok = asprintf(&value->text, "%.*s%s", is_relative ? (int)config->folder_len : 0,
                      config->path, text);
    if (ok < 0) {
        value->text = NULL;
        return false;
    }
    ok = asprintf(&value->where, "%s, line %zu (%s)", config->path, reader->line, key);
    if (ok < 0) {
        value->where = NULL;
        return false;
    }
    value->line = reader->line;
    return true;
}

static struct config_endpoint *endpoint_for(struct reader *reader, const char *name)
{
    struct config *config = reader->config;
    struct config_endpoint *found =
        (struct config_endpoint *)config_endpoint_named(config, name); /* ours to change */
    if (found != NULL) {
        return found;
    }
    size_t count = config->endpoint_count;
    if (count == LIMIT_ENDPOINTS) {
        refuse(reader, NULL, "too many endpoints");
        return NULL;
    }
    struct config_endpoint *grown =
        realloc(config->endpoints, (count + 1) * sizeof *config->endpoints);
    if (grown == NULL) {
        out_of_memory(reader);
        return NULL;
    }
    config->endpoints = grown;
    config->endpoint_count = count + 1;
    grown[count] = (struct config_endpoint){.name = ""};
    snprintf(grown[count].name, sizeof grown[count].name, "%s", name);
    return &grown[count];
}

static int take_url(struct reader *reader, struct config_endpoint *endpoint)
{
    static const struct option_row row = {.name = "url", .type = OPTION_URL};
    const struct config_value *url = &endpoint->values[CONFIG_URL];
    const char *rest;
    struct error why = {0};
    int64_t number = 0;
    if (reader->problem_line == 0 &&
        !option_check(&row, url->where, url->text, &number, reader->err)) {
        reader->problem_line = reader->line;
        return 0;
    }
    return origin_parse(url->text, endpoint->origin, &rest, &why)
               ? 1
               : refuse(reader, "url", why.message);
}

static int take_setting(struct reader *reader, const char *name, const char *key, const char *text)
{
    struct config_endpoint *endpoint = endpoint_for(reader, name);
    size_t i = 0;
    if (endpoint == NULL) {
        return 0;
    }
    while (i < CONFIG_KEYS && strcmp(key, config_key_names[i]) != 0) {
        i++;
    }
    if (i == CONFIG_KEYS && config_is_secret_word(key)) {
        return refuse(reader, NULL,
                      "a secret does not stand in this file: say where it is, with token_file = "
                      "FILE or token_env = VARIABLE, or with password_file or password_env");
    }
    if (i == CONFIG_KEYS) {
        return refuse(reader, NULL,
                      "no such setting; an endpoint has url, tenant, database, auth, token_file, "
                      "token_env, user, password_file, password_env, ca_file, cert_file, key_file, "
                      "header_file, profile");
    }
    if (endpoint->values[i].text != NULL) {
        return refuse(reader, key, "this endpoint has it twice");
    }
    const char *problem = config_value_problem((enum config_key)i, text);
    if (problem != NULL) {
        return refuse(reader, key, problem);
    }
    size_t len = strlen(key);
    bool is_file = len > 5 && strcmp(key + len - 5, "_file") == 0;
    if (!keep(reader, &endpoint->values[i], key, text, is_file)) {
        return out_of_memory(reader);
    }
    return i == CONFIG_URL ? take_url(reader, endpoint) : 1;
}

static int take_property(struct reader *reader, const char *name, const char *text)
{
    struct config *config = reader->config;
    size_t count = config->property_count;
    name += strncmp(name, KAFKA_PREFIX, sizeof KAFKA_PREFIX - 1) == 0 ? sizeof KAFKA_PREFIX - 1 : 0;
    if (config_is_secret_property(name)) {
        return refuse(reader, NULL,
                      "a secret does not stand in this file: give it as a variable FERRY_KAFKA_…, "
                      "or in the file of --kafka-config");
    }
    if (count == LIMIT_BUS_PROPERTIES) {
        return refuse(reader, NULL, "too many properties");
    }
    struct property *grown = realloc(config->properties, (count + 1) * sizeof *config->properties);
    if (grown == NULL) {
        return out_of_memory(reader);
    }
    config->properties = grown;
    config->property_count = count + 1;
    grown[count] = (struct property){.name = strdup(name)};
    return grown[count].name != NULL && keep(reader, &grown[count].value, name, text, false)
               ? 1
               : out_of_memory(reader);
}

static int take(void *ctx, const char *section, const char *key, const char *text)
{
    struct reader *reader = ctx;
    size_t prefix = sizeof ENDPOINT_PREFIX - 1;
    if (reader->problem_line != 0) {
        return 0;
    }
    if (strcmp(section, KAFKA_SECTION) == 0 ||
        (section[0] == '\0' && strncmp(key, KAFKA_PREFIX, sizeof KAFKA_PREFIX - 1) == 0)) {
        return take_property(reader, key, text);
    }
    if (strncmp(section, ENDPOINT_PREFIX, prefix) == 0 && section[prefix] == ' ') {
        const char *name = section + prefix + strspn(section + prefix, " ");
        return config_is_endpoint_name(name)
                   ? take_setting(reader, name, key, text)
                   : refuse(reader, NULL,
                            "of an endpoint whose name is not 1 to 31 letters, digits, \".\", "
                            "\"_\" or \"-\"");
    }
    return refuse(reader, NULL, "no such section: there are [endpoint NAME] and [kafka]");
}

/* An endpoint is an address, and things beside it. */
static bool check_endpoints(const struct config *config, struct error *err)
{
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (config->endpoints[i].values[CONFIG_URL].text == NULL) {
            return error_set(err, ERROR_USAGE, "%s: endpoint %s has no url", config->path,
                             config->endpoints[i].name);
        }
    }
    return true;
}

bool config_parse(struct config *config, struct span text, struct error *err)
{
    struct reader reader = {.config = config, .rest = text, .err = err};
    int line = ini_parse_stream(next_line, &reader, take, &reader);
    if (reader.problem_line != 0 && (line <= 0 || (size_t)line >= reader.problem_line)) {
        return false;
    }
    if (line != 0) { /* the library's own, before ours */
        error_clear(err);
        return error_set(err, ERROR_USAGE, "%s, line %d: expected NAME = VALUE or [SECTION]",
                         config->path, line);
    }
    return check_endpoints(config, err);
}
