/* Columnar JSON: get answers read into records, get and upsert bodies written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "format/columns.h"

static struct arena arena;
static struct buf text;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, LIMIT_BATCH_ARENA);
    buf_init(&text, LIMIT_RESPONSE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    buf_deinit(&text);
    return 0;
}

static struct record_set scan(const char *answer)
{
    struct record_set set = {0};
    struct error err = {0};
    if (!columns_scan(span_from_str(answer), &arena, &set, &err)) {
        fail_msg("%s\n%s", answer, err.message);
    }
    return set;
}

static void assert_text(struct span have, const char *want)
{
    assert_int_equal(have.len, strlen(want));
    assert_memory_equal(have.ptr, want, have.len);
}

static void assert_floats(const struct record *record, const float *want, size_t count)
{
    assert_int_equal(record->dimension, count);
    assert_memory_equal(record->embedding, want, count * sizeof *want);
}

#define ANSWER_IDS "\"ids\":[\"a\",\"b\"]"
#define ANSWER_REST                                                                                \
    "\"embeddings\":[[0.1,-2.5e-7,1.0],[0.0,-0.0,1e-40]],\"documents\":[\"text\",null],"           \
    "\"uris\":[null,\"s3://x\"],\"metadatas\":[{\"k\":1,\"f\":1.0},null]"

static void check_example(struct record_set set)
{
    static const float first[] = {0.1F, -2.5e-7F, 1.0F};
    static const float second[] = {0.0F, -0.0F, 1e-40F};
    assert_int_equal(set.count, 2);
    assert_text(set.records[0].id, "a");
    assert_text(set.records[0].id_json, "\"a\"");
    assert_floats(&set.records[0], first, 3);
    assert_floats(&set.records[1], second, 3);
    assert_true(set.records[0].is_finite);
    assert_int_equal(set.records[0].document.type, JSON_STRING);
    assert_text(set.records[0].document.text, "\"text\"");
    assert_int_equal(set.records[1].document.type, JSON_NULL);
    assert_text(set.records[1].document.text, "null");
    assert_int_equal(set.records[0].uri.type, JSON_NULL);
    assert_text(set.records[1].uri.text, "\"s3://x\"");
    assert_int_equal(set.records[0].metadata.type, JSON_OBJECT);
    assert_text(set.records[0].metadata.text, "{\"k\":1,\"f\":1.0}");
    assert_int_equal(set.records[1].metadata.type, JSON_NULL);
}

static void columns_come_in_any_order(void **state)
{
    (void)state;
    check_example(scan("{" ANSWER_IDS "," ANSWER_REST "}"));
    check_example(scan("{" ANSWER_REST "," ANSWER_IDS "}"));
    check_example(scan(" {\n" ANSWER_REST " , " ANSWER_IDS " }\n"));
}

static void unknown_members_are_passed_over(void **state)
{
    (void)state;
    check_example(scan("{\"data\":null,\"included\":[\"ids\",{\"ids\":[]}]," ANSWER_REST
                       ",\"include\":[]," ANSWER_IDS ",\"Ids\":3}"));
}

static void columns_that_are_null_or_absent_give_nulls(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"ids\":[\"a\",\"b\"]}",
        "{\"embeddings\":null,\"ids\":[\"a\",\"b\"],\"documents\":null,\"uris\":null,"
        "\"metadatas\":null}"};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct record_set set = scan(answers[i]);
        assert_int_equal(set.count, 2);
        for (size_t j = 0; j < 2; j++) {
            assert_null(set.records[j].embedding);
            assert_int_equal(set.records[j].dimension, 0);
            assert_true(set.records[j].is_finite);
            assert_text(set.records[j].document.text, "null");
            assert_text(set.records[j].uri.text, "null");
            assert_text(set.records[j].metadata.text, "null");
        }
    }
}

static void an_answer_may_have_no_records(void **state)
{
    (void)state;
    assert_int_equal(scan("{\"ids\":[],\"embeddings\":[],\"documents\":[]}").count, 0);
}

static void ids_are_decoded_and_kept_as_text(void **state)
{
    (void)state;
    struct record_set set =
        scan("{\"ids\":[\"\\u00e9\\n\\\"\\/\\u0000\\ud83d\\udea2\",\"\",\"\xc3\xa9\"]}");
    assert_int_equal(set.records[0].id.len, 2 + 1 + 1 + 1 + 1 + 4);
    assert_memory_equal(set.records[0].id.ptr, "\xc3\xa9\n\"/\0\xf0\x9f\x9a\xa2", 10);
    assert_text(set.records[0].id_json, "\"\\u00e9\\n\\\"\\/\\u0000\\ud83d\\udea2\"");
    assert_int_equal(set.records[1].id.len, 0);
    assert_text(set.records[2].id, "\xc3\xa9");
}

static void a_null_vector_is_no_vector_and_a_null_component_is_not_finite(void **state)
{
    (void)state;
    struct record_set set =
        scan("{\"ids\":[\"a\",\"b\",\"c\",\"d\"],\"embeddings\":[null,[1,null,3],[],[1,2,1e39]]}");
    assert_null(set.records[0].embedding);
    assert_true(set.records[0].is_finite);
    assert_int_equal(set.records[1].dimension, 3);
    assert_false(set.records[1].is_finite);
    assert_true(isnan(set.records[1].embedding[1]));
    assert_null(set.records[2].embedding);
    assert_false(set.records[3].is_finite);
}

static void each_vector_has_a_length_of_its_own(void **state)
{
    static const size_t want[] = {2, 4, 1, 3, 3};
    (void)state;
    struct record_set set = scan("{\"ids\":[\"a\",\"b\",\"c\",\"d\",\"e\"],"
                                 "\"embeddings\":[[1,2],[1,2,3,4],[1],[1,2,3],[null,2,3]]}");
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(set.records[i].dimension, want[i]);
        assert_int_equal(set.records[i].is_finite, i != 4);
        for (size_t j = 0; i < 4 && j < want[i]; j++) {
            assert_float_equal(set.records[i].embedding[j], (float)(j + 1), 0);
        }
    }
    struct error err = {0};
    assert_false(columns_scan(span_from_str("{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1],[1,x]]}"),
                              &arena, &set, &err));
    assert_non_null(strstr(err.message, "embeddings[1]"));
}

static void values_stay_as_the_server_spelled_them(void **state)
{
    (void)state;
    struct record_set set =
        scan("{\"ids\":[\"a\"],\"metadatas\":[{ \"max\" : 9223372036854775807, \"f\":1.0,"
             "\"e\":1E+3,\"z\":\"a\\u0000b\",\"n\":[ 1 , 2.50 ],\"o\":{\"#type\":\"x\"} }]}");
    assert_text(set.records[0].metadata.text,
                "{ \"max\" : 9223372036854775807, \"f\":1.0,"
                "\"e\":1E+3,\"z\":\"a\\u0000b\",\"n\":[ 1 , 2.50 ],\"o\":{\"#type\":\"x\"} }");
}

static void malformed_answers_are_refused(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"ids\":null}",
        "{\"ids\":\"a\"}",
        "{\"ids\":[\"a\",]}",
        "{\"ids\":[\"a\"],}",
        "{\"ids\":[\"a\"]} x",
        "{\"ids\":[1]}",
        "{\"ids\":[null]}",
        "{\"ids\":[\"a\"],\"ids\":[\"a\"]}",
        "{\"ids\":[\"a\"],\"uris\":null,\"uris\":[\"x\"]}",
        "{\"ids\":[\"a\",\"a\"]}",
        "{\"ids\":[\"a\",\"\\u0061\"]}",
        "{\"ids\":[\"a\"],\"documents\":[]}",
        "{\"ids\":[\"a\"],\"documents\":[\"x\",\"y\"]}",
        "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1]]}",
        "{\"ids\":[],\"embeddings\":[[1]]}",
        "{\"ids\":[\"a\"],\"uris\":[\"x\",null]}",
        "{\"ids\":[\"a\"],\"metadatas\":[{},{}]}",
        "{\"ids\":[\"a\"],\"documents\":[1]}",
        "{\"ids\":[\"a\"],\"documents\":{}}",
        "{\"ids\":[\"a\"],\"uris\":[{}]}",
        "{\"ids\":[\"a\"],\"metadatas\":[[]]}",
        "{\"ids\":[\"a\"],\"metadatas\":[\"x\"]}",
        "{\"ids\":[\"a\"],\"metadatas\":[{\"k\":NaN}]}",
        "{\"ids\":[\"a\"],\"embeddings\":[\"AAAA\"]}",
        "{\"ids\":[\"a\"],\"embeddings\":[1]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[\"1\"]]}",
        "{\"ids\":[\"a\"],\"embeddings\":[[[1]]]}",
        "{\"ids\":[\"\xff\"]}",
        "{\"ids\":[\"\\ud800\"]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct record_set set = {NULL, 77};
        struct error err = {0};
        if (columns_scan(span_from_str(answers[i]), &arena, &set, &err)) {
            fail_msg("accepted: %s", answers[i]);
        }
        assert_int_equal(err.kind, ERROR_FORMAT);
        assert_non_null(strstr(err.message, "get answer"));
        assert_int_equal(set.count, 77); /* untouched */
    }
}

static void an_error_names_column_and_row(void **state)
{
    (void)state;
    struct record_set set;
    struct error err = {0};
    assert_false(
        columns_scan(span_from_str("{\"documents\":[\"a\",null,7],\"ids\":[\"a\",\"b\",\"c\"]}"),
                     &arena, &set, &err));
    assert_non_null(strstr(err.message, "documents[2]"));
    struct error other = {0};
    assert_false(columns_scan(span_from_str("{\"embeddings\":[[1]],\"ids\":[\"a\",\"b\",\"c\"]}"),
                              &arena, &set, &other));
    assert_non_null(strstr(other.message, "3 ids but 1 embeddings"));
}

static void more_components_than_we_carry_are_refused(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        buf_clear(&text);
        buf_append_str(&text, "{\"ids\":[\"a\"],\"embeddings\":[[0");
        for (size_t i = 1; i < LIMIT_DIMENSION + extra; i++) {
            buf_append_str(&text, ",0");
        }
        buf_append_str(&text, "]]}");
        struct record_set set = {0};
        struct error err = {0};
        assert_int_equal(columns_scan(buf_span(&text), &arena, &set, &err), extra == 0);
    }
}

static void a_page_takes_little_more_memory_than_its_vectors(void **state)
{
    (void)state;
    enum {
        ROWS = 300,
        DIMENSION = 384
    };
    float vector[DIMENSION];
    buf_clear(&text);
    for (size_t i = 0; i < DIMENSION; i++) {
        vector[i] = sinf((float)i) / 20;
    }
    struct buf ids;
    buf_init(&ids, MIB);
    buf_append_str(&text, "{\"embeddings\":[");
    for (size_t i = 0; i < ROWS; i++) {
        buf_printf(&ids, "%s\"%zu\"", i > 0 ? "," : "", i);
        buf_append_str(&text, i > 0 ? ",[" : "[");
        for (size_t j = 0; j < DIMENSION; j++) {
            buf_printf(&text, "%s%.9g", j > 0 ? "," : "", (double)vector[j]);
        }
        buf_append_byte(&text, ']');
    }
    buf_append_str(&text, "],\"ids\":[");
    buf_append_span(&text, buf_span(&ids));
    buf_append_str(&text, "]}");
    struct arena own;
    struct record_set set = {0};
    struct error err = {0};
    arena_init(&own, LIMIT_BATCH_ARENA);
    assert_true(columns_scan(buf_span(&text), &own, &set, &err));
    assert_int_equal(set.count, ROWS);
    assert_memory_equal(set.records[299].embedding, vector, sizeof vector);
    size_t vectors = (size_t)ROWS * sizeof vector;
    assert_true(own.used - ROWS * 3 * sizeof(struct record) < vectors + vectors / 10);
    arena_deinit(&own);
    buf_deinit(&ids);
}

static void an_arena_too_small_is_a_limit_and_not_malformed(void **state)
{
    (void)state;
    struct arena small;
    struct record_set set;
    for (size_t max = 1; max < 4000; max += 7) {
        struct error err = {0};
        arena_init(&small, max);
        if (!columns_scan(span_from_str("{" ANSWER_REST "," ANSWER_IDS "}"), &small, &set, &err)) {
            assert_int_equal(err.kind, ERROR_LIMIT);
        } else {
            check_example(set);
        }
        arena_deinit(&small);
    }
}

static void every_cut_of_an_answer_is_refused(void **state)
{
    (void)state;
    static const char answer[] = "{" ANSWER_REST "," ANSWER_IDS "}";
    for (size_t len = 0; len < sizeof answer - 1; len++) {
        uint8_t *cut =
            malloc(len + (len == 0)); /* of exact size, so that a sanitizer sees a step too far */
        assert_non_null(cut);
        memcpy(cut, answer, len);
        struct record_set set;
        struct error err = {0};
        if (columns_scan((struct span){cut, len}, &arena, &set, &err)) {
            fail_msg("accepted %zu bytes of the answer", len);
        }
        free(cut);
    }
}

static void changed_bytes_never_crash_the_scan(void **state)
{
    (void)state;
    static const char answer[] = "{" ANSWER_REST "," ANSWER_IDS "}";
    uint64_t seed = 0;
    random_bytes(&seed, sizeof seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    struct rng rng;
    rng_seed(&rng, seed);
    uint8_t *changed = malloc(sizeof answer - 1);
    assert_non_null(changed);
    for (int round = 0; round < 20000; round++) {
        struct record_set set;
        struct error err = {0};
        memcpy(changed, answer, sizeof answer - 1);
        for (uint64_t flips = 1 + rng_below(&rng, 3); flips > 0; flips--) {
            changed[rng_below(&rng, sizeof answer - 1)] = (uint8_t)rng_next(&rng);
        }
        bool ok = columns_scan((struct span){changed, sizeof answer - 1}, &arena, &set, &err);
        assert_true(ok || err.kind == ERROR_FORMAT);
        arena_reset(&arena);
    }
    free(changed);
}

static void a_get_body_names_ids_and_all_columns(void **state)
{
    (void)state;
    static const struct span ids[] = {
        {(const uint8_t *)"a", 1}, {(const uint8_t *)"q\"\\\n\0/\xc3\xa9", 8}, {NULL, 0}};
    buf_clear(&text);
    columns_write_get(&text, ids, 3);
    struct json_scan json;
    struct json_value value;
    struct error err = {0};
    json_scan_init(&json, buf_span(&text));
    assert_true(json_read(&json, &value, &err));
    assert_true(json_finish(&json, &err));
    assert_string_equal(buf_cstr(&text),
                        "{\"ids\":[\"a\",\"q\\\"\\\\\\n\\u0000/\xc3\xa9\",\"\"],\"include\":"
                        "[\"embeddings\",\"documents\",\"metadatas\",\"uris\"]}");
    buf_clear(&text);
    columns_write_delete(&text, ids, 2);
    assert_string_equal(buf_cstr(&text), "{\"ids\":[\"a\",\"q\\\"\\\\\\n\\u0000/\xc3\xa9\"]}");
    buf_clear(&text);
    columns_write_get(&text, NULL, 0);
    assert_string_equal(buf_cstr(&text), "{\"ids\":[],\"include\":[\"embeddings\",\"documents\","
                                         "\"metadatas\",\"uris\"]}");
    buf_clear(&text);
    columns_write_delete(&text, ids, 3);
    assert_string_equal(buf_cstr(&text), "{\"ids\":[\"a\",\"q\\\"\\\\\\n\\u0000/\xc3\xa9\",\"\"]}");
}

static void an_upsert_body_carries_values_as_they_are(void **state)
{
    (void)state;
    struct record_set set = scan("{" ANSWER_IDS "," ANSWER_REST "}");
    buf_clear(&text);
    columns_write_upsert(&text, set.records, set.count, VECTOR_BASE64);
    assert_string_equal(buf_cstr(&text),
                        "{\"ids\":[\"a\",\"b\"],\"embeddings\":[\"zczMPb03hrQAAIA/\","
                        "\"AAAAAAAAAIDCFgEA\"],\"documents\":[\"text\",null],\"metadatas\":"
                        "[{\"k\":1,\"f\":1.0},null],\"uris\":[null,\"s3://x\"]}");
}

static void decimal_vectors_come_back_bit_for_bit(void **state)
{
    (void)state;
    struct record_set set = scan("{" ANSWER_IDS "," ANSWER_REST "}");
    buf_clear(&text);
    columns_write_upsert(&text, set.records, set.count, VECTOR_DECIMAL);
    assert_null(strstr(buf_cstr(&text), "zczM"));
    struct record_set again = {0}; /* an upsert body has the members of a get answer */
    struct error err = {0};
    assert_true(columns_scan(buf_span(&text), &arena, &again, &err));
    check_example(again);
}

static void columns_without_any_value_are_left_out(void **state)
{
    (void)state;
    struct record_set set = scan("{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1],[2]],\"documents\":"
                                 "[null,null],\"metadatas\":[null,{}],\"uris\":[null,null]}");
    buf_clear(&text);
    columns_write_upsert(&text, set.records, set.count, VECTOR_BASE64);
    assert_string_equal(buf_cstr(&text), "{\"ids\":[\"a\",\"b\"],\"embeddings\":[\"AACAPw==\","
                                         "\"AAAAQA==\"],\"metadatas\":[null,{}]}");
}

static void a_part_of_a_set_can_be_written(void **state)
{
    (void)state;
    struct record_set set = scan("{" ANSWER_IDS "," ANSWER_REST "}");
    buf_clear(&text);
    columns_write_upsert(&text, set.records + 1, 1, VECTOR_BASE64);
    assert_string_equal(buf_cstr(&text), "{\"ids\":[\"b\"],\"embeddings\":[\"AAAAAAAAAIDCFgEA\"],"
                                         "\"uris\":[\"s3://x\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_in_any_order),
        cmocka_unit_test(unknown_members_are_passed_over),
        cmocka_unit_test(columns_that_are_null_or_absent_give_nulls),
        cmocka_unit_test(an_answer_may_have_no_records),
        cmocka_unit_test(ids_are_decoded_and_kept_as_text),
        cmocka_unit_test(a_null_vector_is_no_vector_and_a_null_component_is_not_finite),
        cmocka_unit_test(values_stay_as_the_server_spelled_them),
        cmocka_unit_test(malformed_answers_are_refused),
        cmocka_unit_test(an_error_names_column_and_row),
        cmocka_unit_test(each_vector_has_a_length_of_its_own),
        cmocka_unit_test(more_components_than_we_carry_are_refused),
        cmocka_unit_test(a_page_takes_little_more_memory_than_its_vectors),
        cmocka_unit_test(an_arena_too_small_is_a_limit_and_not_malformed),
        cmocka_unit_test(every_cut_of_an_answer_is_refused),
        cmocka_unit_test(changed_bytes_never_crash_the_scan),
        cmocka_unit_test(a_get_body_names_ids_and_all_columns),
        cmocka_unit_test(an_upsert_body_carries_values_as_they_are),
        cmocka_unit_test(decimal_vectors_come_back_bit_for_bit),
        cmocka_unit_test(columns_without_any_value_are_left_out),
        cmocka_unit_test(a_part_of_a_set_can_be_written),
    };
    return cmocka_run_group_tests_name("columns", tests, set_up, tear_down);
}
