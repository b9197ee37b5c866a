/*
 * Sampled vectors of the source as queries: their exact neighbours, gathered while all of the source's vectors pass by,
 * and what each side answers when it is asked for the nearest ten.
 */
#ifndef PRODUCER_VERIFY_QUERIES_H
#define PRODUCER_VERIFY_QUERIES_H

#include "producer/verify_nearest.h"
#include "producer/verify_pass.h"

struct verify_answers { /* of one side */
    double recall;      /* mean of recall@10 over all queries */
    int64_t median_us, p95_us;
    uint64_t failed;       /* queries that were refused: recall 0 each */
    char first_error[300]; /* of those */
};

struct verify_queries {
    size_t wanted;
    size_t count; /* vectors there are */
    size_t dimension;
    enum space space;
    float *vectors; /* count × dimension; owned */
    double *norms;
    struct verify_nearest *nearest;
    struct verify_answers answers[VERIFY_SIDES];
    struct verify_distances distances;
};

MUST_CHECK bool verify_queries_init(struct verify_queries *queries, size_t wanted, enum space space,
                                    struct error *err);
void verify_queries_deinit(struct verify_queries *queries); /* of a zeroed struct: nothing */
/* One more query, if there is room and the record has a whole vector of the others' dimension. */
MUST_CHECK bool verify_queries_add(struct verify_queries *queries, const struct record *record,
                                   struct error *err);
/* A record of the source passes by: each of them once. */
MUST_CHECK bool verify_queries_offer(struct verify_queries *queries, const struct record *record,
                                     struct error *err);
/* As if none had passed by. */
void verify_queries_forget(struct verify_queries *queries);
/* Asks both sides, one request at a time, so that the times are theirs alone. done: raised with each query. */
MUST_CHECK bool verify_queries_ask(struct verify_queries *queries, struct runtime *rt,
                                   struct side *sides, int64_t patience_ms, uint64_t *done,
                                   struct error *err);

#endif
