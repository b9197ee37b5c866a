/* See repair.h. What is noted and what is deleted is the same list: the surplus of the slot's last reading. */
#include "consumer/repair.h"

#include <stdlib.h>

#include "app/log.h"
#include "base/clock.h"
#include "consumer/consumer.h"
#include "consumer/errand.h"
#include "format/columns.h"

/* ---- noting ---- */

static void answer_slot(struct consumer *consumer, size_t slot, const struct pg_rows *rows)
{
    const struct envelope *envelope = &consumer->parcels[slot].envelope;
    struct delivery_event event = {.kind = EVENT_REPAIR, .slot = slot};

    for (int i = 0; i < pg_row_count(rows); i++) {
        if (pg_i64(rows, i, "job_id") == envelope->job_id &&
            pg_i64(rows, i, "batch_no") == envelope->batch_no) {
            event.matched = true;
            event.is_repairing = pg_bool(rows, i, "is_open");
        }
    }
    if (event.is_repairing) {
        log_event(LOG_INFO, "batch.repairing", LOG_NUMBER("job", envelope->job_id),
                  LOG_NUMBER("batch", envelope->batch_no),
                  LOG_NUMBER("records", consumer->parcels[slot].verdict.surplus_count));
    }
    consumer_tell(consumer, &event);
}

static void on_noted(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct ticket *ticket = ctx;
    struct consumer *consumer = ticket->consumer;

    for (size_t i = 0; !consumer->is_closing && i < ticket->count; i++) {
        size_t slot = ticket->slots[i];
        if (err->kind == ERROR_NONE) {
            answer_slot(consumer, slot, rows);
        } else {
            consumer_note_failure(consumer, slot, "repair", err);
            consumer_tell(consumer, &(struct delivery_event){
                                        .kind = EVENT_REPAIR, .slot = slot, .error = err->kind});
        }
    }
    free(ticket);
}

static size_t count_surplus(const struct ticket *ticket)
{
    size_t count = 0;

    for (size_t i = 0; i < ticket->count; i++) {
        count += ticket->consumer->parcels[ticket->slots[i]].verdict.surplus_count;
    }
    return count;
}

static void fill(const struct ticket *ticket, struct ledger_claim *claims,
                 struct ledger_repair *repairs)
{
    for (size_t i = 0; i < ticket->count; i++) {
        const struct consumer *consumer = ticket->consumer;
        const struct parcel *parcel = &consumer->parcels[ticket->slots[i]];
        int64_t job_id = parcel->envelope.job_id;
        int64_t batch_no = parcel->envelope.batch_no;
        claims[i] =
            (struct ledger_claim){job_id, batch_no, consumer->core.slots[ticket->slots[i]].fence};
        for (size_t k = 0; k < parcel->verdict.surplus_count; k++) {
            *repairs++ = (struct ledger_repair){job_id, batch_no, parcel->verdict.surplus[k]};
        }
    }
}

void repair_flush(struct consumer *consumer)
{
    struct ledger_claim claims[DELIVERY_SLOTS];
    struct error err = {0};
    struct ticket *ticket = ticket_take(consumer, &consumer->to_repair);

    if (ticket == NULL) {
        return;
    }
    size_t count = count_surplus(ticket);
    struct ledger_repair *repairs = calloc(count + 1, sizeof *repairs);
    bool ok = repairs != NULL;
    if (ok) {
        fill(ticket, claims, repairs);
        ok = ledger_open_repairs(&consumer->rt.ledger, claims, ticket->count, repairs, count,
                                 on_noted, ticket, &err);
    } else {
        error_set(&err, ERROR_NOMEM, "out of memory for a repair");
    }
    free(repairs);
    if (!ok) {
        on_noted(ticket, NULL, &err);
    }
}

/* ---- deleting ---- */

static void on_deleted(void *ctx, const struct error *err)
{
    struct errand *errand = ctx;

    errand->request = NULL;
    if (errand->is_abandoned) {
        errand_end(errand);
    } else {
        errand_tell(errand, EVENT_DELETE, "delete", err);
    }
}

void repair_delete(struct consumer *consumer, size_t slot)
{
    struct parcel *parcel = &consumer->parcels[slot];
    struct target *target = parcel->target;
    struct errand *errand = errand_new(consumer, slot);
    struct error err = {0};

    if (errand == NULL) {
        consumer_tell(consumer, &(struct delivery_event){
                                    .kind = EVENT_DELETE, .slot = slot, .error = ERROR_NOMEM});
        return;
    }
    columns_write_delete(&errand->body, parcel->verdict.surplus, parcel->verdict.surplus_count);
    if (buf_check(&errand->body, "a delete's body", &err)) {
        errand->started_ms = clock_boottime_ms();
        errand->request = chroma_delete(&target->chroma, &target->uuid, buf_span(&errand->body),
                                        errand_deadline_ms(errand), on_deleted, errand, &err);
    }
    if (errand->request == NULL) {
        errand_tell(errand, EVENT_DELETE, "delete", &err);
    }
}
