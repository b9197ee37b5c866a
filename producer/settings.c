/* See settings.h. */
#include "producer/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/compiler.h"
#include "base/number.h"

#define DEFAULT_MAX_REJECTS "1%"
#define LEAST_MAX_REJECTS   20 /* of a percentage */

static bool is_policy(const char *text)
{
    return strcmp(text, "mirror") == 0 || strcmp(text, "skip") == 0 || strcmp(text, "fail") == 0;
}

static bool are_digits(const char *text, size_t len, size_t most)
{
    return len >= 1 && len <= most && strspn(text, "0123456789") >= len;
}

/* N, or P% with or without a fraction: what ferry.check_settings() takes. */
static bool is_count_or_percentage(const char *text)
{
    size_t len = strlen(text);
    const char *point = strchr(text, '.');

    if (len == 0 || text[len - 1] != '%') {
        return are_digits(text, len, 12);
    }
    size_t whole = point != NULL ? (size_t)(point - text) : len - 1;
    return are_digits(text, whole, 3) &&
           (point == NULL || are_digits(point + 1, len - whole - 2, 6));
}

static bool check_most(const char *name, const char *text, struct error *err)
{
    return text == NULL || is_count_or_percentage(text) ||
           error_set(err, ERROR_USAGE,
                     "--%s must be a number, or a percentage like 2%% or 0.5%%, not \"%.40s\"",
                     name, text);
}

bool settings_read(struct settings *out, const struct option_set *options, struct error *err)
{
    *out = (struct settings){.on_existing = option_text(options, "on-existing"),
                             .max_rejects = option_text(options, "max-rejects"),
                             .max_delete = option_text(options, "max-delete"),
                             .batch_records = option_number(options, "batch-records"),
                             .catch_up = option_flag(options, "catch-up"),
                             .exact_target = option_flag(options, "exact-target"),
                             .delete_extra = option_flag(options, "delete-extra"),
                             .catch_up_rounds = option_number(options, "catch-up-rounds")};
    if (out->on_existing != NULL && !is_policy(out->on_existing)) {
        return error_set(err, ERROR_USAGE,
                         "--on-existing must be mirror, skip or fail, not \"%.40s\"",
                         out->on_existing);
    }
    if (!check_most("max-rejects", out->max_rejects, err) ||
        !check_most("max-delete", out->max_delete, err)) {
        return false;
    }
    if (out->delete_extra && out->on_existing != NULL && strcmp(out->on_existing, "skip") == 0) {
        return error_set(err, ERROR_USAGE,
                         "--delete-extra makes the target a mirror of the source, --on-existing "
                         "skip leaves records as they are: choose one");
    }
    if (out->catch_up_rounds != 0 && !out->catch_up &&
        option_origin(options, "catch-up-rounds") == OPTION_COMMAND_LINE) {
        return error_set(err, ERROR_USAGE, "--catch-up-rounds needs --catch-up");
    }
    return true;
}

/* Of a percentage that is_count_or_percentage() has let pass: millionths of a percent, so that nothing is rounded. */
static int64_t parse_percent(const char *text)
{
    int64_t value = 0;
    int decimals = -1; /* before the point */
    for (; *text != '%'; text++) {
        if (*text == '.') {
            decimals = 0;
            continue;
        }
        value = value * 10 + (*text - '0');
        decimals += decimals >= 0;
    }
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 6; decimals++) {
        value *= 10;
    }
    return value;
}

int64_t settings_max_rejects(const struct settings *settings, int64_t planned)
{
    const char *text = settings->max_rejects != NULL ? settings->max_rejects : DEFAULT_MAX_REJECTS;
    int64_t most = 0;
    if (strchr(text, '%') == NULL) {
        return number_parse_i64(span_from_str(text), &most) ? most : 0;
    }
    if (__builtin_mul_overflow(planned, parse_percent(text), &most)) {
        return INT64_MAX;
    }
    most /= 100 * 1000000;
    return most > LEAST_MAX_REJECTS ? most : LEAST_MAX_REJECTS;
}

static void write_flag(struct buf *out, const char *name, bool is_set)
{
    if (is_set) {
        buf_printf(out, ",\"%s\":true", name);
    }
}

void settings_write(const struct settings *settings, struct buf *out)
{
    buf_printf(out, "{\"batch_records\":%" PRId64, settings->batch_records);
    if (settings->on_existing != NULL) {
        buf_printf(out, ",\"on_existing\":\"%s\"", settings->on_existing);
    }
    if (settings->max_rejects != NULL) {
        buf_printf(out, ",\"max_rejects\":\"%s\"", settings->max_rejects);
    }
    if (settings->max_delete != NULL) {
        buf_printf(out, ",\"max_delete\":\"%s\"", settings->max_delete);
    }
    if (settings->limits != NULL) {
        buf_append_str(out, ",\"limits\":");
        limits_write(settings->limits, out);
    }
    write_flag(out, "catch_up", settings->catch_up);
    write_flag(out, "exact_target", settings->exact_target);
    write_flag(out, "delete_extra", settings->delete_extra);
    if (settings->catch_up && settings->catch_up_rounds != 0) {
        buf_printf(out, ",\"catch_up_rounds\":%" PRId64, settings->catch_up_rounds);
    }
    buf_append_byte(out, '}');
}
