/*
 * What an answer means for its slot: PROTOCOL §3's tables, row by row, and what it refuses. Looks at one
 * slot only; whose turn it is next is delivery_turn.c's business, what a failure leads to delivery_failure.c's.
 */
#include "consumer/delivery_internal.h"

#define QUIET_MARGIN_MS 1000

void delivery_park(struct delivery_core *core, size_t slot, const char *reason)
{
    core->slots[slot].reason = reason;
    delivery_start(core, slot, DELIVERY_PARKING);
}

static void poison(struct delivery_core *core, size_t slot, const char *reason)
{
    core->slots[slot].reason = reason;
    delivery_start(core, slot, DELIVERY_EXPELLING);
}

static void take_claim(struct delivery_core *core, const struct delivery_event *event,
                       int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];
    int64_t ends_ms = event->started_ms + core->settings.lease_ms;

    delivery->fence = event->fence;
    delivery->lease_start_ms = event->started_ms;
    delivery->parts = 1;
    delivery->is_repairing = event->is_repairing;
    delivery_learn_target(core, event->slot, &event->target);
    tempo_allow(delivery_tempo(core, event->slot), event->started_ms);
    delivery->quiet_at_ms = event->quiet_ms > 0 ? now_ms + event->quiet_ms : 0;
    bisect_begin(&delivery->bisect, event->records);
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
        delivery_learn_target(core, slot, &event->target);
        tempo_crowd(delivery_tempo(core, slot), delivery_claims_held(core, slot), now_ms);
        delivery_hold(core, slot, now_ms + core->settings.busy_ms);
        break;
    case CLAIM_FAILED:
        delivery_hold(core, slot, now_ms + core->settings.busy_ms);
        break;
    case CLAIM_STALE:
        delivery_finish(core, slot);
        break;
    case CLAIM_PARK:
        delivery_park(core, slot, "parked");
        break;
    case CLAIM_NO_SECRET:
        delivery_park(core, slot, "no secret for the target");
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

/* 400 and 422 may speak of a record. Other refusals, such as 501 or a redirection, speak of the request. */
static bool may_concern_a_record(const struct delivery_event *event)
{
    return event->error == ERROR_REJECTED && (event->status == 400 || event->status == 422);
}

static void reject(struct delivery_core *core, size_t slot, size_t record, const char *reason)
{
    if (record != SIZE_MAX) {
        struct delivery_action *action = delivery_act(core, ACTION_REJECT, slot);
        action->record = (uint32_t)record;
        action->reason = reason;
    }
}

/* The target has answered, so whatever it said ends a row of failures. */
static void go_on(struct delivery_core *core, size_t slot, enum bisect_next next, int64_t now_ms)
{
    struct delivery *delivery = &core->slots[slot];

    delivery->attempts = next == BISECT_BLOCKED ? delivery->attempts : 0;
    delivery->parts = 1;
    switch (next) {
    case BISECT_ASK:
        delivery_set_state(core, slot, DELIVERY_READY);
        break;
    case BISECT_PAUSE:
        delivery_set_state(core, slot, DELIVERY_WAITING);
        delivery->due_ms = now_ms + core->settings.confirm_ms;
        break;
    case BISECT_FINISHED:
        delivery->is_written = true;
        delivery_read_soon(core, slot, now_ms);
        break;
    case BISECT_BLOCKED:
        delivery_block(core, slot, delivery->bisect.probed, now_ms);
        break;
    }
}

/* An upsert that failed in the middle: what was answered well before is not sent again, and the rest is no smaller for it. */
static void keep_accepted(struct delivery *delivery, uint32_t before)
{
    uint32_t asked = (uint32_t)bisect_asked_count(&delivery->bisect);

    if (before > 0 && before < asked) {
        bisect_keep(&delivery->bisect, before);
        delivery->parts = (delivery->parts * (asked - before) + asked - 1) / asked;
    }
}

static void on_too_large(struct delivery_core *core, const struct delivery_event *event,
                         int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];
    size_t asked = bisect_asked_count(&delivery->bisect);
    size_t record;

    if (event->is_doubted) { /* as if nothing had been there to take it */
        keep_accepted(delivery, event->before);
        delivery_fail(core, event, now_ms);
        return;
    }
    if (event->refused == 1 || delivery->parts >= asked) {
        enum bisect_next next = bisect_too_large(&delivery->bisect, event->before, &record);
        reject(core, event->slot, record, "record_too_large");
        go_on(core, event->slot, next, now_ms);
        return;
    }
    delivery->parts = 2 * delivery->parts < asked ? 2 * delivery->parts : (uint32_t)asked;
    if (delivery_is_left_alone(core, event->slot, now_ms)) {
        delivery_set_state(core, event->slot, DELIVERY_READY);
    } else {
        delivery_start(core, event->slot, DELIVERY_UPSERTING);
    }
}

/* As long as its lease would have lasted: ferry.quiet_after. */
static void doubt(const struct delivery_core *core, struct delivery *delivery, int64_t now_ms)
{
    int64_t quiet_at_ms = now_ms + core->settings.lease_ms + QUIET_MARGIN_MS;

    delivery->is_doubtful = true;
    if (quiet_at_ms > delivery->quiet_at_ms) {
        delivery->quiet_at_ms = quiet_at_ms;
    }
}

/* Whatever it answers, it is there, but for a page that something before it has sent. What the write itself meets tells only the
 * write. */
void delivery_on_knock(struct delivery_core *core, const struct delivery_event *event,
                       int64_t now_ms)
{
    const struct delivery *delivery = &core->slots[event->slot];
    struct delivery_event failure = *event;

    if (failure.error == ERROR_FORMAT) {
        failure.error = ERROR_UNAVAILABLE;
    }
    if (delivery_is_about_the_target(failure.error) || failure.error == ERROR_NOMEM) {
        delivery_fail(core, &failure, now_ms);
    } else if ((delivery->is_blocked && !delivery->is_repairing) || core->is_stopping ||
               !delivery_has_time(core, event->slot, now_ms) ||
               delivery_is_left_alone(core, event->slot, now_ms)) {
        delivery_set_state(core, event->slot, DELIVERY_READY);
    } else {
        delivery_start(core, event->slot,
                       delivery->must_delete ? DELIVERY_DELETING : DELIVERY_UPSERTING);
    }
}

void delivery_on_upsert(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];
    size_t record;

    delivery_note_answer(core, event, now_ms);
    if (event->parts > delivery->parts) {
        delivery->parts = event->parts;
    }
    if (event->error == ERROR_NONE) {
        go_on(core, event->slot, bisect_accept(&delivery->bisect), now_ms);
    } else if (event->error == ERROR_TOO_LARGE) {
        on_too_large(core, event, now_ms);
    } else if (may_concern_a_record(event)) {
        enum bisect_next next = bisect_refuse(&delivery->bisect, event->before, event->refused,
                                              event->likeness, &record);
        reject(core, event->slot, record, "refused");
        go_on(core, event->slot, next, now_ms);
    } else {
        keep_accepted(delivery, event->before);
        if (event->may_be_applied) {
            doubt(core, delivery, now_ms);
        }
        delivery_fail(core, event, now_ms);
    }
}

/* What differs may be the work of an older request that has arrived late: such a mismatch is none yet. It is looked at again when
 * none can come any more, and upserted once more behind that. True: not before. */
static bool is_too_early(struct delivery_core *core, size_t slot, int64_t now_ms)
{
    struct delivery *delivery = &core->slots[slot];

    if (!delivery->is_repeated || delivery->quiet_at_ms == 0) {
        return false;
    }
    if (now_ms < delivery->quiet_at_ms) {
        delivery_set_state(core, slot, DELIVERY_WAITING);
        delivery->due_ms = delivery->quiet_at_ms;
        return true;
    }
    delivery->quiet_at_ms = 0;
    delivery->is_repeated = false;
    return false;
}

void delivery_on_read(struct delivery_core *core, const struct delivery_event *event,
                      int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];

    if (event->error != ERROR_NONE) {
        delivery_fail(core, event, now_ms);
        return;
    }
    delivery->attempts = 0;
    tempo_read(delivery_tempo(core, event->slot));
    if (event->mismatches > 0 && is_too_early(core, event->slot, now_ms)) {
        return;
    }
    if (event->mismatches > 0 && !delivery->is_repeated && bisect_again(&delivery->bisect)) {
        delivery->is_repeated = true;
        delivery->is_written = false;
        if (event->surplus > 0) {
            delivery->is_repairing = true; /* as soon as it may be noted */
            delivery_start(core, event->slot, DELIVERY_REPAIRING);
        } else {
            delivery_set_state(core, event->slot, DELIVERY_READY);
        }
        return;
    }
    delivery_start(core, event->slot, event->rejects > 0 ? DELIVERY_LETTERING : DELIVERY_MARKING);
}

/* A letter that could not be stored is an outage, whatever the bus called it: nothing goes on without it. */
void delivery_on_lettered(struct delivery_core *core, const struct delivery_event *event,
                          int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];

    if (event->error != ERROR_NONE) {
        delivery->due_ms =
            now_ms + backoff_ms(&core->rng, delivery->attempts++, RETRY_BASE_MS, RETRY_CAP_MS);
        return;
    }
    delivery->attempts = 0;
    delivery_start(core, event->slot,
                   delivery->state == DELIVERY_LETTERING ? DELIVERY_MARKING : DELIVERY_NOTING);
}

void delivery_on_repair(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];

    if (event->error != ERROR_NONE) { /* it may have been noted: once more */
        delivery->due_ms = now_ms + core->settings.busy_ms;
    } else if (!event->matched) {
        delivery_hold(core, event->slot, now_ms + core->settings.busy_ms);
    } else if (!event->is_repairing) {
        delivery->is_repairing = false;
        delivery_park(core, event->slot, "the job is not running");
    } else {
        delivery->must_delete = true;
        delivery_set_state(core, event->slot, DELIVERY_READY);
    }
}

void delivery_on_delete(struct delivery_core *core, const struct delivery_event *event,
                        int64_t now_ms)
{
    struct delivery *delivery = &core->slots[event->slot];

    if (event->error == ERROR_NONE) {
        delivery->attempts = 0;
        delivery->must_delete = false;
        tempo_answered(delivery_tempo(core, event->slot), now_ms);
        if (delivery_is_left_alone(core, event->slot, now_ms)) {
            delivery_set_state(core, event->slot, DELIVERY_WAITING);
            delivery->due_ms = delivery_pause_ends_ms(core, event->slot, now_ms);
        } else {
            delivery_start(core, event->slot, DELIVERY_UPSERTING);
        }
        return;
    }
    doubt(core, delivery, now_ms);
    delivery_fail(core, event, now_ms);
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
    } else if (event->kind == EVENT_PARK && !event->matched) { /* whose it is now tells a claim */
        delivery_hold(core, event->slot,
                      now_ms +
                          (event->is_repairing ? core->settings.hold_ms : core->settings.busy_ms));
    } else {
        delivery_finish(core, event->slot);
    }
}
