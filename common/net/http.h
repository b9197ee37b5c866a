/*
 * HTTP requests on the loop, by curl_multi. Redirects are never followed (a token would travel with
 * them), TLS is always verified, `Expect:` is off, connections are reused for at most 25 s idle
 * (servers close at 30). An answer with a status is an answer, also when the server closed while we
 * were still sending (413).
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "net/loop.h"

struct http;         /* a client: the connections of one program */
struct http_request; /* one request in flight */

struct http_answer {         /* borrowed for the callback */
    int status;              /* HTTP status, or 0: no answer, see err */
    struct span body;        /* of a streamed 2xx answer: empty */
    const char *url;         /* what was asked; NULL when status is 0 */
    const char *trace_id;    /* chroma-trace-id header, or "" */
    const char *proxy;       /* "host:port", whose own answer it may be; NULL: none */
    uint32_t retry_after_ms; /* Retry-After, clamped to 0 … 300 s; 0 when absent or senseless */
    int64_t elapsed_ms;
    /* status 0: the transport's failure, classified (TIMEOUT, UNAVAILABLE, CANCELLED …), naming
     * host and port. Otherwise ERROR_NONE: what a status means is chroma.h's business. */
    struct error err;
};

typedef void http_done_fn(void *ctx, const struct http_answer *answer);
/* Body bytes of a 2xx answer as they come; false aborts the request with *err. */
typedef bool http_body_fn(void *ctx, struct span bytes, struct error *err);

/* Paths of PEM files, each NULL when there is none; borrowed until http_send returns. */
struct http_tls {
    const char *ca_file;   /* trusted instead of the system's */
    const char *cert_file; /* shown to servers that ask for it */
    const char *key_file;  /* NULL: in cert_file */
};

struct http_call {
    const char *method; /* "GET", "POST", "PUT", "DELETE" */
    const char *url;    /* copied */
    /* "Name: value" lines, NULL-terminated, copied. Bodies get Content-Type: application/json. */
    const char *const *headers;
    struct http_tls tls;
    struct span body; /* borrowed until done; ptr NULL: no body */
    /* clock_boottime_ms; 0: LIMIT_REQUEST_MS from now. Movable by http_set_deadline. One that has passed: nothing is sent,
     * ERROR_TIMEOUT; in the middle of it nothing more, however long the process stood still, and the connection is reset,
     * as by http_cancel. */
    int64_t deadline_ms;
    /* Abort after so long without a byte, our own pausing aside; 0: off. For long streamed
     * answers, whose first byte may be late. */
    uint32_t idle_ms;
    http_body_fn *on_body; /* NULL: the body is collected, up to LIMIT_RESPONSE */
    http_done_fn *on_done; /* exactly once, also after http_cancel, never from inside http_send */
    void *ctx;
};

struct http *http_new(struct loop *loop, const char *user_agent, struct error *err);
/* Cancels what is in flight; callbacks are called, and may send nothing more. Not from inside a
 * callback of the loop. */
void http_free(struct http *http);
struct http_request *http_send(struct http *http, const struct http_call *call,
                               struct error *err); /* NULL on failure */
void http_set_deadline(struct http_request *request, int64_t deadline_ms);
void http_cancel(struct http_request *request); /* on_done comes with CANCELLED, in a later turn */
/* Flow control of a streamed answer. What has come already may still end it: on_done of a short
 * answer does not wait for http_resume. */
void http_pause(struct http_request *request);
void http_resume(struct http_request *request);
/* May a request that failed so have been carried out all the same, now or a while later? No, when it was never sent or
 * the server says that it did nothing (429, 503, other refusals); else yes: the answer was lost, or a gateway or the
 * server broke on the way. */
bool http_may_be_applied(const struct error *err);
const char *http_library_version(void); /* for --version */

/* Of a transport's failure: the server was reached, but its TLS or certificate is what failed. */
bool http_is_tls_failure(const struct error *err);
/* Of any failure: not even a status came from the server, so that nothing is known of it. */
bool http_is_without_answer(const struct error *err);

/* http://host:port/prefix, checked. IPv6 in brackets. No user, query or fragment. */
struct http_address {
    /* scheme://host:port, lower case, port always written: what a secret is bound to */
    char origin[300];
    char base[600]; /* origin and path prefix, no trailing slash */
};
/* Is the host of a URL this machine, by name or address? Nothing is looked up. */
bool http_is_loopback(const char *url);
/* Would a secret travel readable for others? http:// to anything but this machine. */
bool http_is_in_clear(const struct http_address *address);
MUST_CHECK bool http_parse_address(const char *url, struct http_address *out, struct error *err);

#endif
