/* One arena for all tests of a program: cmocka's group setup and teardown. */
#ifndef SUPPORT_SCRATCH_ARENA_H
#define SUPPORT_SCRATCH_ARENA_H

#include "base/arena.h"
#include "base/limits.h"

static struct arena arena;

static inline int arena_set_up(void **state)
{
    (void)state;
    arena_init(&arena, LIMIT_BATCH_ARENA);
    return 0;
}

static inline int arena_tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

#endif
