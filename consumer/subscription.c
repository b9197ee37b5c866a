/*
 * The subscription: joining the group, assignments and their generations, what happens when it fails. Kafka that is
 * away is waited for; a subscription that has failed is replaced, and begins anew with what the group has committed.
 */
#include <stdio.h>
#include <unistd.h>

#include "app/log.h"
#include "base/clock.h"
#include "base/limits.h"
#include "consumer/consumer.h"

#define LEAVE_MS         5000
#define REOPEN_BASE_MS   500
#define REOPEN_CAP_MS    30000
#define SESSION_MS       45000 /* the bus's own default */
#define SESSION_LEAST_MS 6000  /* that brokers accept, unless told otherwise */

/* Who lacks a secret matters only while it takes batches: the ledger hears of that at once. */
static void hold_partitions(struct consumer *consumer, int64_t count)
{
    consumer->intake.partitions = count;
    runtime_renew_soon(&consumer->rt);
}

static void on_assigned(void *ctx, uint64_t generation, const int *partitions, size_t count)
{
    struct consumer *consumer = ctx;
    struct intake *intake = &consumer->intake;

    (void)partitions;
    hold_partitions(consumer, (int64_t)count);
    intake->newest = intake->base + generation;
    intake->attempts = 0;
    watermark_assign(intake->watermark, intake->newest);
    log_event(LOG_INFO, "bus.assigned", LOG_NUMBER("partitions", count),
              LOG_NUMBER("generation", intake->newest));
}

static void on_revoked(void *ctx, uint64_t generation)
{
    struct consumer *consumer = ctx;
    struct intake *intake = &consumer->intake;

    hold_partitions(consumer, -1);
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
    intake->partitions = -1;
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
    intake->partitions = -1;
}

/* The assignment begins anew, with whatever the group has committed. */
void intake_resubscribe_later(struct consumer *consumer, const char *reason)
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
    if (!runtime_bus_properties(&consumer->rt, &intake->settings.properties, err)) {
        return false;
    }
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

void intake_say_trouble(struct intake *intake)
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

void intake_resubscribe(struct consumer *consumer)
{
    struct intake *intake = &consumer->intake;
    struct error err = {0};

    if (intake->subscriber == NULL && clock_boottime_ms() >= intake->due_ms &&
        !consumer->core.is_stopping && !subscribe(consumer, &err)) {
        intake_resubscribe_later(consumer, err.message);
    }
}
