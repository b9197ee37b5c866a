/*
 * ferry-consumer from opening to closing: connects what it stands on, then turns the loop, and in every turn lets each
 * station do its part. All decisions are the machine's (delivery.h); what it wants is carried out by carry.c.
 */
#include "consumer/consumer.h"

#include <stdlib.h>

#include "app/log.h"
#include "base/clock.h"
#include "consumer/claim.h"
#include "consumer/letter.h"
#include "consumer/mark.h"
#include "consumer/repair.h"

#define REFUSE_AFTER_MS  60000
#define HOLD_MS          2000
#define BUSY_MS          500
#define CONFIRM_MS       1000
#define WRITE_START      1
#define STOP_GRACE_MS    10000
#define SETTLE_MS        2000 /* for the last statements */
#define LETTERS_FLUSH_MS 500  /* whatever is still under way is nobody's any more */

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
    repair_flush(consumer);
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
    letters_run(consumer->letters);
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
        .write_limit = (uint32_t)option_number(consumer->options, "write-limit"),
        .hold_ms = HOLD_MS,
        .busy_ms = BUSY_MS,
        .confirm_ms = CONFIRM_MS,
        .write_start = WRITE_START,
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
    return letter_open(consumer, err) && intake_open(consumer, err) &&
           runtime_heartbeat(&consumer->rt, consumer_on_holdings, consumer_on_renewed, consumer,
                             err);
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
    letters_close(consumer->letters, LETTERS_FLUSH_MS);
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
