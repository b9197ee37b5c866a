/*
 * The moves of one slot, and the table of those that exist. A slot's state changes in delivery_set_state() alone; an
 * action leaves in delivery_act() alone. When a move is due is decided elsewhere.
 */
#include <assert.h>
#include <string.h>

#include "base/compiler.h"
#include "consumer/delivery_internal.h"

#define BIT(state) (1u << DELIVERY_##state)

static const unsigned next_states[DELIVERY_STATE_COUNT] = {
    [DELIVERY_FREE] = BIT(ARRIVED) | BIT(EXPELLING),
    [DELIVERY_ARRIVED] = BIT(CLAIMING) | BIT(FREE),
    [DELIVERY_CLAIMING] = BIT(READY) | BIT(HOLDING) | BIT(PARKING) | BIT(EXPELLING) | BIT(FREE),
    [DELIVERY_HOLDING] = BIT(ARRIVED) | BIT(FREE),
    [DELIVERY_READY] =
        BIT(KNOCKING) | BIT(UPSERTING) | BIT(DELETING) | BIT(PARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_KNOCKING] = BIT(READY) | BIT(UPSERTING) | BIT(DELETING) | BIT(WAITING) |
                          BIT(PARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_UPSERTING] = BIT(UPSERTING) | BIT(READY) | BIT(READING) | BIT(WAITING) |
                           BIT(PARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_READING] = BIT(LETTERING) | BIT(MARKING) | BIT(READY) | BIT(REPAIRING) |
                         BIT(WAITING) | BIT(PARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_WAITING] = BIT(READY) | BIT(READING) | BIT(PARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_REPAIRING] = BIT(REPAIRING) | BIT(READY) | BIT(PARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_DELETING] = BIT(UPSERTING) | BIT(WAITING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_LETTERING] = BIT(LETTERING) | BIT(MARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_MARKING] = BIT(MARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_PARKING] = BIT(PARKING) | BIT(HOLDING) | BIT(FREE),
    [DELIVERY_EXPELLING] = BIT(EXPELLING) | BIT(NOTING) | BIT(FREE),
    [DELIVERY_NOTING] = BIT(NOTING) | BIT(FREE),
};

bool delivery_transition_is_valid(enum delivery_state from, enum delivery_state to)
{
    return (next_states[from] & (1u << to)) != 0;
}

const char *delivery_state_name(enum delivery_state state)
{
    static const char *const names[DELIVERY_STATE_COUNT] = {
        "free",      "arrived", "claiming",  "holding",   "ready",    "knocking",
        "upserting", "reading", "waiting",   "repairing", "deleting", "lettering",
        "marking",   "parking", "expelling", "noting",
    };
    return names[state];
}

bool delivery_has_claim(enum delivery_state state)
{
    return state == DELIVERY_READY || state == DELIVERY_KNOCKING || state == DELIVERY_UPSERTING ||
           state == DELIVERY_READING || state == DELIVERY_WAITING || state == DELIVERY_DELETING ||
           state == DELIVERY_LETTERING;
}

int64_t delivery_deadline_ms(const struct delivery_core *core, const struct delivery *delivery)
{
    return delivery->lease_start_ms + core->settings.lease_ms - core->settings.lease_margin_ms;
}

struct delivery_action *delivery_act(struct delivery_core *core, enum delivery_action_kind kind,
                                     size_t slot)
{
    const struct delivery *delivery = &core->slots[slot];
    struct delivery_action *action =
        &core->queue[(core->queue_start + core->queue_len) % DELIVERY_ACTIONS];

    assert(core->queue_len < DELIVERY_ACTIONS);
    core->queue_len++;
    *action = (struct delivery_action){
        .kind = kind,
        .slot = slot,
        .fence = delivery->fence,
        .parts = delivery->parts,
        .sent = delivery->sent,
        .generation = delivery->generation,
        .partition = delivery->partition,
        .offset = delivery->offset,
        .reason = "",
    };
    return action;
}

bool delivery_next_action(struct delivery_core *core, struct delivery_action *out)
{
    if (core->queue_len == 0) {
        return false;
    }
    *out = core->queue[core->queue_start];
    core->queue_start = (core->queue_start + 1) % DELIVERY_ACTIONS;
    core->queue_len--;
    return true;
}

void delivery_set_state(struct delivery_core *core, size_t slot, enum delivery_state state)
{
    assert(delivery_transition_is_valid(core->slots[slot].state, state));
    core->slots[slot].state = state;
}

void delivery_drop(struct delivery_core *core, size_t slot)
{
    delivery_act(core, ACTION_DROP, slot);
    delivery_set_state(core, slot, DELIVERY_FREE);
    memset(&core->slots[slot], 0, sizeof core->slots[slot]);
}

void delivery_finish(struct delivery_core *core, size_t slot)
{
    if (!core->slots[slot].is_orphan) {
        delivery_act(core, ACTION_ACKNOWLEDGE, slot);
    }
    delivery_drop(core, slot);
}

void delivery_hold(struct delivery_core *core, size_t slot, int64_t due_ms)
{
    struct delivery *delivery = &core->slots[slot];

    if (delivery->is_orphan) { /* the partition's new owner looks after it */
        delivery_drop(core, slot);
        return;
    }
    delivery_set_state(core, slot, DELIVERY_HOLDING);
    delivery->due_ms = due_ms;
    delivery->fence = 0;
    delivery->attempts = 0;
    delivery->sent = false;
    delivery->is_written = false;
    delivery->is_repeated = false;
    delivery->is_blocked = false;
    delivery->is_repairing = false;
    delivery->must_delete = false;
    delivery->is_doubtful = false;
    delivery->quiet_at_ms = 0;
}

void delivery_lose(struct delivery_core *core, size_t slot, int64_t due_ms)
{
    switch (core->slots[slot].state) {
    case DELIVERY_KNOCKING:
    case DELIVERY_UPSERTING:
    case DELIVERY_READING:
    case DELIVERY_DELETING:
    case DELIVERY_LETTERING:
        delivery_act(core, ACTION_ABORT, slot);
        delivery_hold(core, slot, due_ms);
        break;
    case DELIVERY_READY:
    case DELIVERY_WAITING:
        delivery_hold(core, slot, due_ms);
        break;
    case DELIVERY_FREE:
    case DELIVERY_ARRIVED:
    case DELIVERY_CLAIMING:
    case DELIVERY_HOLDING:
    case DELIVERY_REPAIRING:
    case DELIVERY_MARKING:
    case DELIVERY_PARKING:
    case DELIVERY_EXPELLING:
    case DELIVERY_NOTING:
    case DELIVERY_STATE_COUNT:
        break;
    }
}

void delivery_leave_behind(struct delivery_core *core, size_t slot)
{
    enum delivery_state state = core->slots[slot].state;

    if (state == DELIVERY_KNOCKING || state == DELIVERY_UPSERTING || state == DELIVERY_READING ||
        state == DELIVERY_DELETING) {
        delivery_act(core, ACTION_ABORT, slot);
    }
    if (core->slots[slot].fence != 0) {
        struct delivery_action *release = delivery_act(core, ACTION_RELEASE, slot);
        release->sent =
            core->slots[slot].is_doubtful || state == DELIVERY_UPSERTING ||
            state == DELIVERY_DELETING; /* what was answered is not on its way any more */
    }
    core->left_behind++;
    delivery_drop(core, slot);
}

void delivery_start(struct delivery_core *core, size_t slot, enum delivery_state state)
{
    static const enum delivery_action_kind actions[DELIVERY_STATE_COUNT] = {
        [DELIVERY_CLAIMING] = ACTION_CLAIM,   [DELIVERY_KNOCKING] = ACTION_KNOCK,
        [DELIVERY_UPSERTING] = ACTION_UPSERT, [DELIVERY_READING] = ACTION_READ,
        [DELIVERY_MARKING] = ACTION_MARK,     [DELIVERY_REPAIRING] = ACTION_REPAIR,
        [DELIVERY_DELETING] = ACTION_DELETE,  [DELIVERY_PARKING] = ACTION_PARK,
        [DELIVERY_NOTING] = ACTION_POISON,    [DELIVERY_LETTERING] = ACTION_LETTER,
        [DELIVERY_EXPELLING] = ACTION_LETTER,
    };
    struct delivery *delivery = &core->slots[slot];
    const struct tempo *tempo = delivery_pace(core, slot);

    delivery_set_state(core, slot, state);
    delivery->due_ms = 0;
    delivery->turn = tempo != NULL ? tempo->turn : 0;
    if (state == DELIVERY_UPSERTING) {
        delivery->sent = true; /* from now on nobody can say that nothing is on its way */
    }
    struct delivery_action *action = delivery_act(core, actions[state], slot);
    if (state == DELIVERY_PARKING || state == DELIVERY_EXPELLING || state == DELIVERY_NOTING) {
        action->reason = delivery->reason;
    }
}
