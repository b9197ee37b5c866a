/*
 * D1. A batch goes out whole, or piece by piece, one request after the other; a piece that was sent is not taken back,
 * because sending it again does no harm. A 413 teaches the target's limit to everyone and is reported; the machine asks
 * for smaller pieces.
 */
#include "consumer/upsert.h"

#include "base/clock.h"
#include "consumer/consumer.h"
#include "consumer/errand.h"
#include "format/columns.h"

static void end_with(struct errand *errand, const struct error *err)
{
    struct consumer *consumer = errand->consumer;
    struct delivery_event event = {.kind = EVENT_UPSERT,
                                   .slot = errand->slot,
                                   .error = err->kind,
                                   .retry_after_ms = err->retry_after_ms,
                                   .parts = errand->parts};

    errand_end(errand);
    if (event.error != ERROR_NONE) {
        consumer_note_failure(consumer, event.slot, "upsert", err);
    }
    consumer_tell(consumer, &event);
}

static size_t piece_size(const struct errand *errand, size_t count)
{
    size_t size = (count + errand->parts - 1) / errand->parts;

    return size < count - errand->at ? size : count - errand->at;
}

/* Below what the target is known to take, unless one record alone is above it. */
static bool write_body(struct errand *errand, struct error *err)
{
    const struct parcel *parcel = &errand->consumer->parcels[errand->slot];
    const struct target *target = parcel->target;
    enum vector_encoding encoding = target->takes_base64 ? VECTOR_BASE64 : VECTOR_DECIMAL;
    size_t count = parcel->records.count;

    for (;;) {
        errand->in_piece = piece_size(errand, count);
        buf_release(&errand->body);
        columns_write_upsert(&errand->body, parcel->records.records + errand->at, errand->in_piece,
                             encoding);
        bool is_too_large = errand->body.failed == ERROR_LIMIT ||
                            (target->max_request_bytes > 0 &&
                             (int64_t)errand->body.len > target->max_request_bytes);
        if (!is_too_large || errand->in_piece == 1) {
            return buf_check(&errand->body, "an upsert's body", err);
        }
        errand->parts = 2 * errand->parts < count ? 2 * errand->parts : (uint32_t)count;
    }
}

static void learn_limit(struct errand *errand)
{
    struct consumer *consumer = errand->consumer;
    struct target *target = consumer->parcels[errand->slot].target;
    int64_t bytes = (int64_t)errand->body.len - 1;

    if (target->max_request_bytes == 0 || bytes < target->max_request_bytes) {
        target->max_request_bytes = bytes;
        park_learn_limit(consumer, target, bytes);
    }
}

static void on_sent(void *ctx, const struct error *err);

static void send_piece(struct errand *errand)
{
    struct parcel *parcel = &errand->consumer->parcels[errand->slot];
    struct target *target = parcel->target;
    struct error err = {0};

    if (write_body(errand, &err)) {
        errand->started_ms = clock_boottime_ms();
        errand->request = chroma_upsert(&target->chroma, &target->uuid, buf_span(&errand->body),
                                        errand_deadline_ms(errand), on_sent, errand, &err);
    }
    if (errand->request == NULL) {
        end_with(errand, &err);
    }
}

static void on_sent(void *ctx, const struct error *err)
{
    struct errand *errand = ctx;

    errand->request = NULL;
    if (errand->is_abandoned) {
        errand_end(errand);
        return;
    }
    if (err->kind == ERROR_TOO_LARGE) {
        learn_limit(errand);
    }
    errand->at += err->kind == ERROR_NONE ? errand->in_piece : 0;
    if (err->kind != ERROR_NONE ||
        errand->at >= errand->consumer->parcels[errand->slot].records.count) {
        end_with(errand, err);
        return;
    }
    send_piece(errand);
}

void upsert_start(struct consumer *consumer, size_t slot, uint32_t parts)
{
    struct parcel *parcel = &consumer->parcels[slot];
    struct error err = parcel->target == NULL ? parcel->error : (struct error){0};
    struct errand *errand = NULL;

    if (parcel->target != NULL && parcel_decode(parcel, &consumer->rt.ledger.uuid, &err)) {
        errand = errand_new(consumer, slot);
        if (errand == NULL) {
            error_set(&err, ERROR_NOMEM, "out of memory for a request");
        }
    }
    if (errand == NULL) {
        consumer_note_failure(consumer, slot, "decode", &err);
        consumer_tell(consumer, &(struct delivery_event){
                                    .kind = EVENT_UPSERT, .slot = slot, .error = err.kind});
        return;
    }
    errand->parts = parts;
    send_piece(errand);
}
