/*
 * A profile of limits from a file, up to the first NUL; behind it a `get` answer, whose records are held against it. What is called
 * too large can be cut, and then is not.
 */
#include "fuzz.h"

#include "format/columns.h"
#include "format/quota_profile.h"

static void check_cut(const struct record *record, int64_t most, struct arena *arena)
{
    struct json_value cut;
    struct buf text;
    struct error err = {0};

    if (record->document.type != JSON_STRING) {
        return;
    }
    buf_init(&text, 1 << 20);
    REQUIRE(quota_truncate(record->document, most, arena, &cut, &err));
    REQUIRE(json_decode_string(cut, &text, &err));
    REQUIRE((int64_t)text.len <= most);
    buf_deinit(&text);
}

static void check_record(const struct quota_limits *limits, const struct record *record,
                         struct arena *arena)
{
    struct quota_findings findings;
    struct buf said;
    struct error err = {0};

    buf_init(&said, 1 << 16);
    REQUIRE(quota_check_record(limits, record, &findings, &err));
    REQUIRE(findings.count <= QUOTA_RECORD_RULES);
    for (size_t i = 0; i < findings.count; i++) {
        const struct quota_violation *found = &findings.list[i];

        REQUIRE(found->rule < QUOTA_RECORD_RULES && found->most == limits->most[found->rule]);
        REQUIRE(found->value > found->most || found->rule == QUOTA_METADATA_RESERVED_KEYS);
        quota_describe(found, &said);
        if (found->rule == QUOTA_DOCUMENT_BYTES) {
            check_cut(record, found->most, arena);
        }
    }
    REQUIRE(buf_check(&said, "description", &err));
    buf_deinit(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {data, size};
    struct span text = fuzz_part(&rest);
    struct quota_profile profile;
    struct arena arena;
    struct record_set set;
    struct error err = {0};
    bool ok = quota_profile_parse(text, "limits.json", &profile, &err);

    fuzz_check_outcome(ok, &err);
    arena_init(&arena, 16u << 20);
    error_clear(&err);
    if (ok && columns_scan(rest, &arena, &set, &err)) {
        for (size_t i = 0; i < set.count; i++) {
            check_record(&profile.limits, &set.records[i], &arena);
        }
    }
    arena_deinit(&arena);
    return 0;
}
