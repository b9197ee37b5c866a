/* Reading profiles; see quota_profile.h. Strict about names: a limit that is misspelled would not be checked. */
#include "format/quota_profile.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "format/document.h"

#define PROFILE_FORMAT 1
#define MOST_EXACT     9007199254740992.0 /* 2^53: a number of a control document is a double */

static void copy(char *out, size_t size, const struct document *text)
{
    snprintf(out, size, "%s", document_string(text, ""));
}

static bool refuse_name(const char *where, const char *name, struct error *err)
{
    struct buf known;
    buf_init(&known, 2 * KIB);
    quota_write_rule_names(&known);
    error_set(err, ERROR_USAGE, "%s: there is no limit \"%.40s\"; known are %s", where, name,
              buf_cstr(&known));
    buf_deinit(&known);
    return false;
}

static bool read_limits(const struct document *limits, const char *where, struct quota_limits *out,
                        struct error *err)
{
    quota_limits_init(out);
    for (const struct document *member = document_first(limits); member != NULL;
         member = document_next(member)) {
        enum quota_rule rule;
        double value = document_number(member, -1);
        if (!quota_rule_find(span_from_str(document_name(member)), &rule)) {
            return refuse_name(where, document_name(member), err);
        }
        if (!(value >= 0 && value < MOST_EXACT) || value != (double)(int64_t)value) {
            return error_set(err, ERROR_USAGE, "%s: limit %s is not a whole number from 0 on",
                             where, quota_rule_name(rule));
        }
        out->most[rule] = (int64_t)value;
    }
    return true;
}

static void read_prices(const struct document *prices, struct quota_prices *out)
{
    copy(out->currency, sizeof out->currency, document_get(prices, "currency"));
    copy(out->as_of, sizeof out->as_of, document_get(prices, "as_of"));
    out->written_per_gib = document_number(document_get(prices, "written_per_gib"), -1);
    out->returned_per_gib = document_number(document_get(prices, "returned_per_gib"), -1);
    out->stored_per_gib_month = document_number(document_get(prices, "stored_per_gib_month"), -1);
}

void quota_profile_none(struct quota_profile *out)
{
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "none");
    quota_limits_init(&out->limits);
    read_prices(NULL, &out->prices);
}

bool quota_profile_parse(struct span text, const char *where, struct quota_profile *out,
                         struct error *err)
{
    struct document *root = NULL;
    struct error why = {0};
    quota_profile_none(out);
    if (!document_parse(text, &root, &why)) {
        return error_set(err, ERROR_USAGE, "%s: %s", where, why.message);
    }
    const struct document *limits = document_get(root, "limits");
    bool ok = true;
    if (document_number(document_get(root, "format"), 0) != PROFILE_FORMAT ||
        document_string(document_get(root, "profile"), "")[0] == '\0' || limits == NULL) {
        ok = error_set(err, ERROR_USAGE,
                       "%s: not a profile of limits; it needs \"format\": %d, \"profile\" and "
                       "\"limits\" (see schemas/limits)",
                       where, PROFILE_FORMAT);
    } else {
        copy(out->name, sizeof out->name, document_get(root, "profile"));
        copy(out->as_of, sizeof out->as_of, document_get(root, "as_of"));
        copy(out->source, sizeof out->source, document_get(root, "source"));
        double version = document_number(document_get(root, "version"), 0);
        out->version = version >= 0 && version < INT32_MAX ? (int)version : 0;
        read_prices(document_get(root, "prices"), &out->prices);
        ok = read_limits(limits, where, &out->limits, err);
    }
    document_free(root);
    return ok;
}

bool quota_profile_find(const char *name, struct quota_profile *out, bool *found, struct error *err)
{
    *found = strcmp(name, "none") == 0;
    if (*found) {
        quota_profile_none(out);
        return true;
    }
    for (const struct quota_embedded *at = quota_embedded; at->name != NULL; at++) {
        if (strcmp(at->name, name) == 0) {
            *found = true;
            return quota_profile_parse(span_from_str(at->text), name, out, err);
        }
    }
    return true;
}

void quota_profile_write_names(struct buf *out)
{
    buf_append_str(out, "none");
    for (const struct quota_embedded *at = quota_embedded; at->name != NULL; at++) {
        buf_printf(out, ", %s", at->name);
    }
}
