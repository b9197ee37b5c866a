/*
 * Decimal vectors straight into the arena. Rows are as long as the one before, as a rule: only the first one and longer
 * ones are looked at twice, to count them. Whether lengths agree is the caller's question.
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

/* *dimension: of the row before, a guess. A row that is longer is counted first. */
static bool read_vector(struct json_scan *scan, struct arena *arena, size_t *dimension,
                        struct record *record, struct error *err)
{
    struct json_scan start = *scan;
    struct error why = {0};
    size_t room = *dimension;
    size_t count = 0;
    bool is_finite = true;
    float *values = room > 0 ? scratch_alloc(arena, room * sizeof *values, err) : NULL;
    if (room > 0 && values == NULL) {
        return false;
    }
    if (room == 0 || !json_read_floats(scan, values, room, &count, &is_finite, &why)) {
        *scan = start;
        values =
            measure_row(scan, &room, err) ? scratch_alloc(arena, room * sizeof *values, err) : NULL;
        if (values == NULL || !json_read_floats(scan, values, room, &count, &is_finite, err)) {
            return false;
        }
    }
    if (count == 0) {
        return true;
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
