/*
 * The delivering machine: which event goes where, and what time does. See delivery.h. Nothing here waits, allocates
 * or looks at a clock.
 */
#include "consumer/delivery.h"

#include <string.h>

#include "consumer/delivery_internal.h"

#define LONGEST_TICK_MS 1000

void delivery_core_init(struct delivery_core *core, const struct delivery_settings *settings,
                        uint64_t seed)
{
    memset(core, 0, sizeof *core);
    core->settings = *settings;
    rng_seed(&core->rng, seed);
}

bool delivery_free_slot(const struct delivery_core *core, size_t *out_slot)
{
    for (size_t i = 0; !core->is_stopping && i < DELIVERY_SLOTS; i++) {
        if (core->slots[i].state == DELIVERY_FREE) {
            *out_slot = i;
            return true;
        }
    }
    return false;
}

bool delivery_is_idle(const struct delivery_core *core)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        if (core->slots[i].state != DELIVERY_FREE) {
            return false;
        }
    }
    return true;
}

static void take_in(struct delivery_core *core, const struct delivery_event *event)
{
    struct delivery *delivery = &core->slots[event->slot];

    *delivery = (struct delivery){
        .job_id = event->job_id,
        .batch_no = event->batch_no,
        .rev = event->rev,
        .generation = event->generation,
        .partition = event->partition,
        .offset = event->offset,
        .parts = 1,
        .reason = "unreadable",
        .arrived = ++core->arrivals,
        .target = delivery_guess_target(core, event->job_id),
    };
    if (event->kind == EVENT_POISON) {
        delivery_start(core, event->slot, DELIVERY_EXPELLING);
    } else {
        delivery_set_state(core, event->slot, DELIVERY_ARRIVED);
    }
}

/* A claim that came after the renewal was sent is not in it, and not lost either: hence the fences. */
static void on_renewed(struct delivery_core *core, const struct delivery_event *event)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        struct delivery *delivery = &core->slots[i];
        if (delivery->fence == 0 || event->asked[i] != delivery->fence) {
            continue;
        }
        if (event->kept[i]) {
            delivery->lease_start_ms = event->started_ms;
        } else {
            delivery_lose(core, i, event->started_ms + core->settings.hold_ms);
        }
    }
}

static void on_revoked(struct delivery_core *core, uint64_t generation)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        struct delivery *delivery = &core->slots[i];
        if (delivery->state == DELIVERY_FREE || delivery->generation > generation) {
            continue;
        }
        delivery->is_orphan = true;
        if (delivery->state == DELIVERY_ARRIVED || delivery->state == DELIVERY_HOLDING ||
            delivery->state == DELIVERY_EXPELLING) {
            delivery_drop(core, i);
        }
    }
}

static void tick_slot(struct delivery_core *core, size_t slot, int64_t now_ms)
{
    struct delivery *delivery = &core->slots[slot];

    if (delivery_has_claim(delivery->state) && now_ms >= delivery_deadline_ms(core, delivery)) {
        delivery_lose(core, slot,
                      delivery->lease_start_ms + core->settings.lease_ms + core->settings.busy_ms);
        return;
    }
    if (delivery->due_ms == 0 || now_ms < delivery->due_ms) {
        return;
    }
    switch (delivery->state) {
    case DELIVERY_HOLDING:
        delivery->due_ms = 0;
        delivery_set_state(core, slot, DELIVERY_ARRIVED);
        break;
    case DELIVERY_WAITING:
        if (!delivery->is_written) {
            delivery->due_ms = 0;
            delivery_set_state(core, slot, DELIVERY_READY);
        } else if (delivery_may_read(core, slot, now_ms)) {
            delivery_start(core, slot, DELIVERY_READING);
        } else {
            delivery->due_ms = delivery_pause_ends_ms(core, slot, now_ms);
        }
        break;
    case DELIVERY_REPAIRING:
    case DELIVERY_LETTERING:
    case DELIVERY_MARKING:
    case DELIVERY_PARKING:
    case DELIVERY_EXPELLING:
    case DELIVERY_NOTING:
        delivery_start(core, slot, delivery->state);
        break;
    case DELIVERY_FREE:
    case DELIVERY_ARRIVED:
    case DELIVERY_CLAIMING:
    case DELIVERY_READY:
    case DELIVERY_KNOCKING:
    case DELIVERY_UPSERTING:
    case DELIVERY_READING:
    case DELIVERY_DELETING:
    case DELIVERY_STATE_COUNT:
        break;
    }
}

static bool is_awaited(const struct delivery_core *core, const struct delivery_event *event)
{
    const struct delivery *delivery = &core->slots[event->slot];

    switch (event->kind) {
    case EVENT_MESSAGE:
    case EVENT_POISON:
        return delivery->state == DELIVERY_FREE;
    case EVENT_CLAIM:
        return delivery->state == DELIVERY_CLAIMING;
    case EVENT_KNOCK:
        return delivery->state == DELIVERY_KNOCKING;
    case EVENT_UPSERT:
        return delivery->state == DELIVERY_UPSERTING;
    case EVENT_READ:
        return delivery->state == DELIVERY_READING;
    case EVENT_REPAIR:
        return delivery->state == DELIVERY_REPAIRING && delivery->due_ms == 0;
    case EVENT_DELETE:
        return delivery->state == DELIVERY_DELETING;
    case EVENT_LETTERED:
        return (delivery->state == DELIVERY_LETTERING || delivery->state == DELIVERY_EXPELLING) &&
               delivery->due_ms == 0;
    case EVENT_MARK:
        return delivery->state == DELIVERY_MARKING && delivery->due_ms == 0;
    case EVENT_PARK:
        return delivery->state == DELIVERY_PARKING && delivery->due_ms == 0;
    case EVENT_NOTED:
        return delivery->state == DELIVERY_NOTING && delivery->due_ms == 0;
    case EVENT_RENEWED:
    case EVENT_REVOKED:
    case EVENT_TICK:
    case EVENT_STOP:
        break;
    }
    return true;
}

static void dispatch(struct delivery_core *core, const struct delivery_event *event, int64_t now_ms)
{
    switch (event->kind) {
    case EVENT_MESSAGE:
    case EVENT_POISON:
        take_in(core, event);
        break;
    case EVENT_CLAIM:
        delivery_on_claim(core, event, now_ms);
        break;
    case EVENT_KNOCK:
        delivery_on_knock(core, event, now_ms);
        break;
    case EVENT_UPSERT:
        delivery_on_upsert(core, event, now_ms);
        break;
    case EVENT_READ:
        delivery_on_read(core, event, now_ms);
        break;
    case EVENT_REPAIR:
        delivery_on_repair(core, event, now_ms);
        break;
    case EVENT_DELETE:
        delivery_on_delete(core, event, now_ms);
        break;
    case EVENT_LETTERED:
        delivery_on_lettered(core, event, now_ms);
        break;
    case EVENT_MARK:
        delivery_on_mark(core, event, now_ms);
        break;
    case EVENT_PARK:
    case EVENT_NOTED:
        delivery_on_settled(core, event, now_ms);
        break;
    case EVENT_RENEWED:
        on_renewed(core, event);
        break;
    case EVENT_REVOKED:
        on_revoked(core, event->generation);
        break;
    case EVENT_TICK:
        for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
            tick_slot(core, i, now_ms);
        }
        break;
    case EVENT_STOP:
        core->is_stopping = true;
        core->stop_by_ms = now_ms + event->grace_ms;
        break;
    }
}

void delivery_handle(struct delivery_core *core, const struct delivery_event *event, int64_t now_ms)
{
    if (core->is_stopping && now_ms >= core->stop_by_ms) {
        delivery_wind_down(core, now_ms); /* first: an answer that comes now begins nothing */
    }
    if (!is_awaited(core, event)) {
        return;
    }
    dispatch(core, event, now_ms);
    if (core->is_stopping) {
        delivery_wind_down(core, now_ms);
    } else {
        delivery_take_turns(core, now_ms);
    }
}

static int64_t slot_due_ms(const struct delivery_core *core, const struct delivery *delivery,
                           int64_t now_ms)
{
    const struct tempo *tempo = delivery_pace(core, (size_t)(delivery - core->slots));
    int64_t due_ms = delivery->due_ms != 0 ? delivery->due_ms : INT64_MAX;

    if (delivery->state == DELIVERY_READY && tempo != NULL && tempo->pause_until_ms > now_ms) {
        due_ms = tempo->pause_until_ms;
    }
    if (delivery_has_claim(delivery->state) && delivery_deadline_ms(core, delivery) < due_ms) {
        due_ms = delivery_deadline_ms(core, delivery);
    }
    return due_ms;
}

uint32_t delivery_next_tick_ms(const struct delivery_core *core, int64_t now_ms)
{
    int64_t due_ms = now_ms + LONGEST_TICK_MS;

    if (core->is_stopping && core->stop_by_ms < due_ms) {
        due_ms = core->stop_by_ms;
    }
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        int64_t slot_ms = slot_due_ms(core, &core->slots[i], now_ms);
        due_ms = slot_ms < due_ms ? slot_ms : due_ms;
    }
    return due_ms > now_ms ? (uint32_t)(due_ms - now_ms) : 0;
}
