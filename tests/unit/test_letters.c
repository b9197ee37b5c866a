/* Lots of dead letters against librdkafka's mock cluster: done when all are stored, lighter when too large, repeated
 * when not, and late reports concern nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/letters.h"
#include "support/expect.h"
#include "support/mock_bus.h"

#define TOPIC   "ferry.dead-letters"
#define WAIT_MS 15000

struct world {
    struct mock_bus *bus;
    struct loop *loop;
    struct letters *letters;
    size_t value_len;
    unsigned written[LETTER_FORM_COUNT];
    bool cannot_write;
    unsigned done[LETTERS_SLOTS];
    struct error err[LETTERS_SLOTS];
};

static bool write_letter(void *ctx, size_t slot, size_t i, enum letter_form form,
                         struct letter_draft *out, struct error *err)
{
    static uint8_t bytes[10 * MIB];
    struct world *w = ctx;
    struct dead_letter_reject reject = {.program = "test",
                                        .job_id = (int64_t)slot,
                                        .batch_no = (int64_t)i,
                                        .stage = "export",
                                        .reason = "r",
                                        .id = SPAN_LITERAL("x")};

    if (w->cannot_write) {
        return error_set(err, ERROR_NOMEM, "cannot write");
    }
    w->written[form]++;
    out->has_value = form == LETTER_WHOLE;
    out->value = (struct span){bytes, out->has_value ? w->value_len : 0};
    dead_letter_of_reject(&reject, out->has_value ? DEAD_LETTER_WHOLE : DEAD_LETTER_OMITTED,
                          w->value_len, &out->letter);
    return true;
}

static void on_done(void *ctx, size_t slot, const struct error *err)
{
    struct world *w = ctx;

    w->done[slot]++;
    w->err[slot] = *err;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err = {0};

    assert_non_null(w);
    w->bus = mock_bus_start(1, TOPIC, 1);
    w->loop = loop_new(&err);
    w->value_len = 100;
    struct letters_settings settings = {.brokers = mock_bus_brokers(w->bus),
                                        .topic = TOPIC,
                                        .client_id = "test",
                                        .write = write_letter,
                                        .done = on_done,
                                        .ctx = w};
    w->letters = letters_new(w->loop, &settings, &err);
    assert_non_null(w->letters);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    letters_close(w->letters, 500);
    loop_free(w->loop);
    mock_bus_stop(w->bus);
    free(w);
    return 0;
}

static void turn(struct world *w)
{
    struct error err = {0};

    letters_run(w->letters);
    expect_ok(loop_turn(w->loop, 20, &err), &err);
}

static void turn_until(struct world *w, size_t slot, unsigned times)
{
    int64_t until_ms = clock_boottime_ms() + WAIT_MS;

    while (w->done[slot] < times) {
        assert_true(clock_boottime_ms() < until_ms);
        turn(w);
    }
    assert_int_equal(w->done[slot], times);
}

static void a_lot_is_done_when_all_of_it_is_stored(void **state)
{
    struct world *w = *state;

    letters_want(w->letters, 0, 300);
    letters_want(w->letters, 31, 1);
    turn_until(w, 0, 1);
    turn_until(w, 31, 1);
    assert_int_equal(w->err[0].kind, ERROR_NONE);
    assert_int_equal(w->err[31].kind, ERROR_NONE);
    assert_int_equal(w->written[LETTER_WHOLE], 301);
    assert_string_equal(letters_trouble(w->letters), "");
    for (int i = 0; i < 10; i++) {
        turn(w);
    }
    assert_int_equal(w->done[0], 1);
}

static void more_bytes_than_may_be_under_way_wait(void **state)
{
    struct world *w = *state;

    w->value_len = MIB;
    letters_want(w->letters, 0, 40);
    letters_run(w->letters);
    assert_true(w->written[LETTER_WHOLE] <= 8);
    turn_until(w, 0, 1);
    assert_int_equal(w->err[0].kind, ERROR_NONE);
}

static void what_the_client_finds_too_large_goes_without_its_value(void **state)
{
    struct world *w = *state;

    w->value_len = 10 * MIB;
    letters_want(w->letters, 3, 2);
    turn_until(w, 3, 1);
    assert_int_equal(w->err[3].kind, ERROR_NONE);
    assert_int_equal(w->written[LETTER_WITHOUT_VALUE], 2);
    assert_int_equal(w->written[LETTER_BARE], 0);
}

static void what_the_broker_finds_too_large_gets_lighter_and_lighter(void **state)
{
    struct world *w = *state;

    mock_bus_fail_produce(w->bus, MOCK_TOO_LARGE, 3);
    letters_want(w->letters, 3, 1);
    turn_until(w, 3, 1);
    assert_int_equal(w->err[3].kind, ERROR_NONE);
    assert_int_equal(w->written[LETTER_WHOLE], 2); /* the second time alone */
    assert_int_equal(w->written[LETTER_WITHOUT_VALUE], 1);
    assert_int_equal(w->written[LETTER_BARE], 1);
}

/* A broker refuses what was sent together for the size of one. */
static void the_neighbours_of_one_too_large_lose_nothing(void **state)
{
    struct world *w = *state;

    mock_bus_fail_produce(w->bus, MOCK_TOO_LARGE, 1);
    letters_want(w->letters, 3, 20);
    letters_want(w->letters, 4, 20);
    turn_until(w, 3, 1);
    turn_until(w, 4, 1);
    assert_int_equal(w->err[3].kind, ERROR_NONE);
    assert_int_equal(w->written[LETTER_WITHOUT_VALUE], 0);
}

static void a_refusal_is_told_and_the_rest_goes_when_wanted_again(void **state)
{
    struct world *w = *state;

    mock_bus_fail_produce(w->bus, MOCK_NO_PERMISSION, 1);
    letters_want(w->letters, 5, 1);
    turn_until(w, 5, 1);
    assert_int_equal(w->err[5].kind, ERROR_AUTH);
    assert_true(strlen(letters_trouble(w->letters)) > 0);
    for (int i = 0; i < 5; i++) {
        turn(w); /* by itself it does nothing */
    }
    assert_int_equal(w->done[5], 1);
    int64_t until_ms = clock_boottime_ms() + WAIT_MS;
    for (unsigned times = 2; w->err[5].kind != ERROR_NONE; times++) {
        assert_true(clock_boottime_ms() < until_ms); /* the client asks the topic anew first */
        letters_want(w->letters, 5, 1);
        turn_until(w, 5, times);
        turn(w);
    }
    assert_string_equal(letters_trouble(w->letters), "");
}

static void what_is_stored_of_a_lot_is_not_sent_again(void **state)
{
    struct world *w = *state;

    letters_want(w->letters, 5, 3);
    letters_run(w->letters);
    int64_t until_ms = clock_boottime_ms() + 1000;
    struct error err = {0};
    while (clock_boottime_ms() < until_ms) { /* stored, and not told yet */
        expect_ok(loop_turn(w->loop, 50, &err), &err);
    }
    w->cannot_write = true; /* nothing is written again */
    turn_until(w, 5, 1);
    assert_int_equal(w->err[5].kind, ERROR_NONE);
    assert_int_equal(w->written[LETTER_WHOLE], 3);
}

static void what_cannot_be_written_is_told(void **state)
{
    struct world *w = *state;

    w->cannot_write = true;
    letters_want(w->letters, 0, 2);
    turn_until(w, 0, 1);
    assert_int_equal(w->err[0].kind, ERROR_NOMEM);
    w->cannot_write = false;
    letters_want(w->letters, 0, 2);
    turn_until(w, 0, 2);
    assert_int_equal(w->err[0].kind, ERROR_NONE);
}

static void reports_of_a_forgotten_lot_are_late(void **state)
{
    struct world *w = *state;

    mock_bus_delay(w->bus, 1, 300);
    letters_want(w->letters, 7, 10);
    letters_run(w->letters);
    letters_forget(w->letters, 7);
    letters_want(w->letters, 7, 2); /* another batch is in the slot now */
    turn_until(w, 7, 1);
    assert_int_equal(w->err[7].kind, ERROR_NONE);
    assert_int_equal(w->written[LETTER_WHOLE], 12);
    for (int i = 0; i < 40; i++) {
        turn(w);
    }
    assert_int_equal(w->done[7], 1);
}

static void while_nobody_answers_it_waits_and_says_for_what(void **state)
{
    struct world *w = *state;

    letters_want(w->letters, 0, 1);
    turn_until(w, 0, 1);
    mock_bus_down(w->bus, 1);
    letters_want(w->letters, 1, 1);
    int64_t until_ms = clock_boottime_ms() + WAIT_MS;
    while (letters_trouble(w->letters)[0] == '\0') {
        assert_true(clock_boottime_ms() < until_ms);
        turn(w);
    }
    assert_int_equal(w->done[1], 0);
    mock_bus_up(w->bus, 1);
    turn_until(w, 1, 1);
    assert_int_equal(w->err[1].kind, ERROR_NONE);
    assert_string_equal(letters_trouble(w->letters), "");
}

static void closing_does_not_wait_for_an_outage(void **state)
{
    struct world *w = *state;
    int64_t begin_ms = clock_boottime_ms();

    mock_bus_down(w->bus, 1);
    letters_want(w->letters, 1, 1);
    turn(w);
    letters_close(w->letters, 200);
    w->letters = NULL;
    assert_true(clock_boottime_ms() - begin_ms < 8000);
    assert_int_equal(w->done[1], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lot_is_done_when_all_of_it_is_stored),
        TEST(more_bytes_than_may_be_under_way_wait),
        TEST(what_the_client_finds_too_large_goes_without_its_value),
        TEST(what_the_broker_finds_too_large_gets_lighter_and_lighter),
        TEST(the_neighbours_of_one_too_large_lose_nothing),
        TEST(a_refusal_is_told_and_the_rest_goes_when_wanted_again),
        TEST(what_is_stored_of_a_lot_is_not_sent_again),
        TEST(what_cannot_be_written_is_told),
        TEST(reports_of_a_forgotten_lot_are_late),
        TEST(while_nobody_answers_it_waits_and_says_for_what),
        TEST(closing_does_not_wait_for_an_outage),
    };

    return cmocka_run_group_tests_name("letters", tests, NULL, NULL);
}
