/*
 * Whose turn it is: to be claimed, to write, and, when stopping, to end. Looks over all slots; what becomes of one is
 * delivery_outcome.c's business.
 */
#include "consumer/delivery_internal.h"

/* One more than can write, so that the next batch is at hand when one is done. More would only wait, and with a
 * claim. */
static bool claim_next(struct delivery_core *core, int64_t now_ms)
{
    size_t oldest = DELIVERY_SLOTS;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        const struct delivery *delivery = &core->slots[i];
        if (delivery->state == DELIVERY_ARRIVED && delivery_may_claim(core, i, now_ms) &&
            (oldest == DELIVERY_SLOTS || delivery->arrived < core->slots[oldest].arrived)) {
            oldest = i;
        }
    }
    if (oldest == DELIVERY_SLOTS) {
        return false;
    }
    delivery_start(core, oldest, DELIVERY_CLAIMING);
    return true;
}

/* D1: a request is begun only when it has time; in the second half of a lease its renewal is overdue. */
bool delivery_has_time(const struct delivery_core *core, size_t slot, int64_t now_ms)
{
    return now_ms < core->slots[slot].lease_start_ms + core->settings.lease_ms / 2;
}

/* Every target has its own limit, so that none waits for another. */
static bool write_next(struct delivery_core *core, int64_t now_ms)
{
    const struct delivery *best = NULL;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        const struct delivery *delivery = &core->slots[i];
        if (delivery->state == DELIVERY_READY && delivery_has_time(core, i, now_ms) &&
            delivery_may_write(core, i, now_ms) &&
            (best == NULL || delivery->arrived < best->arrived)) {
            best = delivery;
        }
    }
    if (best == NULL) {
        return false;
    }
    size_t slot = (size_t)(best - core->slots);
    delivery_start(core, slot,
                   tempo_wants_knock(delivery_pace(core, slot)) ? DELIVERY_KNOCKING
                   : best->must_delete                          ? DELIVERY_DELETING
                                                                : DELIVERY_UPSERTING);
    return true;
}

/* Nothing new is begun. What is in flight may end until the grace does. */
void delivery_wind_down(struct delivery_core *core, int64_t now_ms)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        enum delivery_state state = core->slots[i].state;
        bool is_in_flight = state == DELIVERY_CLAIMING || state == DELIVERY_KNOCKING ||
                            state == DELIVERY_UPSERTING || state == DELIVERY_READING ||
                            state == DELIVERY_REPAIRING || state == DELIVERY_DELETING ||
                            state == DELIVERY_LETTERING || state == DELIVERY_MARKING ||
                            state == DELIVERY_EXPELLING || state == DELIVERY_PARKING ||
                            state == DELIVERY_NOTING;
        if (state != DELIVERY_FREE && (!is_in_flight || now_ms >= core->stop_by_ms)) {
            delivery_leave_behind(core, i);
        }
    }
}

static void park_blocked(struct delivery_core *core)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        if (core->slots[i].state == DELIVERY_READY && core->slots[i].is_blocked &&
            !core->slots[i].is_repairing) {
            delivery_park(core, i, DELIVERY_JOB_BLOCKED);
        }
    }
}

/* A target that everyone leaves alone: what we hold for it would only stand in the way of others (decision 9). */
static void park_refused(struct delivery_core *core, int64_t now_ms)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        const struct delivery *delivery = &core->slots[i];
        const struct tempo *tempo = delivery_pace(core, i);
        if ((delivery->state == DELIVERY_READY || delivery->state == DELIVERY_WAITING) &&
            !delivery->is_repairing && tempo != NULL && tempo_is_refused(tempo, now_ms)) {
            delivery_park(core, i, DELIVERY_TARGET_REFUSES);
        }
    }
}

void delivery_take_turns(struct delivery_core *core, int64_t now_ms)
{
    park_blocked(core);
    park_refused(core, now_ms);
    while (claim_next(core, now_ms) || write_next(core, now_ms)) {
    }
}
