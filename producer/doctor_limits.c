/* How many records a job would write in one request, and who says so: the same three as where a plan is cut (plan.c). */
#include <inttypes.h>
#include <stdio.h>

#include "producer/doctor_steps.h"
#include "producer/job_limits.h"

/* A profile that was asked for, or the one that such a server has by itself; a value of --limit wins over both. */
static void describe_profile(const struct look *look, char *out, size_t size)
{
    const struct option_set *options = look->doctor->options;
    const struct target_limits *limits = &look->doctor->job.limits;
    bool is_overridden = limits->is_overridden[QUOTA_WRITE_RECORDS];
    char from[300] = "by what the server is";
    if (is_overridden || option_text(options, "target-profile") != NULL) {
        option_describe(options, is_overridden ? "limit" : "target-profile", from, sizeof from);
    }
    if (is_overridden) {
        snprintf(out, size, "%s", from);
    } else {
        snprintf(out, size, "profile %s, %s", limits->profile.name, from);
    }
}

static void look_at_target(struct look *look, const char *name)
{
    const struct option_set *options = look->doctor->options;
    int64_t wanted = option_number(options, "batch-records");
    int64_t server = look->side->limits.max_batch_records;
    int64_t records = server > 0 && server < wanted ? server : wanted;
    int64_t fitting = limits_batch_records(&look->doctor->job.limits, records);
    char why[400] = "what the server takes";
    if (fitting == look->doctor->job.limits.profile.limits.most[QUOTA_WRITE_RECORDS]) {
        describe_profile(look, why, sizeof why);
    } else if (records == wanted) {
        char from[300];
        option_describe(options, "batch-records", from, sizeof from);
        snprintf(why, sizeof why, "as batches are, %s", from);
    }
    checkup_add(
        &look->doctor->checkup, look->role, name, CHECK_OK, "",
        "%" PRId64 " records in one write (%s; the server takes %" PRId64 "), vectors as %s",
        fitting, why, server, look->side->limits.takes_base64 ? "base64" : "decimal numbers");
}

bool doctor_look_limits(struct look *look, const char *name)
{
    struct error err = {0};
    char text[120];
    if (!doctor_is_target(look)) {
        snprintf(text, sizeof text, "the server takes %u records in one write; it is only read",
                 look->side->limits.max_batch_records);
        return doctor_passes(look, name, text);
    }
    if (!job_limits_choose(&look->doctor->job, look->doctor->options, &err)) {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_SKIPPED, "",
                    "needs job options"); /* which have failed for the same reason */
        return true;
    }
    look_at_target(look, name);
    return true;
}
