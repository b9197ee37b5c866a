/*
 * A turn of the loop: one curl_multi_poll() waits for transfers, watched descriptors and the
 * nearest timer, then everything that is due is called, always in this order: transfers whose time is over, the
 * others, watches, timers. What a callback adds is first asked in the next turn. No threads, no signals, no
 * priorities.
 */
#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/loop_state.h"

#define TURN_LONGEST_MS 1000u /* of loop_until: how late it may notice *done set from outside */

static bool loop_make_room(struct loop *loop, struct error *err)
{
    struct curl_waitfd *waited;
    struct pollfd *polled;

    if (loop->room >= loop->count) {
        return true;
    }
    waited = reallocarray(loop->waited, loop->cap, sizeof *waited);
    if (waited) {
        loop->waited = waited;
    }
    polled = reallocarray(loop->polled, loop->cap, sizeof *polled);
    if (polled) {
        loop->polled = polled;
    }
    if (!waited || !polled) {
        return error_set(err, ERROR_NOMEM, "out of memory for the event loop");
    }
    loop->room = loop->cap;
    return true;
}

/* How long this turn may wait: until the first timer or client is due. */
static int loop_wait_ms(const struct loop *loop, uint32_t max_wait_ms)
{
    int64_t now = clock_boottime_ms();
    int64_t wait = max_wait_ms;

    for (size_t i = 0; i < loop->count; i++) {
        const struct entry *entry = &loop->entries[i];
        int64_t due = INT64_MAX;

        if (entry->kind == ENTRY_TIMER) {
            due = entry->due_ms;
        } else if (entry->kind == ENTRY_CLIENT) {
            due = entry->as.client.next_ms(entry->ctx);
        }
        if (due != INT64_MAX && due - now < wait) {
            wait = due > now ? due - now : 0;
        }
    }
    return wait < INT_MAX ? (int)wait : INT_MAX;
}

/* Asks every watch what it wants now; returns how many descriptors there are to wait for. */
static unsigned loop_collect(struct loop *loop)
{
    unsigned fds = 0;

    for (size_t i = 0; i < loop->count; i++) {
        struct entry *entry = &loop->entries[i];
        int fd;

        if (entry->kind != ENTRY_WATCH) {
            continue;
        }
        fd = entry->as.watch.fd(entry->ctx);
        entry->wants =
            fd >= 0 ? (short)(entry->as.watch.wants(entry->ctx) & (POLLIN | POLLOUT)) : 0;
        entry->got = 0;
        if (entry->wants == 0) {
            continue;
        }
        loop->polled[fds] = (struct pollfd){.fd = fd, .events = entry->wants};
        loop->waited[fds] = (struct curl_waitfd){.fd = fd};
        loop->waited[fds].events = (short)((entry->wants & POLLIN ? CURL_WAIT_POLLIN : 0) |
                                           (entry->wants & POLLOUT ? CURL_WAIT_POLLOUT : 0));
        fds++;
    }
    return fds;
}

/* curl tells no POLLERR and no POLLHUP: a second look, without waiting, finds them. The owner is
 * then called for what it wanted and meets the error itself; otherwise the loop would spin on the
 * descriptor. */
static void loop_look(struct loop *loop, unsigned fds)
{
    unsigned at = 0;

    if (fds == 0 || poll(loop->polled, fds, 0) <= 0) {
        return;
    }
    for (size_t i = 0; i < loop->count; i++) {
        struct entry *entry = &loop->entries[i];
        short got;

        if (entry->kind != ENTRY_WATCH || entry->wants == 0) {
            continue;
        }
        got = loop->polled[at++].revents;
        entry->got =
            got & (POLLERR | POLLHUP | POLLNVAL) ? entry->wants : (short)(got & entry->wants);
    }
}

/* One step of all transfers; those that ended take a note (http.c acts on it in its on_turn). */
static bool loop_transfer(struct loop *loop, struct error *err)
{
    int running, left;
    const CURLMsg *message;
    CURLMcode code;

    loop->last_words_count = 0;
    code = curl_multi_perform(loop->multi, &running);
    if (code != CURLM_OK) {
        return error_set(err, ERROR_BUG, "HTTP transfers cannot go on: %s",
                         curl_multi_strerror(code));
    }
    while ((message = curl_multi_info_read(loop->multi, &left))) {
        struct loop_transfer *transfer = NULL;

        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer) ==
                CURLE_OK &&
            transfer) {
            transfer->on_ended(transfer, message->data.result);
        }
    }
    return true;
}

/* Nobody knows how long the wait was: the process may have been suspended, or a callback before it been slow. Whatever
 * has no time left ends before curl may send another byte of it. */
static void loop_wake(struct loop *loop)
{
    size_t count = loop->count;

    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &loop->entries[i];

        if (entry->kind == ENTRY_CLIENT && !entry->is_dead) {
            entry->as.client.on_wake(entry->ctx);
        }
    }
}

/* Callbacks may add entries and so move the array: every access goes through the index again. */
static void loop_dispatch(struct loop *loop)
{
    size_t count = loop->count;
    int64_t now;

    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &loop->entries[i];

        if (entry->kind == ENTRY_CLIENT && !entry->is_dead) {
            entry->as.client.on_turn(entry->ctx);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &loop->entries[i];

        if (entry->kind == ENTRY_WATCH && !entry->is_dead && entry->got != 0) {
            entry->as.watch.on_ready(entry->ctx, entry->got);
        }
    }
    now = clock_boottime_ms();
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &loop->entries[i];

        if (entry->kind == ENTRY_TIMER && !entry->is_dead && entry->due_ms <= now) {
            entry->due_ms += entry->period_ms;
            if (entry->due_ms <=
                now) { /* we were late by whole periods: those calls are lost, not made up for */
                entry->due_ms = now + entry->period_ms;
            }
            entry->as.timer(entry->ctx);
        }
    }
}

static bool loop_step(struct loop *loop, uint32_t max_wait_ms, struct error *err)
{
    CURLMcode code;
    unsigned fds;

    if (!loop_make_room(loop, err)) {
        return false;
    }
    fds = loop_collect(loop);
    code = curl_multi_poll(loop->multi, loop->waited, fds, loop_wait_ms(loop, max_wait_ms), NULL);
    if (code == CURLM_OUT_OF_MEMORY) {
        return error_set(err, ERROR_NOMEM, "out of memory while waiting");
    }
    if (code != CURLM_OK) {
        return error_set(err, ERROR_BUG, "waiting for descriptors failed: %s",
                         curl_multi_strerror(code));
    }
    loop_look(loop, fds);
    loop_wake(loop);
    if (!loop_transfer(loop, err)) {
        return false;
    }
    loop_dispatch(loop);
    return true;
}

bool loop_turn(struct loop *loop, uint32_t max_wait_ms, struct error *err)
{
    bool is_fine;

    if (loop->is_turning) {
        return error_set(err, ERROR_BUG,
                         "the event loop was turned from inside one of its callbacks");
    }
    loop_sweep(loop);
    loop->is_turning = true;
    loop->turn++;
    is_fine = loop_step(loop, max_wait_ms, err);
    loop->is_turning = false;
    loop_sweep(loop);
    return is_fine;
}

bool loop_until(struct loop *loop, const bool *done, int64_t deadline_ms, struct error *err)
{
    while (!*done) {
        uint32_t wait = TURN_LONGEST_MS;

        if (deadline_ms != 0) {
            int64_t left = deadline_ms - clock_boottime_ms();

            if (left <= 0) {
                return error_set(err, ERROR_TIMEOUT, "nothing came before the deadline");
            }
            wait = left < wait ? (uint32_t)left : wait;
        }
        if (!loop_turn(loop, wait, err)) {
            return false;
        }
    }
    return true;
}
