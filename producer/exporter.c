/* Wiring of the exporting machine to its stations; see exporter.h. */
#include "producer/exporter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/log.h"

#define STEP_PERIOD_MS 20
#define CLOSE_FLUSH_MS 1000
#define POLL_MS        300 /* ask again for batches when there were none */

static void step_bus(void *ctx)
{
    struct exporter *exporter = ctx;
    publisher_step(exporter->publisher, 0);
    exporter_step(exporter); /* reports that have come, before a tick may give their slots up */
    exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_TICK});
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        if (exporter->core.slots[i].state == EXPORT_SEARCHING) {
            search_step(exporter, i);
        }
    }
    exporter_step(exporter);
}

static void free_good_ids(struct exporter *exporter)
{
    for (size_t i = 0; exporter->good_ids != NULL && i < exporter->job->pair_count; i++) {
        buf_deinit(&exporter->good_ids[i]);
    }
    free(exporter->good_ids);
    exporter->good_ids = NULL;
}

bool exporter_open(struct exporter *exporter, struct runtime *rt, struct job *job,
                   const struct bus_settings *bus, struct error *err)
{
    memset(exporter, 0, sizeof *exporter);
    exporter->rt = rt;
    exporter->job = job;
    arena_init(&exporter->arena, LIMIT_BATCH_ARENA);
    exporter->good_ids = calloc(job->pair_count, sizeof *exporter->good_ids);
    if (exporter->good_ids == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < job->pair_count; i++) {
        buf_init(&exporter->good_ids[i], LIMIT_RECORD_ID);
    }
    struct export_settings settings = {
        .lease_ms = rt->lease_ms,
        .lease_margin_ms = rt->lease_ms - (runtime_lease_deadline_ms(rt, 0)),
        .fetch_limit = (uint32_t)option_number(rt->options, "source-concurrency"),
        .poll_ms = POLL_MS,
    };
    if (!letter_open(exporter, bus, err)) {
        free_good_ids(exporter);
        return false;
    }
    export_core_init(&exporter->core, &settings, rng_next(&rt->rng));
    exporter->publisher = publisher_open(bus, publish_on_report, exporter, err);
    if (exporter->publisher == NULL) {
        letters_close(exporter->letters, 0);
        exporter->letters = NULL;
        free_good_ids(exporter);
        return false;
    }
    struct loop_watch watch = {publisher_fd, publisher_wants, publisher_step, exporter->publisher};
    if (!loop_watch(rt->loop, watch, err) ||
        !loop_every(rt->loop, STEP_PERIOD_MS, step_bus, exporter, err)) {
        exporter_close(exporter);
        return false;
    }
    return true;
}

void exporter_close(struct exporter *exporter)
{
    if (exporter->publisher == NULL) {
        return;
    }
    loop_cancel(exporter->rt->loop, exporter);
    loop_unwatch(exporter->rt->loop, exporter->publisher);
    exporter_stop(exporter, CLOSE_FLUSH_MS);
    publisher_close(exporter->publisher, CLOSE_FLUSH_MS); /* calls back with the last reports */
    exporter->publisher = NULL;
    exporter_stop(exporter, 0);
    letters_close(exporter->letters, CLOSE_FLUSH_MS);
    exporter->letters = NULL;
    arena_deinit(&exporter->arena);
    free_good_ids(exporter);
}

void cargo_drop(struct cargo *cargo)
{
    ids_deinit(&cargo->ids);
    search_free(cargo->search);
    free(cargo->value);
    buf_deinit(&cargo->lines);
    free(cargo->words);
    memset(cargo, 0, sizeof *cargo);
}

static void release(struct exporter *exporter, size_t slot)
{
    const struct cargo *cargo = &exporter->cargo[slot];
    if (exporter->to_release_count == ARRAY_LEN(exporter->to_release)) {
        return; /* the lease ends by itself */
    }
    exporter->to_release[exporter->to_release_count++] =
        (struct ledger_claim){exporter->job->job_id, cargo->batch_no, cargo->fence};
    snprintf(exporter->release_cause, sizeof exporter->release_cause, "%.250s", cargo->err.message);
    if (cargo->err.kind != ERROR_NONE) {
        log_event(LOG_WARN, "export.released", LOG_NUMBER("batch", cargo->batch_no),
                  LOG_TEXT("why", cargo->err.message));
    }
}

static void abort_request(struct exporter *exporter, size_t slot)
{
    struct cargo *cargo = &exporter->cargo[slot];
    if (cargo->request != NULL) {
        http_cancel(cargo->request);
        cargo->request = NULL; /* its late answer finds another fence in the slot, or none */
    }
    letters_forget(exporter->letters, slot);
}

static void forget(size_t *slots, size_t *count, size_t slot)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (slots[i] != slot) {
            slots[kept++] = slots[i];
        }
    }
    *count = kept;
}

static void drop(struct exporter *exporter, size_t slot)
{
    forget(exporter->to_record, &exporter->to_record_count, slot);
    forget(exporter->to_report, &exporter->to_report_count, slot);
    letters_forget(exporter->letters, slot);
    cargo_drop(&exporter->cargo[slot]);
}

static void carry_out(struct exporter *exporter, const struct export_action *action)
{
    switch (action->kind) {
    case EXPORT_ACTION_CLAIM:
        record_claim(exporter, action->count);
        break;
    case EXPORT_ACTION_FETCH:
        letter_clear(&exporter->cargo[action->slot]);
        fetch_start(exporter, action->slot);
        break;
    case EXPORT_ACTION_SEARCH:
        search_start(exporter, action->slot);
        break;
    case EXPORT_ACTION_LETTER:
        letters_want(exporter->letters, action->slot, letter_count(&exporter->cargo[action->slot]));
        break;
    case EXPORT_ACTION_RECORD:
        exporter->to_record[exporter->to_record_count++] = action->slot;
        break;
    case EXPORT_ACTION_SEND:
        publish_send(exporter, action->slot);
        break;
    case EXPORT_ACTION_REPORT:
        exporter->to_report[exporter->to_report_count++] = action->slot;
        break;
    case EXPORT_ACTION_RELEASE:
        release(exporter, action->slot);
        break;
    case EXPORT_ACTION_SPLIT:
        record_split(exporter, action->slot);
        break;
    case EXPORT_ACTION_BLOCK:
        record_block(exporter, action->slot);
        break;
    case EXPORT_ACTION_ABORT:
        abort_request(exporter, action->slot);
        break;
    case EXPORT_ACTION_DROP:
        drop(exporter, action->slot);
        break;
    }
}

/* Actions are carried out at once: a slot that the machine has freed must be empty before it is filled again. */
void exporter_handle(struct exporter *exporter, const struct export_event *event)
{
    struct export_action action;
    struct export_event told = *event;
    if (told.kind == EXPORT_EVENT_FETCHED) {
        told.rejects = letter_count(&exporter->cargo[told.slot]);
    }
    export_handle(&exporter->core, &told, clock_boottime_ms());
    if (exporter->is_carrying) {
        return;
    }
    exporter->is_carrying = true;
    while (export_next_action(&exporter->core, &action)) {
        carry_out(exporter, &action);
    }
    exporter->is_carrying = false;
}

/* What was in flight then may have been stored and goes again: whoever sees duplicates wants to know why. */
static void tell_rebuilds(struct exporter *exporter)
{
    uint32_t rebuilds = publisher_rebuilds(exporter->publisher);
    if (rebuilds != exporter->rebuilds) {
        log_event(LOG_WARN, "bus.rebuilt", LOG_NUMBER("times", rebuilds),
                  LOG_TEXT("why", publisher_trouble(exporter->publisher)));
    }
    exporter->rebuilds = rebuilds;
}

void exporter_step(struct exporter *exporter)
{
    tell_rebuilds(exporter);
    letters_run(exporter->letters);
    record_flush(exporter);
}

void exporter_note_good(struct exporter *exporter, const struct pair *pair, struct span id)
{
    struct buf *good = &exporter->good_ids[pair - exporter->job->pairs];
    if (good->len == 0) {
        buf_append_span(good, id);
    }
}

struct span exporter_good_id(const struct exporter *exporter, const struct pair *pair)
{
    return buf_span(&exporter->good_ids[pair - exporter->job->pairs]);
}

const char *exporter_trouble(const struct exporter *exporter)
{
    const char *letters = letters_trouble(exporter->letters);
    return exporter->trouble[0] != '\0' ? exporter->trouble : letters;
}

void exporter_note_failure(struct exporter *exporter, const struct error *err)
{
    if (err->kind != ERROR_NONE && err->kind != ERROR_CANCELLED &&
        error_disposition(err->kind) != DISPOSITION_RETRY && exporter->failure.kind == ERROR_NONE) {
        exporter->failure = *err;
    }
}

void exporter_stop(struct exporter *exporter, uint32_t grace_ms)
{
    record_flush(exporter);
    exporter_handle(exporter,
                    &(struct export_event){.kind = EXPORT_EVENT_STOP, .grace_ms = grace_ms});
    record_flush(exporter);
}

bool exporter_is_idle(const struct exporter *exporter)
{
    return export_is_idle(&exporter->core) && exporter->core.queue_len == 0 &&
           exporter->to_release_count == 0 && exporter->statements == 0;
}

size_t exporter_claims(struct exporter *exporter, struct ledger_claim *out, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        const struct export_slot *slot = &exporter->core.slots[i];
        bool is_asked = slot->state != EXPORT_FREE && count < max;
        exporter->asked_fences[i] = is_asked ? slot->fence : 0;
        if (is_asked) {
            out[count++] =
                (struct ledger_claim){exporter->job->job_id, slot->batch_no, slot->fence};
        }
    }
    return count;
}

void exporter_renewed(struct exporter *exporter, int64_t started_ms,
                      const struct ledger_claim *kept, size_t count)
{
    struct export_event event = {.kind = EXPORT_EVENT_RENEWED, .started_ms = started_ms};
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        int64_t fence = exporter->core.slots[i].fence;
        event.asked[i] = fence != 0 && exporter->asked_fences[i] == fence;
        for (size_t k = 0; k < count; k++) {
            event.kept[i] = event.kept[i] || kept[k].fence == fence;
        }
    }
    exporter_handle(exporter, &event);
}
