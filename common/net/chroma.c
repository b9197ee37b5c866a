/*
 * The calls that concern a server and its collections; those that concern records are in
 * chroma_records.c. What an answer means is decided in chroma_answer.c, what a collection object
 * says in chroma_collection.c. No retries, no state between calls.
 */
#include "net/chroma.h"

#include <string.h>

#include "net/chroma_call.h"
#include "net/chroma_internal.h"

void chroma_forget_secret(struct chroma *chroma)
{
    explicit_bzero(chroma->auth_header, sizeof chroma->auth_header);
    explicit_bzero(chroma->headers, sizeof chroma->headers);
}

static void finish_preflight(struct chroma_call *call, const struct http_answer *answer,
                             struct error *err)
{
    struct chroma_limits limits = {0};

    if (chroma_check_preflight(call->chroma, answer, &limits, err)) {
        call->chroma->is_met = true;
    }
    call->fn.limits(call->ctx, &limits, err);
}

struct http_request *chroma_preflight(struct chroma *chroma, chroma_limits_fn *fn, void *ctx,
                                      struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = finish_preflight;
    call->fn.limits = fn;
    chroma_call_preflight(call);
    return chroma_call_ask(call, err);
}

static void finish_collection(struct chroma_call *call, const struct http_answer *answer,
                              struct error *err)
{
    struct chroma_collection collection = {0};
    const char *name = buf_cstr(&call->name);
    bool is_fine = name[0] ? chroma_check_named(call->chroma, answer, name, err)
                           : chroma_check_told(call->chroma, answer, err);

    if (is_fine && !chroma_read_collection(answer->body, &collection, err)) {
        chroma_name_server(call->chroma, err);
    }
    call->fn.collection(call->ctx, &collection, err);
}

struct http_request *chroma_get_collection(struct chroma *chroma, const char *name,
                                           chroma_collection_fn *fn, void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = finish_collection;
    call->fn.collection = fn;
    buf_append_str(&call->name, name);
    chroma_call_collection(call, name, NULL);
    return chroma_call_send(call, (struct http_call){.method = "GET"}, err);
}

struct http_request *chroma_create_collection(struct chroma *chroma, struct span body,
                                              chroma_collection_fn *fn, void *ctx,
                                              struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = finish_collection;
    call->fn.collection = fn;
    chroma_call_collections(call);
    return chroma_call_send(call, (struct http_call){.method = "POST", .body = body}, err);
}

struct http_request *chroma_list_collections(struct chroma *chroma, uint64_t offset, uint32_t limit,
                                             chroma_answer_fn *fn, void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_answer;
    call->fn.answer = fn;
    chroma_call_page(call, offset, limit);
    return chroma_call_send(call, (struct http_call){.method = "GET"}, err);
}

struct http_request *chroma_delete_collection(struct chroma *chroma, const char *name,
                                              chroma_done_fn *fn, void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_done;
    call->fn.done = fn;
    chroma_call_collection(call, name, NULL);
    return chroma_call_send(call, (struct http_call){.method = "DELETE"}, err);
}

struct http_request *chroma_put_collection(struct chroma *chroma, const struct uuid *collection,
                                           struct span body, chroma_done_fn *fn, void *ctx,
                                           struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_done;
    call->fn.done = fn;
    chroma_call_collection(call, collection->text, NULL);
    return chroma_call_send(call, (struct http_call){.method = "PUT", .body = body}, err);
}
