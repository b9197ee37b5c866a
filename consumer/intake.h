/* Messages in, acknowledgements out: the only station that knows the bus. */
#ifndef CONSUMER_INTAKE_H
#define CONSUMER_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "consumer/delivery.h"
#include "consumer/watermark.h"

struct consumer;

struct intake {
    struct bus_settings settings;
    char group[64];
    char client_id[48];
    struct subscriber *subscriber; /* NULL: gone; the next one at due_ms */
    struct watermark *watermark;
    /* Generations of a subscriber count from 1; ours go on over all subscribers. */
    uint64_t base, newest;
    int64_t foreign_messages;
    int64_t partitions; /* of the assignment; -1: there is none */
    int64_t due_ms;
    uint32_t attempts;
    bool was_in_trouble; /* said so */
};

/* Checks that the topic is there and fit, then subscribes. */
MUST_CHECK bool intake_open(struct consumer *consumer, struct error *err);
/* Commits what was acknowledged, and leaves the group. */
void intake_close(struct consumer *consumer);
/* Takes what there is and there is room for. */
void intake_run(struct consumer *consumer);
void intake_acknowledge(struct consumer *consumer, const struct delivery_action *action);
/* What the bus keeps us waiting for, or "". */
const char *intake_trouble(const struct intake *intake);

/* -- subscription.c, for intake.c only -- */
void intake_resubscribe(struct consumer *consumer); /* when it is due */
void intake_resubscribe_later(struct consumer *consumer, const char *reason);
void intake_say_trouble(struct intake *intake);

#endif
