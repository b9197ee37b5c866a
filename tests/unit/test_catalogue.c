/* The list of collections: pages that end in every way servers end them, and what an object says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "producer/catalogue.h"

static bool take(struct catalogue *catalogue, const char *json, uint32_t limit)
{
    struct error err = {0};
    bool is_last = false;
    if (!catalogue_take_page(catalogue, span_from_str(json), limit, &is_last, &err)) {
        fail_msg("%s", err.message);
    }
    return is_last;
}

static void pages_end_where_one_is_not_full(void **state)
{
    struct catalogue catalogue = {0};
    (void)state;
    assert_false(take(&catalogue, "[{\"name\":\"b\"},{\"name\":\"a\"}]", 2));
    assert_true(take(&catalogue, "[{\"name\":\"c\"}]", 2));
    assert_int_equal(catalogue.count, 3);
    assert_true(take(&catalogue, "[]", 2));
    assert_int_equal(catalogue.count, 3);
    catalogue_deinit(&catalogue);
}

static void a_server_without_pages_ends_at_once(void **state)
{
    struct catalogue catalogue = {0};
    (void)state;
    assert_true(take(&catalogue, "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]", 2));
    assert_int_equal(catalogue.count, 3);
    catalogue_deinit(&catalogue);
    /* As many as the page holds: the next one is the same again. */
    assert_false(take(&catalogue, "[{\"name\":\"a\"},{\"name\":\"b\"}]", 2));
    assert_true(take(&catalogue, "[{\"name\":\"a\"},{\"name\":\"b\"}]", 2));
    assert_int_equal(catalogue.count, 2);
    catalogue_deinit(&catalogue);
}

static void a_page_that_moved_repeats_nothing(void **state)
{
    struct catalogue catalogue = {0};
    (void)state;
    assert_false(take(&catalogue, "[{\"name\":\"a\"},{\"name\":\"b\"}]", 2));
    assert_false(take(&catalogue, "[{\"name\":\"b\"},{\"name\":\"c\"}]", 2));
    assert_int_equal(catalogue.count, 3);
    catalogue_deinit(&catalogue);
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const wrong[] = {"<html>", "[{\"nam\":\"a\"}]", "[1]"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct catalogue catalogue = {0};
        struct error err = {0};
        bool is_last;
        assert_false(catalogue_take_page(&catalogue, span_from_str(wrong[i]), 2, &is_last, &err));
        assert_int_equal(err.kind, ERROR_FORMAT);
        catalogue_deinit(&catalogue);
    }
}

#define OBJECT(rest_)                                                                              \
    "{\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\",\"name\":\"docs\",\"dimension\":3" rest_ "}"

static struct catalogue_facts facts_of(const char *json)
{
    struct chroma_collection collection = {0};
    struct catalogue_facts facts;
    struct error err = {0};
    if (!chroma_read_collection(span_from_str(json), &collection, &err) ||
        !catalogue_facts(&collection, &facts, &err)) {
        fail_msg("%s", err.message);
    }
    chroma_collection_deinit(&collection);
    return facts;
}

static void an_object_says_function_and_metadata(void **state)
{
    (void)state;
    struct catalogue_facts facts = facts_of(
        OBJECT(",\"metadata\":{\"owner\":\"x\",\"n\":12},\"configuration_json\":{\"hnsw\":null,"
               "\"embedding_function\":{\"type\":\"known\",\"name\":\"openai\",\"config\":{}}}"));
    assert_string_equal(facts.embedding_function, "openai");
    assert_int_equal(facts.metadata_keys, 2);
    assert_int_equal(facts.metadata_bytes, strlen("owner\"x\"n12"));
    facts = facts_of(OBJECT(",\"metadata\":null,\"configuration_json\":{\"embedding_function\":{"
                            "\"type\":\"legacy\"}}"));
    assert_string_equal(facts.embedding_function, "legacy");
    assert_int_equal(facts.metadata_keys, 0);
    facts = facts_of(OBJECT(",\"metadata\":null"));
    assert_string_equal(facts.embedding_function, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_end_where_one_is_not_full),
        cmocka_unit_test(a_server_without_pages_ends_at_once),
        cmocka_unit_test(a_page_that_moved_repeats_nothing),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(an_object_says_function_and_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
