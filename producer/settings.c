/* See settings.h. */
#include "producer/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/compiler.h"

static bool is_policy(const char *text)
{
    return strcmp(text, "mirror") == 0 || strcmp(text, "skip") == 0 || strcmp(text, "fail") == 0;
}

static bool are_digits(const char *text, size_t len, size_t most)
{
    return len >= 1 && len <= most && strspn(text, "0123456789") >= len;
}

/* N, or P% with or without a fraction: what ferry.check_settings() takes. */
static bool is_max_rejects(const char *text)
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

bool settings_read(struct settings *out, const struct option_set *options, struct error *err)
{
    *out = (struct settings){.on_existing = option_text(options, "on-existing"),
                             .max_rejects = option_text(options, "max-rejects"),
                             .batch_records = option_number(options, "batch-records")};
    if (out->on_existing != NULL && !is_policy(out->on_existing)) {
        return error_set(err, ERROR_USAGE,
                         "--on-existing must be mirror, skip or fail, not \"%.40s\"",
                         out->on_existing);
    }
    if (out->max_rejects != NULL && !is_max_rejects(out->max_rejects)) {
        return error_set(
            err, ERROR_USAGE,
            "--max-rejects must be a number, or a percentage like 2%% or 0.5%%, not \"%.40s\"",
            out->max_rejects);
    }
    return true;
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
    if (settings->limits != NULL) {
        buf_append_str(out, ",\"limits\":");
        limits_write(settings->limits, out);
    }
    buf_append_byte(out, '}');
}
