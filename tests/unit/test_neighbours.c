/* Nearest-neighbour queries: the question as written, answers as servers give them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/limits.h"
#include "format/neighbours.h"
#include "support/expect.h"
#include "support/scratch_arena.h"

static void a_query_holds_the_vector_in_its_shortest_decimals(void **state)
{
    static const float vector[] = {0.1F, -2.5e-7F, 3};
    struct buf text;
    (void)state;
    buf_init(&text, KIB);
    neighbours_write_query(&text, vector, 3, 10);
    assert_string_equal(buf_cstr(&text),
                        "{\"query_embeddings\":[[0.1,-2.5e-07,3]],\"n_results\":10,"
                        "\"include\":[\"distances\"]}");
    buf_deinit(&text);
}

static void an_answer_is_read_in_its_order_whatever_stands_beside_it(void **state)
{
    struct neighbours found;
    struct error err = {0};
    (void)state;
    expect_ok(
        neighbours_scan(SPAN_LITERAL("{\"distances\":[[0.0,1.5e-3,null]],\"ids\":[[\"a\",\"b\\n\","
                                     "\"c\"]],\"documents\":null,\"include\":[\"distances\"]}"),
                        &arena, &found, &err),
        &err);
    assert_int_equal(found.count, 3);
    expect_text(found.list[0].id, "a");
    expect_text(found.list[1].id, "b\n");
    assert_true(found.list[0].distance == 0 && found.list[1].distance == 1.5e-3);
    assert_true(isnan(found.list[2].distance));
}

static void no_neighbours_and_no_distances_are_answers(void **state)
{
    struct neighbours found;
    struct error err = {0};
    (void)state;
    expect_ok(
        neighbours_scan(SPAN_LITERAL("{\"ids\":[[]],\"distances\":[[]]}"), &arena, &found, &err),
        &err);
    assert_int_equal(found.count, 0);
    expect_ok(neighbours_scan(SPAN_LITERAL("{\"ids\":[[\"a\"]],\"distances\":null}"), &arena,
                              &found, &err),
              &err);
    assert_true(found.count == 1 && isnan(found.list[0].distance));
}

static void anything_else_is_refused(void **state)
{
    static const char *const answers[] = {
        "",
        "[]",
        "{}",
        "{\"ids\":[]}",
        "{\"ids\":[[\"a\"],[\"b\"]]}",
        "{\"ids\":[[1]]}",
        "{\"ids\":[\"a\"]}",
        "{\"ids\":[[\"a\"]],\"ids\":[[\"b\"]]}",
        "{\"ids\":[[\"a\"]],\"distances\":[[]]}",
        "{\"ids\":[[\"a\"]],\"distances\":[[\"0\"]]}",
        "{\"ids\":[[\"a\"]]} more",
        "{\"ids\":[[\"a\"",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct neighbours found;
        struct error err = {0};
        expect_error(neighbours_scan(span_from_str(answers[i]), &arena, &found, &err), &err,
                     ERROR_FORMAT, "query answer");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_holds_the_vector_in_its_shortest_decimals),
        cmocka_unit_test(an_answer_is_read_in_its_order_whatever_stands_beside_it),
        cmocka_unit_test(no_neighbours_and_no_distances_are_answers),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
