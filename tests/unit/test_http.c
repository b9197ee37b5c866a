/* HTTP against a server whose every byte the test decides: what is an answer, what is a failure,
 * and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/http.h"
#include "net/http_internal.h"
#include "support/loopback.h"

#define PATIENCE_MS 8000

struct world {
    struct loop *loop;
    struct http *http;
    struct loopback *server;
};

/* What one request came to. */
struct outcome {
    struct world *world;
    struct http_request *request; /* while it is in flight */
    unsigned calls;
    bool done;
    int status;
    uint32_t retry_after_ms;
    int64_t elapsed_ms;
    char trace_id[80];
    char body[64];
    size_t body_len;
    struct error err;
    size_t streamed;
    unsigned chunks;
    bool (*on_chunk)(struct outcome *outcome, struct error *err);
};

static struct loopback_request
    seen; /* by a script; read after the server has stopped, or after the answer */

static void on_done(void *ctx, const struct http_answer *answer)
{
    struct outcome *outcome = ctx;

    outcome->calls++;
    outcome->request = NULL;
    outcome->status = answer->status;
    outcome->retry_after_ms = answer->retry_after_ms;
    outcome->elapsed_ms = answer->elapsed_ms;
    outcome->err = answer->err;
    outcome->body_len = answer->body.len;
    snprintf(outcome->trace_id, sizeof outcome->trace_id, "%s", answer->trace_id);
    if (answer->body.len > 0) {
        snprintf(outcome->body, sizeof outcome->body, "%.*s", (int)answer->body.len,
                 (const char *)answer->body.ptr);
    }
    outcome->done = true;
}

static bool on_body(void *ctx, struct span bytes, struct error *err)
{
    struct outcome *outcome = ctx;

    outcome->streamed += bytes.len;
    outcome->chunks++;
    return !outcome->on_chunk || outcome->on_chunk(outcome, err);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct error err = {0};

    signal(SIGPIPE, SIG_IGN);
    setenv("no_proxy", "*", 1); /* whatever the machine has: these servers are here */
    memset(&seen, 0, sizeof seen);
    world->loop = loop_new(&err);
    world->http = world->loop ? http_new(world->loop, "chroma-ferry/test", &err) : NULL;
    *state = world;
    return world->http ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *world = *state;

    http_free(world->http);
    loop_free(world->loop);
    loopback_stop(world->server);
    free(world);
    return 0;
}

static void serve(struct world *world, loopback_script *script, const void *ctx)
{
    loopback_stop(world->server);
    world->server = loopback_start(script, ctx);
}

static void start_url(struct world *world, struct outcome *outcome, struct http_call call,
                      const char *url)
{
    struct error err = {0};

    call.url = url;
    call.method = call.method ? call.method : "GET";
    call.on_done = on_done;
    call.ctx = outcome;
    outcome->world = world;
    outcome->request = http_send(world->http, &call, &err);
    if (!outcome->request) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(outcome->calls, 0);
}

static void start(struct world *world, struct outcome *outcome, struct http_call call)
{
    start_url(world, outcome, call, loopback_url(world->server, "/x"));
}

static void finish(struct outcome *outcome)
{
    struct error err = {0};

    if (!loop_until(outcome->world->loop, &outcome->done, clock_boottime_ms() + PATIENCE_MS,
                    &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(outcome->calls, 1);
}

static void turn_for(struct world *world, int64_t ms)
{
    int64_t end = clock_boottime_ms() + ms;
    struct error err = {0};

    while (clock_boottime_ms() < end) {
        assert_true(loop_turn(world->loop, 10, &err));
    }
}

static struct outcome ask(struct world *world, struct http_call call)
{
    struct outcome outcome = {0};

    start(world, &outcome, call);
    finish(&outcome);
    return outcome;
}

static void assert_failed(const struct outcome *outcome, enum error_kind kind, const char *says)
{
    assert_int_equal(outcome->status, 0);
    assert_int_equal(outcome->body_len, 0);
    if (outcome->err.kind != kind || !strstr(outcome->err.message, says)) {
        fail_msg("%s: \"%s\"; wanted %s: \"%s\"", error_kind_name(outcome->err.kind),
                 outcome->err.message, error_kind_name(kind), says);
    }
}

static void assert_answered(const struct outcome *outcome, int status, const char *body)
{
    if (outcome->status != status) {
        fail_msg("status %d, wanted %d: %s", outcome->status, status, outcome->err.message);
    }
    assert_int_equal(outcome->err.kind, ERROR_NONE);
    assert_string_equal(outcome->body, body);
}

/* -- scripts -- */

static void polite(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    while (loopback_take(peer, &request)) {
        seen = request;
        loopback_answer(peer, 200, "chroma-trace-id: 0123abcd\r\n", "hello");
    }
}

static void says(struct loopback_peer *peer, unsigned nth,
                 const void *ctx) /* the text in ctx, then closes */
{
    struct loopback_request request;

    (void)nth;
    if (loopback_take(peer, &request)) {
        seen = request;
        loopback_say(peer, ctx);
    }
}

static void says_and_lingers(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    says(peer, nth, ctx);
    loopback_linger(peer);
}

static void says_and_resets(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    says(peer, nth, ctx);
    loopback_wait(peer, 50);
    loopback_reset(peer);
}

/* -- plain exchanges -- */

static void a_get_is_answered(void **state)
{
    struct world *world = *state;
    const char *const headers[] = {"X-Chroma-Token: t", NULL};
    struct outcome outcome;

    serve(world, polite, NULL);
    outcome = ask(world, (struct http_call){.headers = headers});
    assert_answered(&outcome, 200, "hello");
    assert_string_equal(outcome.trace_id, "0123abcd");
    assert_in_range(outcome.elapsed_ms, 0, PATIENCE_MS);
    assert_ptr_equal(strstr(seen.head, "GET /x HTTP/1.1\r\n"), seen.head);
    assert_non_null(strstr(seen.head, "\r\nUser-Agent: chroma-ferry/test\r\n"));
    assert_non_null(strstr(seen.head, "\r\nX-Chroma-Token: t\r\n"));
    assert_null(strcasestr(seen.head, "accept-encoding"));
    assert_null(strcasestr(seen.head, "content-type"));
}

static void a_large_body_is_sent_whole_and_without_waiting_for_leave(void **state)
{
    struct world *world = *state;
    size_t len = 3 * MIB;
    uint8_t *body = calloc(1, len);
    struct outcome outcome;

    assert_non_null(body);
    serve(world, polite, NULL);
    outcome = ask(world, (struct http_call){.method = "POST", .body = {body, len}});
    assert_answered(&outcome, 200, "hello");
    assert_int_equal(seen.content_length, len);
    assert_ptr_equal(strstr(seen.head, "POST /x HTTP/1.1\r\n"), seen.head);
    assert_non_null(strstr(seen.head, "\r\nContent-Type: application/json\r\n"));
    assert_null(strcasestr(seen.head, "\r\nexpect"));
    free(body);
}

static void other_methods_carry_a_body_or_none(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, polite, NULL);
    outcome = ask(world, (struct http_call){.method = "PUT", .body = SPAN_LITERAL("{}")});
    assert_answered(&outcome, 200, "hello");
    assert_ptr_equal(strstr(seen.head, "PUT /x "), seen.head);
    assert_int_equal(seen.content_length, 2);
    outcome = ask(world, (struct http_call){.method = "DELETE"});
    assert_answered(&outcome, 200, "hello");
    assert_ptr_equal(strstr(seen.head, "DELETE /x "), seen.head);
    outcome = ask(world, (struct http_call){.method = "POST"});
    assert_answered(&outcome, 200, "hello");
    assert_ptr_equal(strstr(seen.head, "POST /x "), seen.head);
    assert_int_equal(seen.content_length, 0);
    assert_null(strcasestr(seen.head, "x-www-form-urlencoded"));
}

static void a_connection_is_used_again(void **state)
{
    struct world *world = *state;

    serve(world, polite, NULL);
    for (unsigned i = 0; i < 5; i++) {
        struct outcome outcome = ask(world, (struct http_call){0});

        assert_answered(&outcome, 200, "hello");
    }
    assert_int_equal(loopback_connections(world->server), 1);
}

static void closes_after_one(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    if (loopback_take(peer, &request)) {
        loopback_answer(peer, 200, "", "hello"); /* and closes without having said so */
    }
}

static void a_connection_the_server_has_closed_meanwhile_is_replaced(void **state)
{
    struct world *world = *state;

    serve(world, closes_after_one, NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct outcome outcome =
            ask(world, (struct http_call){.method = "POST", .body = SPAN_LITERAL("{}")});

        assert_answered(&outcome, 200, "hello");
    }
    assert_int_equal(loopback_connections(world->server), 3);
}

/* As a server whose patience ends in the moment in which the next request arrives: it closes with bytes unread. */
static void resets_the_second(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)ctx;
    if (loopback_take(peer, &request)) {
        loopback_answer(peer, 200, "", "hello");
    }
    if (nth < 2 && loopback_read_head(peer, &request)) {
        loopback_reset(peer);
    }
}

static void a_connection_that_ends_as_it_is_used_again_is_replaced(void **state)
{
    struct world *world = *state;
    static char large[1u << 20];

    memset(large, ' ', sizeof large);
    serve(world, resets_the_second, NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct span bodies[] = {SPAN_LITERAL("{}"), {(const uint8_t *)large, sizeof large}};
        struct outcome outcome =
            ask(world, (struct http_call){.method = "POST", .body = bodies[i % 2]});

        assert_answered(&outcome, 200, "hello");
    }
    assert_int_equal(loopback_connections(world->server), 3);
}

static void requests_run_side_by_side(void **state)
{
    struct world *world = *state;
    struct outcome outcomes[20] = {0};

    serve(world, polite, NULL);
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        start(world, &outcomes[i], (struct http_call){0});
    }
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        finish(&outcomes[i]);
        assert_answered(&outcomes[i], 200, "hello");
    }
}

static void a_chunked_answer_is_put_together(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says,
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    outcome = ask(world, (struct http_call){0});
    assert_answered(&outcome, 200, "abcde");
}

static void an_empty_answer_is_an_answer(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says, "HTTP/1.1 204 No Content\r\n\r\n");
    outcome = ask(world, (struct http_call){0});
    assert_answered(&outcome, 204, "");
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says_and_lingers,
          "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n\r\nno");
    outcome = ask(world, (struct http_call){0});
    assert_answered(&outcome, 302, "no");
    turn_for(world, 50);
    assert_int_equal(loopback_connections(world->server), 1);
    assert_null(strstr(seen.head, "elsewhere"));
}

/* -- refusals -- */

static void refuses_early(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    if (loopback_read_head(peer, &request)) {
        loopback_read(peer, NULL,
                      100 * KIB); /* of many MiB: closing with the rest unread sends a reset */
        loopback_answer(peer, 413, "connection: close\r\n", "Payload too large");
    }
}

static void a_413_is_an_answer_although_the_server_closes_while_we_send(void **state)
{
    struct world *world = *state;
    size_t len = 4 * MIB; /* now and then the broken pipe comes first, see http_salvage.c */
    uint8_t *body = calloc(1, len);

    assert_non_null(body);
    serve(world, refuses_early, NULL);
    for (unsigned i = 0; i < 60; i++) {
        struct outcome outcome =
            ask(world, (struct http_call){.method = "POST", .body = {body, len}});

        assert_answered(&outcome, 413, "Payload too large");
    }
    free(body);
}

static void refuses_without_warning(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    if (loopback_read_head(peer, &request)) {
        loopback_read(peer, NULL, 1000 * 1000);
        loopback_answer(peer, 413, "", "Payload too large"); /* no word of closing, and closes */
    }
}

static void a_connection_closed_behind_a_413_does_not_spoil_the_next_request(void **state)
{
    struct world *world = *state;
    size_t len = 2500 * 1000; /* the sockets' buffers take the rest: all looks well */
    uint8_t *body = calloc(1, len);

    assert_non_null(body);
    serve(world, refuses_without_warning, NULL);
    for (unsigned i = 0; i < 50; i++) {
        struct outcome outcome =
            ask(world, (struct http_call){.method = "POST", .body = {body, len}});

        assert_answered(&outcome, 413, "Payload too large");
    }
    free(body);
}

static void a_refusal_is_read_by_hand_only_when_it_is_whole(void **state)
{
    static const struct {
        const char *bytes;
        int status;
        const char *retry_after, *body;
    } rows[] = {
        {"HTTP/1.1 413 Payload Too Large\r\n\r\nno", 413, "", "no"},
        {"HTTP/1.0 503\r\nx: y\r\nRetry-AFTER:  7\r\n\r\n", 503, "7", ""},
        {"HTTP/1.1 429 \r\nxretry-after: 1\r\nretry-after: 2\r\n\r\nx\r\n\r\ny", 429, "2",
         "x\r\n\r\ny"},
        {"HTTP/1.1 200 OK\r\n\r\n", 0, "", ""},
        {"HTTP/1.1 302 Found\r\n\r\n", 0, "", ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 No\r\n\r\n", 0, "", ""},
        {"HTTP/1.1 413 Payload Too Large\r\n", 0, "", ""},
        {"HTTP/1.1 4131 No\r\n\r\n", 0, "", ""},
        {"HTTP/1.1 41x No\r\n\r\n", 0, "", ""},
        {"HTTP/2 413 No\r\n\r\n", 0, "", ""},
        {"HTTP/1.1\r\n\r\n", 0, "", ""},
        {"\r\n\r\n", 0, "", ""},
        {"", 0, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_refusal refusal;
        bool is_read = http_read_refusal(span_from_str(rows[i].bytes), &refusal);

        if (is_read != (rows[i].status != 0) || (is_read && refusal.status != rows[i].status)) {
            fail_msg("%s: %d", rows[i].bytes, refusal.status);
        }
        if (is_read) {
            assert_string_equal(refusal.retry_after, rows[i].retry_after);
            assert_true(span_equal(refusal.body, span_from_str(rows[i].body)));
        }
    }
}

static void a_refusal_counts_although_its_body_is_cut_off(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says, "HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\nwait");
    outcome = ask(world, (struct http_call){0});
    assert_answered(&outcome, 503, "wait");
}

static void talks_for_ever(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;
    char block[4096];

    (void)nth;
    memset(block, 'e', sizeof block);
    if (loopback_take(peer, &request) && loopback_say(peer, ctx)) {
        while (loopback_send(peer, block, sizeof block)) {
        }
    }
}

static void of_a_long_refusal_only_the_beginning_is_kept(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, talks_for_ever, "HTTP/1.1 500 Oh\r\n\r\n");
    outcome = ask(world, (struct http_call){0});
    assert_int_equal(outcome.status, 500);
    assert_int_equal(outcome.body_len, LIMIT_ERROR_BODY);
}

static void a_refusal_is_not_streamed(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says, "HTTP/1.1 404 No\r\ncontent-length: 4\r\n\r\ngone");
    outcome = ask(world, (struct http_call){.on_body = on_body});
    assert_answered(&outcome, 404, "gone");
    assert_int_equal(outcome.streamed, 0);
}

static void what_was_not_answered_may_have_been_carried_out(void **state)
{
    static const struct {
        enum error_kind kind;
        int32_t native;
        bool may;
    } rows[] = {
        {ERROR_TIMEOUT, 0, true},                          /* our deadline */
        {ERROR_UNAVAILABLE, CURLE_GOT_NOTHING, true},      /* closed without an answer */
        {ERROR_UNAVAILABLE, CURLE_RECV_ERROR, true},       /* reset while waiting */
        {ERROR_UNAVAILABLE, CURLE_SEND_ERROR, true},       /* it may have been read to the end */
        {ERROR_UNAVAILABLE, CURLE_PARTIAL_FILE, true},     /* the answer was cut off */
        {ERROR_UNAVAILABLE, 500, true},                    /* it broke somewhere on the way */
        {ERROR_UNAVAILABLE, 502, true},                    /* a gateway lost the server */
        {ERROR_UNAVAILABLE, 504, true},                    /* a gateway gave up waiting */
        {ERROR_UNAVAILABLE, 503, false},                   /* the server says that it did not */
        {ERROR_UNAVAILABLE, CURLE_COULDNT_CONNECT, false}, /* never sent */
        {ERROR_UNAVAILABLE, CURLE_COULDNT_RESOLVE_HOST, false},
        {ERROR_UNAVAILABLE, CURLE_OPERATION_TIMEDOUT, false}, /* no connection in time */
        {ERROR_THROTTLED, 429, false},
        {ERROR_REJECTED, 422, false},
        {ERROR_TOO_LARGE, 413, false},
        {ERROR_NONE, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {.kind = rows[i].kind, .native = rows[i].native};

        assert_int_equal(http_may_be_applied(&err), rows[i].may);
    }
}

static void retry_after_is_clamped_and_never_trusted(void **state)
{
    static const struct {
        const char *value;
        uint32_t ms;
    } rows[] = {
        {"7", 7000},
        {"0", 0},
        {"300", 300000},
        {"301", 300000},
        {"99999999999999999999", 300000},
        {"-5", 0},
        {"1.5", 0},
        {"+3", 0},
        {"soon", 0},
        {"3 apples", 0},
        {"", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Fri, 31 Dec 2100 23:59:59 GMT", 300000},
        {"Fri, 99 Foo 2100 23:59:59 GMT", 0},
        {"2100-12-31T23:59:59Z", 0},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome outcome;
        char text[256];

        snprintf(text, sizeof text,
                 "HTTP/1.1 429 Slow\r\nretry-after: %s\r\ncontent-length: 0\r\n\r\n",
                 rows[i].value);
        serve(world, says, text);
        outcome = ask(world, (struct http_call){0});
        assert_int_equal(outcome.status, 429);
        if (outcome.retry_after_ms != rows[i].ms) {
            fail_msg("Retry-After: %s gave %u ms", rows[i].value, outcome.retry_after_ms);
        }
    }
}

static void a_retry_after_date_counts_from_now(void **state)
{
    (void)state;
    assert_int_equal(http_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111767000)),
                     10000);
    assert_int_equal(http_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111777000)),
                     0);
    assert_int_equal(http_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111000000)),
                     300000);
}

/* -- failures of the transport -- */

static void a_closed_port_is_named(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};
    unsigned port = loopback_closed_port();
    char url[64], wanted[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    snprintf(wanted, sizeof wanted, "127.0.0.1:%u: connection refused", port);
    start_url(world, &outcome, (struct http_call){0}, url);
    finish(&outcome);
    assert_failed(&outcome, ERROR_UNAVAILABLE, wanted);
    assert_string_equal(outcome.err.message, wanted);
}

/* A label of 64 letters cannot exist: the answer needs no name server. */
#define NO_HOST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid:81"

static void an_unknown_host_is_named(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    start_url(world, &outcome, (struct http_call){0}, "http://" NO_HOST "/");
    finish(&outcome);
    assert_failed(&outcome, ERROR_UNAVAILABLE, NO_HOST ": the host name cannot be resolved");
}

static void a_server_that_hangs_up_is_unavailable(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says, "");
    outcome = ask(world, (struct http_call){.method = "POST", .body = SPAN_LITERAL("{}")});
    assert_failed(&outcome, ERROR_UNAVAILABLE, ": connection closed without an answer");
}

static void a_reset_before_the_answer_is_unavailable(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says_and_resets, "");
    outcome = ask(world, (struct http_call){0});
    assert_failed(&outcome, ERROR_UNAVAILABLE, ": connection reset by peer");
}

static void a_reset_in_the_answer_is_unavailable(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says_and_resets, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    outcome = ask(world, (struct http_call){0});
    assert_failed(&outcome, ERROR_UNAVAILABLE, "127.0.0.1:");
}

static void a_short_answer_is_no_answer(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    outcome = ask(world, (struct http_call){0});
    assert_failed(&outcome, ERROR_UNAVAILABLE, ": the answer was cut off");
    serve(world, says, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf");
    outcome = ask(world, (struct http_call){0});
    assert_failed(&outcome, ERROR_UNAVAILABLE, "127.0.0.1:");
}

static void something_that_is_not_http_is_said_so(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says, "SSH-2.0-OpenSSH_9.2\r\n");
    outcome = ask(world, (struct http_call){0});
    assert_failed(&outcome, ERROR_UNAVAILABLE, ": not an HTTP answer");
}

static void an_endless_header_is_given_up(void **state)
{
    struct world *world = *state;
    char *text = calloc(1, 200 * KIB);
    struct outcome outcome;

    assert_non_null(text);
    memcpy(text, "HTTP/1.1 200 OK\r\n", 17);
    for (size_t len = strlen(text); len < 150 * KIB; len += 100) {
        memset(text + len, 'h', 98);
        memcpy(text + len, "x: ", 3);
        memcpy(text + len + 98, "\r\n", 2);
    }
    serve(world, says_and_lingers, text);
    outcome = ask(world, (struct http_call){0});
    assert_failed(&outcome, ERROR_LIMIT, ": the answer's header is larger than 65536 bytes");
    loopback_stop(world->server);
    world->server = NULL;
    free(text);
}

static void an_answer_announced_too_large_is_refused_at_once(void **state)
{
    struct world *world = *state;
    struct outcome outcome;

    serve(world, says_and_lingers, "HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\nx");
    outcome = ask(world, (struct http_call){0});
    assert_failed(&outcome, ERROR_LIMIT, ": an answer of 999999999999 bytes is announced");
}

/* -- time -- */

static void drips(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    if (loopback_take(peer, &request) &&
        loopback_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")) {
        for (unsigned i = 0; i < 1000 && loopback_say(peer, "."); i++) {
            loopback_wait(peer, 20);
        }
    }
}

static void a_slow_answer_ends_at_the_deadline(void **state)
{
    struct world *world = *state;
    int64_t start_ms = clock_boottime_ms();
    struct outcome outcome;

    serve(world, drips, NULL);
    outcome = ask(world, (struct http_call){.deadline_ms = start_ms + 150});
    assert_failed(&outcome, ERROR_TIMEOUT, ": no complete answer within ");
    assert_in_range(clock_boottime_ms() - start_ms, 150, 10000);
}

/* As after a process that stood still: an answer comes, and what it leads to has no time any more. */
static void what_has_no_time_left_is_not_sent(void **state)
{
    struct world *world = *state;
    struct error err = {0};
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:9/");
    struct http_call call = {.url = url, .deadline_ms = clock_boottime_ms(), .on_done = on_done};
    assert_null(http_send(world->http, &call, &err));
    assert_int_equal(err.kind, ERROR_TIMEOUT);
}

/* -- a process that stood still, or was busy with something else, until a deadline had passed -- */

#define LARGE_BODY (20u * MIB)

static struct { /* between a test and its script */
    atomic_bool stands_still, is_drained;
    size_t late; /* bytes that came behind the deadline; read after the server has stopped */
    bool was_reset;
} stop;

static struct span large_body(void)
{
    static uint8_t bytes[LARGE_BODY];

    return (struct span){bytes, sizeof bytes};
}

static void stand_still_until(int64_t ms)
{
    while (clock_boottime_ms() <= ms) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void answers_one(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    if (loopback_take(peer, &request) && loopback_answer(peer, 200, "", "hello")) {
        stop.late += loopback_read(peer, NULL, SIZE_MAX);
    }
}

/* The connection is there already: all of such a request would go with the first turn. */
static void a_request_that_waited_beyond_its_deadline_is_never_begun(void **state)
{
    struct world *world = *state;
    struct outcome outcome;
    int64_t deadline_ms;

    stop.late = 0;
    serve(world, answers_one, NULL);
    outcome = ask(world, (struct http_call){0});
    assert_answered(&outcome, 200, "hello");
    memset(&outcome, 0, sizeof outcome);
    deadline_ms = clock_boottime_ms() + 200;
    start(world, &outcome,
          (struct http_call){
              .method = "POST", .body = {large_body().ptr, 2048}, .deadline_ms = deadline_ms});
    stand_still_until(deadline_ms);
    finish(&outcome);
    assert_failed(&outcome, ERROR_TIMEOUT, ": no complete answer within ");
    serve(world, polite, NULL); /* the first one has stopped */
    assert_int_equal(stop.late, 0);
}

/* Reads nothing but the head before the client stands still, then all that is under way, then what comes all the same. */
static void drains_while_nobody_sends(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    if (loopback_read_head(peer, &request)) {
        while (!atomic_load(&stop.stands_still)) {
            loopback_wait(peer, 1);
        }
        assert_true(loopback_drain(peer, 100) > 0);
        atomic_store(&stop.is_drained, true);
        stop.late += loopback_read(peer, NULL, SIZE_MAX);
    }
}

static void a_body_is_not_sent_on_behind_its_deadline(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};
    int64_t deadline_ms = clock_boottime_ms() + 1000;

    stop.late = 0;
    atomic_store(&stop.stands_still, false);
    atomic_store(&stop.is_drained, false);
    serve(world, drains_while_nobody_sends, NULL);
    start(world, &outcome,
          (struct http_call){.method = "POST", .body = large_body(), .deadline_ms = deadline_ms});
    turn_for(world, 100); /* what the sockets hold is sent */
    assert_int_equal(outcome.calls, 0);
    atomic_store(&stop.stands_still, true);
    while (!atomic_load(&stop.is_drained)) {
        stand_still_until(clock_boottime_ms());
    }
    stand_still_until(deadline_ms);
    finish(&outcome);
    assert_failed(&outcome, ERROR_TIMEOUT, ": no complete answer within ");
    serve(world, polite, NULL);
    assert_int_equal(stop.late, 0);
}

static void reads_when_it_is_over(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    struct loopback_request request;

    (void)nth;
    (void)ctx;
    if (loopback_read_head(peer, &request)) {
        while (!atomic_load(&stop.stands_still)) {
            loopback_wait(peer, 1);
        }
        (void)loopback_read(peer, NULL, SIZE_MAX);
        stop.was_reset = loopback_was_reset(peer);
        atomic_store(&stop.is_drained, true);
    }
}

/* What this machine's socket still holds then is thrown away, not delivered when the server comes to it. */
static void a_deadline_resets_the_connection(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    atomic_store(&stop.stands_still, false);
    atomic_store(&stop.is_drained, false);
    serve(world, reads_when_it_is_over, NULL);
    start(world, &outcome,
          (struct http_call){
              .method = "POST", .body = large_body(), .deadline_ms = clock_boottime_ms() + 150});
    finish(&outcome);
    assert_failed(&outcome, ERROR_TIMEOUT, ": no complete answer within ");
    atomic_store(&stop.stands_still, true);
    while (!atomic_load(&stop.is_drained)) {
        stand_still_until(clock_boottime_ms());
    }
    assert_true(stop.was_reset);
}

static void a_deadline_can_be_moved(void **state)
{
    struct world *world = *state;
    int64_t start_ms = clock_boottime_ms();
    struct outcome outcome = {0};

    serve(world, drips, NULL);
    start(world, &outcome, (struct http_call){.deadline_ms = start_ms + 300});
    http_set_deadline(outcome.request, start_ms + 1500);
    turn_for(world, 400);
    assert_int_equal(outcome.calls, 0);
    finish(&outcome);
    assert_in_range(clock_boottime_ms() - start_ms, 1500, 10000);
    assert_failed(&outcome, ERROR_TIMEOUT, "no complete answer");

    memset(&outcome, 0, sizeof outcome);
    start(world, &outcome, (struct http_call){0});
    turn_for(world, 50);
    http_set_deadline(outcome.request, 1); /* long past: the next turn ends it */
    finish(&outcome);
    assert_failed(&outcome, ERROR_TIMEOUT, "no complete answer");
}

static void silence_ends_a_request_and_bytes_keep_it(void **state)
{
    struct world *world = *state;
    int64_t start_ms = clock_boottime_ms();
    struct outcome outcome = {0};

    serve(world, drips, NULL);
    start(world, &outcome, (struct http_call){.idle_ms = 400, .on_body = on_body});
    turn_for(world, 900);
    assert_int_equal(outcome.calls, 0); /* a byte every 20 ms is not silence */
    http_cancel(outcome.request);
    finish(&outcome);

    serve(world, says_and_lingers, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    start_ms = clock_boottime_ms();
    outcome = ask(world, (struct http_call){.idle_ms = 150, .on_body = on_body});
    assert_failed(&outcome, ERROR_TIMEOUT, ": not a byte for ");
    assert_in_range(clock_boottime_ms() - start_ms, 150, 10000);
    assert_int_equal(outcome.streamed, 4);
}

/* -- stopping it ourselves -- */

static void cancelling_answers_later_and_once(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    serve(world, drips, NULL);
    start(world, &outcome, (struct http_call){0});
    turn_for(world, 50);
    http_cancel(outcome.request);
    http_cancel(outcome.request);
    assert_int_equal(outcome.calls, 0);
    finish(&outcome);
    assert_failed(&outcome, ERROR_CANCELLED, ": cancelled");
    turn_for(world, 50);
    assert_int_equal(outcome.calls, 1);
}

static void a_request_can_be_cancelled_before_it_starts(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    serve(world, polite, NULL);
    start(world, &outcome, (struct http_call){0});
    http_cancel(outcome.request);
    finish(&outcome);
    assert_failed(&outcome, ERROR_CANCELLED, ": cancelled");
}

static bool cancel_self(struct outcome *outcome, struct error *err)
{
    (void)err;
    http_cancel(outcome->request);
    assert_int_equal(outcome->calls, 0);
    return true;
}

static void turn_until_a_chunk(struct world *world, const struct outcome *outcome)
{
    while (outcome->chunks == 0) {
        struct error err = {0};

        assert_true(loop_turn(world->loop, 100, &err));
    }
}

static void a_body_callback_may_cancel_its_own_request(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {.on_chunk = cancel_self};

    serve(world, drips, NULL);
    start(world, &outcome, (struct http_call){.on_body = on_body});
    turn_until_a_chunk(world, &outcome);
    assert_int_equal(outcome.calls, 0); /* not in the turn that cancelled */
    finish(&outcome);
    assert_failed(&outcome, ERROR_CANCELLED, ": cancelled");
    assert_int_equal(outcome.chunks, 1);
}

static bool refuse(struct outcome *outcome, struct error *err)
{
    (void)outcome;
    return error_set(err, ERROR_CONFLICT, "the plan is another's now");
}

static void a_body_callback_may_refuse_with_its_own_error(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {.on_chunk = refuse};

    serve(world, drips, NULL);
    start(world, &outcome, (struct http_call){.on_body = on_body});
    finish(&outcome);
    assert_failed(&outcome, ERROR_CONFLICT, "the plan is another's now");
    assert_int_equal(outcome.chunks, 1);
}

static void send_again(void *ctx, const struct http_answer *answer)
{
    struct outcome *outcome = ctx;
    struct error err = {0};
    struct http_call call = {
        .method = "GET", .url = "http://127.0.0.1:1/", .on_done = on_done, .ctx = ctx};

    outcome->calls++;
    assert_int_equal(answer->err.kind, ERROR_CANCELLED);
    assert_null(http_send(outcome->world->http, &call, &err));
    assert_int_equal(err.kind, ERROR_CANCELLED);
}

static void freeing_the_client_cancels_and_takes_no_new_requests(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {.world = world};
    struct error err = {0};
    struct http_call call = {.method = "GET", .on_done = send_again, .ctx = &outcome};

    serve(world, drips, NULL);
    call.url = loopback_url(world->server, "/");
    assert_non_null(http_send(world->http, &call, &err));
    assert_non_null(http_send(world->http, &call, &err));
    turn_for(world, 50);
    http_free(world->http);
    world->http = NULL;
    assert_int_equal(outcome.calls, 2);
}

struct chain {
    struct outcome *outcomes;
    unsigned started;
};

static struct chain chain;

static void send_next(void *ctx, const struct http_answer *answer)
{
    struct outcome *outcome = ctx;

    on_done(outcome, answer);
    if (chain.started < 10) {
        struct outcome *next = &chain.outcomes[chain.started++];
        struct error err = {0};
        struct http_call call = {.method = "GET", .on_done = send_next, .ctx = next};

        next->world = outcome->world;
        call.url = loopback_url(outcome->world->server, "/");
        next->request = http_send(outcome->world->http, &call, &err);
        assert_non_null(next->request);
        if (chain.started == 5) {
            http_cancel(next->request);
        }
    }
}

static void a_callback_may_send_and_cancel(void **state)
{
    struct world *world = *state;
    struct outcome outcomes[10] = {0};
    struct http_answer none = {.trace_id = ""};

    chain = (struct chain){outcomes, 1};
    outcomes[0].world = world;
    serve(world, polite, NULL);
    send_next(&outcomes[0], &none);
    for (unsigned i = 1; i < 10; i++) {
        finish(&outcomes[i]);
        assert_int_equal(outcomes[i].status, i == 4 ? 0 : 200);
    }
}

/* -- flow control -- */

static atomic_size_t poured;

static void pours(struct loopback_peer *peer, unsigned nth, const void *ctx)
{
    size_t total = *(const size_t *)ctx;
    struct loopback_request request;
    char block[8192];

    (void)nth;
    memset(block, 'p', sizeof block);
    if (!loopback_take(peer, &request)) {
        return;
    }
    snprintf(request.head, sizeof request.head, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n",
             total);
    loopback_say(peer, request.head);
    for (size_t sent = 0; sent < total && loopback_send(peer, block, sizeof block);
         sent += sizeof block) {
        atomic_fetch_add(&poured, sizeof block);
    }
}

static bool pause_self_after_a_mebibyte(struct outcome *outcome, struct error *err)
{
    (void)err;
    if (outcome->streamed >= MIB) {
        http_pause(outcome->request);
        outcome->on_chunk = NULL;
    }
    return true;
}

static void a_paused_answer_stands_still_and_then_goes_on(void **state)
{
    struct world *world = *state;
    static size_t total = 64 * MIB;
    struct outcome outcome = {.on_chunk = pause_self_after_a_mebibyte};
    size_t before, held;

    atomic_store(&poured, 0);
    serve(world, pours, &total);
    start(world, &outcome, (struct http_call){.on_body = on_body, .idle_ms = 500});
    turn_for(world, 300);
    before = outcome.streamed;
    turn_for(world, 600); /* longer than idle_ms: our own silence does not count */
    assert_int_equal(outcome.calls, 0);
    assert_int_equal(outcome.streamed, before);
    held = atomic_load(&poured);
    assert_true(held < total); /* the server was slowed down, nothing piled up here */
    http_resume(outcome.request);
    assert_int_equal(outcome.streamed, before); /* nothing comes from inside the call */
    finish(&outcome);
    assert_answered(&outcome, 200, "");
    assert_int_equal(outcome.streamed, total);
}

static bool refuse_after_resume(struct outcome *outcome, struct error *err)
{
    if (outcome->chunks == 1) {
        http_pause(outcome->request);
        return true;
    }
    return error_set(err, ERROR_FORMAT, "no more of it");
}

static void refusing_what_was_held_back_ends_the_request(void **state)
{
    struct world *world = *state;
    static size_t total = 8 * MIB;
    struct outcome outcome = {.on_chunk = refuse_after_resume};

    serve(world, pours, &total);
    start(world, &outcome, (struct http_call){.on_body = on_body});
    turn_until_a_chunk(world, &outcome);
    assert_int_equal(outcome.chunks, 1);
    http_resume(outcome.request);
    finish(&outcome);
    assert_failed(&outcome, ERROR_FORMAT, "no more of it");
    assert_int_equal(outcome.chunks, 2);
}

static void a_paused_request_can_be_cancelled(void **state)
{
    struct world *world = *state;
    static size_t total = 8 * MIB;
    struct outcome outcome = {0};

    serve(world, pours, &total);
    start(world, &outcome, (struct http_call){.on_body = on_body});
    http_pause(outcome.request);
    turn_for(world, 50);
    assert_int_equal(outcome.streamed, 0);
    http_cancel(outcome.request);
    finish(&outcome);
    assert_failed(&outcome, ERROR_CANCELLED, ": cancelled");
}

/* -- refused before anything is sent -- */

static void bad_calls_are_refused_at_once(void **state)
{
    struct world *world = *state;
    const char *const headers[] = {"X-Chroma-Token: secret\r\nX-Evil: 1", NULL};
    struct http_call call = {
        .method = "GET", .url = "http://127.0.0.1:1/", .on_done = on_done, .headers = headers};
    struct error err = {0};

    assert_null(http_send(world->http, &call, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_null(strstr(err.message, "secret"));
    call.headers = NULL;
    call.url = "http://[::1/";
    error_clear(&err);
    assert_null(http_send(world->http, &call, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
}

#define HTTP_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(a_get_is_answered),
        HTTP_TEST(a_large_body_is_sent_whole_and_without_waiting_for_leave),
        HTTP_TEST(other_methods_carry_a_body_or_none),
        HTTP_TEST(a_connection_is_used_again),
        HTTP_TEST(a_connection_the_server_has_closed_meanwhile_is_replaced),
        HTTP_TEST(a_connection_that_ends_as_it_is_used_again_is_replaced),
        HTTP_TEST(requests_run_side_by_side),
        HTTP_TEST(a_chunked_answer_is_put_together),
        HTTP_TEST(an_empty_answer_is_an_answer),
        HTTP_TEST(a_redirect_is_an_answer_and_not_followed),
        HTTP_TEST(a_413_is_an_answer_although_the_server_closes_while_we_send),
        HTTP_TEST(a_connection_closed_behind_a_413_does_not_spoil_the_next_request),
        HTTP_TEST(a_refusal_is_read_by_hand_only_when_it_is_whole),
        HTTP_TEST(a_refusal_counts_although_its_body_is_cut_off),
        HTTP_TEST(of_a_long_refusal_only_the_beginning_is_kept),
        HTTP_TEST(a_refusal_is_not_streamed),
        cmocka_unit_test(what_was_not_answered_may_have_been_carried_out),
        HTTP_TEST(retry_after_is_clamped_and_never_trusted),
        HTTP_TEST(a_retry_after_date_counts_from_now),
        HTTP_TEST(a_closed_port_is_named),
        HTTP_TEST(an_unknown_host_is_named),
        HTTP_TEST(a_server_that_hangs_up_is_unavailable),
        HTTP_TEST(a_reset_before_the_answer_is_unavailable),
        HTTP_TEST(a_reset_in_the_answer_is_unavailable),
        HTTP_TEST(a_short_answer_is_no_answer),
        HTTP_TEST(something_that_is_not_http_is_said_so),
        HTTP_TEST(an_endless_header_is_given_up),
        HTTP_TEST(an_answer_announced_too_large_is_refused_at_once),
        HTTP_TEST(a_slow_answer_ends_at_the_deadline),
        HTTP_TEST(what_has_no_time_left_is_not_sent),
        HTTP_TEST(a_request_that_waited_beyond_its_deadline_is_never_begun),
        HTTP_TEST(a_body_is_not_sent_on_behind_its_deadline),
        HTTP_TEST(a_deadline_resets_the_connection),
        HTTP_TEST(a_deadline_can_be_moved),
        HTTP_TEST(silence_ends_a_request_and_bytes_keep_it),
        HTTP_TEST(cancelling_answers_later_and_once),
        HTTP_TEST(a_request_can_be_cancelled_before_it_starts),
        HTTP_TEST(a_body_callback_may_cancel_its_own_request),
        HTTP_TEST(a_body_callback_may_refuse_with_its_own_error),
        HTTP_TEST(freeing_the_client_cancels_and_takes_no_new_requests),
        HTTP_TEST(a_callback_may_send_and_cancel),
        HTTP_TEST(a_paused_answer_stands_still_and_then_goes_on),
        HTTP_TEST(refusing_what_was_held_back_ends_the_request),
        HTTP_TEST(a_paused_request_can_be_cancelled),
        HTTP_TEST(bad_calls_are_refused_at_once),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
