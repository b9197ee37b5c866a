/*
 * A region for everything that lives as long as one batch: allocate, never free singly, reset as a whole.
 * Has a ceiling, so that a hostile batch fails alone. Not thread safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first, owned */
    size_t used;                /* bytes handed out since the reset */
    size_t max;                 /* ceiling in bytes */
};

void arena_init(struct arena *arena, size_t max);
void arena_deinit(struct arena *arena);
void arena_reset(struct arena *arena); /* everything handed out becomes invalid; memory goes back */
/* 16-byte aligned, uninitialised; NULL at the ceiling or out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_alloc_array(struct arena *arena, size_t count, size_t size); /* zeroed; overflow safe */

#endif
