/*
 * Between the machine and the stations: events go in, the actions that come out are carried to where they belong.
 * Decides nothing.
 */
#include <string.h>

#include "app/log.h"
#include "base/clock.h"
#include "consumer/consumer.h"
#include "consumer/knock.h"
#include "consumer/letter.h"
#include "consumer/readback.h"
#include "consumer/repair.h"
#include "consumer/upsert.h"

#define ID_SHOWN 100 /* bytes of an id in a log line */

/* Without memory for its reject nothing true can be said of the batch any more: the program ends. */
static void refuse_record(struct consumer *consumer, const struct delivery_action *action)
{
    struct parcel *parcel = &consumer->parcels[action->slot];
    struct error err = {0};
    struct buf id;

    if (!parcel_refuse(parcel, action->record, action->reason, &err)) {
        consumer->fatal = err;
        return;
    }
    buf_init(&id, 4 * ID_SHOWN);
    buf_append_printable(&id, parcel->refusals[parcel->refusal_count - 1].id, ID_SHOWN);
    log_event(LOG_WARN, "record.refused", LOG_NUMBER("job", parcel->envelope.job_id),
              LOG_NUMBER("batch", parcel->envelope.batch_no), LOG_TEXT("id", buf_cstr(&id)),
              LOG_TEXT("reason", parcel->error.message));
    buf_deinit(&id);
}

static void carry_out(struct consumer *consumer, const struct delivery_action *action)
{
    switch (action->kind) {
    case ACTION_CLAIM:
        consumer->to_claim.waits[action->slot] = true;
        break;
    case ACTION_KNOCK:
        knock_start(consumer, action->slot);
        break;
    case ACTION_UPSERT:
        upsert_start(consumer, action->slot, action->parts);
        break;
    case ACTION_REJECT:
        refuse_record(consumer, action);
        break;
    case ACTION_READ:
        readback_start(consumer, action->slot);
        break;
    case ACTION_REPAIR:
        consumer->to_repair.waits[action->slot] = true;
        break;
    case ACTION_DELETE:
        repair_delete(consumer, action->slot);
        break;
    case ACTION_LETTER:
        letter_want(consumer, action);
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
        letter_forget(consumer, action->slot);
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
        consumer->to_repair.waits[action->slot] = false;
        consumer->to_mark.waits[action->slot] = false;
        consumer->parking.to_park.waits[action->slot] = false;
        consumer->parking.to_note.waits[action->slot] = false;
        errand_abandon(consumer, action->slot);
        letter_forget(consumer, action->slot);
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
