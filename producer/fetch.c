/*
 * E2: what of a batch's records travels, and their encoding. Ids that do not come are vanished; a record that no target
 * could take, or that cannot be read, is left out with a reason. The answer is gone when this returns, only the encoded
 * batch stays.
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
static bool take(struct exporter *exporter, struct cargo *cargo, uint32_t dimension, struct span id,
                 struct record *record, bool *travels, struct error *err)
{
    const struct job *job = exporter->job;
    struct admit_verdict verdict;
    if (!admit_record(&job->limits, dimension, &exporter->arena, record, &verdict, err)) {
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
    uint32_t dimension = cargo->pair->source.collection.dimension;
    dimension = dimension != 0 ? dimension : cargo->pair->target.collection.dimension;
    *count = 0;
    cargo->left_out_count = cargo->truncated_count = cargo->words_count = 0;
    for (size_t i = 0; i < cargo->ids.count; i++) {
        const char *reason = "";
        const char *message = "";
        bool travels = false;
        if (search_is_bad(cargo->search, i, &reason, &message)) {
            leave_out(cargo, cargo->ids.list[i], reason, message);
            continue;
        }
        const struct record *record = record_index_find(index, cargo->ids.list[i]);
        if (record == NULL) {
            leave_out(cargo, cargo->ids.list[i], "vanished", "");
            continue;
        }
        out[*count] = *record;
        if (!take(exporter, cargo, dimension, cargo->ids.list[i], &out[*count], &travels, err)) {
            return false;
        }
        if (travels) { /* one message carries vectors of one length */
            dimension = (uint32_t)out[(*count)++].dimension;
        }
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

void fetch_leave_out_all(struct cargo *cargo)
{
    cargo->left_out_count = cargo->truncated_count = cargo->words_count = 0;
    cargo->operations = 0;
    for (size_t i = 0; i < cargo->ids.count; i++) {
        const char *reason = "";
        const char *message = "";
        (void)search_is_bad(cargo->search, i, &reason, &message);
        leave_out(cargo, cargo->ids.list[i], reason, message);
    }
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
    exporter->index = index;
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
    exporter_note_good(exporter, cargo->pair, picked[0].id);
    struct batch_header header = {.ledger = exporter->rt->ledger.uuid,
                                  .job_id = exporter->job->job_id,
                                  .batch_no = cargo->batch_no,
                                  .export_rev = cargo->rev,
                                  .target = cargo->pair->target.collection.uuid};
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

bool fetch_encode(struct exporter *exporter, struct cargo *cargo, struct span answer,
                  struct error *err)
{
    bool ok = encode(exporter, cargo, answer, err);
    if (!ok && err->kind == ERROR_LIMIT) {
        settle_too_large(cargo, err);
    }
    letter_keep(exporter, cargo);
    exporter->index = NULL;
    arena_reset(&exporter->arena);
    return err->kind == ERROR_NONE;
}
