/* The sums of a dry run: what is counted where, what it comes to, and how it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "format/document.h"
#include "producer/rehearsal.h"
#include "support/expect.h"

static struct rehearsal rehearsal;
static struct target_limits limits;
static struct record record;
static struct admit_verdict verdict;

static int fresh(void **state)
{
    (void)state;
    memset(&rehearsal, 0, sizeof rehearsal);
    rehearsal.max_rejects = 20;
    memset(&limits, 0, sizeof limits);
    memset(&verdict, 0, sizeof verdict);
    quota_profile_none(&limits.profile);
    record_init(&record);
    record.id = SPAN_LITERAL("a\nb");
    record.id_json = SPAN_LITERAL("\"a\\nb\"");
    record.dimension = 3;
    record.document = (struct json_value){JSON_STRING, SPAN_LITERAL("\"\\u20ac!\"")};
    return 0;
}

static int done(void **state)
{
    (void)state;
    rehearsal_deinit(&rehearsal);
    return 0;
}

static void count(enum admit_outcome outcome, const char *reason, size_t findings)
{
    static const struct quota_violation found[] = {
        {.rule = QUOTA_DOCUMENT_BYTES, .value = 30, .most = 20},
        {.rule = QUOTA_URI_BYTES, .value = 7, .most = 5}};
    verdict = (struct admit_verdict){.outcome = outcome, .reason = reason};
    verdict.findings.count = findings;
    memcpy(verdict.findings.list, found, findings * sizeof *found);
    rehearsal_count(&rehearsal, &record, &verdict);
}

static void a_record_counts_once_and_under_every_rule_that_it_breaks(void **state)
{
    (void)state;
    count(ADMIT_TRAVELS, NULL, 0);
    assert_int_equal(rehearsal_violations(&rehearsal), 0);
    count(ADMIT_LEFT_OUT, "quota_document_bytes", 2);
    count(ADMIT_LEFT_OUT, "not_finite", 0);
    count(ADMIT_TRUNCATED, NULL, 1);
    assert_false(rehearsal_is_refused(&rehearsal));
    count(ADMIT_FAILS, "quota_document_bytes", 1);
    assert_true(rehearsal_is_refused(&rehearsal));
    assert_int_equal(rehearsal.read, 5);
    assert_int_equal(rehearsal.rejected, 2);
    assert_int_equal(rehearsal.truncated, 1);
    assert_int_equal(rehearsal.failing, 1);
    assert_int_equal(rehearsal_violations(&rehearsal), 4);
    assert_int_equal(rehearsal.rules[QUOTA_DOCUMENT_BYTES].records, 3);
    assert_int_equal(rehearsal.rules[QUOTA_DOCUMENT_BYTES].worst, 30);
    assert_int_equal(rehearsal.rules[QUOTA_URI_BYTES].records, 1);
    assert_int_equal(rehearsal.reasons[REHEARSAL_NOT_FINITE].records, 1);
    expect_text(buf_span(&rehearsal.rules[QUOTA_URI_BYTES].examples[0]), "a\nb");
}

static void examples_are_bounded_and_counts_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * REHEARSAL_EXAMPLES; i++) {
        count(ADMIT_LEFT_OUT, "quota_document_bytes", 1);
    }
    assert_int_equal(rehearsal.rules[QUOTA_DOCUMENT_BYTES].records, 3 * REHEARSAL_EXAMPLES);
    expect_text(buf_span(&rehearsal.rules[QUOTA_DOCUMENT_BYTES].examples[REHEARSAL_EXAMPLES - 1]),
                "a\nb");
}

static void a_collection_that_is_refused_is_a_violation(void **state)
{
    (void)state;
    rehearsal.collection.count = 1;
    assert_int_equal(rehearsal_violations(&rehearsal), 1);
    assert_true(rehearsal_is_refused(&rehearsal));
}

static void more_rejects_than_the_job_bears_block_it(void **state)
{
    (void)state;
    rehearsal.rejected = 20;
    assert_false(rehearsal_is_refused(&rehearsal));
    rehearsal.rejected = 21;
    assert_true(rehearsal_is_refused(&rehearsal));
}

static void bytes_are_those_of_what_travels(void **state)
{
    (void)state;
    struct record two[2] = {record, record};
    two[1].metadata = (struct json_value){JSON_OBJECT, SPAN_LITERAL("{\"k\":1}")};
    rehearsal_add_batch(&rehearsal, two, 2, 100);
    rehearsal_add_batch(&rehearsal, two, 1, 50);
    assert_int_equal(rehearsal.batches, 2);
    assert_int_equal(rehearsal.travelling, 3);
    assert_int_equal(rehearsal.message_bytes, 150);
    /* id 3, vector 12, document 4; metadata 7 */
    assert_int_equal(rehearsal.logical_bytes, 3 * 19 + 7);
    /* id 6, base64 of 12 bytes 16, document 9, "null" twice, frame 12; metadata 7 instead of null */
    assert_int_equal(rehearsal.body_bytes, 3 * 51 + 3);
}

static void a_price_that_is_not_known_stays_unknown(void **state)
{
    (void)state;
    rehearsal.logical_bytes = INT64_C(3) << 30;
    struct rehearsal_cost cost = rehearsal_cost(&rehearsal, &limits.profile.prices);
    assert_true(cost.written < 0 && cost.returned < 0 && cost.stored_per_month < 0);
    limits.profile.prices.written_per_gib = 2.5;
    limits.profile.prices.stored_per_gib_month = 0;
    cost = rehearsal_cost(&rehearsal, &limits.profile.prices);
    assert_true(fabs(cost.written - 7.5) < 1e-9);
    assert_true(cost.returned < 0);
    assert_true(cost.stored_per_month >= 0 && cost.stored_per_month < 1e-9);
}

static void the_rate_is_measured(void **state)
{
    (void)state;
    assert_true(rehearsal_rate(&rehearsal) >= 0 && rehearsal_rate(&rehearsal) < 1e-9);
    rehearsal.read = 500;
    rehearsal.elapsed_ms = 250;
    assert_true(fabs(rehearsal_rate(&rehearsal) - 2000) < 1e-9);
}

static void the_json_is_json(void **state)
{
    (void)state;
    struct error err = {0};
    struct document *root = NULL;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    count(ADMIT_LEFT_OUT, "quota_document_bytes", 2);
    count(ADMIT_LEFT_OUT, "no_embedding", 0);
    rehearsal.collection.count = 1;
    rehearsal.collection.list[0] =
        (struct quota_violation){.rule = QUOTA_DIMENSION, .value = 9, .most = 8};
    struct fidelity fidelity = {.count = 1};
    snprintf(fidelity.rows[0].setting, sizeof fidelity.rows[0].setting, "index");
    const struct rehearsal_setting setting = {.limits = &limits,
                                              .collection = "do\"cs",
                                              .source = "http://a",
                                              .target_collection = "docs",
                                              .target = "http://b",
                                              .concurrency = 2,
                                              .fidelity = &fidelity};
    expect_ok(rehearsal_tell_json(&rehearsal, &setting, out, &err), &err);
    fclose(out);
    expect_ok(document_parse((struct span){(const uint8_t *)text, len}, &root, &err), &err);
    assert_string_equal(document_string(document_get(root, "collection"), ""), "do\"cs");
    assert_string_equal(
        document_string(document_get(document_at(document_get(root, "fidelity"), 0), "setting"),
                        ""),
        "index");
    const struct document *violations = document_get(root, "violations");
    assert_int_equal(document_length(violations), 4);
    assert_string_equal(document_string(document_get(document_at(violations, 0), "rule"), ""),
                        "dimension");
    assert_string_equal(document_string(document_get(document_at(violations, 3), "rule"), ""),
                        "no_embedding");
    assert_true(document_is_null(document_get(document_get(root, "cost"), "writing")));
    document_free(root);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_counts_once_and_under_every_rule_that_it_breaks),
        TEST(examples_are_bounded_and_counts_are_not),
        TEST(a_collection_that_is_refused_is_a_violation),
        TEST(more_rejects_than_the_job_bears_block_it),
        TEST(bytes_are_those_of_what_travels),
        TEST(a_price_that_is_not_known_stays_unknown),
        TEST(the_rate_is_measured),
        TEST(the_json_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
