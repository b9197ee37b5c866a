/*
 * Takes messages in while there is room, checks what can be checked without the ledger, and keeps the watermark. A
 * message that is not this ledger's is acknowledged at once; one that is unreadable goes the way of poison. Where
 * messages come from: subscription.c.
 */
#include "consumer/intake.h"

#include "app/log.h"
#include "base/clock.h"
#include "base/limits.h"
#include "consumer/consumer.h"
#include "format/digest.h"

/* So that no partition is ever full. */
_Static_assert(WATERMARK_UNFINISHED >= DELIVERY_SLOTS,
               "all that is in hand may be of one partition");

static void acknowledge(struct intake *intake, uint64_t generation, int partition, int64_t offset)
{
    int64_t next;

    if (watermark_done(intake->watermark, generation, partition, offset, &next) &&
        intake->subscriber != NULL) {
        subscriber_acknowledge(intake->subscriber, generation - intake->base, partition, next);
    }
}

void intake_acknowledge(struct consumer *consumer, const struct delivery_action *action)
{
    acknowledge(&consumer->intake, action->generation, action->partition, action->offset);
}

static bool find_header(void *ctx, const char *name, struct span *value)
{
    bool is_found;

    *value = bus_message_header(ctx, name, &is_found);
    return is_found;
}

static bool check_message(const struct bus_message *message, const struct envelope *envelope,
                          struct error *err)
{
    struct digest digest;

    if (message->value.len == 0) {
        return error_set(err, ERROR_FORMAT, "the message is empty");
    }
    digest_of(message->value, &digest);
    if (!digest_equal(&digest, &envelope->payload)) {
        return error_set(err, ERROR_INTEGRITY, "the value's digest is not the header's");
    }
    return true;
}

/* Hands a message over to a slot; the slot owns it from here on. */
static void deliver(struct consumer *consumer, struct bus_message *message,
                    const struct envelope *envelope, const struct error *why)
{
    struct delivery_event event = {
        .kind = why->kind == ERROR_NONE ? EVENT_MESSAGE : EVENT_POISON,
        .job_id = envelope->job_id,
        .batch_no = envelope->batch_no,
        .rev = envelope->export_rev,
        .generation = consumer->intake.newest,
        .partition = message->partition,
        .offset = message->offset,
    };
    if (!delivery_free_slot(&consumer->core, &event.slot)) {
        bus_message_free(message); /* cannot be: there was room. Unacknowledged, it comes again */
        return;
    }
    struct parcel *parcel = &consumer->parcels[event.slot];
    parcel->message = *message;
    parcel->envelope = *envelope;
    parcel->error = *why;
    parcel->arrived_ms = clock_boottime_ms();
    digest_format(&envelope->payload, parcel->sha256);
    consumer_tell(consumer, &event);
}

/* Two ledgers on one topic are a mistake that somebody wants to know of, once. */
static void count_foreign(struct intake *intake, const struct envelope *envelope)
{
    if (intake->foreign_messages++ == 0) {
        log_event(LOG_WARN, "message.foreign", LOG_TEXT("ledger", envelope->ledger.text),
                  LOG_TEXT("reason", "the topic carries another ledger's batches: passed over"));
    }
}

static void open_message(struct consumer *consumer, struct bus_message *message)
{
    struct intake *intake = &consumer->intake;
    struct envelope envelope = {0};
    struct error why = {0};

    if (message_read_headers(find_header, message, &envelope, &why)) {
        if (!uuid_equal(&envelope.ledger, &consumer->rt.ledger.uuid)) {
            count_foreign(intake, &envelope);
            acknowledge(intake, intake->newest, message->partition, message->offset);
            bus_message_free(message);
            return;
        }
        (void)!check_message(message, &envelope, &why); /* why says it */
    }
    deliver(consumer, message, &envelope, &why);
}

/* False: no more for now. */
static bool take(struct consumer *consumer, struct bus_message *message)
{
    struct intake *intake = &consumer->intake;

    switch (watermark_begin(intake->watermark, intake->base + message->generation,
                            message->partition, message->offset)) {
    case WATERMARK_TAKEN:
        open_message(consumer, message);
        return true;
    case WATERMARK_ENDED:
        bus_message_free(message);
        return true;
    case WATERMARK_FULL:
        bus_message_free(message); /* it comes again */
        intake_resubscribe_later(consumer, "no room for positions");
        return false;
    case WATERMARK_BACKWARD:
        break;
    }
    bus_message_free(message);
    intake_resubscribe_later(consumer, "offsets go backward: the topic has lost its tail");
    return false;
}

static bool has_room(const struct consumer *consumer)
{
    size_t slot;
    size_t bytes = 0;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        bytes += consumer->parcels[i].message.value.len;
    }
    return bytes < LIMIT_INTAKE_BYTES && delivery_free_slot(&consumer->core, &slot);
}

void intake_run(struct consumer *consumer)
{
    struct intake *intake = &consumer->intake;
    struct bus_message message;
    struct error err = {0};
    bool got = true;

    intake_resubscribe(consumer);
    while (got && intake->subscriber != NULL) {
        if (!subscriber_next(intake->subscriber, has_room(consumer), &message, &got, &err)) {
            intake_resubscribe_later(consumer, err.message);
            return;
        }
        if (got && !take(consumer, &message)) {
            return;
        }
    }
    if (intake->subscriber != NULL) {
        intake_say_trouble(intake);
    }
}
