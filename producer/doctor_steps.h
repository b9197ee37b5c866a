/* The steps of looking at one server. Internal to doctor_side.c, which has most, doctor_limits.c, doctor_place.c,
 * doctor_collection.c and doctor_likeness.c. */
#ifndef PRODUCER_DOCTOR_STEPS_H
#define PRODUCER_DOCTOR_STEPS_H

#include "producer/doctor.h"

struct look {
    struct doctor *doctor;
    const char *role;
    struct side *side;
    struct error identify, preflight, tenant; /* answers that two steps look at */
    const char *skipped; /* why what follows is not looked at, although nothing failed; or NULL */
};

/* Adds what it found under its name. False: what follows needs it, and is skipped. */
typedef bool step_fn(struct look *look, const char *name);

step_fn doctor_look_limits, doctor_look_tenant, doctor_look_database;
step_fn doctor_look_collection, doctor_look_dimension, doctor_look_space;
bool doctor_is_target(const struct look *look);

/* doctor_collection.c: the first of many, for a line. Zeroed: none. */
struct doctor_named {
    size_t count;
    char text[480]; /* "docs" of default_tenant/old, "notes" and 7 more */
};
/* What follows the name: "" or what about it. */
void doctor_name_pair(const struct look *look, struct doctor_named *named, const struct pair *pair,
                      const char *what);
/* The text, with the number of those that are not named; no more can be added then. */
const char *doctor_names(struct doctor_named *named);
struct side *doctor_side_of(const struct look *look, struct pair *pair);

/* Adds that it is well, with what was found; always true. */
bool doctor_passes(struct look *look, const char *name, const char *found);
/* Adds the fail; always false. */
bool doctor_fails(struct look *look, const char *name, const char *advice, const struct error *err);

#endif
