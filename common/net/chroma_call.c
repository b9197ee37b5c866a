/*
 * The life of one call: its headers, its body, its one answer. Its URL is from chroma_routes.c.
 */
#include "net/chroma_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/chroma_internal.h"

#define URL_MAX     (8u * KIB)
#define HEADER_ROOM 32

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
    buf_init(&call->body, LIMIT_REQUEST_BODY);
    return call;
}

void chroma_call_free(struct chroma_call *call)
{
    id_stream_free(call->stream);
    buf_deinit(&call->url);
    buf_deinit(&call->name);
    buf_deinit(&call->body);
    free(call);
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
    (void)!chroma_check_told(call->chroma, answer, err);
    call->fn.answer(call->ctx, answer, err);
}

static void on_done(void *ctx, const struct http_answer *answer)
{
    struct chroma_call *call = ctx;
    struct error err = {0};

    call->finish(call, answer, &err);
    chroma_call_free(call);
}

/* A server that knows no uris refuses to be asked for them. */
static void leave_out_uris(struct chroma_call *call, struct span *body)
{
    static const char with[] = ",\"metadatas\",\"uris\"]}";
    static const char without[] = ",\"metadatas\"]}";
    size_t len = sizeof with - 1;

    if (body->len >= len && memcmp(body->ptr + body->len - len, with, len) == 0) {
        buf_append(&call->body, body->ptr, body->len - len);
        buf_append_str(&call->body, without);
        *body = buf_span(&call->body);
    }
}

/* Behind the first; room for the NULL at the end stays. */
static void add_headers(const struct chroma *chroma, const char *headers[HEADER_ROOM])
{
    const char *line = chroma->headers;
    size_t count = 1;

    if (chroma->auth_header[0]) {
        headers[count++] = chroma->auth_header;
    }
    for (; *line && count < HEADER_ROOM - 1; line += strlen(line) + 1) {
        headers[count++] = line;
    }
}

struct http_request *chroma_call_send(struct chroma_call *call, struct http_call request,
                                      struct error *err)
{
    const char *headers[HEADER_ROOM] = {"Accept: application/json", NULL};
    struct http_request *sent = NULL;

    add_headers(call->chroma, headers);
    if (call->chroma->lacks_uris) {
        leave_out_uris(call, &request.body);
    }
    request.url = buf_cstr(&call->url);
    request.headers = headers;
    request.tls = call->chroma->tls;
    request.on_done = on_done;
    request.ctx = call;
    if (buf_check(&call->url, "a request's URL", err) &&
        buf_check(&call->body, "a request's body", err)) {
        sent = http_send(call->chroma->http, &request, err);
    }
    if (!sent) {
        chroma_call_free(call);
    }
    return sent;
}

struct http_request *chroma_call_ask(struct chroma_call *call, struct error *err)
{
    return chroma_call_send(
        call,
        (struct http_call){.method = "GET", .deadline_ms = clock_boottime_ms() + LIMIT_CONNECT_MS},
        err);
}
