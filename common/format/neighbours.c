/* Asking for neighbours, and reading who they are. What is expected of them is the caller's business. */
#include "format/neighbours.h"

#include <math.h>

#include "base/number.h"
#include "format/json_scan.h"
#include "format/json_write.h"
#include "format/scratch.h"

void neighbours_write_query(struct buf *out, const float *vector, size_t dimension,
                            size_t n_results)
{
    buf_append_str(out, "{\"query_embeddings\":[");
    json_write_floats(out, vector, dimension);
    buf_printf(out, "],\"n_results\":%zu,\"include\":[\"distances\"]}", n_results);
}

struct reader {
    struct json_scan scan;
    struct arena *arena;
    struct neighbour *list;
    size_t room;
    size_t ids, distances; /* rows of each column */
    bool has_ids, has_distances;
};

typedef bool read_cell_fn(struct reader *reader, struct neighbour *out, struct error *err);

static bool read_id(struct reader *reader, struct neighbour *out, struct error *err)
{
    struct json_value value;
    if (!json_read(&reader->scan, &value, err)) {
        return false;
    }
    if (value.type != JSON_STRING) {
        return error_set(err, ERROR_FORMAT, "an id that is not a string");
    }
    return scratch_string(value, reader->arena, &out->id, err);
}

static bool read_distance(struct reader *reader, struct neighbour *out, struct error *err)
{
    struct json_value value;
    if (!json_read(&reader->scan, &value, err)) {
        return false;
    }
    if (value.type == JSON_NULL) {
        return true;
    }
    return (value.type == JSON_NUMBER && number_parse_double(value.text, &out->distance)) ||
           error_set(err, ERROR_FORMAT, "a distance that is no number");
}

static bool reserve(struct reader *reader, size_t i, struct error *err)
{
    size_t before = reader->room;
    struct neighbour *list =
        scratch_grow(reader->arena, reader->list, i, &reader->room, sizeof *list, err);
    if (list == NULL) {
        return false;
    }
    for (size_t j = before; j < reader->room; j++) {
        list[j].distance = NAN;
    }
    reader->list = list;
    return true;
}

/* [[cell,…]]: one row per vector asked about, and one was. */
static bool read_column(struct reader *reader, read_cell_fn *read, size_t *rows, bool *has,
                        struct error *err)
{
    enum json_type type;
    struct json_value nothing;
    bool more = false;
    if (!json_peek(&reader->scan, &type, err)) {
        return false;
    }
    if (type == JSON_NULL) {
        return json_read(&reader->scan, &nothing, err);
    }
    if (*has) {
        return error_set(err, ERROR_FORMAT, "a column for the second time");
    }
    *has = true;
    if (!json_open(&reader->scan, '[', err) || !json_next_element(&reader->scan, &more, err) ||
        (!more && !error_set(err, ERROR_FORMAT, "no row")) || !json_open(&reader->scan, '[', err)) {
        return false;
    }
    for (*rows = 0; json_next_element(&reader->scan, &more, err) && more; (*rows)++) {
        if (!reserve(reader, *rows, err) || !read(reader, &reader->list[*rows], err)) {
            return false;
        }
    }
    return err->kind == ERROR_NONE && json_next_element(&reader->scan, &more, err) &&
           (!more || error_set(err, ERROR_FORMAT, "more than one row"));
}

static bool read_answer(struct reader *reader, struct error *err)
{
    struct json_value name;
    struct json_value ignored;
    bool more = false;
    if (!json_open(&reader->scan, '{', err)) {
        return false;
    }
    while (json_next_member(&reader->scan, &name, &more, err)) {
        bool ok = true;
        if (!more) {
            return json_finish(&reader->scan, err);
        }
        if (json_string_is(name, "ids")) {
            ok = read_column(reader, read_id, &reader->ids, &reader->has_ids, err);
        } else if (json_string_is(name, "distances")) {
            ok =
                read_column(reader, read_distance, &reader->distances, &reader->has_distances, err);
        } else {
            ok = json_read(&reader->scan, &ignored, err);
        }
        if (!ok) {
            return false;
        }
    }
    return false;
}

bool neighbours_scan(struct span answer, struct arena *arena, struct neighbours *out,
                     struct error *err)
{
    struct reader reader = {.arena = arena};
    json_scan_init(&reader.scan, answer);
    if (!read_answer(&reader, err)) {
        return error_wrap(err, "query answer");
    }
    if (!reader.has_ids || (reader.has_distances && reader.distances != reader.ids)) {
        return error_set(err, ERROR_FORMAT, "query answer: %zu ids and %zu distances", reader.ids,
                         reader.distances);
    }
    *out = (struct neighbours){reader.list, reader.ids};
    return true;
}
