/* Every setting with its value and where it was set. A secret's value is never looked at beyond whether there is one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/chroma_environment.h"
#include "base/limits.h"
#include "format/json_write.h"
#include "producer/doctor.h"
#include "run/bus_environment.h"
#include "run/library_environment.h"

static const struct {
    const char *name;
    bool is_secret;
} variables[] = {
    {"FERRY_SOURCE_AUTH", false},
    {"FERRY_SOURCE_TOKEN", true},
    {"FERRY_SOURCE_TOKEN_FILE", false},
    {"FERRY_SOURCE_USER", false},
    {"FERRY_SOURCE_PASSWORD", true},
    {"FERRY_SOURCE_PASSWORD_FILE", false},
    {"FERRY_TARGET_AUTH", false},
    {"FERRY_TARGET_TOKEN", true},
    {"FERRY_TARGET_TOKEN_FILE", false},
    {"FERRY_TARGET_USER", false},
    {"FERRY_TARGET_PASSWORD", true},
    {"FERRY_TARGET_PASSWORD_FILE", false},
    {"FERRY_SOURCE_CA_FILE", false},
    {"FERRY_SOURCE_CERT_FILE", false},
    {"FERRY_SOURCE_KEY_FILE", false},
    {"FERRY_TARGET_CA_FILE", false},
    {"FERRY_TARGET_CERT_FILE", false},
    {"FERRY_TARGET_KEY_FILE", false},
    {"CHROMA_CLIENT_TYPE", false},
    {"CHROMA_HOST", false},
    {"CHROMA_PORT", false},
    {"CHROMA_SSL", false},
    {"CHROMA_TENANT", false},
    {"CHROMA_DATABASE", false},
    {"CHROMA_API_KEY", true},
    {"chroma_cloud_tenant_id", false},
    {"chroma_cloud_database", false},
    {"chroma_cloud_api_key", true},
    {"CHROMA_ENDPOINT", false},
    {"CHROMA_AUTH_TOKEN", true},
    {"CHROMA_AUTH_TOKEN_TRANSPORT_HEADER", false},
    {"CHROMA_CUSTOM_AUTH_CREDENTIALS", true},
    /* of the other program, and of setup */
    {"FERRY_REQUEST_TIMEOUT", false},
    {"FERRY_WRITE_LIMIT", false},
    {"FERRY_PARTITIONS", false},
    {"FERRY_LOG", false},
};

#define HIDDEN       "(set, not shown)"
#define KAFKA_PREFIX "FERRY_KAFKA_"

struct writer {
    const struct option_set *options;
    struct buf *out;
    bool as_json;
    size_t count;
};

static void write_one(struct writer *writer, const char *name, const char *value, const char *from)
{
    struct buf shown;
    buf_init(&shown, 4 * KIB);
    buf_append_text(&shown, span_from_str(value), 600);
    if (writer->as_json) {
        buf_append_str(writer->out, writer->count > 0 ? ",{\"name\":" : "{\"name\":");
        json_write_string(writer->out, span_from_str(name));
        buf_append_str(writer->out, ",\"value\":");
        json_write_string(writer->out, buf_span(&shown));
        buf_append_str(writer->out, ",\"from\":");
        json_write_string(writer->out, span_from_str(from));
        buf_append_byte(writer->out, '}');
    } else {
        buf_printf(writer->out, "  %-26s %-36s %s\n", name, buf_cstr(&shown), from);
    }
    writer->count++;
    buf_deinit(&shown);
}

/* One that stands in process and file comes twice. */
static bool is_written(const struct writer *writer, const char *name)
{
    struct buf needle;
    buf_init(&needle, 4 * KIB);
    buf_printf(&needle, writer->as_json ? "\"name\":\"%s\"" : "\n  %s ", name);
    bool is_there = memmem(writer->out->ptr, writer->out->len, needle.ptr, needle.len) != NULL;
    buf_deinit(&needle);
    return is_there;
}

/* Which of the client's properties are secrets the bus knows; no value is shown. Those of ours are options. */
static bool write_property(void *ctx, const char *name, const char *value, struct error *err)
{
    static const char *const ours[] = {KAFKA_PREFIX "BROKERS", KAFKA_PREFIX "CONFIG",
                                       KAFKA_PREFIX "INSECURE"};
    struct writer *writer = ctx;
    char from[700];
    (void)value;
    (void)err;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(name, ours[i]) == 0) {
            return true;
        }
    }
    if (!is_written(writer, name)) {
        option_describe_variable(writer->options, name, from, sizeof from);
        write_one(writer, name, HIDDEN, from);
    }
    return true;
}

static bool write_setting(void *ctx, const char *name, const char *value, const char *where)
{
    write_one(ctx, name, value, where);
    return true;
}

/* What stands in ferry.conf is told with its line, what it makes void with the reason. */
static void write_endpoints(struct writer *writer, const struct option_set *options)
{
    const char *name;
    const char *why;
    size_t at = 0;
    (void)option_each_endpoint_setting(options, write_setting, writer);
    while ((name = option_unused_variable(options, &at, &why)) != NULL) {
        char from[800];
        size_t len;
        option_describe_variable(options, name, from, sizeof from);
        len = strlen(from);
        snprintf(from + len, sizeof from - len, ": says nothing: %s", why);
        write_one(writer, name, HIDDEN, from);
    }
}

static bool write_config_property(void *ctx, const char *where, const char *name, const char *value,
                                  struct error *err)
{
    char shown[200];
    (void)err;
    snprintf(shown, sizeof shown, "kafka.%s", name);
    write_one(ctx, shown, value, where);
    return true;
}

/* Which of them are secrets the bus knows; no value is shown. */
static bool write_file_property(void *ctx, const char *where, const char *name, const char *value,
                                struct error *err)
{
    (void)value;
    return write_config_property(ctx, where, name, HIDDEN, err);
}

static void write_rule(struct writer *writer, const struct option_set *options)
{
    const char *values[CHROMA_VARIABLES];
    struct chroma_environment chroma;
    struct error err = {0};
    bool is_any = false;
    option_chroma_values(options, values);
    for (size_t i = 0; i < CHROMA_VARIABLES; i++) {
        is_any = is_any || values[i] != NULL;
    }
    if (is_any) {
        bool ok = chroma_environment_read(values, &chroma, &err);
        const char *target = option_text(options, "target");
        bool is_overruled =
            ok && chroma.target[0] != '\0' && target != NULL && strcmp(target, chroma.target) != 0;
        write_one(writer, "CHROMA_… variables", ok ? chroma.why : err.message,
                  is_overruled ? "rule, overruled: another target is set" : "rule");
    }
}

static bool is_unused(const struct option_set *options, const char *variable)
{
    const char *name;
    const char *why;
    size_t at = 0;
    while ((name = option_unused_variable(options, &at, &why)) != NULL) {
        if (strcmp(name, variable) == 0) {
            return true;
        }
    }
    return false;
}

static void write_variable(struct writer *writer, const char *name, bool is_secret)
{
    const char *value = option_environment(writer->options, name);
    char from[700];
    if (value != NULL && !is_unused(writer->options, name)) {
        /* What holds an @ may be an address with a password. */
        bool is_hidden = is_secret || strchr(value, '@') != NULL;
        option_describe_variable(writer->options, name, from, sizeof from);
        write_one(writer, name, is_hidden ? HIDDEN : value, from);
    }
}

static void write_variables(struct writer *writer)
{
    const char *name;
    const char *area = getenv("TMPDIR"); /* nothing looks for it in .env */
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        write_variable(writer, variables[i].name, variables[i].is_secret);
    }
    for (size_t i = 0; (name = library_environment_name(i)) != NULL; i++) {
        write_variable(writer, name, strcmp(name, "PGPASSWORD") == 0);
    }
    if (area != NULL && area[0] != '\0') {
        write_one(writer, "TMPDIR", area, "TMPDIR");
    }
}

/* One of the options that every program has; found: the file that is read without it, or NULL. */
static void write_file(struct writer *writer, const char *name, const char *found)
{
    const char *value = option_text(writer->options, name);
    char from[700] = "default";
    if (value != NULL) {
        option_describe(writer->options, name, from, sizeof from);
    }
    if (value != NULL || found != NULL) {
        write_one(writer, name, value != NULL ? value : found, from);
    }
}

static void write_options(struct writer *writer, const struct option_row *rows, size_t count)
{
    char from[700];
    for (size_t i = 0; i < count; i++) {
        const char *value = option_text(writer->options, rows[i].name);
        /* How the result is told is no setting of what is looked at. */
        if (value != NULL && strcmp(rows[i].name, "json") != 0) {
            option_describe(writer->options, rows[i].name, from, sizeof from);
            write_one(writer, rows[i].name, value, from);
        }
    }
}

bool doctor_settings(const struct option_set *options, const struct option_row *rows, size_t count,
                     bool as_json, struct buf *out, struct error *err)
{
    struct writer writer = {.options = options, .out = out, .as_json = as_json};
    struct error unread = {0}; /* which doctor_bus tells */
    write_file(&writer, "env-file", access(".env", R_OK) == 0 ? ".env" : NULL);
    write_file(&writer, "config", option_config_path(options));
    write_options(&writer, rows, count);
    write_variables(&writer);
    write_rule(&writer, options);
    write_endpoints(&writer, options);
    (void)!bus_environment_each(options, write_file_property, &writer, &unread);
    return option_each_property(options, write_config_property, &writer, err) &&
           option_each_variable(options, KAFKA_PREFIX, write_property, &writer, err) &&
           buf_check(out, "the settings", err);
}
