/* A job's limits: profile, overrides and policies out of options, into the job's settings and back, and changed later;
 * and what becomes of a record under each policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "format/document.h"
#include "producer/admit.h"
#include "support/expect.h"
#include "support/temp_dir.h"

static const struct option_row rows[] = {
    {.name = "target-profile",
     .env = "FERRY_TARGET_PROFILE",
     .type = OPTION_TEXT,
     .help = "A profile."},
    {.name = "limit", .env = "FERRY_LIMITS", .type = OPTION_LIST, .help = "Other values."},
    {.name = "on-limit", .env = "FERRY_ON_LIMIT", .type = OPTION_LIST, .help = "Policies."},
};

#define MAX_ARGUMENTS 12

static struct target_limits limits;

static int enter(void **state)
{
    unsetenv("FERRY_TARGET_PROFILE");
    unsetenv("FERRY_LIMITS");
    unsetenv("FERRY_ON_LIMIT");
    memset(&limits, 0xee, sizeof limits);
    return temp_dir_enter(state);
}

static struct option_set *parse(const char *const *arguments)
{
    struct error err = {0};
    char *argv[MAX_ARGUMENTS + 2] = {(char[]){"program"}};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    }
    struct option_set *set = option_parse(rows, ARRAY_LEN(rows), argc, argv, 0, &err);
    if (set == NULL) {
        fail_msg("%s", err.message);
    }
    return set;
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_ARGUMENTS   ((const char *const[]){NULL})

static void take(bool is_cloud, const char *const *arguments)
{
    struct error err = {0};
    struct option_set *set = parse(arguments);
    expect_ok(limits_from_options(set, is_cloud ? "chroma-cloud" : "none", &limits, &err), &err);
    option_free(set);
}

static void refuse(const char *part, const char *const *arguments)
{
    struct error err = {0};
    struct option_set *set = parse(arguments);
    expect_error(limits_from_options(set, "none", &limits, &err), &err, ERROR_USAGE, part);
    option_free(set);
}

static int64_t most(enum quota_rule rule)
{
    return limits.profile.limits.most[rule];
}

static void the_profile_follows_the_target_unless_it_is_named(void **state)
{
    (void)state;
    take(true, NO_ARGUMENTS);
    assert_string_equal(limits.profile.name, "chroma-cloud");
    assert_int_equal(most(QUOTA_DOCUMENT_BYTES), 16384);
    take(false, NO_ARGUMENTS);
    assert_string_equal(limits.profile.name, "none");
    assert_int_equal(most(QUOTA_DOCUMENT_BYTES), QUOTA_UNLIMITED);
    take(true, ARGUMENTS("--target-profile", "none"));
    assert_string_equal(limits.profile.name, "none");
    take(false, ARGUMENTS("--target-profile=chroma-cloud"));
    assert_int_equal(most(QUOTA_DOCUMENT_BYTES), 16384);
}

static void a_file_can_be_the_profile(void **state)
{
    (void)state;
    FILE *file = fopen("mine.json", "w");
    assert_non_null(file);
    fputs("{\"format\":1,\"profile\":\"mine\",\"version\":3,\"limits\":{\"id_bytes\":9}}", file);
    fclose(file);
    take(true, ARGUMENTS("--target-profile", "mine.json"));
    assert_string_equal(limits.profile.name, "mine");
    assert_int_equal(most(QUOTA_ID_BYTES), 9);
    assert_int_equal(most(QUOTA_DOCUMENT_BYTES), QUOTA_UNLIMITED);
    refuse("\"chroma-clod\" is neither a known profile (none, chroma-before-1, chroma-cloud) nor a "
           "file",
           ARGUMENTS("--target-profile", "chroma-clod"));
    refuse("--target-profile", ARGUMENTS("--target-profile", "."));
}

static void single_values_are_overridden_repeatedly_or_by_commas(void **state)
{
    (void)state;
    take(true,
         ARGUMENTS("--limit", "document_bytes=20000, id_bytes = 7", "--limit=uri_bytes=none"));
    assert_int_equal(most(QUOTA_DOCUMENT_BYTES), 20000);
    assert_int_equal(most(QUOTA_ID_BYTES), 7);
    assert_int_equal(most(QUOTA_URI_BYTES), QUOTA_UNLIMITED);
    assert_int_equal(most(QUOTA_METADATA_KEYS), 32);
    assert_true(limits.is_overridden[QUOTA_URI_BYTES] &&
                !limits.is_overridden[QUOTA_METADATA_KEYS]);
    setenv("FERRY_LIMITS", "metadata_keys=5,write_records=40", 1);
    take(false, NO_ARGUMENTS);
    assert_int_equal(most(QUOTA_METADATA_KEYS), 5);
    assert_int_equal(limits_batch_records(&limits, 300), 40);
    assert_int_equal(limits_batch_records(&limits, 30), 30);
}

static void a_wrong_limit_is_named_with_those_that_are_known(void **state)
{
    (void)state;
    refuse("--limit: there is no limit \"document_byte\"; known are id_bytes, dimension, ",
           ARGUMENTS("--limit", "document_byte=3"));
    refuse("expected NAME=VALUE, got \"100\"", ARGUMENTS("--limit", "100"));
    refuse("expected a whole number from 0 on, or none, got \"id_bytes=many\"",
           ARGUMENTS("--limit", "id_bytes=many"));
    refuse("got \"id_bytes=-1\"", ARGUMENTS("--limit=id_bytes=-1"));
    refuse("from 1 on", ARGUMENTS("--limit=write_records=0"));
    refuse("there is no limit", ARGUMENTS("--on-limit", "document=reject"));
    refuse("expected reject, fail, truncate-document or NAME=POLICY, got \"skip\"",
           ARGUMENTS("--on-limit", "skip"));
    refuse("expected reject or fail, got \"uri_bytes=truncate-document\"",
           ARGUMENTS("--on-limit", "uri_bytes=truncate-document"));
    refuse("collection_records is no limit of a single record",
           ARGUMENTS("--on-limit", "collection_records=fail"));
}

static void policies_are_for_all_or_for_one(void **state)
{
    (void)state;
    take(true, NO_ARGUMENTS);
    for (size_t i = 0; i < QUOTA_RECORD_RULES; i++) {
        assert_int_equal(limits.policies[i], LIMIT_POLICY_REJECT);
    }
    take(true, ARGUMENTS("--on-limit", "fail", "--on-limit", "uri_bytes=reject", "--on-limit",
                         "truncate-document"));
    assert_int_equal(limits.policies[QUOTA_ID_BYTES], LIMIT_POLICY_FAIL);
    assert_int_equal(limits.policies[QUOTA_URI_BYTES], LIMIT_POLICY_REJECT);
    assert_int_equal(limits.policies[QUOTA_DOCUMENT_BYTES], LIMIT_POLICY_TRUNCATE);
    take(true, ARGUMENTS("--on-limit", "document_bytes=truncate-document"));
    assert_int_equal(limits.policies[QUOTA_DOCUMENT_BYTES], LIMIT_POLICY_TRUNCATE);
    assert_int_equal(limits.policies[QUOTA_ID_BYTES], LIMIT_POLICY_REJECT);
}

/* What the ledger keeps, read again. */
static void keep(void)
{
    struct error err = {0};
    struct buf text;
    struct document *settings = NULL;
    struct target_limits again;
    buf_init(&text, 16 * KIB);
    limits_write(&limits, &text);
    expect_ok(document_parse(buf_span(&text), &settings, &err), &err);
    expect_ok(limits_read(settings, &again, &err), &err);
    assert_memory_equal(&again.profile.limits, &limits.profile.limits, sizeof again.profile.limits);
    assert_memory_equal(again.policies, limits.policies, sizeof again.policies);
    assert_memory_equal(again.is_overridden, limits.is_overridden, sizeof again.is_overridden);
    assert_string_equal(again.profile.name, limits.profile.name);
    assert_int_equal(again.profile.version, limits.profile.version);
    document_free(settings);
    buf_deinit(&text);
    limits = again;
}

static void settings_keep_the_limits(void **state)
{
    (void)state;
    take(false, NO_ARGUMENTS);
    keep();
    take(true,
         ARGUMENTS("--limit", "id_bytes=0,uri_bytes=none", "--on-limit", "fail,truncate-document"));
    keep();
}

static void settings_of_another_program_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"most\":{\"new_rule\":3}}", "{\"most\":{\"id_bytes\":-3}}",
        "{\"on_limit\":{\"id_bytes\":\"skip\"}}", "{\"on_limit\":{\"write_records\":\"fail\"}}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error err = {0};
        struct document *settings = NULL;
        expect_ok(document_parse(span_from_str(texts[i]), &settings, &err), &err);
        expect_error(limits_read(settings, &limits, &err), &err, ERROR_INTEGRITY, "settings");
        document_free(settings);
    }
}

static void change(const char *const *arguments)
{
    struct error err = {0};
    struct option_set *set = parse(arguments);
    expect_ok(limits_change(set, &limits, &err), &err);
    option_free(set);
}

static void a_jobs_limits_change_only_by_what_is_given(void **state)
{
    (void)state;
    take(true, ARGUMENTS("--limit", "id_bytes=50,uri_bytes=60", "--on-limit", "uri_bytes=fail"));
    keep();
    change(NO_ARGUMENTS);
    assert_int_equal(most(QUOTA_ID_BYTES), 50);
    assert_int_equal(most(QUOTA_METADATA_KEYS), 32);
    change(ARGUMENTS("--limit", "id_bytes=55"));
    assert_int_equal(most(QUOTA_ID_BYTES), 55);
    assert_int_equal(most(QUOTA_URI_BYTES), 60);
    assert_int_equal(limits.policies[QUOTA_URI_BYTES], LIMIT_POLICY_FAIL);
    change(ARGUMENTS("--on-limit", "uri_bytes=reject"));
    assert_int_equal(limits.policies[QUOTA_URI_BYTES], LIMIT_POLICY_REJECT);
    change(ARGUMENTS("--target-profile", "none"));
    assert_int_equal(most(QUOTA_ID_BYTES), QUOTA_UNLIMITED);
    assert_false(limits.is_overridden[QUOTA_ID_BYTES]);
}

/* ---- one record ---- */

static const float zeros[4];
static struct arena arena;
static struct record record;
static struct admit_verdict verdict;

static void admit(uint32_t dimension)
{
    struct error err = {0};
    expect_ok(admit_record(&limits, dimension, &arena, &record, &verdict, &err), &err);
}

static int enter_record(void **state)
{
    record_init(&record);
    record.id = SPAN_LITERAL("id");
    record.embedding = zeros;
    record.dimension = 4;
    record.document = (struct json_value){JSON_STRING, SPAN_LITERAL("\"ten bytes!\"")};
    record.uri = (struct json_value){JSON_STRING, SPAN_LITERAL("\"s3://bucket\"")};
    arena_init(&arena, MIB);
    return enter(state);
}

static int leave_record(void **state)
{
    arena_deinit(&arena);
    return temp_dir_leave(state);
}

static void a_record_that_breaks_nothing_travels(void **state)
{
    (void)state;
    take(true, NO_ARGUMENTS);
    admit(4);
    assert_int_equal(verdict.outcome, ADMIT_TRAVELS);
    assert_null(verdict.reason);
    assert_string_equal(verdict.message, "");
}

static void what_no_target_could_take_is_left_out_whatever_the_policy(void **state)
{
    (void)state;
    take(true, ARGUMENTS("--on-limit", "fail", "--limit", "uri_bytes=1"));
    admit(5);
    assert_int_equal(verdict.outcome, ADMIT_LEFT_OUT);
    assert_string_equal(verdict.reason, "wrong_dimension");
    record.is_finite = false;
    admit(4);
    assert_string_equal(verdict.reason, "not_finite");
    record.embedding = NULL;
    record.is_finite = true;
    admit(4);
    assert_string_equal(verdict.reason, "no_embedding");
}

static void a_reject_names_value_limit_and_rule(void **state)
{
    (void)state;
    take(false, ARGUMENTS("--limit", "document_bytes=9,uri_bytes=10"));
    admit(0);
    assert_int_equal(verdict.outcome, ADMIT_LEFT_OUT);
    assert_string_equal(verdict.reason, "quota_document_bytes");
    assert_string_equal(verdict.message, "a document of 10 bytes, where the target takes 9 (limit "
                                         "document_bytes; also uri_bytes)");
}

static void the_strictest_policy_counts(void **state)
{
    (void)state;
    take(false,
         ARGUMENTS("--limit", "document_bytes=9,uri_bytes=10", "--on-limit", "uri_bytes=fail"));
    admit(4);
    assert_int_equal(verdict.outcome, ADMIT_FAILS);
    assert_string_equal(verdict.reason, "quota_uri_bytes");
    take(false,
         ARGUMENTS("--limit", "document_bytes=9,uri_bytes=10", "--on-limit", "truncate-document"));
    admit(4);
    assert_int_equal(verdict.outcome, ADMIT_LEFT_OUT);
    assert_string_equal(verdict.reason, "quota_uri_bytes");
    expect_text(record.document.text, "\"ten bytes!\"");
}

static void a_document_is_cut_only_when_that_was_asked_for(void **state)
{
    (void)state;
    take(false, ARGUMENTS("--limit", "document_bytes=4", "--on-limit", "truncate-document"));
    admit(4);
    assert_int_equal(verdict.outcome, ADMIT_TRUNCATED);
    assert_null(verdict.reason);
    expect_text(record.document.text, "\"ten \"");
    assert_string_equal(verdict.message,
                        "the document of 10 bytes was cut to 4 (limit document_bytes is 4)");
    admit(4);
    assert_int_equal(verdict.outcome, ADMIT_TRAVELS);
}

#define TEST(name)   cmocka_unit_test_setup_teardown(name, enter, temp_dir_leave)
#define RECORD(name) cmocka_unit_test_setup_teardown(name, enter_record, leave_record)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_profile_follows_the_target_unless_it_is_named),
        TEST(a_file_can_be_the_profile),
        TEST(single_values_are_overridden_repeatedly_or_by_commas),
        TEST(a_wrong_limit_is_named_with_those_that_are_known),
        TEST(policies_are_for_all_or_for_one),
        TEST(settings_keep_the_limits),
        TEST(settings_of_another_program_are_refused),
        TEST(a_jobs_limits_change_only_by_what_is_given),
        RECORD(a_record_that_breaks_nothing_travels),
        RECORD(what_no_target_could_take_is_left_out_whatever_the_policy),
        RECORD(a_reject_names_value_limit_and_rule),
        RECORD(the_strictest_policy_counts),
        RECORD(a_document_is_cut_only_when_that_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
