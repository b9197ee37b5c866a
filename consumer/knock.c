/* The server's pre-flight: the same for every version, answered without a look at any collection. What it says is of no interest. */
#include "consumer/knock.h"

#include "base/clock.h"
#include "consumer/consumer.h"
#include "consumer/errand.h"

static void end_with(struct errand *errand, const struct error *err)
{
    struct consumer *consumer = errand->consumer;
    struct delivery_event event = {.kind = EVENT_KNOCK,
                                   .slot = errand->slot,
                                   .error = err->kind,
                                   .retry_after_ms = err->retry_after_ms};

    errand_end(errand);
    if (event.error != ERROR_NONE) {
        consumer_note_failure(consumer, event.slot, "knock", err);
    }
    consumer_tell(consumer, &event);
}

static void on_answered(void *ctx, const struct chroma_limits *limits, const struct error *err)
{
    struct errand *errand = ctx;

    (void)limits;
    errand->request = NULL;
    if (errand->is_abandoned) {
        errand_end(errand);
    } else {
        end_with(errand, err);
    }
}

void knock_start(struct consumer *consumer, size_t slot)
{
    struct target *target = consumer->parcels[slot].target;
    struct errand *errand = target != NULL ? errand_new(consumer, slot) : NULL;
    struct error err = {0};

    if (errand == NULL) { /* no target that could be asked: the write will say why */
        consumer_tell(consumer,
                      &(struct delivery_event){.kind = EVENT_KNOCK,
                                               .slot = slot,
                                               .error = target != NULL ? ERROR_NOMEM : ERROR_NONE});
        return;
    }
    errand->started_ms = clock_boottime_ms();
    errand->request = chroma_preflight(&target->chroma, on_answered, errand, &err);
    if (errand->request == NULL) {
        end_with(errand, &err);
        return;
    }
    errand_extend(errand);
}
