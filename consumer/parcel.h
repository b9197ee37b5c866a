/* What one slot of the delivering machine carries through the stations: a message, and what has been made of it. */
#ifndef CONSUMER_PARCEL_H
#define CONSUMER_PARCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "bus/bus.h"
#include "consumer/errand.h"
#include "consumer/targets.h"
#include "format/message.h"
#include "format/record.h"

struct reject {
    struct span id; /* of the decoded record */
    const char *reason;
    struct span message;
    int status; /* HTTP's, of who refused it; 0: nobody did */
};

struct verdict {       /* of the last reading */
    uint32_t verified; /* with the rounded ones */
    uint32_t rounded;
    struct reject *rejects; /* in the parcel's arena */
    size_t reject_count;
    struct span *surplus; /* ids whose document must vanish; likewise */
    size_t surplus_count;
    char readback_sha256[65];
};

struct parcel {
    struct bus_message
        message; /* owned, until the slot is dropped: a lost claim begins again with it */
    struct envelope envelope;
    char sha256[65];
    struct error error; /* why the last step failed: the cause of parking, blocking or poison */
    int64_t arrived_ms;
    bool was_held;     /* said so already */
    bool lacks_secret; /* of its target; valid after a claim was asked for */
    /* under a claim */
    struct target *target; /* borrowed */
    int64_t operations;    /* as the ledger counts them */
    bool is_decoded;
    struct buf text;    /* the inflated batch */
    struct arena arena; /* everything that lives as long as the decoded batch */
    struct record_set records;
    struct reject *refusals; /* what the target would not take; in the arena */
    size_t refusal_count;
    struct verdict verdict;
    struct errand *errand; /* the request under way, or NULL */
};

void parcel_init(struct parcel *parcel);
/* Forgets what was decoded and found; the message stays. */
void parcel_unpack_again(struct parcel *parcel);
/* Decodes the message, once, and holds it against envelope, claim and target. A difference there is ERROR_INTEGRITY:
 * the digest was right, so whoever produced it was not. What the message's headers say beyond what was claimed by is not
 * looked at. */
MUST_CHECK bool parcel_decode(struct parcel *parcel, const struct uuid *ledger, struct error *err);
/* The record is rejected; the parcel's error says why. False: no memory, *err. */
MUST_CHECK bool parcel_refuse(struct parcel *parcel, size_t record, const char *reason,
                              struct error *err);
/* Refused or found otherwise by the last reading: first the ones, then the others. */
size_t parcel_reject_count(const struct parcel *parcel);
const struct reject *parcel_reject(const struct parcel *parcel, size_t i);
/* Gives back everything; no errand may be under way. */
void parcel_clear(struct parcel *parcel);

#endif
