/* What a server before 1.0 does not say of a collection, or says wrongly, and what a newer one says twice: asked of its
 * records. */
#ifndef PRODUCER_SIDE_PROBE_H
#define PRODUCER_SIDE_PROBE_H

#include "producer/side.h"

/* Learns the collection's dimension (before 0.5.1 no answer has it) and the distance it is really measured by (probe.h),
 * and says so when that is not the declared one. A server that does not answer such questions leaves both as they are. False
 * only when waiting was ended: *err. */
MUST_CHECK bool side_probe(struct side *side, struct runtime *rt, struct error *err);

#endif
