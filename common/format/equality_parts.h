/* Private to equality: its parts, and how they say what differs. */
#ifndef FORMAT_EQUALITY_PARTS_H
#define FORMAT_EQUALITY_PARTS_H

#include "base/arena.h"
#include "base/compiler.h"
#include "format/equality.h"
#include "format/json_scan.h"

enum equality equality_compare_metadata(struct json_value want, struct json_value have,
                                        struct arena *scratch, struct difference *out);

/* Fills out (may be NULL) and returns the verdict: `return equality_explain(…)` reads well. */
enum equality equality_explain(enum equality verdict, struct difference *out, const char *field,
                               const char *fmt, ...) PRINTF_LIKE(4, 5);

#define EQUALITY_SHOWN 48 /* room for a foreign text in a difference, its NUL included */

/* A foreign text, cut, printable, for the %s of equality_explain. */
void equality_show(struct span text, char out[EQUALITY_SHOWN]);

#endif
