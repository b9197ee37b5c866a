/* The one list of a side's ids, asked for until it has come whole; see verify_pass.h. */
#include "app/log.h"
#include "producer/id_walk.h"
#include "producer/verify_pass.h"

#define BACKOFF_BASE_MS 500
#define BACKOFF_CAP_MS  10000

struct restart { /* what the caller forgets when a list begins again */
    bool (*fn)(void *ctx, struct error *err);
    void *ctx;
};

static bool list(struct id_walk *walk, const struct restart *restart, struct error *err)
{
    while (walk->pages.step == ID_PAGES_COUNT || walk->pages.step == ID_PAGES_LIST) {
        bool is_list = walk->pages.step == ID_PAGES_LIST;
        if (walk->pages.is_anew && !restart->fn(restart->ctx, err)) {
            walk->is_callers = true;
            return false;
        }
        walk->pages.is_anew = false;
        if (!id_walk_ask(walk, err)) {
            return false;
        }
        if (is_list) {
            id_pages_listed(&walk->pages, walk->listed, walk->pages.offset + walk->listed);
        }
    }
    return walk->pages.step == ID_PAGES_DONE || id_walk_refuse_short(walk, err);
}

static bool ask_until(struct id_walk *walk, const struct restart *restart, int64_t patience_ms,
                      struct error *err)
{
    int64_t failing_since_ms = 0;
    uint64_t reached = 0;
    for (uint32_t attempt = 0; !list(walk, restart, err); attempt++) {
        int64_t now_ms = clock_boottime_ms();
        attempt = walk->pages.offset > reached ? 0 : attempt;
        reached = walk->pages.offset;
        failing_since_ms = attempt == 0 ? now_ms : failing_since_ms;
        if (walk->is_callers || error_disposition(err->kind) != DISPOSITION_RETRY ||
            (attempt > 0 && now_ms - failing_since_ms >= patience_ms)) {
            return false;
        }
        log_event(LOG_WARN, "verify.waits", LOG_TEXT("why", err->message));
        uint32_t hint_ms = err->retry_after_ms;
        uint32_t wait_ms = backoff_ms(&walk->rt->rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
        error_clear(err);
        if (!runtime_sleep(walk->rt, hint_ms > wait_ms ? hint_ms : wait_ms, err)) {
            return false;
        }
    }
    return true;
}

bool verify_list(struct runtime *rt, struct side *side, int64_t patience_ms, id_stream_fn *on_id,
                 bool (*on_restart)(void *ctx, struct error *err), void *ctx, struct error *err)
{
    struct id_walk walk;
    struct restart restart = {on_restart, ctx};
    id_walk_begin(&walk, rt, side, on_id, ctx);
    bool ok = ask_until(&walk, &restart, patience_ms, err);
    id_walk_deinit(&walk);
    return ok;
}
