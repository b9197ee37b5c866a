/*
 * The statements of the ways out. What a slot waits for (parking, noting) comes back as an event; the rest is said once
 * and not repeated: a refusal, block or release that is lost with its connection shows again by itself.
 */
#include "consumer/park.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "consumer/consumer.h"

static void on_said(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    (void)ctx;
    (void)rows;
    if (err->kind != ERROR_NONE && err->kind != ERROR_CANCELLED) { /* cancelled: the program ends */
        log_event(LOG_WARN, "ledger.failed", LOG_TEXT("reason", err->message));
    }
}

/* The last error, or what the machine says where there was none. */
static const char *cause_of(const struct consumer *consumer, const struct delivery_action *action)
{
    const struct error *error = &consumer->parcels[action->slot].error;

    return error->kind != ERROR_NONE ? error->message : action->reason;
}

static void keep_cause(struct consumer *consumer, const struct delivery_action *action)
{
    error_set(&consumer->parcels[action->slot].error, ERROR_CONFLICT, "%s", action->reason);
}

/* ---- statements that are said and not waited for ---- */

void park_refuse_target(struct consumer *consumer, const struct delivery_action *action)
{
    const struct target *target = consumer->parcels[action->slot].target;
    const char *cause = cause_of(consumer, action);
    struct error err = {0};

    if (target == NULL) {
        return;
    }
    log_event(LOG_WARN, "target.refuses", LOG_TEXT("target", target->uuid.text),
              LOG_NUMBER("wait_ms", action->wait_ms), LOG_TEXT("reason", cause));
    if (!ledger_refuse_target(&consumer->rt.ledger, &target->uuid, cause, action->wait_ms, on_said,
                              NULL, &err)) {
        on_said(NULL, NULL, &err);
    }
}

void park_block_job(struct consumer *consumer, const struct delivery_action *action)
{
    const struct envelope *envelope = &consumer->parcels[action->slot].envelope;
    char reason[640];
    struct error err = {0};

    if (action->probed > 0) {
        snprintf(reason, sizeof reason,
                 "batch %lld: %u of %u records tried alone were refused alike: %s",
                 (long long)envelope->batch_no, action->probed, action->probed,
                 cause_of(consumer, action));
        consumer->parcels[action->slot].refusal_count = 0; /* it was not them */
    } else {
        snprintf(reason, sizeof reason, "batch %lld: %s", (long long)envelope->batch_no,
                 cause_of(consumer, action));
    }
    log_event(LOG_ERROR, "job.blocked", LOG_NUMBER("job", envelope->job_id),
              LOG_TEXT("reason", reason));
    if (!ledger_block_job(&consumer->rt.ledger, envelope->job_id, reason, on_said, NULL, &err)) {
        on_said(NULL, NULL, &err);
    }
}

void park_learn_limit(struct consumer *consumer, const struct target *target, int64_t bytes)
{
    struct error err = {0};

    log_event(LOG_INFO, "target.limit", LOG_TEXT("target", target->uuid.text),
              LOG_NUMBER("bytes", bytes));
    if (!ledger_learn_limit(&consumer->rt.ledger, &target->uuid, bytes, on_said, NULL, &err)) {
        on_said(NULL, NULL, &err);
    }
}

/* ---- parking ---- */

void park_want(struct consumer *consumer, const struct delivery_action *action)
{
    struct parking *parking = &consumer->parking;

    keep_cause(consumer, action);
    parking->to_park.waits[action->slot] = true;
    parking->fences[action->slot] = action->fence;
    parking->sent[action->slot] = action->sent;
}

static struct ledger_arrival arrival_of(const struct parcel *parcel)
{
    return (struct ledger_arrival){.job_id = parcel->envelope.job_id,
                                   .batch_no = parcel->envelope.batch_no,
                                   .rev = parcel->envelope.export_rev,
                                   .sha256 = parcel->sha256};
}

/* In the middle of a repair no batch is parked: its message stays. One that is not answered has moved on by itself, to its end
 * or under somebody else's claim. */
static void read_parked(const struct pg_rows *rows, const struct envelope *envelope,
                        struct delivery_event *event)
{
    for (int i = 0; i < pg_row_count(rows); i++) {
        if (pg_i64(rows, i, "job_id") == envelope->job_id &&
            pg_i64(rows, i, "batch_no") == envelope->batch_no) {
            event->matched = pg_bool(rows, i, "is_parked");
            event->is_repairing = !event->matched;
        }
    }
}

static void on_parked(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct ticket *ticket = ctx;
    struct consumer *consumer = ticket->consumer;

    for (size_t i = 0; !consumer->is_closing && i < ticket->count; i++) {
        size_t slot = ticket->slots[i];
        const struct parcel *parcel = &consumer->parcels[slot];
        struct delivery_event event = {.kind = EVENT_PARK, .slot = slot, .error = err->kind};
        if (err->kind == ERROR_NONE) {
            read_parked(rows, &parcel->envelope, &event);
            log_event(LOG_INFO, event.matched ? "batch.parked" : "batch.held",
                      LOG_NUMBER("job", parcel->envelope.job_id),
                      LOG_NUMBER("batch", parcel->envelope.batch_no),
                      LOG_TEXT("reason", parcel->error.message));
        } else {
            on_said(NULL, NULL, err);
        }
        consumer_tell(consumer, &event);
    }
    free(ticket);
}

/* A statement has one cause: those that share the first one's go with it, the others wait for the next. */
static void split_by_cause(struct consumer *consumer, struct ticket *ticket)
{
    const char *cause = consumer->parcels[ticket->slots[0]].error.message;
    size_t kept = 0;

    for (size_t i = 0; i < ticket->count; i++) {
        size_t slot = ticket->slots[i];
        if (strcmp(consumer->parcels[slot].error.message, cause) == 0) {
            ticket->slots[kept++] = slot;
        } else {
            consumer->parking.to_park.waits[slot] = true;
        }
    }
    ticket->count = kept;
}

static void flush_parks(struct consumer *consumer)
{
    struct parking *parking = &consumer->parking;
    struct ledger_arrival arrivals[DELIVERY_SLOTS];
    struct ticket *ticket;

    while ((ticket = ticket_take(consumer, &parking->to_park)) != NULL) {
        struct error err = {0};
        split_by_cause(consumer, ticket);
        for (size_t i = 0; i < ticket->count; i++) {
            size_t slot = ticket->slots[i];
            arrivals[i] = arrival_of(&consumer->parcels[slot]);
            arrivals[i].fence = parking->fences[slot];
            arrivals[i].sent = parking->sent[slot];
            arrivals[i].lacks_secret = consumer->parcels[slot].lacks_secret;
        }
        const char *cause = consumer->parcels[ticket->slots[0]].error.message;
        if (!ledger_park_batches(&consumer->rt.ledger, arrivals, ticket->count, cause, on_parked,
                                 ticket, &err)) {
            on_parked(ticket, NULL, &err);
            return;
        }
    }
}

/* ---- giving claims back ---- */

void park_want_release(struct consumer *consumer, const struct delivery_action *action)
{
    struct parking *parking = &consumer->parking;
    struct ledger_arrival *release = &parking->releases[parking->release_count++];

    *release = arrival_of(&consumer->parcels[action->slot]);
    release->sha256 = ""; /* the parcel's goes with it */
    release->fence = action->fence;
    release->sent = action->sent;
}

static void flush_releases(struct consumer *consumer)
{
    struct parking *parking = &consumer->parking;
    struct error err = {0};

    if (parking->release_count == 0) {
        return;
    }
    if (!ledger_release_claims(&consumer->rt.ledger, parking->releases, parking->release_count,
                               on_said, NULL, &err)) {
        on_said(NULL, NULL, &err);
    }
    parking->release_count = 0;
}

/* ---- poison ---- */

void park_want_note(struct consumer *consumer, const struct delivery_action *action)
{
    keep_cause(consumer, action);
    consumer->parking.to_note.waits[action->slot] = true;
}

static void on_noted(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct ticket *ticket = ctx;
    struct consumer *consumer = ticket->consumer;

    (void)rows;
    for (size_t i = 0; !consumer->is_closing && i < ticket->count; i++) {
        consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_NOTED,
                                                         .slot = ticket->slots[i],
                                                         .error = err->kind});
    }
    free(ticket);
}

static void describe(const struct consumer *consumer, size_t slot, char *out, size_t size)
{
    const struct parcel *parcel = &consumer->parcels[slot];

    snprintf(out, size, "partition %d offset %lld: %s", parcel->message.partition,
             (long long)parcel->message.offset, parcel->error.message);
    log_event(LOG_ERROR, "message.poison", LOG_NUMBER("job", parcel->envelope.job_id),
              LOG_NUMBER("batch", parcel->envelope.batch_no), LOG_TEXT("detail", out));
}

static void flush_notes(struct consumer *consumer)
{
    struct ledger_note notes[DELIVERY_SLOTS];
    char details[DELIVERY_SLOTS][640];
    struct error err = {0};
    struct ticket *ticket = ticket_take(consumer, &consumer->parking.to_note);

    if (ticket == NULL) {
        return;
    }
    for (size_t i = 0; i < ticket->count; i++) {
        size_t slot = ticket->slots[i];
        const struct envelope *envelope = &consumer->parcels[slot].envelope;
        describe(consumer, slot, details[i], sizeof details[i]);
        notes[i] =
            (struct ledger_note){envelope->job_id, envelope->batch_no, span_from_str(details[i])};
    }
    if (!ledger_note_events(&consumer->rt.ledger, "message.poison", notes, ticket->count, on_noted,
                            ticket, &err)) {
        on_noted(ticket, NULL, &err);
    }
}

void park_flush(struct consumer *consumer)
{
    flush_parks(consumer);
    flush_notes(consumer);
    flush_releases(consumer);
}
