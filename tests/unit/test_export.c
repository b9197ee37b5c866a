/*
 * The exporting machine, row by row of PROTOCOL §2 and §6: what each event makes of a slot in each state, and what is
 * done. Any order of events is test_export_random.c's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/export.h"
#include "support/expect.h"

#define LEASE_MS  60000
#define MARGIN_MS 5000
#define POLL_MS   300
#define GRACE_MS  10000

static struct export_core core;
static int64_t now_ms;

static int fresh(void **state)
{
    struct export_settings settings = {
        .lease_ms = LEASE_MS, .lease_margin_ms = MARGIN_MS, .fetch_limit = 2, .poll_ms = POLL_MS};
    (void)state;
    now_ms = 1000000;
    export_core_init(&core, &settings, 1);
    return 0;
}

/* What waits to be carried out, in order, and takes it: "claim 2; fetch 0". */
static const char *done(void)
{
    static const char *const names[] = {"claim",  "fetch",   "search", "letter", "record", "send",
                                        "report", "release", "split",  "block",  "abort",  "drop"};
    static char text[4096];
    struct export_action action;
    size_t len = 0;
    text[0] = '\0';
    while (export_next_action(&core, &action)) {
        size_t number = action.kind == EXPORT_ACTION_CLAIM ? action.count : action.slot;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %zu", len > 0 ? "; " : "",
                                names[action.kind], number);
    }
    return text;
}

static void tell(struct export_event event, const char *want)
{
    export_handle(&core, &event, now_ms);
    assert_string_equal(done(), want);
}

static void expect_state(size_t slot, enum export_state want)
{
    assert_string_equal(export_state_name(core.slots[slot].state), export_state_name(want));
}

static struct export_event about(enum export_event_kind kind, size_t slot, enum error_kind error)
{
    return (struct export_event){.kind = kind, .slot = slot, .error = error};
}

static struct export_event recorded(size_t slot, bool matched, bool is_final)
{
    struct export_event event = about(EXPORT_EVENT_RECORDED, slot, ERROR_NONE);
    event.matched = matched;
    event.is_final = is_final;
    return event;
}

static void tick(int64_t later_ms, const char *want)
{
    now_ms += later_ms;
    tell(about(EXPORT_EVENT_TICK, 0, ERROR_NONE), want);
}

/* One claim is asked for and answered with `count` batches, of slots 0 … count-1. */
static void claim(size_t count)
{
    export_handle(&core, &(struct export_event){.kind = EXPORT_EVENT_TICK}, now_ms);
    (void)done();
    for (size_t i = 0; i < count; i++) {
        size_t slot;
        assert_true(export_free_slot(&core, &slot));
        struct export_event event = {.kind = EXPORT_EVENT_CLAIMED,
                                     .slot = slot,
                                     .batch_no = 7 + (int64_t)i,
                                     .fence = 70 + (int64_t)i,
                                     .rev = 1,
                                     .started_ms = now_ms};
        export_handle(&core, &event, now_ms);
    }
    struct export_event end = {.kind = EXPORT_EVENT_CLAIM_END, .count = count};
    export_handle(&core, &end, now_ms);
}

/* Slot 0 in that state, slot 1 taken too, so that no claim is asked for meanwhile. */
static void bring_to(enum export_state state)
{
    fresh(NULL);
    if (state == EXPORT_FREE) {
        export_handle(&core, &(struct export_event){.kind = EXPORT_EVENT_TICK}, now_ms);
        (void)done();
        return; /* a claim is under way */
    }
    claim(2);
    if (state == EXPORT_WAITING) {
        struct export_event failed = about(EXPORT_EVENT_FETCHED, 0, ERROR_UNAVAILABLE);
        export_handle(&core, &failed, now_ms);
    } else if (state == EXPORT_SEARCHING) {
        struct export_event failed = about(EXPORT_EVENT_FETCHED, 0, ERROR_UNAVAILABLE);
        struct export_event later = about(EXPORT_EVENT_TICK, 0, ERROR_NONE);
        failed.is_suspicious = true;
        for (int i = 0; i < 3; i++) {
            export_handle(&core, &failed, now_ms);
            now_ms = core.slots[0].due_ms;
            export_handle(&core, &later, now_ms);
        }
        core.slots[0].lease_start_ms = core.slots[1].lease_start_ms = now_ms;
    } else if (state == EXPORT_LETTERING) {
        struct export_event fetched = about(EXPORT_EVENT_FETCHED, 0, ERROR_NONE);
        fetched.rejects = 2;
        export_handle(&core, &fetched, now_ms);
    } else if (state != EXPORT_FETCHING) {
        struct export_event steps[] = {
            about(EXPORT_EVENT_FETCHED, 0, ERROR_NONE), recorded(0, true, false),
            about(EXPORT_EVENT_SENT, 0, ERROR_NONE), about(EXPORT_EVENT_REPORT, 0, ERROR_NONE)};
        static const enum export_state after[] = {EXPORT_RECORDING, EXPORT_SENDING, EXPORT_SENT,
                                                  EXPORT_REPORTING};
        for (size_t i = 0; core.slots[0].state != state; i++) {
            export_handle(&core, &steps[i], now_ms);
            expect_state(0, after[i]);
        }
    }
    (void)done();
    core.is_claiming = true; /* and none will be */
    core.claiming = 0;
    expect_state(0, state);
}

static void a_batch_goes_from_claim_to_published(void **state)
{
    (void)state;
    tick(0, "claim 2");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIMED, .fence = 9, .started_ms = now_ms},
         "fetch 0");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIM_END, .count = 1}, "claim 1");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIM_END}, "");
    tell(about(EXPORT_EVENT_FETCHED, 0, ERROR_NONE), "record 0");
    tell(recorded(0, true, false), "send 0");
    tell(about(EXPORT_EVENT_SENT, 0, ERROR_NONE), "");
    tell(about(EXPORT_EVENT_REPORT, 0, ERROR_NONE), "report 0");
    assert_false(export_is_idle(&core));
    tell(about(EXPORT_EVENT_REPORTED, 0, ERROR_NONE), "drop 0");
    assert_true(export_is_idle(&core));
}

static void
claims_are_asked_for_one_at_a_time_and_again_after_a_while_when_there_were_none(void **s)
{
    (void)s;
    tick(0, "claim 2");
    tick(1000, "");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIM_END}, "");
    tick(POLL_MS - 1, "");
    tick(1, "claim 2");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIM_END, .error = ERROR_UNAVAILABLE}, "");
    tick(POLL_MS - 1, "");
    tick(1, "claim 2");
}

static void what_is_on_the_bus_makes_room_for_the_next_fetch(void **state)
{
    (void)state;
    bring_to(EXPORT_SENDING);
    core.is_claiming = false;
    tick(0, "");
    tell(about(EXPORT_EVENT_SENT, 0, ERROR_NONE), "claim 1");
}

static void
a_batch_that_moved_on_or_is_final_at_recording_is_dropped_without_a_message(void **state)
{
    (void)state;
    bring_to(EXPORT_RECORDING);
    tell(recorded(0, false, false), "drop 0");
    bring_to(EXPORT_RECORDING);
    tell(recorded(0, true, true), "drop 0");
    bring_to(EXPORT_RECORDING);
    tell(about(EXPORT_EVENT_RECORDED, 0, ERROR_UNAVAILABLE), "release 0; drop 0");
}

static void rejects_are_lettered_before_they_are_recorded(void **state)
{
    (void)state;
    claim(1);
    core.is_claiming = true;
    (void)done();
    struct export_event fetched = about(EXPORT_EVENT_FETCHED, 0, ERROR_NONE);
    fetched.rejects = 1;
    tell(fetched, "letter 0");
    tell(about(EXPORT_EVENT_LETTERED, 0, ERROR_NONE), "record 0");
    tell(recorded(0, true, false), "send 0");
}

/* Whatever the bus calls it: the ledger hears of no reject without its letter. */
static void a_letter_that_is_not_stored_is_an_outage(void **state)
{
    static const enum error_kind kinds[] = {ERROR_UNAVAILABLE, ERROR_AUTH,  ERROR_NOT_FOUND,
                                            ERROR_TOO_LARGE,   ERROR_NOMEM, ERROR_REJECTED};
    (void)state;
    bring_to(EXPORT_LETTERING);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        tell(about(EXPORT_EVENT_LETTERED, 0, kinds[i]), "");
        expect_state(0, EXPORT_LETTERING);
        tell(about(EXPORT_EVENT_LETTERED, 0, ERROR_NONE), ""); /* nobody waits for one now */
        core.slots[0].lease_start_ms = core.slots[1].lease_start_ms = now_ms + 30000;
        tick(30000, "letter 0");
    }
    tell(about(EXPORT_EVENT_LETTERED, 0, ERROR_NONE), "record 0");
}

static void a_batch_that_is_too_large_is_split(void **state)
{
    (void)state;
    bring_to(EXPORT_FETCHING);
    tell(about(EXPORT_EVENT_FETCHED, 0, ERROR_TOO_LARGE), "split 0; drop 0");
}

static void a_source_that_fails_is_asked_again_after_a_growing_wait_or_as_it_says(void **state)
{
    (void)state;
    bring_to(EXPORT_FETCHING);
    for (uint32_t attempt = 0; attempt < 6; attempt++) {
        tell(about(EXPORT_EVENT_FETCHED, 0, ERROR_UNAVAILABLE), "");
        expect_state(0, EXPORT_WAITING);
        int64_t wait_ms = core.slots[0].due_ms - now_ms;
        assert_in_range((uint64_t)wait_ms, 100, 200u << attempt);
        tick(wait_ms - 1, "");
        tick(1, "fetch 0");
    }
    struct export_event throttled = about(EXPORT_EVENT_FETCHED, 0, ERROR_THROTTLED);
    throttled.retry_after_ms = 20000;
    tell(throttled, "");
    tick(19999, "");
    tick(1, "fetch 0");
}

static void what_waiting_does_not_mend_blocks_the_job_but_our_own_failures_do_not(void **state)
{
    static const enum error_kind blocks[] = {ERROR_AUTH,   ERROR_NOT_FOUND, ERROR_REJECTED,
                                             ERROR_FORMAT, ERROR_INTEGRITY, ERROR_LIMIT};
    static const enum error_kind ours[] = {ERROR_CANCELLED, ERROR_NOMEM, ERROR_BUG, ERROR_USAGE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        bring_to(EXPORT_FETCHING);
        tell(about(EXPORT_EVENT_FETCHED, 0, blocks[i]), "block 0; release 0; drop 0");
    }
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        bring_to(EXPORT_FETCHING);
        tell(about(EXPORT_EVENT_FETCHED, 0, ours[i]), "release 0; drop 0");
    }
}

/* Slot 0 fetches; the answer comes, and the wait passes. */
static void fail_and_wait(enum error_kind error, bool is_suspicious, const char *want)
{
    struct export_event failed = about(EXPORT_EVENT_FETCHED, 0, error);
    failed.is_suspicious = is_suspicious;
    tell(failed, "");
    expect_state(0, EXPORT_WAITING);
    tick(core.slots[0].due_ms - now_ms, want);
}

static void a_batch_that_fails_alone_again_and_again_is_searched(void **state)
{
    (void)state;
    bring_to(EXPORT_FETCHING);
    fail_and_wait(ERROR_UNAVAILABLE, true, "fetch 0");
    fail_and_wait(ERROR_FORMAT, true, "fetch 0");
    fail_and_wait(ERROR_UNAVAILABLE, false, "fetch 0"); /* an outage between: it says nothing */
    fail_and_wait(ERROR_UNAVAILABLE, true, "fetch 0");
    fail_and_wait(ERROR_UNAVAILABLE, true, "fetch 0");
    fail_and_wait(ERROR_UNAVAILABLE, true, "search 0");
    expect_state(0, EXPORT_SEARCHING);
    tick(1000, "");
    tell(about(EXPORT_EVENT_SEARCHED, 0, ERROR_NONE), "fetch 0");
    fail_and_wait(ERROR_UNAVAILABLE, true, "fetch 0"); /* counted anew */
    tell(about(EXPORT_EVENT_FETCHED, 0, ERROR_NONE), "record 0");
}

static void a_search_that_says_nothing_is_made_again_and_one_that_needs_a_person_blocks(void **s)
{
    (void)s;
    bring_to(EXPORT_SEARCHING);
    tell(about(EXPORT_EVENT_SEARCHED, 0, ERROR_UNAVAILABLE), "");
    expect_state(0, EXPORT_WAITING);
    tick(core.slots[0].due_ms - now_ms, "fetch 0");
    fail_and_wait(ERROR_UNAVAILABLE, true, "fetch 0");
    fail_and_wait(ERROR_UNAVAILABLE, true, "search 0");
    tell(about(EXPORT_EVENT_SEARCHED, 0, ERROR_REJECTED), "block 0; release 0; drop 0");
    bring_to(EXPORT_SEARCHING);
    tell(about(EXPORT_EVENT_SEARCHED, 0, ERROR_NOMEM), "release 0; drop 0");
}

static void a_full_bus_is_tried_again_a_refusing_one_gives_the_batch_back(void **state)
{
    (void)state;
    bring_to(EXPORT_SENDING);
    tell(about(EXPORT_EVENT_SENT, 0, ERROR_THROTTLED), "");
    tick(19, "");
    tick(1, "send 0");
    tick(1000, ""); /* not twice for one answer */
    tell(about(EXPORT_EVENT_SENT, 0, ERROR_THROTTLED), "");
    tick(20, "send 0");
    tell(about(EXPORT_EVENT_SENT, 0, ERROR_UNAVAILABLE), "release 0; drop 0");
    bring_to(EXPORT_SENDING);
    tell(about(EXPORT_EVENT_SENT, 0, ERROR_TOO_LARGE), "block 0; release 0; drop 0");
}

static void a_failed_report_gives_the_batch_back_and_a_lost_answer_is_asked_for_again(void **state)
{
    (void)state;
    bring_to(EXPORT_SENT);
    tell(about(EXPORT_EVENT_REPORT, 0, ERROR_TIMEOUT), "release 0; drop 0");
    bring_to(EXPORT_SENT);
    tell(about(EXPORT_EVENT_REPORT, 0, ERROR_CANCELLED), "release 0; drop 0");
    bring_to(EXPORT_SENT);
    tell(about(EXPORT_EVENT_REPORT, 0, ERROR_UNAVAILABLE),
         "release 0; drop 0"); /* the topic is gone */
    bring_to(EXPORT_SENT);
    tell(about(EXPORT_EVENT_REPORT, 0, ERROR_AUTH), "block 0; release 0; drop 0");
    bring_to(EXPORT_REPORTING);
    tell(about(EXPORT_EVENT_REPORTED, 0, ERROR_UNAVAILABLE), "");
    tick(199, "");
    tick(1, "report 0");
    tick(1000, "");
    tell(about(EXPORT_EVENT_REPORTED, 0, ERROR_NONE), "drop 0");
}

static void while_a_search_rests_others_are_fetched_and_it_comes_before_the_next(void **state)
{
    (void)state;
    bring_to(EXPORT_SEARCHING);
    core.is_claiming = false;
    tick(POLL_MS, "");
    tell(about(EXPORT_EVENT_RESTS, 0, ERROR_NONE), "claim 1");
    struct export_event claimed = about(EXPORT_EVENT_CLAIMED, 2, ERROR_NONE);
    claimed.started_ms = now_ms;
    tell(claimed, "fetch 2");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIM_END, .count = 1}, "");
    tell(about(EXPORT_EVENT_SEARCHED, 0, ERROR_NONE), ""); /* two at a time */
    expect_state(0, EXPORT_WAITING);
    tick(1, "");
    tell(about(EXPORT_EVENT_FETCHED, 1, ERROR_NONE), "record 1");
    tell(recorded(1, true, false), "send 1");
    tell(about(EXPORT_EVENT_SENT, 1, ERROR_NONE), "");
    tick(1, "fetch 0");
    tell(about(EXPORT_EVENT_FETCHED, 0, ERROR_NONE), "record 0");
}

static void an_answer_that_nobody_waits_for_changes_nothing(void **state)
{
    static const struct {
        enum export_event_kind kind;
        enum export_state awaited_in;
    } answers[] = {
        {EXPORT_EVENT_FETCHED, EXPORT_FETCHING},   {EXPORT_EVENT_SEARCHED, EXPORT_SEARCHING},
        {EXPORT_EVENT_LETTERED, EXPORT_LETTERING}, {EXPORT_EVENT_RECORDED, EXPORT_RECORDING},
        {EXPORT_EVENT_SENT, EXPORT_SENDING},       {EXPORT_EVENT_REPORT, EXPORT_SENT},
        {EXPORT_EVENT_REPORTED, EXPORT_REPORTING}};
    (void)state;
    for (int at = EXPORT_FREE; at < EXPORT_STATE_COUNT; at++) {
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
            if (answers[i].awaited_in == (enum export_state)at) {
                continue;
            }
            bring_to((enum export_state)at);
            struct export_core before = core;
            tell(about(answers[i].kind, 0, ERROR_NONE), "");
            tell(about(answers[i].kind, 0, ERROR_AUTH), "");
            assert_memory_equal(before.slots, core.slots, sizeof core.slots);
        }
    }
}

/* What losing the lease does, by state: sent and half-told batches stay, the rest goes. */
static const char *const lost[EXPORT_STATE_COUNT] = {
    [EXPORT_FREE] = "",
    [EXPORT_FETCHING] = "abort 0; drop 0",
    [EXPORT_WAITING] = "drop 0",
    [EXPORT_RECORDING] = "",
    [EXPORT_SENDING] = "drop 0",
    [EXPORT_SENT] = "",
    [EXPORT_REPORTING] = "",
    [EXPORT_SEARCHING] = "abort 0; drop 0",
    [EXPORT_LETTERING] = "abort 0; drop 0",
};

static void a_lease_that_runs_out_ends_what_has_not_been_sent(void **state)
{
    (void)state;
    for (int at = EXPORT_FETCHING; at < EXPORT_STATE_COUNT; at++) {
        bring_to((enum export_state)at);
        core.slots[0].due_ms = 0;
        if (at == EXPORT_WAITING) {
            core.slots[0].due_ms = now_ms + 2 * LEASE_MS;
        }
        core.slots[1].lease_start_ms += LEASE_MS;
        tick(LEASE_MS - MARGIN_MS - 1, "");
        tick(1, lost[at]);
    }
}

static void a_renewal_judges_exactly_the_claims_it_asked_for(void **state)
{
    (void)state;
    for (int at = EXPORT_FETCHING; at < EXPORT_STATE_COUNT; at++) {
        bring_to((enum export_state)at);
        struct export_event renewed = {.kind = EXPORT_EVENT_RENEWED, .started_ms = now_ms + 20000};
        tell(renewed, ""); /* its claim had not been answered when the renewal was sent */
        expect_state(0, (enum export_state)at);
        renewed.asked[0] = true;
        tell(renewed, lost[at]);

        bring_to((enum export_state)at);
        renewed.asked[0] = renewed.kept[0] = true;
        tell(renewed, "");
        assert_int_equal(core.slots[0].lease_start_ms, now_ms + 20000);
    }
}

static void stopping_gives_back_what_is_not_on_the_bus_and_waits_for_the_rest(void **state)
{
    static const char *const at_once[EXPORT_STATE_COUNT] = {
        [EXPORT_FREE] = "",
        [EXPORT_FETCHING] = "abort 0; release 0; drop 0",
        [EXPORT_WAITING] = "release 0; drop 0",
        [EXPORT_SEARCHING] = "abort 0; release 0; drop 0",
        [EXPORT_LETTERING] = "abort 0; release 0; drop 0",
        [EXPORT_RECORDING] = "",
        [EXPORT_SENDING] = "release 0; drop 0",
        [EXPORT_SENT] = "",
        [EXPORT_REPORTING] = "",
    };
    struct export_event stop = {.kind = EXPORT_EVENT_STOP, .grace_ms = GRACE_MS};
    (void)state;
    for (int at = EXPORT_FREE; at < EXPORT_STATE_COUNT; at++) {
        char want[128];
        bool has_second = at != EXPORT_FREE;
        bring_to((enum export_state)at);
        snprintf(want, sizeof want, "%s%s%s", at_once[at],
                 at_once[at][0] != '\0' && has_second ? "; " : "",
                 has_second ? "abort 1; release 1; drop 1" : "");
        tell(stop, want);
        core.slots[0].lease_start_ms += LEASE_MS;
        tick(GRACE_MS - 1, "");
        bool is_left = has_second && at_once[at][0] == '\0';
        tick(1, is_left ? "release 0; drop 0" : "");
        assert_true(export_is_idle(&core));
        tick(1000000, "");
    }
}

static void a_claim_that_is_answered_after_the_stop_is_given_back(void **state)
{
    (void)state;
    tick(0, "claim 2");
    tell((struct export_event){.kind = EXPORT_EVENT_STOP, .grace_ms = GRACE_MS}, "");
    assert_false(export_is_idle(&core));
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIMED, .slot = 0, .fence = 5},
         "release 0; drop 0");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIM_END, .count = 1}, "");
    assert_true(export_is_idle(&core));
    tick(GRACE_MS, "");
    tell((struct export_event){.kind = EXPORT_EVENT_CLAIMED, .slot = 0, .fence = 6},
         "release 0; drop 0");
}

static void a_second_stop_ends_the_wait(void **state)
{
    (void)state;
    bring_to(EXPORT_SENT);
    tell((struct export_event){.kind = EXPORT_EVENT_STOP, .grace_ms = GRACE_MS},
         "abort 1; release 1; drop 1");
    tell((struct export_event){.kind = EXPORT_EVENT_STOP}, "release 0; drop 0");
    assert_true(export_is_idle(&core));
}

static void every_slot_at_once_fits_the_queue_of_actions(void **state)
{
    (void)state;
    core.settings.fetch_limit = EXPORT_SLOTS;
    claim(EXPORT_SLOTS);
    (void)done();
    size_t none;
    assert_false(export_free_slot(&core, &none));
    export_handle(&core, &(struct export_event){.kind = EXPORT_EVENT_STOP}, now_ms);
    assert_int_equal(core.queue_len, 3 * EXPORT_SLOTS);
    assert_true(core.queue_len <= EXPORT_ACTIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_batch_goes_from_claim_to_published, fresh),
        cmocka_unit_test_setup(
            claims_are_asked_for_one_at_a_time_and_again_after_a_while_when_there_were_none, fresh),
        cmocka_unit_test_setup(what_is_on_the_bus_makes_room_for_the_next_fetch, fresh),
        cmocka_unit_test_setup(
            a_batch_that_moved_on_or_is_final_at_recording_is_dropped_without_a_message, fresh),
        cmocka_unit_test_setup(rejects_are_lettered_before_they_are_recorded, fresh),
        cmocka_unit_test_setup(a_letter_that_is_not_stored_is_an_outage, fresh),
        cmocka_unit_test_setup(a_batch_that_is_too_large_is_split, fresh),
        cmocka_unit_test_setup(
            a_source_that_fails_is_asked_again_after_a_growing_wait_or_as_it_says, fresh),
        cmocka_unit_test_setup(
            what_waiting_does_not_mend_blocks_the_job_but_our_own_failures_do_not, fresh),
        cmocka_unit_test_setup(a_batch_that_fails_alone_again_and_again_is_searched, fresh),
        cmocka_unit_test_setup(
            a_search_that_says_nothing_is_made_again_and_one_that_needs_a_person_blocks, fresh),
        cmocka_unit_test_setup(a_full_bus_is_tried_again_a_refusing_one_gives_the_batch_back,
                               fresh),
        cmocka_unit_test_setup(
            a_failed_report_gives_the_batch_back_and_a_lost_answer_is_asked_for_again, fresh),
        cmocka_unit_test_setup(while_a_search_rests_others_are_fetched_and_it_comes_before_the_next,
                               fresh),
        cmocka_unit_test_setup(an_answer_that_nobody_waits_for_changes_nothing, fresh),
        cmocka_unit_test_setup(a_lease_that_runs_out_ends_what_has_not_been_sent, fresh),
        cmocka_unit_test_setup(a_renewal_judges_exactly_the_claims_it_asked_for, fresh),
        cmocka_unit_test_setup(stopping_gives_back_what_is_not_on_the_bus_and_waits_for_the_rest,
                               fresh),
        cmocka_unit_test_setup(a_claim_that_is_answered_after_the_stop_is_given_back, fresh),
        cmocka_unit_test_setup(a_second_stop_ends_the_wait, fresh),
        cmocka_unit_test_setup(every_slot_at_once_fits_the_queue_of_actions, fresh),
    };
    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
