/*
 * The life of one call: its URL, its headers, its one answer. Path segments are percent-encoded
 * here, because tenants, databases and names are other people's strings.
 */
#include "net/chroma_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/chroma_internal.h"

#define URL_MAX     (8u * KIB)
#define HEADER_ROOM 3

struct chroma_call *chroma_call_new(struct chroma *chroma, void *ctx, struct error *err)
{
    struct chroma_call *call = calloc(1, sizeof *call);

    if (!call) {
        error_set(err, ERROR_NOMEM, "out of memory for a request");
        return NULL;
    }
    call->chroma = chroma;
    call->ctx = ctx;
    buf_init(&call->url, URL_MAX);
    buf_init(&call->name, URL_MAX);
    return call;
}

void chroma_call_free(struct chroma_call *call)
{
    id_stream_free(call->stream);
    buf_deinit(&call->url);
    buf_deinit(&call->name);
    free(call);
}

static void add_segment(struct buf *url, const char *text)
{
    static const char unreserved[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    buf_append_byte(url, '/');
    for (; *text; text++) {
        if (strchr(unreserved, *text)) {
            buf_append_byte(url, (uint8_t)*text);
        } else {
            buf_printf(url, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

void chroma_call_preflight(struct chroma_call *call)
{
    buf_append_str(&call->url, call->chroma->address.base);
    buf_append_str(&call->url, "/api/v2/pre-flight-checks");
}

void chroma_call_collections(struct chroma_call *call)
{
    buf_append_str(&call->url, call->chroma->address.base);
    buf_append_str(&call->url, "/api/v2/tenants");
    add_segment(&call->url, call->chroma->tenant);
    buf_append_str(&call->url, "/databases");
    add_segment(&call->url, call->chroma->database);
    buf_append_str(&call->url, "/collections");
}

void chroma_call_collection(struct chroma_call *call, const char *which, const char *verb)
{
    chroma_call_collections(call);
    add_segment(&call->url, which);
    if (verb) {
        add_segment(&call->url, verb);
    }
}

void chroma_call_finish_done(struct chroma_call *call, const struct http_answer *answer,
                             struct error *err)
{
    (void)!chroma_check(call->chroma, answer, err); /* the callee sees it in err */
    call->fn.done(call->ctx, err);
}

void chroma_call_finish_answer(struct chroma_call *call, const struct http_answer *answer,
                               struct error *err)
{
    (void)!chroma_check(call->chroma, answer, err);
    call->fn.answer(call->ctx, answer, err);
}

static void on_done(void *ctx, const struct http_answer *answer)
{
    struct chroma_call *call = ctx;
    struct error err = {0};

    call->finish(call, answer, &err);
    chroma_call_free(call);
}

struct http_request *chroma_call_send(struct chroma_call *call, struct http_call request,
                                      struct error *err)
{
    const char *headers[HEADER_ROOM] = {"Accept: application/json", NULL, NULL};
    struct http_request *sent = NULL;

    if (call->chroma->auth_header[0]) {
        headers[1] = call->chroma->auth_header;
    }
    request.url = buf_cstr(&call->url);
    request.headers = headers;
    request.on_done = on_done;
    request.ctx = call;
    if (buf_check(&call->url, "a request's URL", err)) {
        sent = http_send(call->chroma->http, &request, err);
    }
    if (!sent) {
        chroma_call_free(call);
    }
    return sent;
}
