/*
 * Profiles: the limits and prices of a kind of target, from a data file (schemas/limits). The project's own are embedded;
 * another one is the text of a file of the same form.
 */
#ifndef FORMAT_QUOTA_PROFILE_H
#define FORMAT_QUOTA_PROFILE_H

#include "format/quota.h"

struct quota_prices { /* below 0: not known */
    char currency[8];
    char as_of[16];
    double written_per_gib;
    double returned_per_gib;
    double stored_per_gib_month;
};

struct quota_profile {
    char name[64];
    int version;
    char as_of[16];
    char source[256];
    struct quota_limits limits;
    struct quota_prices prices;
};

void quota_profile_none(
    struct quota_profile *out); /* "none": nothing is checked, no price is known */
/* where: the file's name, for messages. ERROR_USAGE: not of the form, or a limit that is not known (names those that are). */
MUST_CHECK bool quota_profile_parse(struct span text, const char *where, struct quota_profile *out,
                                    struct error *err);
/* An embedded one, or "none", by name. *found = false: there is none of that name. */
MUST_CHECK bool quota_profile_find(const char *name, struct quota_profile *out, bool *found,
                                   struct error *err);
void quota_profile_write_names(struct buf *out); /* "none, chroma-cloud" */

struct quota_embedded { /* generated, ends with name NULL */
    const char *name;
    const char *text;
};
extern const struct quota_embedded quota_embedded[];

#endif
