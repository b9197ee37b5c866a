/*
 * When two metadata objects are equal: the rules of equality.h for values of every type, applied
 * alike at the top and inside arrays and nested objects (sparse vectors). Writes nothing, decides
 * nothing about the record.
 */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "format/equality_parts.h"
#include "format/metadata.h"
#include "format/scratch.h"

/* Chroma 1.5 reads a metadata double twice, when it comes and out of its log, each time with a parser
 * that multiplies by a rounded power of ten: by up to 2 units in the last place each. */
#define ROUNDED_ULP 4u

/* err is set when the values could not be compared; the verdict is then EQUALITY_DIFFERENT. */
static enum equality compare_values(struct json_value want, struct json_value have,
                                    struct arena *scratch, struct error *err);

static enum equality worse(enum equality a, enum equality b)
{
    if (a == EQUALITY_DIFFERENT || b == EQUALITY_DIFFERENT) {
        return EQUALITY_DIFFERENT;
    }
    return a == EQUALITY_ROUNDED ? a : b;
}

/* Doubles on a line of integers on which neighbours are 1 apart and both zeros are 0. */
static int64_t double_rank(double value)
{
    int64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits >= 0 ? bits : INT64_MIN - bits;
}

static enum equality compare_floats(struct span want, struct span have)
{
    double sent = 0;
    double read = 0;
    if (!number_parse_double(want, &sent) || !number_parse_double(have, &read) || !isfinite(sent) ||
        !isfinite(read)) {
        return EQUALITY_DIFFERENT; /* equal texts never come here */
    }
    int64_t a = double_rank(sent);
    int64_t b = double_rank(read);
    uint64_t apart = a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
    if (apart == 0) {
        return EQUALITY_SAME;
    }
    return apart <= ROUNDED_ULP ? EQUALITY_ROUNDED : EQUALITY_DIFFERENT;
}

static enum equality compare_integers(struct span want, struct span have)
{
    int64_t sent = 0;
    int64_t read = 0;
    bool are_equal = number_parse_i64(want, &sent) && number_parse_i64(have, &read) && sent == read;
    return are_equal ? EQUALITY_SAME
                     : EQUALITY_DIFFERENT; /* beyond int64: by text, compared before */
}

static enum equality compare_numbers(struct json_value want, struct json_value have)
{
    bool is_integer = json_number_is_integer(want);
    if (is_integer != json_number_is_integer(have)) {
        return EQUALITY_DIFFERENT; /* 1 is not 1.0 */
    }
    return is_integer ? compare_integers(want.text, have.text)
                      : compare_floats(want.text, have.text);
}

static enum equality compare_strings(struct json_value want, struct json_value have,
                                     struct arena *scratch, struct error *err)
{
    struct span sent = {0};
    struct span read = {0};
    bool are_equal = scratch_string(want, scratch, &sent, err) &&
                     scratch_string(have, scratch, &read, err) && span_equal(sent, read);
    return are_equal ? EQUALITY_SAME : EQUALITY_DIFFERENT;
}

static enum equality compare_arrays(struct json_value want, struct json_value have,
                                    struct arena *scratch, struct error *err)
{
    struct json_scan sent;
    struct json_scan read;
    json_scan_init(&sent, want.text);
    json_scan_init(&read, have.text);
    if (!json_open(&sent, '[', err) || !json_open(&read, '[', err)) {
        return EQUALITY_DIFFERENT;
    }
    enum equality verdict = EQUALITY_SAME;
    while (verdict != EQUALITY_DIFFERENT) {
        bool has_sent = false;
        bool has_read = false;
        if (!json_next_element(&sent, &has_sent, err) ||
            !json_next_element(&read, &has_read, err) || has_sent != has_read) {
            return EQUALITY_DIFFERENT;
        }
        if (!has_sent) {
            break;
        }
        struct json_value a;
        struct json_value b;
        if (!json_read(&sent, &a, err) || !json_read(&read, &b, err)) {
            return EQUALITY_DIFFERENT;
        }
        verdict = worse(verdict, compare_values(a, b, scratch, err));
    }
    return verdict;
}

/* Two sorted lists side by side. Stops at the first key that differs: its entries, NULL where there
 * is none. */
static enum equality compare_entries(const struct metadata *want, const struct metadata *have,
                                     const struct metadata_entry *at[2], struct arena *scratch,
                                     struct error *err)
{
    enum equality verdict = EQUALITY_SAME;
    size_t i = 0;
    size_t j = 0;
    while (i < want->count || j < have->count) {
        const struct metadata_entry *a = i < want->count ? &want->entries[i] : NULL;
        const struct metadata_entry *b = j < have->count ? &have->entries[j] : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : span_compare(a->key, b->key);
        enum equality found =
            order == 0 ? compare_values(a->value, b->value, scratch, err) : EQUALITY_DIFFERENT;
        if (found == EQUALITY_DIFFERENT ||
            (found == EQUALITY_ROUNDED && verdict == EQUALITY_SAME)) {
            at[0] = order <= 0 ? a : NULL;
            at[1] = order >= 0 ? b : NULL;
        }
        verdict = worse(verdict, found);
        if (verdict == EQUALITY_DIFFERENT) {
            break;
        }
        i++; /* the keys were equal */
        j++;
    }
    return verdict;
}

static enum equality compare_objects(struct json_value want, struct json_value have,
                                     const struct metadata_entry *at[2], struct arena *scratch,
                                     struct error *err)
{
    struct metadata sent = {0};
    struct metadata read = {0};
    if (!metadata_read(want, scratch, &sent, err) || !metadata_read(have, scratch, &read, err)) {
        return EQUALITY_DIFFERENT;
    }
    return compare_entries(&sent, &read, at, scratch, err);
}

static enum equality compare_values(struct json_value want, struct json_value have,
                                    struct arena *scratch, struct error *err)
{
    if (want.type != have.type) {
        return EQUALITY_DIFFERENT;
    }
    if (span_equal(want.text, have.text)) {
        return EQUALITY_SAME;
    }
    const struct metadata_entry *ignored[2] = {NULL, NULL};
    switch (want.type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return EQUALITY_SAME;
    case JSON_NUMBER:
        return compare_numbers(want, have);
    case JSON_STRING:
        return compare_strings(want, have, scratch, err);
    case JSON_ARRAY:
        return compare_arrays(want, have, scratch, err);
    case JSON_OBJECT:
        return compare_objects(want, have, ignored, scratch, err);
    }
    return EQUALITY_DIFFERENT;
}

static void show_entry(const struct metadata_entry *entry, char out[EQUALITY_SHOWN])
{
    equality_show(entry != NULL ? entry->value.text : SPAN_LITERAL("nothing"), out);
}

enum equality equality_compare_metadata(struct json_value want, struct json_value have,
                                        struct arena *scratch, struct difference *out)
{
    if (want.type == have.type && span_equal(want.text, have.text)) {
        return EQUALITY_SAME;
    }
    struct error err = {0};
    const struct metadata_entry *at[2] = {NULL, NULL};
    enum equality verdict = compare_objects(want, have, at, scratch, &err);
    if (err.kind != ERROR_NONE) {
        return equality_explain(EQUALITY_DIFFERENT, out, "metadata", "cannot be compared: %s",
                                err.message);
    }
    if (verdict == EQUALITY_SAME) {
        return verdict;
    }
    char key[EQUALITY_SHOWN];
    char sent[EQUALITY_SHOWN];
    char read[EQUALITY_SHOWN];
    equality_show(at[0] != NULL ? at[0]->key : at[1]->key, key);
    show_entry(at[0], sent);
    show_entry(at[1], read);
    return equality_explain(verdict, out, "metadata", "key \"%s\": sent %s, read %s", key, sent,
                            read);
}
