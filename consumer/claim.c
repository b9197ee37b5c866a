/* One claim statement per turn, and what its rows mean. A missing secret is looked for here, once per asking. */
#include "consumer/claim.h"

#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "consumer/consumer.h"

static const struct {
    const char *name;
    enum delivery_claim claim;
} outcomes[] = {
    {"claimed", CLAIM_CLAIMED}, {"hold", CLAIM_HOLD},   {"busy", CLAIM_BUSY},
    {"stale", CLAIM_STALE},     {"park", CLAIM_PARK},   {"secret", CLAIM_NO_SECRET},
    {"unknown", CLAIM_UNKNOWN}, {"newer", CLAIM_NEWER}, {"digest", CLAIM_DIGEST},
};

static enum delivery_claim parse_outcome(const char *name)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        if (strcmp(outcomes[i].name, name) == 0) {
            return outcomes[i].claim;
        }
    }
    return CLAIM_FAILED; /* of a ledger that speaks otherwise: setup would have said so */
}

static void say_held(struct parcel *parcel, const char *reason)
{
    error_set(&parcel->error, ERROR_CONFLICT, "batch %lld of job %lld: %s",
              (long long)parcel->envelope.batch_no, (long long)parcel->envelope.job_id,
              reason[0] != '\0' ? reason : "another claim of it lives");
    if (!parcel->was_held) {
        parcel->was_held = true;
        log_event(LOG_WARN, "batch.held", LOG_NUMBER("job", parcel->envelope.job_id),
                  LOG_NUMBER("batch", parcel->envelope.batch_no),
                  LOG_TEXT("reason", parcel->error.message));
    }
}

/* What the row says beside its outcome goes to the parcel. */
static void take_row(struct consumer *consumer, size_t slot, const struct pg_rows *rows, int row,
                     struct delivery_event *event)
{
    struct parcel *parcel = &consumer->parcels[slot];

    error_clear(&parcel->error);
    parcel->lacks_secret = event->claim == CLAIM_NO_SECRET;
    if (!uuid_parse(pg_text(rows, row, "target_uuid"), &event->target)) {
        event->target = (struct uuid){0}; /* of a batch that nobody knows */
    }
    switch (event->claim) {
    case CLAIM_CLAIMED:
        parcel_unpack_again(parcel); /* a former claim's */
        parcel->operations = pg_i64(rows, row, "n_operations");
        parcel->target = targets_take(&consumer->targets, rows, row, &parcel->error);
        event->fence = pg_i64(rows, row, "fence");
        event->is_repairing = pg_bool(rows, row, "is_repairing");
        event->quiet_ms = pg_i64(rows, row, "quiet_ms");
        event->records = parcel->operations > 0 ? (uint32_t)parcel->operations : 1;
        break;
    case CLAIM_PARK:
        error_set(&parcel->error, ERROR_CONFLICT, "%s", pg_cstr(rows, row, "reason"));
        break;
    case CLAIM_HOLD:
        say_held(parcel, pg_cstr(rows, row, "reason"));
        break;
    case CLAIM_BUSY:
        error_set(&parcel->error, ERROR_CONFLICT,
                  "a free write slot: all of the target \"%s\" are taken",
                  pg_cstr(rows, row, "target_name"));
        break;
    case CLAIM_STALE:
    case CLAIM_NO_SECRET:
    case CLAIM_UNKNOWN:
    case CLAIM_NEWER:
    case CLAIM_DIGEST:
    case CLAIM_FAILED:
        break;
    }
}

static void answer_slot(struct consumer *consumer, const struct ticket *ticket, size_t i,
                        const struct pg_rows *rows)
{
    size_t slot = ticket->slots[i];
    int row = (int)i;
    struct delivery_event event = {
        .kind = EVENT_CLAIM, .slot = slot, .started_ms = ticket->started_ms, .claim = CLAIM_FAILED};

    if (row < pg_row_count(rows)) {
        event.claim = parse_outcome(pg_cstr(rows, row, "outcome"));
        take_row(consumer, slot, rows, row, &event);
    }
    if (event.claim == CLAIM_NO_SECRET) {
        struct error *why = &consumer->parcels[slot].error;
        const char *origin = pg_cstr(rows, row, "origin");
        bool is_known = targets_lack_secret(&consumer->targets, origin);
        if (targets_find_secret(&consumer->targets, origin, pg_cstr(rows, row, "auth_style"),
                                why)) {
            consumer->to_claim.waits[slot] = true; /* ask again, now with it */
            return;
        }
        if (!is_known) {
            runtime_renew_soon(&consumer->rt); /* people and producers are to know */
        }
        log_event(is_known ? LOG_DEBUG : LOG_WARN, "secret.missing", LOG_TEXT("origin", origin),
                  LOG_TEXT("reason", why->message));
    }
    consumer_tell(consumer, &event);
}

static void on_claimed(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct ticket *ticket = ctx;
    struct consumer *consumer = ticket->consumer;

    for (size_t i = 0; !consumer->is_closing && i < ticket->count; i++) {
        if (err->kind == ERROR_NONE) {
            answer_slot(consumer, ticket, i, rows);
        } else {
            consumer_note_failure(consumer, ticket->slots[i], "claim", err);
            consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_CLAIM,
                                                             .slot = ticket->slots[i],
                                                             .claim = CLAIM_FAILED});
        }
    }
    free(ticket);
}

void claim_flush(struct consumer *consumer)
{
    struct ledger_arrival arrivals[DELIVERY_SLOTS];
    struct origins *secrets = &consumer->targets.with_secret;
    struct error err = {0};
    struct ticket *ticket = ticket_take(consumer, &consumer->to_claim);

    if (ticket == NULL) {
        return;
    }
    for (size_t i = 0; i < ticket->count; i++) {
        const struct parcel *parcel = &consumer->parcels[ticket->slots[i]];
        arrivals[i] = (struct ledger_arrival){.job_id = parcel->envelope.job_id,
                                              .batch_no = parcel->envelope.batch_no,
                                              .rev = parcel->envelope.export_rev,
                                              .sha256 = parcel->sha256};
    }
    if (!ledger_claim_batches(&consumer->rt.ledger, arrivals, ticket->count, secrets->list,
                              secrets->count, on_claimed, ticket, &err)) {
        on_claimed(ticket, NULL, &err);
    }
}
