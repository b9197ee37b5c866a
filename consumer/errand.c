/* The life of a request between a slot and the transport. Knows nothing of what it carries. */
#include "consumer/errand.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "consumer/consumer.h"

struct errand *errand_new(struct consumer *consumer, size_t slot)
{
    struct errand *errand = calloc(1, sizeof *errand);

    if (errand != NULL) {
        errand->consumer = consumer;
        errand->slot = slot;
        buf_init(&errand->body, LIMIT_REQUEST_BODY);
        consumer->parcels[slot].errand = errand;
    }
    return errand;
}

int64_t errand_deadline_ms(const struct errand *errand)
{
    const struct consumer *consumer = errand->consumer;
    int64_t lease_ms =
        runtime_lease_deadline_ms(&consumer->rt, consumer->core.slots[errand->slot].lease_start_ms);
    int64_t request_ms = errand->started_ms + consumer->request_timeout_ms;

    return request_ms < lease_ms ? request_ms : lease_ms;
}

void errand_extend(struct errand *errand)
{
    if (errand->request != NULL) {
        http_set_deadline(errand->request, errand_deadline_ms(errand));
    }
}

void errand_abandon(struct consumer *consumer, size_t slot)
{
    struct errand *errand = consumer->parcels[slot].errand;

    if (errand == NULL) {
        return;
    }
    consumer->parcels[slot].errand = NULL;
    errand->is_abandoned = true;
    if (errand->request != NULL) {
        http_cancel(errand->request);
    } else {
        errand_end(errand);
    }
}

void errand_end(struct errand *errand)
{
    if (!errand->is_abandoned) {
        errand->consumer->parcels[errand->slot].errand = NULL;
    }
    buf_deinit(&errand->body);
    free(errand->records);
    free(errand);
}

void errand_tell(struct errand *errand, enum delivery_event_kind kind, const char *step,
                 const struct error *err)
{
    struct consumer *consumer = errand->consumer;
    struct delivery_event event = {.kind = kind,
                                   .slot = errand->slot,
                                   .error = err->kind,
                                   .retry_after_ms = err->retry_after_ms};

    errand_end(errand);
    if (event.error != ERROR_NONE) {
        consumer_note_failure(consumer, event.slot, step, err);
    }
    consumer_tell(consumer, &event);
}
