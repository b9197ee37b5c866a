/* Private to the batch codec: one line of a batch, without its newline, into what it says. */
#ifndef FORMAT_BATCH_LINE_H
#define FORMAT_BATCH_LINE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "format/batch.h"
#include "format/record.h"

MUST_CHECK bool batch_line_read_header(struct span line, struct batch_header *out,
                                       struct error *err);
/* The record borrows the line and the arena. */
MUST_CHECK bool batch_line_read_operation(struct span line, struct arena *arena, struct record *out,
                                          struct error *err);

#endif
