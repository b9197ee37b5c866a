/*
 * D1. What the machine asks for goes out whole, or piece by piece, one request after the other; a piece that was sent is
 * not taken back, because sending it again does no harm. A 413 teaches the target's limit to everyone and is reported;
 * the machine asks for smaller pieces. One that cannot be about the size (body_limit.h) teaches nothing. A refusal is reported
 * with its place: which records before it were accepted, and how many it concerns.
 */
#include "consumer/upsert.h"

#include <stdlib.h>

#include "base/clock.h"
#include "consumer/consumer.h"
#include "consumer/errand.h"
#include "consumer/refusal.h"
#include "format/columns.h"

static void end_with(struct errand *errand, const struct error *err)
{
    struct consumer *consumer = errand->consumer;
    struct span id = errand->in_piece == 1 ? errand->records[errand->at].id : (struct span){0};
    struct delivery_event event = {.kind = EVENT_UPSERT,
                                   .slot = errand->slot,
                                   .error = err->kind,
                                   .status = err->native,
                                   .before = (uint32_t)errand->at,
                                   .refused = (uint32_t)errand->in_piece,
                                   .retry_after_ms = err->retry_after_ms,
                                   .parts = errand->parts,
                                   .is_doubted = errand->is_doubted};

    if (event.error != ERROR_NONE) {
        event.may_be_applied = http_may_be_applied(err);
        event.likeness = refusal_likeness(err->native, err->message, id);
        consumer_note_failure(consumer, event.slot, "upsert", err);
    }
    errand_end(errand);
    consumer_tell(consumer, &event);
}

/* As many records as the parts ask for, fewer where the target is known not to take that many bytes, at least one. */
static bool write_body(struct errand *errand, struct error *err)
{
    const struct target *target = errand->consumer->parcels[errand->slot].target;
    enum vector_encoding encoding = target->takes_base64 ? VECTOR_BASE64 : VECTOR_DECIMAL;
    size_t left = errand->count - errand->at;
    size_t size = (errand->count + errand->parts - 1) / errand->parts;

    for (errand->in_piece = size < left ? size : left;; errand->in_piece /= 2) {
        buf_release(&errand->body);
        columns_write_upsert(&errand->body, errand->records + errand->at, errand->in_piece,
                             encoding);
        bool is_too_large = errand->body.failed == ERROR_LIMIT ||
                            (target->max_request_bytes > 0 &&
                             (int64_t)errand->body.len > target->max_request_bytes);
        if (!is_too_large || errand->in_piece == 1) {
            break;
        }
    }
    if (errand->body.failed == ERROR_LIMIT) {
        return error_set(err, ERROR_TOO_LARGE,
                         "this record alone takes a request of more than %u bytes",
                         LIMIT_REQUEST_BODY);
    }
    return buf_check(&errand->body, "an upsert's body", err);
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

/* A 413. */
static void judge_size(struct errand *errand, struct error *err)
{
    struct consumer *consumer = errand->consumer;
    struct body_limit *limit = &consumer->parcels[errand->slot].target->body_limit;
    int64_t floor = body_limit_floor(limit);

    errand->is_doubted =
        !body_limit_refuse(limit, (int64_t)errand->body.len,
                           consumer->core.settings.refuse_after_ms, clock_boottime_ms());
    if (errand->is_doubted) {
        error_wrap(
            err,
            "a request of %zu bytes is refused as too large, though one of %lld must be fine "
            "there: mend the target or what stands before it",
            errand->body.len, (long long)floor);
        return;
    }
    learn_limit(errand);
    if (errand->in_piece == 1) {
        error_wrap(err, "%zu bytes for this record alone", errand->body.len);
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
    struct error failure = *err;

    errand->request = NULL;
    if (errand->is_abandoned) {
        errand_end(errand);
        return;
    }
    if (failure.kind == ERROR_TOO_LARGE) {
        judge_size(errand, &failure);
    }
    if (failure.kind == ERROR_NONE) {
        body_limit_accept(&errand->consumer->parcels[errand->slot].target->body_limit,
                          (int64_t)errand->body.len);
        errand->at += errand->in_piece;
        errand->in_piece = 0;
    }
    if (failure.kind != ERROR_NONE || errand->at >= errand->count) {
        end_with(errand, &failure);
        return;
    }
    send_piece(errand);
}

/* Copies of what the machine asks for: the parcel's own may stand scattered. */
static bool choose(struct errand *errand, struct error *err)
{
    const struct parcel *parcel = &errand->consumer->parcels[errand->slot];
    const struct bisect *bisect = &errand->consumer->core.slots[errand->slot].bisect;

    errand->records = calloc(parcel->records.count, sizeof *errand->records);
    if (errand->records == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for a request");
    }
    for (size_t i = 0; i < parcel->records.count; i++) {
        if (bisect_is_asked(bisect, i)) {
            errand->records[errand->count++] = parcel->records.records[i];
        }
    }
    return true;
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
        } else if (!choose(errand, &err)) {
            errand_end(errand);
            errand = NULL;
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
