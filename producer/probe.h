/*
 * By which distance a collection is really measured, judged from distances that its server computed. The metadata of a
 * collection that a server before 1.0 made may say something else: it can be overwritten, the index stays. Pure.
 */
#ifndef PRODUCER_PROBE_H
#define PRODUCER_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "format/equality.h"

#define PROBE_NEIGHBOURS 10

struct probe { /* zeroed, but for `declared`: nothing is known yet */
    enum space declared;
    size_t compared;
    size_t agreeing[SPACE_COSINE + 1]; /* of each space */
};

/* The server says that a and b are `distance` apart. What is not finite says nothing. */
void probe_add(struct probe *probe, const float *a, const float *b, size_t dimension,
               double distance);
/* The declared space as long as nothing speaks against it, else the one that explains every distance; of cosine and ip,
 * which are the same for unit vectors, cosine. *is_known = false: none explains them, l2 and another one do, or there was
 * nothing to judge; then the declared one. */
enum space probe_judge(const struct probe *probe, bool *is_known);

#endif
