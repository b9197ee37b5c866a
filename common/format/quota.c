/*
 * The rules and their checks; see quota.h. A text that is short enough with its escapes is not decoded: characters
 * never take more bytes than what they are written as.
 */
#include "format/quota.h"

#include <inttypes.h>
#include <string.h>

#define REASON_PREFIX "quota_"
#define SHOWN_KEY     64

struct rule {
    const char *reason;
    const char *what; /* with the value: "an id of 130 bytes" */
    const char *unit;
};

static const struct rule rules[QUOTA_RULE_COUNT] = {
    [QUOTA_ID_BYTES] = {REASON_PREFIX "id_bytes", "an id of", "bytes"},
    [QUOTA_DIMENSION] = {REASON_PREFIX "dimension", "a vector of", "components"},
    [QUOTA_DOCUMENT_BYTES] = {REASON_PREFIX "document_bytes", "a document of", "bytes"},
    [QUOTA_URI_BYTES] = {REASON_PREFIX "uri_bytes", "a uri of", "bytes"},
    [QUOTA_METADATA_KEYS] = {REASON_PREFIX "metadata_keys", "metadata of", "keys"},
    [QUOTA_METADATA_KEY_BYTES] = {REASON_PREFIX "metadata_key_bytes", "a metadata key of", "bytes"},
    [QUOTA_METADATA_VALUE_BYTES] = {REASON_PREFIX "metadata_value_bytes", "a metadata value of",
                                    "bytes"},
    [QUOTA_METADATA_RESERVED_KEYS] = {REASON_PREFIX "metadata_reserved_keys",
                                      "metadata keys, empty or beginning with # or $:", "of them"},
    [QUOTA_METADATA_LISTS] = {REASON_PREFIX "metadata_lists", "metadata with", "lists"},
    [QUOTA_WRITE_RECORDS] = {REASON_PREFIX "write_records", "a write of", "records"},
    [QUOTA_COLLECTION_RECORDS] = {REASON_PREFIX "collection_records", "a collection of", "records"},
    [QUOTA_COLLECTION_NAME_BYTES] = {REASON_PREFIX "collection_name_bytes", "a collection name of",
                                     "bytes"},
    [QUOTA_COLLECTION_METADATA_KEYS] = {REASON_PREFIX "collection_metadata_keys",
                                        "collection metadata of", "keys"},
    [QUOTA_COLLECTION_METADATA_KEY_BYTES] = {REASON_PREFIX "collection_metadata_key_bytes",
                                             "a key of the collection's metadata of", "bytes"},
    [QUOTA_COLLECTION_METADATA_VALUE_BYTES] = {REASON_PREFIX "collection_metadata_value_bytes",
                                               "a value of the collection's metadata of", "bytes"},
    [QUOTA_DATABASE_NAME_BYTES] = {REASON_PREFIX "database_name_bytes", "a database name of",
                                   "bytes"},
};

void quota_limits_init(struct quota_limits *limits)
{
    for (size_t i = 0; i < QUOTA_RULE_COUNT; i++) {
        limits->most[i] = QUOTA_UNLIMITED;
    }
}

const char *quota_rule_reason(enum quota_rule rule)
{
    return rules[rule].reason;
}

const char *quota_rule_name(enum quota_rule rule)
{
    return rules[rule].reason + strlen(REASON_PREFIX);
}

bool quota_rule_find(struct span name, enum quota_rule *out)
{
    for (enum quota_rule rule = 0; rule < QUOTA_RULE_COUNT; rule++) {
        if (span_equal(span_from_str(quota_rule_name(rule)), name)) {
            *out = rule;
            return true;
        }
    }
    return false;
}

void quota_write_rule_names(struct buf *out)
{
    for (enum quota_rule rule = 0; rule < QUOTA_RULE_COUNT; rule++) {
        buf_printf(out, "%s%s", rule > 0 ? ", " : "", quota_rule_name(rule));
    }
}

void quota_describe(const struct quota_violation *violation, struct buf *out)
{
    const struct rule *rule = &rules[violation->rule];
    buf_printf(out, "%s %" PRId64 " %s, where the target takes %" PRId64, rule->what,
               violation->value, rule->unit, violation->most);
    if (violation->key.len > 2) {
        buf_append_str(out, " (key ");
        buf_append_text(out, (struct span){violation->key.ptr + 1, violation->key.len - 2},
                        SHOWN_KEY);
        buf_append_byte(out, ')');
    }
}

/* ---- checking ---- */

struct checker {
    const struct quota_limits *limits;
    struct quota_findings *out;
};

static void hold(struct checker *checker, enum quota_rule rule, int64_t value, struct span key)
{
    struct quota_findings *out = checker->out;
    if (value <= checker->limits->most[rule]) {
        return;
    }
    for (size_t i = 0; i < out->count; i++) {
        if (out->list[i].rule == rule) {
            if (value > out->list[i].value) {
                out->list[i].value = value;
                out->list[i].key = key;
            }
            return;
        }
    }
    out->list[out->count++] =
        (struct quota_violation){rule, value, checker->limits->most[rule], key};
}

static const struct span NO_KEY = {NULL, 0};

static void hold_string(struct checker *checker, enum quota_rule rule, struct json_value value,
                        struct span key)
{
    int64_t most = checker->limits->most[rule];
    if (value.type == JSON_STRING && (int64_t)value.text.len - 2 > most) {
        hold(checker, rule, (int64_t)json_string_bytes(value), key);
    }
}

/* Characters of strings, 8 bytes for a number, 1 for a boolean. */
static bool measure_list(struct json_value list, int64_t *out, struct error *err)
{
    struct json_scan scan;
    struct json_value element;
    bool more = false;
    json_scan_init(&scan, list.text);
    *out = 0;
    if (!json_open(&scan, '[', err)) {
        return false;
    }
    while (json_next_element(&scan, &more, err)) {
        if (!more) {
            return true;
        }
        if (!json_read(&scan, &element, err)) {
            return false;
        }
        if (element.type == JSON_STRING) {
            *out += (int64_t)json_string_bytes(element);
        } else if (element.type == JSON_NUMBER) {
            *out += 8;
        } else {
            *out += 1;
        }
    }
    return false;
}

/* What no server since 1.0 takes: an empty key, or one that begins with # or $. */
static bool is_reserved(struct json_value key)
{
    struct span text = {key.text.ptr + 1, key.text.len - 2};
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == '$') {
        return true;
    }
    return text.len >= 6 &&
           (memcmp(text.ptr, "\\u0023", 6) == 0 || memcmp(text.ptr, "\\u0024", 6) == 0);
}

struct metadata_rules {
    enum quota_rule keys, key_bytes, value_bytes;
    bool is_record; /* some rules are for records only */
};
enum counted {
    COUNT_KEYS,
    COUNT_RESERVED, /* of them */
    COUNT_LISTS,
    COUNTS
};

static bool check_member(struct checker *checker, const struct metadata_rules *rule,
                         struct json_value name, struct json_value value, int64_t counts[COUNTS],
                         struct error *err)
{
    int64_t list_bytes = 0;
    if (value.type == JSON_NULL) {
        return true; /* as good as not there */
    }
    if (value.type == JSON_ARRAY && !measure_list(value, &list_bytes, err)) {
        return false;
    }
    if (value.type == JSON_ARRAY && list_bytes == 0 &&
        !memchr(value.text.ptr, '"', value.text.len)) {
        return true; /* [] is, too */
    }
    counts[COUNT_KEYS]++;
    hold_string(checker, rule->key_bytes, name, name.text);
    hold_string(checker, rule->value_bytes, value, name.text);
    if (value.type == JSON_ARRAY) {
        hold(checker, rule->value_bytes, list_bytes, name.text);
    }
    if (rule->is_record && value.type == JSON_ARRAY) {
        hold(checker, QUOTA_METADATA_LISTS, ++counts[COUNT_LISTS], name.text);
    }
    if (rule->is_record && is_reserved(name)) {
        hold(checker, QUOTA_METADATA_RESERVED_KEYS, ++counts[COUNT_RESERVED], name.text);
    }
    return true;
}

static bool check_metadata(struct checker *checker, const struct metadata_rules *rule,
                           struct json_value metadata, struct error *err)
{
    struct json_scan scan;
    struct json_value name;
    struct json_value value;
    int64_t counts[COUNTS] = {0};
    bool more = false;
    if (metadata.type == JSON_NULL) {
        return true;
    }
    json_scan_init(&scan, metadata.text);
    if (!json_open(&scan, '{', err)) {
        return false;
    }
    while (json_next_member(&scan, &name, &more, err)) {
        if (!more) {
            hold(checker, rule->keys, counts[COUNT_KEYS], NO_KEY);
            return true;
        }
        if (!json_read(&scan, &value, err) ||
            !check_member(checker, rule, name, value, counts, err)) {
            return false;
        }
    }
    return false;
}

/* Few: by insertion. */
static void sort_by_rule(struct quota_findings *findings)
{
    for (size_t i = 1; i < findings->count; i++) {
        struct quota_violation moved = findings->list[i];
        size_t at = i;
        for (; at > 0 && findings->list[at - 1].rule > moved.rule; at--) {
            findings->list[at] = findings->list[at - 1];
        }
        findings->list[at] = moved;
    }
}

bool quota_check_record(const struct quota_limits *limits, const struct record *record,
                        struct quota_findings *out, struct error *err)
{
    static const struct metadata_rules of_record = {QUOTA_METADATA_KEYS, QUOTA_METADATA_KEY_BYTES,
                                                    QUOTA_METADATA_VALUE_BYTES, true};
    struct checker checker = {limits, out};
    out->count = 0;
    hold(&checker, QUOTA_ID_BYTES, (int64_t)record->id.len, NO_KEY);
    hold(&checker, QUOTA_DIMENSION, (int64_t)record->dimension, NO_KEY);
    hold_string(&checker, QUOTA_DOCUMENT_BYTES, record->document, NO_KEY);
    hold_string(&checker, QUOTA_URI_BYTES, record->uri, NO_KEY);
    bool ok = check_metadata(&checker, &of_record, record->metadata, err);
    sort_by_rule(out);
    return ok;
}

bool quota_check_collection(const struct quota_limits *limits,
                            const struct quota_collection *collection, struct quota_findings *out,
                            struct error *err)
{
    static const struct metadata_rules of_collection = {
        QUOTA_COLLECTION_METADATA_KEYS, QUOTA_COLLECTION_METADATA_KEY_BYTES,
        QUOTA_COLLECTION_METADATA_VALUE_BYTES, false};
    struct checker checker = {limits, out};
    out->count = 0;
    hold(&checker, QUOTA_DIMENSION, collection->dimension, NO_KEY);
    hold(&checker, QUOTA_COLLECTION_RECORDS, collection->records, NO_KEY);
    hold(&checker, QUOTA_COLLECTION_NAME_BYTES, (int64_t)collection->name.len, NO_KEY);
    hold(&checker, QUOTA_DATABASE_NAME_BYTES, (int64_t)collection->database.len, NO_KEY);
    bool ok = check_metadata(&checker, &of_collection, collection->metadata, err);
    sort_by_rule(out);
    return ok;
}

bool quota_truncate(struct json_value string, int64_t most, struct arena *arena,
                    struct json_value *out, struct error *err)
{
    *out = string;
    if (string.type != JSON_STRING || (int64_t)string.text.len - 2 <= most) {
        return true;
    }
    size_t kept = json_string_prefix(string, most < 0 ? 0 : (size_t)most);
    if (kept + 1 == string.text.len) {
        return true; /* it was long only by its escapes */
    }
    uint8_t *text = arena_alloc(arena, kept + 1);
    if (text == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    memcpy(text, string.text.ptr, kept);
    text[kept] = '"';
    out->text = (struct span){text, kept + 1};
    return true;
}
