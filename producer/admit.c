/* The decision about one record; see admit.h. Of several broken limits the strictest policy counts. */
#include "producer/admit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static void leave_out(struct admit_verdict *out, const char *reason, const char *message)
{
    out->outcome = ADMIT_LEFT_OUT;
    out->reason = reason;
    snprintf(out->message, sizeof out->message, "%s", message);
}

/* What no target could take. */
static bool is_unfit(uint32_t dimension, const struct record *record, struct admit_verdict *out)
{
    if (record->embedding == NULL) {
        leave_out(out, "no_embedding", "the source has no vector for this record");
    } else if (!record->is_finite) {
        leave_out(out, "not_finite", "the vector has a component that is not a finite number");
    } else if (dimension != 0 && record->dimension != dimension) {
        leave_out(out, "wrong_dimension", "");
        snprintf(out->message, sizeof out->message,
                 "the vector has %zu components, the collection's dimension is %" PRIu32,
                 record->dimension, dimension);
    }
    return out->outcome == ADMIT_LEFT_OUT;
}

/* "a document of 20000 bytes, where the target takes 16384 (limit document_bytes; also uri_bytes)" */
static void describe(const struct quota_findings *findings, const struct quota_violation *first,
                     char out[ADMIT_MESSAGE])
{
    struct buf text;
    buf_init(&text, 4 * KIB);
    quota_describe(first, &text);
    buf_printf(&text, " (limit %s", quota_rule_name(first->rule));
    const char *separator = "; also ";
    for (size_t i = 0; i < findings->count; i++) {
        if (&findings->list[i] != first) {
            buf_printf(&text, "%s%s", separator, quota_rule_name(findings->list[i].rule));
            separator = ", ";
        }
    }
    buf_append_byte(&text, ')');
    snprintf(out, ADMIT_MESSAGE, "%s", buf_cstr(&text));
    buf_deinit(&text);
}

static const struct quota_violation *first_with(const struct quota_findings *findings,
                                                const struct target_limits *limits,
                                                enum limit_policy policy)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (limits->policies[findings->list[i].rule] == policy) {
            return &findings->list[i];
        }
    }
    return NULL;
}

bool admit_record(const struct target_limits *limits, uint32_t dimension, struct arena *arena,
                  struct record *record, struct admit_verdict *out, struct error *err)
{
    out->outcome = ADMIT_TRAVELS;
    out->reason = NULL;
    out->message[0] = '\0';
    if (!quota_check_record(&limits->profile.limits, record, &out->findings, err)) {
        return false;
    }
    if (is_unfit(dimension, record, out) || out->findings.count == 0) {
        return true;
    }
    const struct quota_violation *found = first_with(&out->findings, limits, LIMIT_POLICY_FAIL);
    if (found != NULL) {
        out->outcome = ADMIT_FAILS;
    } else {
        found = first_with(&out->findings, limits, LIMIT_POLICY_REJECT);
        out->outcome = found != NULL ? ADMIT_LEFT_OUT : ADMIT_TRUNCATED;
    }
    if (found != NULL) {
        out->reason = quota_rule_reason(found->rule);
        describe(&out->findings, found, out->message);
        return true;
    }
    const struct quota_violation *cut = &out->findings.list[0]; /* the one rule with that policy */
    if (!quota_truncate(record->document, cut->most, arena, &record->document, err)) {
        return false;
    }
    snprintf(out->message, sizeof out->message,
             "the document of %" PRId64 " bytes was cut to %zu (limit %s is %" PRId64 ")",
             cut->value, json_string_bytes(record->document), quota_rule_name(cut->rule),
             cut->most);
    return true;
}
