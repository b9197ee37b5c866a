/* The steps of looking at one server. Internal to doctor_side.c, which has most, and doctor_collection.c. */
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

step_fn doctor_look_collection, doctor_look_dimension, doctor_look_space;
/* Adds the fail; always false. */
bool doctor_fails(struct look *look, const char *name, const char *advice, const struct error *err);

#endif
