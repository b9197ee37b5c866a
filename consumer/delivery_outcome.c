/*
 * What an answer means for its slot: PROTOCOL §3's tables, row by row, and what a kind of error leads to. Looks at one
 * slot only; whose turn it is next is delivery.c's business.
 */
#include "consumer/delivery_internal.h"

#define RETRY_BASE_MS  200
#define RETRY_CAP_MS   30000
#define REFUSE_BASE_MS 2000 /* never less than half of it */
#define REFUSE_CAP_MS  60000

static void park(struct delivery_core *core, size_t slot, const char *reason)
{
    core->slots[slot].reason = reason;
    delivery_start(core, slot, DELIVERY_PARKING);
}

static void poison(struct delivery_core *core, size_t slot, const char *reason)
{
    core->slots[slot].reason = reason;
    delivery_start(core, slot, DELIVERY_NOTING);
}

static void take_claim(struct delivery_core *core, const struct delivery_event *event,
                       int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];
    int64_t ends_ms = event->started_ms + core->settings.lease_ms;

    delivery->fence = event->fence;
    delivery->lease_start_ms = event->started_ms;
    delivery->records = event->records;
    delivery_set_state(core, event->slot, DELIVERY_READY);
    if (now_ms >= ends_ms - core->settings.lease_margin_ms) { /* the answer took too long */
        delivery_lose(core, event->slot, ends_ms + core->settings.busy_ms);
    }
}

void delivery_on_claim(struct delivery_core *core, const struct delivery_event *event,
                       int64_t now_ms)
{
    size_t slot = event->slot;

    if (core->slots[slot].is_orphan && event->claim != CLAIM_CLAIMED) {
        delivery_drop(core, slot); /* the partition's new owner meets the same */
        return;
    }
    switch (event->claim) {
    case CLAIM_CLAIMED:
        take_claim(core, event, now_ms);
        break;
    case CLAIM_HOLD:
        delivery_hold(core, slot, now_ms + core->settings.hold_ms);
        break;
    case CLAIM_BUSY:
    case CLAIM_FAILED:
        delivery_hold(core, slot, now_ms + core->settings.busy_ms);
        break;
    case CLAIM_STALE:
        delivery_finish(core, slot);
        break;
    case CLAIM_PARK:
        park(core, slot, "parked");
        break;
    case CLAIM_NO_SECRET:
        park(core, slot, "no secret for the target");
        break;
    case CLAIM_UNKNOWN:
        poison(core, slot, "the ledger knows no such batch");
        break;
    case CLAIM_NEWER:
        poison(core, slot, "newer than the batch in the ledger");
        break;
    case CLAIM_DIGEST:
        poison(core, slot, "its digest is not the one in the ledger");
        break;
    }
}

/* The same again after a wait; a target that goes on failing is left alone by everyone, so that its batches stand in
 * nobody's way (decision 9). */
static void retry_later(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];

    if (delivery->attempts == 0) {
        delivery->trouble_since_ms = now_ms;
    }
    uint32_t wait_ms = backoff_ms(&core->rng, delivery->attempts++, RETRY_BASE_MS, RETRY_CAP_MS);
    if (event->retry_after_ms > wait_ms) {
        wait_ms = event->retry_after_ms;
    }
    if (now_ms - delivery->trouble_since_ms < core->settings.refuse_after_ms &&
        event->retry_after_ms < core->settings.refuse_after_ms) {
        delivery_set_state(core, event->slot, DELIVERY_WAITING);
        delivery->due_ms = now_ms + wait_ms;
        return;
    }
    wait_ms = backoff_ms(&core->rng, delivery->attempts, REFUSE_BASE_MS, REFUSE_CAP_MS);
    if (event->retry_after_ms > wait_ms) {
        wait_ms = event->retry_after_ms;
    }
    delivery_act(core, ACTION_REFUSE_TARGET, event->slot)->wait_ms = wait_ms;
    park(core, event->slot, "the target refuses");
}

/* A failed upsert or read. Kinds that end the program are retried here: ending it is up to the edge, which knows
 * more. */
static void fail(struct delivery_core *core, const struct delivery_event *event, int64_t now_ms)
{
    enum disposition disposition = error_disposition(event->error);

    if (disposition == DISPOSITION_RETRY || disposition == DISPOSITION_STOP) {
        retry_later(core, event, now_ms);
        return;
    }
    delivery_act(core, ACTION_BLOCK_JOB, event->slot);
    park(core, event->slot, "the job is blocked");
}

void delivery_on_upsert(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];

    if (event->parts > delivery->parts) {
        delivery->parts = event->parts;
    }
    if (event->error == ERROR_NONE) {
        delivery->attempts = 0;
        delivery->is_written = true;
        delivery_start(core, event->slot, DELIVERY_READING);
    } else if (event->error == ERROR_TOO_LARGE && delivery->parts < delivery->records) {
        delivery->parts =
            2 * delivery->parts < delivery->records ? 2 * delivery->parts : delivery->records;
        delivery_start(core, event->slot, DELIVERY_UPSERTING);
    } else {
        fail(core, event, now_ms);
    }
}

void delivery_on_read(struct delivery_core *core, const struct delivery_event *event,
                      int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];

    if (event->error != ERROR_NONE) {
        fail(core, event, now_ms);
        return;
    }
    delivery->attempts = 0;
    if (event->mismatches > 0 && !delivery->is_repeated) {
        delivery->is_repeated = true;
        delivery->is_written = false;
        delivery_set_state(core, event->slot, DELIVERY_READY);
        return;
    }
    delivery_start(core, event->slot, DELIVERY_MARKING);
}

void delivery_on_mark(struct delivery_core *core, const struct delivery_event *event,
                      int64_t now_ms)
{
    if (event->error != ERROR_NONE) { /* whether it was applied is unknown: the fence tells */
        core->slots[event->slot].due_ms = now_ms + core->settings.busy_ms;
    } else if (event->matched) {
        delivery_finish(core, event->slot);
    } else {
        delivery_hold(core, event->slot, now_ms + core->settings.busy_ms);
    }
}

void delivery_on_settled(struct delivery_core *core, const struct delivery_event *event,
                         int64_t now_ms)
{
    if (event->error != ERROR_NONE) {
        core->slots[event->slot].due_ms = now_ms + core->settings.busy_ms;
        return;
    }
    delivery_finish(core, event->slot);
}
