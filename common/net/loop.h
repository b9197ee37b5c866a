/*
 * The one event loop of a program: HTTP transfers (curl_multi), watched descriptors (ledger socket,
 * bus eventfd, signal fd) and timers, all on one thread. Callbacks may add and remove watches,
 * timers and requests; they may not turn the loop (ERROR_BUG), nor free it or a client of it.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct loop;

struct loop *loop_new(struct error *err); /* NULL on failure */
void loop_free(struct loop *loop);        /* after every http client on it */

/* A descriptor whose number and wishes may change (libpq reconnects): both are asked before each
 * wait and only look. fd() < 0 or wants() == 0: nothing to watch now. wants() and got are
 * POLLIN | POLLOUT; an error or hangup on the descriptor is got as all that was wanted. */
struct loop_watch {
    int (*fd)(void *ctx);
    short (*wants)(void *ctx);
    void (*on_ready)(void *ctx, short got);
    void *ctx;
};
MUST_CHECK bool loop_watch(struct loop *loop, struct loop_watch watch, struct error *err);
void loop_unwatch(struct loop *loop, void *ctx); /* every watch of that ctx */

/* Calls fn(ctx) every period_ms, first after period_ms. Timers of one ctx are removed together. */
typedef void loop_timer_fn(void *ctx);
MUST_CHECK bool loop_every(struct loop *loop, uint32_t period_ms, loop_timer_fn *fn, void *ctx,
                           struct error *err);
void loop_cancel(struct loop *loop, void *ctx);

/* One turn: waits at most max_wait_ms for something to happen, then calls what is due. */
MUST_CHECK bool loop_turn(struct loop *loop, uint32_t max_wait_ms, struct error *err);
/* Turns until *done, or the deadline (clock_boottime_ms) passes: ERROR_TIMEOUT. deadline_ms 0: no
 * deadline. */
MUST_CHECK bool loop_until(struct loop *loop, const bool *done, int64_t deadline_ms,
                           struct error *err);

#endif
