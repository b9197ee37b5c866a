/* The rules of a target: each at its limit, one below and one above, in bytes of UTF-8 and not of JSON; where a document
 * is cut; and the profiles that carry the values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/quota.h"
#include "format/quota_profile.h"
#include "support/expect.h"

static struct quota_limits limits;
static struct record record;
static struct quota_findings found;
static struct buf text;

static struct json_value json(enum json_type type, const char *written)
{
    return (struct json_value){type, span_from_str(written)};
}

static int fresh(void **state)
{
    (void)state;
    quota_limits_init(&limits);
    record_init(&record);
    buf_init(&text, MIB);
    return 0;
}

static int done(void **state)
{
    (void)state;
    buf_deinit(&text);
    return 0;
}

static void check(void)
{
    struct error err = {0};
    expect_ok(quota_check_record(&limits, &record, &found, &err), &err);
}

static void expect_none(void)
{
    check();
    assert_int_equal(found.count, 0);
}

static const struct quota_violation *expect_one(enum quota_rule rule, int64_t value)
{
    check();
    assert_int_equal(found.count, 1);
    assert_string_equal(quota_rule_name(found.list[0].rule), quota_rule_name(rule));
    assert_int_equal(found.list[0].value, value);
    assert_int_equal(found.list[0].most, limits.most[rule]);
    return &found.list[0];
}

/* At the limit and one below it nothing is found, one above it is. */
static void expect_edge(enum quota_rule rule, int64_t value)
{
    limits.most[rule] = value + 1;
    expect_none();
    limits.most[rule] = value;
    expect_none();
    limits.most[rule] = value - 1;
    expect_one(rule, value);
    limits.most[rule] = QUOTA_UNLIMITED;
    expect_none();
}

static void each_rule_holds_at_its_limit_and_breaks_above(void **state)
{
    (void)state;
    record.id = SPAN_LITERAL("id-17");
    expect_edge(QUOTA_ID_BYTES, 5);
    record.dimension = 24;
    expect_edge(QUOTA_DIMENSION, 24);
    record.document = json(JSON_STRING, "\"eight by\"");
    expect_edge(QUOTA_DOCUMENT_BYTES, 8);
    record.uri = json(JSON_STRING, "\"s3://b\"");
    expect_edge(QUOTA_URI_BYTES, 6);
    record.metadata = json(JSON_OBJECT, "{\"a\":1,\"bcd\":\"four\",\"c\":true,\"d\":2.5}");
    expect_edge(QUOTA_METADATA_KEYS, 4);
    expect_edge(QUOTA_METADATA_KEY_BYTES, 3);
    expect_edge(QUOTA_METADATA_VALUE_BYTES, 4);
    record.metadata = json(JSON_OBJECT, "{\"#a\":1,\"b\":1,\"$c\":1,\"\":1,\"\\u0023d\":1}");
    expect_edge(QUOTA_METADATA_RESERVED_KEYS, 4);
}

static void bytes_are_those_of_the_characters(void **state)
{
    (void)state;
    record.document = json(JSON_STRING, "\"äß€🎲\""); /* 2 + 2 + 3 + 4 */
    expect_edge(QUOTA_DOCUMENT_BYTES, 11);
    record.document = json(JSON_STRING, "\"\\u00e4\\u00df\\u20ac\\ud83c\\udfb2\\n\\u0000\"");
    expect_edge(QUOTA_DOCUMENT_BYTES, 13);
    record.metadata = json(JSON_OBJECT, "{\"\\u20ac\\u20ac\":\"\\\"\\\\\"}");
    expect_edge(QUOTA_METADATA_KEY_BYTES, 6);
    expect_edge(QUOTA_METADATA_VALUE_BYTES, 2);
}

static void what_is_not_there_breaks_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTA_RULE_COUNT; i++) {
        limits.most[i] = 0;
    }
    expect_none();
    record.metadata = json(JSON_OBJECT, "{\"a\":null,\"b\":[],\"#c\":[ ],\"$d\":null}");
    expect_none();
    record.metadata = json(JSON_OBJECT, "{}");
    record.document = json(JSON_STRING, "\"\"");
    expect_none();
}

static void a_list_counts_as_the_sum_of_its_elements(void **state)
{
    (void)state;
    record.metadata = json(JSON_OBJECT, "{\"l\":[\"abc\",\"€\",\"\"],\"n\":[1]}");
    expect_edge(QUOTA_METADATA_VALUE_BYTES, 8); /* the number */
    record.metadata = json(JSON_OBJECT, "{\"l\":[\"abcdef\",\"€\",\"\"],\"n\":[1]}");
    expect_edge(QUOTA_METADATA_VALUE_BYTES, 9);
    record.metadata = json(JSON_OBJECT, "{\"n\":[1, 2.5 ,-3],\"b\":[true,false]}");
    expect_edge(QUOTA_METADATA_VALUE_BYTES, 24);
    record.metadata = json(JSON_OBJECT, "{\"b\":[true,false]}");
    expect_edge(QUOTA_METADATA_VALUE_BYTES, 2);
    record.metadata = json(JSON_OBJECT, "{\"e\":[\"\"]}");
    expect_edge(QUOTA_METADATA_KEYS, 1);
}

static void the_worst_key_is_named_and_a_value_never(void **state)
{
    (void)state;
    record.metadata = json(JSON_OBJECT, "{\"a\":\"secret\",\"b\":\"secrets\",\"c\":\"secre\"}");
    limits.most[QUOTA_METADATA_VALUE_BYTES] = 4;
    quota_describe(expect_one(QUOTA_METADATA_VALUE_BYTES, 7), &text);
    assert_string_equal(buf_cstr(&text),
                        "a metadata value of 7 bytes, where the target takes 4 (key b)");
}

static void several_rules_are_found_in_their_order(void **state)
{
    (void)state;
    record.id = SPAN_LITERAL("long");
    record.uri = json(JSON_STRING, "\"long\"");
    record.document = json(JSON_STRING, "\"long\"");
    record.metadata = json(JSON_OBJECT, "{\"long\":\"long\",\"#\":1}");
    for (size_t i = 0; i < QUOTA_RULE_COUNT; i++) {
        limits.most[i] = 0;
    }
    check();
    static const enum quota_rule wanted[] = {QUOTA_ID_BYTES,
                                             QUOTA_DOCUMENT_BYTES,
                                             QUOTA_URI_BYTES,
                                             QUOTA_METADATA_KEYS,
                                             QUOTA_METADATA_KEY_BYTES,
                                             QUOTA_METADATA_VALUE_BYTES,
                                             QUOTA_METADATA_RESERVED_KEYS};
    assert_int_equal(found.count, ARRAY_LEN(wanted));
    for (size_t i = 0; i < found.count; i++) {
        assert_int_equal(found.list[i].rule, wanted[i]);
    }
}

static void a_collection_is_held_against_its_own_rules(void **state)
{
    (void)state;
    struct error err = {0};
    struct quota_collection collection = {.name = SPAN_LITERAL("docs"),
                                          .database = SPAN_LITERAL("main!"),
                                          .metadata =
                                              json(JSON_OBJECT, "{\"title\":\"abc\",\"#\":1}"),
                                          .dimension = 8,
                                          .records = 9};
    static const struct {
        enum quota_rule rule;
        int64_t value;
    } rows[] = {{QUOTA_DIMENSION, 8},
                {QUOTA_COLLECTION_RECORDS, 9},
                {QUOTA_COLLECTION_NAME_BYTES, 4},
                {QUOTA_DATABASE_NAME_BYTES, 5},
                {QUOTA_COLLECTION_METADATA_KEYS, 2},
                {QUOTA_COLLECTION_METADATA_KEY_BYTES, 5},
                {QUOTA_COLLECTION_METADATA_VALUE_BYTES, 3}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        quota_limits_init(&limits);
        limits.most[rows[i].rule] = rows[i].value;
        expect_ok(quota_check_collection(&limits, &collection, &found, &err), &err);
        assert_int_equal(found.count, 0);
        limits.most[rows[i].rule] = rows[i].value - 1;
        expect_ok(quota_check_collection(&limits, &collection, &found, &err), &err);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.list[0].rule, rows[i].rule);
        assert_int_equal(found.list[0].value, rows[i].value);
    }
}

/* A server before 1.0 answers 201 to them and keeps none. */
static void lists_are_counted_but_for_empty_ones(void **state)
{
    static const struct {
        const char *metadata;
        int64_t lists;
    } rows[] = {{"{\"a\":1,\"b\":\"[1]\"}", 0},
                {"{\"a\":[],\"b\":null}", 0},
                {"{\"a\":[1]}", 1},
                {"{\"a\":[\"\"],\"b\":[true,false],\"c\":2}", 2}};
    struct error err = {0};
    struct quota_profile profile;
    bool is_there = false;
    (void)state;
    expect_ok(quota_profile_find("chroma-before-1", &profile, &is_there, &err), &err);
    assert_true(is_there);
    limits = profile.limits;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        record.metadata = json(JSON_OBJECT, rows[i].metadata);
        if (rows[i].lists == 0) {
            expect_none();
            continue;
        }
        const struct quota_violation *one = expect_one(QUOTA_METADATA_LISTS, rows[i].lists);
        buf_clear(&text);
        quota_describe(one, &text);
        assert_non_null(strstr(buf_cstr(&text), "lists, where the target takes 0 (key "));
    }
}

/* ---- truncation ---- */

static void expect_cut(const char *written, int64_t most, const char *wanted)
{
    struct error err = {0};
    struct arena arena;
    struct json_value out;
    struct json_scan scan;
    struct json_value again;
    arena_init(&arena, MIB);
    expect_ok(quota_truncate(json(JSON_STRING, written), most, &arena, &out, &err), &err);
    expect_text(out.text, wanted);
    json_scan_init(&scan, out.text); /* what is left is a whole string */
    expect_ok(json_read(&scan, &again, &err) && json_finish(&scan, &err), &err);
    assert_true((int64_t)json_string_bytes(out) <= most || strcmp(written, wanted) == 0);
    arena_deinit(&arena);
}

static void a_document_is_cut_between_characters(void **state)
{
    (void)state;
    expect_cut("\"abc\"", 3, "\"abc\"");
    expect_cut("\"abc\"", 2, "\"ab\"");
    expect_cut("\"abc\"", 0, "\"\"");
    expect_cut("\"a€b\"", 5, "\"a€b\"");
    expect_cut("\"a€b\"", 4, "\"a€\"");
    expect_cut("\"a€b\"", 3, "\"a\"");
    expect_cut("\"a€b\"", 2, "\"a\"");
    expect_cut("\"🎲\"", 3, "\"\"");
    expect_cut("\"🎲🎲\"", 7, "\"🎲\"");
}

static void an_escape_stays_or_goes_as_a_whole(void **state)
{
    (void)state;
    expect_cut("\"a\\nb\"", 2, "\"a\\n\"");
    expect_cut("\"a\\nb\"", 1, "\"a\"");
    expect_cut("\"\\\\\\\\\"", 1, "\"\\\\\"");
    expect_cut("\"\\u20ac\\u20ac\"", 6, "\"\\u20ac\\u20ac\"");
    expect_cut("\"\\u20ac\\u20ac\"", 5, "\"\\u20ac\"");
    expect_cut("\"\\u20ac\\u20ac\"", 2, "\"\"");
    expect_cut("\"\\ud83c\\udfb2x\"", 5, "\"\\ud83c\\udfb2x\"");
    expect_cut("\"\\ud83c\\udfb2x\"", 4, "\"\\ud83c\\udfb2\"");
    expect_cut("\"\\ud83c\\udfb2x\"", 3, "\"\"");
    expect_cut("\"x\\u0000y\"", 2, "\"x\\u0000\"");
}

static void what_is_null_is_not_cut(void **state)
{
    (void)state;
    struct error err = {0};
    struct arena arena;
    struct json_value out;
    arena_init(&arena, MIB);
    expect_ok(quota_truncate(json(JSON_NULL, "null"), 0, &arena, &out, &err), &err);
    expect_text(out.text, "null");
    arena_deinit(&arena);
}

/* A random string of random spellings; cut anywhere, it is a prefix of whole characters, and the longest. */
static void any_cut_is_the_longest_prefix_of_whole_characters(void **state)
{
    (void)state;
    struct rng rng = seeded_rng();
    static const uint32_t scalars[] = {'a',   '"',   '\\',   0,      0x1f,    0xe4,
                                       0x7ff, 0x800, 0x20ac, 0xffff, 0x10000, 0x10ffff};
    for (int round = 0; round < 3000; round++) {
        struct error err = {0};
        size_t ends[24] = {0};
        size_t count = rng_below(&rng, 23);
        buf_clear(&text);
        buf_append_byte(&text, '"');
        for (size_t i = 0; i < count; i++) {
            uint32_t scalar = scalars[rng_below(&rng, ARRAY_LEN(scalars))];
            uint8_t bytes[4];
            size_t len = utf8_encode(scalar, bytes);
            bool is_plain = scalar >= 0x20 && scalar != '"' && scalar != '\\' && rng_below(&rng, 2);
            if (is_plain) {
                buf_append(&text, bytes, len);
            } else if (scalar < 0x10000) {
                buf_printf(&text, "\\u%04x", scalar);
            } else {
                buf_printf(&text, "\\u%04X\\u%04x", 0xd800 + ((scalar - 0x10000) >> 10),
                           0xdc00 + ((scalar - 0x10000) & 0x3ff));
            }
            ends[i + 1] = ends[i] + len;
        }
        buf_append_byte(&text, '"');
        struct json_value whole = {JSON_STRING, buf_span(&text)};
        assert_int_equal(json_string_bytes(whole), ends[count]);
        size_t most = rng_below(&rng, (uint32_t)ends[count] + 3);
        size_t wanted = 0;
        for (size_t i = 0; i <= count; i++) {
            wanted = ends[i] <= most ? ends[i] : wanted;
        }
        struct arena arena;
        struct json_value out;
        arena_init(&arena, MIB);
        expect_ok(quota_truncate(whole, (int64_t)most, &arena, &out, &err), &err);
        assert_int_equal(json_string_bytes(out), wanted);
        assert_memory_equal(out.text.ptr, whole.text.ptr, out.text.len - 1);
        arena_deinit(&arena);
    }
}

/* ---- profiles ---- */

static void the_embedded_profile_has_the_published_values(void **state)
{
    (void)state;
    struct error err = {0};
    struct quota_profile profile;
    bool is_there = false;
    expect_ok(quota_profile_find("chroma-cloud", &profile, &is_there, &err), &err);
    assert_true(is_there);
    assert_string_equal(profile.name, "chroma-cloud");
    assert_string_equal(profile.as_of, "2026-03-11");
    assert_true(strstr(profile.source, "quotas-limits") != NULL);
    static const int64_t wanted[QUOTA_RULE_COUNT] = {
        [QUOTA_ID_BYTES] = 128,
        [QUOTA_DIMENSION] = 4096,
        [QUOTA_DOCUMENT_BYTES] = 16384,
        [QUOTA_URI_BYTES] = 256,
        [QUOTA_METADATA_KEYS] = 32,
        [QUOTA_METADATA_KEY_BYTES] = 36,
        [QUOTA_METADATA_VALUE_BYTES] = 8182,
        [QUOTA_METADATA_RESERVED_KEYS] = 0,
        [QUOTA_METADATA_LISTS] = QUOTA_UNLIMITED,
        [QUOTA_WRITE_RECORDS] = 300,
        [QUOTA_COLLECTION_RECORDS] = 5000000,
        [QUOTA_COLLECTION_NAME_BYTES] = 128,
        [QUOTA_COLLECTION_METADATA_KEYS] = 32,
        [QUOTA_COLLECTION_METADATA_KEY_BYTES] = 36,
        [QUOTA_COLLECTION_METADATA_VALUE_BYTES] = 256,
        [QUOTA_DATABASE_NAME_BYTES] = 128,
    };
    for (size_t i = 0; i < QUOTA_RULE_COUNT; i++) {
        assert_int_equal(profile.limits.most[i], wanted[i]);
    }
    assert_string_equal(profile.prices.currency, "USD");
    assert_true(profile.prices.written_per_gib == 2.5 && profile.prices.returned_per_gib == 0.09);
}

static void a_server_before_1_takes_names_of_63_characters(void **state)
{
    static const char name[] = "n123456789n123456789n123456789n123456789n123456789n123456789n123";
    struct quota_collection collection = {
        .name = {(const uint8_t *)name, 63}, .records = -1, .metadata = json(JSON_NULL, "null")};
    struct error err = {0};
    struct quota_profile profile;
    bool is_there = false;
    (void)state;
    expect_ok(quota_profile_find("chroma-before-1", &profile, &is_there, &err), &err);
    assert_int_equal(profile.version, 2);
    expect_ok(quota_check_collection(&profile.limits, &collection, &found, &err), &err);
    assert_int_equal(found.count, 0);
    collection.name.len = 64;
    expect_ok(quota_check_collection(&profile.limits, &collection, &found, &err), &err);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.list[0].rule, QUOTA_COLLECTION_NAME_BYTES);
    quota_describe(&found.list[0], &text);
    assert_string_equal(buf_cstr(&text),
                        "a collection name of 64 bytes, where the target takes 63");
}

static void none_checks_nothing_and_knows_no_price(void **state)
{
    (void)state;
    struct error err = {0};
    struct quota_profile profile;
    bool is_there = false;
    expect_ok(quota_profile_find("none", &profile, &is_there, &err), &err);
    assert_true(is_there && profile.prices.written_per_gib < 0);
    for (size_t i = 0; i < QUOTA_RULE_COUNT; i++) {
        assert_int_equal(profile.limits.most[i], QUOTA_UNLIMITED);
    }
    expect_ok(quota_profile_find("chroma-cloud.json", &profile, &is_there, &err), &err);
    assert_false(is_there);
    quota_profile_write_names(&text);
    assert_string_equal(buf_cstr(&text), "none, chroma-before-1, chroma-cloud");
}

static void a_profile_that_is_none_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    struct quota_profile profile;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "malformed"},
        {"[]", "not a profile"},
        {"{\"format\":2,\"profile\":\"p\",\"limits\":{}}", "not a profile"},
        {"{\"format\":1,\"profile\":\"\",\"limits\":{}}", "not a profile"},
        {"{\"format\":1,\"profile\":\"p\"}", "not a profile"},
        {"{\"format\":1,\"profile\":\"p\",\"limits\":{\"document_byte\":1}}",
         "\"document_byte\"; known are id_bytes"},
        {"{\"format\":1,\"profile\":\"p\",\"limits\":{\"id_bytes\":-1}}", "limit id_bytes is not"},
        {"{\"format\":1,\"profile\":\"p\",\"limits\":{\"id_bytes\":1.5}}", "limit id_bytes is not"},
        {"{\"format\":1,\"profile\":\"p\",\"limits\":{\"id_bytes\":1e300}}",
         "limit id_bytes is not"},
        {"{\"format\":1,\"profile\":\"p\",\"limits\":{\"id_bytes\":\"128\"}}",
         "limit id_bytes is not"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_error(quota_profile_parse(span_from_str(rows[i].text), "my.json", &profile, &err),
                     &err, ERROR_USAGE, rows[i].part);
    }
    expect_ok(quota_profile_parse(
                  SPAN_LITERAL("{\"format\":1,\"profile\":\"p\",\"limits\":{\"id_bytes\":0}}"),
                  "my.json", &profile, &err),
              &err);
    assert_int_equal(profile.limits.most[QUOTA_ID_BYTES], 0);
    assert_true(profile.prices.stored_per_gib_month < 0);
}

static void rules_are_known_by_name(void **state)
{
    (void)state;
    for (enum quota_rule rule = 0; rule < QUOTA_RULE_COUNT; rule++) {
        enum quota_rule again = QUOTA_RULE_COUNT;
        assert_true(quota_rule_find(span_from_str(quota_rule_name(rule)), &again));
        assert_int_equal(again, rule);
        assert_memory_equal(quota_rule_reason(rule), "quota_", 6);
    }
    enum quota_rule none;
    assert_false(quota_rule_find(SPAN_LITERAL("quota_id_bytes"), &none));
    assert_false(quota_rule_find(SPAN_LITERAL(""), &none));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_rule_holds_at_its_limit_and_breaks_above),
        TEST(bytes_are_those_of_the_characters),
        TEST(what_is_not_there_breaks_nothing),
        TEST(a_list_counts_as_the_sum_of_its_elements),
        TEST(the_worst_key_is_named_and_a_value_never),
        TEST(several_rules_are_found_in_their_order),
        TEST(a_collection_is_held_against_its_own_rules),
        TEST(lists_are_counted_but_for_empty_ones),
        TEST(a_document_is_cut_between_characters),
        TEST(an_escape_stays_or_goes_as_a_whole),
        TEST(what_is_null_is_not_cut),
        TEST(any_cut_is_the_longest_prefix_of_whole_characters),
        TEST(the_embedded_profile_has_the_published_values),
        TEST(a_server_before_1_takes_names_of_63_characters),
        TEST(none_checks_nothing_and_knows_no_price),
        TEST(a_profile_that_is_none_is_refused),
        TEST(rules_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
