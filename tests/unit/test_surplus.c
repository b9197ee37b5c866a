/* Clearing what a target holds beyond the source's record: by nulls, and as equal as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "consumer/surplus.h"
#include "format/equality.h"
#include "support/expect.h"
#include "support/json_of.h"

static struct record record_of(const char *metadata, const char *uri)
{
    struct record record;

    record_init(&record);
    record.id = SPAN_LITERAL("a");
    record.id_json = SPAN_LITERAL("\"a\"");
    record.metadata = json_of(metadata);
    record.uri = json_of(uri);
    return record;
}

static void expect_cleared(const char *want_text, const char *want_uri, const char *have_text,
                           const char *have_uri, const char *result)
{
    struct arena arena;
    struct arena scratch;
    struct error err = {0};
    struct record source = record_of(want_text, want_uri);
    struct record want = source;
    struct record have = record_of(have_text, have_uri);

    arena_init(&arena, MIB);
    arena_init(&scratch, MIB);
    expect_ok(surplus_clear(&want, &have, &arena, &scratch, &err), &err);
    arena_reset(&scratch); /* the result must not live there */
    expect_text(want.metadata.text, result);
    (void)json_of(result);
    /* What clears is as good as what is asked for. */
    assert_int_equal(equality_compare(&source, &want, SPACE_L2, &scratch, NULL), EQUALITY_SAME);
    arena_deinit(&arena);
    arena_deinit(&scratch);
}

static void keys_that_only_the_target_has_become_null(void **state)
{
    (void)state;
    expect_cleared("{\"k\":1}", "null", "{\"z\":true,\"k\":1,\"old\":\"x\"}", "null",
                   "{\"k\":1,\"old\":null,\"z\":null}");
}

static void a_record_without_metadata_gets_one_of_nulls(void **state)
{
    static const char *const nothings[] = {"null", "{}", "{ \n}"};

    (void)state;
    expect_cleared(nothings[0], "null", "{\"old\":2}", "null", "{\"old\":null}");
    expect_cleared(nothings[1], "null", "{\"old\":2}", "null", "{\"old\":null}");
    expect_cleared(nothings[2], "null", "{\"old\":2}", "null", "{ \n\"old\":null}");
}

static void a_uri_that_only_the_target_has_is_cleared_by_its_key(void **state)
{
    (void)state;
    expect_cleared("{\"k\":1}", "null", "{\"k\":1}", "\"file:///x\"",
                   "{\"k\":1,\"chroma:uri\":null}");
    expect_cleared("null", "null", "null", "\"\"", "{\"chroma:uri\":null}");
}

static void where_nothing_is_beyond_nothing_changes(void **state)
{
    (void)state;
    expect_cleared("{\"k\":1}", "null", "{\"k\":2}", "null", "{\"k\":1}");
    expect_cleared("{\"k\":1}", "\"u\"", "{}", "\"other\"", "{\"k\":1}");
    expect_cleared("null", "null", "null", "null", "null");
    expect_cleared("null", "\"u\"", "{\"gone\":null,\"empty\":[]}", "null", "null");
}

static void keys_are_compared_by_characters_and_written_as_they_came(void **state)
{
    (void)state;
    expect_cleared("{\"\\u0061\":1}", "null", "{\"a\":1,\"q\\\"\\u0000\":1}", "null",
                   "{\"\\u0061\":1,\"q\\\"\\u0000\":null}");
}

static void without_memory_it_fails_and_leaves_the_record(void **state)
{
    struct arena arena;
    struct arena scratch;
    struct error err = {0};
    struct record want = record_of("{\"k\":1}", "null");
    struct record have = record_of("{\"old\":1}", "null");

    (void)state;
    arena_init(&arena, 4);
    arena_init(&scratch, MIB);
    expect_error(surplus_clear(&want, &have, &arena, &scratch, &err), &err, ERROR_NOMEM, NULL);
    expect_text(want.metadata.text, "{\"k\":1}");
    arena_deinit(&arena);
    arena_deinit(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_only_the_target_has_become_null),
        cmocka_unit_test(a_record_without_metadata_gets_one_of_nulls),
        cmocka_unit_test(a_uri_that_only_the_target_has_is_cleared_by_its_key),
        cmocka_unit_test(where_nothing_is_beyond_nothing_changes),
        cmocka_unit_test(keys_are_compared_by_characters_and_written_as_they_came),
        cmocka_unit_test(without_memory_it_fails_and_leaves_the_record),
    };

    return cmocka_run_group_tests_name("surplus", tests, NULL, NULL);
}
