/*
 * What an exporting producer does next, given what happened: PROTOCOL §2 as a pure machine. Events in, actions out; the
 * clock and the randomness are passed in; no I/O, no heap. The edge (exporter.c) carries actions out by slot number.
 *
 *   FREE ─claimed→ FETCHING ─→ RECORDING ─→ SENDING ─→ SENT ─report→ REPORTING ─→ FREE
 *                    ↑  ↓ source fails        too large ─→ split, FREE;   report failed ─→ release, FREE
 *                   WAITING ─→ SEARCHING: it answers, but fails with this batch again and again (read_search.h)
 * With rejects, LETTERING stands between FETCHING and RECORDING.
 */
#ifndef PRODUCER_EXPORT_H
#define PRODUCER_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

#define EXPORT_SLOTS 32

enum export_state {
    EXPORT_FREE,
    EXPORT_FETCHING,  /* records are asked for, then encoded */
    EXPORT_WAITING,   /* the source failed; again at due_ms */
    EXPORT_SEARCHING, /* for the records that make reading this batch fail */
    EXPORT_LETTERING, /* what does not travel goes to the dead letters, or goes again at due_ms */
    EXPORT_RECORDING, /* E3 is under way */
    EXPORT_SENDING,   /* recorded; the bus has no room yet */
    EXPORT_SENT,      /* on the bus, no report yet: holds no payload */
    EXPORT_REPORTING, /* E5 is under way */
    EXPORT_STATE_COUNT
};

enum export_event_kind {
    EXPORT_EVENT_CLAIMED, /* slot: a free one (export_free_slot); batch_no, fence, rev, started_ms */
    EXPORT_EVENT_CLAIM_END, /* the claim statement has been answered with `count` batches, or failed (error) */
    EXPORT_EVENT_FETCHED, /* slot, error: NONE = encoded; TOO_LARGE = must be split; is_suspicious; rejects: records left
                             out for a reason */
    EXPORT_EVENT_RESTS, /* slot: its search has found suspects, and mostly waits from now on */
    EXPORT_EVENT_SEARCHED, /* slot, error: NONE = what is bad is marked, read again; UNAVAILABLE = nothing is known */
    EXPORT_EVENT_LETTERED, /* slot, error: NONE = every letter is stored */
    EXPORT_EVENT_RECORDED, /* slot, matched, is_final (no operation left), error */
    EXPORT_EVENT_SENT,     /* slot, error: NONE, THROTTLED = no room, other = failed */
    EXPORT_EVENT_REPORT,   /* slot, error */
    EXPORT_EVENT_REPORTED, /* slot, error */
    EXPORT_EVENT_RENEWED,  /* started_ms, asked[slot], kept[slot] */
    EXPORT_EVENT_TICK,
    EXPORT_EVENT_STOP, /* grace_ms for reports still to come; may come again with less */
};

struct export_event {
    enum export_event_kind kind;
    size_t slot;
    size_t count;
    int64_t batch_no, fence, rev;
    int64_t started_ms;
    enum error_kind error;
    uint32_t retry_after_ms;
    bool
        is_suspicious; /* it failed as it does when a record is at fault: 500, or a malformed answer */
    size_t rejects;
    bool matched;
    bool is_final;
    bool asked[EXPORT_SLOTS]; /* the slot's present claim was to be renewed */
    bool kept[EXPORT_SLOTS];
    uint32_t grace_ms;
};

enum export_action_kind {
    EXPORT_ACTION_CLAIM,   /* count: at most so many batches (E1) */
    EXPORT_ACTION_FETCH,   /* E2 */
    EXPORT_ACTION_SEARCH,  /* read the batch in parts; SEARCHED follows */
    EXPORT_ACTION_LETTER,  /* the slot's rejects to the dead letters */
    EXPORT_ACTION_RECORD,  /* E3 */
    EXPORT_ACTION_SEND,    /* E4 */
    EXPORT_ACTION_REPORT,  /* E5, stored */
    EXPORT_ACTION_RELEASE, /* E5, failed, or stopping: another export follows */
    EXPORT_ACTION_SPLIT,   /* §6 */
    EXPORT_ACTION_BLOCK,   /* the job needs a person: the slot's last error says why */
    EXPORT_ACTION_ABORT, /* cancel the slot's request, search or letters; no event follows for it */
    EXPORT_ACTION_DROP,  /* forget the slot's memory; it is free now */
};

struct export_action {
    enum export_action_kind kind;
    size_t slot;
    size_t count;
};

struct export_slot {
    enum export_state state;
    int64_t batch_no, fence, rev;
    int64_t lease_start_ms;
    int64_t due_ms;
    uint32_t attempts;
    uint32_t suspicions; /* in a row */
    bool is_resting;     /* while it is searching: others may be fetched meanwhile */
};

struct export_settings {
    int64_t lease_ms;
    int64_t lease_margin_ms;
    uint32_t fetch_limit; /* batches fetched and encoded at a time */
    uint32_t poll_ms;     /* ask again for batches when there were none */
};

#define EXPORT_ACTIONS (EXPORT_SLOTS * 4 + 1)

struct export_core {
    struct export_slot slots[EXPORT_SLOTS];
    struct export_settings settings;
    struct rng rng;
    struct export_action queue[EXPORT_ACTIONS];
    size_t queue_start, queue_len;
    bool is_claiming;
    size_t claiming; /* batches asked for meanwhile */
    int64_t next_claim_ms;
    bool is_stopping;
    int64_t stop_by_ms;
};

void export_core_init(struct export_core *core, const struct export_settings *settings,
                      uint64_t seed);
bool export_free_slot(const struct export_core *core, size_t *out_slot);
void export_handle(struct export_core *core, const struct export_event *event, int64_t now_ms);
bool export_next_action(struct export_core *core, struct export_action *out);
bool export_is_idle(const struct export_core *core); /* every slot is free and no claim under way */
const char *export_state_name(enum export_state state);

#endif
