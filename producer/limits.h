/*
 * The target's limits as a job has them: a profile, values that override it, and what to do with a record that breaks
 * one. Chosen by options when a job is submitted, kept in its settings, changed only by an option that is given again.
 */
#ifndef PRODUCER_LIMITS_H
#define PRODUCER_LIMITS_H

#include "app/option.h"
#include "format/quota_profile.h"

enum limit_policy {
    LIMIT_POLICY_REJECT,   /* the record is a reject, the others go on */
    LIMIT_POLICY_FAIL,     /* the job is blocked */
    LIMIT_POLICY_TRUNCATE, /* document_bytes only: the document is cut */
};
const char *limit_policy_name(enum limit_policy policy);

struct target_limits {
    struct quota_profile profile; /* its limits are those that hold, overrides included */
    bool is_overridden[QUOTA_RULE_COUNT];
    enum limit_policy policies[QUOTA_RECORD_RULES];
};

/* --target-profile, --limit and --on-limit. by_itself: the profile without the first, by what the target is. ERROR_USAGE
 * names what is wrong and what is known. Reads a file when the profile is one. */
MUST_CHECK bool limits_from_options(const struct option_set *options, const char *by_itself,
                                    struct target_limits *out, struct error *err);
/* For a job that has its limits: only what is given explicitly changes them. */
MUST_CHECK bool limits_change(const struct option_set *options, struct target_limits *limits,
                              struct error *err);

/* {"profile":…,"version":…,"most":{…},"overridden":[…],"on_limit":{…}}, and back. */
void limits_write(const struct target_limits *limits, struct buf *out);
struct document;
MUST_CHECK bool limits_read(const struct document *settings, struct target_limits *out,
                            struct error *err);

/* At most so many records in a batch, given as many wanted. */
int64_t limits_batch_records(const struct target_limits *limits, int64_t wanted);

#endif
