/*
 * A record as it travels: slices of JSON text, and the vector as floats. Everything a record points to is borrowed
 * (the answer or message it was scanned from, and an arena), so it lives as long as those.
 */
#ifndef FORMAT_RECORD_H
#define FORMAT_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "format/json_scan.h"

struct record {
    struct span id;         /* its characters (escapes resolved), UTF-8, may hold NUL */
    struct span id_json;    /* as JSON text, with quotes */
    const float *embedding; /* dimension floats, or NULL when the record has none */
    size_t dimension;
    bool is_finite; /* false: a component was null or out of range; true without an embedding */
    struct json_value document; /* string or null (text is then "null"); raw */
    struct json_value uri;      /* string or null; raw */
    struct json_value metadata; /* object or null; raw */
};

void record_init(struct record *record); /* empty: no id, no embedding, everything else null */

struct record_set {         /* in the order in which they stand in the answer or batch */
    struct record *records; /* in the arena */
    size_t count;
};

/* Index of a record by id bytes within a set: built once, in the arena. */
struct record_index;
struct record_index *record_index_new(const struct record_set *set,
                                      struct arena *arena); /* NULL: no memory */
const struct record *record_index_find(const struct record_index *index, struct span id);
/* The i-th record by id bytes, i < the set's count. */
const struct record *record_index_at(const struct record_index *index, size_t i);

/* ERROR_FORMAT, naming it, when an id comes twice. Uses the arena for an index. */
MUST_CHECK bool record_set_check_unique(const struct record_set *set, struct arena *arena,
                                        struct error *err);

#endif
