/*
 * The nearest neighbours of a few vectors, found exactly, and how well a server's answer agrees with them. Memory is
 * VERIFY_NEAREST ids for each vector, however many records are offered. Pure.
 */
#ifndef PRODUCER_VERIFY_NEAREST_H
#define PRODUCER_VERIFY_NEAREST_H

#include "format/equality.h"
#include "format/neighbours.h"

#define VERIFY_NEAREST 10 /* neighbours asked for: recall@10 */

struct verify_near {
    double distance;
    uint8_t *id; /* owned */
    size_t id_len;
};
struct verify_nearest {                      /* zeroed: none yet */
    struct verify_near list[VERIFY_NEAREST]; /* nearest first */
    size_t count;
};

double verify_norm(const float *vector, size_t dimension);
/* As Chroma counts: l2 squared; ip 1 − a·b; cosine 1 − a·b/(|a||b|). In doubles. */
double verify_distance(enum space space, const float *a, double norm_a, const float *b,
                       double norm_b, size_t dimension);
/* Keeps the id (a copy) if it is among the nearest so far; of equals, the first that came. False: out of memory. */
MUST_CHECK bool verify_nearest_offer(struct verify_nearest *nearest, double distance,
                                     struct span id);
void verify_nearest_deinit(struct verify_nearest *nearest);

/* Within 1e-5: absolute below 1, relative above. False for NaN. */
bool verify_is_near(double a, double b);
/* The share of the exact neighbours that were found, 0 … 1; 1 when there are none. Another record at the distance of the
 * last one is as good as that. */
double verify_recall(const struct verify_nearest *exact, const struct neighbours *found);

struct verify_distances { /* of ids that both sides returned */
    uint64_t compared;
    uint64_t apart;  /* not within 1e-5 */
    double greatest; /* |a − b| / max(1, |a|), of all; finite ones only */
};
void verify_distances_add(struct verify_distances *sum, const struct neighbours *source,
                          const struct neighbours *target);

/* Sorts values and returns the smallest one that at least the share p of them do not exceed; 0 for none. */
int64_t verify_percentile(int64_t *values, size_t count, double p);

#endif
