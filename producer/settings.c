/* See settings.h. */
#include "producer/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/compiler.h"

static bool is_policy(const char *text)
{
    return strcmp(text, "mirror") == 0 || strcmp(text, "skip") == 0 || strcmp(text, "fail") == 0;
}

bool settings_read(struct settings *out, const struct option_set *options, struct error *err)
{
    *out = (struct settings){.on_existing = option_text(options, "on-existing"),
                             .batch_records = option_number(options, "batch-records")};
    if (out->on_existing != NULL && !is_policy(out->on_existing)) {
        return error_set(err, ERROR_USAGE,
                         "--on-existing must be mirror, skip or fail, not \"%.40s\"",
                         out->on_existing);
    }
    return true;
}

void settings_write(const struct settings *settings, struct buf *out)
{
    buf_printf(out, "{\"batch_records\":%" PRId64, settings->batch_records);
    if (settings->on_existing != NULL) {
        buf_printf(out, ",\"on_existing\":\"%s\"", settings->on_existing);
    }
    if (settings->limits != NULL) {
        buf_append_str(out, ",\"limits\":");
        limits_write(settings->limits, out);
    }
    buf_append_byte(out, '}');
}
