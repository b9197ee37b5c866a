/* The limits as JSON in a job's settings, and back. */
#include "producer/limits_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/document.h"
#include "format/json_write.h"

void limits_write(const struct target_limits *limits, struct buf *out)
{
    const char *comma = "";
    buf_append_str(out, "{\"profile\":");
    json_write_string(out, span_from_str(limits->profile.name));
    buf_printf(out, ",\"version\":%d,\"most\":{", limits->profile.version);
    for (enum quota_rule rule = 0; rule < QUOTA_RULE_COUNT; rule++) {
        if (limits->profile.limits.most[rule] != QUOTA_UNLIMITED) {
            buf_printf(out, "%s\"%s\":%" PRId64, comma, quota_rule_name(rule),
                       limits->profile.limits.most[rule]);
            comma = ",";
        }
    }
    comma = "";
    buf_append_str(out, "},\"overridden\":[");
    for (enum quota_rule rule = 0; rule < QUOTA_RULE_COUNT; rule++) {
        if (limits->is_overridden[rule]) {
            buf_printf(out, "%s\"%s\"", comma, quota_rule_name(rule));
            comma = ",";
        }
    }
    comma = "";
    buf_append_str(out, "],\"on_limit\":{");
    for (enum quota_rule rule = 0; rule < (enum quota_rule)QUOTA_RECORD_RULES; rule++) {
        if (limits->policies[rule] != LIMIT_POLICY_REJECT) {
            buf_printf(out, "%s\"%s\":\"%s\"", comma, quota_rule_name(rule),
                       limit_policy_name(limits->policies[rule]));
            comma = ",";
        }
    }
    buf_append_str(out, "}}");
}

static bool read_most(const struct document *most, struct quota_limits *out)
{
    for (const struct document *member = document_first(most); member != NULL;
         member = document_next(member)) {
        enum quota_rule rule;
        double value = document_number(member, -1);
        if (!quota_rule_find(span_from_str(document_name(member)), &rule) ||
            !(value >= 0 && value < 9e18)) {
            return false;
        }
        out->most[rule] = (int64_t)value;
    }
    return true;
}

static bool read_policies(const struct document *policies, enum limit_policy *out)
{
    for (const struct document *member = document_first(policies); member != NULL;
         member = document_next(member)) {
        enum quota_rule rule;
        if (!quota_rule_find(span_from_str(document_name(member)), &rule) ||
            (unsigned)rule >= QUOTA_RECORD_RULES ||
            !limits_find_policy(span_from_str(document_string(member, "")), &out[rule])) {
            return false;
        }
    }
    return true;
}

bool limits_read(const struct document *settings, struct target_limits *out, struct error *err)
{
    memset(out, 0, sizeof *out);
    quota_profile_none(&out->profile);
    if (!read_most(document_get(settings, "most"), &out->profile.limits) ||
        !read_policies(document_get(settings, "on_limit"), out->policies)) {
        return error_set(err, ERROR_INTEGRITY,
                         "the job's settings hold limits that this program does "
                         "not know: use the one that submitted it");
    }
    snprintf(out->profile.name, sizeof out->profile.name, "%s",
             document_string(document_get(settings, "profile"), "none"));
    double version = document_number(document_get(settings, "version"), 0);
    out->profile.version = version > 0 && version < INT32_MAX ? (int)version : 0;
    const struct document *overridden = document_get(settings, "overridden");
    for (int i = 0; i < document_length(overridden); i++) {
        enum quota_rule rule;
        if (quota_rule_find(span_from_str(document_string(document_at(overridden, i), "")),
                            &rule)) {
            out->is_overridden[rule] = true;
        }
    }
    return true;
}
