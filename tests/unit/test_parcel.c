/* Unpacking a message: once, and only what envelope, claim and target agree on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "consumer/parcel.h"
#include "format/batch.h"
#include "support/expect.h"

#define LEDGER "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
#define TARGET "3fa85f64-5717-4562-b3fc-2c963f66afa6"

static struct parcel parcel;
static struct target target;
static struct uuid ledger;
static struct buf value;

static void encode(struct batch_header header)
{
    static const float vector[] = {0.5f, -1};
    struct record records[2];
    struct error err = {0};

    for (size_t i = 0; i < 2; i++) {
        record_init(&records[i]);
        records[i].id = i == 0 ? SPAN_LITERAL("a") : SPAN_LITERAL("b");
        records[i].id_json = i == 0 ? SPAN_LITERAL("\"a\"") : SPAN_LITERAL("\"b\"");
        records[i].embedding = vector;
        records[i].dimension = 2;
    }
    buf_clear(&value);
    expect_ok(batch_encode(&header, records, 2, &value, &err), &err);
    parcel.message.value = buf_span(&value);
}

static struct batch_header good_header(void)
{
    return (struct batch_header){
        .ledger = {LEDGER}, .job_id = 12, .batch_no = 3, .export_rev = 2, .target = {TARGET}};
}

static int set_up(void **state)
{
    struct batch_header header = good_header();

    (void)state;
    parcel_init(&parcel);
    buf_init(&value, MIB);
    ledger = (struct uuid){LEDGER};
    target = (struct target){.uuid = {TARGET}};
    encode(header);
    parcel.target = &target;
    parcel.operations = 2;
    parcel.envelope = (struct envelope){
        .ledger = ledger, .job_id = 12, .batch_no = 3, .export_rev = 2, .records = 2};
    digest_of(parcel.message.value, &parcel.envelope.payload);
    batch_idempotency_key(&header, &parcel.envelope.payload, &parcel.envelope.idempotency_key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    parcel_clear(&parcel);
    buf_deinit(&value);
    return 0;
}

static void expect_refused(enum error_kind kind, const char *part)
{
    struct error err = {0};

    expect_error(parcel_decode(&parcel, &ledger, &err), &err, kind, part);
    assert_false(parcel.is_decoded);
    assert_int_equal(parcel.records.count, 0);
}

static void a_good_one_is_decoded_once(void **state)
{
    struct error err = {0};

    (void)state;
    expect_ok(parcel_decode(&parcel, &ledger, &err), &err);
    assert_int_equal(parcel.records.count, 2);
    const struct record *records = parcel.records.records;
    expect_ok(parcel_decode(&parcel, &ledger, &err), &err);
    assert_ptr_equal(parcel.records.records, records);
    parcel_unpack_again(&parcel);
    assert_false(parcel.is_decoded);
    expect_ok(parcel_decode(&parcel, &ledger, &err), &err);
}

static void numbers_unlike_the_envelopes_are_the_producers_fault(void **state)
{
    (void)state;
    parcel.envelope.job_id = 13;
    expect_refused(ERROR_INTEGRITY, "job 12, expected 13");
    parcel.envelope.job_id = 12;
    parcel.envelope.batch_no = 4;
    expect_refused(ERROR_INTEGRITY, "batch 3, expected 4");
    parcel.envelope.batch_no = 3;
    parcel.envelope.export_rev = 1;
    expect_refused(ERROR_INTEGRITY, "rev 2, expected 1");
}

static void a_count_unlike_the_ledgers_is_refused(void **state)
{
    (void)state;
    parcel.operations = 3;
    expect_refused(ERROR_INTEGRITY, "records 2, expected 3");
}

static void another_ledger_or_target_is_refused(void **state)
{
    (void)state;
    target.uuid = (struct uuid){LEDGER};
    expect_refused(ERROR_INTEGRITY, "names ledger");
    target.uuid = (struct uuid){TARGET};
    ledger = (struct uuid){TARGET};
    expect_refused(ERROR_INTEGRITY, "names ledger");
}

/* Whoever can write to the topic can copy a good message and scribble beside it; its digest is the ledger's all the same. */
static void what_is_scribbled_beside_a_good_value_stops_nothing(void **state)
{
    struct error err = {0};

    (void)state;
    parcel.envelope.idempotency_key.bytes[31] ^= 1;
    parcel.envelope.records = INT64_MAX;
    parcel.envelope.collection_no = 9;
    expect_ok(parcel_decode(&parcel, &ledger, &err), &err);
    assert_int_equal(parcel.records.count, 2);
}

static void what_is_no_batch_is_refused(void **state)
{
    (void)state;
    parcel.message.value = SPAN_LITERAL("hello");
    expect_refused(ERROR_FORMAT, "decode batch");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void a_refusal_keeps_the_words_and_status_of_its_error(void **state)
{
    struct error err = {0};

    (void)state;
    expect_ok(parcel_decode(&parcel, &ledger, &err), &err);
    error_set(&parcel.error, ERROR_REJECTED, "422: the first");
    parcel.error.native = 422;
    expect_ok(parcel_refuse(&parcel, 1, "refused", &err), &err);
    error_clear(&parcel.error);
    error_set(&parcel.error, ERROR_TOO_LARGE, "413: the second");
    parcel.error.native = 413;
    expect_ok(parcel_refuse(&parcel, 0, "record_too_large", &err), &err);
    assert_int_equal(parcel.refusal_count, 2);
    assert_true(span_equal(parcel.refusals[0].id, SPAN_LITERAL("b")));
    assert_true(span_equal(parcel.refusals[0].message, SPAN_LITERAL("422: the first")));
    assert_int_equal(parcel.refusals[0].status, 422);
    assert_true(span_equal(parcel.refusals[1].id, SPAN_LITERAL("a")));
    assert_string_equal(parcel.refusals[1].reason, "record_too_large");
    parcel_unpack_again(&parcel);
    assert_int_equal(parcel.refusal_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refusal_keeps_the_words_and_status_of_its_error, set_up,
                                        tear_down),
        TEST(a_good_one_is_decoded_once),
        TEST(numbers_unlike_the_envelopes_are_the_producers_fault),
        TEST(a_count_unlike_the_ledgers_is_refused),
        TEST(another_ledger_or_target_is_refused),
        TEST(what_is_scribbled_beside_a_good_value_stops_nothing),
        TEST(what_is_no_batch_is_refused),
    };

    return cmocka_run_group_tests_name("parcel", tests, NULL, NULL);
}
