/* Message headers and key: what is written is read, and nothing sloppy is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "format/message.h"

#define NAMES_MAX 16

struct headers {
    struct {
        const char *name;
        struct span value;
    } items[NAMES_MAX];
    size_t count;
};

static bool find(void *ctx, const char *name, struct span *value)
{
    const struct headers *headers = ctx;
    for (size_t i = headers->count; i > 0; i--) {
        if (strcmp(headers->items[i - 1].name, name) == 0) {
            *value = headers->items[i - 1].value;
            return true;
        }
    }
    return false;
}

static struct envelope example(void)
{
    struct envelope envelope = {
        .job_id = 12, .collection_no = 1, .batch_no = INT64_MAX, .export_rev = 7, .records = 300};
    assert_true(uuid_parse(SPAN_LITERAL("6f9619ff-8b86-4d01-b42d-00cf4fc964ff"), &envelope.ledger));
    memset(&envelope.payload, 0xAB, sizeof envelope.payload);
    memset(&envelope.idempotency_key, 0x01, sizeof envelope.idempotency_key);
    return envelope;
}

static struct headers example_headers(struct message_header written[MESSAGE_HEADERS])
{
    struct headers headers = {.count = MESSAGE_HEADERS};
    struct envelope envelope = example();
    message_write_headers(&envelope, written);
    for (size_t i = 0; i < MESSAGE_HEADERS; i++) {
        headers.items[i].name = written[i].name;
        headers.items[i].value = span_from_str(written[i].value);
    }
    return headers;
}

static void headers_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct message_header written[MESSAGE_HEADERS];
    struct headers headers = example_headers(written);
    struct envelope want = example();
    struct envelope have = {0};
    struct error err = {0};
    assert_true(message_read_headers(find, &headers, &have, &err));
    assert_true(uuid_equal(&have.ledger, &want.ledger));
    assert_int_equal(have.job_id, want.job_id);
    assert_int_equal(have.collection_no, want.collection_no);
    assert_int_equal(have.batch_no, want.batch_no);
    assert_int_equal(have.export_rev, want.export_rev);
    assert_int_equal(have.records, want.records);
    assert_true(digest_equal(&have.payload, &want.payload));
    assert_true(digest_equal(&have.idempotency_key, &want.idempotency_key));
}

static void the_written_text_is_what_the_format_says(void **state)
{
    (void)state;
    static const char *const want[MESSAGE_HEADERS][2] = {
        {"ferry-format", "1"},
        {"ferry-ledger", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"},
        {"ferry-job", "12"},
        {"ferry-collection", "1"},
        {"ferry-batch", "9223372036854775807"},
        {"ferry-rev", "7"},
        {"ferry-records", "300"},
        {"ferry-payload-sha256",
         "abababababababababababababababababababababababababababababababab"},
        {"ferry-idempotency-key",
         "0101010101010101010101010101010101010101010101010101010101010101"},
    };
    struct message_header written[MESSAGE_HEADERS];
    (void)example_headers(written);
    for (size_t i = 0; i < MESSAGE_HEADERS; i++) {
        assert_string_equal(written[i].name, want[i][0]);
        assert_string_equal(written[i].value, want[i][1]);
    }
}

static void a_missing_header_is_named(void **state)
{
    (void)state;
    for (size_t missing = 0; missing < MESSAGE_HEADERS; missing++) {
        struct message_header written[MESSAGE_HEADERS];
        struct headers headers = example_headers(written);
        struct envelope have = {.job_id = -5};
        struct error err = {0};
        const char *name = headers.items[missing].name;
        headers.items[missing].name = "ferry-other";
        assert_false(message_read_headers(find, &headers, &have, &err));
        assert_int_equal(err.kind, ERROR_FORMAT);
        assert_non_null(strstr(err.message, name));
        assert_non_null(strstr(err.message, "missing"));
        assert_int_equal(have.job_id, -5); /* untouched */
    }
}

static void a_malformed_header_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
    } bad[] = {
        {"ferry-format", ""},
        {"ferry-format", "2"},
        {"ferry-format", "01"},
        {"ferry-format", "1 "},
        {"ferry-ledger", ""},
        {"ferry-ledger", "6f9619ff8b864d01b42d00cf4fc964ff"},
        {"ferry-ledger", "6f9619ff-8b86-4d01-b42d-00cf4fc964fg"},
        {"ferry-ledger", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff "},
        {"ferry-job", ""},
        {"ferry-job", "0"},
        {"ferry-job", "-1"},
        {"ferry-job", "+1"},
        {"ferry-job", " 1"},
        {"ferry-job", "1 "},
        {"ferry-job", "01"},
        {"ferry-job", "1.0"},
        {"ferry-job", "0x1"},
        {"ferry-job", "1e3"},
        {"ferry-job", "9223372036854775808"},
        {"ferry-collection", "0"},
        {"ferry-batch", "twelve"},
        {"ferry-rev", "-0"},
        {"ferry-records", "99999999999999999999"},
        {"ferry-payload-sha256", ""},
        {"ferry-payload-sha256", "ab"},
        {"ferry-payload-sha256",
         "ababababababababababababababababababababababababababababababababab"},
        {"ferry-payload-sha256",
         "zbababababababababababababababababababababababababababababababab"},
        {"ferry-idempotency-key",
         "0101010101010101010101010101010101010101010101010101010101010 01"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct message_header written[MESSAGE_HEADERS];
        struct headers headers = example_headers(written);
        struct envelope have = {0};
        struct error err = {0};
        headers.items[headers.count].name =
            bad[i].name; /* the last of a name is the one that counts */
        headers.items[headers.count++].value = span_from_str(bad[i].value);
        if (message_read_headers(find, &headers, &have, &err)) {
            fail_msg("%s: \"%s\" was accepted", bad[i].name, bad[i].value);
        }
        assert_int_equal(err.kind, ERROR_FORMAT);
        assert_non_null(strstr(err.message, bad[i].name));
    }
}

static void a_number_with_nul_behind_it_is_malformed(void **state)
{
    (void)state;
    struct message_header written[MESSAGE_HEADERS];
    struct headers headers = example_headers(written);
    struct envelope have = {0};
    struct error err = {0};
    headers.items[headers.count].name = "ferry-job";
    headers.items[headers.count++].value = (struct span){(const uint8_t *)"12\0", 3};
    assert_false(message_read_headers(find, &headers, &have, &err));
}

static void an_unknown_version_is_judged_before_anything_else(void **state)
{
    (void)state;
    struct headers headers = {.count = 1, .items = {{"ferry-format", SPAN_LITERAL("2")}}};
    struct envelope have = {0};
    struct error err = {0};
    assert_false(message_read_headers(find, &headers, &have, &err));
    assert_non_null(strstr(err.message, "ferry-format"));
    assert_non_null(strstr(err.message, "\"2\""));
}

static void the_key_is_job_batch_and_rev(void **state)
{
    (void)state;
    char key[MESSAGE_KEY];
    struct envelope envelope = {.job_id = 12, .batch_no = 345, .export_rev = 6};
    message_write_key(&envelope, key);
    assert_string_equal(key, "12/345/6");
    envelope =
        (struct envelope){.job_id = INT64_MIN, .batch_no = INT64_MIN, .export_rev = INT64_MIN};
    message_write_key(&envelope, key);
    assert_string_equal(key, "-9223372036854775808/-9223372036854775808/-9223372036854775808");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_as_they_were_written),
        cmocka_unit_test(the_written_text_is_what_the_format_says),
        cmocka_unit_test(a_missing_header_is_named),
        cmocka_unit_test(a_malformed_header_is_named),
        cmocka_unit_test(a_number_with_nul_behind_it_is_malformed),
        cmocka_unit_test(an_unknown_version_is_judged_before_anything_else),
        cmocka_unit_test(the_key_is_job_batch_and_rev),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
