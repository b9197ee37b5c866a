/*
 * Takes messages in while there is room, checks what can be checked without the ledger, and keeps the watermark. A
 * message that is not this ledger's is acknowledged at once; one that is unreadable goes the way of poison. Kafka that is
 * away is waited for; a subscription that has failed is replaced.
 */
#include "consumer/intake.h"

#include <stdio.h>
#include <unistd.h>

#include "app/log.h"
#include "base/clock.h"
#include "base/limits.h"
#include "consumer/consumer.h"
#include "format/digest.h"

#define LEAVE_MS         5000
#define REOPEN_BASE_MS   500
#define REOPEN_CAP_MS    30000
#define SESSION_MS       45000 /* the bus's own default */
#define SESSION_LEAST_MS 6000  /* that brokers accept, unless told otherwise */

/* ---- the subscription ---- */

static void on_assigned(void *ctx, uint64_t generation, const int *partitions, size_t count)
{
    struct intake *intake = &((struct consumer *)ctx)->intake;

    (void)partitions;
    intake->newest = intake->base + generation;
    intake->attempts = 0;
    watermark_assign(intake->watermark, intake->newest);
    log_event(LOG_INFO, "bus.assigned", LOG_NUMBER("partitions", count),
              LOG_NUMBER("generation", intake->newest));
}

static void forget_waiting(struct intake *intake)
{
    bus_message_free(&intake->waiting);
    intake->has_waiting = false;
}

static void on_revoked(void *ctx, uint64_t generation)
{
    struct consumer *consumer = ctx;
    struct intake *intake = &consumer->intake;

    forget_waiting(intake);
    consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_REVOKED,
                                                     .generation = intake->base + generation});
}

static void on_ready(void *subscriber, short got)
{
    (void)subscriber; /* that the loop has turned is enough: intake_run follows */
    (void)got;
}

static bool subscribe(struct consumer *consumer, struct error *err)
{
    struct intake *intake = &consumer->intake;

    intake->base = intake->newest;
    intake->subscriber = subscriber_open(&intake->settings, on_assigned, on_revoked, consumer, err);
    if (intake->subscriber == NULL) {
        return false;
    }
    struct loop_watch watch = {subscriber_fd, subscriber_wants, on_ready, intake->subscriber};
    return loop_watch(consumer->rt.loop, watch, err);
}

static void unsubscribe(struct consumer *consumer, uint32_t timeout_ms)
{
    struct intake *intake = &consumer->intake;

    if (intake->subscriber != NULL) {
        loop_unwatch(consumer->rt.loop, intake->subscriber);
        subscriber_close(intake->subscriber, timeout_ms);
        intake->subscriber = NULL;
    }
    forget_waiting(intake);
}

/* The assignment begins anew, with whatever the group has committed. */
static void resubscribe_later(struct consumer *consumer, const char *reason)
{
    struct intake *intake = &consumer->intake;
    uint32_t wait_ms =
        backoff_ms(&consumer->rt.rng, intake->attempts++, REOPEN_BASE_MS, REOPEN_CAP_MS);

    log_event(LOG_WARN, "bus.failed", LOG_TEXT("reason", reason), LOG_NUMBER("wait_ms", wait_ms));
    unsubscribe(consumer, LEAVE_MS);
    consumer_tell(consumer,
                  &(struct delivery_event){.kind = EVENT_REVOKED, .generation = intake->newest});
    intake->due_ms = clock_boottime_ms() + wait_ms;
}

bool intake_open(struct consumer *consumer, struct error *err)
{
    struct intake *intake = &consumer->intake;
    struct topic_wishes wishes = {.message_bytes = LIMIT_MESSAGE_WIRE, .retention_ms = -1};
    bool was_created;

    snprintf(intake->group, sizeof intake->group, "ferry.%s", consumer->rt.ledger.uuid.text);
    snprintf(intake->client_id, sizeof intake->client_id, "ferry-consumer-%d", (int)getpid());
    intake->settings = (struct bus_settings){.brokers = option_text(consumer->options, "brokers"),
                                             .topic = option_text(consumer->options, "topic"),
                                             .client_id = intake->client_id,
                                             .group = intake->group};
    if (consumer->rt.lease_ms < SESSION_MS) { /* who wants short leases wants short waits */
        intake->settings.session_timeout_ms = consumer->rt.lease_ms > SESSION_LEAST_MS
                                                  ? (uint32_t)consumer->rt.lease_ms
                                                  : SESSION_LEAST_MS;
    }
    intake->watermark = watermark_new();
    if (intake->watermark == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for positions");
    }
    return topic_ensure(&intake->settings, &wishes, false, &was_created, LIMIT_CONNECT_MS, err) &&
           subscribe(consumer, err);
}

void intake_close(struct consumer *consumer)
{
    unsubscribe(consumer, LEAVE_MS);
    watermark_free(consumer->intake.watermark);
    consumer->intake.watermark = NULL;
}

const char *intake_trouble(const struct intake *intake)
{
    return intake->subscriber != NULL ? subscriber_trouble(intake->subscriber) : "Kafka";
}

/* ---- messages ---- */

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
        intake->waiting = *message;
        intake->has_waiting = true;
        return false;
    case WATERMARK_BACKWARD:
        break;
    }
    bus_message_free(message);
    resubscribe_later(consumer, "offsets go backward: the topic has lost its tail");
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

static void take_waiting(struct consumer *consumer)
{
    struct intake *intake = &consumer->intake;

    if (intake->has_waiting && has_room(consumer)) {
        struct bus_message message = intake->waiting;
        intake->waiting = (struct bus_message){0};
        intake->has_waiting = false;
        (void)take(consumer, &message);
    }
}

static void say_trouble(struct intake *intake)
{
    const char *trouble = subscriber_trouble(intake->subscriber);
    bool is_in_trouble = trouble[0] != '\0';

    if (is_in_trouble && !intake->was_in_trouble) {
        log_event(LOG_WARN, "bus.waiting", LOG_TEXT("reason", trouble));
    } else if (!is_in_trouble && intake->was_in_trouble) {
        log_event(LOG_INFO, "bus.back", LOG_TEXT("topic", intake->settings.topic));
    }
    intake->was_in_trouble = is_in_trouble;
}

void intake_run(struct consumer *consumer)
{
    struct intake *intake = &consumer->intake;
    struct bus_message message;
    struct error err = {0};
    bool got = true;

    if (intake->subscriber == NULL && clock_boottime_ms() >= intake->due_ms &&
        !consumer->core.is_stopping && !subscribe(consumer, &err)) {
        resubscribe_later(consumer, err.message);
    }
    take_waiting(consumer);
    while (got && intake->subscriber != NULL) {
        bool want = !intake->has_waiting && has_room(consumer);
        if (!subscriber_next(intake->subscriber, want, &message, &got, &err)) {
            resubscribe_later(consumer, err.message);
            return;
        }
        if (got && !take(consumer, &message)) {
            return;
        }
    }
    if (intake->subscriber != NULL) {
        say_trouble(intake);
    }
}
