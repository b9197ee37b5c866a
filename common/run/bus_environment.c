/* See bus_environment.h. What a property may be is the bus's business; here is only where it stands. */
#include "run/bus_environment.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/environment.h"
#include "app/log.h"
#include "base/limits.h"

#define PREFIX       "FERRY_KAFKA_"
#define PROPERTY_MAX 128u /* longer than any property's */

/* Without the blanks around it; in place. */
static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (*text == ' ' || *text == '\t') {
        text++;
    }
    while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) {
        end--;
    }
    *end = '\0';
    return text;
}

struct taker { /* of the file's properties */
    option_property_fn *fn;
    void *ctx;
};

static bool take_line(const struct taker *taker, const char *where, char *line, struct error *err)
{
    static const char kafka[] = "kafka.";
    char *name = trim(line);
    char *equals = strchr(name, '=');

    if (*name == '\0' || *name == '#' || *name == '!') {
        return true;
    }
    if (equals == NULL || equals == name) { /* the line is not shown: it may be a secret */
        return error_set(err, ERROR_USAGE, "%s: expected PROPERTY=VALUE", where);
    }
    *equals = '\0';
    name = trim(name);
    if (strlen(name) > PROPERTY_MAX || name[strcspn(name, " \t\"'")] != '\0') {
        return error_set(err, ERROR_USAGE, "%s: what stands before = is no property", where);
    }
    name += strncmp(name, kafka, sizeof kafka - 1) == 0 ? sizeof kafka - 1 : 0;
    return taker->fn(taker->ctx, where, name, trim(equals + 1), err);
}

static bool take_lines(const struct taker *taker, const char *path, struct buf *text,
                       struct error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some editors write it */
    char *at = (char *)text->ptr;
    char *end = at + text->len;

    at += strncmp(at, mark, sizeof mark - 1) == 0 ? sizeof mark - 1 : 0;
    for (unsigned number = 1; at < end; number++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        char where[300];

        snprintf(where, sizeof where, "%.250s, line %u", path, number);
        *stop = '\0';
        if (strlen(at) != (size_t)(stop - at)) {
            return error_set(err, ERROR_USAGE, "%s: a NUL byte", where);
        }
        if (!take_line(taker, where, at, err)) {
            return false;
        }
        at = stop + 1;
    }
    return true;
}

static bool take_file(const struct taker *taker, const char *path, struct error *err)
{
    struct buf text;
    bool exists = false;
    bool ok = false;

    buf_init(&text, LIMIT_ENV_FILE);
    /* Room for all of it at once: a buffer that grows leaves copies of secrets behind. */
    if (buf_reserve(&text, LIMIT_ENV_FILE) == NULL) {
        return error_set(err, ERROR_NOMEM, "no memory for %s", path);
    }
    if (!environment_load(path, &text, &exists, err)) {
        error_wrap(err, "--kafka-config");
    } else if (!exists) {
        error_set(err, ERROR_USAGE, "--kafka-config: there is no file %s", path);
    } else {
        buf_append_byte(&text, '\n');
        ok = buf_check(&text, path, err) && take_lines(taker, path, &text, err);
    }
    explicit_bzero(text.ptr, text.cap);
    buf_deinit(&text);
    return ok;
}

static bool take_variable(void *ctx, const char *variable, const char *value, struct error *err)
{
    static const char *const ours[] = {"BROKERS", "CONFIG", "INSECURE"};
    const char *rest = variable + sizeof PREFIX - 1;
    char name[PROPERTY_MAX];
    size_t len = strlen(rest);

    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(rest, ours[i]) == 0) {
            return true;
        }
    }
    if (len == 0 || len >= sizeof name) {
        return error_set(err, ERROR_USAGE, "%.60s…: no property has such a name", variable);
    }
    for (size_t i = 0; i <= len; i++) {
        name[i] = (char)(rest[i] == '_' ? '.' : tolower((unsigned char)rest[i]));
    }
    return bus_properties_set(ctx, variable, name, value, err);
}

static bool take_property(void *ctx, const char *where, const char *name, const char *value,
                          struct error *err)
{
    return bus_properties_set(ctx, where, name, value, err);
}

bool bus_environment_each(const struct option_set *options, option_property_fn *fn, void *ctx,
                          struct error *err)
{
    const char *path = option_text(options, "kafka-config");
    struct taker taker = {fn, ctx};

    return path == NULL || take_file(&taker, path, err);
}

struct bus_properties *bus_environment_read(const struct option_set *options, struct error *err)
{
    struct bus_properties *properties =
        bus_properties_new(option_flag(options, "kafka-insecure"), err);

    if (properties == NULL) {
        return NULL;
    }
    if (!option_each_property(options, take_property, properties, err) ||
        !bus_environment_each(options, take_property, properties, err) ||
        !option_each_variable(options, PREFIX, take_variable, properties, err) ||
        !bus_properties_check(properties, err)) {
        bus_properties_free(properties);
        return NULL;
    }
    if (bus_properties_insecure(properties) != NULL) {
        log_event(LOG_WARN, "bus.insecure",
                  LOG_TEXT("property", bus_properties_insecure(properties)),
                  LOG_TEXT("reason", "a check of the brokers is switched off"));
    }
    return properties;
}
