/*
 * Before a job begins to write: what a cancelled job of the same target may still have on its way there is waited for,
 * and told. An older content must not come after a newer one.
 */
#ifndef PRODUCER_LANDING_H
#define PRODUCER_LANDING_H

#include "run/runtime.h"

/* Returns when nothing is on its way any more: at once, unless a job was cancelled in the last minutes. */
MUST_CHECK bool landing_wait(struct runtime *rt, const struct uuid *target, struct error *err);

#endif
