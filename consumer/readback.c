/*
 * D2. One request by id, one comparison per record; what counts as equal stands in format/equality.h alone. What is
 * found beyond the source's record counts as different, and is cleared by the next upsert, if there is one
 * (surplus.h), or by a repair (repair.c).
 */
#include "consumer/readback.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "consumer/consumer.h"
#include "consumer/errand.h"
#include "consumer/surplus.h"
#include "format/columns.h"
#include "format/equality.h"

#define DIGEST_SHOWN 16

/* All that one reading needs; the answer and the scratch arena are gone afterwards. */
struct reading {
    struct parcel *parcel;
    const struct bisect *bisect; /* the rejected ones are not read */
    struct arena scratch;
    struct record_set have;
    struct record_index *index;
    struct record_set verified; /* as read back */
    uint32_t mismatches;
};

/* Of a record's canonical form, cut: enough to tell two apart, and to find the same in another log. */
static void show_digest(const struct record *record, struct arena *scratch,
                        char out[DIGEST_SHOWN + 1])
{
    struct record copy;
    struct record_set one = {&copy, 1};
    struct digest digest;
    struct error ignored = {0};
    char whole[65];

    snprintf(out, DIGEST_SHOWN + 1, "%s", record == NULL ? "nothing" : "unknown");
    if (record != NULL) {
        copy = *record;
        if (equality_digest(&one, scratch, &digest, &ignored)) {
            digest_format(&digest, whole);
            snprintf(out, DIGEST_SHOWN + 1, "%.*s", DIGEST_SHOWN, whole);
        }
    }
}

static bool add_reject(struct parcel *parcel, const struct record *record, const char *reason,
                       const char *message, struct error *err)
{
    struct verdict *verdict = &parcel->verdict;
    size_t len = strlen(message);
    char *copy = arena_alloc(&parcel->arena, len + 1);

    if (copy == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for a reject");
    }
    memcpy(copy, message, len + 1);
    verdict->rejects[verdict->reject_count++] = (struct reject){
        .id = record->id, .reason = reason, .message = {(const uint8_t *)copy, len}};
    return true;
}

static bool add_mismatch(struct reading *reading, const struct record *want,
                         const struct record *have, const struct difference *difference,
                         struct error *err)
{
    char sent[DIGEST_SHOWN + 1];
    char read[DIGEST_SHOWN + 1];
    char message[400];

    show_digest(want, &reading->scratch, sent);
    show_digest(have, &reading->scratch, read);
    snprintf(message, sizeof message, "%s: %s (digest sent %s, read back %s)", difference->field,
             difference->detail, sent, read);
    return add_reject(reading->parcel, want, "mismatch", message, err);
}

static bool compare_record(struct reading *reading, struct record *want, struct error *err)
{
    struct verdict *verdict = &reading->parcel->verdict;
    const struct record *have = record_index_find(reading->index, want->id);
    struct difference difference;
    char message[300];

    switch (equality_compare(want, have, reading->parcel->target->space, &reading->scratch,
                             &difference)) {
    case EQUALITY_ROUNDED:
        verdict->rounded++;
        /* fall through */
    case EQUALITY_SAME:
        reading->verified.records[reading->verified.count++] = *have;
        return true;
    case EQUALITY_NOT_STORABLE: /* sending it again would change nothing */
        snprintf(message, sizeof message, "%s: %s", difference.field, difference.detail);
        return add_reject(reading->parcel, want, "not_storable", message, err);
    case EQUALITY_MISSING:
    case EQUALITY_DIFFERENT:
        break;
    }
    reading->mismatches++;
    if (have != NULL && surplus_document(want, have)) {
        verdict->surplus[verdict->surplus_count++] = want->id;
    }
    return add_mismatch(reading, want, have, &difference, err) &&
           (have == NULL ||
            surplus_clear(want, have, &reading->parcel->arena, &reading->scratch, err));
}

static bool compare_all(struct reading *reading, struct error *err)
{
    struct parcel *parcel = reading->parcel;
    struct verdict *verdict = &parcel->verdict;
    size_t count = parcel->records.count;
    struct digest digest;

    *verdict = (struct verdict){.rejects = verdict->rejects, .surplus = verdict->surplus};
    if (verdict->rejects == NULL) {
        verdict->rejects = arena_alloc_array(&parcel->arena, count, sizeof *verdict->rejects);
        verdict->surplus = arena_alloc_array(&parcel->arena, count, sizeof *verdict->surplus);
    }
    reading->index = record_index_new(&reading->have, &reading->scratch);
    reading->verified.records =
        arena_alloc_array(&reading->scratch, count, sizeof *reading->verified.records);
    if (verdict->rejects == NULL || verdict->surplus == NULL || reading->index == NULL ||
        reading->verified.records == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for a comparison");
    }
    for (size_t i = 0; i < count; i++) {
        if (!bisect_is_rejected(reading->bisect, i) &&
            !compare_record(reading, &parcel->records.records[i], err)) {
            return false;
        }
    }
    verdict->verified = (uint32_t)reading->verified.count;
    if (!equality_digest(&reading->verified, &reading->scratch, &digest, err)) {
        return false;
    }
    digest_format(&digest, verdict->readback_sha256);
    return true;
}

static bool judge(struct consumer *consumer, size_t slot, struct span answer, uint32_t *mismatches,
                  struct error *err)
{
    struct reading reading = {.parcel = &consumer->parcels[slot],
                              .bisect = &consumer->core.slots[slot].bisect};
    bool ok;

    arena_init(&reading.scratch, LIMIT_BATCH_ARENA);
    ok = columns_scan(answer, &reading.scratch, &reading.have, err) && compare_all(&reading, err);
    *mismatches = reading.mismatches;
    arena_deinit(&reading.scratch);
    return ok || error_wrap(err, "reading back");
}

static void end_with(struct errand *errand, const struct error *err, uint32_t mismatches)
{
    struct consumer *consumer = errand->consumer;
    struct delivery_event event = {
        .kind = EVENT_READ,
        .slot = errand->slot,
        .error = err->kind,
        .retry_after_ms = err->retry_after_ms,
        .mismatches = mismatches,
        .surplus = (uint32_t)consumer->parcels[errand->slot].verdict.surplus_count};

    errand_end(errand);
    event.rejects = (uint32_t)parcel_reject_count(&consumer->parcels[event.slot]);
    if (event.error != ERROR_NONE) {
        consumer_note_failure(consumer, event.slot, "read", err);
    }
    consumer_tell(consumer, &event);
}

static void on_read(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct errand *errand = ctx;
    struct error failure = *err;
    uint32_t mismatches = 0;

    errand->request = NULL;
    if (errand->is_abandoned) {
        errand_end(errand);
        return;
    }
    if (failure.kind == ERROR_NONE) {
        (void)!judge(errand->consumer, errand->slot, answer->body, &mismatches, &failure);
    }
    end_with(errand, &failure, mismatches);
}

void readback_start(struct consumer *consumer, size_t slot)
{
    struct parcel *parcel = &consumer->parcels[slot];
    struct target *target = parcel->target;
    struct errand *errand = errand_new(consumer, slot);
    const struct bisect *bisect = &consumer->core.slots[slot].bisect;
    struct span ids[LIMIT_BATCH_RECORDS];
    size_t count = 0;
    uint32_t mismatches = 0;
    struct error err = {0};

    if (errand == NULL) {
        consumer_tell(consumer, &(struct delivery_event){
                                    .kind = EVENT_READ, .slot = slot, .error = ERROR_NOMEM});
        return;
    }
    for (size_t i = 0; i < parcel->records.count; i++) {
        if (!bisect_is_rejected(bisect, i)) {
            ids[count++] = parcel->records.records[i].id;
        }
    }
    if (count == 0) { /* none was accepted: nothing to ask for, but a verdict is due */
        (void)!judge(consumer, slot, SPAN_LITERAL("{\"ids\":[]}"), &mismatches, &err);
        end_with(errand, &err, mismatches);
        return;
    }
    columns_write_get(&errand->body, ids, count);
    if (buf_check(&errand->body, "a get's body", &err)) {
        errand->started_ms = clock_boottime_ms();
        errand->request =
            chroma_get_records(&target->chroma, &target->uuid, buf_span(&errand->body),
                               errand_deadline_ms(errand), on_read, errand, &err);
    }
    if (errand->request == NULL) {
        end_with(errand, &err, 0);
    }
}
