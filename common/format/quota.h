/*
 * What a target accepts of a record, and what of a record is more than that: pure, no heap, no I/O. The values come from
 * a profile (quota_profile.h); what to do about a violation is the caller's policy. Sizes are bytes of the characters as
 * UTF-8, whatever escapes they are written with. Rules by name: schemas/limits/README.md.
 */
#ifndef FORMAT_QUOTA_H
#define FORMAT_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "format/record.h"

enum quota_rule { /* those of a record first, in the order in which a reject's reason is chosen */
    QUOTA_ID_BYTES,
    QUOTA_DIMENSION,
    QUOTA_DOCUMENT_BYTES,
    QUOTA_URI_BYTES,
    QUOTA_METADATA_KEYS,
    QUOTA_METADATA_KEY_BYTES,
    QUOTA_METADATA_VALUE_BYTES,
    QUOTA_METADATA_RESERVED_KEYS,
    QUOTA_METADATA_LISTS,
    QUOTA_WRITE_RECORDS, /* the first that is not a record's own */
    QUOTA_COLLECTION_RECORDS,
    QUOTA_COLLECTION_NAME_BYTES,
    QUOTA_COLLECTION_METADATA_KEYS,
    QUOTA_COLLECTION_METADATA_KEY_BYTES,
    QUOTA_COLLECTION_METADATA_VALUE_BYTES,
    QUOTA_DATABASE_NAME_BYTES,
    QUOTA_RULE_COUNT
};
#define QUOTA_RECORD_RULES QUOTA_WRITE_RECORDS

#define QUOTA_UNLIMITED INT64_MAX

struct quota_limits {
    int64_t most[QUOTA_RULE_COUNT]; /* QUOTA_UNLIMITED: not checked */
};
void quota_limits_init(struct quota_limits *limits); /* nothing is checked */

const char *quota_rule_name(enum quota_rule rule);   /* "document_bytes" */
const char *quota_rule_reason(enum quota_rule rule); /* "quota_document_bytes": a reject's reason */
bool quota_rule_find(struct span name,
                     enum quota_rule *out);   /* false: there is none of that name */
void quota_write_rule_names(struct buf *out); /* "id_bytes, dimension, …" */

struct quota_violation {
    enum quota_rule rule;
    int64_t value;   /* the worst in this record */
    int64_t most;    /* what is accepted */
    struct span key; /* metadata rules about one key: its JSON text, borrowed; else empty */
};
struct quota_findings {
    struct quota_violation list[QUOTA_RULE_COUNT]; /* by rule, each at most once */
    size_t count;
};

/* Holds one record against the limits. ERROR_FORMAT only for metadata that never went through the scanner. */
MUST_CHECK bool quota_check_record(const struct quota_limits *limits, const struct record *record,
                                   struct quota_findings *out, struct error *err);

struct quota_collection { /* a collection as it would be at the target */
    struct span name;
    struct span database;
    struct json_value metadata; /* object or null */
    uint32_t dimension;         /* 0: not known */
    int64_t records;            /* -1: not known */
};
MUST_CHECK bool quota_check_collection(const struct quota_limits *limits,
                                       const struct quota_collection *collection,
                                       struct quota_findings *out, struct error *err);

/* "a document of 20000 bytes, where the target takes 16384"; shows a metadata key, never a value. */
void quota_describe(const struct quota_violation *violation, struct buf *out);

/* A string value cut after the last whole character that keeps it within `most` bytes; the text is new, in the arena.
 * A null and a string that fits stay as they are. Only for a string that went through the scanner. */
MUST_CHECK bool quota_truncate(struct json_value string, int64_t most, struct arena *arena,
                               struct json_value *out, struct error *err);

#endif
