/* What the limits*.c files share; internal to them. */
#ifndef PRODUCER_LIMITS_PARTS_H
#define PRODUCER_LIMITS_PARTS_H

#include "producer/limits.h"

/* The texts of --limit and --on-limit, on top of what stands in *out. ERROR_USAGE. */
MUST_CHECK bool limits_take_values(const char *list, struct target_limits *out, struct error *err);
MUST_CHECK bool limits_take_policies(const char *list, struct target_limits *out,
                                     struct error *err);
bool limits_find_policy(struct span name, enum limit_policy *out);

#endif
