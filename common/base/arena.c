/*
 * The arena: a list of blocks, the newest in use. Large requests get a block of their own behind
 * the newest, so that a vector does not waste what is left of it. Nothing is freed singly;
 * arena_reset gives all memory back.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"

#define ALIGNMENT   16u
#define BLOCK_BYTES (64u * KIB)
#define LARGE_BYTES (BLOCK_BYTES / 4)

struct arena_block {
    struct arena_block *older;
    size_t size; /* bytes behind this header */
    size_t used;
    alignas(ALIGNMENT) uint8_t bytes[];
};

void arena_init(struct arena *arena, size_t max)
{
    assert(max > 0);
    *arena = (struct arena){.max = max};
}

void arena_deinit(struct arena *arena)
{
    arena_reset(arena);
    arena->max = 0;
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *older = arena->blocks->older;

        free(arena->blocks);
        arena->blocks = older;
    }
    arena->used = 0;
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block =
        size <= SIZE_MAX - sizeof *block ? malloc(sizeof *block + size) : NULL;

    if (block) {
        block->older = NULL;
        block->size = size;
        block->used = 0;
    }
    return block;
}

/* A block with room for `size`; NULL when out of memory. */
static struct arena_block *block_for(struct arena *arena, size_t size)
{
    struct arena_block *newest = arena->blocks;
    struct arena_block *block;

    if (newest && newest->size - newest->used >= size) {
        return newest;
    }
    block = block_new(size > LARGE_BYTES ? size : BLOCK_BYTES);
    if (!block) {
        return NULL;
    }
    if (newest && size > LARGE_BYTES) {
        block->older = newest->older;
        newest->older = block;
    } else {
        block->older = newest;
        arena->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block;
    void *out;
    size_t rounded;

    if (size > arena->max - arena->used) {
        return NULL;
    }
    /* Nothing still gets an address of its own; the last piece may fall short of the alignment. */
    rounded = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded < size) {
        return NULL;
    }
    block = block_for(arena, rounded);
    if (!block) {
        return NULL;
    }
    out = block->bytes + block->used;
    block->used += rounded;
    arena->used += rounded < arena->max - arena->used ? rounded : arena->max - arena->used;
    return out;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    void *out;

    if (!size_multiply(count, size, &total)) {
        return NULL;
    }
    out = arena_alloc(arena, total);
    if (out) {
        memset(out, 0, total);
    }
    return out;
}
