/*
 * Which records of a batch go into the next upsert, so that one that the target refuses does not take the others with
 * it. Pure; no heap. A server refuses a request as a whole and names a rule, never the record, so it has to be
 * searched for:
 *
 *   all ─refused→ up to 8 alone, spread over the batch ─all alike→ blocked: it is the target or the job, not a record
 *                  └─ one accepted, or refused otherwise ─→ the suspects, by halves, until one is refused alone
 *                                                            └─→ all that is still undecided, in one request …
 *   nothing is undecided ─→ after a pause each that was refused alone, once more: only then is it rejected
 *
 * One bad record in 300 costs 15 requests at most.
 */
#ifndef CONSUMER_BISECT_H
#define CONSUMER_BISECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

#define BISECT_PROBES 8

enum bisect_mark {
    BISECT_OPEN,
    BISECT_SUSPECT,
    BISECT_ACCUSED, /* refused alone; to be asked once more */
    BISECT_ACCEPTED,
    BISECT_REJECTED
};

enum bisect_next {
    BISECT_ASK,   /* send the records that are asked */
    BISECT_PAUSE, /* the same, but not at once: what refused them may have been a moment's trouble */
    BISECT_FINISHED, /* every record is accepted or rejected */
    BISECT_BLOCKED,  /* `probed` records, each alone, were refused alike */
};

enum bisect_phase {
    BISECT_ALL,
    BISECT_PROBE,
    BISECT_SEARCH,
    BISECT_CONFIRM
};

struct bisect {
    enum bisect_phase phase;
    uint16_t count;
    uint16_t probes[BISECT_PROBES];
    uint8_t probe_count; /* planned; 0: not probed yet */
    uint8_t probed;      /* answered */
    bool is_unlike;      /* two of them were refused differently */
    bool has_accepted;   /* anything, in this run */
    uint64_t likeness;   /* of the first refusal of a probe */
    uint8_t marks[LIMIT_BATCH_RECORDS];
    bool asked[LIMIT_BATCH_RECORDS];
};

/* The whole batch is asked. More records than LIMIT_BATCH_RECORDS are left out: such a batch is never sent. */
void bisect_begin(struct bisect *bisect, size_t records);
/* What was accepted is asked once more, the rejected ones are not. False: there is none. */
bool bisect_again(struct bisect *bisect);

static inline bool bisect_is_asked(const struct bisect *bisect, size_t record)
{
    return bisect->asked[record];
}
static inline bool bisect_is_rejected(const struct bisect *bisect, size_t record)
{
    return bisect->marks[record] == BISECT_REJECTED;
}
size_t bisect_asked_count(const struct bisect *bisect);

/* The first `before` of the asked records were accepted, the others were not answered: only those are still asked. At least one
 * stays. */
void bisect_keep(struct bisect *bisect, size_t before);
/* All that was asked has been accepted. */
enum bisect_next bisect_accept(struct bisect *bisect);
/* Of the asked records in their order, `before` were accepted in earlier requests, the next `refused` (0: all the
 * others) were refused in one, and the rest was not sent. likeness: equal for refusals that say the same.
 * *out_rejected: the record that was refused alone for the second time and is rejected, or SIZE_MAX. */
enum bisect_next bisect_refuse(struct bisect *bisect, size_t before, size_t refused,
                               uint64_t likeness, size_t *out_rejected);
/* The same for one record that is too large even alone, also only when that is said twice; says nothing about the others. */
enum bisect_next bisect_too_large(struct bisect *bisect, size_t before, size_t *out_rejected);

#endif
