/* The server's pre-flight: the same for every version, answered without a look at any collection. What it says is of no interest. */
#include "consumer/knock.h"

#include "base/clock.h"
#include "consumer/consumer.h"
#include "consumer/errand.h"

static void on_answered(void *ctx, const struct chroma_limits *limits, const struct error *err)
{
    struct errand *errand = ctx;

    (void)limits;
    errand->request = NULL;
    if (errand->is_abandoned) {
        errand_end(errand);
    } else {
        errand_tell(errand, EVENT_KNOCK, "knock", err);
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
        errand_tell(errand, EVENT_KNOCK, "knock", &err);
        return;
    }
    errand_extend(errand);
}
