/*
 * What a failure of the target leads to: the same again, leaving the target alone, or a job that needs a person. Which of them
 * a kind of error is, says error_disposition().
 */
#include "consumer/delivery_internal.h"

#define REFUSE_BASE_MS 2000 /* never less than half of it */
#define REFUSE_CAP_MS  60000

/* The same again, under the same claim. */
static void wait(struct delivery_core *core, size_t slot, int64_t due_ms)
{
    delivery_set_state(core, slot, DELIVERY_WAITING);
    core->slots[slot].due_ms = due_ms;
}

/* Nothing else of the job is begun either: what is claimed already would only meet the same. In the middle of a repair
 * the batch is kept and tried on, whatever becomes of the job: something is missing at the target. */
void delivery_block(struct delivery_core *core, size_t slot, uint32_t probed, int64_t now_ms)
{
    struct delivery *delivery = &core->slots[slot];

    delivery_act(core, ACTION_BLOCK_JOB, slot)->probed = probed;
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        core->slots[i].is_blocked =
            core->slots[i].is_blocked || (core->slots[i].job_id == delivery->job_id &&
                                          (delivery_has_claim(core->slots[i].state) ||
                                           core->slots[i].state == DELIVERY_REPAIRING ||
                                           core->slots[i].state == DELIVERY_CLAIMING));
    }
    if (!delivery->is_repairing) {
        delivery_park(core, slot, DELIVERY_JOB_BLOCKED);
        return;
    }
    if (delivery->attempts == 0) {
        delivery->trouble_since_ms = now_ms;
    }
    if (probed > 0) {
        bisect_begin(&delivery->bisect, delivery->bisect.count);
    }
    wait(core, slot,
         now_ms + backoff_ms(&core->rng, delivery->attempts++, REFUSE_BASE_MS, REFUSE_CAP_MS));
}

/* Our own want of memory, for one, is not. */
bool delivery_is_about_the_target(enum error_kind kind)
{
    return kind == ERROR_THROTTLED || kind == ERROR_UNAVAILABLE || kind == ERROR_TIMEOUT;
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
    if (delivery_is_about_the_target(event->error)) {
        wait_ms = tempo_failed(delivery_tempo(core, event->slot), delivery->turn, event->error,
                               event->retry_after_ms, wait_ms, now_ms);
    }
    if (now_ms - delivery->trouble_since_ms < core->settings.refuse_after_ms &&
        event->retry_after_ms < core->settings.refuse_after_ms) {
        wait(core, event->slot, now_ms + wait_ms);
        return;
    }
    wait_ms = backoff_ms(&core->rng, delivery->attempts, REFUSE_BASE_MS, REFUSE_CAP_MS);
    if (event->retry_after_ms > wait_ms) {
        wait_ms = event->retry_after_ms;
    }
    delivery_act(core, ACTION_REFUSE_TARGET, event->slot)->wait_ms = wait_ms;
    tempo_refuse(delivery_tempo(core, event->slot), now_ms + wait_ms, now_ms);
    if (delivery->is_repairing) {
        wait(core, event->slot, now_ms + wait_ms);
    } else {
        delivery_park(core, event->slot, DELIVERY_TARGET_REFUSES);
    }
}

/* What cannot be read, or is too large and is not, is an ill server for a while, before it is what the target
 * always says. */
static bool may_pass(const struct delivery_core *core, const struct delivery_event *event,
                     int64_t now_ms)
{
    const struct delivery *delivery = &core->slots[event->slot];

    return ((event->kind == EVENT_READ && event->error == ERROR_FORMAT) || event->is_doubted) &&
           (delivery->attempts == 0 ||
            now_ms - delivery->trouble_since_ms < core->settings.refuse_after_ms);
}

/* A failed upsert or read. Kinds that end the program are retried here: ending it is up to the edge, which knows
 * more. */
void delivery_fail(struct delivery_core *core, const struct delivery_event *event, int64_t now_ms)
{
    enum disposition disposition = error_disposition(event->error);

    if (disposition == DISPOSITION_RETRY || disposition == DISPOSITION_STOP ||
        may_pass(core, event, now_ms)) {
        retry_later(core, event, now_ms);
        return;
    }
    delivery_block(core, event->slot, 0, now_ms);
}
