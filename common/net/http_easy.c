/*
 * One curl easy handle: its options, and what its bytes do. A body callback may be called from
 * inside curl_multi_perform() or curl_easy_pause(), both only ever in a loop turn, so it may call
 * http_* but nothing of curl.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/http_internal.h"

#define IDLE_CONNECTION_S 25L /* servers close at 30 */

bool http_easy_peer(const char *url, char out[300], struct error *err)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    char *port = NULL;
    bool is_fine = false;

    if (!parts) {
        return error_set(err, ERROR_NOMEM, "out of memory for a request");
    }
    if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        error_set(err, ERROR_USAGE, "not a URL that can be asked: %.200s", url);
    } else {
        snprintf(out, 300, "%s:%s", host, port);
        is_fine = true;
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return is_fine;
}

static long request_status(const struct http_request *request)
{
    long status = 0;

    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* Of a refusal: what a message can use. Zero ends the transfer; the status stays an answer. */
static size_t take_refusal(struct http_request *request, const uint8_t *bytes, size_t len)
{
    size_t room = LIMIT_ERROR_BODY - request->answer.len;
    size_t kept = len < room ? len : room;

    buf_append(&request->answer, bytes, kept);
    request->drained += len - kept;
    return request->drained > HTTP_DRAIN_MAX ? 0 : len;
}

/* One allocation instead of doublings, when the server says how much will come. */
static void reserve_promised(struct http_request *request)
{
    curl_off_t promised = -1;

    curl_easy_getinfo(request->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &promised);
    if (promised > (curl_off_t)request->answer.max) {
        error_set(&request->err, ERROR_LIMIT,
                  "%s: an answer of %lld bytes is announced, the limit is %zu", request->peer,
                  (long long)promised, request->answer.max);
    } else if (promised > 0 && promised <= (curl_off_t)HTTP_RESERVE_MAX) {
        (void)buf_reserve(&request->answer, (size_t)promised);
    }
}

static size_t take_answer(struct http_request *request, const uint8_t *bytes, size_t len)
{
    if (request->answer.cap == 0) {
        reserve_promised(request);
    }
    buf_append(&request->answer, bytes, len);
    if (request->err.kind == ERROR_NONE &&
        !buf_check(&request->answer, "the answer", &request->err)) {
        error_wrap(&request->err, "%s", request->peer);
    }
    return request->err.kind == ERROR_NONE ? len : 0;
}

static size_t on_bytes(char *ptr, size_t size, size_t count, void *ctx)
{
    struct http_request *request = ctx;
    const uint8_t *bytes = (const uint8_t *)ptr;
    size_t len = size * count;
    long status;

    if (request->is_cancelled) {
        return 0;
    }
    if (request->is_paused) {
        request->is_held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    request->heard_ms = clock_boottime_ms();
    status = request_status(request);
    if (status < 200 || status > 299) {
        return take_refusal(request, bytes, len);
    }
    if (!request->on_body) {
        return take_answer(request, bytes, len);
    }
    if (!request->on_body(request->ctx, (struct span){bytes, len}, &request->err)) {
        error_set(&request->err, ERROR_BUG, "%s: the answer was not taken",
                  request->peer); /* if it gave no reason */
        return 0;
    }
    return len;
}

static size_t on_header(char *ptr, size_t size, size_t count, void *ctx)
{
    struct http_request *request = ctx;
    size_t len = size * count;

    (void)ptr;
    request->heard_ms = clock_boottime_ms();
    request->header_bytes += len;
    if (request->header_bytes > HTTP_HEADERS_MAX) {
        error_set(&request->err, ERROR_LIMIT, "%s: the answer's header is larger than %u bytes",
                  request->peer, HTTP_HEADERS_MAX);
        return 0;
    }
    return len;
}

static bool add_header(struct curl_slist **list, const char *line, struct error *err)
{
    struct curl_slist *grown;

    if (strpbrk(line,
                "\r\n")) { /* would smuggle a second header; the line may be a secret: not shown */
        return error_set(err, ERROR_USAGE, "a header line contains a line break");
    }
    grown = curl_slist_append(*list, line);
    if (!grown) {
        return error_set(err, ERROR_NOMEM, "out of memory for a request");
    }
    *list = grown;
    return true;
}

static bool add_headers(struct http_request *request, const struct http_call *call,
                        struct error *err)
{
    if (!add_header(&request->headers, "Expect:",
                    err)) { /* 100-continue costs a round trip, and stalls with some proxies */
        return false;
    }
    if ((call->body.ptr || strcmp(call->method, "POST") == 0) &&
        !add_header(&request->headers, "Content-Type: application/json", err)) {
        return false;
    }
    for (size_t i = 0; call->headers && call->headers[i]; i++) {
        if (!add_header(&request->headers, call->headers[i], err)) {
            return false;
        }
    }
    return true;
}

/* The first failure sticks; later options are then not set. */
#define SET(option, value)                                                                         \
    (code = code != CURLE_OK ? code : curl_easy_setopt(easy, (option), (value)))

static CURLcode set_connection(CURL *easy, const char *user_agent)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_NOSIGNAL, 1L); /* the program ignores SIGPIPE itself */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)LIMIT_CONNECT_MS);
    SET(CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_USERAGENT, user_agent);
    SET(CURLOPT_BUFFERSIZE, 64L * 1024L);
#if CURL_AT_LEAST_VERSION(7, 87, 0)
    SET(CURLOPT_QUICK_EXIT,
        1L); /* or giving up on a request would wait for a name lookup that hangs */
#endif
    return code;
}

/* One's own CA is trusted alone. A key with a passphrase fails instead of asking for it at a terminal. */
static CURLcode set_tls(CURL *easy, const struct http_tls *tls)
{
    CURLcode code = CURLE_OK;

    if (tls->ca_file != NULL) {
        SET(CURLOPT_CAINFO, tls->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (tls->cert_file != NULL) {
        SET(CURLOPT_SSLCERT, tls->cert_file);
        SET(CURLOPT_SSLKEY, tls->key_file != NULL ? tls->key_file : tls->cert_file);
        SET(CURLOPT_KEYPASSWD, "");
    }
    return code;
}

static CURLcode set_request(CURL *easy, const struct http_call *call)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_URL, call->url);
    if (call->body.ptr) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        SET(CURLOPT_POSTFIELDS,
            (const char *)call->body.ptr); /* borrowed: no copy of a large body */
    } else if (strcmp(call->method, "POST") == 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        SET(CURLOPT_POSTFIELDS, "");
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, call->method);
    return code;
}

bool http_easy_prepare(struct http_request *request, const struct http_call *call,
                       const char *user_agent, struct error *err)
{
    CURL *easy = request->easy;
    CURLcode code = set_connection(easy, user_agent);

    if (!add_headers(request, call, err) || !http_proxy_find(call->url, &request->proxy, err)) {
        return false;
    }
    code = code != CURLE_OK ? code : set_tls(easy, &call->tls);
    code = code != CURLE_OK ? code : set_request(easy, call);
    SET(CURLOPT_PROXY, request->proxy.variable ? request->proxy.value : "");
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* tokens are not for the proxy */
    SET(CURLOPT_HTTPHEADER, request->headers);
    SET(CURLOPT_ERRORBUFFER, request->curl_text);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, request);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, request);
    SET(CURLOPT_PRIVATE, &request->transfer);
    SET(CURLOPT_CLOSESOCKETFUNCTION, loop_close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, request->loop);
    if (code != CURLE_OK) {
        return error_set(err, code == CURLE_OUT_OF_MEMORY ? ERROR_NOMEM : ERROR_BUG,
                         "the HTTP library refused a request: %s", curl_easy_strerror(code));
    }
    return true;
}
