/*
 * How many writes at a time are found, against simulated targets: fastest with one, with four, with ten; noisy; with a limit
 * of their own; with a pause. Time is simulated; seeds are printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "consumer/tempo.h"
#include "support/expect.h"

#define RECORDS  300
#define SEEDS    20
#define WRITERS  LIMIT_WRITES_PER_TARGET
#define RTT_MS   300
#define STEP_MS  3
#define START_MS 1000000

struct target {
    double speed[WRITERS + 1]; /* writes per RTT with so many at a time; [0] unused */
    uint32_t noise;            /* per cent, more or less */
    uint32_t refuses_above;    /* 429; 0: never */
};

struct writer {
    bool is_busy;
    uint64_t turn;
    int64_t began_ms;
    double left; /* of one write */
};

static struct {
    struct rng rng;
    uint64_t seed;
    struct tempo tempo;
    struct target target;
    struct writer writers[WRITERS];
    int64_t now_ms;
    uint64_t written;
    uint64_t refusals;
    uint64_t at[WRITERS + 1]; /* milliseconds spent with each limit */
} sim;

static uint32_t under_way(void)
{
    uint32_t count = 0;

    for (size_t i = 0; i < WRITERS; i++) {
        count += sim.writers[i].is_busy;
    }
    return count;
}

static void begin(uint64_t seed, const struct target *target, uint32_t ceiling)
{
    memset(&sim, 0, sizeof sim);
    sim.seed = seed;
    rng_seed(&sim.rng, seed);
    sim.target = *target;
    sim.now_ms = START_MS;
    tempo_init(&sim.tempo, 1, ceiling);
}

static double noisy_work(void)
{
    double noise = (double)sim.target.noise / 100.0;

    return 1.0 + noise * ((double)rng_below(&sim.rng, 2001) / 1000.0 - 1.0);
}

static void start_writes(void)
{
    uint32_t limit = tempo_limit(&sim.tempo, sim.now_ms);

    for (size_t i = 0; i < WRITERS && under_way() < limit; i++) {
        if (!sim.writers[i].is_busy) {
            sim.writers[i] = (struct writer){true, sim.tempo.turn, sim.now_ms, noisy_work()};
        }
    }
    if (limit > sim.tempo.ceiling || limit > WRITERS) {
        fail_msg("seed %llu: limit %u", (unsigned long long)sim.seed, limit);
    }
}

static void end_write(struct writer *writer, bool is_refused)
{
    uint32_t count = under_way();

    writer->is_busy = false;
    if (is_refused) {
        sim.refusals++;
        (void)tempo_failed(&sim.tempo, writer->turn, ERROR_THROTTLED, 0, 100, sim.now_ms);
        return;
    }
    sim.written++;
    tempo_wrote(&sim.tempo, writer->turn, RECORDS, count >= sim.tempo.limit, sim.now_ms);
}

static void step(void)
{
    uint32_t count;

    sim.now_ms += STEP_MS;
    start_writes();
    count = under_way();
    sim.at[sim.tempo.limit] += STEP_MS;
    for (size_t i = 0; i < WRITERS; i++) {
        struct writer *writer = &sim.writers[i];
        if (!writer->is_busy) {
            continue;
        }
        if (sim.target.refuses_above > 0 && count > sim.target.refuses_above &&
            sim.now_ms - writer->began_ms < 5 && writer->turn == sim.tempo.turn) {
            end_write(writer, true);
            count--;
            continue;
        }
        writer->left -= sim.target.speed[count] / count * STEP_MS / RTT_MS;
        if (writer->left <= 0) {
            end_write(writer, false);
            start_writes(); /* another batch is at hand */
        }
    }
}

static void run_for(int64_t ms)
{
    for (; ms > 0; ms -= STEP_MS) {
        step();
    }
}

/* Writes per RTT, measured from here on. */
static double speed_over(int64_t ms)
{
    uint64_t before = sim.written;

    run_for(ms);
    return (double)(sim.written - before) * RTT_MS / (double)ms;
}

/* Each of up to `best` adds one; from there on nothing, or less. */
static struct target fastest_with(uint32_t best, double loss, uint32_t noise)
{
    struct target target = {.noise = noise};

    for (uint32_t i = 1; i <= WRITERS; i++) {
        target.speed[i] = i <= best ? (double)i : (double)best * (1.0 - loss * (double)(i - best));
        if (target.speed[i] < 0.2) {
            target.speed[i] = 0.2;
        }
    }
    return target;
}

/* Within 60 s of simulated time, that is 200 round trips; afterwards it stays near the best, tries included. */
static void settles(const char *what, const struct target *target, double best)
{
    double worst = 1e9;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed, target, WRITERS);
        run_for(60000);
        double speed = speed_over(120000);
        worst = speed < worst ? speed : worst;
        if (speed < 0.8 * best) {
            fail_msg("%s, seed %llu: %.2f writes per round trip of %.2f, limit %u", what,
                     (unsigned long long)seed, speed, best, sim.tempo.limit);
        }
    }
    printf("%s: seeds 1 to %d, at worst %.2f of %.2f\n", what, SEEDS, worst, best);
}

static void it_finds_what_is_fastest(void **state)
{
    (void)state;
    for (uint32_t noise = 0; noise <= 30; noise += 15) {
        for (uint32_t best = 1; best <= WRITERS; best += 3) {
            char what[64];
            struct target hard = fastest_with(best, 0.15, noise);
            struct target flat = fastest_with(best, 0, noise);
            snprintf(what, sizeof what, "fastest with %u, then slower, noise %u %%", best, noise);
            settles(what, &hard, best);
            snprintf(what, sizeof what, "fastest with %u and more, noise %u %%", best, noise);
            settles(what, &flat, best);
        }
    }
}

/* More writers than are of use are a burden to a server that others use, too. */
static void it_does_not_stay_with_more_than_are_of_use(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct target target = fastest_with(1, 0.2, 15);
        begin(seed, &target, WRITERS);
        run_for(60000);
        memset(sim.at, 0, sizeof sim.at);
        run_for(120000);
        if (sim.at[1] < 60000 || sim.at[1] + sim.at[2] + sim.at[3] < 119000) {
            fail_msg("seed %llu: %llu of 120000 ms alone, %llu with two", (unsigned long long)seed,
                     (unsigned long long)sim.at[1], (unsigned long long)sim.at[2]);
        }
    }
}

static void ten_are_reached_within_two_hundred_writes(void **state)
{
    struct target target = fastest_with(WRITERS, 0, 0);

    (void)state;
    begin(1, &target, WRITERS);
    while (sim.tempo.base < WRITERS) {
        step();
        assert_in_range(sim.written, 0, 200);
    }
}

static void the_ceiling_is_kept(void **state)
{
    struct target target = fastest_with(WRITERS, 0, 10);

    (void)state;
    for (uint32_t ceiling = 1; ceiling <= WRITERS; ceiling++) {
        begin(ceiling, &target, ceiling);
        run_for(120000); /* start_writes() looks */
        assert_int_equal(sim.tempo.base, ceiling);
        assert_in_range(tempo_claims(&sim.tempo, sim.now_ms), 1, WRITERS);
    }
}

static void a_target_that_refuses_more_than_three_is_asked_for_more_ever_less_often(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct target target = fastest_with(WRITERS, 0, 10);
        target.refuses_above = 3;
        begin(seed, &target, WRITERS);
        run_for(60000);
        uint64_t refusals = sim.refusals;
        double speed = speed_over(120000);
        if (speed < 2.4 || sim.refusals - refusals > 8 || sim.refusals == 0) {
            fail_msg("seed %llu: %.2f of 3, %llu refusals and %llu", (unsigned long long)seed,
                     speed, (unsigned long long)refusals,
                     (unsigned long long)(sim.refusals - refusals));
        }
    }
}

static void a_target_that_becomes_slower_gets_less_and_then_more_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct target target = fastest_with(WRITERS, 0, 10);
        begin(seed, &target, WRITERS);
        run_for(60000);
        assert_in_range(sim.tempo.base, 8, WRITERS);
        sim.target = fastest_with(2, 0.1, 10);
        run_for(240000);
        if (sim.tempo.base > 4) {
            fail_msg("seed %llu: still %u", (unsigned long long)seed, sim.tempo.base);
        }
        sim.target = target;
        run_for(120000);
        if (speed_over(60000) < 7) {
            fail_msg("seed %llu: only %u", (unsigned long long)seed, sim.tempo.base);
        }
    }
}

/* ---- row by row ---- */

static struct tempo tempo;

static int set_up(void **state)
{
    (void)state;
    tempo_init(&tempo, 8, WRITERS);
    return 0;
}

static void a_failure_halves_once_for_all_that_was_under_way(void **state)
{
    uint64_t before = tempo.turn;

    (void)state;
    (void)tempo_failed(&tempo, before, ERROR_THROTTLED, 0, 100, START_MS);
    assert_int_equal(tempo_limit(&tempo, START_MS), 4);
    (void)tempo_failed(&tempo, before, ERROR_THROTTLED, 0, 100, START_MS + 1);
    assert_int_equal(tempo_limit(&tempo, START_MS + 1), 4);
    (void)tempo_failed(&tempo, tempo.turn, ERROR_THROTTLED, 0, 100, START_MS + 2);
    assert_int_equal(tempo.limit, 2);
    for (int i = 0; i < 5; i++) {
        (void)tempo_failed(&tempo, tempo.turn, ERROR_THROTTLED, 0, 100, START_MS + 3);
    }
    assert_int_equal(tempo.limit, 1);
}

static void what_the_target_asks_for_holds_for_all(void **state)
{
    (void)state;
    (void)tempo_failed(&tempo, tempo.turn, ERROR_THROTTLED, 12000, 12000, START_MS);
    (void)tempo_failed(&tempo, 1, ERROR_THROTTLED, 5000, 5000,
                       START_MS); /* an earlier end does not shorten it */
    assert_int_equal(tempo_limit(&tempo, START_MS), 0);
    assert_int_equal(tempo_limit(&tempo, START_MS + 11999), 0);
    assert_int_equal(tempo_limit(&tempo, START_MS + 12000), 4);
    assert_false(tempo_is_refused(&tempo, START_MS + 1));
}

static void an_outage_is_probed_by_one_and_forgotten(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_false(tempo_is_probing(&tempo));
        (void)tempo_failed(&tempo, 1, ERROR_THROTTLED, 0, 700, START_MS);
    }
    assert_true(tempo_is_probing(&tempo));
    assert_int_equal(tempo_limit(&tempo, START_MS + 699), 0);
    assert_int_equal(tempo_limit(&tempo, START_MS + 700), 1);
    assert_int_equal(tempo_claims(&tempo, START_MS + 700), 2);
    tempo_answered(&tempo, START_MS + 701);
    assert_int_equal(tempo_limit(&tempo, START_MS + 701), 4);
    assert_int_equal(tempo.barrier_for, 0);
}

static void a_refused_target_is_not_refused_for_ever(void **state)
{
    (void)state;
    tempo_refuse(&tempo, START_MS + 60000, START_MS);
    assert_true(tempo_is_refused(&tempo, START_MS + 59999));
    assert_int_equal(tempo_limit(&tempo, START_MS + 59999), 0);
    assert_false(tempo_is_refused(&tempo, START_MS + 60000));
    (void)tempo_failed(&tempo, tempo.turn, ERROR_THROTTLED, 1000, 1000,
                       START_MS + 60000); /* a pause is no refusal */
    assert_int_equal(tempo_limit(&tempo, START_MS + 60500), 0);
    assert_false(tempo_is_refused(&tempo, START_MS + 60500));
}

static void what_the_ledger_lets_be_claimed_waits_instead_of_being_parked(void **state)
{
    (void)state;
    tempo_refuse(&tempo, START_MS + 60000, START_MS);
    tempo_allow(&tempo, START_MS); /* asked before it could know */
    assert_true(tempo_is_refused(&tempo, START_MS + 1));
    tempo_allow(&tempo, START_MS + 1);
    assert_false(tempo_is_refused(&tempo, START_MS + 1));
    assert_int_equal(tempo_limit(&tempo, START_MS + 59999), 0);
}

static void never_more_claims_than_the_ledger_gives(void **state)
{
    (void)state;
    assert_int_equal(tempo_claims(&tempo, START_MS), 9);
    tempo_crowd(&tempo, 3, START_MS);
    assert_int_equal(tempo_claims(&tempo, START_MS), 3);
    tempo_crowd(&tempo, 0, START_MS);
    assert_int_equal(tempo_claims(&tempo, START_MS), 1); /* so that it asks again */
    assert_int_equal(tempo_claims(&tempo, START_MS + 10000), 9);
    tempo_init(&tempo, WRITERS, WRITERS);
    assert_int_equal(tempo_claims(&tempo, START_MS), WRITERS);
}

static void too_little_to_do_teaches_nothing(void **state)
{
    (void)state;
    tempo_init(&tempo, 1, WRITERS);
    for (int i = 0; i < 100; i++) {
        tempo_wrote(&tempo, tempo.turn, RECORDS, false, START_MS + i * 100);
    }
    assert_int_equal(tempo.limit, 1);
    assert_int_equal(tempo.base_rate, 0);
}

static void only_a_silent_target_is_to_be_asked_first(void **state)
{
    (void)state;
    tempo_init(&tempo, 1, WRITERS);
    for (int i = 0; i < 3; i++) {
        assert_false(tempo_wants_knock(&tempo));
        (void)tempo_failed(&tempo, 1, ERROR_UNAVAILABLE, 0, 700, START_MS);
    }
    assert_true(tempo_wants_knock(&tempo));
    (void)tempo_failed(&tempo, 1, ERROR_THROTTLED, 0, 700, START_MS); /* it speaks */
    assert_false(tempo_wants_knock(&tempo));
    (void)tempo_failed(&tempo, 1, ERROR_TIMEOUT, 0, 700, START_MS);
    assert_true(tempo_wants_knock(&tempo));
    tempo_answered(&tempo, START_MS);
    assert_false(tempo_wants_knock(&tempo));
}

/* As often as every second request, so that it is never thought to be down. */
static void retries_have_a_budget(void **state)
{
    int64_t now_ms = START_MS;
    uint32_t free = 0;

    (void)state;
    tempo_init(&tempo, 1, WRITERS);
    while (tempo_failed(&tempo, tempo.turn, ERROR_UNAVAILABLE, 0, 1, now_ms) == 1) {
        tempo_wrote(&tempo, tempo.turn, RECORDS, true, ++now_ms);
        free++;
    }
    assert_in_range(free, 100, 130);
    for (int i = 0; i < 50; i++) {
        uint32_t wait_ms = tempo_failed(&tempo, tempo.turn, ERROR_UNAVAILABLE, 0, 1, now_ms);
        assert_in_range(wait_ms, 1, 2100);
        now_ms += wait_ms; /* so it is one a second, */
        tempo_wrote(&tempo, tempo.turn, RECORDS, true, now_ms);
    }
    assert_in_range(now_ms - START_MS, 35000, 60000);
    now_ms += 200000; /* and what is not needed is saved, */
    assert_int_equal(tempo_failed(&tempo, tempo.turn, ERROR_TIMEOUT, 0, 1, now_ms), 1);
    for (int i = 0; i < 1000; i++) { /* and who is asked to wait does not pay */
        assert_int_equal(tempo_failed(&tempo, tempo.turn, ERROR_THROTTLED, 50, 50, now_ms), 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_silent_target_is_to_be_asked_first),
        cmocka_unit_test(retries_have_a_budget),
        cmocka_unit_test(it_finds_what_is_fastest),
        cmocka_unit_test(it_does_not_stay_with_more_than_are_of_use),
        cmocka_unit_test(ten_are_reached_within_two_hundred_writes),
        cmocka_unit_test(the_ceiling_is_kept),
        cmocka_unit_test(a_target_that_refuses_more_than_three_is_asked_for_more_ever_less_often),
        cmocka_unit_test(a_target_that_becomes_slower_gets_less_and_then_more_again),
        cmocka_unit_test_setup(a_failure_halves_once_for_all_that_was_under_way, set_up),
        cmocka_unit_test_setup(what_the_target_asks_for_holds_for_all, set_up),
        cmocka_unit_test_setup(an_outage_is_probed_by_one_and_forgotten, set_up),
        cmocka_unit_test_setup(a_refused_target_is_not_refused_for_ever, set_up),
        cmocka_unit_test_setup(what_the_ledger_lets_be_claimed_waits_instead_of_being_parked,
                               set_up),
        cmocka_unit_test_setup(never_more_claims_than_the_ledger_gives, set_up),
        cmocka_unit_test_setup(too_little_to_do_teaches_nothing, set_up),
    };
    return cmocka_run_group_tests_name("tempo", tests, NULL, NULL);
}
