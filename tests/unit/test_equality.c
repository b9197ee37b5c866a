/* What counts as equal: the table of equality.h, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/equality.h"
#include "support/json_of.h"
#include "support/scratch_arena.h"

static struct record make_record(void)
{
    static const float vector[] = {0.5F, -0.25F, 2.0F};
    struct record record;
    record_init(&record);
    record.id = SPAN_LITERAL("a");
    record.id_json = SPAN_LITERAL("\"a\"");
    record.embedding = vector;
    record.dimension = 3;
    return record;
}

static const char *name_of(enum equality equality)
{
    static const char *const names[] = {"same", "rounded", "missing", "different", "not storable"};
    return names[equality];
}

struct row {
    const char *want;
    const char *have;
    enum equality verdict;
};

static void check_row(const char *field, const char *want, const char *have, enum equality verdict)
{
    struct record sent = make_record();
    struct record read = make_record();
    struct json_value *sent_at = field[0] == 'd' ? &sent.document : &sent.uri;
    struct json_value *read_at = field[0] == 'd' ? &read.document : &read.uri;
    if (field[0] == 'm') {
        sent_at = &sent.metadata;
        read_at = &read.metadata;
    }
    *sent_at = json_of(want);
    *read_at = json_of(have);
    struct difference difference;
    memset(&difference, 0xA5, sizeof difference);
    enum equality found = equality_compare(&sent, &read, SPACE_L2, &arena, &difference);
    if (found != verdict) {
        fail_msg("%s: sent %s, read %s: %s instead of %s", field, want, have, name_of(found),
                 name_of(verdict));
    }
    if (verdict == EQUALITY_SAME) {
        assert_null(difference.field);
        assert_string_equal(difference.detail, "");
    } else {
        assert_string_equal(difference.field, field);
        assert_int_not_equal(difference.detail[0], '\0');
        assert_true(strlen(difference.detail) < sizeof difference.detail);
    }
    assert_int_equal(equality_compare(&sent, &read, SPACE_L2, &arena, NULL), verdict);
    arena_reset(&arena);
}

static void check_rows(const char *field, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) { /* in both directions: who sent it must not matter */
        check_row(field, rows[i].want, rows[i].have, rows[i].verdict);
        check_row(field, rows[i].have, rows[i].want, rows[i].verdict);
        check_row(field, rows[i].want, rows[i].want, EQUALITY_SAME);
        check_row(field, rows[i].have, rows[i].have, EQUALITY_SAME);
    }
}

static void documents_and_uris_are_equal_by_characters(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"null", "null", EQUALITY_SAME},
        {"\"\"", "\"\"", EQUALITY_SAME},
        {"\"\"", "null", EQUALITY_DIFFERENT},
        {"\"null\"", "null", EQUALITY_DIFFERENT},
        {"\"a\"", "\"a\"", EQUALITY_SAME},
        {"\"a\"", "\"A\"", EQUALITY_DIFFERENT},
        {"\"a\"", "\"a \"", EQUALITY_DIFFERENT},
        {"\"a\"", "\"\\u0061\"", EQUALITY_SAME},
        {"\"a/b\"", "\"a\\/b\"", EQUALITY_SAME},
        {"\"\\n\"", "\"\\u000A\"", EQUALITY_SAME},
        {"\"\xf0\x9f\x9a\xa2\"", "\"\\ud83d\\udea2\"", EQUALITY_SAME},
        {"\"\xc3\xa9\"", "\"e\xcc\x81\"", EQUALITY_DIFFERENT}, /* no normalisation */
        {"\"a\\u0000b\"", "\"a\\u0000c\"", EQUALITY_DIFFERENT},
        {"\"a\\u0000b\"", "\"a\"", EQUALITY_DIFFERENT},
        {"\"a\\u0000b\"", "\"a\\u0000b\"", EQUALITY_SAME},
        {"\"\\\\u0061\"", "\"a\"", EQUALITY_DIFFERENT},
    };
    check_rows("document", rows, ARRAY_LEN(rows));
    check_rows("uri", rows, ARRAY_LEN(rows));
}

static void metadata_keys_are_free_in_order_and_absence(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"null", "null", EQUALITY_SAME},
        {"null", "{}", EQUALITY_SAME},
        {"null", "{ }", EQUALITY_SAME},
        {"null", "{\"a\":null}", EQUALITY_SAME},
        {"null", "{\"a\":[]}", EQUALITY_SAME},
        {"null", "{\"a\":[ \n]}", EQUALITY_SAME},
        {"null", "{\"a\":0}", EQUALITY_DIFFERENT},
        {"null", "{\"a\":\"\"}", EQUALITY_DIFFERENT},
        {"null", "{\"a\":false}", EQUALITY_DIFFERENT},
        {"null", "{\"a\":[null]}", EQUALITY_DIFFERENT},
        {"{}", "{\"a\":null,\"b\":[]}", EQUALITY_SAME},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", EQUALITY_SAME},
        {"{\"a\":1,\"b\":2}", "{ \"b\" : 2 , \"a\" : 1 }", EQUALITY_SAME},
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", EQUALITY_DIFFERENT},
        {"{\"a\":1,\"b\":null}", "{\"a\":1}", EQUALITY_SAME},
        {"{\"a\":1,\"b\":[]}", "{\"c\":null,\"a\":1}", EQUALITY_SAME},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", EQUALITY_DIFFERENT},
        {"{\"b\":2}", "{\"a\":1,\"b\":2}", EQUALITY_DIFFERENT},
        {"{\"a\":1}", "{\"A\":1}", EQUALITY_DIFFERENT},
        {"{\"a\":1}", "{\"b\":1}", EQUALITY_DIFFERENT},
        {"{\"a\":1}", "{\"\\u0061\":1}", EQUALITY_SAME},
        {"{\"\":1}", "{}", EQUALITY_DIFFERENT},
        {"{\"a\\u0000\":1}", "{\"a\":1}", EQUALITY_DIFFERENT},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}", EQUALITY_SAME}, /* the last of a name wins */
        {"{\"a\":1,\"a\":2}", "{\"a\":1}", EQUALITY_DIFFERENT},
        {"{\"a\":1,\"a\":null}", "{}", EQUALITY_SAME},
        {"{\"a\":1,\"b\":3,\"\\u0061\":2}", "{\"b\":3,\"a\":2}", EQUALITY_SAME},
    };
    check_rows("metadata", rows, ARRAY_LEN(rows));
}

static void metadata_values_of_different_types_differ(void **state)
{
    (void)state;
    static const char *const values[] = {
        "{\"a\":1}",         "{\"a\":1.0}",      "{\"a\":true}", "{\"a\":false}", "{\"a\":\"1\"}",
        "{\"a\":\"1.0\"}",   "{\"a\":\"true\"}", "{\"a\":[1]}",  "{\"a\":[1.0]}", "{\"a\":[\"1\"]}",
        "{\"a\":{\"1\":1}}", "{\"a\":[true]}",   "{\"a\":null}", "{\"a\":0}",     "{\"a\":0.0}",
        "{\"a\":\"\"}",      "{\"a\":\"null\"}"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        for (size_t j = 0; j < ARRAY_LEN(values); j++) {
            check_row("metadata", values[i], values[j],
                      i == j ? EQUALITY_SAME : EQUALITY_DIFFERENT);
        }
    }
}

static void metadata_integers_are_equal_by_value(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":9223372036854775807}", "{\"a\":9223372036854775806}", EQUALITY_DIFFERENT},
        {"{\"a\":-9223372036854775808}", "{\"a\":-9223372036854775807}", EQUALITY_DIFFERENT},
        {"{\"a\":9007199254740993}", "{\"a\":9007199254740992}", EQUALITY_DIFFERENT},
        {"{\"a\":0}", "{\"a\":-0}", EQUALITY_SAME},
        {"{\"a\":1}", "{\"a\":-1}", EQUALITY_DIFFERENT},
        {"{\"a\":9223372036854775808}", "{\"a\":9223372036854775808}", EQUALITY_SAME},
        {"{\"a\":9223372036854775808}", "{\"a\":9223372036854775809}", EQUALITY_DIFFERENT},
        {"{\"a\":9223372036854775808}", "{\"a\":9223372036854775808.0}", EQUALITY_DIFFERENT},
        {"{\"a\":100}", "{\"a\":1e2}", EQUALITY_DIFFERENT}, /* an exponent makes a float */
    };
    check_rows("metadata", rows, ARRAY_LEN(rows));
}

static void metadata_floats_may_move_by_four_ulp(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":1.0}", "{\"a\":1.00}", EQUALITY_SAME},
        {"{\"a\":1.0}", "{\"a\":1e0}", EQUALITY_SAME},
        {"{\"a\":100.0}", "{\"a\":1E+2}", EQUALITY_SAME},
        {"{\"a\":0.0}", "{\"a\":-0.0}", EQUALITY_SAME},
        {"{\"a\":0.0}", "{\"a\":-0e5}", EQUALITY_SAME},
        {"{\"a\":1.0}", "{\"a\":1.0000000000000002}", EQUALITY_ROUNDED},
        {"{\"a\":1.0}", "{\"a\":1.0000000000000009}", EQUALITY_ROUNDED},
        {"{\"a\":1.0}", "{\"a\":1.0000000000000011}", EQUALITY_DIFFERENT},
        {"{\"a\":1.0}", "{\"a\":0.9999999999999999}", EQUALITY_ROUNDED},
        {"{\"a\":1.0}", "{\"a\":-1.0}", EQUALITY_DIFFERENT},
        {"{\"a\":-1.0}", "{\"a\":-1.0000000000000002}", EQUALITY_ROUNDED},
        {"{\"a\":-1.0}", "{\"a\":-1.0000000000000011}", EQUALITY_DIFFERENT},
        {"{\"a\":1e300}", "{\"a\":1.0000000000000002e300}", EQUALITY_ROUNDED},
        /* what a Chroma 1.5.9 made of them */
        {"{\"a\":-8.426835681144234e-196}", "{\"a\":-8.426835681144236e-196}", EQUALITY_ROUNDED},
        {"{\"a\":1.9158141882225708e+289}", "{\"a\":1.9158141882225702e+289}", EQUALITY_ROUNDED},
        {"{\"a\":1e-40}", "{\"a\":1e-41}", EQUALITY_DIFFERENT},
        {"{\"a\":5e-324}", "{\"a\":0.0}", EQUALITY_ROUNDED},
        {"{\"a\":2.5e-323}", "{\"a\":0.0}", EQUALITY_DIFFERENT},
        {"{\"a\":1.7976931348623157e308}", "{\"a\":1e999}", EQUALITY_DIFFERENT},
        {"{\"a\":1e999}", "{\"a\":1e998}", EQUALITY_DIFFERENT},
        {"{\"a\":1e999}", "{\"a\":-1e999}", EQUALITY_DIFFERENT},
        {"{\"a\":1697040000.1234567}", "{\"a\":1697040000.1234565}", EQUALITY_ROUNDED},
        {"{\"a\":1.0,\"b\":2.0}", "{\"b\":2.0,\"a\":1.0000000000000002}", EQUALITY_ROUNDED},
        /* one that differs outweighs one that is rounded, whichever comes first */
        {"{\"a\":1.0,\"b\":2}", "{\"b\":3,\"a\":1.0000000000000002}", EQUALITY_DIFFERENT},
        {"{\"b\":1.0,\"a\":2}", "{\"b\":1.0000000000000002,\"a\":3}", EQUALITY_DIFFERENT},
    };
    check_rows("metadata", rows, ARRAY_LEN(rows));
}

static void metadata_strings_are_equal_by_characters(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":\"\\u00e9\"}", "{\"a\":\"\xc3\xa9\"}", EQUALITY_SAME},
        {"{\"a\":\"x\"}", "{\"a\":\"y\"}", EQUALITY_DIFFERENT},
        {"{\"a\":\"\"}", "{\"a\":\" \"}", EQUALITY_DIFFERENT},
        {"{\"a\":\"x\\u0000\"}", "{\"a\":\"x\"}", EQUALITY_DIFFERENT},
        {"{\"a\":\"}\\\",{\"}", "{\"a\":\"}\\u0022,{\"}", EQUALITY_SAME},
    };
    check_rows("metadata", rows, ARRAY_LEN(rows));
}

static void arrays_and_objects_are_equal_by_their_elements(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":[1,2]}", "{\"a\":[ 1 , 2 ]}", EQUALITY_SAME},
        {"{\"a\":[1,2]}", "{\"a\":[2,1]}", EQUALITY_DIFFERENT},
        {"{\"a\":[1,2]}", "{\"a\":[1]}", EQUALITY_DIFFERENT},
        {"{\"a\":[1,2]}", "{\"a\":[1.0,2.0]}", EQUALITY_DIFFERENT},
        {"{\"a\":[1.0,2.5]}", "{\"a\":[1.00,25e-1]}", EQUALITY_SAME},
        {"{\"a\":[1.0,2.5]}", "{\"a\":[1.0000000000000002,2.5]}", EQUALITY_ROUNDED},
        {"{\"a\":[1.0,2.5]}", "{\"a\":[1.0000000000000002,2.6]}", EQUALITY_DIFFERENT},
        {"{\"a\":[0.0]}", "{\"a\":[-0.0]}", EQUALITY_SAME},
        {"{\"a\":[\"\\u0061\",\"b\"]}", "{\"a\":[\"a\",\"b\"]}", EQUALITY_SAME},
        {"{\"a\":[true]}", "{\"a\":[false]}", EQUALITY_DIFFERENT},
        {"{\"a\":[null]}", "{\"a\":[ null]}", EQUALITY_SAME},
        {"{\"a\":[[1],[2]]}", "{\"a\":[[1],[2] ]}", EQUALITY_SAME},
        {"{\"a\":[[1],[2]]}", "{\"a\":[[1],[3]]}", EQUALITY_DIFFERENT},
        {"{\"a\":{\"#type\":\"sparse_vector\",\"indices\":[1,5],\"values\":[0.5,1.5]}}",
         "{\"a\":{\"values\":[0.5,1.5],\"indices\":[1,5],\"tokens\":null,"
         "\"#type\":\"sparse_vector\"}}",
         EQUALITY_SAME},
        {"{\"a\":{\"#type\":\"sparse_vector\",\"indices\":[1,5],\"values\":[0.5,1.5]}}",
         "{\"a\":{\"#type\":\"sparse_vector\",\"indices\":[1,6],\"values\":[0.5,1.5]}}",
         EQUALITY_DIFFERENT},
        {"{\"a\":{\"b\":{\"c\":1.0}}}", "{\"a\":{\"b\":{\"c\":1.0000000000000002}}}",
         EQUALITY_ROUNDED},
    };
    check_rows("metadata", rows, ARRAY_LEN(rows));
}

struct vector_row {
    float want[3];
    float have[3];
    enum equality exact; /* l2 and ip */
    enum equality cosine;
};

static void embeddings_are_equal_by_bits_or_for_cosine_nearly(void **state)
{
    (void)state;
    static const struct vector_row rows[] = {
        {{1, 2, 3}, {1, 2, 3}, EQUALITY_SAME, EQUALITY_SAME},
        {{0, 2, 3}, {-0.0F, 2, 3}, EQUALITY_DIFFERENT, EQUALITY_SAME},
        {{1, 2, 3}, {1.0000001F, 2, 3}, EQUALITY_DIFFERENT, EQUALITY_SAME},
        {{1, 2, 3}, {1, 2, 3.0000005F}, EQUALITY_DIFFERENT, EQUALITY_SAME},
        {{1, 2, 3}, {1.0000029F, 2, 3}, EQUALITY_DIFFERENT, EQUALITY_SAME}, /* 1e-6 of 3 */
        {{1, 2, 3}, {1.0000032F, 2, 3}, EQUALITY_DIFFERENT, EQUALITY_DIFFERENT},
        {{1, 2, -3}, {0.9999972F, 2, -3}, EQUALITY_DIFFERENT, EQUALITY_SAME},
        {{1, 1, 1}, {1, 1, -1}, EQUALITY_DIFFERENT, EQUALITY_DIFFERENT},
        {{0, 0, 0}, {0, 0, 0}, EQUALITY_SAME, EQUALITY_SAME},
        {{0, 0, 0}, {1e-45F, 0, 0}, EQUALITY_DIFFERENT, EQUALITY_DIFFERENT},
        {{1e10F, 1e-35F, 0}, {1e10F, 0.6e-35F, 0}, EQUALITY_DIFFERENT, EQUALITY_SAME},
        {{1e-38F, 0, 0}, {0, 0, 0}, EQUALITY_DIFFERENT, EQUALITY_DIFFERENT},
        {{3e38F, 0, 0}, {-3e38F, 0, 0}, EQUALITY_DIFFERENT, EQUALITY_DIFFERENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const enum space spaces[] = {SPACE_L2, SPACE_IP, SPACE_COSINE};
        struct record want = make_record();
        struct record have = make_record();
        want.embedding = rows[i].want;
        have.embedding = rows[i].have;
        for (size_t j = 0; j < ARRAY_LEN(spaces); j++) {
            struct difference difference;
            enum equality verdict = j < 2 ? rows[i].exact : rows[i].cosine;
            enum equality found = equality_compare(&want, &have, spaces[j], &arena, &difference);
            if (found != verdict) {
                fail_msg("row %zu, %s: %s instead of %s", i, space_name(spaces[j]), name_of(found),
                         name_of(verdict));
            }
            if (verdict != EQUALITY_SAME) {
                assert_string_equal(difference.field, "embedding");
                assert_non_null(strstr(difference.detail, "component"));
            }
        }
    }
}

static void a_missing_record_is_missing(void **state)
{
    (void)state;
    struct record want = make_record();
    struct difference difference;
    assert_int_equal(equality_compare(&want, NULL, SPACE_L2, &arena, &difference),
                     EQUALITY_MISSING);
    assert_string_equal(difference.field, "id");
    assert_int_equal(equality_compare(&want, NULL, SPACE_L2, &arena, NULL), EQUALITY_MISSING);
}

static void another_id_is_another_record(void **state)
{
    (void)state;
    struct record want = make_record();
    struct record have = make_record();
    have.id = SPAN_LITERAL("b");
    assert_int_equal(equality_compare(&want, &have, SPACE_L2, &arena, NULL), EQUALITY_DIFFERENT);
}

static void a_vector_that_reads_back_without_finite_numbers_is_not_storable(void **state)
{
    (void)state;
    static const float broken[] = {0.5F, NAN, 2.0F};
    struct record want = make_record();
    struct record have = make_record();
    struct difference difference;
    have.embedding = broken;
    have.is_finite = false;
    for (int space = SPACE_L2; space <= SPACE_COSINE; space++) {
        assert_int_equal(equality_compare(&want, &have, (enum space)space, &arena, &difference),
                         EQUALITY_NOT_STORABLE);
        assert_string_equal(difference.field, "embedding");
    }
    have.document = json_of("\"also different\""); /* what cannot be stored is not to be repaired */
    assert_int_equal(equality_compare(&want, &have, SPACE_L2, &arena, NULL), EQUALITY_NOT_STORABLE);
}

static void a_vector_that_is_not_there_or_of_another_length_differs(void **state)
{
    (void)state;
    struct record want = make_record();
    struct record have = make_record();
    struct difference difference;
    have.embedding = NULL;
    have.dimension = 0;
    assert_int_equal(equality_compare(&want, &have, SPACE_L2, &arena, &difference),
                     EQUALITY_DIFFERENT);
    assert_string_equal(difference.detail, "sent a vector, read none");
    assert_int_equal(equality_compare(&have, &want, SPACE_L2, &arena, NULL), EQUALITY_DIFFERENT);
    assert_int_equal(equality_compare(&have, &have, SPACE_L2, &arena, NULL), EQUALITY_SAME);
    have = make_record();
    have.dimension = 2;
    assert_int_equal(equality_compare(&want, &have, SPACE_COSINE, &arena, &difference),
                     EQUALITY_DIFFERENT);
    assert_string_equal(difference.detail, "sent 3 components, read 2");
}

static void a_difference_names_key_and_both_values(void **state)
{
    (void)state;
    static const struct {
        const char *want;
        const char *have;
        const char *detail;
    } rows[] = {
        {"{\"page\":1}", "{\"page\":1.0}", "key \"page\": sent 1, read 1.0"},
        {"{\"page\":1}", "null", "key \"page\": sent 1, read nothing"},
        {"{}", "{\"old\":[1,2]}", "key \"old\": sent nothing, read [1,2]"},
        {"{\"a\":1,\"b\":1.0}", "{\"b\":1.0000000000000002,\"a\":1}",
         "key \"b\": sent 1.0, read 1.0000000000000002"},
        {"{\"a\":1.0,\"c\":true}", "{\"a\":1.0000000000000002,\"b\":0}",
         "key \"b\": sent nothing, read 0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct record want = make_record();
        struct record have = make_record();
        struct difference difference;
        want.metadata = json_of(rows[i].want);
        have.metadata = json_of(rows[i].have);
        (void)equality_compare(&want, &have, SPACE_L2, &arena, &difference);
        assert_string_equal(difference.detail, rows[i].detail);
    }
}

static void a_difference_is_cut_and_printable(void **state)
{
    (void)state;
    static char long_json[3000];
    static char other_json[3000];
    memset(long_json, 'x', sizeof long_json - 1);
    long_json[0] = '"';
    memcpy(long_json + 1500, "\\n\\n\\n", 6);
    long_json[sizeof long_json - 2] = '"';
    memcpy(other_json, long_json, sizeof long_json);
    other_json[1508] = 'y';
    struct record want = make_record();
    struct record have = make_record();
    struct difference difference;
    want.document = json_of(long_json);
    have.document = json_of(other_json);
    assert_int_equal(equality_compare(&want, &have, SPACE_L2, &arena, &difference),
                     EQUALITY_DIFFERENT);
    assert_string_equal(difference.field, "document");
    assert_null(memchr(difference.detail, '\n', strlen(difference.detail)));
    assert_non_null(strstr(difference.detail, "byte 1504"));
    assert_null(strstr(difference.detail, "xxxxxxxxxxxxxxxxxxxxx")); /* an excerpt only */
}

static void without_memory_nothing_is_the_same(void **state)
{
    (void)state;
    struct arena small;
    struct difference difference;
    struct record want = make_record();
    struct record have = make_record();
    want.metadata = json_of("{\"a\":1}");
    have.metadata = json_of("{\"a\": 1}");
    arena_init(&small, 1);
    assert_int_equal(equality_compare(&want, &have, SPACE_L2, &small, &difference),
                     EQUALITY_DIFFERENT);
    assert_non_null(strstr(difference.detail, "cannot be compared"));
    want = make_record();
    have = make_record();
    want.document = json_of("\"\\u0061bc\"");
    have.document = json_of("\"abc\"");
    assert_int_equal(equality_compare(&want, &have, SPACE_L2, &small, &difference),
                     EQUALITY_DIFFERENT);
    assert_non_null(strstr(difference.detail, "cannot be compared"));
    arena_deinit(&small);
}

static void spaces_have_the_names_that_servers_use(void **state)
{
    (void)state;
    enum space space = SPACE_L2;
    assert_true(space_parse("cosine", &space));
    assert_int_equal(space, SPACE_COSINE);
    assert_true(space_parse("ip", &space));
    assert_int_equal(space, SPACE_IP);
    assert_true(space_parse("l2", &space));
    assert_int_equal(space, SPACE_L2);
    assert_false(space_parse("L2", &space));
    assert_false(space_parse("", &space));
    assert_false(space_parse(NULL, &space));
    assert_string_equal(space_name(SPACE_COSINE), "cosine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_and_uris_are_equal_by_characters),
        cmocka_unit_test(metadata_keys_are_free_in_order_and_absence),
        cmocka_unit_test(metadata_values_of_different_types_differ),
        cmocka_unit_test(metadata_integers_are_equal_by_value),
        cmocka_unit_test(metadata_floats_may_move_by_four_ulp),
        cmocka_unit_test(metadata_strings_are_equal_by_characters),
        cmocka_unit_test(arrays_and_objects_are_equal_by_their_elements),
        cmocka_unit_test(embeddings_are_equal_by_bits_or_for_cosine_nearly),
        cmocka_unit_test(a_missing_record_is_missing),
        cmocka_unit_test(another_id_is_another_record),
        cmocka_unit_test(a_vector_that_reads_back_without_finite_numbers_is_not_storable),
        cmocka_unit_test(a_vector_that_is_not_there_or_of_another_length_differs),
        cmocka_unit_test(a_difference_names_key_and_both_values),
        cmocka_unit_test(a_difference_is_cut_and_printable),
        cmocka_unit_test(without_memory_nothing_is_the_same),
        cmocka_unit_test(spaces_have_the_names_that_servers_use),
    };
    return cmocka_run_group_tests_name("equality", tests, arena_set_up, arena_tear_down);
}
