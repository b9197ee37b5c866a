/*
 * The HTTP client and its requests: making, sending, steering. How a request ends is in
 * http_turn.c, what it sets on curl in http_easy.c. No retries, no meaning of a status.
 */
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/http_internal.h"

const char *http_library_version(void)
{
    return curl_version();
}

void http_request_free(struct http_request *request)
{
    struct http *http = request->http;

    if (request->easy && http->pooled < HTTP_POOL_MAX) {
        curl_easy_reset(request->easy);
        http->pool[http->pooled++] = request->easy;
    } else {
        curl_easy_cleanup(request->easy);
    }
    curl_slist_free_all(request->headers);
    buf_deinit(&request->answer);
    free(request);
}

static void request_link(struct http_request *request)
{
    request->older = request->http->newest;
    if (request->older) {
        request->older->newer = request;
    }
    request->http->newest = request;
}

struct http *http_new(struct loop *loop, const char *user_agent, struct error *err)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http) {
        error_set(err, ERROR_NOMEM, "out of memory for the HTTP client");
        return NULL;
    }
    http->loop = loop;
    snprintf(http->user_agent, sizeof http->user_agent, "%s", user_agent);
    if (!loop_attach(loop, (struct loop_client){http_next_ms, http_on_wake, http_on_turn, http},
                     err)) {
        free(http);
        return NULL;
    }
    return http;
}

void http_free(struct http *http)
{
    if (!http) {
        return;
    }
    if (loop_is_turning(http->loop)) {
        abort(); /* requests would vanish under the turn that walks them */
    }
    http->is_closing = true;
    while (http->newest) {
        http->newest->is_cancelled = true;
        http_request_close(http->newest);
    }
    loop_detach(http->loop, http);
    while (http->pooled > 0) {
        curl_easy_cleanup(http->pool[--http->pooled]);
    }
    free(http);
}

static struct http_request *request_new(struct http *http, const struct http_call *call,
                                        struct error *err)
{
    struct http_request *request = calloc(1, sizeof *request);
    int64_t now = clock_boottime_ms();

    if (!request) {
        error_set(err, ERROR_NOMEM, "out of memory for a request");
        return NULL;
    }
    request->transfer.on_ended = http_request_ended;
    request->http = http;
    request->loop = http->loop;
    request->on_body = call->on_body;
    request->on_done = call->on_done;
    request->ctx = call->ctx;
    request->started_ms = now;
    request->heard_ms = now;
    request->deadline_ms = call->deadline_ms != 0 ? call->deadline_ms : now + LIMIT_REQUEST_MS;
    request->idle_ms = call->idle_ms;
    buf_init(&request->answer, LIMIT_RESPONSE);
    request->easy = http->pooled > 0 ? http->pool[--http->pooled] : curl_easy_init();
    if (!request->easy) {
        error_set(err, ERROR_NOMEM, "out of memory for a request");
        http_request_free(request);
        return NULL;
    }
    return request;
}

struct http_request *http_send(struct http *http, const struct http_call *call, struct error *err)
{
    struct http_request *request;
    CURLMcode code;

    if (http->is_closing) {
        error_set(err, ERROR_CANCELLED, "the HTTP client is being closed");
        return NULL;
    }
    if (call->deadline_ms != 0 && clock_boottime_ms() >= call->deadline_ms) {
        error_set(err, ERROR_TIMEOUT, "the time for this request was over before it was sent");
        return NULL; /* begun, it would be on the wire before the next turn ends it */
    }
    request = request_new(http, call, err);
    if (!request) {
        return NULL;
    }
    if (!http_easy_peer(call->url, request->peer, err) ||
        !http_easy_prepare(request, call, http->user_agent, err)) {
        http_request_free(request);
        return NULL;
    }
    code = curl_multi_add_handle(loop_multi(http->loop), request->easy);
    if (code != CURLM_OK) {
        error_set(err, code == CURLM_OUT_OF_MEMORY ? ERROR_NOMEM : ERROR_BUG,
                  "%s: the request could not be started: %s", request->peer,
                  curl_multi_strerror(code));
        http_request_free(request);
        return NULL;
    }
    request_link(request);
    return request;
}

void http_set_deadline(struct http_request *request, int64_t deadline_ms)
{
    request->deadline_ms = deadline_ms;
}

void http_cancel(struct http_request *request)
{
    if (!request->is_cancelled && !request->is_closing) {
        request->is_cancelled = true;
        request->cancel_turn = loop_turn_number(request->http->loop);
    }
}

void http_pause(struct http_request *request)
{
    request->is_paused = true;
}

void http_resume(struct http_request *request)
{
    if (request->is_paused) {
        request->is_paused = false;
        request->heard_ms = clock_boottime_ms(); /* silence while paused was ours */
    }
}
