/*
 * E2: a batch's records by id from the source, and their encoding. Ids that do not come are vanished; a record that no
 * target could take is left out with a reason. The answer is gone when this returns, only the encoded batch stays.
 */
#include "producer/exporter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/columns.h"

static void leave_out(struct cargo *cargo, struct span id, const char *reason, const char *message)
{
    cargo->left_out[cargo->left_out_count++] = (struct ledger_left_out){
        .batch_no = cargo->batch_no, .id = id, .reason = reason, .message = span_from_str(message)};
}

/* Why this record cannot travel, or NULL. */
static const char *unfit(const struct exporter *exporter, const struct record *record,
                         const char **message)
{
    uint32_t dimension = exporter->job->source.collection.dimension;
    if (record->embedding == NULL) {
        *message = "the source has no vector for this record";
        return "no_embedding";
    }
    if (!record->is_finite) {
        *message = "the vector has a component that is not a finite number";
        return "not_finite";
    }
    if (dimension != 0 && record->dimension != dimension) {
        *message = "the vector's length is not the collection's dimension";
        return "wrong_dimension";
    }
    return NULL;
}

/* Picks the records that travel, in the order in which their ids were planned. */
static size_t pick(const struct exporter *exporter, struct cargo *cargo,
                   const struct record_index *index, struct record *out)
{
    size_t count = 0;
    for (size_t i = 0; i < cargo->ids.count; i++) {
        const struct record *record = record_index_find(index, cargo->ids.list[i]);
        const char *message = "";
        const char *reason = record == NULL ? "vanished" : unfit(exporter, record, &message);
        if (reason != NULL) {
            leave_out(cargo, cargo->ids.list[i], reason, message);
        } else {
            out[count++] = *record;
        }
    }
    return count;
}

static bool is_left_out(const struct cargo *cargo, struct span id)
{
    for (size_t i = 0; i < cargo->left_out_count; i++) {
        if (span_equal(cargo->left_out[i].id, id)) {
            return true;
        }
    }
    return false;
}

/* Several records that do not fit a message, or our memory, are split; a single one is rejected by name. */
static void settle_too_large(struct cargo *cargo, struct error *err)
{
    if (cargo->ids.count - cargo->left_out_count > 1) {
        err->kind = ERROR_TOO_LARGE;
        return;
    }
    snprintf(cargo->too_large, sizeof cargo->too_large,
             "the record alone is larger than one message may be: %.200s", err->message);
    for (size_t i = 0; i < cargo->ids.count; i++) {
        if (!is_left_out(cargo, cargo->ids.list[i])) {
            leave_out(cargo, cargo->ids.list[i], "record_too_large", cargo->too_large);
        }
    }
    cargo->operations = 0;
    error_clear(err);
}

static bool encode(struct exporter *exporter, struct cargo *cargo, struct span answer,
                   struct error *err)
{
    struct record_set set;
    cargo->left_out_count = 0;
    if (!columns_scan(answer, &exporter->arena, &set, err)) {
        return false;
    }
    struct record_index *index = record_index_new(&set, &exporter->arena);
    struct record *picked = arena_alloc_array(&exporter->arena, cargo->ids.count, sizeof *picked);
    if (index == NULL || picked == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    size_t count = pick(exporter, cargo, index, picked);
    cargo->operations = (uint32_t)count;
    if (count == 0) {
        return true;
    }
    struct batch_header header = {.ledger = exporter->rt->ledger.uuid,
                                  .job_id = exporter->job->job_id,
                                  .batch_no = cargo->batch_no,
                                  .export_rev = cargo->rev,
                                  .target = exporter->job->target.collection.uuid};
    struct buf value;
    size_t len = 0;
    buf_init(&value, LIMIT_MESSAGE);
    bool ok = batch_encode(&header, picked, count, &value, err);
    if (ok) {
        digest_of(buf_span(&value), &cargo->sha256);
        digest_format(&cargo->sha256, cargo->sha256_hex);
        cargo->value = buf_take(&value, &len);
        cargo->value_bytes = (int64_t)len;
    }
    buf_deinit(&value);
    return ok;
}

struct fetch { /* lives as long as its request */
    struct exporter *exporter;
    size_t slot;
    int64_t fence;
    struct buf body; /* the request's; it may outlive the slot's cargo */
};

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct fetch *fetch = ctx;
    struct exporter *exporter = fetch->exporter;
    size_t slot = fetch->slot;
    struct cargo *cargo = &exporter->cargo[slot];
    bool is_late = cargo->fence != fetch->fence;
    buf_deinit(&fetch->body);
    free(fetch);
    if (is_late) {
        return; /* aborted; the slot may carry another batch by now */
    }
    cargo->request = NULL;
    struct error why = *err;
    if (why.kind == ERROR_NONE) {
        if (!encode(exporter, cargo, answer->body, &why) && why.kind == ERROR_LIMIT) {
            settle_too_large(cargo, &why);
        } else if (why.kind == ERROR_FORMAT) {
            error_wrap(&why, "source %s", exporter->job->source.chroma.address.base);
        }
        arena_reset(&exporter->arena);
    } else if (why.kind == ERROR_LIMIT && cargo->ids.count > 1) {
        why.kind = ERROR_TOO_LARGE; /* the answer itself */
    }
    cargo->err = why;
    if (error_disposition(why.kind) == DISPOSITION_STOP) {
        exporter_note_failure(exporter, &why);
    }
    if (why.kind == ERROR_NONE || why.kind == ERROR_TOO_LARGE) {
        exporter->trouble[0] = '\0';
    } else {
        error_wrap(&cargo->err, "read batch %lld", (long long)cargo->batch_no);
        snprintf(exporter->trouble, sizeof exporter->trouble, "%.250s", why.message);
    }
    exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_FETCHED,
                                                     .slot = slot,
                                                     .error = why.kind,
                                                     .retry_after_ms = answer->retry_after_ms});
}

void fetch_start(struct exporter *exporter, size_t slot)
{
    struct cargo *cargo = &exporter->cargo[slot];
    struct error err = {0};
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL) {
        error_set(&err, ERROR_NOMEM, "out of memory");
    } else {
        *fetch = (struct fetch){.exporter = exporter, .slot = slot, .fence = cargo->fence};
        buf_init(&fetch->body, LIMIT_REQUEST_BODY);
        columns_write_get(&fetch->body, cargo->ids.list, cargo->ids.count);
        if (buf_check(&fetch->body, "a request for records", &err)) {
            cargo->request = chroma_get_records(&exporter->job->source.chroma,
                                                &exporter->job->source.collection.uuid,
                                                buf_span(&fetch->body), 0, on_answer, fetch, &err);
        }
    }
    if (cargo->request == NULL) {
        if (fetch != NULL) {
            buf_deinit(&fetch->body);
        }
        free(fetch);
        cargo->err = err;
        if (error_disposition(err.kind) == DISPOSITION_STOP) {
            exporter_note_failure(exporter, &err);
        }
        exporter_handle(
            exporter,
            &(struct export_event){.kind = EXPORT_EVENT_FETCHED, .slot = slot, .error = err.kind});
    }
}
