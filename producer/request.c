/*
 * E2: a batch's records asked for by id, and what an answer or its failure means for the batch. What of the records travels
 * is fetch.c's business, which of them cannot be read search.c's.
 */
#include "producer/exporter.h"

#include <stdio.h>
#include <stdlib.h>

#include "format/columns.h"

struct fetch { /* lives as long as its request */
    struct exporter *exporter;
    size_t slot;
    int64_t fence;
    struct buf body; /* the request's; it may outlive the slot's cargo */
};

bool fetch_is_suspicious(const struct error *err)
{
    return err->kind == ERROR_FORMAT || (err->kind == ERROR_UNAVAILABLE && err->native == 500);
}

void fetch_judge_patience(const struct exporter *exporter, const struct cargo *cargo,
                          struct error *err)
{
    int64_t patience_ms = option_number(exporter->rt->options, "patience");
    if (clock_boottime_ms() - cargo->failing_since_ms < patience_ms) {
        return;
    }
    err->kind = ERROR_REJECTED;
    error_wrap(err, "for longer than --patience (%lld s)", (long long)patience_ms / 1000);
}

/* What became of a batch's read: the machine hears of it, and people of what is wrong. */
static void conclude(struct exporter *exporter, size_t slot, struct error *why,
                     uint32_t retry_after_ms)
{
    struct cargo *cargo = &exporter->cargo[slot];
    bool is_suspicious = fetch_is_suspicious(why);
    if (!is_suspicious) {
        cargo->failing_since_ms = 0;
    } else if (cargo->failing_since_ms == 0) {
        cargo->failing_since_ms = clock_boottime_ms();
    }
    cargo->err = *why;
    if (error_disposition(why->kind) == DISPOSITION_STOP) {
        exporter_note_failure(exporter, why);
    }
    if (why->kind == ERROR_NONE || why->kind == ERROR_TOO_LARGE) {
        exporter->trouble[0] = '\0';
    } else {
        if (!is_suspicious) { /* else the search tells more, when it comes to that */
            error_wrap(&cargo->err, "read batch %lld", (long long)cargo->batch_no);
        }
        snprintf(exporter->trouble, sizeof exporter->trouble, "%.250s", why->message);
    }
    exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_FETCHED,
                                                     .slot = slot,
                                                     .error = why->kind,
                                                     .is_suspicious = is_suspicious,
                                                     .retry_after_ms = retry_after_ms});
}

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
        if (!fetch_encode(exporter, cargo, answer->body, &why) && why.kind == ERROR_FORMAT) {
            error_wrap(&why, "source %s", cargo->pair->source.chroma.address.base);
        }
    } else if (why.kind == ERROR_LIMIT && cargo->ids.count > 1) {
        why.kind = ERROR_TOO_LARGE; /* the answer itself */
    }
    conclude(exporter, slot, &why, answer->retry_after_ms);
}

size_t fetch_write_get(const struct cargo *cargo, size_t from, size_t count, struct buf *out)
{
    struct span ids[LIMIT_BATCH_RECORDS];
    const char *ignored;
    size_t written = 0;
    for (size_t i = from; i < from + count; i++) {
        if (!search_is_bad(cargo->search, i, &ignored, &ignored)) {
            ids[written++] = cargo->ids.list[i];
        }
    }
    columns_write_get(out, ids, written);
    return written;
}

/* None of its records can be read: there is nothing to ask for. */
static void conclude_unread(struct exporter *exporter, size_t slot)
{
    struct error none = {0};
    fetch_leave_out_all(&exporter->cargo[slot]);
    conclude(exporter, slot, &none, 0);
}

void fetch_start(struct exporter *exporter, size_t slot)
{
    struct cargo *cargo = &exporter->cargo[slot];
    struct error err = {0};
    if (search_count_bad(cargo->search) == cargo->ids.count) {
        conclude_unread(exporter, slot);
        return;
    }
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL) {
        error_set(&err, ERROR_NOMEM, "out of memory");
    } else {
        *fetch = (struct fetch){.exporter = exporter, .slot = slot, .fence = cargo->fence};
        buf_init(&fetch->body, LIMIT_REQUEST_BODY);
        (void)fetch_write_get(cargo, 0, cargo->ids.count, &fetch->body);
        if (buf_check(&fetch->body, "a request for records", &err)) {
            cargo->request = chroma_get_records(&cargo->pair->source.chroma,
                                                &cargo->pair->source.collection.uuid,
                                                buf_span(&fetch->body), 0, on_answer, fetch, &err);
        }
    }
    if (cargo->request == NULL) {
        if (fetch != NULL) {
            buf_deinit(&fetch->body);
        }
        free(fetch);
        conclude(exporter, slot, &err, 0);
    }
}
