/*
 * The search for records that cannot be read, against a pretended server: bad records are found, whatever else the server
 * does nobody else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "producer/read_search.h"
#include "support/expect.h"

struct server {
    bool is_bad[LIMIT_BATCH_RECORDS];
    bool is_ill;         /* every read fails, controls too */
    uint64_t fails_once; /* one read in so many fails for no reason; 0: none */
    uint64_t outages;    /* one read in so many is not answered at all; 0: none */
    size_t ill_after;    /* reads until it falls ill; 0: it does not */
    size_t good_probe;   /* controls before it fail */
};

static struct rng dice;
static struct read_search search;
static struct server server;
static size_t reads, pages, controls;
static int64_t now_ms;

static bool chance(uint64_t one_in)
{
    return one_in > 0 && rng_below(&dice, one_in) == 0;
}

static enum read_answer answer(const struct read_step *step)
{
    bool is_control = step->kind == READ_STEP_CONTROL;
    bool fails = is_control && step->probe < server.good_probe;
    reads++;
    pages += !is_control;
    controls += is_control;
    if (server.ill_after > 0 && reads >= server.ill_after) {
        server.is_ill = true;
    }
    if (chance(server.outages)) {
        return READ_OUTAGE;
    }
    for (size_t i = step->from; !is_control && i < step->from + step->count; i++) {
        fails = fails || (server.is_bad[i] && search.verdicts[i] != READ_BAD);
    }
    return fails || server.is_ill || chance(server.fails_once) ? READ_FAILED : READ_FINE;
}

static void run(void)
{
    reads = pages = controls = 0;
    for (int turns = 0;; turns++) {
        struct read_step step = read_search_next(&search, now_ms);
        assert_true(turns < 1000000);
        if (step.kind == READ_STEP_END) {
            return;
        }
        if (step.kind == READ_STEP_WAIT) {
            now_ms += 10;
            continue;
        }
        assert_true(step.kind == READ_STEP_CONTROL || step.count > 0);
        assert_true(step.from + step.count <= search.count);
        assert_true(step.probe < READ_SEARCH_PROBES);
        struct read_step again = read_search_next(&search, now_ms);
        assert_int_equal(again.kind, READ_STEP_WAIT); /* one question at a time */
        now_ms += 2;
        read_search_answer(&search, answer(&step), 0, now_ms);
    }
}

static void begin(size_t count)
{
    server = (struct server){.good_probe = 0};
    now_ms = 1000;
    read_search_init(&search, count, 7);
}

static void expect_exactly_the_bad_ones(void)
{
    size_t bad = 0;
    for (size_t i = 0; i < search.count; i++) {
        assert_int_equal(search.verdicts[i] == READ_BAD, server.is_bad[i]);
        bad += server.is_bad[i];
    }
    assert_int_equal(search.found, bad);
}

static void expect_nobody(void)
{
    for (size_t i = 0; i < search.count; i++) {
        assert_int_equal(search.verdicts[i], READ_UNKNOWN);
    }
    assert_int_equal(search.found, 0);
}

static void one_bad_record_is_found_wherever_it_is_with_few_reads(void **state)
{
    (void)state;
    for (size_t at = 0; at < LIMIT_BATCH_RECORDS; at++) {
        begin(LIMIT_BATCH_RECORDS);
        server.is_bad[at] = true;
        run();
        expect_exactly_the_bad_ones();
        assert_in_range(pages, 1, 2 * 9 + READ_SEARCH_ROUNDS);
        assert_int_equal(controls, 1 + READ_SEARCH_ROUNDS);
    }
}

static void any_set_of_bad_records_is_found(void **state)
{
    (void)state;
    dice = seeded_rng();
    for (int i = 0; i < 2000; i++) {
        begin((size_t)(1 + rng_below(&dice, LIMIT_BATCH_RECORDS)));
        uint64_t one_in = 1 + rng_below(&dice, 60);
        for (size_t j = 0; j < search.count; j++) {
            server.is_bad[j] = chance(one_in);
        }
        server.good_probe = rng_below(&dice, READ_SEARCH_PROBES);
        server.outages = chance(2) ? 5 : 0;
        run();
        expect_exactly_the_bad_ones();
    }
}

static void all_of_a_batch_may_be_bad(void **state)
{
    (void)state;
    begin(LIMIT_BATCH_RECORDS);
    memset(server.is_bad, true, sizeof server.is_bad);
    run();
    expect_exactly_the_bad_ones();
    assert_in_range(pages, 1, LIMIT_BATCH_RECORDS * (2 + READ_SEARCH_ROUNDS));
}

static void a_server_that_fails_on_everything_rejects_nothing_and_is_hardly_asked(void **state)
{
    (void)state;
    begin(LIMIT_BATCH_RECORDS);
    server.is_ill = true;
    run();
    expect_nobody();
    assert_true(search.gave_up);
    assert_int_equal(reads, READ_SEARCH_PROBES);
}

static void a_server_that_falls_ill_at_any_moment_rejects_nothing(void **state)
{
    (void)state;
    for (size_t after = 1; after < 200; after++) {
        begin(100);
        server.is_bad[3] = server.is_bad[60] = true;
        server.ill_after = after;
        run();
        if (server.is_ill) {
            expect_nobody();
            assert_true(search.gave_up);
            assert_in_range(reads, 1, after + 16 + READ_SEARCH_PROBES + 100);
        } else {
            expect_exactly_the_bad_ones();
        }
    }
}

static void after_an_outage_comes_the_wait_the_control_and_the_same_question(void **state)
{
    (void)state;
    begin(1);
    server.is_bad[0] = true;
    while (search.round < 2) { /* two of the three, each with its control */
        struct read_step step = read_search_next(&search, now_ms);
        if (step.kind == READ_STEP_WAIT) {
            now_ms += 10;
        } else {
            read_search_answer(&search, answer(&step), 0, now_ms);
        }
    }
    now_ms += 1000;
    assert_int_equal(read_search_next(&search, now_ms).kind, READ_STEP_PAGE);
    read_search_answer(&search, READ_OUTAGE, 5000, now_ms);
    assert_int_equal(read_search_next(&search, now_ms + 4999).kind, READ_STEP_WAIT);
    now_ms += 5000;
    assert_int_equal(read_search_next(&search, now_ms).kind, READ_STEP_CONTROL);
    read_search_answer(&search, READ_FINE, 0, now_ms);
    server.is_bad[0] = false; /* what came back can read it */
    run();
    expect_nobody();
    assert_false(search.gave_up);
}

/* A server that fails one read in two, at random: four failures and four good controls in a row, one time in 256. */
static void a_server_that_fails_now_and_then_rejects_hardly_anything(void **state)
{
    size_t rejected = 0;
    (void)state;
    dice = seeded_rng();
    for (int i = 0; i < 500; i++) {
        begin(100);
        server.fails_once = 3;
        run();
        rejected += search.found;
    }
    printf("# %zu of 50000 records\n", rejected);
    assert_in_range(rejected, 0, 500 * 2);
}

static void a_search_that_begins_again_leaves_out_what_was_found(void **state)
{
    (void)state;
    begin(64);
    server.is_bad[5] = server.is_bad[6] = true;
    run();
    expect_exactly_the_bad_ones();
    server.is_bad[0] = server.is_bad[63] = true;
    read_search_again(&search);
    run();
    assert_int_equal(search.found, 2);
    for (size_t i = 0; i < search.count; i++) {
        assert_int_equal(search.verdicts[i] == READ_BAD, server.is_bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bad_record_is_found_wherever_it_is_with_few_reads),
        cmocka_unit_test(any_set_of_bad_records_is_found),
        cmocka_unit_test(all_of_a_batch_may_be_bad),
        cmocka_unit_test(a_server_that_fails_on_everything_rejects_nothing_and_is_hardly_asked),
        cmocka_unit_test(a_server_that_falls_ill_at_any_moment_rejects_nothing),
        cmocka_unit_test(after_an_outage_comes_the_wait_the_control_and_the_same_question),
        cmocka_unit_test(a_server_that_fails_now_and_then_rejects_hardly_anything),
        cmocka_unit_test(a_search_that_begins_again_leaves_out_what_was_found),
    };
    return cmocka_run_group_tests_name("read_search", tests, NULL, NULL);
}
