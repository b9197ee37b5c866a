/*
 * The event loop's registry: making it, and what is on it. Removing only marks an entry dead, so
 * that anything can be removed from inside any callback; the dead are swept between turns. What a
 * turn does is in loop_turn.c.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "net/loop_state.h"

struct loop *loop_new(struct error *err)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (!loop) {
        error_set(err, ERROR_NOMEM, "out of memory for the event loop");
        return NULL;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(err, ERROR_NOMEM, "the HTTP library could not be initialised");
        free(loop);
        return NULL;
    }
    loop->multi = curl_multi_init();
    if (!loop->multi) {
        error_set(err, ERROR_NOMEM, "out of memory for the HTTP library");
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop) {
        return;
    }
    curl_multi_cleanup(loop->multi);
    curl_global_cleanup();
    free(loop->entries);
    free(loop->waited);
    free(loop->polled);
    free(loop);
}

CURLM *loop_multi(struct loop *loop)
{
    return loop->multi;
}

uint64_t loop_turn_number(const struct loop *loop)
{
    return loop->turn;
}

bool loop_is_turning(const struct loop *loop)
{
    return loop->is_turning;
}

void loop_sweep(struct loop *loop)
{
    size_t kept = 0;

    for (size_t i = 0; i < loop->count; i++) {
        if (!loop->entries[i].is_dead) {
            loop->entries[kept++] = loop->entries[i];
        }
    }
    loop->count = kept;
}

static bool loop_add(struct loop *loop, const struct entry *entry, struct error *err)
{
    if (!loop->is_turning) {
        loop_sweep(loop);
    }
    if (loop->count == loop->cap) {
        size_t cap = loop->cap == 0 ? 8 : loop->cap * 2;
        struct entry *grown = reallocarray(loop->entries, cap, sizeof *grown);

        if (!grown) {
            return error_set(err, ERROR_NOMEM, "out of memory for the event loop");
        }
        loop->entries = grown;
        loop->cap = cap;
    }
    loop->entries[loop->count++] = *entry;
    return true;
}

static void loop_remove(struct loop *loop, enum entry_kind kind, const void *ctx)
{
    for (size_t i = 0; i < loop->count; i++) {
        if (loop->entries[i].kind == kind && loop->entries[i].ctx == ctx) {
            loop->entries[i].is_dead = true;
        }
    }
}

bool loop_watch(struct loop *loop, struct loop_watch watch, struct error *err)
{
    return loop_add(loop, &(struct entry){.kind = ENTRY_WATCH, .as.watch = watch, .ctx = watch.ctx},
                    err);
}

void loop_unwatch(struct loop *loop, void *ctx)
{
    loop_remove(loop, ENTRY_WATCH, ctx);
}

bool loop_every(struct loop *loop, uint32_t period_ms, loop_timer_fn *fn, void *ctx,
                struct error *err)
{
    struct entry entry = {.kind = ENTRY_TIMER, .period_ms = period_ms, .as.timer = fn, .ctx = ctx};

    if (period_ms == 0) {
        return error_set(err, ERROR_BUG, "a timer needs a period");
    }
    entry.due_ms = clock_boottime_ms() + period_ms;
    return loop_add(loop, &entry, err);
}

void loop_cancel(struct loop *loop, void *ctx)
{
    loop_remove(loop, ENTRY_TIMER, ctx);
}

bool loop_attach(struct loop *loop, struct loop_client client, struct error *err)
{
    return loop_add(
        loop, &(struct entry){.kind = ENTRY_CLIENT, .as.client = client, .ctx = client.ctx}, err);
}

void loop_detach(struct loop *loop, void *ctx)
{
    loop_remove(loop, ENTRY_CLIENT, ctx);
}
