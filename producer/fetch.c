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

/* Keeps what is said of a record for as long as its batch is in hand. */
static const char *keep_words(struct cargo *cargo, const char *message)
{
    if (cargo->words == NULL) {
        cargo->words = calloc(LIMIT_BATCH_RECORDS, sizeof *cargo->words);
    }
    if (cargo->words == NULL || cargo->words_count == LIMIT_BATCH_RECORDS) {
        return "";
    }
    char *kept = cargo->words[cargo->words_count++];
    snprintf(kept, sizeof *cargo->words, "%s", message);
    return kept;
}

/* The job was told to stop at such a record. */
static bool refuse(const struct target_limits *limits, struct span id,
                   const struct admit_verdict *verdict, struct error *err)
{
    struct buf shown;
    buf_init(&shown, KIB);
    buf_append_printable(&shown, id, 100);
    const char *rule = verdict->reason + sizeof "quota_" - 1;
    error_set(err, ERROR_REJECTED,
              "record \"%s\": %s; --on-limit fail holds the job: mend the record, or resume with "
              "--on-limit %s=reject or another --limit (profile %s)",
              buf_cstr(&shown), verdict->message, rule, limits->profile.name);
    buf_deinit(&shown);
    return false;
}

/* One record that came: into *record as it travels, or left out. */
static bool take(struct exporter *exporter, struct cargo *cargo, struct span id,
                 struct record *record, bool *travels, struct error *err)
{
    const struct job *job = exporter->job;
    struct admit_verdict verdict;
    if (!admit_record(&job->limits, job->source.collection.dimension, &exporter->arena, record,
                      &verdict, err)) {
        return false;
    }
    *travels = false;
    switch (verdict.outcome) {
    case ADMIT_FAILS:
        return refuse(&job->limits, id, &verdict, err);
    case ADMIT_LEFT_OUT:
        leave_out(cargo, id, verdict.reason, keep_words(cargo, verdict.message));
        return true;
    case ADMIT_TRUNCATED:
        cargo->truncated[cargo->truncated_count++] =
            (struct ledger_left_out){.batch_no = cargo->batch_no,
                                     .id = id,
                                     .reason = "truncated",
                                     .message = span_from_str(keep_words(cargo, verdict.message))};
        break;
    case ADMIT_TRAVELS:
        break;
    }
    *travels = true;
    return true;
}

/* Picks the records that travel, in the order in which their ids were planned. */
static bool pick(struct exporter *exporter, struct cargo *cargo, const struct record_index *index,
                 struct record *out, size_t *count, struct error *err)
{
    *count = 0;
    cargo->left_out_count = cargo->truncated_count = cargo->words_count = 0;
    for (size_t i = 0; i < cargo->ids.count; i++) {
        const struct record *record = record_index_find(index, cargo->ids.list[i]);
        bool travels = false;
        if (record == NULL) {
            leave_out(cargo, cargo->ids.list[i], "vanished", "");
            continue;
        }
        out[*count] = *record;
        if (!take(exporter, cargo, cargo->ids.list[i], &out[*count], &travels, err)) {
            return false;
        }
        *count += travels;
    }
    return true;
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
    cargo->truncated_count = 0;
    cargo->operations = 0;
    error_clear(err);
}

static bool encode(struct exporter *exporter, struct cargo *cargo, struct span answer,
                   struct error *err)
{
    struct record_set set;
    size_t count = 0;
    if (!columns_scan(answer, &exporter->arena, &set, err)) {
        return false;
    }
    struct record_index *index = record_index_new(&set, &exporter->arena);
    struct record *picked = arena_alloc_array(&exporter->arena, cargo->ids.count, sizeof *picked);
    if (index == NULL || picked == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    if (!pick(exporter, cargo, index, picked, &count, err)) {
        return false;
    }
    if ((int64_t)count > limits_batch_records(&exporter->job->limits, (int64_t)count)) {
        return error_set(err, ERROR_TOO_LARGE, "%zu records, planned before the target took fewer",
                         count);
    }
    cargo->operations = (uint32_t)count;
    if (count == 0) {
        estimate_add(&exporter->estimate, 0, 0);
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
        estimate_add(&exporter->estimate, (int64_t)count, cargo->value_bytes);
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
