/*
 * What the loop offers to net/http*.c alone: its curl_multi handle, and a place in every turn.
 * The only header that includes curl.h; nothing outside net/loop*.c and net/http*.c may include it.
 */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "net/loop.h"

/* CURLOPT_PRIVATE of every easy handle on the loop's multi. */
struct loop_transfer {
    /* curl is done with it. Called while curl's messages are read: may only take a note. */
    void (*on_ended)(struct loop_transfer *transfer, CURLcode code);
};

/* An http client: asked before each wait, called before and after curl does its part of a turn. */
struct loop_client {
    int64_t (*next_ms)(void *ctx); /* clock_boottime_ms when it wants a turn; INT64_MAX: never */
    /* The wait is over, however long it was; curl has moved no byte since. Ends what may not go on. */
    void (*on_wake)(void *ctx);
    void (*on_turn)(void *ctx);
    void *ctx;
};

/* What a server had still said on a connection that curl closed: when it refuses a body that is
 * still being sent and closes, curl meets the broken pipe before it reads the refusal (one 413 in
 * ten or twenty, measured). */
#define LOOP_LAST_WORDS     4u    /* connections closed in one turn that are kept */
#define LOOP_LAST_WORDS_MAX 4096u /* bytes of each */

struct loop_last_words {
    unsigned local_port; /* of the connection; 0: empty */
    size_t len;
    uint8_t bytes[LOOP_LAST_WORDS_MAX];
};

/* CURLOPT_CLOSESOCKETFUNCTION, its data the loop: it outlives every connection, a request or client
 * does not. */
int loop_close_socket(void *loop, curl_socket_t fd);
/* Of a connection that was closed in this turn; empty when there are none. Valid for the turn. */
struct span loop_last_words(const struct loop *loop, unsigned local_port);

/* While it is so, connections that curl closes are reset: what this machine's socket still holds of a request is thrown
 * away, where an ordinary end would deliver it. */
void loop_cut(struct loop *loop, bool is_cutting);

CURLM *loop_multi(struct loop *loop);
uint64_t loop_turn_number(const struct loop *loop); /* of the turn that runs or ran last; from 1 */
bool loop_is_turning(const struct loop *loop);
MUST_CHECK bool loop_attach(struct loop *loop, struct loop_client client, struct error *err);
void loop_detach(struct loop *loop, void *ctx);

#endif
