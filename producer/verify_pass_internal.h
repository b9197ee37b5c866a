/* The pieces in flight, shared by verify_pass.c, which asks, and verify_judge.c, which decides what an answer leads to. */
#ifndef PRODUCER_VERIFY_PASS_INTERNAL_H
#define PRODUCER_VERIFY_PASS_INTERNAL_H

#include "producer/verify_ladder.h"
#include "producer/verify_pass.h"

#define VERIFY_LANES 8

struct verify_lane;

struct verify_half { /* one side's part of a lane */
    struct verify_lane *lane;
    struct http_request *request; /* NULL: none in flight */
    struct buf body;              /* the request's */
    struct buf answer;
    struct error err;
};

struct verify_lane {
    struct verify_run *run;
    bool has_piece;
    struct buf bytes; /* the ids, one after the other */
    struct span ids[VERIFY_PIECE];
    size_t count;
    struct verify_ladder ladder;
    struct verify_half halves[VERIFY_SIDES];
    int64_t again_at_ms; /* > 0: the range waits until then */
};

struct verify_run {
    const struct verify_pass *pass;
    struct runtime *rt;
    struct verify_lane lanes[VERIFY_LANES];
    bool was_read[VERIFY_SIDES]; /* has answered a request well */
    uint64_t given_up;
    size_t in_flight;
    bool has_ended_ids;
    bool done;
    struct error failure;
};

/* Every side that was asked for the lane's range has answered: hands the records on, or steps down the ladder. False with
 * *err: the pass cannot go on. */
MUST_CHECK bool verify_judge(struct verify_lane *lane, struct error *err);

#endif
