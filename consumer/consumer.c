/*
 * ferry-consumer from opening to closing: connects what it stands on, then turns the loop, and in every turn lets each
 * station do its part. All decisions are the machine's (delivery.h).
 */
#include "consumer/consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "base/clock.h"
#include "consumer/claim.h"
#include "consumer/mark.h"
#include "consumer/readback.h"
#include "consumer/upsert.h"

#define REFUSE_AFTER_MS 60000
#define HOLD_MS         2000
#define BUSY_MS         500
#define WRITE_LIMIT     1
#define STOP_GRACE_MS   10000
#define SETTLE_MS       2000 /* for the last statements */

/* ---- actions ---- */

static void carry_out(struct consumer *consumer, const struct delivery_action *action)
{
    switch (action->kind) {
    case ACTION_CLAIM:
        consumer->to_claim.waits[action->slot] = true;
        break;
    case ACTION_UPSERT:
        upsert_start(consumer, action->slot, action->parts);
        break;
    case ACTION_READ:
        readback_start(consumer, action->slot);
        break;
    case ACTION_MARK:
        consumer->to_mark.waits[action->slot] = true;
        break;
    case ACTION_PARK:
        park_want(consumer, action);
        break;
    case ACTION_REFUSE_TARGET:
        park_refuse_target(consumer, action);
        break;
    case ACTION_BLOCK_JOB:
        park_block_job(consumer, action);
        break;
    case ACTION_ABORT:
        errand_abandon(consumer, action->slot);
        break;
    case ACTION_RELEASE:
        park_want_release(consumer, action);
        break;
    case ACTION_POISON:
        park_want_note(consumer, action);
        break;
    case ACTION_ACKNOWLEDGE:
        intake_acknowledge(consumer, action);
        break;
    case ACTION_DROP:
        consumer->to_claim.waits[action->slot] = false;
        consumer->to_mark.waits[action->slot] = false;
        consumer->parking.to_park.waits[action->slot] = false;
        consumer->parking.to_note.waits[action->slot] = false;
        errand_abandon(consumer, action->slot);
        parcel_clear(&consumer->parcels[action->slot]);
        break;
    }
}

void consumer_tell(struct consumer *consumer, const struct delivery_event *event)
{
    struct delivery_action action;

    if (consumer->is_closing) {
        return;
    }
    delivery_handle(&consumer->core, event, clock_boottime_ms());
    if (consumer->is_carrying) {
        return;
    }
    consumer->is_carrying = true;
    while (delivery_next_action(&consumer->core, &action)) {
        carry_out(consumer, &action);
    }
    consumer->is_carrying = false;
}

void consumer_note_failure(struct consumer *consumer, size_t slot, const char *step,
                           const struct error *err)
{
    struct parcel *parcel = &consumer->parcels[slot];
    bool is_new = strcmp(parcel->error.message, err->message) != 0;

    parcel->error = *err;
    log_event(is_new ? LOG_WARN : LOG_DEBUG, "batch.failed",
              LOG_NUMBER("job", parcel->envelope.job_id),
              LOG_NUMBER("batch", parcel->envelope.batch_no), LOG_TEXT("step", step),
              LOG_TEXT("kind", error_kind_name(err->kind)), LOG_TEXT("reason", err->message));
    if (error_disposition(err->kind) == DISPOSITION_STOP && err->kind != ERROR_CANCELLED) {
        consumer->fatal = *err;
    }
}

/* ---- the heartbeat ---- */

static void describe_waiting(const struct consumer *consumer, char *out, size_t size)
{
    const char *trouble = intake_trouble(&consumer->intake);

    out[0] = '\0';
    if (trouble[0] != '\0') {
        snprintf(out, size, "%s", trouble);
    }
    for (size_t i = 0; out[0] == '\0' && i < DELIVERY_SLOTS; i++) {
        if (consumer->core.slots[i].state == DELIVERY_WAITING) {
            snprintf(out, size, "%s", consumer->parcels[i].error.message);
        }
    }
}

static void on_holdings(void *ctx, struct runtime_holdings *out)
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
    for (size_t i = 0; i < missing->count && i < ARRAY_LEN(out->missing_secrets); i++) {
        out->missing_secrets[out->missing_count++] = missing->list[i];
    }
    describe_waiting(consumer, out->waits_for, sizeof out->waits_for);
}

static void on_renewed(void *ctx, int64_t started_ms, const struct ledger_claim *kept, size_t count)
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

/* ---- turning ---- */

static void hear_signals(struct consumer *consumer)
{
    int requested = consumer->rt.stop.requested;

    if (requested == consumer->stops_told) {
        return;
    }
    bool is_first = consumer->stops_told == 0 && requested == 1;
    consumer->stops_told = requested;
    log_event(LOG_INFO, "consumer.stopping", LOG_TEXT("grace", is_first ? "10s" : "none"));
    consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_STOP,
                                                     .grace_ms = is_first ? STOP_GRACE_MS : 0});
}

static void say_ledger(struct consumer *consumer)
{
    struct pg *pg = consumer->rt.ledger.pg;
    bool is_away = !pg_is_connected(pg);

    if (is_away && !consumer->was_away) {
        log_event(LOG_WARN, "ledger.waiting", LOG_TEXT("ledger", pg_where(pg)),
                  LOG_TEXT("reason", pg_trouble(pg)));
    } else if (!is_away && consumer->was_away) {
        log_event(LOG_INFO, "ledger.back", LOG_TEXT("ledger", pg_where(pg)));
    }
    consumer->was_away = is_away;
}

static void flush(struct consumer *consumer)
{
    mark_flush(consumer);
    park_flush(consumer);
    claim_flush(consumer);
}

/* The job has ended: what is still in hand may end too, but other jobs do not keep us for ever. */
static void end_after_job(struct consumer *consumer)
{
    if (consumer->follow.is_over && !consumer->core.is_stopping) {
        consumer_tell(consumer,
                      &(struct delivery_event){.kind = EVENT_STOP, .grace_ms = STOP_GRACE_MS});
    }
}

static bool is_over(const struct consumer *consumer)
{
    return consumer->fatal.kind != ERROR_NONE ||
           (consumer->core.is_stopping && delivery_is_idle(&consumer->core));
}

static void turn(struct consumer *consumer)
{
    struct error err = {0};

    hear_signals(consumer);
    follow_run(consumer);
    end_after_job(consumer);
    intake_run(consumer);
    flush(consumer);
    say_ledger(consumer);
    uint32_t wait_ms = delivery_next_tick_ms(&consumer->core, clock_boottime_ms());
    if (!is_over(consumer) && !loop_turn(consumer->rt.loop, wait_ms, &err)) {
        consumer->fatal = err;
    }
    consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_TICK});
}

/* ---- opening and closing ---- */

static void open_core(struct consumer *consumer)
{
    int64_t lease_ms = consumer->rt.lease_ms;
    struct delivery_settings settings = {
        .lease_ms = lease_ms,
        .lease_margin_ms = lease_ms - runtime_lease_deadline_ms(&consumer->rt, 0),
        .refuse_after_ms = REFUSE_AFTER_MS,
        .write_limit = WRITE_LIMIT,
        .hold_ms = HOLD_MS,
        .busy_ms = BUSY_MS,
    };

    delivery_core_init(&consumer->core, &settings, rng_next(&consumer->rt.rng));
}

static bool open_all(struct consumer *consumer, struct error *err)
{
    if (!runtime_open(&consumer->rt, consumer->options, "consumer", err) ||
        !targets_open(&consumer->targets, consumer->options, consumer->rt.http, err) ||
        !runtime_connect(&consumer->rt, RUNTIME_REGISTERED, err) ||
        !follow_open(consumer, option_text(consumer->options, "exit-when-done"), err)) {
        return false;
    }
    open_core(consumer);
    return intake_open(consumer, err) &&
           runtime_heartbeat(&consumer->rt, on_holdings, on_renewed, consumer, err);
}

/* Claims that were given back are said so before the partitions go: whoever gets those finds them free. */
static void settle(struct consumer *consumer)
{
    int64_t until_ms = clock_boottime_ms() + SETTLE_MS;
    struct error err = {0};

    consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_STOP});
    flush(consumer);
    while (pg_is_connected(consumer->rt.ledger.pg) && pg_queue_length(consumer->rt.ledger.pg) > 0 &&
           clock_boottime_ms() < until_ms && loop_turn(consumer->rt.loop, 50, &err)) {
    }
}

static void close_all(struct consumer *consumer)
{
    consumer->is_closing = true;
    intake_close(consumer);
    runtime_close(&consumer->rt);
    targets_close(&consumer->targets);
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        parcel_clear(&consumer->parcels[i]);
    }
}

static enum exit_code verdict(const struct consumer *consumer)
{
    if (consumer->fatal.kind != ERROR_NONE) {
        return exit_code_for(&consumer->fatal);
    }
    if (consumer->follow.is_over) {
        return consumer->follow.code;
    }
    return consumer->core.left_behind > 0 || consumer->follow.job != NULL ? EXIT_INTERRUPTED
                                                                          : EXIT_DONE;
}

enum exit_code consumer_run(const struct option_set *options)
{
    struct error err = {0};
    struct consumer *consumer = calloc(1, sizeof *consumer);
    enum exit_code code = EXIT_BUG;

    if (consumer == NULL) {
        log_event(LOG_ERROR, "consumer.failed", LOG_TEXT("reason", "out of memory"));
        return code;
    }
    consumer->options = options;
    consumer->request_timeout_ms = option_number(options, "request-timeout");
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        parcel_init(&consumer->parcels[i]);
    }
    if (open_all(consumer, &err)) {
        log_event(LOG_INFO, "consumer.ready", LOG_TEXT("ledger", pg_where(consumer->rt.ledger.pg)),
                  LOG_TEXT("brokers", option_text(options, "brokers")),
                  LOG_TEXT("worker", consumer->rt.ledger.worker.text));
        while (!is_over(consumer)) {
            turn(consumer);
        }
        settle(consumer);
        code = verdict(consumer);
        err = consumer->fatal;
    } else {
        code = exit_code_for(&err);
    }
    if (err.kind != ERROR_NONE) {
        log_event(LOG_ERROR, "consumer.failed", LOG_TEXT("reason", err.message));
    }
    log_event(LOG_INFO, "consumer.ended", LOG_NUMBER("code", code),
              LOG_NUMBER("left_behind", consumer->core.left_behind));
    close_all(consumer);
    free(consumer);
    return code;
}
