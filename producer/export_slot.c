/* The moves of one slot: its state changes in export_set_state() and when it is dropped, an action leaves in export_act()
 * alone. Which move is due is decided elsewhere. */
#include <string.h>

#include "producer/export_internal.h"

void export_act(struct export_core *core, enum export_action_kind kind, size_t slot, size_t count)
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

void export_set_state(struct export_core *core, size_t slot, enum export_state state)
{
    core->slots[slot].state = state;
    core->slots[slot].due_ms = 0; /* a wait belongs to its state */
    core->slots[slot].is_resting = false;
}

bool export_has_room(const struct export_core *core)
{
    size_t count = core->is_claiming ? core->claiming : 0;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        enum export_state state = core->slots[i].state;
        count += state == EXPORT_FETCHING || state == EXPORT_LETTERING ||
                 state == EXPORT_RECORDING || state == EXPORT_SENDING;
    }
    return count < core->settings.fetch_limit;
}

void export_drop(struct export_core *core, size_t slot)
{
    export_act(core, EXPORT_ACTION_DROP, slot, 0);
    memset(&core->slots[slot], 0, sizeof core->slots[slot]);
}

void export_release(struct export_core *core, size_t slot)
{
    export_act(core, EXPORT_ACTION_RELEASE, slot, 0);
    export_drop(core, slot);
}

/* What waiting does not mend would come again with every export: the job needs a person. What would end the
 * program (memory, our own mistakes, stopping) is no fault of the job's. */
void export_refuse(struct export_core *core, size_t slot, enum error_kind error)
{
    enum disposition disposition = error_disposition(error);
    if (disposition != DISPOSITION_RETRY && disposition != DISPOSITION_STOP) {
        export_act(core, EXPORT_ACTION_BLOCK, slot, 0);
    }
    export_release(core, slot);
}

/* The lease is over, or another has the batch: what has not been sent is dropped. What has been sent waits for its
 * report all the same, because the offset is worth knowing. */
void export_lose(struct export_core *core, size_t slot)
{
    switch (core->slots[slot].state) {
    case EXPORT_FETCHING:
    case EXPORT_SEARCHING:
    case EXPORT_LETTERING:
        export_act(core, EXPORT_ACTION_ABORT, slot, 0);
        export_drop(core, slot);
        break;
    case EXPORT_WAITING:
    case EXPORT_SENDING:
        export_drop(core, slot);
        break;
    case EXPORT_FREE:
    case EXPORT_RECORDING:
    case EXPORT_SENT:
    case EXPORT_REPORTING:
    case EXPORT_STATE_COUNT:
        break;
    }
}
