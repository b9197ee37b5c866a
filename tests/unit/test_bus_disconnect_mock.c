/* Publishing over connections that break: librdkafka's sequence numbers, and what is sent again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "support/bus_fixture.h"

/* What was reported as failed goes again under a new token, as a program would; a busy machine may leave some of the faults
 * for those. Returns how often. */
static uint64_t send_until_stored(struct fixture *f, uint64_t from, uint64_t to, size_t len)
{
    const uint64_t start = to;

    for (unsigned round = 0; from < to; round++) {
        uint64_t next = to;

        assert_in_range(round, 0, 10);
        for (uint64_t token = from; token < to; token++) {
            assert_int_equal(f->reports.of[token].times, 1);
            if (f->reports.of[token].kind != ERROR_NONE) {
                assert_int_equal(f->reports.of[token].kind, ERROR_UNAVAILABLE);
                fixture_send_again(f, next++, len);
            }
        }
        assert_true(probe_await_reports(f->publisher, &f->reports, next, WAIT_MS));
        from = to;
        to = next;
    }
    return to - start;
}

/* The broker takes `in_transit` batches, the connection breaks before the answers, and after it one passing refusal:
 * 2.0.2 then believes its sequence broken and ends fatally (librdkafka 4438). */
static void disconnect_in_transit(struct fixture *f, unsigned in_transit)
{
    const size_t len = MIB; /* each a batch of its own */

    fixture_publish_and_wait(f, 0, 5, len);
    for (unsigned i = 0; i < in_transit; i++) {
        mock_bus_answer_produce(f->bus, 1, MOCK_NONE, 750);
    }
    mock_bus_answer_produce(f->bus, 1, MOCK_NOT_ENOUGH_REPLICAS, 750);
    for (unsigned i = 0; i < 4; i++) {
        mock_bus_answer_produce(f->bus, 1, MOCK_OUT_OF_ORDER, 1);
    }
    fixture_send_all(f, 5, 5 + in_transit, len);
    fixture_serve(f, 250);
    mock_bus_down(f->bus, 1);
    fixture_serve(f, 250);
    fixture_send_all(f, 5 + in_transit, 10, len);
    mock_bus_up(f->bus, 1);
    assert_true(probe_await_reports(f->publisher, &f->reports, 10, WAIT_MS));
    print_message("%u in transit: %u messages sent again\n", in_transit,
                  (unsigned)send_until_stored(f, 5, 10, len));
}

static void a_disconnect_with_one_batch_in_transit_is_survived(void **state)
{
    disconnect_in_transit(*state, 1);
}

static void a_disconnect_with_three_batches_in_transit_is_survived(void **state)
{
    disconnect_in_transit(*state, 3);
}

static void a_disconnect_with_five_batches_in_transit_is_survived(void **state)
{
    disconnect_in_transit(*state, 5);
}

/* Disconnects and refusals at random; what was not stored is sent again, as a program would. */
static void any_order_of_disconnects_ends_with_everything_stored(void **state)
{
    struct fixture *f = *state;
    bool stored[PROBE_TOKENS] = {false};
    uint64_t token = 0;
    uint64_t seed;
    struct rng rng;

    random_bytes(&seed, sizeof seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    for (unsigned round = 0; round < 12; round++) {
        uint64_t first = token;
        uint64_t last = token + 5;

        mock_bus_delay(f->bus, 1, (int)rng_below(&rng, 30));
        for (uint64_t faults = rng_below(&rng, 5); faults > 0; faults--) {
            if (rng_below(&rng, 2) == 0) {
                mock_bus_answer_produce(f->bus, 1, MOCK_DISCONNECT, (int)rng_below(&rng, 50));
            } else {
                mock_bus_fail_produce(f->bus, MOCK_NOT_LEADER, 1 + (int)rng_below(&rng, 2));
            }
        }
        while (first < last) { /* each round until nothing of it is missing */
            for (token = first; token < last; token++) {
                fixture_send_again(f, token, 200);
            }
            assert_true(probe_await_reports(f->publisher, &f->reports, last, WAIT_MS));
            first = last;
            for (uint64_t t = token - 5; t < token && t < last; t++) {
                assert_int_equal(f->reports.of[t].times, 1);
                stored[t] = f->reports.of[t].kind == ERROR_NONE;
                last += !stored[t]; /* a new token in its place */
            }
        }
        assert_true(token < PROBE_TOKENS);
    }
    assert_int_equal(publisher_pending(f->publisher), 0);
    print_message("%zu of %zu reports were failures\n",
                  probe_reports_of_kind(&f->reports, ERROR_UNAVAILABLE), f->reports.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ONE_PARTITION(a_disconnect_with_one_batch_in_transit_is_survived),
        ON_ONE_PARTITION(a_disconnect_with_three_batches_in_transit_is_survived),
        ON_ONE_PARTITION(a_disconnect_with_five_batches_in_transit_is_survived),
        ON_ONE(any_order_of_disconnects_ends_with_everything_stored),
    };

    return cmocka_run_group_tests_name("bus_disconnect_mock", tests, NULL, NULL);
}
