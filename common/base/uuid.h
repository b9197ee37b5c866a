/* UUIDs as 36-character lower-case text, the form Chroma, PostgreSQL and our messages share. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>

#include "base/bytes.h"

struct uuid {
    char text[37]; /* NUL-terminated; "" means none */
};

void uuid_random(struct uuid *out);                  /* version 4, kernel randomness */
bool uuid_parse(struct span text, struct uuid *out); /* 8-4-4-4-12 hex, any case; lowered */
bool uuid_equal(const struct uuid *a, const struct uuid *b);

#endif
