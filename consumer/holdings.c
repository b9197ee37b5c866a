/* What this worker holds and waits for, as its heartbeat tells the ledger, and what the ledger says to that. */
#include <stdio.h>

#include "base/clock.h"
#include "consumer/consumer.h"

/* Of a consumer that has nothing in work: why not. */
static const char *idle_reason(const struct consumer *consumer)
{
    const char *reason = "";

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        if (consumer->core.slots[i].fence != 0) {
            return "";
        }
        if (consumer->core.slots[i].state == DELIVERY_HOLDING) {
            reason = consumer->parcels[i].error.message;
        }
    }
    return reason;
}

static bool waits_for_quiet(const struct delivery *delivery)
{
    return delivery->quiet_at_ms != 0 && delivery->due_ms == delivery->quiet_at_ms;
}

/* "…: 429 …, retry in 12 s, limit now 3". The seconds are not part of what it waits for: ferry.renew cuts them off when it
 * asks whether that has changed. */
static void describe_slot(const struct consumer *consumer, size_t slot, int64_t now_ms, char *out,
                          size_t size)
{
    const struct delivery *delivery = &consumer->core.slots[slot];
    const struct tempo *tempo = delivery_pace(&consumer->core, slot);
    int64_t due_ms = delivery->due_ms;
    const char *cause = waits_for_quiet(delivery)
                            ? "what the target holds differs, and an older request may still arrive"
                            : consumer->parcels[slot].error.message;

    if (tempo == NULL) {
        return;
    }
    if (tempo->pause_until_ms > due_ms) {
        due_ms = tempo->pause_until_ms;
    }
    snprintf(out, size, "%.180s, retry in %lld s, limit now %u", cause,
             (long long)(due_ms > now_ms ? (due_ms - now_ms + 999) / 1000 : 0), tempo->limit);
}

/* A batch whose own request failed; others only wait with it. */
static void describe_target(const struct consumer *consumer, char *out, size_t size)
{
    for (size_t i = 0; out[0] == '\0' && i < DELIVERY_SLOTS; i++) {
        const struct delivery *delivery = &consumer->core.slots[i];
        if (delivery->state == DELIVERY_WAITING &&
            (consumer->parcels[i].error.message[0] != '\0' || waits_for_quiet(delivery))) {
            describe_slot(consumer, i, clock_boottime_ms(), out, size);
        }
    }
}

static void describe_waiting(const struct consumer *consumer, char *out, size_t size)
{
    const char *trouble = intake_trouble(&consumer->intake);

    out[0] = '\0';
    if (trouble[0] != '\0') {
        snprintf(out, size, "%s", trouble);
    }
    const char *letters = letters_trouble(consumer->letters);
    if (out[0] == '\0' && letters[0] != '\0') {
        snprintf(out, size, "the dead letters: %.200s", letters);
    }
    describe_target(consumer, out, size);
    if (out[0] == '\0') {
        snprintf(out, size, "%s", idle_reason(consumer));
    }
}

void consumer_on_holdings(void *ctx, struct runtime_holdings *out)
{
    struct consumer *consumer = ctx;
    const struct origins *missing = &consumer->targets.without_secret;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        const struct delivery *delivery = &consumer->core.slots[i];
        consumer->asked[i] = delivery->fence;
        if (delivery->fence != 0) {
            out->claims[out->claim_count++] =
                (struct ledger_claim){delivery->job_id, delivery->batch_no, delivery->fence};
        }
    }
    out->foreign_messages = consumer->intake.foreign_messages;
    out->partitions = consumer->intake.partitions;
    for (size_t i = 0; i < missing->count && i < ARRAY_LEN(out->missing_secrets); i++) {
        out->missing_secrets[out->missing_count++] = missing->list[i];
    }
    describe_waiting(consumer, out->waits_for, sizeof out->waits_for);
}

void consumer_on_renewed(void *ctx, int64_t started_ms, const struct ledger_claim *kept,
                         size_t count)
{
    struct consumer *consumer = ctx;
    struct delivery_event event = {.kind = EVENT_RENEWED, .started_ms = started_ms};

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        event.asked[i] = consumer->asked[i];
        for (size_t k = 0; k < count; k++) {
            event.kept[i] = event.kept[i] || kept[k].fence == consumer->asked[i];
        }
    }
    consumer_tell(consumer, &event);
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        if (consumer->parcels[i].errand != NULL) {
            errand_extend(consumer->parcels[i].errand);
        }
    }
}
