/*
 * The target collection of a pair: checked, told of, made when it is not there, and completed when its making was cut
 * short. Everything that can be refused or told is, before anything is written.
 */
#ifndef PRODUCER_TARGET_H
#define PRODUCER_TARGET_H

#include "producer/job.h"

/* Both ends are resolved. ERROR_REJECTED: the target exists and does not fit; ERROR_USAGE: and a rehearsal makes
 * one of its own. Else what it does not get as it is, or has otherwise, is left in pair->fidelity, and people are told (stderr). Writes nothing to any server. */
MUST_CHECK bool target_look(struct pair *pair, struct error *err);
/* What target_look() takes for settled of its distance space, and what is doubtful otherwise. */
void target_settle_doubt(struct pair *pair);
/* After target_look(): makes or completes it. */
MUST_CHECK bool target_prepare(struct pair *pair, struct runtime *rt, struct error *err);
/* Of a job that nobody has after all: deletes the collection again that target_prepare() has made, unless somebody has it by
 * now; a job of the ledger's, or whoever has put a record there. Tells what it did, or why not (stderr). */
void target_undo(struct pair *pair, struct runtime *rt);
/* Completes it, for a job that is resumed. */
MUST_CHECK bool target_complete(struct pair *pair, struct runtime *rt, struct error *err);

#endif
