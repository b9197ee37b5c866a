/* SHA-256 (libcrypto). */
#ifndef FORMAT_DIGEST_H
#define FORMAT_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct digest {
    uint8_t bytes[32];
};

struct digest_stream; /* opaque, heap */

void digest_of(struct span bytes, struct digest *out);
struct digest_stream *digest_new(void); /* NULL when out of memory */
void digest_update(struct digest_stream *stream, struct span bytes);
void digest_finish(struct digest_stream *stream, struct digest *out); /* and frees it */
bool digest_equal(const struct digest *a, const struct digest *b);
void digest_format(const struct digest *digest, char out[65]); /* hex */
bool digest_parse(struct span hex, struct digest *out);

#endif
