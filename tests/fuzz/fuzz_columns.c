/* A columnar `get` answer from anybody: what is taken equals itself, and the upsert made of it is JSON that reads back the same. */
#include "fuzz.h"

#include "format/columns.h"
#include "format/equality.h"
#include "format/quota.h"

#define ARENA_MAX (16u << 20)

/* The upsert's members are those of an answer, so the reader of answers reads it. Needs vectors: an upsert without is none. */
static void check_upsert(const struct record_set *set, struct arena *arena)
{
    struct buf body;
    struct error err = {0};
    struct record_set again;

    for (size_t i = 0; i < set->count; i++) {
        if (set->records[i].embedding == NULL || !set->records[i].is_finite) {
            return;
        }
    }
    buf_init(&body, 64u << 20);
    columns_write_upsert(&body, set->records, set->count, VECTOR_DECIMAL);
    REQUIRE(buf_check(&body, "body", &err));
    REQUIRE(columns_scan(buf_span(&body), arena, &again, &err));
    REQUIRE(again.count == set->count);
    for (size_t i = 0; i < set->count; i++) {
        REQUIRE(span_equal(again.records[i].id, set->records[i].id));
        REQUIRE(equality_compare(&set->records[i], &again.records[i], SPACE_IP, arena, NULL) ==
                EQUALITY_SAME);
    }
    buf_clear(&body);
    columns_write_upsert(&body, set->records, set->count, VECTOR_BASE64);
    REQUIRE(buf_check(&body, "body", &err));
    buf_deinit(&body);
}

static void check_records(const struct record_set *set, struct arena *arena)
{
    struct error err = {0};
    struct digest digest;
    const struct record_index *index = record_index_new(set, arena);

    REQUIRE(index != NULL && equality_digest(set, arena, &digest, &err));
    for (size_t i = 0; i < set->count; i++) {
        const struct record *record = &set->records[i];
        struct difference why;
        enum equality verdict = equality_compare(record, record, SPACE_COSINE, arena, &why);

        REQUIRE(record_index_find(index, record->id) == record);
        REQUIRE(verdict == (record->is_finite ? EQUALITY_SAME : EQUALITY_NOT_STORABLE));
        REQUIRE(equality_compare(record, NULL, SPACE_L2, arena, &why) == EQUALITY_MISSING);
    }
}

/* Any record can be held against limits; a document that is cut fits, is a whole string, and is as long as it may be. */
static void check_limits(const struct record_set *set, int64_t most, struct arena *arena)
{
    struct quota_limits limits;
    struct quota_findings found;
    struct error err = {0};

    quota_limits_init(&limits);
    for (size_t i = 0; i < set->count; i++) {
        struct record record = set->records[i];
        struct json_scan scan;
        struct json_value again;

        REQUIRE(quota_check_record(&limits, &record, &found, &err) && found.count == 0);
        for (size_t rule = 0; rule < QUOTA_RULE_COUNT; rule++) {
            limits.most[rule] = most;
        }
        REQUIRE(quota_check_record(&limits, &record, &found, &err));
        REQUIRE(found.count <= QUOTA_RECORD_RULES);
        int64_t before = (int64_t)json_string_bytes(record.document);
        REQUIRE(quota_truncate(record.document, most, arena, &record.document, &err));
        int64_t after = (int64_t)json_string_bytes(record.document);
        REQUIRE(before <= most ? after == before : after <= most && after > most - 4);
        json_scan_init(&scan, record.document.text);
        REQUIRE(json_read(&scan, &again, &err) && json_finish(&scan, &err));
        REQUIRE(quota_check_record(&limits, &record, &found, &err));
        for (size_t k = 0; k < found.count; k++) {
            REQUIRE(found.list[k].rule != QUOTA_DOCUMENT_BYTES);
        }
        quota_limits_init(&limits);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct record_set set;
    struct error err = {0};
    bool ok;

    arena_init(&arena, ARENA_MAX);
    ok = columns_scan((struct span){data, size}, &arena, &set, &err);
    fuzz_check_outcome(ok, &err);
    if (ok) {
        check_records(&set, &arena);
        check_upsert(&set, &arena);
        check_limits(&set, (int64_t)(size % 13), &arena);
    }
    arena_deinit(&arena);
    return 0;
}
