/*
 * Reads one line of a batch, header or operation. Strict where a stranger's mistake could lose
 * data: an unknown operation, an unknown or doubled member of an operation, a missing id or vector
 * are errors. Unknown header members are ignored. Does not know about other lines.
 */
#include "format/batch_line.h"

#include <math.h>

#include "base/limits.h"
#include "base/number.h"
#include "format/base64.h"
#include "format/scratch.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "vectors travel as little-endian bytes and are copied to memory");

struct member { /* one that we know of an object */
    const char *name;
    struct json_value value;
    bool is_present;
};

enum {
    HEADER_VERSION,
    HEADER_LEDGER,
    HEADER_JOB,
    HEADER_BATCH,
    HEADER_REV,
    HEADER_TARGET,
    HEADER_RECORDS,
    HEADER_COUNT
};
enum {
    LINE_OP,
    LINE_ID,
    LINE_EMBEDDING,
    LINE_DOCUMENT,
    LINE_URI,
    LINE_METADATA,
    LINE_COUNT
};

static struct member *find_member(struct member *members, size_t count, struct json_value name)
{
    for (size_t i = 0; i < count; i++) {
        if (json_string_is(name, members[i].name)) {
            return &members[i];
        }
    }
    return NULL;
}

/* Shows a few bytes of untrusted text in an error. */
static bool refuse(struct error *err, const char *what, struct span text)
{
    struct buf shown;
    buf_init(&shown, 512);
    buf_append_printable(&shown, text, 60);
    error_set(err, ERROR_FORMAT, "%s %s", what, buf_cstr(&shown));
    buf_deinit(&shown);
    return false;
}

static bool read_members(struct span line, struct member *members, size_t count,
                         bool may_have_others, struct error *err)
{
    struct json_scan scan;
    json_scan_init(&scan, line);
    if (!json_open(&scan, '{', err)) {
        return false;
    }
    struct json_value name;
    bool more = false;
    while (json_next_member(&scan, &name, &more, err)) {
        if (!more) {
            return json_finish(&scan, err);
        }
        struct json_value value;
        if (!json_read(&scan, &value, err)) {
            return false;
        }
        struct member *member = find_member(members, count, name);
        if (member == NULL && !may_have_others) {
            return refuse(err, "unknown member", name.text);
        }
        if (member != NULL && member->is_present) {
            return error_set(err, ERROR_FORMAT, "\"%s\" comes twice", member->name);
        }
        if (member != NULL) {
            member->value = value;
            member->is_present = true;
        }
    }
    return false;
}

static bool read_positive(const struct member *member, int64_t *out, struct error *err)
{
    if (!member->is_present) {
        return error_set(err, ERROR_FORMAT, "no \"%s\"", member->name);
    }
    int64_t value = 0;
    if (member->value.type != JSON_NUMBER || !json_number_is_integer(member->value) ||
        !number_parse_i64(member->value.text, &value) || value < 1) {
        return error_set(err, ERROR_FORMAT, "\"%s\" is not a positive whole number", member->name);
    }
    *out = value;
    return true;
}

static bool read_uuid(const struct member *member, struct uuid *out, struct error *err)
{
    if (!member->is_present) {
        return error_set(err, ERROR_FORMAT, "no \"%s\"", member->name);
    }
    struct span text = member->value.text;
    if (member->value.type != JSON_STRING || text.len < 2 ||
        !uuid_parse((struct span){text.ptr + 1, text.len - 2}, out)) {
        return error_set(err, ERROR_FORMAT, "\"%s\" is not a UUID", member->name);
    }
    return true;
}

bool batch_line_read_header(struct span line, struct batch_header *out, struct error *err)
{
    struct member members[HEADER_COUNT] = {
        [HEADER_VERSION] = {.name = "ferry_batch"},
        [HEADER_LEDGER] = {.name = "ledger"},
        [HEADER_JOB] = {.name = "job"},
        [HEADER_BATCH] = {.name = "batch"},
        [HEADER_REV] = {.name = "rev"},
        [HEADER_TARGET] = {.name = "target"},
        [HEADER_RECORDS] = {.name = "records"},
    };
    int64_t version = 0;
    if (!read_members(line, members, HEADER_COUNT, true, err) ||
        !read_positive(&members[HEADER_VERSION], &version, err)) {
        return false;
    }
    if (version != BATCH_FORMAT_VERSION) { /* before anything else of another version is judged */
        return error_set(err, ERROR_FORMAT, "format version %lld, this program reads version %d",
                         (long long)version, BATCH_FORMAT_VERSION);
    }
    struct batch_header header = {0};
    int64_t records = 0;
    if (!read_uuid(&members[HEADER_LEDGER], &header.ledger, err) ||
        !read_positive(&members[HEADER_JOB], &header.job_id, err) ||
        !read_positive(&members[HEADER_BATCH], &header.batch_no, err) ||
        !read_positive(&members[HEADER_REV], &header.export_rev, err) ||
        !read_uuid(&members[HEADER_TARGET], &header.target, err) ||
        !read_positive(&members[HEADER_RECORDS], &records, err)) {
        return false;
    }
    if (records > UINT32_MAX) {
        return error_set(err, ERROR_FORMAT, "\"records\" is too large");
    }
    header.records = (uint32_t)records;
    *out = header;
    return true;
}

static bool read_vector(struct json_value value, struct arena *arena, struct record *record,
                        struct error *err)
{
    struct span text;
    if (value.type != JSON_STRING) {
        return error_set(err, ERROR_FORMAT, "\"embedding\" is not a string");
    }
    if (!scratch_string(value, arena, &text, err)) { /* some writers escape the slash */
        return false;
    }
    float *values = scratch_alloc(arena, base64_decoded_max(text.len), err);
    size_t len = 0;
    if (values == NULL || !base64_decode(text, (uint8_t *)values, &len, err)) {
        return error_wrap(err, "\"embedding\"");
    }
    size_t dimension = len / sizeof *values;
    if (dimension == 0 || dimension > LIMIT_DIMENSION || len % sizeof *values != 0) {
        return error_set(err, ERROR_FORMAT,
                         "\"embedding\" has %zu bytes, not 4 to each of 1 to %u components", len,
                         LIMIT_DIMENSION);
    }
    for (size_t i = 0; i < dimension; i++) {
        if (!isfinite(values[i])) {
            return error_set(err, ERROR_FORMAT, "\"embedding\" is not finite at component %zu", i);
        }
    }
    record->embedding = values;
    record->dimension = dimension;
    record->is_finite = true;
    return true;
}

/* A member that may be null, or be absent, which is the same: the record starts with nulls. */
static bool read_nullable(const struct member *member, enum json_type type, struct json_value *out,
                          struct error *err)
{
    if (!member->is_present) {
        return true;
    }
    if (member->value.type != type && member->value.type != JSON_NULL) {
        return error_set(err, ERROR_FORMAT, "\"%s\" is neither %s nor null", member->name,
                         type == JSON_OBJECT ? "an object" : "a string");
    }
    *out = member->value;
    return true;
}

bool batch_line_read_operation(struct span line, struct arena *arena, struct record *out,
                               struct error *err)
{
    struct member members[LINE_COUNT] = {
        [LINE_OP] = {.name = "op"},
        [LINE_ID] = {.name = "id"},
        [LINE_EMBEDDING] = {.name = "embedding"},
        [LINE_DOCUMENT] = {.name = "document"},
        [LINE_URI] = {.name = "uri"},
        [LINE_METADATA] = {.name = "metadata"},
    };
    if (!read_members(line, members, LINE_COUNT, false, err)) {
        return false;
    }
    for (int i = LINE_OP; i <= LINE_EMBEDDING; i++) {
        if (!members[i].is_present) {
            return error_set(err, ERROR_FORMAT, "no \"%s\"", members[i].name);
        }
    }
    if (members[LINE_OP].value.type != JSON_STRING ||
        !json_string_is(members[LINE_OP].value, "upsert")) {
        return refuse(err, "unknown operation", members[LINE_OP].value.text);
    }
    if (members[LINE_ID].value.type != JSON_STRING) {
        return error_set(err, ERROR_FORMAT, "\"id\" is not a string");
    }
    record_init(out);
    out->id_json = members[LINE_ID].value.text;
    return scratch_string(members[LINE_ID].value, arena, &out->id, err) &&
           read_vector(members[LINE_EMBEDDING].value, arena, out, err) &&
           read_nullable(&members[LINE_DOCUMENT], JSON_STRING, &out->document, err) &&
           read_nullable(&members[LINE_URI], JSON_STRING, &out->uri, err) &&
           read_nullable(&members[LINE_METADATA], JSON_OBJECT, &out->metadata, err);
}

struct span batch_line_of(const struct buf *text, const struct record *record)
{
    const uint8_t *first = record->id_json.ptr;
    const uint8_t *end = record->id_json.ptr;

    while (first > text->ptr && first[-1] != '\n') {
        first--;
    }
    while (end < text->ptr + text->len && *end != '\n') {
        end++;
    }
    end += end < text->ptr + text->len;
    return (struct span){first, (size_t)(end - first)};
}
