/* To the dead letters: a slot's rejected records, or its whole message, before the ledger or the bus hears of it. */
#ifndef CONSUMER_LETTER_H
#define CONSUMER_LETTER_H

#include "consumer/delivery.h"

struct consumer;

/* Checks that the topic is there and fit. */
MUST_CHECK bool letter_open(struct consumer *consumer, struct error *err);
/* Begins, or goes on after a failure; EVENT_LETTERED follows. */
void letter_want(struct consumer *consumer, const struct delivery_action *action);
/* The slot's letters concern nobody any more. */
void letter_forget(struct consumer *consumer, size_t slot);

#endif
