/*
 * ferry-consumer: takes batches from the bus, writes them to their targets, reads them back and says so in the
 * ledger. The deciding is done by the machine of delivery.h; this is everything around it, one station of a batch's
 * way per file:
 *
 *   intake.c → claim.c → upsert.c → readback.c → letter.c → mark.c → intake.c (acknowledge)    park.c: the ways out
 *                            └─ repair.c ←┘
 *
 * Thread: the loop's.
 */
#ifndef CONSUMER_CONSUMER_H
#define CONSUMER_CONSUMER_H

#include "app/exit_code.h"
#include "consumer/delivery.h"
#include "consumer/follow.h"
#include "consumer/intake.h"
#include "consumer/parcel.h"
#include "consumer/park.h"
#include "consumer/targets.h"
#include "consumer/ticket.h"
#include "run/letters.h"
#include "run/runtime.h"

struct consumer {
    struct runtime rt;
    const struct option_set *options;
    int64_t request_timeout_ms;
    struct delivery_core core;
    struct parcel parcels[DELIVERY_SLOTS];
    int64_t asked[DELIVERY_SLOTS]; /* fences of the renewal under way */
    struct intake intake;
    struct letters *letters;
    struct targets targets;
    struct gathering to_claim;
    struct gathering to_repair;
    struct gathering to_mark;
    struct parking parking;
    struct follow follow;
    struct error fatal; /* ends the program */
    bool
        is_carrying; /* actions are being carried out: events that arise meanwhile only add to the queue */
    bool is_closing; /* answers concern nobody any more */
    bool was_away;   /* the ledger: said so */
    int stops_told;  /* of rt.stop.requested */
};

/* Runs until stopped, until the job to follow has ended, or until something fails for good. */
enum exit_code consumer_run(const struct option_set *options);

/* -- for the stations (carry.c) -- */
/* Tells the machine what happened and carries out what it wants. */
void consumer_tell(struct consumer *consumer, const struct delivery_event *event);
/* A step of the slot's batch failed: kept for causes, logged, and the end of the program if it is of that kind. */
void consumer_note_failure(struct consumer *consumer, size_t slot, const char *step,
                           const struct error *err);

/* -- for the heartbeat (holdings.c) -- */
runtime_holdings_fn consumer_on_holdings;
runtime_renewed_fn consumer_on_renewed;

#endif
