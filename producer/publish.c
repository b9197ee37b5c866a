/*
 * E4: a recorded batch goes onto the bus, with what PROTOCOL §7 wants beside it. Published is what a report says, never
 * that a send succeeded.
 */
#include "producer/exporter.h"

#include "format/message.h"

static void fill_envelope(const struct exporter *exporter, const struct cargo *cargo,
                          struct envelope *out)
{
    *out = (struct envelope){.ledger = exporter->rt->ledger.uuid,
                             .job_id = exporter->job->job_id,
                             .collection_no = cargo->pair->collection_no,
                             .batch_no = cargo->batch_no,
                             .export_rev = cargo->rev,
                             .records = cargo->operations,
                             .payload = cargo->sha256};
    struct batch_header header = {.job_id = out->job_id,
                                  .batch_no = out->batch_no,
                                  .export_rev = out->export_rev,
                                  .target = cargo->pair->target.collection.uuid};
    batch_idempotency_key(&header, &cargo->sha256, &out->idempotency_key);
}

void publish_send(struct exporter *exporter, size_t slot)
{
    struct cargo *cargo = &exporter->cargo[slot];
    struct envelope envelope;
    struct message_header text[MESSAGE_HEADERS];
    struct bus_header headers[MESSAGE_HEADERS];
    char key[MESSAGE_KEY];
    struct error err = {0};

    fill_envelope(exporter, cargo, &envelope);
    message_write_headers(&envelope, text);
    message_write_key(&envelope, key);
    for (size_t i = 0; i < MESSAGE_HEADERS; i++) {
        headers[i] = (struct bus_header){.name = text[i].name, .value = text[i].value};
    }
    size_t len = (size_t)cargo->value_bytes;
    if (exporter->unreported_bytes > 0 &&
        exporter->unreported_bytes + len > LIMIT_PUBLISH_UNREPORTED) {
        error_set(&err, ERROR_THROTTLED, "the bus has %zu bytes without a report",
                  exporter->unreported_bytes);
    } else if (publisher_send(exporter->publisher, key, headers, MESSAGE_HEADERS, cargo->value, len,
                              slot, &err)) {
        cargo->value = NULL; /* the bus owns the bytes now, and may be sending them already */
        exporter->unreported_bytes += len;
    }
    cargo->err = err;
    if (error_disposition(err.kind) == DISPOSITION_STOP) {
        exporter_note_failure(exporter, &err);
    }
    exporter_handle(exporter, &(struct export_event){
                                  .kind = EXPORT_EVENT_SENT, .slot = slot, .error = err.kind});
}

void publish_on_report(void *ctx, uint64_t token, int partition, int64_t offset,
                       const struct error *err)
{
    struct exporter *exporter = ctx;
    struct cargo *cargo = &exporter->cargo[token];
    exporter->unreported_bytes -= (size_t)cargo->value_bytes;
    cargo->partition = partition;
    cargo->offset = offset;
    cargo->err = *err;
    exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_REPORT,
                                                     .slot = (size_t)token,
                                                     .error = err->kind});
}
