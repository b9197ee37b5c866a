/* What the answers of the edge mean for the slot that they are of. */
#include "producer/export_internal.h"

#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS  30000
#define SEND_AGAIN_MS   20

void export_on_claimed(struct export_core *core, const struct export_event *event)
{
    struct export_slot *slot = &core->slots[event->slot];
    slot->batch_no = event->batch_no;
    slot->fence = event->fence;
    slot->rev = event->rev;
    slot->lease_start_ms = event->started_ms;
    if (core->is_stopping) {
        export_release(core, event->slot);
        return;
    }
    export_set_state(core, event->slot, EXPORT_FETCHING);
    export_act(core, EXPORT_ACTION_FETCH, event->slot, 0);
}

static void wait_for_source(struct export_core *core, const struct export_event *event,
                            int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    uint32_t wait_ms = backoff_ms(&core->rng, slot->attempts++, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
    export_set_state(core, event->slot, EXPORT_WAITING);
    slot->due_ms = now_ms + (wait_ms > event->retry_after_ms ? wait_ms : event->retry_after_ms);
}

void export_on_fetched(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    slot->suspicions = event->is_suspicious ? slot->suspicions + 1 : 0;
    if (event->error == ERROR_NONE && event->rejects > 0) {
        slot->attempts = 0;
        export_set_state(core, event->slot, EXPORT_LETTERING);
        export_act(core, EXPORT_ACTION_LETTER, event->slot, 0);
        return;
    }
    if (event->error == ERROR_NONE) {
        export_set_state(core, event->slot, EXPORT_RECORDING);
        export_act(core, EXPORT_ACTION_RECORD, event->slot, 0);
        return;
    }
    if (event->error == ERROR_TOO_LARGE) {
        export_act(core, EXPORT_ACTION_SPLIT, event->slot, 0);
        export_drop(core, event->slot);
        return;
    }
    if (event->is_suspicious || error_disposition(event->error) == DISPOSITION_RETRY) {
        wait_for_source(core, event, now_ms);
        return;
    }
    export_refuse(core, event->slot, event->error);
}

/* A search that could say nothing is made again when the batch fails twice more: a source that fails every second read would
 * be met at its bad moment each time. */
void export_on_searched(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    if (event->error == ERROR_NONE) {
        bool has_room = export_has_room(core);
        slot->suspicions = 0;
        export_set_state(core, event->slot, has_room ? EXPORT_FETCHING : EXPORT_WAITING);
        if (has_room) {
            export_act(core, EXPORT_ACTION_FETCH, event->slot, 0);
        }
    } else if (error_disposition(event->error) == DISPOSITION_RETRY) {
        slot->suspicions = EXPORT_SUSPICIONS_MAX - 2;
        wait_for_source(core, event, now_ms);
    } else {
        export_refuse(core, event->slot, event->error);
    }
}

/* A letter that could not be stored is an outage, whatever the bus called it: the ledger hears of no reject without it. */
void export_on_lettered(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    struct export_slot *slot = &core->slots[event->slot];
    if (event->error != ERROR_NONE) {
        slot->due_ms =
            now_ms + backoff_ms(&core->rng, slot->attempts++, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
        return;
    }
    export_set_state(core, event->slot, EXPORT_RECORDING);
    export_act(core, EXPORT_ACTION_RECORD, event->slot, 0);
}

void export_on_recorded(struct export_core *core, const struct export_event *event)
{
    if (event->error != ERROR_NONE) {
        export_release(core,
                       event->slot); /* whether it was applied is unknown: a new rev settles it */
    } else if (!event->matched || event->is_final) {
        export_drop(core, event->slot);
    } else {
        export_set_state(core, event->slot, EXPORT_SENDING);
        export_act(core, EXPORT_ACTION_SEND, event->slot, 0);
    }
}

void export_on_sent(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    if (event->error == ERROR_NONE) {
        export_set_state(core, event->slot, EXPORT_SENT);
    } else if (event->error == ERROR_THROTTLED) {
        core->slots[event->slot].due_ms = now_ms + SEND_AGAIN_MS;
    } else {
        export_refuse(core, event->slot, event->error);
    }
}

void export_on_report(struct export_core *core, const struct export_event *event)
{
    if (event->error != ERROR_NONE) {
        export_refuse(core, event->slot, event->error);
        return;
    }
    export_set_state(core, event->slot, EXPORT_REPORTING);
    export_act(core, EXPORT_ACTION_REPORT, event->slot, 0);
}

void export_on_reported(struct export_core *core, const struct export_event *event, int64_t now_ms)
{
    if (event->error != ERROR_NONE) { /* the statement may run twice: ask again */
        core->slots[event->slot].due_ms = now_ms + BACKOFF_BASE_MS;
        return;
    }
    export_drop(core, event->slot);
}
