/*
 * The lists that --limit and --on-limit take: NAME=VALUE or NAME=POLICY, by commas. A name that is not known is refused
 * with those that are.
 */
#include "producer/limits_parts.h"

#include <string.h>

#include "base/limits.h"
#include "base/number.h"

static const char *const policy_names[] = {
    [LIMIT_POLICY_REJECT] = "reject",
    [LIMIT_POLICY_FAIL] = "fail",
    [LIMIT_POLICY_TRUNCATE] = "truncate-document",
};

const char *limit_policy_name(enum limit_policy policy)
{
    return policy_names[policy];
}

bool limits_find_policy(struct span name, enum limit_policy *out)
{
    for (size_t i = 0; i < ARRAY_LEN(policy_names); i++) {
        if (span_equal(span_from_str(policy_names[i]), name)) {
            *out = (enum limit_policy)i;
            return true;
        }
    }
    return false;
}

/* Next item of a list: NAME=VALUE, or VALUE alone. Spaces around them do not count. */
struct item {
    struct span name; /* empty: there is no = */
    struct span value;
};

static struct span trim(struct span text)
{
    while (text.len > 0 && text.ptr[0] == ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && text.ptr[text.len - 1] == ' ') {
        text.len--;
    }
    return text;
}

static bool next_item(const char **rest, struct item *out)
{
    while (**rest == ',' || **rest == ' ') {
        (*rest)++;
    }
    if (**rest == '\0') {
        return false;
    }
    struct span whole = {(const uint8_t *)*rest, strcspn(*rest, ",")};
    const uint8_t *equals = memchr(whole.ptr, '=', whole.len);
    *rest += whole.len;
    *out = (struct item){.value = trim(whole)};
    if (equals != NULL) {
        size_t before = (size_t)(equals - whole.ptr);
        out->name = trim((struct span){whole.ptr, before});
        out->value = trim((struct span){equals + 1, whole.len - before - 1});
    }
    return true;
}

/* "--limit: there is no limit "x"; known are …" */
static bool refuse_name(const char *option, struct span name, struct error *err)
{
    struct buf shown;
    struct buf known;
    buf_init(&shown, KIB);
    buf_init(&known, 2 * KIB);
    buf_append_printable(&shown, name, 40);
    quota_write_rule_names(&known);
    error_set(err, ERROR_USAGE, "%s: there is no limit \"%s\"; known are %s", option,
              buf_cstr(&shown), buf_cstr(&known));
    buf_deinit(&shown);
    buf_deinit(&known);
    return false;
}

static bool refuse_value(const char *option, const struct item *item, const char *wanted,
                         struct error *err)
{
    struct buf shown;
    buf_init(&shown, KIB);
    if (item->name.len > 0) {
        buf_append_printable(&shown, item->name, 40);
        buf_append_byte(&shown, '=');
    }
    buf_append_printable(&shown, item->value, 40);
    error_set(err, ERROR_USAGE, "%s: expected %s, got \"%s\"", option, wanted, buf_cstr(&shown));
    buf_deinit(&shown);
    return false;
}

bool limits_take_values(const char *list, struct target_limits *out, struct error *err)
{
    struct item item;
    while (next_item(&list, &item)) {
        enum quota_rule rule;
        int64_t most = QUOTA_UNLIMITED;
        if (item.name.len == 0) {
            return refuse_value("--limit", &item, "NAME=VALUE", err);
        }
        if (!quota_rule_find(item.name, &rule)) {
            return refuse_name("--limit", item.name, err);
        }
        int64_t least = rule == QUOTA_WRITE_RECORDS ? 1 : 0;
        if (!span_equal(item.value, SPAN_LITERAL("none")) &&
            (!number_parse_i64(item.value, &most) || most < least)) {
            return refuse_value("--limit", &item,
                                least == 0 ? "a whole number from 0 on, or none"
                                           : "a whole number from 1 on, or none",
                                err);
        }
        out->profile.limits.most[rule] = most;
        out->is_overridden[rule] = true;
    }
    return true;
}

static bool take_policy_of_rule(const struct item *item, struct target_limits *out,
                                struct error *err)
{
    enum quota_rule rule;
    enum limit_policy policy;
    if (!quota_rule_find(item->name, &rule)) {
        return refuse_name("--on-limit", item->name, err);
    }
    if ((unsigned)rule >= QUOTA_RECORD_RULES) {
        return error_set(err, ERROR_USAGE,
                         "--on-limit: %s is no limit of a single record and has no policy; --limit "
                         "%s=none takes it away",
                         quota_rule_name(rule), quota_rule_name(rule));
    }
    if (!limits_find_policy(item->value, &policy) ||
        (policy == LIMIT_POLICY_TRUNCATE && rule != QUOTA_DOCUMENT_BYTES)) {
        return refuse_value("--on-limit", item,
                            rule == QUOTA_DOCUMENT_BYTES ? "reject, fail or truncate-document"
                                                         : "reject or fail",
                            err);
    }
    out->policies[rule] = policy;
    return true;
}

/* A policy without a name is for all rules, but for truncate-document, which says itself what it is for. */
bool limits_take_policies(const char *list, struct target_limits *out, struct error *err)
{
    struct item item;
    while (next_item(&list, &item)) {
        enum limit_policy policy;
        if (item.name.len > 0) {
            if (!take_policy_of_rule(&item, out, err)) {
                return false;
            }
            continue;
        }
        if (!limits_find_policy(item.value, &policy)) {
            return refuse_value("--on-limit", &item,
                                "reject, fail, truncate-document or NAME=POLICY", err);
        }
        if (policy == LIMIT_POLICY_TRUNCATE) {
            out->policies[QUOTA_DOCUMENT_BYTES] = policy;
            continue;
        }
        for (size_t rule = 0; rule < QUOTA_RECORD_RULES; rule++) {
            out->policies[rule] = policy;
        }
    }
    return true;
}
