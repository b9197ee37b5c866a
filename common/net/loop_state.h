/* The loop's own state, shared by loop.c (what is on it) and loop_turn.c (what a turn does)
 * only. */
#ifndef NET_LOOP_STATE_H
#define NET_LOOP_STATE_H

#include <curl/curl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/loop_internal.h"

enum entry_kind {
    ENTRY_WATCH,
    ENTRY_TIMER,
    ENTRY_CLIENT
};

struct entry {
    enum entry_kind kind;
    bool is_dead;
    short wants, got;   /* watch: of this turn */
    uint32_t period_ms; /* timer */
    int64_t due_ms;     /* timer */
    union {
        struct loop_watch watch;
        loop_timer_fn *timer;
        struct loop_client client;
    } as;
    void *ctx;
};

struct loop {
    CURLM *multi;
    struct entry *entries; /* in the order of adding */
    size_t count, cap;
    struct curl_waitfd *waited; /* the descriptors of a turn, as curl and as poll want them */
    struct pollfd *polled;
    size_t room;                                        /* of both */
    struct loop_last_words last_words[LOOP_LAST_WORDS]; /* of this turn */
    size_t last_words_count;
    uint64_t turn;
    bool is_turning;
    bool is_cutting; /* see loop_cut */
};

void loop_sweep(struct loop *loop); /* forgets dead entries; not while they are being called */

#endif
