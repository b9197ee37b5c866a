/* The target's limits out of options; see limits.h. Decides nothing about a record: that is admit.c. */
#include "producer/limits_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static bool read_file(const char *path, struct buf *out, struct error *err)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        struct buf known;
        int why = errno;
        buf_init(&known, KIB);
        quota_profile_write_names(&known);
        error_set(
            err, ERROR_USAGE,
            "--target-profile: \"%.200s\" is neither a known profile (%s) nor a file that can "
            "be read: %s",
            path, buf_cstr(&known), strerror(why));
        buf_deinit(&known);
        return false;
    }
    uint8_t *room = buf_reserve(out, LIMIT_CONTROL_DOCUMENT);
    bool ok = room != NULL;
    if (ok) {
        out->len += fread(room, 1, LIMIT_CONTROL_DOCUMENT, file);
        ok = !ferror(file);
    }
    fclose(file);
    return ok || error_set(err, ERROR_USAGE, "--target-profile: %.200s cannot be read", path);
}

static bool take_profile(const char *name, struct target_limits *out, struct error *err)
{
    bool found = false;
    memset(out, 0, sizeof *out);
    if (!quota_profile_find(name, &out->profile, &found, err) || found) {
        return err->kind == ERROR_NONE;
    }
    struct buf text;
    buf_init(&text, LIMIT_CONTROL_DOCUMENT);
    bool ok = read_file(name, &text, err) &&
              quota_profile_parse(buf_span(&text), name, &out->profile, err);
    buf_deinit(&text);
    return ok;
}

static bool take_overrides(const struct option_set *options, struct target_limits *out,
                           struct error *err)
{
    const char *limits = option_text(options, "limit");
    const char *policies = option_text(options, "on-limit");
    return (limits == NULL || limits_take_values(limits, out, err)) &&
           (policies == NULL || limits_take_policies(policies, out, err));
}

bool limits_from_options(const struct option_set *options, const char *by_itself,
                         struct target_limits *out, struct error *err)
{
    const char *name = option_text(options, "target-profile");
    return take_profile(name != NULL ? name : by_itself, out, err) &&
           take_overrides(options, out, err);
}

bool limits_change(const struct option_set *options, struct target_limits *limits,
                   struct error *err)
{
    const char *name = option_text(options, "target-profile");
    if (name != NULL) {
        struct target_limits fresh;
        if (!take_profile(name, &fresh, err)) {
            return false;
        }
        memcpy(fresh.policies, limits->policies, sizeof fresh.policies);
        *limits = fresh;
    }
    return take_overrides(options, limits, err);
}

int64_t limits_batch_records(const struct target_limits *limits, int64_t wanted)
{
    int64_t most = limits->profile.limits.most[QUOTA_WRITE_RECORDS];
    return most < wanted ? most : wanted;
}
