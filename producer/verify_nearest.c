/* Exact neighbours and comparisons with them; see verify_nearest.h. Knows no server. */
#include "producer/verify_nearest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 1e-5

/* Four sums side by side: a single one would wait for itself at every addition. */
static double dot(const float *a, const float *b, size_t dimension)
{
    double sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= dimension; i += 4) {
        for (size_t j = 0; j < 4; j++) {
            sums[j] += (double)a[i + j] * (double)b[i + j];
        }
    }
    for (; i < dimension; i++) {
        sums[0] += (double)a[i] * (double)b[i];
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

static double squared_difference(const float *a, const float *b, size_t dimension)
{
    double sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= dimension; i += 4) {
        for (size_t j = 0; j < 4; j++) {
            double d = (double)a[i + j] - (double)b[i + j];
            sums[j] += d * d;
        }
    }
    for (; i < dimension; i++) {
        double d = (double)a[i] - (double)b[i];
        sums[0] += d * d;
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

double verify_norm(const float *vector, size_t dimension)
{
    return sqrt(dot(vector, vector, dimension));
}

double verify_distance(enum space space, const float *a, double norm_a, const float *b,
                       double norm_b, size_t dimension)
{
    double norms = norm_a * norm_b;
    switch (space) {
    case SPACE_L2:
        return squared_difference(a, b, dimension);
    case SPACE_IP:
        return 1 - dot(a, b, dimension);
    case SPACE_COSINE:
        return norms > 0 ? 1 - dot(a, b, dimension) / norms : 1;
    }
    return NAN;
}

bool verify_nearest_offer(struct verify_nearest *nearest, double distance, struct span id)
{
    size_t at = nearest->count;
    if (isnan(distance) || (at == VERIFY_NEAREST && distance >= nearest->list[at - 1].distance)) {
        return true;
    }
    uint8_t *copy = malloc(id.len > 0 ? id.len : 1);
    if (copy == NULL) {
        return false;
    }
    if (id.len > 0) {
        memcpy(copy, id.ptr, id.len);
    }
    if (at == VERIFY_NEAREST) {
        free(nearest->list[--at].id);
    } else {
        nearest->count++;
    }
    for (; at > 0 && nearest->list[at - 1].distance > distance; at--) {
        nearest->list[at] = nearest->list[at - 1];
    }
    nearest->list[at] = (struct verify_near){distance, copy, id.len};
    return true;
}

void verify_nearest_deinit(struct verify_nearest *nearest)
{
    for (size_t i = 0; i < nearest->count; i++) {
        free(nearest->list[i].id);
    }
    nearest->count = 0;
}

static double scale_of(double a)
{
    return fabs(a) > 1 ? fabs(a) : 1;
}

bool verify_is_near(double a, double b)
{
    return fabs(a - b) <= NEAR * scale_of(a);
}

double verify_recall(const struct verify_nearest *exact, const struct neighbours *found)
{
    size_t hits = 0;
    if (exact->count == 0) {
        return 1;
    }
    double last = exact->list[exact->count - 1].distance;
    for (size_t i = 0; i < found->count; i++) {
        bool is_hit = verify_is_near(last, found->list[i].distance); /* as good as the last one */
        for (size_t j = 0; j < exact->count && !is_hit; j++) {
            is_hit = span_equal(found->list[i].id,
                                (struct span){exact->list[j].id, exact->list[j].id_len});
        }
        hits += is_hit;
    }
    return hits < exact->count ? (double)hits / (double)exact->count : 1;
}

void verify_distances_add(struct verify_distances *sum, const struct neighbours *source,
                          const struct neighbours *target)
{
    for (size_t i = 0; i < source->count; i++) {
        for (size_t j = 0; j < target->count; j++) {
            if (!span_equal(source->list[i].id, target->list[j].id)) {
                continue;
            }
            double a = source->list[i].distance;
            double b = target->list[j].distance;
            double apart = fabs(a - b) / scale_of(a);
            sum->compared++;
            sum->apart += !verify_is_near(a, b);
            sum->greatest = apart > sum->greatest ? apart : sum->greatest;
            break;
        }
    }
}

static int compare_values(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

int64_t verify_percentile(int64_t *values, size_t count, double p)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof *values, compare_values);
    size_t rank = (size_t)ceil(p * (double)count);
    return values[rank == 0 ? 0 : rank > count ? count - 1 : rank - 1];
}
