/* D3: counts, rejects and the canonical digest of what was read back. Only the claim's own fence makes it so. */
#include "consumer/mark.h"

#include <stdlib.h>

#include "app/log.h"
#include "base/clock.h"
#include "consumer/consumer.h"

static bool is_among(const struct pg_rows *rows, const struct envelope *envelope)
{
    for (int i = 0; i < pg_row_count(rows); i++) {
        if (pg_i64(rows, i, "job_id") == envelope->job_id &&
            pg_i64(rows, i, "batch_no") == envelope->batch_no) {
            return true;
        }
    }
    return false;
}

static void say_verified(const struct parcel *parcel)
{
    const struct verdict *verdict = &parcel->verdict;

    size_t rejected = parcel->refusal_count + verdict->reject_count;

    log_event(rejected > 0 ? LOG_WARN : LOG_INFO, "batch.verified",
              LOG_NUMBER("job", parcel->envelope.job_id),
              LOG_NUMBER("batch", parcel->envelope.batch_no),
              LOG_NUMBER("records", verdict->verified), LOG_NUMBER("rounded", verdict->rounded),
              LOG_NUMBER("rejected", rejected),
              LOG_NUMBER("ms", clock_boottime_ms() - parcel->arrived_ms));
}

static void on_marked(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct ticket *ticket = ctx;
    struct consumer *consumer = ticket->consumer;

    for (size_t i = 0; !consumer->is_closing && i < ticket->count; i++) {
        size_t slot = ticket->slots[i];
        const struct parcel *parcel = &consumer->parcels[slot];
        struct delivery_event event = {.kind = EVENT_MARK, .slot = slot, .error = err->kind};
        if (err->kind != ERROR_NONE) {
            consumer_note_failure(consumer, slot, "mark", err);
        } else if (is_among(rows, &parcel->envelope)) {
            event.matched = true;
            say_verified(parcel);
        } else {
            log_event(LOG_WARN, "batch.lost", LOG_NUMBER("job", parcel->envelope.job_id),
                      LOG_NUMBER("batch", parcel->envelope.batch_no),
                      LOG_TEXT("reason", "the claim was not ours any more"));
        }
        consumer_tell(consumer, &event);
    }
    free(ticket);
}

static size_t count_rejects(const struct ticket *ticket)
{
    size_t count = 0;

    for (size_t i = 0; i < ticket->count; i++) {
        const struct parcel *parcel = &ticket->consumer->parcels[ticket->slots[i]];
        count += parcel->refusal_count + parcel->verdict.reject_count;
    }
    return count;
}

static struct ledger_left_out *put_rejects(const struct parcel *parcel, const struct reject *list,
                                           size_t count, struct ledger_left_out *out)
{
    for (size_t i = 0; i < count; i++) {
        *out++ = (struct ledger_left_out){
            .job_id = parcel->envelope.job_id,
            .batch_no = parcel->envelope.batch_no,
            .id = list[i].id,
            .reason = list[i].reason,
            .message = list[i].message,
            .status = list[i].status,
        };
    }
    return out;
}

static void fill(const struct ticket *ticket, struct ledger_outcome *outcomes,
                 struct ledger_left_out *rejects)
{
    for (size_t i = 0; i < ticket->count; i++) {
        const struct consumer *consumer = ticket->consumer;
        const struct parcel *parcel = &consumer->parcels[ticket->slots[i]];
        const struct verdict *verdict = &parcel->verdict;
        outcomes[i] = (struct ledger_outcome){
            .job_id = parcel->envelope.job_id,
            .batch_no = parcel->envelope.batch_no,
            .fence = consumer->core.slots[ticket->slots[i]].fence,
            .verified = verdict->verified,
            .rejected = (int64_t)(parcel->refusal_count + verdict->reject_count),
            .rounded = verdict->rounded,
            .readback_sha256 = verdict->readback_sha256,
            .is_doubtful = consumer->core.slots[ticket->slots[i]].is_doubtful,
        };
        rejects = put_rejects(parcel, parcel->refusals, parcel->refusal_count, rejects);
        rejects = put_rejects(parcel, verdict->rejects, verdict->reject_count, rejects);
    }
}

void mark_flush(struct consumer *consumer)
{
    struct ledger_outcome outcomes[DELIVERY_SLOTS];
    struct error err = {0};
    struct ticket *ticket = ticket_take(consumer, &consumer->to_mark);

    if (ticket == NULL) {
        return;
    }
    size_t count = count_rejects(ticket);
    struct ledger_left_out *rejects = calloc(count + 1, sizeof *rejects);
    bool ok = rejects != NULL;
    if (ok) {
        fill(ticket, outcomes, rejects);
        ok = ledger_finish_batches(&consumer->rt.ledger, outcomes, ticket->count, rejects, count,
                                   on_marked, ticket, &err);
    } else {
        error_set(&err, ERROR_NOMEM, "out of memory for rejects");
    }
    free(rejects);
    if (!ok) {
        on_marked(ticket, NULL, &err);
    }
}
