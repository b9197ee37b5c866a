/*
 * What the producer rejects goes to the dead letters before the ledger hears of it (E3). A record's line is written while the
 * answer that held it is at hand; how a letter gets stored is run/letters.h's business.
 */
#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "producer/exporter.h"

static bool is_reject(const struct ledger_left_out *left_out)
{
    return strcmp(left_out->reason, "vanished") != 0;
}

size_t letter_count(const struct cargo *cargo)
{
    size_t count = 0;
    for (size_t i = 0; i < cargo->left_out_count; i++) {
        count += is_reject(&cargo->left_out[i]);
    }
    return count;
}

void letter_clear(struct cargo *cargo)
{
    buf_deinit(&cargo->lines);
    cargo->line_count = 0;
}

/* A line that there is no room for is left out of its letter, which says so. */
static struct line keep_line(struct cargo *cargo, const struct record *record)
{
    struct line line = {.start = cargo->lines.len, .value = DEAD_LETTER_WHOLE};
    struct buf text;
    buf_init(&text, LIMIT_INFLATED);
    batch_write_line(record, &text);
    line.len = text.len;
    if (text.failed != ERROR_NONE || cargo->lines.len + text.len > LIMIT_LETTERS_HELD) {
        line.value = DEAD_LETTER_OMITTED;
    } else {
        buf_append_span(&cargo->lines, buf_span(&text));
        line.value = cargo->lines.failed == ERROR_NONE ? DEAD_LETTER_WHOLE : DEAD_LETTER_OMITTED;
    }
    buf_deinit(&text);
    return line;
}

void letter_keep(const struct exporter *exporter, struct cargo *cargo)
{
    letter_clear(cargo);
    buf_init(&cargo->lines, LIMIT_LETTERS_HELD);
    for (size_t i = 0; exporter->index != NULL && i < cargo->left_out_count; i++) {
        const struct record *record =
            is_reject(&cargo->left_out[i])
                ? record_index_find(exporter->index, cargo->left_out[i].id)
                : NULL;
        cargo->line_of[cargo->line_count++] =
            record != NULL ? keep_line(cargo, record) : (struct line){.value = DEAD_LETTER_ABSENT};
    }
}

/* The left-out record of the i-th letter. */
static size_t find(const struct cargo *cargo, size_t i)
{
    size_t at = 0;
    while (!is_reject(&cargo->left_out[at]) || i-- > 0) {
        at++;
    }
    return at;
}

static bool write_letter(void *ctx, size_t slot, size_t i, enum letter_form form,
                         struct letter_draft *out, struct error *err)
{
    const struct exporter *exporter = ctx;
    const struct cargo *cargo = &exporter->cargo[slot];
    size_t at = find(cargo, i);
    const struct ledger_left_out *left_out = &cargo->left_out[at];
    struct line line = {.value = DEAD_LETTER_ABSENT};
    struct dead_letter_reject reject = {.program = "ferry-producer",
                                        .ledger = exporter->rt->ledger.uuid,
                                        .job_id = exporter->job->job_id,
                                        .batch_no = cargo->batch_no,
                                        .export_rev = cargo->rev,
                                        .stage = "export",
                                        .reason = left_out->reason,
                                        .id = left_out->id,
                                        .message = left_out->message};
    (void)err;
    if (at < cargo->line_count) {
        line = cargo->line_of[at];
    }
    if (line.value == DEAD_LETTER_WHOLE && form != LETTER_WHOLE) {
        line.value = DEAD_LETTER_OMITTED;
    }
    out->has_value = line.value == DEAD_LETTER_WHOLE;
    if (out->has_value) {
        out->value = (struct span){cargo->lines.ptr + line.start, line.len};
    }
    dead_letter_of_reject(&reject, line.value, line.len, &out->letter);
    return true;
}

static void on_done(void *ctx, size_t slot, const struct error *err)
{
    struct exporter *exporter = ctx;
    if (err->kind != ERROR_NONE) {
        log_event(LOG_WARN, "letters.waiting", LOG_TEXT("job", exporter->job->name),
                  LOG_NUMBER("batch", exporter->cargo[slot].batch_no),
                  LOG_TEXT("kind", error_kind_name(err->kind)), LOG_TEXT("reason", err->message));
    }
    exporter_handle(exporter, &(struct export_event){
                                  .kind = EXPORT_EVENT_LETTERED, .slot = slot, .error = err->kind});
}

bool letter_open(struct exporter *exporter, const struct bus_settings *bus, struct error *err)
{
    struct letters_settings settings = {.brokers = bus->brokers,
                                        .topic =
                                            option_text(exporter->rt->options, "dead-letter-topic"),
                                        .client_id = bus->client_id,
                                        .properties = bus->properties,
                                        .write = write_letter,
                                        .done = on_done,
                                        .ctx = exporter};
    _Static_assert(EXPORT_SLOTS <= LETTERS_SLOTS, "a lot for every slot");
    exporter->letters = letters_new(exporter->rt->loop, &settings, err);
    return exporter->letters != NULL;
}
