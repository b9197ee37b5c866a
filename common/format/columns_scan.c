/*
 * A get answer, read in one pass: each column fills its field of records that grow as the longest
 * column does, since "ids" may come last. Vectors are parsed into the arena (columns_vector.c),
 * everything else stays a slice of the answer. Knows nothing of which ids were asked for; the
 * caller joins by id.
 */
#include "format/columns.h"

#include "format/columns_vector.h"
#include "format/scratch.h"

enum column {
    COLUMN_IDS,
    COLUMN_EMBEDDINGS,
    COLUMN_DOCUMENTS,
    COLUMN_URIS,
    COLUMN_METADATAS,
    COLUMN_COUNT
};

struct reader {
    struct json_scan scan;
    struct arena *arena;
    struct record *records;
    size_t room;      /* records allocated, all initialised as empty ones */
    size_t dimension; /* of the vector before; 0 before the first */
    bool is_seen[COLUMN_COUNT];
    bool has_rows[COLUMN_COUNT]; /* the column is an array, not null */
    size_t rows[COLUMN_COUNT];
};

/* Reads one element into the i-th record. */
typedef bool read_cell_fn(struct reader *reader, size_t i, struct error *err);

static bool read_id(struct reader *reader, size_t i, struct error *err)
{
    struct json_value value;
    if (!json_read(&reader->scan, &value, err)) {
        return false;
    }
    if (value.type != JSON_STRING) {
        return error_set(err, ERROR_FORMAT, "not a string");
    }
    reader->records[i].id_json = value.text;
    return scratch_string(value, reader->arena, &reader->records[i].id, err);
}

static bool read_embedding(struct reader *reader, size_t i, struct error *err)
{
    return columns_read_embedding(&reader->scan, reader->arena, &reader->dimension,
                                  &reader->records[i], err);
}

static bool read_nullable(struct reader *reader, enum json_type type, struct json_value *out,
                          struct error *err)
{
    struct json_value value;
    if (!json_read(&reader->scan, &value, err)) {
        return false;
    }
    if (value.type != type && value.type != JSON_NULL) {
        return error_set(err, ERROR_FORMAT, "neither %s nor null",
                         type == JSON_OBJECT ? "an object" : "a string");
    }
    *out = value;
    return true;
}

static bool read_document(struct reader *reader, size_t i, struct error *err)
{
    return read_nullable(reader, JSON_STRING, &reader->records[i].document, err);
}

static bool read_uri(struct reader *reader, size_t i, struct error *err)
{
    return read_nullable(reader, JSON_STRING, &reader->records[i].uri, err);
}

static bool read_metadata(struct reader *reader, size_t i, struct error *err)
{
    return read_nullable(reader, JSON_OBJECT, &reader->records[i].metadata, err);
}

static const struct {
    const char *name;
    read_cell_fn *read;
} COLUMNS[COLUMN_COUNT] = {
    [COLUMN_IDS] = {"ids", read_id},
    [COLUMN_EMBEDDINGS] = {"embeddings", read_embedding},
    [COLUMN_DOCUMENTS] = {"documents", read_document},
    [COLUMN_URIS] = {"uris", read_uri},
    [COLUMN_METADATAS] = {"metadatas", read_metadata},
};

/* Room for the i-th record; every new one is empty until its columns come. */
static bool reserve_record(struct reader *reader, size_t i, struct error *err)
{
    size_t before = reader->room;
    struct record *records =
        scratch_grow(reader->arena, reader->records, i, &reader->room, sizeof *records, err);
    if (records == NULL) {
        return false;
    }
    for (size_t j = before; j < reader->room; j++) {
        record_init(&records[j]);
    }
    reader->records = records;
    return true;
}

static bool read_rows(struct reader *reader, enum column column, struct error *err)
{
    if (!json_open(&reader->scan, '[', err)) {
        return error_wrap(err, "%s", COLUMNS[column].name);
    }
    for (size_t i = 0;; i++) {
        bool more = false;
        if (!json_next_element(&reader->scan, &more, err)) {
            return error_wrap(err, "%s", COLUMNS[column].name);
        }
        if (!more) {
            reader->rows[column] = i;
            return true;
        }
        if (!reserve_record(reader, i, err) || !COLUMNS[column].read(reader, i, err)) {
            return error_wrap(err, "%s[%zu]", COLUMNS[column].name, i);
        }
    }
}

static bool read_column(struct reader *reader, enum column column, struct error *err)
{
    if (reader->is_seen[column]) {
        return error_set(err, ERROR_FORMAT, "\"%s\" comes twice", COLUMNS[column].name);
    }
    reader->is_seen[column] = true;
    enum json_type type;
    if (!json_peek(&reader->scan, &type, err)) {
        return false;
    }
    if (type == JSON_NULL) {
        struct json_value nothing;
        return json_read(&reader->scan, &nothing, err);
    }
    reader->has_rows[column] = true;
    return read_rows(reader, column, err);
}

static enum column column_of(struct json_value name)
{
    int column = 0;
    while (column < COLUMN_COUNT && !json_string_is(name, COLUMNS[column].name)) {
        column++;
    }
    return (enum column)column;
}

static bool read_answer(struct reader *reader, struct error *err)
{
    if (!json_open(&reader->scan, '{', err)) {
        return false;
    }
    struct json_value name;
    bool more = false;
    while (json_next_member(&reader->scan, &name, &more, err)) {
        if (!more) {
            return json_finish(&reader->scan, err);
        }
        enum column column = column_of(name);
        struct json_value ignored;
        if (column == COLUMN_COUNT ? !json_read(&reader->scan, &ignored, err)
                                   : !read_column(reader, column, err)) {
            return false;
        }
    }
    return false;
}

static bool check_columns(const struct reader *reader, struct error *err)
{
    if (!reader->has_rows[COLUMN_IDS]) {
        return error_set(err, ERROR_FORMAT, "no \"ids\"");
    }
    for (int column = COLUMN_IDS + 1; column < COLUMN_COUNT; column++) {
        if (reader->has_rows[column] && reader->rows[column] != reader->rows[COLUMN_IDS]) {
            return error_set(err, ERROR_FORMAT, "%zu ids but %zu %s", reader->rows[COLUMN_IDS],
                             reader->rows[column], COLUMNS[column].name);
        }
    }
    return true;
}

bool columns_scan(struct span answer, struct arena *arena, struct record_set *out,
                  struct error *err)
{
    struct reader reader = {.arena = arena};
    json_scan_init(&reader.scan, answer);
    if (!read_answer(&reader, err) || !check_columns(&reader, err)) {
        return error_wrap(err, "get answer");
    }
    struct record_set set = {reader.records, reader.rows[COLUMN_IDS]};
    if (!record_set_check_unique(&set, arena, err)) {
        return error_wrap(err, "get answer");
    }
    *out = set;
    return true;
}
