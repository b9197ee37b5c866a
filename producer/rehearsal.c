/* The sums of a dry run; see rehearsal.h. How they are told is rehearsal_tell.c, where they come from command_dry_run.c. */
#include "producer/rehearsal.h"

#include <string.h>

#include "base/limits.h"

#define LONGEST_EXAMPLE 1024
#define GIB             1073741824.0
#define BODY_FRAME      12 /* quotes and commas of a record in the four columns */

static const char *const reason_names[REHEARSAL_REASON_COUNT] = {
    [REHEARSAL_NO_EMBEDDING] = "no_embedding",       [REHEARSAL_NOT_FINITE] = "not_finite",
    [REHEARSAL_WRONG_DIMENSION] = "wrong_dimension", [REHEARSAL_TOO_LARGE] = "record_too_large",
    [REHEARSAL_UNREADABLE] = "unreadable",
};

const char *rehearsal_reason_name(enum rehearsal_reason reason)
{
    return reason_names[reason];
}

static void free_examples(struct rehearsal_row *row)
{
    for (size_t i = 0; i < REHEARSAL_EXAMPLES; i++) {
        buf_deinit(&row->examples[i]);
    }
}

void rehearsal_deinit(struct rehearsal *rehearsal)
{
    for (size_t i = 0; i < QUOTA_RECORD_RULES; i++) {
        free_examples(&rehearsal->rules[i]);
    }
    for (size_t i = 0; i < REHEARSAL_REASON_COUNT; i++) {
        free_examples(&rehearsal->reasons[i]);
    }
    memset(rehearsal, 0, sizeof *rehearsal);
}

/* An example that finds no memory is one less. */
static void add_to_row(struct rehearsal_row *row, struct span id, int64_t value)
{
    if (row->records < REHEARSAL_EXAMPLES) {
        struct buf *example = &row->examples[row->records];
        size_t len = id.len < LONGEST_EXAMPLE ? id.len : LONGEST_EXAMPLE;
        while (len < id.len && len > 0 && (id.ptr[len] & 0xc0) == 0x80) {
            len--; /* not in the middle of a character */
        }
        buf_init(example, LONGEST_EXAMPLE);
        buf_append(example, id.ptr, len);
    }
    row->worst = value > row->worst ? value : row->worst;
    row->records++;
}

void rehearsal_count_reason(struct rehearsal *rehearsal, enum rehearsal_reason reason,
                            struct span id)
{
    add_to_row(&rehearsal->reasons[reason], id, 0);
    rehearsal->rejected++;
}

void rehearsal_count(struct rehearsal *rehearsal, const struct record *record,
                     const struct admit_verdict *verdict)
{
    rehearsal->read++;
    for (size_t i = 0; i < verdict->findings.count; i++) {
        const struct quota_violation *found = &verdict->findings.list[i];
        add_to_row(&rehearsal->rules[found->rule], record->id, found->value);
    }
    switch (verdict->outcome) {
    case ADMIT_TRAVELS:
        return;
    case ADMIT_TRUNCATED:
        rehearsal->truncated++;
        return;
    case ADMIT_FAILS:
        rehearsal->failing++;
        return;
    case ADMIT_LEFT_OUT:
        break;
    }
    for (enum rehearsal_reason reason = 0; reason < REHEARSAL_REASON_COUNT; reason++) {
        if (strcmp(reason_names[reason], verdict->reason) == 0) {
            rehearsal_count_reason(rehearsal, reason, record->id);
            return;
        }
    }
    rehearsal->rejected++; /* for a limit, which is counted above */
}

void rehearsal_add_batch(struct rehearsal *rehearsal, const struct record *records, size_t count,
                         int64_t message_bytes)
{
    rehearsal->batches++;
    rehearsal->travelling += (int64_t)count;
    rehearsal->message_bytes += message_bytes;
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &records[i];
        size_t vector = 4 * record->dimension;
        size_t metadata = record->metadata.type == JSON_NULL ? 0 : record->metadata.text.len;
        rehearsal->body_bytes +=
            (int64_t)(record->id_json.len + (vector + 2) / 3 * 4 + record->document.text.len +
                      record->uri.text.len + record->metadata.text.len + BODY_FRAME);
        rehearsal->logical_bytes +=
            (int64_t)(record->id.len + vector + json_string_bytes(record->document) +
                      json_string_bytes(record->uri) + metadata);
    }
}

int64_t rehearsal_violations(const struct rehearsal *rehearsal)
{
    return rehearsal->rejected + rehearsal->truncated + rehearsal->failing +
           (int64_t)rehearsal->collection.count;
}

bool rehearsal_is_refused(const struct rehearsal *rehearsal)
{
    return rehearsal->collection.count > 0 || rehearsal->failing > 0 ||
           rehearsal->rejected > rehearsal->max_rejects;
}

static double price_of(int64_t bytes, double per_gib)
{
    return per_gib < 0 ? -1 : (double)bytes / GIB * per_gib;
}

struct rehearsal_cost rehearsal_cost(const struct rehearsal *rehearsal,
                                     const struct quota_prices *prices)
{
    return (struct rehearsal_cost){
        price_of(rehearsal->logical_bytes, prices->written_per_gib),
        price_of(rehearsal->logical_bytes, prices->returned_per_gib),
        price_of(rehearsal->logical_bytes, prices->stored_per_gib_month),
    };
}

double rehearsal_rate(const struct rehearsal *rehearsal)
{
    int64_t ms = rehearsal->elapsed_ms > 0 ? rehearsal->elapsed_ms : 1;
    return (double)rehearsal->read * 1000 / (double)ms;
}
