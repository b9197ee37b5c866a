/*
 * What a consumer does next, given what happened: PROTOCOL §3 and §4 as a pure machine. Events in, actions out; the
 * clock and the randomness are passed in; no I/O, no heap. The edges (intake.c, claim.c, upsert.c, readback.c …) carry
 * the actions out and report back with events, each delivery by its slot number.
 *
 *   ARRIVED ─claim→ CLAIMING ─claimed→ READY ─→ UPSERTING ─→ READING ─→ MARKING ─→ (acknowledged, free)
 *      │            │                  └─ KNOCKING ─┘ a target that was silent is asked first whether it is there
 *      ↑ hold, busy │ stale ─→ free         ↑ refused: bisect ┘ │          │ fence lost ─→ HOLDING
 *      │            │                       ↑ retry: WAITING ───┘
 *      │            │                       └ a document must vanish: REPAIRING, then READY ─→ DELETING ─→ UPSERTING
 *      └─ HOLDING ←─┤ park ─→ PARKING ─→ (acknowledged, free; held while a repair is open)
 *                   └ poison ─→ EXPELLING ─→ NOTING ─→ (acknowledged, free)
 *
 * With rejects, LETTERING stands between READING and MARKING: what is rejected, a record or (EXPELLING) a whole message, is
 * among the dead letters before the ledger or the bus hears of it.
 */
#ifndef CONSUMER_DELIVERY_H
#define CONSUMER_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "consumer/bisect.h"
#include "consumer/tempo.h"

#define DELIVERY_SLOTS LIMIT_INTAKE_MESSAGES
/* Targets and jobs whose way is remembered; the longest unused goes first. More than there are slots: one in use stays. */
#define DELIVERY_TARGETS (DELIVERY_SLOTS + 4)
#define DELIVERY_NOWHERE DELIVERY_TARGETS

enum delivery_state {
    DELIVERY_FREE,
    DELIVERY_ARRIVED,  /* taken in, digest like its header; asks to be claimed */
    DELIVERY_CLAIMING, /* the claim statement is under way */
    DELIVERY_HOLDING,  /* not ours (yet): look again at due_ms */
    DELIVERY_READY,    /* ours; waits for its turn to write */
    DELIVERY_KNOCKING, /* a request that costs nothing, before one that does */
    DELIVERY_UPSERTING,
    DELIVERY_READING,
    DELIVERY_WAITING, /* ours; the target failed; again at due_ms */
    DELIVERY_REPAIRING, /* the statement that notes a repair is under way, or to be repeated at due_ms */
    DELIVERY_DELETING,  /* what the upsert could not clear; only after it was noted */
    DELIVERY_LETTERING, /* ours; its rejects go to the dead letters, or go again at due_ms */
    DELIVERY_MARKING,   /* the finish statement is under way, or to be repeated at due_ms */
    DELIVERY_PARKING,   /* the park statement, likewise */
    DELIVERY_EXPELLING, /* poison: the message goes to the dead letters, or goes again at due_ms */
    DELIVERY_NOTING,    /* poison: the statement that notes it, likewise */
    DELIVERY_STATE_COUNT
};

enum delivery_claim { /* the outcomes of ferry.claim_batches */
    CLAIM_CLAIMED,
    CLAIM_HOLD,
    CLAIM_BUSY,
    CLAIM_STALE,
    CLAIM_PARK,
    CLAIM_NO_SECRET, /* and none could be found */
    CLAIM_UNKNOWN,
    CLAIM_NEWER,
    CLAIM_DIGEST,
    CLAIM_FAILED, /* the ledger did not answer */
};

enum delivery_event_kind {
    EVENT_MESSAGE, /* slot: a free one (delivery_free_slot); job_id, batch_no, rev, generation, partition, offset */
    EVENT_POISON, /* the same for one that no claim can be asked for: unreadable, or its digest is wrong */
    EVENT_CLAIM, /* slot, claim, fence, started_ms (when the statement was submitted), records, is_repairing; quiet_ms: so
                    long may a request of an earlier claim still arrive; CLAIMED and BUSY: target */
    EVENT_KNOCK, /* slot, error, retry_after_ms */
    EVENT_UPSERT, /* slot, error (NONE: done), status, retry_after_ms, may_be_applied; parts: how many requests were planned;
                     of a refusal: before, refused, likeness, as bisect_refuse() takes them; of a 413: is_doubted */
    EVENT_READ, /* slot, error; mismatches: records that are neither the same nor rounded; surplus: those of them whose
                    document must vanish; rejects: all that will not be verified, with those refused */
    EVENT_REPAIR, /* slot, matched, error; is_repairing: noted, else the job does not run and the batch is to be parked */
    EVENT_DELETE, /* slot, error, retry_after_ms */
    EVENT_LETTERED, /* slot, error (NONE: every letter is stored) */
    EVENT_MARK,     /* slot, matched, error */
    EVENT_PARK, /* slot, matched, error; is_repairing: it must not be parked. Without a match it may be somebody else's
                       claim, and open: asked again */
    EVENT_NOTED, /* slot, error */
    EVENT_RENEWED, /* started_ms; asked[slot]: the fence that was to be renewed, 0: none; kept[slot] */
    EVENT_REVOKED, /* generation: it and all older ones have ended */
    EVENT_TICK,
    EVENT_STOP, /* asked to stop; grace_ms for what is in flight; may come again with less */
};

struct delivery_event {
    enum delivery_event_kind kind;
    size_t slot;
    int64_t job_id, batch_no, rev;
    uint64_t generation;
    int partition;
    int64_t offset;
    enum delivery_claim claim;
    struct uuid target;
    int64_t fence;
    int64_t started_ms;
    int64_t quiet_ms;
    uint32_t records;
    uint32_t parts;
    enum error_kind error;
    int status; /* HTTP's, 0: no answer */
    uint32_t before, refused;
    uint64_t likeness;
    uint32_t retry_after_ms;
    uint32_t mismatches, surplus;
    uint32_t rejects;
    bool matched;
    bool is_repairing;
    bool may_be_applied; /* it failed, and may be on its way all the same */
    bool is_doubted;     /* a 413 that cannot be about the size */
    int64_t asked[DELIVERY_SLOTS];
    bool kept[DELIVERY_SLOTS];
    uint32_t grace_ms;
};

enum delivery_action_kind {
    ACTION_CLAIM, /* ask the ledger */
    ACTION_KNOCK, /* ask the target whether it is there */
    ACTION_UPSERT, /* decode if not yet, send the records that bisect_is_asked() in at least `parts` requests */
    ACTION_REJECT, /* the last answer refuses `record` for good, reason; comes before what is next */
    ACTION_READ,   /* read back and compare all that are not rejected; there may be none */
    ACTION_REPAIR, /* note in the ledger what is to be deleted: the surplus of the last read */
    ACTION_DELETE, /* delete it at the target */
    ACTION_LETTER, /* to the dead letters: the slot's rejects or, without a claim, its message (reason) */
    ACTION_MARK, /* finish in the ledger, mismatches of the last read as rejects */
    ACTION_PARK, /* back to planned; sent: an upsert may be on its way; reason */
    ACTION_REFUSE_TARGET, /* tell everyone: leave the target alone for wait_ms; comes before its ACTION_PARK */
    ACTION_BLOCK_JOB, /* the job needs a person: the slot's last error says why, and it was the same for `probed`
                         records, each alone; comes before its ACTION_PARK */
    ACTION_ABORT, /* the claim is over: cancel the slot's request or letters; no event may follow for it */
    ACTION_RELEASE, /* stopping: give the claim back at once; sent: a request that was not answered may be on its way */
    ACTION_POISON,      /* note the event (reason); the row stays untouched */
    ACTION_ACKNOWLEDGE, /* the message is done: watermark, then the bus; generation, partition, offset */
    ACTION_DROP,        /* forget the slot's message and memory; it is free now */
};

struct delivery_action {
    enum delivery_action_kind kind;
    size_t slot;
    int64_t fence; /* of the claim, 0: none */
    uint32_t parts;
    uint32_t record;
    uint32_t probed;
    bool sent;
    int64_t wait_ms;
    uint64_t generation;
    int partition;
    int64_t offset;
    const char *reason; /* static text, "" where none is due */
};

struct delivery {
    enum delivery_state state;
    int64_t job_id, batch_no, rev;
    uint64_t generation;
    int partition;
    int64_t offset;
    int64_t fence;            /* 0: no claim */
    int64_t due_ms;           /* HOLDING, WAITING; of a statement to be repeated, else 0 */
    int64_t lease_start_ms;   /* of the claim or its last renewal */
    int64_t trouble_since_ms; /* first failure of the target in a row; valid while attempts > 0 */
    uint32_t attempts;        /* failures in a row */
    uint32_t parts;           /* requests per upsert: doubled by a 413 */
    struct bisect bisect;     /* valid under a claim */
    bool sent;                /* an upsert was sent under this claim */
    bool is_written;          /* and answered well: only reading is left */
    bool is_repeated;         /* a mismatch was upserted once more */
    bool is_repairing;        /* the ledger may hold an open repair: no parking before the mark */
    bool must_delete;         /* the surplus is noted; the delete comes before the next upsert */
    bool is_doubtful;         /* a request was not answered: it may still be on its way */
    int64_t
        quiet_at_ms; /* none such, nor one of an earlier claim, can arrive after this; 0: none before the last write */
    bool is_blocked;    /* its job was blocked while this was in hand: not sent any more */
    bool is_orphan;     /* its generation has ended: finish, but never acknowledge */
    const char *reason; /* of PARKING, EXPELLING and NOTING */
    uint64_t arrived;   /* order of arrival */
    size_t target;      /* which of the core's; DELIVERY_NOWHERE: not known before the claim */
    uint64_t turn;      /* the target's when the last request began */
};

struct delivery_target {
    struct uuid uuid; /* of the collection */
    struct tempo tempo;
    uint64_t used; /* order of use; 0: never */
};

struct delivery_route { /* where a job's batches went last: a guess until they are claimed */
    int64_t job_id;
    size_t target;
    uint64_t used;
};

struct delivery_settings {
    int64_t lease_ms;
    int64_t lease_margin_ms; /* a request ends so long before the lease */
    int64_t
        refuse_after_ms; /* a target that fails for so long is refused: its batches are parked (decision 9) */
    uint32_t write_limit; /* upserts at a time per target, at most (decision 17) */
    uint32_t hold_ms;     /* look again at a held batch */
    uint32_t busy_ms; /* look again for a write slot; repeat a statement that was not answered */
    uint32_t write_start; /* upserts at a time before anything is known of a target */
    uint32_t confirm_ms;  /* a record that was refused alone is asked once more after so long */
};

/* The edges take all actions after every event; one event asks for less than this. */
#define DELIVERY_ACTIONS (DELIVERY_SLOTS * 8)

struct delivery_core {
    struct delivery slots[DELIVERY_SLOTS];
    struct delivery_target targets[DELIVERY_TARGETS];
    struct delivery_route routes[DELIVERY_TARGETS];
    uint64_t uses;
    struct delivery_settings settings;
    struct rng rng;
    struct delivery_action queue[DELIVERY_ACTIONS]; /* a ring */
    size_t queue_start, queue_len;
    uint64_t arrivals;
    bool is_stopping;
    int64_t stop_by_ms;
    uint64_t left_behind; /* messages dropped or released by stopping */
};

void delivery_core_init(struct delivery_core *core, const struct delivery_settings *settings,
                        uint64_t seed);
/* A slot that can take a message, or false: full, or stopping. */
bool delivery_free_slot(const struct delivery_core *core, size_t *out_slot);
/* An answer for a slot that has moved on meanwhile is late and changes nothing. */
void delivery_handle(struct delivery_core *core, const struct delivery_event *event,
                     int64_t now_ms);
bool delivery_next_action(struct delivery_core *core, struct delivery_action *out);
/* Milliseconds from now until the next EVENT_TICK is needed, at most 1000. */
uint32_t delivery_next_tick_ms(const struct delivery_core *core, int64_t now_ms);
/* The pace of the slot's target; NULL while that is not known. */
const struct tempo *delivery_pace(const struct delivery_core *core, size_t slot);
bool delivery_is_idle(const struct delivery_core *core); /* every slot is free */
bool delivery_transition_is_valid(enum delivery_state from, enum delivery_state to);
const char *delivery_state_name(enum delivery_state state);

#endif
