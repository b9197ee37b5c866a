/*
 * What a dead letter of ours says, and when one is wanted; how it gets stored is run/letters.h's business. A record's value is
 * its line as it stood in the batch, not what surplus.h has made of it since.
 */
#include "consumer/letter.h"

#include <stdio.h>
#include <unistd.h>

#include "app/log.h"
#include "consumer/consumer.h"
#include "format/batch.h"

static const char PROGRAM[] = "ferry-consumer";

static struct dead_letter_place place_of(const struct consumer *consumer,
                                         const struct parcel *parcel)
{
    return (struct dead_letter_place){consumer->intake.settings.topic, parcel->message.partition,
                                      parcel->message.offset};
}

static enum dead_letter_value value_of(enum letter_form form)
{
    return form == LETTER_WHOLE ? DEAD_LETTER_WHOLE : DEAD_LETTER_OMITTED;
}

static void write_poison(const struct consumer *consumer, const struct parcel *parcel,
                         enum letter_form form, struct letter_draft *out)
{
    const struct bus_message *message = &parcel->message;
    struct dead_letter_poison poison = {.place = place_of(consumer, parcel),
                                        .program = PROGRAM,
                                        .ledger = consumer->rt.ledger.uuid,
                                        .message = span_from_str(parcel->error.message)};

    if (form == LETTER_WHOLE) {
        out->value = message->value;
        out->has_value = message->has_value;
    }
    out->message = form == LETTER_BARE ? NULL : message;
    dead_letter_of_poison(&poison, value_of(form), message->value.len, &out->letter);
}

static struct span line_of(const struct parcel *parcel, struct span id)
{
    const struct record_set *set = &parcel->records;

    for (size_t i = 0; i < set->count; i++) {
        if (span_equal(set->records[i].id, id)) {
            return batch_line_of(&parcel->text, &set->records[i]);
        }
    }
    return (struct span){NULL, 0}; /* cannot be: rejects are made of these records */
}

static void write_reject(const struct consumer *consumer, size_t slot, size_t i,
                         enum letter_form form, struct letter_draft *out)
{
    const struct parcel *parcel = &consumer->parcels[slot];
    const struct reject *reject = parcel_reject(parcel, i);
    struct span line = line_of(parcel, reject->id);
    struct dead_letter_reject what = {
        .place = place_of(consumer, parcel),
        .program = PROGRAM,
        .ledger = consumer->rt.ledger.uuid,
        .job_id = parcel->envelope.job_id,
        .batch_no = parcel->envelope.batch_no,
        .export_rev = parcel->envelope.export_rev,
        .attempts = consumer->core.slots[slot].is_repeated ? 2 : 1,
        .status = reject->status,
        .stage = "delivery",
        .reason = reject->reason,
        .id = reject->id,
        .message = reject->message,
    };

    out->has_value = form == LETTER_WHOLE;
    if (out->has_value) {
        out->value = line;
    }
    dead_letter_of_reject(&what, value_of(form), line.len, &out->letter);
}

static bool write_letter(void *ctx, size_t slot, size_t i, enum letter_form form,
                         struct letter_draft *out, struct error *err)
{
    const struct consumer *consumer = ctx;

    (void)err;
    if (consumer->core.slots[slot].state == DELIVERY_EXPELLING) {
        write_poison(consumer, &consumer->parcels[slot], form, out);
    } else {
        write_reject(consumer, slot, i, form, out);
    }
    return true;
}

/* The parcel's error stays what it was: of poison it is the reason that is noted next. */
static void on_done(void *ctx, size_t slot, const struct error *err)
{
    struct consumer *consumer = ctx;
    const struct envelope *envelope = &consumer->parcels[slot].envelope;

    if (err->kind != ERROR_NONE) {
        log_event(LOG_WARN, "letters.waiting", LOG_NUMBER("job", envelope->job_id),
                  LOG_NUMBER("batch", envelope->batch_no),
                  LOG_TEXT("kind", error_kind_name(err->kind)), LOG_TEXT("reason", err->message));
    }
    consumer_tell(consumer, &(struct delivery_event){
                                .kind = EVENT_LETTERED, .slot = slot, .error = err->kind});
}

bool letter_open(struct consumer *consumer, struct error *err)
{
    static char client_id[48]; /* outlives the letters */
    struct bus_settings bus = {.brokers = option_text(consumer->options, "brokers"),
                               .client_id = client_id};
    if (!runtime_bus_properties(&consumer->rt, &bus.properties, err)) {
        return false;
    }
    struct letters_settings settings = {.brokers = bus.brokers,
                                        .topic =
                                            option_text(consumer->options, "dead-letter-topic"),
                                        .client_id = client_id,
                                        .properties = bus.properties,
                                        .write = write_letter,
                                        .done = on_done,
                                        .ctx = consumer};
    bool created;

    snprintf(client_id, sizeof client_id, "ferry-consumer-%d-letters", (int)getpid());
    if (!letters_ensure_topic(&bus, settings.topic, false, &created, err)) {
        return false;
    }
    consumer->letters = letters_new(consumer->rt.loop, &settings, err);
    return consumer->letters != NULL;
}

void letter_want(struct consumer *consumer, const struct delivery_action *action)
{
    struct parcel *parcel = &consumer->parcels[action->slot];
    size_t count = parcel_reject_count(parcel);

    if (action->fence == 0) {
        error_set(&parcel->error, ERROR_CONFLICT, "%s", action->reason);
        count = 1;
    }
    letters_want(consumer->letters, action->slot, count);
}

void letter_forget(struct consumer *consumer, size_t slot)
{
    letters_forget(consumer->letters, slot);
}
