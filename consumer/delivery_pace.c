/*
 * How many at a time: which target a slot goes to, and what that target's tempo allows. Which of several comes first is
 * delivery_turn.c's business.
 */
#include "consumer/delivery_internal.h"

#include <string.h>

/* ---- which target ---- */

size_t delivery_guess_target(const struct delivery_core *core, int64_t job_id)
{
    for (size_t i = 0; i < DELIVERY_TARGETS; i++) {
        if (core->routes[i].used > 0 && core->routes[i].job_id == job_id) {
            return core->routes[i].target;
        }
    }
    return DELIVERY_NOWHERE;
}

static bool is_in_use(const struct delivery_core *core, size_t target)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        if (core->slots[i].state != DELIVERY_FREE && core->slots[i].target == target) {
            return true;
        }
    }
    return false;
}

/* Whoever went to the one that makes room is guessed to go nowhere. */
static size_t make_room(struct delivery_core *core)
{
    size_t oldest = DELIVERY_NOWHERE;

    for (size_t i = 0; i < DELIVERY_TARGETS; i++) {
        if (!is_in_use(core, i) &&
            (oldest == DELIVERY_NOWHERE || core->targets[i].used < core->targets[oldest].used)) {
            oldest = i;
        }
    }
    for (size_t i = 0; i < DELIVERY_TARGETS; i++) {
        if (core->routes[i].target == oldest) {
            core->routes[i].used = 0;
        }
    }
    return oldest;
}

static size_t find_or_add_target(struct delivery_core *core, const struct uuid *uuid)
{
    for (size_t i = 0; i < DELIVERY_TARGETS; i++) {
        if (core->targets[i].used > 0 && strcmp(core->targets[i].uuid.text, uuid->text) == 0) {
            return i;
        }
    }
    size_t at = make_room(core);
    core->targets[at].uuid = *uuid;
    tempo_init(&core->targets[at].tempo, core->settings.write_start, core->settings.write_limit);
    return at;
}

static void remember_route(struct delivery_core *core, int64_t job_id, size_t target)
{
    size_t at = 0;

    for (size_t i = 0; i < DELIVERY_TARGETS; i++) {
        if (core->routes[i].used > 0 && core->routes[i].job_id == job_id) {
            at = i;
            break;
        }
        at = core->routes[i].used < core->routes[at].used ? i : at;
    }
    core->routes[at] =
        (struct delivery_route){.job_id = job_id, .target = target, .used = ++core->uses};
}

/* What is still unknown of the same job will go there, too. */
void delivery_learn_target(struct delivery_core *core, size_t slot, const struct uuid *uuid)
{
    struct delivery *delivery = &core->slots[slot];
    size_t target = find_or_add_target(core, uuid);

    delivery->target = target;
    core->targets[target].used = ++core->uses;
    remember_route(core, delivery->job_id, target);
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        if (core->slots[i].state != DELIVERY_FREE && core->slots[i].job_id == delivery->job_id &&
            core->slots[i].target == DELIVERY_NOWHERE) {
            core->slots[i].target = target;
        }
    }
}

struct tempo *delivery_tempo(struct delivery_core *core, size_t slot)
{
    return &core->targets[core->slots[slot].target].tempo;
}

const struct tempo *delivery_pace(const struct delivery_core *core, size_t slot)
{
    size_t target = core->slots[slot].target;

    return core->slots[slot].state != DELIVERY_FREE && target < DELIVERY_NOWHERE
               ? &core->targets[target].tempo
               : NULL;
}

/* ---- how many ---- */

static bool is_writing(enum delivery_state state)
{
    return state == DELIVERY_UPSERTING || state == DELIVERY_DELETING;
}

static bool has_write_slot(enum delivery_state state)
{
    return delivery_has_claim(state) || state == DELIVERY_REPAIRING || state == DELIVERY_MARKING;
}

/* Of the same target or, while that is not known, of the same job. */
static bool is_beside(const struct delivery *own, const struct delivery *other)
{
    return other->target == own->target &&
           (own->target < DELIVERY_NOWHERE || other->job_id == own->job_id);
}

static uint32_t count_beside(const struct delivery_core *core, size_t slot,
                             bool (*is_meant)(enum delivery_state))
{
    uint32_t count = 0;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        count += is_beside(&core->slots[slot], &core->slots[i]) && is_meant(core->slots[i].state);
    }
    return count;
}

static bool is_active(enum delivery_state state)
{
    return has_write_slot(state) || state == DELIVERY_CLAIMING;
}

static bool is_asking_target(enum delivery_state state)
{
    return is_writing(state) || state == DELIVERY_READING || state == DELIVERY_KNOCKING;
}

/* Repairs whose target fails keep their claims for as long as it does. If these counted, no message of the same target would be
 * asked for any more, none would be parked, and all slots would fill with them (decision 9). */
static uint32_t count_stuck_repairs(const struct delivery_core *core, size_t slot)
{
    uint32_t count = 0;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        const struct delivery *other = &core->slots[i];
        count += is_beside(&core->slots[slot], other) && is_active(other->state) &&
                 other->is_repairing && other->attempts > 0;
    }
    return count;
}

bool delivery_may_claim(const struct delivery_core *core, size_t slot, int64_t now_ms)
{
    const struct tempo *tempo = delivery_pace(core, slot);
    uint32_t claims = tempo != NULL ? tempo_claims(tempo, now_ms) : core->settings.write_start + 1;

    claims = claims < LIMIT_WRITES_PER_TARGET ? claims : LIMIT_WRITES_PER_TARGET;
    return count_beside(core, slot, is_active) - count_stuck_repairs(core, slot) < claims;
}

bool delivery_may_write(const struct delivery_core *core, size_t slot, int64_t now_ms)
{
    const struct tempo *tempo = delivery_pace(core, slot);

    return count_beside(core, slot, tempo_is_probing(tempo) ? is_asking_target : is_writing) <
           tempo_limit(tempo, now_ms);
}

bool delivery_may_read(const struct delivery_core *core, size_t slot, int64_t now_ms)
{
    const struct tempo *tempo = delivery_pace(core, slot);

    return tempo_limit(tempo, now_ms) > 0 &&
           (!tempo_is_probing(tempo) || count_beside(core, slot, is_asking_target) == 0);
}

int64_t delivery_pause_ends_ms(const struct delivery_core *core, size_t slot, int64_t now_ms)
{
    int64_t soon_ms = now_ms + core->settings.busy_ms;
    int64_t until_ms = delivery_pace(core, slot)->pause_until_ms;

    return until_ms > now_ms ? until_ms : soon_ms;
}

bool delivery_is_full(const struct delivery_core *core, size_t slot, int64_t now_ms)
{
    const struct tempo *tempo = delivery_pace(core, slot);

    return count_beside(core, slot, is_writing) >= tempo->limit ||
           count_beside(core, slot, is_active) >= tempo_claims(tempo, now_ms);
}

uint32_t delivery_claims_held(const struct delivery_core *core, size_t slot)
{
    return count_beside(core, slot, has_write_slot);
}

/* ---- what the answers teach ---- */

/* Only whole batches say how fast the target is. */
void delivery_note_answer(struct delivery_core *core, const struct delivery_event *event,
                          int64_t now_ms)
{
    const struct delivery *delivery = &core->slots[event->slot];
    struct tempo *tempo = delivery_tempo(core, event->slot);
    size_t asked = bisect_asked_count(&delivery->bisect);

    if (event->error == ERROR_NONE && asked == delivery->bisect.count) {
        tempo_wrote(tempo, delivery->turn, (uint32_t)asked,
                    delivery_is_full(core, event->slot, now_ms), now_ms);
    } else if (event->error == ERROR_NONE || event->error == ERROR_TOO_LARGE ||
               event->error == ERROR_REJECTED) {
        tempo_answered(tempo, now_ms);
    }
}

bool delivery_is_left_alone(const struct delivery_core *core, size_t slot, int64_t now_ms)
{
    return tempo_limit(delivery_pace(core, slot), now_ms) == 0;
}

void delivery_read_soon(struct delivery_core *core, size_t slot, int64_t now_ms)
{
    if (delivery_may_read(core, slot, now_ms)) {
        delivery_start(core, slot, DELIVERY_READING);
    } else {
        delivery_set_state(core, slot, DELIVERY_WAITING);
        core->slots[slot].due_ms = delivery_pause_ends_ms(core, slot, now_ms);
    }
}
