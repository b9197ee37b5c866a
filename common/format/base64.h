/* Standard base64 with padding (RFC 4648 §4). float32 vectors travel as their little-endian bytes (decision 6). */
#ifndef FORMAT_BASE64_H
#define FORMAT_BASE64_H

#include "base/bytes.h"
#include "base/error.h"

void base64_append(struct buf *out, struct span bytes);
size_t base64_decoded_max(size_t text_len);
/* Strict: alphabet, padding and unused bits. out holds base64_decoded_max() bytes. */
MUST_CHECK bool base64_decode(struct span text, uint8_t *out, size_t *out_len, struct error *err);

#endif
