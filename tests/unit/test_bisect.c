/* Which records are asked next, against a target that refuses what a test says; and when two refusals are alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/bisect.h"
#include "consumer/refusal.h"
#include "support/expect.h"

#define MOST 18 /* requests for one bad record */

static struct {
    struct bisect bisect;
    size_t records;
    int bad[LIMIT_BATCH_RECORDS];   /* 0: good; else how it is refused; -1: too large even alone */
    int times[LIMIT_BATCH_RECORDS]; /* that it is refused alone before it is taken; 0: always */
    size_t pauses;
    size_t at_most; /* records in one request, as a limit of bytes would have it */
    size_t requests;
    size_t sent[LIMIT_BATCH_RECORDS]; /* how often */
    size_t rejects;
} t;

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.at_most = SIZE_MAX;
    return 0;
}

static void note_rejected(size_t record)
{
    if (record != SIZE_MAX) {
        assert_int_not_equal(t.bad[record], 0);
        assert_true(bisect_is_rejected(&t.bisect, record));
        t.rejects++;
    }
}

/* One step of the edge: the asked records in as many requests as it takes, until one is refused. */
static enum bisect_next send_asked(void)
{
    size_t asked[LIMIT_BATCH_RECORDS];
    size_t count = 0;
    size_t rejected = SIZE_MAX;
    enum bisect_next next;

    for (size_t i = 0; i < t.records; i++) {
        if (bisect_is_asked(&t.bisect, i)) {
            asked[count++] = i;
        }
    }
    assert_int_equal(count, bisect_asked_count(&t.bisect));
    assert_true(count > 0);
    for (size_t at = 0; at < count;) {
        size_t piece = count - at < t.at_most ? count - at : t.at_most;
        int how = 0;
        t.requests++;
        for (size_t i = at; i < at + piece; i++) {
            t.sent[asked[i]]++;
            how = how == 0 ? t.bad[asked[i]] : how;
        }
        if (piece == 1 && how != 0 && t.times[asked[at]] > 0 && --t.times[asked[at]] == 0) {
            t.bad[asked[at]] = 0; /* from now on */
        }
        if (how == -1 && piece == 1) {
            next = bisect_too_large(&t.bisect, at, &rejected);
            note_rejected(rejected);
            return next;
        }
        if (how != 0) {
            next = bisect_refuse(&t.bisect, at, piece, (uint64_t)how, &rejected);
            note_rejected(rejected);
            return next;
        }
        at += piece;
    }
    return bisect_accept(&t.bisect);
}

static enum bisect_next run(void)
{
    enum bisect_next next = BISECT_ASK;

    for (size_t steps = 0; next == BISECT_ASK || next == BISECT_PAUSE; steps++) {
        assert_true(steps < 13 * LIMIT_BATCH_RECORDS);
        t.pauses += next == BISECT_PAUSE;
        next = send_asked();
    }
    return next;
}

static enum bisect_next run_all(size_t records)
{
    t.records = records;
    bisect_begin(&t.bisect, records);
    return run();
}

/* Rejected are exactly the bad ones, and everything else is accepted. */
static void check_decided(size_t records)
{
    size_t bad = 0;

    for (size_t i = 0; i < records; i++) {
        bad += t.bad[i] != 0;
        assert_int_equal(t.bisect.marks[i], t.bad[i] != 0 ? BISECT_REJECTED : BISECT_ACCEPTED);
    }
    assert_int_equal(t.rejects, bad);
}

static void a_good_batch_is_one_request(void **state)
{
    (void)state;
    assert_int_equal(run_all(LIMIT_BATCH_RECORDS), BISECT_FINISHED);
    assert_int_equal(t.requests, 1);
    check_decided(LIMIT_BATCH_RECORDS);
}

static void one_bad_record_anywhere_is_found_within_18_requests(void **state)
{
    size_t worst = 0;

    (void)state;
    for (size_t records = 2; records <= LIMIT_BATCH_RECORDS; records++) {
        for (size_t bad = 0; bad < records; bad++) {
            set_up(NULL);
            t.bad[bad] = 1;
            assert_int_equal(run_all(records), BISECT_FINISHED);
            check_decided(records);
            worst = t.requests > worst ? t.requests : worst;
        }
    }
    assert_in_range(worst, 10, 15);
    assert_true(worst <= MOST);
}

static void a_batch_of_one_is_asked_once_more(void **state)
{
    (void)state;
    t.bad[0] = 1;
    assert_int_equal(run_all(1), BISECT_FINISHED);
    assert_int_equal(t.requests, 2);
    assert_int_equal(t.pauses, 1);
    check_decided(1);
}

static void who_is_refused_alone_for_a_moment_only_is_not_rejected(void **state)
{
    static const int hows[] = {1, -1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
        for (size_t records = 1; records <= 40; records++) {
            set_up(NULL);
            t.at_most = hows[i] == -1 ? 1 : SIZE_MAX;
            t.bad[records / 2] = hows[i];
            t.times[records / 2] = 1;
            assert_int_equal(run_all(records), BISECT_FINISHED);
            assert_int_equal(t.pauses, 1);
            assert_int_equal(t.rejects, 0);
            check_decided(records);
        }
    }
}

static void the_refused_ones_of_a_batch_have_one_pause(void **state)
{
    (void)state;
    t.bad[3] = t.bad[4] = t.bad[90] = 1;
    t.bad[200] = 2;
    t.times[4] = t.times[200] = 1;
    assert_int_equal(run_all(300), BISECT_FINISHED);
    assert_int_equal(t.pauses, 1);
    assert_int_equal(t.rejects, 2);
    check_decided(300);
}

static void what_is_refused_alike_everywhere_blocks(void **state)
{
    static const size_t sizes[] = {2, 3, 7, 8, 9, 300};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        set_up(NULL);
        for (size_t k = 0; k < sizes[i]; k++) {
            t.bad[k] = 1;
        }
        size_t probes = sizes[i] < BISECT_PROBES ? sizes[i] : BISECT_PROBES;
        assert_int_equal(run_all(sizes[i]), BISECT_BLOCKED);
        assert_int_equal(t.requests, 1 + probes);
        assert_int_equal(t.bisect.probed, probes);
    }
}

static void probes_are_spread(void **state)
{
    (void)state;
    for (size_t i = 0; i < 300; i++) {
        t.bad[i] = 1;
    }
    run_all(300);
    for (size_t i = 0; i < BISECT_PROBES; i++) {
        assert_in_range(t.bisect.probes[i], i * 37, i * 38);
        assert_int_equal(t.sent[t.bisect.probes[i]], 2);
    }
}

static void what_is_refused_in_different_words_does_not_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        t.bad[i] = 1 + (int)(i % 2);
    }
    assert_int_equal(run_all(20), BISECT_FINISHED);
    check_decided(20);
}

static void a_good_record_among_the_probed_does_not_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        t.bad[i] = 1;
    }
    t.bad[8] = 0;
    assert_int_equal(run_all(16), BISECT_FINISHED);
    check_decided(16);
}

static void any_set_of_bad_records_is_found(void **state)
{
    struct rng rng = seeded_rng();

    (void)state;
    for (int i = 0; i < 3000; i++) {
        set_up(NULL);
        size_t records = 1 + (size_t)rng_below(&rng, LIMIT_BATCH_RECORDS);
        size_t percent = (size_t)rng_below(&rng, 30);
        size_t bad = 0;
        for (size_t k = 0; k < records; k++) {
            if (rng_below(&rng, 100) < percent) {
                t.bad[k] = (int)rng_below(&rng, 9) - 1;
                bad += t.bad[k] != 0;
            }
        }
        if (rng_below(&rng, 3) == 0) {
            t.at_most = 1 + (size_t)rng_below(&rng, records);
        }
        enum bisect_next next = run_all(records);
        if (next == BISECT_BLOCKED) {
            assert_int_equal(t.bisect.probed, t.bisect.probe_count);
            assert_int_equal(t.rejects, 0);
        } else {
            check_decided(records);
            if (t.at_most == SIZE_MAX) {
                assert_true(t.requests <= 4 + 13 * bad);
            }
        }
    }
}

static void one_that_is_too_large_alone_is_rejected_and_says_nothing_of_others(void **state)
{
    (void)state;
    t.bad[0] = -1;
    t.at_most = 1;
    assert_int_equal(run_all(4), BISECT_FINISHED);
    check_decided(4);
    assert_int_equal(t.requests, 5);
    set_up(NULL); /* and the others are all refused alike */
    for (size_t i = 0; i < 300; i++) {
        t.bad[i] = i == 0 ? -1 : 1;
    }
    t.at_most = 1;
    assert_int_equal(run_all(300), BISECT_BLOCKED);
    assert_true(t.requests <= 12);
}

static void a_piece_that_was_accepted_proves_that_not_all_are_bad(void **state)
{
    (void)state;
    t.at_most = 100;
    t.bad[250] = 1;
    assert_int_equal(run_all(300), BISECT_FINISHED);
    check_decided(300);
    assert_int_equal(t.bisect.probe_count, 0);
}

static void what_was_accepted_before_a_failure_is_not_asked_again(void **state)
{
    (void)state;
    bisect_begin(&t.bisect, 300);
    bisect_keep(&t.bisect, 100);
    assert_int_equal(bisect_asked_count(&t.bisect), 200);
    assert_false(bisect_is_asked(&t.bisect, 99));
    assert_true(bisect_is_asked(&t.bisect, 100));
    bisect_keep(&t.bisect, 200); /* nothing would be left to ask */
    assert_int_equal(bisect_asked_count(&t.bisect), 1);
    assert_int_equal(bisect_accept(&t.bisect), BISECT_FINISHED);
    check_decided(300);
    assert_true(bisect_again(&t.bisect)); /* but all of it when it reads back otherwise */
    assert_int_equal(bisect_asked_count(&t.bisect), 300);
}

static void asked_again_are_only_those_that_were_accepted(void **state)
{
    (void)state;
    t.bad[3] = 1;
    run_all(10);
    assert_true(bisect_again(&t.bisect));
    assert_int_equal(bisect_asked_count(&t.bisect), 9);
    assert_false(bisect_is_asked(&t.bisect, 3));
    t.bad[5] = 2;
    t.rejects = 1;
    assert_int_equal(run(), BISECT_FINISHED);
    check_decided(10);
    set_up(NULL);
    t.bad[0] = 1;
    run_all(1);
    assert_false(bisect_again(&t.bisect));
}

static void a_target_that_changes_its_mind_leaves_nothing_undecided(void **state)
{
    size_t rejected;

    (void)state;
    bisect_begin(&t.bisect, 8);
    assert_int_equal(bisect_refuse(&t.bisect, 0, 8, 1, &rejected), BISECT_ASK);
    enum bisect_next next = BISECT_ASK;
    for (int i = 0; next == BISECT_ASK; i++) {
        assert_true(i < 20);
        next = bisect_accept(&t.bisect); /* alone, each of them is fine */
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(t.bisect.marks[i], BISECT_ACCEPTED);
    }
}

/* ---- likeness ---- */

static uint64_t of(const char *message, const char *id)
{
    return refusal_likeness(422, message, span_from_str(id));
}

static void what_differs_from_record_to_record_is_masked(void **state)
{
    (void)state;
    assert_true(of("got dimension 3, expected 384", "") ==
                of("got dimension 1536, expected 768", ""));
    assert_true(of("record 'a' is bad", "") == of("record 'b\"' is bad", ""));
    assert_true(of("key \"x\" is too long", "") == of("key \"yy\" is too long", ""));
    assert_true(of("doc-a: no", "doc-a") == of("other: no", "other"));
    assert_true(of("usage of 1.5 exceeds 3", "") == of("usage of 22,000 exceeds 3", ""));
}

static void what_is_said_counts(void **state)
{
    (void)state;
    assert_true(of("the document is too long", "") != of("the uri is too long", ""));
    assert_true(of("it can't be; don't", "") != of("it can be'; do't", ""));
    assert_true(refusal_likeness(400, "no", (struct span){0}) !=
                refusal_likeness(422, "no", (struct span){0}));
    assert_true(of("an 'open quote", "") != of("an open quote", ""));
    assert_true(of("", "") == of("", "x"));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_batch_is_one_request),
        TEST(one_bad_record_anywhere_is_found_within_18_requests),
        TEST(a_batch_of_one_is_asked_once_more),
        TEST(who_is_refused_alone_for_a_moment_only_is_not_rejected),
        TEST(the_refused_ones_of_a_batch_have_one_pause),
        TEST(what_is_refused_alike_everywhere_blocks),
        TEST(probes_are_spread),
        TEST(what_is_refused_in_different_words_does_not_block),
        TEST(a_good_record_among_the_probed_does_not_block),
        TEST(any_set_of_bad_records_is_found),
        TEST(one_that_is_too_large_alone_is_rejected_and_says_nothing_of_others),
        TEST(a_piece_that_was_accepted_proves_that_not_all_are_bad),
        TEST(what_was_accepted_before_a_failure_is_not_asked_again),
        TEST(asked_again_are_only_those_that_were_accepted),
        TEST(a_target_that_changes_its_mind_leaves_nothing_undecided),
        TEST(what_differs_from_record_to_record_is_masked),
        TEST(what_is_said_counts),
    };

    return cmocka_run_group_tests_name("bisect", tests, NULL, NULL);
}
