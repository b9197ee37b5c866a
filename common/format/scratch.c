/*
 * Arena memory with a reason, and JSON strings as characters. Private to format: everything that
 * parses a batch or an answer builds on it. It does not decide how large an arena is; the caller of
 * the layer does.
 */
#include "format/scratch.h"

#include <string.h>

#include "base/number.h"

#define SCRATCH_SLACK 64u /* what alignment may cost on top of a request */

static void *no_room(const struct arena *arena, size_t size, struct error *err)
{
    size_t left = arena->max > arena->used ? arena->max - arena->used : 0;
    if (size > left || left - size < SCRATCH_SLACK) {
        error_set(err, ERROR_LIMIT,
                  "needs more than the %zu bytes that one batch may take in memory", arena->max);
    } else {
        error_set(err, ERROR_NOMEM, "no memory for %zu bytes", size);
    }
    return NULL;
}

void *scratch_alloc(struct arena *arena, size_t size, struct error *err)
{
    void *memory = arena_alloc(arena, size > 0 ? size : 1);
    return memory != NULL ? memory : no_room(arena, size, err);
}

void *scratch_array(struct arena *arena, size_t count, size_t size, struct error *err)
{
    size_t total = 0;
    if (!size_multiply(count, size, &total)) {
        return no_room(arena, SIZE_MAX, err);
    }
    void *memory = scratch_alloc(arena, total, err);
    if (memory != NULL) {
        memset(memory, 0, total);
    }
    return memory;
}

void *scratch_grow(struct arena *arena, void *items, size_t count, size_t *room, size_t size,
                   struct error *err)
{
    if (count < *room) {
        return items;
    }
    size_t wider = *room > 0 ? *room * 2 : 8;
    void *memory = scratch_array(arena, wider, size, err);
    if (memory != NULL) {
        if (count > 0) {
            memcpy(memory, items, count * size);
        }
        *room = wider;
    }
    return memory;
}

bool scratch_string(struct json_value string, struct arena *arena, struct span *out,
                    struct error *err)
{
    if (string.type != JSON_STRING || string.text.len < 2) {
        return error_set(err, ERROR_BUG, "a value that is not a string was read as one");
    }
    struct span inner = {string.text.ptr + 1, string.text.len - 2};
    if (inner.len == 0 || memchr(inner.ptr, '\\', inner.len) == NULL) {
        *out = inner;
        return true;
    }
    struct buf decoded;
    buf_init(&decoded, string.text.len);
    bool ok = json_decode_string(string, &decoded, err) && buf_check(&decoded, "string", err);
    if (ok) {
        uint8_t *memory = scratch_alloc(arena, decoded.len, err);
        ok = memory != NULL;
        if (ok) {
            if (decoded.len > 0) {
                memcpy(memory, decoded.ptr, decoded.len);
            }
            *out = (struct span){memory, decoded.len};
        }
    }
    buf_deinit(&decoded);
    return ok;
}
