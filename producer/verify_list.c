/* The one list of a side's ids, asked for until it has come whole; see verify_pass.h. */
#include "app/log.h"
#include "producer/verify_pass.h"

#define BACKOFF_BASE_MS 500
#define BACKOFF_CAP_MS  10000

struct listing {
    bool done;
    struct error err;
};

struct
    sink { /* between the stream and the caller: an error of the caller's own is not the server's */
    id_stream_fn *on_id;
    void *ctx;
    struct listing *listing;
    bool is_callers;
};

static bool pass_id(void *ctx, struct span id, struct error *err)
{
    struct sink *sink = ctx;
    sink->is_callers = !sink->on_id(sink->ctx, id, err);
    return !sink->is_callers;
}

static void on_listed(void *ctx, uint64_t count, const struct error *err)
{
    struct sink *sink = ctx;
    (void)count;
    sink->listing->err = *err;
    sink->listing->done = true;
}

static bool list_once(struct runtime *rt, struct side *side, struct sink *sink, struct error *err)
{
    struct listing listing = {0};
    sink->listing = &listing;
    if (chroma_list_ids(&side->chroma, &side->collection.uuid, pass_id, on_listed, sink, err) ==
            NULL ||
        !runtime_await(rt, &listing.done, err)) {
        return false;
    }
    if (listing.err.kind != ERROR_NONE) {
        *err = listing.err;
        return false;
    }
    return true;
}

bool verify_list(struct runtime *rt, struct side *side, int64_t patience_ms, id_stream_fn *on_id,
                 bool (*on_restart)(void *ctx, struct error *err), void *ctx, struct error *err)
{
    struct sink sink = {.on_id = on_id, .ctx = ctx};
    int64_t failing_since_ms = 0;
    for (uint32_t attempt = 0; !list_once(rt, side, &sink, err); attempt++) {
        int64_t now_ms = clock_boottime_ms();
        failing_since_ms = attempt == 0 ? now_ms : failing_since_ms;
        if (sink.is_callers || error_disposition(err->kind) != DISPOSITION_RETRY ||
            (attempt > 0 && now_ms - failing_since_ms >= patience_ms)) {
            return false;
        }
        log_event(LOG_WARN, "verify.waits", LOG_TEXT("why", err->message));
        error_clear(err);
        if (!runtime_sleep(rt, backoff_ms(&rt->rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS),
                           err) ||
            !on_restart(ctx, err)) {
            return false;
        }
    }
    return true;
}
