/*
 * Deleting a collection that the ferry has made itself, and no other: the only way in which it ever deletes one. Servers delete
 * by name, and between a look at a name and the deletion another collection may come under it. So the collection is first
 * renamed by its UUID, to a name that nobody else uses, looked at once more and deleted under that name; where a server does not
 * rename, it is looked at right before.
 */
#ifndef PRODUCER_DISCARD_H
#define PRODUCER_DISCARD_H

#include "producer/side.h"

#define DISCARD_NAME_SIZE 64
/* What it is named meanwhile: says which one it is, so that one whose deletion was cut short is found again. */
void discard_name(const struct uuid *uuid, char out[DISCARD_NAME_SIZE]);

/* May it go? Looks at side->collection, twice. ERROR_REJECTED: no, it is somebody's; then it has its own name again. */
typedef bool discard_check_fn(void *ctx, struct error *err);
/* Deletes side->collection, whose own name is `name`; it may bear that of discard_name already. False: it is still there, as
 * far as is known, and *err says under which name. */
MUST_CHECK bool discard(struct runtime *rt, struct side *side, const char *name,
                        discard_check_fn *check, void *ctx, struct error *err);

#endif
