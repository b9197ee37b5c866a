/* How reading goes on after failures: every kind of error, and the closing in on single records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/verify_ladder.h"
#include "support/expect.h"

#define PATIENCE_MS 60000

static enum verify_step fail_first(size_t count, enum error_kind kind, int native,
                                   bool has_answered)
{
    struct verify_ladder ladder;
    struct error why = {.kind = kind, .native = native};
    verify_ladder_start(&ladder, count);
    return verify_ladder_failed(&ladder, &why, has_answered, 1000, PATIENCE_MS);
}

static void each_kind_of_error_has_its_step(void **state)
{
    static const struct {
        enum error_kind kind;
        int native;
        enum verify_step of_many, of_one;
    } rows[] = {
        {ERROR_UNAVAILABLE, 503, VERIFY_STEP_AGAIN, VERIFY_STEP_AGAIN},
        {ERROR_UNAVAILABLE, 7, VERIFY_STEP_AGAIN, VERIFY_STEP_AGAIN},
        {ERROR_UNAVAILABLE, 500, VERIFY_STEP_AGAIN, VERIFY_STEP_AGAIN},
        {ERROR_TIMEOUT, 0, VERIFY_STEP_AGAIN, VERIFY_STEP_AGAIN},
        {ERROR_THROTTLED, 429, VERIFY_STEP_AGAIN, VERIFY_STEP_AGAIN},
        {ERROR_TOO_LARGE, 413, VERIFY_STEP_HALVES, VERIFY_STEP_GIVE_UP},
        {ERROR_LIMIT, 0, VERIFY_STEP_HALVES, VERIFY_STEP_GIVE_UP},
        {ERROR_FORMAT, 0, VERIFY_STEP_HALVES, VERIFY_STEP_GIVE_UP},
        {ERROR_REJECTED, 400, VERIFY_STEP_HALVES, VERIFY_STEP_GIVE_UP},
        {ERROR_AUTH, 401, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_NOT_FOUND, 404, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_CONFLICT, 409, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_INTEGRITY, 0, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_USAGE, 0, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_NOMEM, 0, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_IO, 0, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_CANCELLED, 0, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
        {ERROR_BUG, 0, VERIFY_STEP_STOP, VERIFY_STEP_STOP},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(fail_first(300, rows[i].kind, rows[i].native, true), rows[i].of_many);
        assert_int_equal(fail_first(1, rows[i].kind, rows[i].native, true), rows[i].of_one);
    }
}

static void a_refusal_by_a_server_that_has_never_answered_is_not_the_records_fault(void **state)
{
    (void)state;
    assert_int_equal(fail_first(300, ERROR_REJECTED, 400, false), VERIFY_STEP_STOP);
    assert_int_equal(fail_first(1, ERROR_REJECTED, 422, false), VERIFY_STEP_STOP);
}

static void an_outage_is_waited_for_as_long_as_patience_lasts(void **state)
{
    struct verify_ladder ladder;
    struct error why = {.kind = ERROR_UNAVAILABLE, .native = 503};
    (void)state;
    verify_ladder_start(&ladder, 300);
    for (int64_t now_ms = 5000; now_ms < 5000 + PATIENCE_MS; now_ms += 1000) {
        assert_int_equal(verify_ladder_failed(&ladder, &why, true, now_ms, PATIENCE_MS),
                         VERIFY_STEP_AGAIN);
        assert_int_equal(verify_ladder_next(&ladder)->to, 300);
    }
    assert_int_equal(verify_ladder_failed(&ladder, &why, true, 5000 + PATIENCE_MS, PATIENCE_MS),
                     VERIFY_STEP_STOP);
}

static void what_has_been_read_is_not_asked_for_again(void **state)
{
    struct verify_ladder ladder;
    (void)state;
    verify_ladder_start(&ladder, 0);
    assert_null(verify_ladder_next(&ladder));
    verify_ladder_start(&ladder, 3);
    assert_int_equal(verify_ladder_next(&ladder)->from, 0);
    assert_int_equal(verify_ladder_next(&ladder)->to, 3);
    verify_ladder_done(&ladder);
    assert_null(verify_ladder_next(&ladder));
}

/* A server that answers with a failure whenever a bad record is asked for: who is given up, in how many requests? */
static size_t read_all(size_t count, const bool *is_bad, const struct error *why, bool *given_up,
                       bool *was_read)
{
    struct verify_ladder ladder;
    const struct verify_range *range;
    size_t requests = 0;
    verify_ladder_start(&ladder, count);
    while ((range = verify_ladder_next(&ladder)) != NULL) {
        size_t from = range->from;
        size_t to = range->to;
        bool fails = false;
        requests++;
        for (size_t i = from; i < to; i++) {
            fails = fails || is_bad[i];
        }
        if (!fails) {
            for (size_t i = from; i < to; i++) {
                assert_false(was_read[i]);
                was_read[i] = true;
            }
            verify_ladder_done(&ladder);
        } else if (verify_ladder_failed(&ladder, why, true, 0, PATIENCE_MS) ==
                   VERIFY_STEP_GIVE_UP) {
            assert_int_equal(to - from, 1);
            given_up[from] = true;
        }
    }
    return requests;
}

static void exactly_the_bad_records_are_given_up(void **state)
{
    struct rng rng = seeded_rng();
    static const struct error kinds[] = {{.kind = ERROR_UNAVAILABLE, .native = 500},
                                         {.kind = ERROR_FORMAT}};
    (void)state;
    for (int round = 0; round < 400; round++) {
        bool is_bad[300] = {false};
        bool given_up[300] = {false};
        bool was_read[300] = {false};
        size_t count = 1 + rng_below(&rng, 300);
        uint64_t bad = rng_below(&rng, 5) == 0 ? count : rng_below(&rng, 6);
        for (uint64_t i = 0; i < bad; i++) {
            is_bad[rng_below(&rng, count)] = true;
        }
        (void)read_all(count, is_bad, &kinds[round % 2], given_up, was_read);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(given_up[i], is_bad[i]);
            assert_int_equal(was_read[i], !is_bad[i]);
        }
    }
}

static void one_bad_record_in_300_costs_few_requests(void **state)
{
    struct error why = {.kind = ERROR_UNAVAILABLE, .native = 500};
    (void)state;
    for (size_t bad = 0; bad < 300; bad++) {
        bool is_bad[300] = {false};
        bool given_up[300] = {false};
        bool was_read[300] = {false};
        is_bad[bad] = true;
        assert_in_range(read_all(300, is_bad, &why, given_up, was_read), 1, 21);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_error_has_its_step),
        cmocka_unit_test(a_refusal_by_a_server_that_has_never_answered_is_not_the_records_fault),
        cmocka_unit_test(an_outage_is_waited_for_as_long_as_patience_lasts),
        cmocka_unit_test(what_has_been_read_is_not_asked_for_again),
        cmocka_unit_test(exactly_the_bad_records_are_given_up),
        cmocka_unit_test(one_bad_record_in_300_costs_few_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
