/* The other ways out of a slot, and what everyone has to know: parking (PROTOCOL §4), giving claims back, poison,
 * targets that refuse, jobs that need a person. */
#ifndef CONSUMER_PARK_H
#define CONSUMER_PARK_H

#include <stdint.h>

#include "consumer/delivery.h"
#include "consumer/ticket.h"
#include "store/ledger.h"

struct consumer;
struct target;

struct parking {
    struct gathering to_park;
    int64_t fences[DELIVERY_SLOTS]; /* of to_park */
    bool sent[DELIVERY_SLOTS];
    struct gathering to_note;
    struct ledger_arrival releases[DELIVERY_SLOTS];
    size_t release_count;
};

void park_want(struct consumer *consumer, const struct delivery_action *action);
void park_want_release(struct consumer *consumer, const struct delivery_action *action);
void park_want_note(struct consumer *consumer, const struct delivery_action *action);
/* Statements for what has gathered. */
void park_flush(struct consumer *consumer);

void park_refuse_target(struct consumer *consumer, const struct delivery_action *action);
void park_block_job(struct consumer *consumer, const struct delivery_action *action);
void park_learn_limit(struct consumer *consumer, const struct target *target, int64_t bytes);

#endif
