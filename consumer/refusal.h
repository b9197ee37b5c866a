/* Whether two refusals say the same, but for the record they speak of. Pure. */
#ifndef CONSUMER_REFUSAL_H
#define CONSUMER_REFUSAL_H

#include <stdint.h>

#include "base/bytes.h"

/* A digest of status and message without what differs from record to record: its id, numbers, and what stands in
 * quotes. id: of the only record that was sent, or empty. */
uint64_t refusal_likeness(int status, const char *message, struct span id);

#endif
