/*
 * Which records make the read of a batch fail: a search by halves, when the server answers but the page fails again and
 * again. Pure: answers in, the next question out; the clock is passed in; no I/O, no heap. The edge is search.c.
 *
 * A server that is ill fails like a record that is: so whatever failed alone is asked about again and again, among other records
 * of the collection (the controls) that must all be read meanwhile, before it is found BAD; see read_doubt.h. When no control
 * succeeds, the search ends without a verdict, and the batch is waited for as in any outage.
 */
#ifndef PRODUCER_READ_SEARCH_H
#define PRODUCER_READ_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/limits.h"
#include "producer/read_doubt.h"

#define READ_SEARCH_PROBES                                                                         \
    5 /* controls, at as many places, that fail in a row: the server is ill */
#define READ_SEARCH_DEPTH 32 /* ranges that wait: one for each halving */

enum read_answer {
    READ_FINE,
    READ_FAILED, /* the server answered, but not with these records: 500, or a malformed answer */
    READ_OUTAGE, /* nobody can say: the same question again after a wait */
};

enum read_step_kind {
    READ_STEP_WAIT,    /* for the answer, or for time to pass */
    READ_STEP_PAGE,    /* read the records from … from + count - 1 that are not BAD */
    READ_STEP_CONTROL, /* read any other record of the collection; probe 0 … says which */
    READ_STEP_END,
};

struct read_step {
    enum read_step_kind kind;
    size_t from, count;
    size_t probe;
};

struct read_range {
    size_t from, count;
    bool is_left;   /* its sibling is the next one */
    bool is_failed; /* known to fail: its sibling did not, but both together did */
};

struct read_search {
    size_t count;
    enum read_verdict verdicts[LIMIT_BATCH_RECORDS];
    struct read_range ranges[READ_SEARCH_DEPTH];
    size_t range_count;
    struct read_step asked;
    bool is_asked;
    bool is_left; /* the page asked */
    bool needs_control;
    size_t probe;      /* of the next control; stays where one succeeded */
    uint32_t missed;   /* controls that failed in a row */
    uint32_t failures; /* in a row, without a control */
    uint32_t outages;  /* in a row */
    bool is_confirming;
    struct read_doubt doubt;
    int64_t pauses_ms;
    int64_t due_ms;
    bool has_ended;
    bool gave_up; /* no control succeeded: nothing is known */
    size_t found; /* BAD ones of this search */
    struct rng rng;
};

/* count ≤ LIMIT_BATCH_RECORDS; pauses_ms: what fails for so long a moment is not taken for a bad record. A search that
 * begins again keeps the BAD ones and leaves them out. */
void read_search_init(struct read_search *search, size_t count, int64_t pauses_ms, uint64_t seed);
void read_search_again(struct read_search *search);
/* What to do now. A PAGE or CONTROL is given out once and is to be answered. */
struct read_step read_search_next(struct read_search *search, int64_t now_ms);
/* wait_ms: the server asked for a wait; 0: it did not. */
void read_search_answer(struct read_search *search, enum read_answer answer, uint32_t wait_ms,
                        int64_t now_ms);

#endif
