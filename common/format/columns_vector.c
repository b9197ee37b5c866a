/*
 * Decimal vectors straight into the arena, each of its exact size: only the first row is looked at
 * twice, to count it.
 */
#include "format/columns_vector.h"

#include <string.h>

#include "base/limits.h"
#include "format/scratch.h"

/* How many components the row ahead has at most, without consuming it. */
static bool measure_row(const struct json_scan *scan, size_t *out, struct error *err)
{
    struct json_scan ahead = *scan;
    struct json_value row;
    if (!json_read(&ahead, &row, err)) {
        return false;
    }
    size_t components = 1;
    const uint8_t *at = row.text.ptr;
    const uint8_t *end = row.text.ptr + row.text.len;
    while ((at = memchr(at, ',', (size_t)(end - at))) != NULL) {
        components++;
        at++;
    }
    if (components > LIMIT_DIMENSION) {
        return error_set(err, ERROR_FORMAT, "%zu components, at most %u are carried", components,
                         LIMIT_DIMENSION);
    }
    *out = components;
    return true;
}

static bool read_vector(struct json_scan *scan, struct arena *arena, size_t *dimension,
                        struct record *record, struct error *err)
{
    size_t room = *dimension;
    if (room == 0 && !measure_row(scan, &room, err)) {
        return false;
    }
    float *values = scratch_alloc(arena, room * sizeof *values, err);
    size_t count = 0;
    bool is_finite = true;
    if (values == NULL || !json_read_floats(scan, values, room, &count, &is_finite, err)) {
        return false;
    }
    if (count == 0) {
        return true;
    }
    if (*dimension != 0 && count != *dimension) {
        return error_set(err, ERROR_FORMAT, "%zu components, those before have %zu", count,
                         *dimension);
    }
    *dimension = count;
    record->embedding = values;
    record->dimension = count;
    record->is_finite = is_finite;
    return true;
}

bool columns_read_embedding(struct json_scan *scan, struct arena *arena, size_t *dimension,
                            struct record *record, struct error *err)
{
    enum json_type type;
    if (!json_peek(scan, &type, err)) {
        return false;
    }
    if (type == JSON_ARRAY) {
        return read_vector(scan, arena, dimension, record, err);
    }
    struct json_value value;
    if (!json_read(scan, &value, err)) {
        return false;
    }
    if (value.type != JSON_NULL) {
        return error_set(err, ERROR_FORMAT, "neither an array nor null");
    }
    return true;
}
