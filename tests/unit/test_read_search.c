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

#define PAUSES_MS    60000
#define PAGES_OF_ONE (READ_DOUBT_ROUNDS * READ_DOUBT_WORD) /* at most, to confirm it */
#define ASKED_OF_ONE (READ_DOUBT_ROUNDS * (1 + READ_DOUBT_WORD))

struct server {
    bool is_bad[LIMIT_BATCH_RECORDS];
    bool is_ill;       /* every read fails, controls too */
    unsigned fails;    /* of a hundred reads, for no reason */
    size_t every;      /* read in so many fails for no reason; 0: none */
    int64_t ill_until; /* from the first read on until then half of them fail for no reason */
    uint64_t outages;  /* one read in so many is not answered at all; 0: none */
    size_t ill_after;  /* reads until it falls ill; 0: it does not */
    size_t good_probe; /* controls before it fail */
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

static bool fails_by_itself(void)
{
    return rng_below(&dice, 100) < server.fails ||
           (server.every > 0 && reads % server.every == 0) ||
           (now_ms < server.ill_until && chance(2));
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
    return fails || server.is_ill || fails_by_itself() ? READ_FAILED : READ_FINE;
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
    read_search_init(&search, count, PAUSES_MS, 7);
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
        assert_in_range(pages, 1, 2 * 9 + PAGES_OF_ONE);
        assert_in_range(pages + controls, 1, 2 * 9 + 1 + ASKED_OF_ONE + READ_DOUBT_ROUNDS);
        assert_in_range(now_ms, PAUSES_MS, PAUSES_MS + 2000);
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
    assert_in_range(pages, 1, LIMIT_BATCH_RECORDS * (2 + PAGES_OF_ONE));
    assert_in_range(now_ms, PAUSES_MS, 2 * PAUSES_MS);
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
    for (size_t after = 1; after < 120; after++) {
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
    while (search.doubt.round < 2) {
        struct read_step step = read_search_next(&search, now_ms);
        if (step.kind == READ_STEP_WAIT) {
            now_ms += 10;
        } else {
            read_search_answer(&search, answer(&step), 0, now_ms);
        }
    }
    now_ms += PAUSES_MS;
    assert_int_equal(read_search_next(&search, now_ms).kind, READ_STEP_CONTROL);
    read_search_answer(&search, READ_FINE, 0, now_ms);
    assert_int_not_equal(read_search_next(&search, now_ms).kind, READ_STEP_WAIT);
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

static void expect_that_it_rejects_nobody(const struct server *ill)
{
    for (uint64_t i = 0; i < 300; i++) {
        begin(100);
        server = *ill;
        read_search_init(&search, 100, PAUSES_MS, rng_next(&dice));
        run();
        expect_nobody();
        assert_in_range(now_ms, 0, 6 * PAUSES_MS);
    }
}

/* One of two servers behind an address is ill, or whatever there is of that kind. */
static void a_source_that_fails_by_itself_rejects_nobody(void **state)
{
    static const unsigned percents[] = {1, 10, 30, 50, 70, 90, 99};
    (void)state;
    dice = seeded_rng();
    for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
        expect_that_it_rejects_nobody(&(struct server){.fails = percents[i]});
    }
    for (size_t every = 1; every <= 8; every++) {
        expect_that_it_rejects_nobody(&(struct server){.every = every});
    }
    expect_that_it_rejects_nobody(&(struct server){.ill_until = 30000});
}

static void a_bad_record_is_found_although_the_source_fails_now_and_then(void **state)
{
    (void)state;
    dice = seeded_rng();
    size_t found = 0;
    for (int i = 0; i < 300; i++) {
        begin(100);
        server.is_bad[17] = server.is_bad[18] = true;
        server.fails = 1;
        run();
        for (size_t at = 0; at < search.count; at++) {
            assert_true(server.is_bad[at] || search.verdicts[at] != READ_BAD);
        }
        found += search.found;
    }
    assert_in_range(found, 550, 600); /* the others when it is searched again */
}

/* The first control stands for a record that was read before: it may be gone since. */
static void a_control_that_fails_is_asked_elsewhere_from_then_on(void **state)
{
    (void)state;
    begin(10);
    server.is_bad[4] = true;
    server.good_probe = 3;
    run();
    expect_exactly_the_bad_ones();
    assert_int_equal(search.probe, 3);
    assert_int_equal(search.doubt.round, READ_DOUBT_ROUNDS);
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
        cmocka_unit_test(a_source_that_fails_by_itself_rejects_nobody),
        cmocka_unit_test(a_bad_record_is_found_although_the_source_fails_now_and_then),
        cmocka_unit_test(a_control_that_fails_is_asked_elsewhere_from_then_on),
        cmocka_unit_test(a_search_that_begins_again_leaves_out_what_was_found),
    };
    return cmocka_run_group_tests_name("read_search", tests, NULL, NULL);
}
