/*
 * A metadata object as a sorted list, in the form in which two of them are compared (decision 14):
 * keys as characters, sorted bytewise, the last of a name wins, keys with null or [] left out
 * because servers drop them. Values stay slices of the JSON text.
 */
#ifndef FORMAT_METADATA_H
#define FORMAT_METADATA_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "format/json_scan.h"

struct metadata_entry {
    struct span key;      /* characters; a slice of the object or in the arena */
    struct span key_json; /* as JSON text, with quotes */
    struct json_value value;
    size_t position; /* in the object */
};

struct metadata {
    struct metadata_entry *entries; /* in the arena */
    size_t count;
};

/* object: an object, or null, which has no entries. Borrows it. */
MUST_CHECK bool metadata_read(struct json_value object, struct arena *arena, struct metadata *out,
                              struct error *err);

#endif
