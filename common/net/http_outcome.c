/*
 * What came of a request: an answer, or the transport's failure in words and as one of our kinds.
 * The one place that knows curl's codes. What a status means is not decided here.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/http_internal.h"

#define FIRST_STATUS 100 /* of HTTP; curl's codes end before it */

struct failure {
    CURLcode code;
    enum error_kind kind;
    const char *text; /* NULL: curl's own words */
};

/* Not listed: unavailable, in curl's words. A server that closes, resets or answers nonsense
 * comes back or does not; either way the request may have been applied, so UNAVAILABLE is the
 * safe kind. */
static const struct failure failures[] = {
    {CURLE_COULDNT_CONNECT, ERROR_UNAVAILABLE, "no connection"},
    {CURLE_COULDNT_RESOLVE_HOST, ERROR_UNAVAILABLE, "the host name cannot be resolved"},
    {CURLE_COULDNT_RESOLVE_PROXY, ERROR_UNAVAILABLE, "the proxy's host name cannot be resolved"},
    {CURLE_GOT_NOTHING, ERROR_UNAVAILABLE, "connection closed without an answer"},
    {CURLE_SEND_ERROR, ERROR_UNAVAILABLE, "connection lost while sending"},
    {CURLE_RECV_ERROR, ERROR_UNAVAILABLE, "connection lost while waiting for the answer"},
    {CURLE_PARTIAL_FILE, ERROR_UNAVAILABLE, "the answer was cut off"},
    {CURLE_WEIRD_SERVER_REPLY, ERROR_UNAVAILABLE, "not an HTTP answer"},
    {CURLE_UNSUPPORTED_PROTOCOL, ERROR_UNAVAILABLE,
     "not an HTTP answer"}, /* HTTP/0.9; schemes are checked before */
    {CURLE_OPERATION_TIMEDOUT, ERROR_UNAVAILABLE,
     "no connection within 10 s"}, /* the only timeout curl has of us */
    {CURLE_PEER_FAILED_VERIFICATION, ERROR_AUTH, NULL},
    {CURLE_SSL_CERTPROBLEM, ERROR_AUTH, NULL},
    {CURLE_SSL_CACERT_BADFILE, ERROR_USAGE, NULL},
    {CURLE_URL_MALFORMAT, ERROR_USAGE, NULL},
    {CURLE_OUT_OF_MEMORY, ERROR_NOMEM, "out of memory"},
};

bool http_may_be_applied(const struct error *err)
{
    static const int32_t never[] = {CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST,
                                    CURLE_COULDNT_RESOLVE_PROXY,
                                    CURLE_OPERATION_TIMEDOUT, /* of connecting, see above */
                                    503};

    if (err->kind != ERROR_UNAVAILABLE) {
        return err->kind == ERROR_TIMEOUT;
    }
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        if (err->native == never[i]) {
            return false;
        }
    }
    return true;
}

bool http_is_tls_failure(const struct error *err)
{
    static const CURLcode codes[] = {
        CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
        CURLE_SSL_CIPHER,        CURLE_SSL_CACERT_BADFILE,       CURLE_SSL_CRL_BADFILE,
        CURLE_SSL_ISSUER_ERROR,  CURLE_SSL_INVALIDCERTSTATUS,    CURLE_SSL_CLIENTCERT};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (err->native == (int32_t)codes[i]) {
            return err->kind != ERROR_NONE;
        }
    }
    return false;
}

bool http_is_without_answer(const struct error *err)
{
    bool is_curls = err->native > 0 && err->native < FIRST_STATUS;

    return err->kind != ERROR_NONE &&
           (is_curls || (err->kind == ERROR_TIMEOUT && err->native == 0));
}

static const char *curl_words(const struct http_request *request)
{
    return request->curl_text[0] ? request->curl_text : curl_easy_strerror(request->code);
}

/* "connection refused" rather than "no connection", when the system said so. */
static const char *system_words(const struct http_request *request, char out[80])
{
    const char *text;
    long number = 0;

    if (request->code != CURLE_COULDNT_CONNECT && request->code != CURLE_SEND_ERROR &&
        request->code != CURLE_RECV_ERROR) {
        return NULL;
    }
    if (curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &number) != CURLE_OK || number == 0) {
        return NULL;
    }
    text = strerrordesc_np((int)number);
    if (!text) {
        return NULL;
    }
    snprintf(out, 80, "%c%s", tolower((unsigned char)text[0]), text + 1);
    return out;
}

static void explain(const struct http_request *request, struct error *err)
{
    enum error_kind kind = ERROR_UNAVAILABLE;
    const char *text = NULL;
    const char *system;
    char system_text[80];

    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        if (failures[i].code == request->code) {
            kind = failures[i].kind;
            text = failures[i].text;
            break;
        }
    }
    if (http_proxy_explain(request, err)) {
        return;
    }
    if (http_explain_tls(request, err)) {
        err->native = (int32_t)request->code;
        return;
    }
    system = system_words(request, system_text);
    if (system) {
        text = system;
    }
    error_set(err, kind, "%s: %s", request->peer, text ? text : curl_words(request));
    err->native = (int32_t)request->code;
}

uint32_t http_retry_after_ms(const char *value, int64_t wall_ms)
{
    size_t len = strlen(value);
    uint32_t seconds = 0;
    time_t when;

    if (len > 0 && strspn(value, "0123456789") == len) {
        for (size_t i = 0; i < len && seconds < LIMIT_RETRY_AFTER_S; i++) {
            seconds = seconds * 10 + (uint32_t)(value[i] - '0');
        }
    } else if (len > 4 && strcmp(value + len - 4, " GMT") ==
                              0) { /* curl_getdate() guesses; an HTTP date it must be */
        when = curl_getdate(value, NULL);
        if (when > 0 && when > wall_ms / 1000) {
            int64_t ahead = (int64_t)when - wall_ms / 1000;

            seconds = ahead < (int64_t)LIMIT_RETRY_AFTER_S ? (uint32_t)ahead : LIMIT_RETRY_AFTER_S;
        }
    }
    return (seconds < LIMIT_RETRY_AFTER_S ? seconds : LIMIT_RETRY_AFTER_S) * 1000;
}

static const char *header_value(const struct http_request *request, const char *name)
{
    struct curl_header *header;

    if (curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return "";
    }
    return header->value;
}

static void copy_trace_id(const char *value, char out[65])
{
    size_t len = strlen(value);

    out[0] = '\0';
    if (len < 65 && strspn(value, "0123456789abcdefABCDEF-") == len) {
        memcpy(out, value, len + 1);
    }
}

static void describe_answer(struct http_request *request, long status, char trace_id[65],
                            struct http_answer *out)
{
    out->status = (int)status;
    out->body = buf_span(&request->answer);
    out->retry_after_ms =
        http_retry_after_ms(header_value(request, "retry-after"), clock_wall_ms());
    copy_trace_id(header_value(request, "chroma-trace-id"), trace_id);
}

static bool read_last_words(const struct http_request *request, struct http_refusal *out)
{
    long port = 0;

    return request->code == CURLE_SEND_ERROR &&
           curl_easy_getinfo(request->easy, CURLINFO_LOCAL_PORT, &port) == CURLE_OK && port > 0 &&
           http_read_refusal(loop_last_words(request->loop, (unsigned)port), out);
}

bool http_has_last_words(const struct http_request *request)
{
    struct http_refusal refusal;

    return read_last_words(request, &refusal);
}

static bool describe_last_words(struct http_request *request, char trace_id[65],
                                struct http_answer *out)
{
    struct http_refusal refusal;

    if (!read_last_words(request, &refusal)) {
        return false;
    }
    buf_clear(&request->answer);
    buf_append(&request->answer, refusal.body.ptr,
               refusal.body.len < LIMIT_ERROR_BODY ? refusal.body.len : LIMIT_ERROR_BODY);
    out->status = refusal.status;
    out->body = buf_span(&request->answer);
    out->retry_after_ms = http_retry_after_ms(refusal.retry_after, clock_wall_ms());
    copy_trace_id(refusal.trace_id, trace_id);
    return true;
}

/* As it was sent; NULL when nothing is known of it. */
static const char *url_of(const struct http_request *request)
{
    const char *url = NULL;

    return curl_easy_getinfo(request->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK ? url : NULL;
}

void http_outcome(struct http_request *request, int64_t now_ms, char trace_id[65],
                  struct http_answer *out)
{
    long status = 0;

    *out = (struct http_answer){.trace_id = trace_id, .elapsed_ms = now_ms - request->started_ms};
    trace_id[0] = '\0';
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    if (request->is_cancelled) {
        error_set(&out->err, ERROR_CANCELLED, "%s: cancelled", request->peer);
    } else if (request->err.kind != ERROR_NONE) {
        out->err = request->err;
    } else if (request->code == CURLE_OK || status >= 300) {
        /* A refusal counts as soon as its status is there: servers close the connection behind a
         * 413. */
        describe_answer(request, status, trace_id, out);
    } else if (status >= 200 || !describe_last_words(request, trace_id, out)) {
        explain(request, &out->err);
    }
    if (out->status != 0) {
        out->proxy = http_proxy_may_speak(request);
        out->url = url_of(request);
    }
}
