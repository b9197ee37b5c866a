/* Unpacking a message, and forgetting it. What is asked of its records is upsert.c's and readback.c's business. */
#include "consumer/parcel.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "format/batch.h"

void parcel_init(struct parcel *parcel)
{
    memset(parcel, 0, sizeof *parcel);
    buf_init(&parcel->text, LIMIT_INFLATED);
    arena_init(&parcel->arena, LIMIT_BATCH_ARENA);
}

void parcel_unpack_again(struct parcel *parcel)
{
    buf_release(&parcel->text);
    arena_reset(&parcel->arena);
    parcel->records = (struct record_set){0};
    parcel->refusals = NULL;
    parcel->refusal_count = 0;
    parcel->verdict = (struct verdict){0};
    parcel->is_decoded = false;
}

bool parcel_refuse(struct parcel *parcel, size_t record, const char *reason, struct error *err)
{
    size_t len = strlen(parcel->error.message);
    char *message = arena_alloc(&parcel->arena, len + 1);

    if (parcel->refusals == NULL) {
        parcel->refusals =
            arena_alloc_array(&parcel->arena, parcel->records.count, sizeof *parcel->refusals);
    }
    if (message == NULL || parcel->refusals == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for a reject");
    }
    memcpy(message, parcel->error.message, len + 1);
    parcel->refusals[parcel->refusal_count++] = (struct reject){parcel->records.records[record].id,
                                                                reason,
                                                                {(const uint8_t *)message, len},
                                                                parcel->error.native};
    return true;
}

size_t parcel_reject_count(const struct parcel *parcel)
{
    return parcel->refusal_count + parcel->verdict.reject_count;
}

const struct reject *parcel_reject(const struct parcel *parcel, size_t i)
{
    return i < parcel->refusal_count ? &parcel->refusals[i]
                                     : &parcel->verdict.rejects[i - parcel->refusal_count];
}

void parcel_clear(struct parcel *parcel)
{
    bus_message_free(&parcel->message);
    buf_deinit(&parcel->text);
    arena_deinit(&parcel->arena);
    parcel_init(parcel);
}

static bool differs(const char *what, int64_t has, int64_t wanted, struct error *err)
{
    return error_set(err, ERROR_INTEGRITY,
                     "the batch says %s %" PRId64 ", expected %" PRId64
                     ": whoever produced it is at fault",
                     what, has, wanted);
}

/* Job, batch and rev were matched with the row, and the digest in the row vouches for the value. What else stands beside a
 * message (its count, its idempotency key) is anybody's word: a forged copy of a good message must not stop a job. */
static bool check_numbers(const struct parcel *parcel, const struct batch_header *header,
                          struct error *err)
{
    const struct envelope *envelope = &parcel->envelope;

    if (header->job_id != envelope->job_id) {
        return differs("job", header->job_id, envelope->job_id, err);
    }
    if (header->batch_no != envelope->batch_no) {
        return differs("batch", header->batch_no, envelope->batch_no, err);
    }
    if (header->export_rev != envelope->export_rev) {
        return differs("rev", header->export_rev, envelope->export_rev, err);
    }
    if (header->records != parcel->operations) {
        return differs("records", header->records, parcel->operations, err);
    }
    return true;
}

static bool check_header(const struct parcel *parcel, const struct batch_header *header,
                         const struct uuid *ledger, struct error *err)
{
    const struct target *target = parcel->target;

    if (!check_numbers(parcel, header, err)) {
        return false;
    }
    if (!uuid_equal(&header->ledger, ledger) || !uuid_equal(&header->target, &target->uuid)) {
        return error_set(err, ERROR_INTEGRITY,
                         "the batch names ledger %s and target %s, expected %s and %s",
                         header->ledger.text, header->target.text, ledger->text, target->uuid.text);
    }
    return true;
}

static bool check_records(const struct parcel *parcel, struct error *err)
{
    if (parcel->records.count == 0 || parcel->records.count > LIMIT_BATCH_RECORDS) {
        return error_set(err, ERROR_INTEGRITY, "the batch holds %zu records, a batch has 1 to %u",
                         parcel->records.count, LIMIT_BATCH_RECORDS);
    }
    return true;
}

bool parcel_decode(struct parcel *parcel, const struct uuid *ledger, struct error *err)
{
    struct batch_header header;

    if (parcel->is_decoded) {
        return true;
    }
    parcel->is_decoded = batch_decode(parcel->message.value, &parcel->text, &parcel->arena, &header,
                                      &parcel->records, err) &&
                         check_records(parcel, err) && check_header(parcel, &header, ledger, err);
    if (!parcel->is_decoded) {
        parcel_unpack_again(parcel);
    }
    return parcel->is_decoded;
}
