/*
 * Writes key and headers of dead letters: those that Kafka Connect's own dead letters carry, so that tools for those read
 * ours, and behind them ours. None of our names is one of a batch's headers (message.h): a poisonous message keeps its
 * own, and ours must not stand before them.
 */
#include "format/dead_letter.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_text(struct dead_letter *out, const char *name, struct span value)
{
    struct dead_letter_header *header = &out->headers[out->header_count];
    struct buf shown;

    assert(out->header_count < DEAD_LETTER_HEADERS);
    out->header_count++;
    buf_init(&shown, (size_t)8 * DEAD_LETTER_TEXT);
    buf_append_text(&shown, value, DEAD_LETTER_TEXT - 8);
    header->name = name;
    (void)snprintf(header->value, sizeof header->value, "%s", buf_cstr(&shown));
    buf_deinit(&shown);
}

static void put(struct dead_letter *out, const char *name, const char *value)
{
    put_text(out, name, span_from_str(value));
}

static void put_number(struct dead_letter *out, const char *name, int64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, value);
    put(out, name, text);
}

static void begin(struct dead_letter *out)
{
    buf_clear(&out->key);
    out->header_count = 0;
}

static void put_connect(struct dead_letter *out, const struct dead_letter_place *place,
                        const struct uuid *ledger, const char *program, const char *stage,
                        const char *reason, struct span message)
{
    char group[64];

    if (place->topic != NULL) {
        put(out, "__connect.errors.topic", place->topic);
        put_number(out, "__connect.errors.partition", place->partition);
        put_number(out, "__connect.errors.offset", place->offset);
    }
    (void)snprintf(group, sizeof group, "ferry.%s", ledger->text);
    put(out, "__connect.errors.connector.name", group);
    put(out, "__connect.errors.stage", stage);
    put(out, "__connect.errors.class.name", program);
    put(out, "__connect.errors.exception.class.name", reason);
    put_text(out, "__connect.errors.exception.message", message);
}

static void put_value(struct dead_letter *out, enum dead_letter_value value, size_t bytes)
{
    char text[64];

    switch (value) {
    case DEAD_LETTER_WHOLE:
        put(out, "ferry-value", "whole");
        break;
    case DEAD_LETTER_OMITTED:
        (void)snprintf(text, sizeof text, "omitted, too large: %zu bytes", bytes);
        put(out, "ferry-value", text);
        break;
    case DEAD_LETTER_ABSENT:
        put(out, "ferry-value", "absent");
        break;
    }
}

void dead_letter_init(struct dead_letter *letter)
{
    memset(letter, 0, sizeof *letter);
    buf_init(&letter->key, LIMIT_RECORD_ID + 64);
}

void dead_letter_deinit(struct dead_letter *letter)
{
    buf_deinit(&letter->key);
}

void dead_letter_of_reject(const struct dead_letter_reject *reject, enum dead_letter_value value,
                           size_t bytes, struct dead_letter *out)
{
    begin(out);
    buf_printf(&out->key, "%" PRId64 "/%" PRId64 "/", reject->job_id, reject->batch_no);
    buf_append_span(&out->key, reject->id);
    put_connect(out, &reject->place, &reject->ledger, reject->program, reject->stage,
                reject->reason, reject->message);
    put_number(out, "ferry-letter", DEAD_LETTER_VERSION);
    put(out, "ferry-kind", "record");
    put(out, "ferry-reason", reject->reason);
    if (reject->status != 0) {
        put_number(out, "ferry-status", reject->status);
    }
    if (reject->attempts != 0) {
        put_number(out, "ferry-attempts", reject->attempts);
    }
    put(out, "ferry-ledger", reject->ledger.text);
    put_number(out, "ferry-job", reject->job_id);
    put_number(out, "ferry-batch", reject->batch_no);
    put_number(out, "ferry-rev", reject->export_rev);
    put_value(out, value, bytes);
}

void dead_letter_of_poison(const struct dead_letter_poison *poison, enum dead_letter_value value,
                           size_t bytes, struct dead_letter *out)
{
    const struct dead_letter_place *place = &poison->place;

    begin(out);
    buf_printf(&out->key, "%s/%d/%" PRId64, place->topic, place->partition, place->offset);
    put_connect(out, place, &poison->ledger, poison->program, "intake", "poison", poison->message);
    put_number(out, "ferry-letter", DEAD_LETTER_VERSION);
    put(out, "ferry-kind", "message");
    put(out, "ferry-reason", "poison");
    put_value(out, value, bytes);
}
