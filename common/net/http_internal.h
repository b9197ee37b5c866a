/*
 * The insides of a request, shared by net/http*.c only: http.c begins it, http_turn.c ends it,
 * http_easy.c speaks to curl, http_outcome.c and http_salvage.c tell what came of it.
 */
#ifndef NET_HTTP_INTERNAL_H
#define NET_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "net/http.h"
#include "net/http_proxy.h"
#include "net/loop_internal.h"

#define HTTP_POOL_MAX    16u
#define HTTP_HEADERS_MAX (64u * KIB) /* of one answer's header lines; more: error */
#define HTTP_DRAIN_MAX   (64u * KIB) /* of a refusal, read to keep the connection; more: closed */
#define HTTP_RESERVE_MAX (32u * MIB) /* taken on the word of Content-Length; the rest as it comes */

struct http {
    struct loop *loop;
    struct http_request *newest;
    CURL *pool[HTTP_POOL_MAX]; /* easy handles not in use */
    size_t pooled;
    bool is_closing;
    char user_agent[128];
};

struct http_request {
    struct loop_transfer transfer; /* first: what curl's private pointer points to */
    struct http *http;
    struct loop *loop;
    struct http_request *newer, *older; /* in http->newest's list */
    CURL *easy;                         /* on the multi until the request is closed */
    struct curl_slist *headers;
    char peer[300]; /* host:port, begins every message */
    struct http_proxy proxy;
    http_body_fn *on_body;
    http_done_fn *on_done;
    void *ctx;
    int64_t started_ms, deadline_ms;
    int64_t heard_ms; /* last byte of the answer, or start, or resume */
    uint32_t idle_ms;

    struct buf answer; /* collected body */
    size_t drained;    /* bytes of a refusal beyond what is kept */
    size_t header_bytes;
    struct error err; /* ours: a ceiling, or on_body's reason */
    char curl_text[CURL_ERROR_SIZE];
    CURLcode code; /* once has_ended */
    uint64_t cancel_turn;
    bool has_ended; /* curl is done with it */
    bool is_cancelled;
    bool is_closing; /* on_done is being called */
    bool is_paused;  /* wanted so */
    bool is_resent;  /* on a fresh connection, once */
    bool is_held;    /* curl holds bytes back */
};

/* -- http.c -- */
void http_request_free(struct http_request *request);

/* -- http_turn.c: loop callbacks, and the only way a request ends -- */
void http_request_ended(struct loop_transfer *transfer, CURLcode code);
/* Takes it off the loop, calls back, frees. */
void http_request_close(struct http_request *request);
void http_on_wake(void *http);
void http_on_turn(void *http);
int64_t http_next_ms(void *http);

/* -- http_easy.c -- */
/* Sets every option of a fresh or reset handle. */
MUST_CHECK bool http_easy_prepare(struct http_request *request, const struct http_call *call,
                                  const char *user_agent, struct error *err);
/* Host and port of a URL as "host:port". */
MUST_CHECK bool http_easy_peer(const char *url, char out[300], struct error *err);

/* -- http_salvage.c -- */
struct http_refusal { /* read by hand from bytes that curl did not get to */
    int status;
    char retry_after[64], trace_id[65]; /* header values, or "" */
    struct span body;                   /* as far as it came */
};
/* A whole HTTP/1 header with status 400 … 599 at the start of bytes; anything else is false. */
bool http_read_refusal(struct span bytes, struct http_refusal *out);

/* -- http_proxy.c -- */
/* May the answer be a proxy's own? Then its name, else NULL. */
const char *http_proxy_may_speak(const struct http_request *request);
/* It failed because of the proxy, and that is told; false: for another reason. */
bool http_proxy_explain(const struct http_request *request, struct error *err);

/* -- http_tls.c -- */
/* Why there is no safe connection, as ERROR_AUTH or ERROR_UNAVAILABLE; false: it failed for another reason. */
bool http_explain_tls(const struct http_request *request, struct error *err);

/* -- http_outcome.c -- */
/* Did the server refuse while we were sending, and close before curl could read it? */
bool http_has_last_words(const struct http_request *request);
/* What the callback is told. trace_id's storage lives in the caller. */
void http_outcome(struct http_request *request, int64_t now_ms, char trace_id[65],
                  struct http_answer *out);
/* The value of a Retry-After header: seconds or a date, clamped to 0 … 300 s; anything senseless is
 * 0. */
uint32_t http_retry_after_ms(const char *value, int64_t wall_ms);

#endif
