/*
 * How requests end. Everything that ends one — curl, a deadline, cancelling — only takes a note;
 * http_on_wake() and http_on_turn() alone close requests and call back, so that on_done never comes from inside a
 * call of ours.
 */
#include "base/clock.h"
#include "net/http_internal.h"

void http_request_ended(struct loop_transfer *transfer, CURLcode code)
{
    struct http_request *request = (struct http_request *)transfer;

    request->has_ended = true;
    request->code = code;
}

static void request_unlink(struct http_request *request)
{
    if (request->newer) {
        request->newer->older = request->older;
    } else {
        request->http->newest = request->older;
    }
    if (request->older) {
        request->older->newer = request->newer;
    }
}

/* Takes it off the loop, calls back, frees. */
void http_request_close(struct http_request *request)
{
    struct http_answer answer;
    char trace_id[65];

    request_unlink(request);
    request->is_closing = true;
    http_outcome(request, clock_boottime_ms(), trace_id, &answer);
    loop_cut(request->http->loop, !request->has_ended);
    curl_multi_remove_handle(loop_multi(request->http->loop), request->easy);
    loop_cut(request->http->loop, false);
    request->on_done(request->ctx, &answer);
    http_request_free(request);
}

/* Bytes that were held back come through on_body from in here. */
static void request_release(struct http_request *request)
{
    CURLcode code;

    request->is_held = false;
    code = curl_easy_pause(request->easy, CURLPAUSE_CONT);
    if (code != CURLE_OK) {
        http_request_ended(&request->transfer, code);
    }
}

/* A connection from the pool that the server has closed meanwhile: curl takes a new one by itself
 * when reading fails, not when sending does. Nothing was applied: the body was not sent whole. */
static bool request_resend(struct http_request *request)
{
    CURLM *multi = loop_multi(request->loop);
    long connects = 1;

    if (request->code != CURLE_SEND_ERROR || request->is_resent || request->header_bytes > 0 ||
        curl_easy_getinfo(request->easy, CURLINFO_NUM_CONNECTS, &connects) != CURLE_OK ||
        connects > 0 || http_has_last_words(request)) {
        return false;
    }
    request->is_resent = true;
    curl_multi_remove_handle(multi, request->easy);
    if (curl_easy_setopt(request->easy, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK ||
        curl_multi_add_handle(multi, request->easy) != CURLM_OK) {
        return false; /* the first failure stands */
    }
    request->has_ended = false;
    request->code = CURLE_OK;
    request->curl_text[0] = '\0';
    return true;
}

static bool request_has_no_time(struct http_request *request, int64_t now)
{
    if (now < request->deadline_ms) {
        return false;
    }
    return !error_set(&request->err, ERROR_TIMEOUT, "%s: no complete answer within %.1f s",
                      request->peer, (double)(now - request->started_ms) / 1000);
}

static bool request_is_silent(struct http_request *request, int64_t now)
{
    if (request->idle_ms != 0 && !request->is_paused &&
        now - request->heard_ms >= (int64_t)request->idle_ms) {
        return !error_set(&request->err, ERROR_TIMEOUT, "%s: not a byte for %.1f s", request->peer,
                          (double)(now - request->heard_ms) / 1000);
    }
    return false;
}

/* A deadline is the end of a lease: behind it another may write the same records. Silence is judged in on_turn, when
 * curl has had a look at what came meanwhile. */
void http_on_wake(void *ctx)
{
    struct http *http = ctx;
    uint64_t turn = loop_turn_number(http->loop);
    int64_t now = clock_boottime_ms();
    struct http_request *older;

    for (struct http_request *request = http->newest; request; request = older) {
        older = request->older;
        if (request->is_cancelled ? request->cancel_turn < turn
                                  : request_has_no_time(request, now)) {
            http_request_close(request);
        }
    }
}

void http_on_turn(void *ctx)
{
    struct http *http = ctx;
    uint64_t turn = loop_turn_number(http->loop);
    int64_t now = clock_boottime_ms();
    struct http_request *older;

    /* A callback may send (the new request is before us in the list) and cancel (a note): `older`
     * stays good. */
    for (struct http_request *request = http->newest; request; request = older) {
        older = request->older;
        if (request->is_held && !request->is_paused && !request->is_cancelled &&
            !request->has_ended) {
            request_release(request);
        }
        if (request->is_cancelled) {
            if (request->cancel_turn < turn) {
                http_request_close(request);
            }
        } else if ((request->has_ended && !request_resend(request)) ||
                   request_has_no_time(request, now) || request_is_silent(request, now)) {
            http_request_close(request);
        }
    }
}

int64_t http_next_ms(void *ctx)
{
    const struct http *http = ctx;
    int64_t next = INT64_MAX;

    for (const struct http_request *request = http->newest; request; request = request->older) {
        int64_t due = request->deadline_ms;

        if (request->idle_ms != 0 && !request->is_paused &&
            request->heard_ms + (int64_t)request->idle_ms < due) {
            due = request->heard_ms + (int64_t)request->idle_ms;
        }
        if (request->is_cancelled || request->has_ended ||
            (request->is_held && !request->is_paused)) {
            due = 0;
        }
        next = due < next ? due : next;
    }
    return next;
}
