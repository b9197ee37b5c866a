/* A consumer's requests: upserts piece by piece, reading back and comparing, a repair's delete. I4 is looked at here. */
#include <string.h>

#include "sim.h"

static void on_upserted(struct happening *happening);

static const struct message *message_of(const struct process *consumer, size_t slot)
{
    return kafka_message(consumer->parcels[slot].message);
}

static uint8_t bit_of(const struct process *consumer, size_t slot, uint8_t id)
{
    const struct row *row = &ledger.rows[consumer->delivery.slots[slot].batch_no];

    for (size_t i = 0; i < row->n_records; i++) {
        if (row->ids[i] == id) {
            return (uint8_t)(1u << i);
        }
    }
    return 0;
}

static int64_t deadline_of(const struct process *consumer, size_t slot)
{
    return consumer->delivery.slots[slot].lease_start_ms + LEASE - MARGIN;
}

static struct request request_of(struct process *consumer, size_t slot, enum request_kind kind)
{
    struct parcel *parcel = &consumer->parcels[slot];
    const struct delivery *delivery = &consumer->delivery.slots[slot];

    parcel->errand = ++consumer->errands;
    return (struct request){.kind = kind,
                            .slot = slot,
                            .errand = parcel->errand,
                            .batch = delivery->batch_no,
                            .fence = delivery->fence,
                            .deadline_ms = deadline_of(consumer, slot)};
}

/* I4: nothing is written without a live claim, nothing that was not exported, nothing deleted that is not noted. */
static void check_write(const struct process *consumer, const struct request *request)
{
    const struct row *row = &ledger.rows[request->batch];

    MUST(request->fence != 0 && row->holder == request->fence && row->lease_until > sim_now,
         "worker %lld writes batch %lld under fence %lld, which is no live claim",
         (long long)consumer->worker, (long long)request->batch, (long long)request->fence);
    MUST(message_of(consumer, request->slot)->nature == MESSAGE_GOOD,
         "batch %lld is written from a message that nobody exported", (long long)request->batch);
    MUST(request->kind != HTTP_DELETE || row->is_repairing,
         "records of batch %lld are deleted, and no repair is noted", (long long)request->batch);
}

/* An answer to what nobody waits for any more is dropped. */
static bool is_awaited(struct process *consumer, const struct request *request)
{
    struct parcel *parcel = &consumer->parcels[request->slot];

    target_forget(consumer, request->errand);
    if (parcel->errand != request->errand) {
        return false;
    }
    parcel->errand = 0;
    return true;
}

void errand_abandon(struct process *consumer, size_t slot)
{
    struct parcel *parcel = &consumer->parcels[slot];

    target_forget(consumer, parcel->errand);
    parcel->errand = 0;
    parcel->is_lettering = false;
}

/* A request whose time is over is not sent. */
static bool is_overdue(const struct process *consumer, size_t slot)
{
    return sim_now >= deadline_of(consumer, slot);
}

/* ---- upserts ---- */

static void end_upsert(struct process *consumer, const struct request *request)
{
    const struct parcel *parcel = &consumer->parcels[request->slot];
    struct delivery_event event = {.kind = EVENT_UPSERT,
                                   .slot = request->slot,
                                   .error = request->error,
                                   .status = request->status,
                                   .before = (uint32_t)parcel->at,
                                   .refused = (uint32_t)parcel->in_piece,
                                   .likeness = request->count == 1 ? request->ids[0] + 1u : 77,
                                   .retry_after_ms = request->retry_after_ms,
                                   .may_be_applied = request->may_be_applied,
                                   .parts = parcel->parts};

    consumer_tell(consumer, &event);
}

static void send_piece(struct process *consumer, size_t slot)
{
    struct parcel *parcel = &consumer->parcels[slot];
    const struct bisect *bisect = &consumer->delivery.slots[slot].bisect;
    const struct message *message = message_of(consumer, slot);
    struct request request = request_of(consumer, slot, HTTP_UPSERT);
    size_t asked = bisect_asked_count(bisect);
    size_t size = (asked + parcel->parts - 1) / parcel->parts;
    size_t at = 0;

    parcel->in_piece = size < asked - parcel->at ? size : asked - parcel->at;
    for (size_t i = 0; i < message->count; i++) {
        if (!bisect_is_asked(bisect, i)) {
            continue;
        }
        if (at >= parcel->at && at < parcel->at + parcel->in_piece) {
            request.ids[request.count] = message->ids[i];
            request.contents[request.count] = message->contents[i];
            request.contents[request.count++].nulls = parcel->nulls[i];
        }
        at++;
    }
    if (is_overdue(consumer, slot)) {
        parcel->errand = 0;
        request.error = ERROR_TIMEOUT;
        end_upsert(consumer, &request);
        return;
    }
    check_write(consumer, &request);
    target_request(consumer, &request, on_upserted);
}

static void on_upserted(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    const struct request *request = &happening->u.request;
    struct parcel *parcel = &consumer->parcels[request->slot];

    if (!is_awaited(consumer, request)) {
        return;
    }
    if (request->error == ERROR_NONE) {
        parcel->at += parcel->in_piece;
        parcel->in_piece = 0;
        if (parcel->at < bisect_asked_count(&consumer->delivery.slots[request->slot].bisect)) {
            send_piece(consumer, request->slot);
            return;
        }
    }
    end_upsert(consumer, request);
}

void errand_upsert(struct process *consumer, size_t slot, uint32_t parts)
{
    struct parcel *parcel = &consumer->parcels[slot];

    parcel->at = 0;
    parcel->parts = parts;
    parcel->was_read = false;
    send_piece(consumer, slot);
}

/* ---- reading back ---- */

/* One record as it is there against what was sent: verified, or different, and what is there beyond it. */
static void compare(struct process *consumer, const struct request *request, size_t at)
{
    struct parcel *parcel = &consumer->parcels[request->slot];
    const struct message *message = message_of(consumer, request->slot);
    const struct content *have = &request->contents[at];
    uint8_t bit = bit_of(consumer, request->slot, request->ids[at]);

    for (size_t i = 0; i < message->count; i++) {
        const struct content *want = &message->contents[i];
        if (message->ids[i] != request->ids[at]) {
            continue;
        }
        if (content_equal(want, have)) {
            parcel->verified |= bit;
            return;
        }
        parcel->mismatched |= bit;
        for (size_t k = 0; k < KEYS; k++) {
            bool is_surplus = have->exists && have->keys[k] != 0 && want->keys[k] == 0;
            parcel->nulls[i] |= (uint8_t)(is_surplus ? 1u << k : 0);
        }
        parcel->surplus |= have->exists && have->doc != 0 && want->doc == 0 ? bit : 0;
    }
}

static uint64_t digest_of(const struct process *consumer, const struct request *request)
{
    const struct row *row = &ledger.rows[request->batch];
    struct content contents[RECORDS] = {0};

    for (size_t i = 0; i < request->count; i++) {
        uint8_t bit = bit_of(consumer, request->slot, request->ids[i]);
        contents[__builtin_ctz(bit | 1u << RECORDS) % RECORDS] = request->contents[i];
    }
    return content_digest(1, contents, row->n_records, consumer->parcels[request->slot].verified);
}

static void on_read(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    const struct request *request = &happening->u.request;
    struct parcel *parcel = &consumer->parcels[request->slot];

    if (!is_awaited(consumer, request)) {
        return;
    }
    if (request->error == ERROR_NONE) {
        parcel->verified = parcel->mismatched = parcel->surplus = 0;
        for (size_t i = 0; i < request->count; i++) {
            compare(consumer, request, i);
        }
        parcel->readback = digest_of(consumer, request);
        parcel->was_read = true;
        parcel->read_fence = request->fence;
    }
    consumer_tell(consumer, &(struct delivery_event){
                                .kind = EVENT_READ,
                                .slot = request->slot,
                                .error = request->error,
                                .retry_after_ms = request->retry_after_ms,
                                .mismatches = (uint32_t)__builtin_popcount(parcel->mismatched),
                                .surplus = (uint32_t)__builtin_popcount(parcel->surplus),
                                .rejects = (uint32_t)__builtin_popcount(parcel->mismatched |
                                                                        parcel->refused)});
}

void errand_read(struct process *consumer, size_t slot)
{
    struct request request = request_of(consumer, slot, HTTP_READ);
    const struct message *message = message_of(consumer, slot);
    const struct bisect *bisect = &consumer->delivery.slots[slot].bisect;

    for (size_t i = 0; i < message->count; i++) {
        if (!bisect_is_rejected(bisect, i)) {
            request.ids[request.count++] = message->ids[i];
        }
    }
    target_request(consumer, &request, on_read);
}

/* ---- is anybody there? ---- */

static void on_knocked(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    const struct request *request = &happening->u.request;

    if (is_awaited(consumer, request)) {
        consumer_tell(consumer,
                      &(struct delivery_event){.kind = EVENT_KNOCK,
                                               .slot = request->slot,
                                               .error = request->error,
                                               .retry_after_ms = request->retry_after_ms});
    }
}

void errand_knock(struct process *consumer, size_t slot)
{
    struct request request = request_of(consumer, slot, HTTP_KNOCK);

    tally.knocks++;
    target_request(consumer, &request, on_knocked);
}

/* ---- a repair's delete ---- */

static void on_deleted(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    const struct request *request = &happening->u.request;

    if (is_awaited(consumer, request)) {
        consumer_tell(consumer,
                      &(struct delivery_event){.kind = EVENT_DELETE,
                                               .slot = request->slot,
                                               .error = request->error,
                                               .retry_after_ms = request->retry_after_ms});
    }
}

void errand_delete(struct process *consumer, size_t slot)
{
    struct parcel *parcel = &consumer->parcels[slot];
    const struct message *message = message_of(consumer, slot);
    struct request request = request_of(consumer, slot, HTTP_DELETE);

    parcel->was_read = false;
    for (size_t i = 0; i < message->count; i++) {
        if ((parcel->surplus & bit_of(consumer, slot, message->ids[i])) != 0) {
            request.ids[request.count++] = message->ids[i];
        }
    }
    if (is_overdue(consumer, slot)) {
        parcel->errand = 0;
        consumer_tell(consumer, &(struct delivery_event){
                                    .kind = EVENT_DELETE, .slot = slot, .error = ERROR_TIMEOUT});
        return;
    }
    check_write(consumer, &request);
    target_request(consumer, &request, on_deleted);
}
