/*
 * The calls that concern the records of one collection: list ids, count, get, query, upsert, delete. Bodies come
 * ready from format/columns.h; answers go back unread, but for the ids, which are read while they
 * arrive.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/number.h"
#include "net/chroma_call.h"
#include "net/chroma_internal.h"

#define LISTING_MS                                                                                 \
    (6 * 60 * 60 * 1000)               /* millions of ids may come slowly; silence is what counts */
#define LISTING_IDLE_MS (300u * 1000u) /* a server may read all of its log before the first byte */

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct chroma_call *call = ctx;

    if (call->on_id(call->ctx, id, err)) {
        return true;
    }
    call->is_callers_error = true;
    return false;
}

static bool on_listing(void *ctx, struct span bytes, struct error *err)
{
    struct chroma_call *call = ctx;
    struct span rest = chroma_trim(bytes);

    if (!call->has_begun && rest.len > 0) {
        call->has_begun = true;
        if (chroma_is_page(&(struct http_answer){.status = 200, .body = rest})) {
            return error_set(err, ERROR_UNAVAILABLE,
                             "%s: a page of a gateway or proxy before it instead of ids",
                             chroma_host(call->chroma));
        }
    }
    if (id_stream_feed(call->stream, bytes, err)) {
        return true;
    }
    /* The transport's own failures begin with the host; so must this, or the role would stand
     * alone. */
    return call->is_callers_error
               ? false
               : error_wrap(err, "%s: the list of ids", chroma_host(call->chroma));
}

static void finish_listing(struct chroma_call *call, const struct http_answer *answer,
                           struct error *err)
{
    if (call->is_callers_error && answer->err.kind != ERROR_CANCELLED) {
        *err = answer->err;
    } else if (chroma_check(call->chroma, answer, err) && !call->has_begun) {
        error_set(err, ERROR_UNAVAILABLE, "%d: an empty answer instead of ids", answer->status);
        chroma_name_server(call->chroma, err);
    } else if (err->kind == ERROR_NONE && !id_stream_finish(call->stream, err)) {
        error_wrap(err, "the list of ids");
        chroma_name_server(call->chroma, err);
    }
    call->fn.ids(call->ctx, id_stream_count(call->stream), err);
}

struct http_request *chroma_list_ids(struct chroma *chroma, const struct uuid *collection,
                                     struct chroma_page page, id_stream_fn *each, chroma_ids_fn *fn,
                                     void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = finish_listing;
    call->fn.ids = fn;
    call->on_id = each;
    call->stream = id_stream_new(on_id, call);
    if (!call->stream) {
        error_set(err, ERROR_NOMEM, "out of memory for a request");
        chroma_call_free(call);
        return NULL;
    }
    chroma_call_collection(call, collection->text, "get");
    buf_append_str(&call->body, "{\"include\":[]");
    if (page.limit > 0) {
        buf_printf(&call->body, ",\"limit\":%" PRIu32 ",\"offset\":%" PRIu64, page.limit,
                   page.offset);
    }
    buf_append_byte(&call->body, '}');
    return chroma_call_send(call,
                            (struct http_call){.method = "POST",
                                               .body = buf_span(&call->body),
                                               .deadline_ms = clock_boottime_ms() + LISTING_MS,
                                               .idle_ms = LISTING_IDLE_MS,
                                               .on_body = on_listing},
                            err);
}

static void finish_count(struct chroma_call *call, const struct http_answer *answer,
                         struct error *err)
{
    uint64_t count = 0;

    if (chroma_check_told(call->chroma, answer, err) &&
        !number_parse_u64(chroma_trim(answer->body), &count)) {
        error_set(err, ERROR_FORMAT, "the count is no number");
        chroma_name_server(call->chroma, err);
    }
    call->fn.count(call->ctx, count, err);
}

struct http_request *chroma_count(struct chroma *chroma, const struct uuid *collection,
                                  chroma_count_fn *fn, void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = finish_count;
    call->fn.count = fn;
    chroma_call_collection(call, collection->text, "count");
    return chroma_call_send(call, (struct http_call){.method = "GET"}, err);
}

/* A question whose answer goes back as it came. */
static struct http_request *ask(struct chroma *chroma, const struct uuid *collection,
                                const char *verb, struct span body, int64_t deadline_ms,
                                chroma_answer_fn *fn, void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_answer;
    call->fn.answer = fn;
    chroma_call_collection(call, collection->text, verb);
    return chroma_call_send(
        call, (struct http_call){.method = "POST", .body = body, .deadline_ms = deadline_ms}, err);
}

struct http_request *chroma_get_records(struct chroma *chroma, const struct uuid *collection,
                                        struct span body, int64_t deadline_ms, chroma_answer_fn *fn,
                                        void *ctx, struct error *err)
{
    return ask(chroma, collection, "get", body, deadline_ms, fn, ctx, err);
}

struct http_request *chroma_query(struct chroma *chroma, const struct uuid *collection,
                                  struct span body, int64_t deadline_ms, chroma_answer_fn *fn,
                                  void *ctx, struct error *err)
{
    return ask(chroma, collection, "query", body, deadline_ms, fn, ctx, err);
}

static struct http_request *write_records(struct chroma *chroma, const struct uuid *collection,
                                          const char *verb, struct span body, int64_t deadline_ms,
                                          chroma_done_fn *fn, void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_done; /* some servers answer with nothing */
    call->fn.done = fn;
    chroma_call_collection(call, collection->text, verb);
    return chroma_call_send(
        call, (struct http_call){.method = "POST", .body = body, .deadline_ms = deadline_ms}, err);
}

struct http_request *chroma_upsert(struct chroma *chroma, const struct uuid *collection,
                                   struct span body, int64_t deadline_ms, chroma_done_fn *fn,
                                   void *ctx, struct error *err)
{
    return write_records(chroma, collection, "upsert", body, deadline_ms, fn, ctx, err);
}

struct http_request *chroma_delete(struct chroma *chroma, const struct uuid *collection,
                                   struct span body, int64_t deadline_ms, chroma_done_fn *fn,
                                   void *ctx, struct error *err)
{
    return write_records(chroma, collection, "delete", body, deadline_ms, fn, ctx, err);
}
