/*
 * Private to format: memory from an arena with the reason when there is none, and the characters of
 * JSON strings. Nothing here is freed singly; it goes with the arena.
 */
#ifndef FORMAT_SCRATCH_H
#define FORMAT_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "format/json_scan.h"

/* NULL with ERROR_LIMIT (the arena's ceiling) or ERROR_NOMEM. Uninitialised; never NULL for size 0. */
void *scratch_alloc(struct arena *arena, size_t size, struct error *err);
/* The same, zeroed. */
void *scratch_array(struct arena *arena, size_t count, size_t size, struct error *err);
/* A growing array: returns the place of `items` (count used, *room allocated) with room for one
 * more element, moved and *room raised when it was full. New elements are zeroed. NULL as above. */
void *scratch_grow(struct arena *arena, void *items, size_t count, size_t *room, size_t size,
                   struct error *err);

/* The characters of a JSON string: the slice itself when nothing in it is escaped, else decoded
 * into the arena. */
MUST_CHECK bool scratch_string(struct json_value string, struct arena *arena, struct span *out,
                               struct error *err);

#endif
