/* Distances compared with what each space would give; see probe.h. */
#include "producer/probe.h"

#include <math.h>

#include "producer/verify_nearest.h"

#define CLOSE 1e-4 /* servers count in float32, over some thousand components */

/* How large the numbers are that a distance is the difference of. */
static double scale_of(enum space space, double norm_a, double norm_b)
{
    switch (space) {
    case SPACE_L2:
        return norm_a * norm_a + norm_b * norm_b;
    case SPACE_IP:
        return 1 + norm_a * norm_b;
    case SPACE_COSINE:
        break;
    }
    return 1;
}

void probe_add(struct probe *probe, const float *a, const float *b, size_t dimension,
               double distance)
{
    double norm_a = verify_norm(a, dimension);
    double norm_b = verify_norm(b, dimension);
    if (!isfinite(distance) || !isfinite(norm_a) || !isfinite(norm_b)) {
        return;
    }
    probe->compared++;
    for (enum space space = SPACE_L2; space <= SPACE_COSINE; space++) {
        double expected = verify_distance(space, a, norm_a, b, norm_b, dimension);
        if (fabs(distance - expected) <= CLOSE * scale_of(space, norm_a, norm_b)) {
            probe->agreeing[space]++;
        }
    }
}

static bool explains(const struct probe *probe, enum space space)
{
    return probe->agreeing[space] == probe->compared;
}

enum space probe_judge(const struct probe *probe, bool *is_known)
{
    bool is_l2 = explains(probe, SPACE_L2);
    bool is_other = explains(probe, SPACE_COSINE) || explains(probe, SPACE_IP);
    *is_known = probe->compared > 0 && (explains(probe, probe->declared) || is_l2 != is_other);
    if (!*is_known || explains(probe, probe->declared)) {
        return probe->declared;
    }
    if (is_l2) {
        return SPACE_L2;
    }
    return explains(probe, SPACE_COSINE) ? SPACE_COSINE : SPACE_IP;
}
