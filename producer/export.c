/* The exporting machine: its events, and what time brings; see export.h. Pure: nothing here waits, allocates or looks at a clock. */
#include <string.h>

#include "producer/export_internal.h"

void export_core_init(struct export_core *core, const struct export_settings *settings,
                      uint64_t seed)
{
    memset(core, 0, sizeof *core);
    core->settings = *settings;
    rng_seed(&core->rng, seed);
}

static size_t count_heavy(const struct export_core *core)
{
    size_t count = 0;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        enum export_state state = core->slots[i].state;
        count += state != EXPORT_FREE && state != EXPORT_SENT && state != EXPORT_REPORTING &&
                 !core->slots[i].is_resting;
    }
    return count;
}

static size_t count_free(const struct export_core *core)
{
    size_t count = 0;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        count += core->slots[i].state == EXPORT_FREE;
    }
    return count;
}

static void claim_if_room(struct export_core *core, int64_t now_ms)
{
    size_t heavy = count_heavy(core);
    if (core->is_stopping || core->is_claiming || now_ms < core->next_claim_ms ||
        heavy >= core->settings.fetch_limit) {
        return;
    }
    size_t room = core->settings.fetch_limit - heavy;
    size_t free_slots = count_free(core);
    room = room < free_slots ? room : free_slots;
    if (room > 0) {
        core->is_claiming = true;
        core->claiming = room;
        export_act(core, EXPORT_ACTION_CLAIM, 0, room);
    }
}

static void on_renewed(struct export_core *core, const struct export_event *event)
{
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        struct export_slot *slot = &core->slots[i];
        if (slot->state == EXPORT_FREE || !event->asked[i]) {
            continue; /* its claim was answered after the renewal had been sent */
        }
        if (event->kept[i]) {
            slot->lease_start_ms = event->started_ms;
        } else {
            export_lose(core, i);
        }
    }
}

static void tick_slot(struct export_core *core, size_t i, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[i];
    if (slot->state != EXPORT_FREE &&
        now_ms >= slot->lease_start_ms + core->settings.lease_ms - core->settings.lease_margin_ms) {
        export_lose(core, i);
    }
    if (now_ms < slot->due_ms) {
        return;
    }
    if (slot->state == EXPORT_WAITING) {
        bool searches = slot->suspicions >= EXPORT_SUSPICIONS_MAX;
        if (!searches && !export_has_room(core)) {
            return; /* the others were begun while it rested */
        }
        export_set_state(core, i, searches ? EXPORT_SEARCHING : EXPORT_FETCHING);
        export_act(core, searches ? EXPORT_ACTION_SEARCH : EXPORT_ACTION_FETCH, i, 0);
    } else if (slot->state == EXPORT_LETTERING && slot->due_ms > 0) {
        slot->due_ms = 0;
        export_act(core, EXPORT_ACTION_LETTER, i, 0);
    } else if (slot->state == EXPORT_SENDING && slot->due_ms > 0) {
        slot->due_ms = 0;
        export_act(core, EXPORT_ACTION_SEND, i, 0);
    } else if (slot->state == EXPORT_REPORTING && slot->due_ms > 0) {
        slot->due_ms = 0;
        export_act(core, EXPORT_ACTION_REPORT, i, 0);
    }
}

static void stop_slots(struct export_core *core)
{
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        enum export_state state = core->slots[i].state;
        if (state == EXPORT_FETCHING || state == EXPORT_SEARCHING || state == EXPORT_LETTERING) {
            export_act(core, EXPORT_ACTION_ABORT, i, 0);
        }
        if (state == EXPORT_FETCHING || state == EXPORT_SEARCHING || state == EXPORT_WAITING ||
            state == EXPORT_LETTERING || state == EXPORT_SENDING) {
            export_release(core, i);
        }
    }
}

/* Answers and reports that have not come in time. Whatever became of the message: a release matches
 * only a batch that is still planned under our fence, and then another export follows under a new rev. */
static void stop_for_good(struct export_core *core)
{
    core->is_claiming = false;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        if (core->slots[i].state != EXPORT_FREE) {
            export_release(core, i);
        }
    }
}

/* An answer for a slot that has been dropped meanwhile is late: nobody waits for it any more. */
static bool is_awaited(const struct export_core *core, const struct export_event *event)
{
    enum export_state state = core->slots[event->slot].state;
    switch (event->kind) {
    case EXPORT_EVENT_FETCHED:
        return state == EXPORT_FETCHING;
    case EXPORT_EVENT_RESTS:
    case EXPORT_EVENT_SEARCHED:
        return state == EXPORT_SEARCHING;
    case EXPORT_EVENT_LETTERED:
        return state == EXPORT_LETTERING && core->slots[event->slot].due_ms == 0;
    case EXPORT_EVENT_RECORDED:
        return state == EXPORT_RECORDING;
    case EXPORT_EVENT_SENT:
        return state == EXPORT_SENDING;
    case EXPORT_EVENT_REPORT:
        return state == EXPORT_SENT;
    case EXPORT_EVENT_REPORTED:
        return state == EXPORT_REPORTING;
    case EXPORT_EVENT_CLAIMED:
    case EXPORT_EVENT_CLAIM_END:
    case EXPORT_EVENT_RENEWED:
    case EXPORT_EVENT_TICK:
    case EXPORT_EVENT_STOP:
        break;
    }
    return true;
}

void export_handle(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    if (!is_awaited(core, event)) {
        return;
    }
    switch (event->kind) {
    case EXPORT_EVENT_CLAIMED:
        export_on_claimed(core, event);
        break;
    case EXPORT_EVENT_CLAIM_END:
        core->is_claiming = false;
        core->next_claim_ms = event->error == ERROR_NONE && event->count > 0
                                  ? now_ms
                                  : now_ms + core->settings.poll_ms;
        break;
    case EXPORT_EVENT_FETCHED:
        export_on_fetched(core, event, now_ms);
        break;
    case EXPORT_EVENT_RESTS:
        core->slots[event->slot].is_resting = true;
        break;
    case EXPORT_EVENT_SEARCHED:
        export_on_searched(core, event, now_ms);
        break;
    case EXPORT_EVENT_LETTERED:
        export_on_lettered(core, event, now_ms);
        break;
    case EXPORT_EVENT_RECORDED:
        export_on_recorded(core, event);
        break;
    case EXPORT_EVENT_SENT:
        export_on_sent(core, event, now_ms);
        break;
    case EXPORT_EVENT_REPORT:
        export_on_report(core, event);
        break;
    case EXPORT_EVENT_REPORTED:
        export_on_reported(core, event, now_ms);
        break;
    case EXPORT_EVENT_RENEWED:
        on_renewed(core, event);
        break;
    case EXPORT_EVENT_TICK:
        for (size_t i = 0; i < EXPORT_SLOTS; i++) {
            tick_slot(core, i, now_ms);
        }
        break;
    case EXPORT_EVENT_STOP:
        core->is_stopping = true;
        core->stop_by_ms = now_ms + event->grace_ms;
        stop_slots(core);
        break;
    }
    if (core->is_stopping && now_ms >= core->stop_by_ms) {
        stop_for_good(core);
    }
    claim_if_room(core, now_ms);
}

bool export_is_idle(const struct export_core *core)
{
    return !core->is_claiming && count_free(core) == EXPORT_SLOTS;
}

const char *export_state_name(enum export_state state)
{
    static const char *const names[EXPORT_STATE_COUNT] = {"free",      "fetching",  "waiting",
                                                          "searching", "lettering", "recording",
                                                          "sending",   "sent",      "reporting"};
    return names[state];
}
