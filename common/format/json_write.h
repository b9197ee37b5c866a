/* JSON text into a buf: only what cannot be copied as a slice. Errors are sticky in the buf. */
#ifndef FORMAT_JSON_WRITE_H
#define FORMAT_JSON_WRITE_H

#include "base/bytes.h"

void json_write_string(struct buf *buf, struct span text); /* quoted and escaped; text is UTF-8 */
void json_write_floats(struct buf *buf, const float *values, size_t count); /* [0.1,…], shortest, round trips */
/* Copies a validated value so that it stays on one line: white space outside strings is dropped. */
void json_write_compact(struct buf *buf, struct span value);

#endif
