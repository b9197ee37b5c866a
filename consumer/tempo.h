/*
 * How many writes at a time one target collection gets (decision 17): found, not set. Starts at one and climbs by one while
 * more is written per second; a step that brings too little is taken back, and tried again now and then. Halved by a refusal
 * (429, 5xx, no answer in time, a broken connection), for all that was begun before it only once. Retry-After comes before
 * everything else.
 *
 * Pure: no I/O, no heap; the clock is passed in, in milliseconds of any monotonic clock. One for each target and process; the
 * ten write slots of the ledger hold over all of them.
 */
#ifndef CONSUMER_TEMPO_H
#define CONSUMER_TEMPO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

struct tempo {
    uint32_t ceiling; /* 1 … LIMIT_WRITES_PER_TARGET */
    uint32_t limit;   /* writes at a time, now; beside `base` by one while that is tried */
    uint32_t base;    /* the best found so far */
    uint64_t
        base_rate; /* what is written there, in thousandths of a record per second, smoothed; 0: not known */
    uint64_t
        turn; /* counts changes of the limit: what was begun in another turn says nothing about this one */
    uint64_t cut_turn;    /* the first turn after the last halving */
    int64_t window_ms;    /* the measurement under way began then */
    uint64_t records;     /* written in it */
    uint32_t writes;      /* by so many requests */
    uint32_t patience;    /* measurements at `base` before something else is tried */
    uint32_t stays;       /* so many of them have been */
    bool wants_less;      /* what is tried next is one less, not one more */
    uint32_t barrier;     /* refused with so many at a time: not tried while … */
    uint32_t barrier_for; /* … so many measurements are to come */
    uint32_t barrier_last;
    uint32_t failures; /* in a row, with no answer in between */
    bool
        is_silent; /* the last of them was none that a target in order gives: a 5xx, a timeout, no connection */
    int64_t budget;  /* of retries, in thousandths; below 0: they wait until it is made up for */
    int64_t paid_ms; /* the budget is as of then */
    int64_t pause_until_ms;
    bool is_refused;    /* until then everyone leaves the target alone */
    int64_t refused_ms; /* when that was said */
    uint32_t held;      /* write slots that the ledger gave us when it had no more */
    int64_t crowded_until_ms;
};

/* start: 1 … ceiling, where the search begins. */
void tempo_init(struct tempo *tempo, uint32_t start, uint32_t ceiling);

/* Requests that may be under way now: 0 while the target is to be left alone, one while nobody knows whether it answers. */
uint32_t tempo_limit(const struct tempo *tempo, int64_t now_ms);
/* Batches that may be claimed: one more than can be written, never more than there are write slots. At least one: the ledger
 * decides. */
uint32_t tempo_claims(const struct tempo *tempo, int64_t now_ms);
/* Several requests failed, none was answered: one at a time, reads too. */
bool tempo_is_probing(const struct tempo *tempo);
/* Whether it is there at all is asked first, by a request that costs nothing. */
bool tempo_wants_knock(const struct tempo *tempo);
bool tempo_is_refused(const struct tempo *tempo, int64_t now_ms);

/* A whole batch of `records` was accepted by a request that began in `turn`. is_full: as much was under way as the limit
 * allows; else the target was not what held it up, and nothing is learnt. */
void tempo_wrote(struct tempo *tempo, uint64_t turn, uint32_t records, bool is_full,
                 int64_t now_ms);
/* Any other answer to a write: the target lives, but what is measured just now is spoilt. */
void tempo_answered(struct tempo *tempo, int64_t now_ms);
/* A reading was answered: the target lives; of writing that says nothing. */
void tempo_read(struct tempo *tempo);
/* A request that began in `turn` failed with such an error: THROTTLED, UNAVAILABLE or TIMEOUT. It is to go again in wait_ms; asked_ms
 * of that were asked for by the target (0: nothing): then all the others wait as long. Answers in how many milliseconds it goes
 * again: later where too many have failed. */
uint32_t tempo_failed(struct tempo *tempo, uint64_t turn, enum error_kind error, uint32_t asked_ms,
                      uint32_t wait_ms, int64_t now_ms);
/* Everyone was told to leave the target alone. */
void tempo_refuse(struct tempo *tempo, int64_t until_ms, int64_t now_ms);
/* The ledger, asked at asked_ms, lets a batch be claimed. If that was after the refusal, it is over for the others, or the ledger
 * never heard of it: what is claimed waits here until the pause ends. Parked, it would come round and round. */
void tempo_allow(struct tempo *tempo, int64_t asked_ms);
/* The ledger had no write slot beyond the `held` ones: others write, too. */
void tempo_crowd(struct tempo *tempo, uint32_t held, int64_t now_ms);

#endif
