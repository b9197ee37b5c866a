/* The exporting machine; see export.h. Pure: nothing here waits, allocates or looks at a clock. */
#include "producer/export.h"

#include <string.h>

#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS  30000
#define SEND_AGAIN_MS   20
#define SUSPICIONS_MAX                                                                             \
    3 /* the same batch in a row, with waits between, until its records are looked at */

void export_core_init(struct export_core *core, const struct export_settings *settings,
                      uint64_t seed)
{
    memset(core, 0, sizeof *core);
    core->settings = *settings;
    rng_seed(&core->rng, seed);
}

static void act(struct export_core *core, enum export_action_kind kind, size_t slot, size_t count)
{
    size_t at = (core->queue_start + core->queue_len) % EXPORT_ACTIONS;
    core->queue[at] = (struct export_action){kind, slot, count};
    core->queue_len++;
}

bool export_next_action(struct export_core *core, struct export_action *out)
{
    if (core->queue_len == 0) {
        return false;
    }
    *out = core->queue[core->queue_start];
    core->queue_start = (core->queue_start + 1) % EXPORT_ACTIONS;
    core->queue_len--;
    return true;
}

bool export_free_slot(const struct export_core *core, size_t *out_slot)
{
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        if (core->slots[i].state == EXPORT_FREE) {
            *out_slot = i;
            return true;
        }
    }
    return false;
}

static void set_state(struct export_core *core, size_t slot, enum export_state state)
{
    core->slots[slot].state = state;
    core->slots[slot].due_ms = 0; /* a wait belongs to its state */
}

static void drop(struct export_core *core, size_t slot)
{
    act(core, EXPORT_ACTION_DROP, slot, 0);
    memset(&core->slots[slot], 0, sizeof core->slots[slot]);
}

static void release(struct export_core *core, size_t slot)
{
    act(core, EXPORT_ACTION_RELEASE, slot, 0);
    drop(core, slot);
}

/* What waiting does not mend would come again with every export: the job needs a person. What would end the
 * program (memory, our own mistakes, stopping) is no fault of the job's. */
static void refuse(struct export_core *core, size_t slot, enum error_kind error)
{
    enum disposition disposition = error_disposition(error);
    if (disposition != DISPOSITION_RETRY && disposition != DISPOSITION_STOP) {
        act(core, EXPORT_ACTION_BLOCK, slot, 0);
    }
    release(core, slot);
}

static size_t count_heavy(const struct export_core *core)
{
    size_t count = 0;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        enum export_state state = core->slots[i].state;
        count += state != EXPORT_FREE && state != EXPORT_SENT && state != EXPORT_REPORTING;
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
        act(core, EXPORT_ACTION_CLAIM, 0, room);
    }
}

static void on_claimed(struct export_core *core, const struct export_event *event)
{
    struct export_slot *slot = &core->slots[event->slot];
    slot->batch_no = event->batch_no;
    slot->fence = event->fence;
    slot->rev = event->rev;
    slot->lease_start_ms = event->started_ms;
    if (core->is_stopping) {
        release(core, event->slot);
        return;
    }
    set_state(core, event->slot, EXPORT_FETCHING);
    act(core, EXPORT_ACTION_FETCH, event->slot, 0);
}

static void wait_for_source(struct export_core *core, const struct export_event *event,
                            int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    uint32_t wait_ms = backoff_ms(&core->rng, slot->attempts++, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
    set_state(core, event->slot, EXPORT_WAITING);
    slot->due_ms = now_ms + (wait_ms > event->retry_after_ms ? wait_ms : event->retry_after_ms);
}

static void on_fetched(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    slot->suspicions = event->is_suspicious ? slot->suspicions + 1 : 0;
    if (event->error == ERROR_NONE && event->rejects > 0) {
        slot->attempts = 0;
        set_state(core, event->slot, EXPORT_LETTERING);
        act(core, EXPORT_ACTION_LETTER, event->slot, 0);
        return;
    }
    if (event->error == ERROR_NONE) {
        set_state(core, event->slot, EXPORT_RECORDING);
        act(core, EXPORT_ACTION_RECORD, event->slot, 0);
        return;
    }
    if (event->error == ERROR_TOO_LARGE) {
        act(core, EXPORT_ACTION_SPLIT, event->slot, 0);
        drop(core, event->slot);
        return;
    }
    if (event->is_suspicious || error_disposition(event->error) == DISPOSITION_RETRY) {
        wait_for_source(core, event, now_ms);
        return;
    }
    refuse(core, event->slot, event->error);
}

/* A search that could say nothing is made again when the batch fails once more: waiting costs one read each time. */
static void on_searched(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    if (event->error == ERROR_NONE) {
        slot->suspicions = 0;
        set_state(core, event->slot, EXPORT_FETCHING);
        act(core, EXPORT_ACTION_FETCH, event->slot, 0);
    } else if (error_disposition(event->error) == DISPOSITION_RETRY) {
        slot->suspicions = SUSPICIONS_MAX - 1;
        wait_for_source(core, event, now_ms);
    } else {
        refuse(core, event->slot, event->error);
    }
}

/* A letter that could not be stored is an outage, whatever the bus called it: the ledger hears of no reject without it. */
static void on_lettered(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    if (event->error != ERROR_NONE) {
        slot->due_ms =
            now_ms + backoff_ms(&core->rng, slot->attempts++, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
        return;
    }
    set_state(core, event->slot, EXPORT_RECORDING);
    act(core, EXPORT_ACTION_RECORD, event->slot, 0);
}

static void on_recorded(struct export_core *core, const struct export_event *event)
{
    if (event->error != ERROR_NONE) {
        release(core, event->slot); /* whether it was applied is unknown: a new rev settles it */
    } else if (!event->matched || event->is_final) {
        drop(core, event->slot);
    } else {
        set_state(core, event->slot, EXPORT_SENDING);
        act(core, EXPORT_ACTION_SEND, event->slot, 0);
    }
}

static void on_sent(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    if (event->error == ERROR_NONE) {
        set_state(core, event->slot, EXPORT_SENT);
    } else if (event->error == ERROR_THROTTLED) {
        core->slots[event->slot].due_ms = now_ms + SEND_AGAIN_MS;
    } else {
        refuse(core, event->slot, event->error);
    }
}

static void on_report(struct export_core *core, const struct export_event *event)
{
    if (event->error != ERROR_NONE) {
        refuse(core, event->slot, event->error);
        return;
    }
    set_state(core, event->slot, EXPORT_REPORTING);
    act(core, EXPORT_ACTION_REPORT, event->slot, 0);
}

static void on_reported(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    if (event->error != ERROR_NONE) { /* the statement may run twice: ask again */
        core->slots[event->slot].due_ms = now_ms + BACKOFF_BASE_MS;
        return;
    }
    drop(core, event->slot);
}

/* The lease is over, or another has the batch: what has not been sent is dropped. What has been sent waits for its
 * report all the same, because the offset is worth knowing. */
static void lose(struct export_core *core, size_t slot)
{
    switch (core->slots[slot].state) {
    case EXPORT_FETCHING:
    case EXPORT_SEARCHING:
    case EXPORT_LETTERING:
        act(core, EXPORT_ACTION_ABORT, slot, 0);
        drop(core, slot);
        break;
    case EXPORT_WAITING:
    case EXPORT_SENDING:
        drop(core, slot);
        break;
    case EXPORT_FREE:
    case EXPORT_RECORDING:
    case EXPORT_SENT:
    case EXPORT_REPORTING:
    case EXPORT_STATE_COUNT:
        break;
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
            lose(core, i);
        }
    }
}

static void tick_slot(struct export_core *core, size_t i, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[i];
    if (slot->state != EXPORT_FREE &&
        now_ms >= slot->lease_start_ms + core->settings.lease_ms - core->settings.lease_margin_ms) {
        lose(core, i);
    }
    if (now_ms < slot->due_ms) {
        return;
    }
    if (slot->state == EXPORT_WAITING) {
        bool searches = slot->suspicions >= SUSPICIONS_MAX;
        set_state(core, i, searches ? EXPORT_SEARCHING : EXPORT_FETCHING);
        act(core, searches ? EXPORT_ACTION_SEARCH : EXPORT_ACTION_FETCH, i, 0);
    } else if (slot->state == EXPORT_LETTERING && slot->due_ms > 0) {
        slot->due_ms = 0;
        act(core, EXPORT_ACTION_LETTER, i, 0);
    } else if (slot->state == EXPORT_SENDING && slot->due_ms > 0) {
        slot->due_ms = 0;
        act(core, EXPORT_ACTION_SEND, i, 0);
    } else if (slot->state == EXPORT_REPORTING && slot->due_ms > 0) {
        slot->due_ms = 0;
        act(core, EXPORT_ACTION_REPORT, i, 0);
    }
}

static void stop_slots(struct export_core *core)
{
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        enum export_state state = core->slots[i].state;
        if (state == EXPORT_FETCHING || state == EXPORT_SEARCHING || state == EXPORT_LETTERING) {
            act(core, EXPORT_ACTION_ABORT, i, 0);
        }
        if (state == EXPORT_FETCHING || state == EXPORT_SEARCHING || state == EXPORT_WAITING ||
            state == EXPORT_LETTERING || state == EXPORT_SENDING) {
            release(core, i);
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
            release(core, i);
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
        on_claimed(core, event);
        break;
    case EXPORT_EVENT_CLAIM_END:
        core->is_claiming = false;
        core->next_claim_ms = event->error == ERROR_NONE && event->count > 0
                                  ? now_ms
                                  : now_ms + core->settings.poll_ms;
        break;
    case EXPORT_EVENT_FETCHED:
        on_fetched(core, event, now_ms);
        break;
    case EXPORT_EVENT_SEARCHED:
        on_searched(core, event, now_ms);
        break;
    case EXPORT_EVENT_LETTERED:
        on_lettered(core, event, now_ms);
        break;
    case EXPORT_EVENT_RECORDED:
        on_recorded(core, event);
        break;
    case EXPORT_EVENT_SENT:
        on_sent(core, event, now_ms);
        break;
    case EXPORT_EVENT_REPORT:
        on_report(core, event);
        break;
    case EXPORT_EVENT_REPORTED:
        on_reported(core, event, now_ms);
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
