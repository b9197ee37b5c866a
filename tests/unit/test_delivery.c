/*
 * The delivering machine, row by row: PROTOCOL §3 and §4, what errors lead to, leases, turns, revocation, stopping.
 * Schedules that nobody thought of: test_delivery_random.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/delivery.h"
#include "support/expect.h"

#define LEASE   60000
#define MARGIN  5000
#define REFUSE  60000
#define HOLD    2000
#define BUSY    500
#define CONFIRM 1000
#define RECORDS 300

static struct delivery_core core;
static int64_t now;
static int64_t next_offset;

static int set_up_with(uint32_t write_limit)
{
    struct delivery_settings settings = {LEASE, MARGIN, REFUSE,      write_limit,
                                         HOLD,  BUSY,   write_limit, CONFIRM};

    delivery_core_init(&core, &settings, 7);
    now = 1000000;
    next_offset = 100;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(1);
}

/* ---- saying what happened ---- */

static void tell(struct delivery_event event)
{
    delivery_handle(&core, &event, now);
}

static size_t arrive_as(enum delivery_event_kind kind, int64_t job_id, uint64_t generation)
{
    size_t slot;

    assert_true(delivery_free_slot(&core, &slot));
    tell((struct delivery_event){.kind = kind,
                                 .slot = slot,
                                 .job_id = job_id,
                                 .batch_no = next_offset,
                                 .rev = 1,
                                 .generation = generation,
                                 .partition = 3,
                                 .offset = next_offset});
    next_offset++;
    return slot;
}

static size_t arrive(int64_t job_id)
{
    return arrive_as(EVENT_MESSAGE, job_id, 1);
}

/* Every job has its own. */
static struct uuid target_of(int64_t job_id)
{
    return (struct uuid){{(char)('a' + job_id)}};
}

static void claim(size_t slot, enum delivery_claim outcome)
{
    tell((struct delivery_event){.kind = EVENT_CLAIM,
                                 .slot = slot,
                                 .claim = outcome,
                                 .target = target_of(core.slots[slot].job_id),
                                 .fence = (int64_t)slot + 11,
                                 .started_ms = now,
                                 .records = RECORDS});
}

static void refuse(size_t slot, int status, uint64_t likeness)
{
    tell((struct delivery_event){.kind = EVENT_UPSERT,
                                 .slot = slot,
                                 .error = ERROR_REJECTED,
                                 .status = status,
                                 .likeness = likeness});
}

static void upsert(size_t slot, enum error_kind error)
{
    tell((struct delivery_event){.kind = EVENT_UPSERT, .slot = slot, .error = error});
}

static void knock(size_t slot, enum error_kind error)
{
    tell((struct delivery_event){.kind = EVENT_KNOCK, .slot = slot, .error = error});
}

static void read_back(size_t slot, enum error_kind error, uint32_t mismatches)
{
    tell((struct delivery_event){.kind = EVENT_READ,
                                 .slot = slot,
                                 .error = error,
                                 .mismatches = mismatches,
                                 .rejects = mismatches});
}

static void surplus(size_t slot)
{
    tell((struct delivery_event){.kind = EVENT_READ, .slot = slot, .mismatches = 2, .surplus = 1});
}

static void noted(size_t slot, bool matched, bool is_open)
{
    tell((struct delivery_event){
        .kind = EVENT_REPAIR, .slot = slot, .matched = matched, .is_repairing = is_open});
}

static void deleted(size_t slot, enum error_kind error)
{
    tell((struct delivery_event){.kind = EVENT_DELETE, .slot = slot, .error = error});
}

static void mark(size_t slot, bool matched, enum error_kind error)
{
    tell((struct delivery_event){
        .kind = EVENT_MARK, .slot = slot, .matched = matched, .error = error});
}

static void settled(size_t slot, enum delivery_event_kind kind, enum error_kind error)
{
    tell((struct delivery_event){
        .kind = kind, .slot = slot, .matched = error == ERROR_NONE, .error = error});
}

/* Keeps the lease alive, as the heartbeat would. */
static void renew(size_t slot, bool is_kept)
{
    struct delivery_event event = {.kind = EVENT_RENEWED, .started_ms = now};

    event.asked[slot] = core.slots[slot].fence;
    event.kept[slot] = is_kept;
    tell(event);
}

static void stop(uint32_t grace_ms)
{
    tell((struct delivery_event){.kind = EVENT_STOP, .grace_ms = grace_ms});
}

static void tick(void)
{
    tell((struct delivery_event){.kind = EVENT_TICK});
}

static void wait_ms(int64_t ms)
{
    now += ms;
    tick();
}

static void revoke(uint64_t generation)
{
    tell((struct delivery_event){.kind = EVENT_REVOKED, .generation = generation});
}

/* ---- saying what is expected ---- */

static struct delivery_action expect(enum delivery_action_kind kind, size_t slot)
{
    struct delivery_action action;

    if (!delivery_next_action(&core, &action)) {
        fail_msg("want action %d of slot %zu, have none", kind, slot);
    }
    if (action.kind != kind || action.slot != slot) {
        fail_msg("want action %d of slot %zu, have %d of %zu", kind, slot, action.kind,
                 action.slot);
    }
    return action;
}

static void expect_nothing(void)
{
    struct delivery_action action;

    if (delivery_next_action(&core, &action)) {
        fail_msg("want no action, have %d of slot %zu", action.kind, action.slot);
    }
}

static void expect_state(size_t slot, enum delivery_state state)
{
    assert_string_equal(delivery_state_name(core.slots[slot].state), delivery_state_name(state));
}

/* The message is done: acknowledged with its place, and forgotten. */
static void expect_done(size_t slot, int64_t offset)
{
    struct delivery_action action = expect(ACTION_ACKNOWLEDGE, slot);

    assert_int_equal(action.generation, 1);
    assert_int_equal(action.partition, 3);
    assert_int_equal(action.offset, offset);
    expect(ACTION_DROP, slot);
    expect_state(slot, DELIVERY_FREE);
    expect_nothing();
}

/* ---- ways to a state ---- */

static size_t claimed(int64_t job_id)
{
    size_t slot = arrive(job_id);

    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_CLAIMED);
    return slot;
}

static size_t upserting(void)
{
    size_t slot = claimed(1);

    expect(ACTION_UPSERT, slot);
    return slot;
}

static size_t reading(void)
{
    size_t slot = upserting();

    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    return slot;
}

static size_t marking(void)
{
    size_t slot = reading();

    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
    return slot;
}

static size_t repairing(void)
{
    size_t slot = reading();

    surplus(slot);
    expect(ACTION_REPAIR, slot);
    expect_nothing();
    return slot;
}

static size_t deleting(void)
{
    size_t slot = repairing();

    noted(slot, true, true);
    expect(ACTION_DELETE, slot);
    expect_nothing();
    return slot;
}

static size_t waiting(void)
{
    size_t slot = upserting();

    upsert(slot, ERROR_UNAVAILABLE);
    expect_state(slot, DELIVERY_WAITING);
    expect_nothing();
    return slot;
}

static size_t parking(void)
{
    size_t slot = arrive(1);

    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_PARK);
    expect(ACTION_PARK, slot);
    return slot;
}

static size_t lettering(void)
{
    size_t slot = reading();

    tell((struct delivery_event){.kind = EVENT_READ, .slot = slot, .rejects = 2});
    expect(ACTION_LETTER, slot);
    return slot;
}

static size_t expelling(void)
{
    size_t slot = arrive_as(EVENT_POISON, 0, 1);

    expect(ACTION_LETTER, slot);
    return slot;
}

static size_t noting(void)
{
    size_t slot = expelling();

    settled(slot, EVENT_LETTERED, ERROR_NONE);
    expect(ACTION_POISON, slot);
    return slot;
}

/* ---- the way of a batch ---- */

static void a_batch_is_claimed_written_read_marked_and_acknowledged_in_this_order(void **state)
{
    (void)state;
    size_t slot = arrive(1);
    assert_int_equal(expect(ACTION_CLAIM, slot).fence, 0);
    expect_nothing();
    claim(slot, CLAIM_CLAIMED);
    struct delivery_action action = expect(ACTION_UPSERT, slot);
    assert_int_equal(action.parts, 1);
    assert_int_equal(action.fence, slot + 11);
    expect_nothing();
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    expect_nothing();
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
    expect_nothing();
    mark(slot, true, ERROR_NONE);
    expect_done(slot, 100);
    assert_true(delivery_is_idle(&core));
}

/* ---- PROTOCOL §3, the outcomes of a claim ---- */

static void a_stale_message_is_acknowledged(void **state)
{
    (void)state;
    size_t slot = arrive(1);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_STALE);
    expect_done(slot, 100);
}

static void a_held_batch_is_looked_at_again(void **state)
{
    (void)state;
    size_t slot = arrive(1);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_HOLD);
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    assert_int_equal(delivery_next_tick_ms(&core, now), 1000);
    wait_ms(HOLD - 1);
    expect_nothing();
    assert_int_equal(delivery_next_tick_ms(&core, now), 1);
    wait_ms(1);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_CLAIMED);
    expect(ACTION_UPSERT, slot);
}

static void without_a_write_slot_it_asks_again_sooner(void **state)
{
    static const enum delivery_claim outcomes[] = {CLAIM_BUSY, CLAIM_FAILED};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        set_up_with(1);
        size_t slot = arrive(1);
        expect(ACTION_CLAIM, slot);
        claim(slot, outcomes[i]);
        expect_nothing();
        wait_ms(BUSY - 1);
        expect_nothing();
        wait_ms(1);
        expect(ACTION_CLAIM, slot);
    }
}

static void what_may_not_be_claimed_is_parked_then_acknowledged(void **state)
{
    static const enum delivery_claim outcomes[] = {CLAIM_PARK, CLAIM_NO_SECRET};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        set_up_with(1);
        size_t slot = arrive(1);
        expect(ACTION_CLAIM, slot);
        claim(slot, outcomes[i]);
        struct delivery_action action = expect(ACTION_PARK, slot);
        assert_int_equal(action.fence, 0);
        assert_false(action.sent);
        assert_true(strlen(action.reason) > 0);
        expect_nothing();
        settled(slot, EVENT_PARK, ERROR_NONE);
        expect_done(slot, 100);
    }
}

static void poison_is_lettered_then_noted_then_acknowledged(void **state)
{
    static const enum delivery_claim outcomes[] = {CLAIM_UNKNOWN, CLAIM_NEWER, CLAIM_DIGEST};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        set_up_with(1);
        size_t slot = arrive(1);
        expect(ACTION_CLAIM, slot);
        claim(slot, outcomes[i]);
        struct delivery_action action = expect(ACTION_LETTER, slot);
        assert_true(strlen(action.reason) > 0);
        assert_int_equal(action.fence, 0);
        expect_nothing();
        settled(slot, EVENT_LETTERED, ERROR_NONE);
        assert_string_equal(expect(ACTION_POISON, slot).reason, action.reason);
        expect_nothing();
        settled(slot, EVENT_NOTED, ERROR_NONE);
        expect_done(slot, 100);
    }
}

static void an_unreadable_message_is_never_asked_for(void **state)
{
    (void)state;
    size_t slot = noting();
    expect_nothing();
    settled(slot, EVENT_NOTED, ERROR_NONE);
    expect_done(slot, 100);
}

/* ---- the dead letters ---- */

static void rejects_are_lettered_before_they_are_marked(void **state)
{
    (void)state;
    size_t slot = lettering();
    expect_nothing();
    settled(slot, EVENT_LETTERED, ERROR_NONE);
    expect(ACTION_MARK, slot);
    mark(slot, true, ERROR_NONE);
    expect_done(slot, 100);
}

/* Whatever the bus calls it: nothing goes on without the letter. */
static void a_letter_that_is_not_stored_is_an_outage(void **state)
{
    static size_t (*const reach[])(void) = {lettering, expelling};
    static const enum error_kind kinds[] = {ERROR_UNAVAILABLE, ERROR_AUTH,  ERROR_NOT_FOUND,
                                            ERROR_TOO_LARGE,   ERROR_NOMEM, ERROR_REJECTED};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(reach); k++) {
        set_up_with(1);
        size_t slot = reach[k]();
        enum delivery_state before = core.slots[slot].state;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
            settled(slot, EVENT_LETTERED, kinds[i]);
            expect_nothing();
            expect_state(slot, before);
            settled(slot, EVENT_LETTERED, ERROR_NONE); /* nobody waits for one now */
            expect_nothing();
            now += 30000;
            struct delivery_event renewed = {.kind = EVENT_RENEWED, .started_ms = now};
            renewed.asked[slot] = core.slots[slot].fence;
            renewed.kept[slot] = true;
            tell(renewed);
            tick();
            expect(ACTION_LETTER, slot);
            expect_nothing();
        }
        settled(slot, EVENT_LETTERED, ERROR_NONE);
        expect(k == 0 ? ACTION_MARK : ACTION_POISON, slot);
    }
}

static void a_claim_that_is_lost_meanwhile_takes_its_letters_with_it(void **state)
{
    (void)state;
    size_t slot = lettering();
    wait_ms(LEASE - MARGIN);
    expect(ACTION_ABORT, slot);
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    settled(slot, EVENT_LETTERED, ERROR_NONE);
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
}

static void an_orphans_poison_is_the_next_owners(void **state)
{
    (void)state;
    size_t slot = expelling();
    revoke(1);
    expect(ACTION_DROP, slot);
    expect_nothing();
    assert_true(delivery_is_idle(&core));
}

static void an_orphans_rejects_are_lettered_and_marked(void **state)
{
    (void)state;
    size_t slot = lettering();
    revoke(1);
    expect_nothing();
    settled(slot, EVENT_LETTERED, ERROR_NONE);
    expect(ACTION_MARK, slot);
    mark(slot, true, ERROR_NONE);
    expect(ACTION_DROP, slot);
    expect_nothing();
}

static void stopping_waits_for_letters_until_the_grace_ends(void **state)
{
    (void)state;
    size_t slot = lettering();
    size_t poison = expelling();
    stop(10000);
    expect_nothing();
    wait_ms(9999);
    expect_nothing();
    wait_ms(1);
    assert_false(expect(ACTION_RELEASE, slot).sent);
    expect(ACTION_DROP, slot);
    expect(ACTION_DROP, poison);
    expect_nothing();
    assert_true(delivery_is_idle(&core));
}

/* What a message says of its job is anybody's word: poison must not stand in the way of the job it names. */
static void poison_takes_no_turn_of_the_job_it_names(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t slot = arrive_as(EVENT_POISON, 1, 1);
        expect(ACTION_LETTER, slot);
    }
    size_t first = claimed(1);
    expect(ACTION_UPSERT, first);
    claimed(1);
    expect_nothing();
}

static void statements_that_were_not_answered_are_repeated(void **state)
{
    static const struct {
        size_t (*reach)(void);
        enum delivery_event_kind answer;
        enum delivery_action_kind action;
    } cases[] = {{parking, EVENT_PARK, ACTION_PARK},
                 {noting, EVENT_NOTED, ACTION_POISON},
                 {marking, EVENT_MARK, ACTION_MARK}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_up_with(1);
        size_t slot = cases[i].reach();
        for (int again = 0; again < 3; again++) {
            settled(slot, cases[i].answer, ERROR_UNAVAILABLE);
            expect_nothing();
            wait_ms(BUSY - 1);
            expect_nothing();
            wait_ms(1);
            expect(cases[i].action, slot);
            expect_nothing();
        }
        tell((struct delivery_event){.kind = cases[i].answer, .slot = slot, .matched = true});
        expect_done(slot, 100);
    }
}

/* ---- marking ---- */

static void a_lost_fence_looks_again_and_never_acknowledges(void **state)
{
    (void)state;
    size_t slot = marking();
    mark(slot, false, ERROR_NONE);
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    assert_int_equal(core.slots[slot].fence, 0);
    wait_ms(BUSY);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_STALE); /* somebody else has finished it */
    expect_done(slot, 100);
}

static void a_new_claim_after_a_lost_one_begins_from_the_front(void **state)
{
    (void)state;
    size_t slot = reading();
    read_back(slot, ERROR_NONE, 3); /* repeated once already */
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
    mark(slot, false, ERROR_NONE);
    wait_ms(BUSY);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_CLAIMED);
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 3);
    expect(ACTION_UPSERT, slot);
}

/* ---- mismatches ---- */

static void a_mismatch_is_written_once_more_and_then_marked(void **state)
{
    (void)state;
    size_t slot = reading();
    read_back(slot, ERROR_NONE, 2);
    expect(ACTION_UPSERT, slot);
    expect_nothing();
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 1);
    expect(ACTION_LETTER, slot);
    settled(slot, EVENT_LETTERED, ERROR_NONE);
    expect(ACTION_MARK, slot);
    mark(slot, true, ERROR_NONE);
    expect_done(slot, 100);
}

static void the_repetition_waits_for_its_turn(void **state)
{
    (void)state;
    size_t first = reading();
    size_t second = claimed(1);
    expect(ACTION_UPSERT, second);
    read_back(first, ERROR_NONE, 2);
    expect_nothing();
    expect_state(first, DELIVERY_READY);
    upsert(second, ERROR_NONE);
    expect(ACTION_READ, second);
    expect(ACTION_UPSERT, first);
}

/* ---- errors of the target ---- */

static void an_outage_is_retried_after_a_wait(void **state)
{
    static const enum error_kind kinds[] = {ERROR_TIMEOUT, ERROR_UNAVAILABLE, ERROR_THROTTLED,
                                            ERROR_NOMEM};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        set_up_with(1);
        size_t slot = upserting();
        upsert(slot, kinds[i]);
        expect_nothing();
        expect_state(slot, DELIVERY_WAITING);
        int64_t wait = core.slots[slot].due_ms - now;
        assert_in_range(wait, 100, 200);
        wait_ms(wait - 1);
        expect_nothing();
        wait_ms(1);
        expect(ACTION_UPSERT, slot);
    }
}

static void the_peers_own_wish_to_wait_is_heard(void **state)
{
    (void)state;
    size_t slot = upserting();
    tell((struct delivery_event){
        .kind = EVENT_UPSERT, .slot = slot, .error = ERROR_THROTTLED, .retry_after_ms = 7000});
    assert_int_equal(core.slots[slot].due_ms, now + 7000);
}

static void after_a_written_upsert_only_the_reading_is_retried(void **state)
{
    (void)state;
    size_t slot = reading();
    read_back(slot, ERROR_TIMEOUT, 0);
    expect_state(slot, DELIVERY_WAITING);
    wait_ms(1000);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_UNAVAILABLE, 0);
    wait_ms(1000);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
}

/* ---- mismatches while older requests may still arrive ---- */

static size_t reading_in_doubt(int how)
{
    size_t slot = arrive(1);

    expect(ACTION_CLAIM, slot);
    tell((struct delivery_event){.kind = EVENT_CLAIM,
                                 .slot = slot,
                                 .target = target_of(1),
                                 .fence = 11,
                                 .started_ms = now,
                                 .records = RECORDS,
                                 .quiet_ms = how == 0 ? 20000 : 0});
    expect(ACTION_UPSERT, slot);
    if (how == 1) {
        tell((struct delivery_event){
            .kind = EVENT_UPSERT, .slot = slot, .error = ERROR_TIMEOUT, .may_be_applied = true});
        wait_ms(1000);
        expect(ACTION_UPSERT, slot);
    }
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    if (how == 2) {
        surplus(slot);
        expect(ACTION_REPAIR, slot);
        noted(slot, true, true);
        expect(ACTION_DELETE, slot);
        deleted(slot, ERROR_UNAVAILABLE);
        wait_ms(1000);
        expect(ACTION_DELETE, slot);
        deleted(slot, ERROR_NONE);
    } else {
        read_back(slot, ERROR_NONE, 1);
    }
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    return slot;
}

/* Of a claim before, by an upsert, by a delete. */
static void in_doubt_a_mismatch_is_read_again_when_nothing_can_arrive_any_more(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        set_up_with(1);
        size_t slot = reading_in_doubt(how);
        int64_t quiet_at_ms = core.slots[slot].quiet_at_ms;
        assert_true(quiet_at_ms > now + 15000);
        read_back(slot, ERROR_NONE, 2);
        expect_nothing();
        expect_state(slot, DELIVERY_WAITING);
        while (now + 9000 < quiet_at_ms) {
            renew(slot, true);
            wait_ms(9000);
            expect_nothing();
        }
        renew(slot, true);
        wait_ms(quiet_at_ms - now);
        expect(ACTION_READ, slot);
        read_back(slot, ERROR_NONE, 0);
        expect(ACTION_MARK, slot);
        expect_nothing();
    }
}

/* What arrived late lies over the last upsert, so a reading alone does not do. */
static void in_doubt_a_mismatch_counts_after_an_upsert_behind_all_others_only(void **state)
{
    (void)state;
    for (int is_mismatch = 0; is_mismatch < 2; is_mismatch++) {
        set_up_with(1);
        size_t slot = reading_in_doubt(0);
        read_back(slot, ERROR_NONE, 1);
        wait_ms(20000);
        expect(ACTION_READ, slot);
        read_back(slot, ERROR_NONE, 1);
        expect(ACTION_UPSERT, slot);
        upsert(slot, ERROR_NONE);
        expect(ACTION_READ, slot);
        read_back(slot, ERROR_NONE, (uint32_t)is_mismatch);
        expect(is_mismatch ? ACTION_LETTER : ACTION_MARK, slot);
        expect_nothing();
    }
}

static void a_claim_that_is_lost_takes_its_doubt_with_it(void **state)
{
    (void)state;
    size_t slot = reading_in_doubt(0);
    renew(slot, false);
    expect(ACTION_ABORT, slot);
    expect_state(slot, DELIVERY_HOLDING);
    wait_ms(HOLD);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_CLAIMED); /* says that there is none */
    expect(ACTION_UPSERT, slot);
    for (int i = 0; i < 2; i++) {
        upsert(slot, ERROR_NONE);
        expect(ACTION_READ, slot);
        read_back(slot, ERROR_NONE, 1);
        expect(i == 0 ? ACTION_UPSERT : ACTION_LETTER, slot);
    }
}

/* A target that was silent is asked first, and says that it is there. */
static void expect_knocked(enum delivery_action_kind kind, size_t slot)
{
    if (core.slots[slot].state == DELIVERY_KNOCKING) {
        expect(ACTION_KNOCK, slot);
        expect_nothing();
        knock(slot, ERROR_NONE);
    }
    expect(kind, slot);
}

static void a_target_that_fails_for_a_minute_is_refused_and_the_batch_parked(void **state)
{
    (void)state;
    size_t slot = upserting();
    int64_t since = now;
    struct delivery_action action;
    for (;;) {
        upsert(slot, ERROR_UNAVAILABLE);
        if (core.slots[slot].state != DELIVERY_WAITING) {
            break;
        }
        assert_true(now - since < REFUSE);
        assert_in_range(core.slots[slot].due_ms - now, 100, 30000);
        now = core.slots[slot].due_ms;
        renew(slot, true);
        tick();
        expect_knocked(ACTION_UPSERT, slot);
    }
    assert_true(now - since >= REFUSE);
    action = expect(ACTION_REFUSE_TARGET, slot);
    assert_in_range(action.wait_ms, 1000, 60000);
    action = expect(ACTION_PARK, slot);
    assert_int_equal(action.fence, slot + 11);
    assert_true(action.sent);
    expect_nothing();
    settled(slot, EVENT_PARK, ERROR_NONE);
    expect_done(slot, 100);
}

static void a_success_between_failures_begins_the_minute_anew(void **state)
{
    (void)state;
    size_t slot = waiting();
    now += 50000;
    renew(slot, true);
    tick();
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    now += 20000;
    renew(slot, true);
    read_back(slot, ERROR_UNAVAILABLE, 0);
    expect_state(slot, DELIVERY_WAITING);
    expect_nothing();
}

static void who_wants_to_be_left_alone_for_a_minute_is_refused_at_once(void **state)
{
    (void)state;
    size_t slot = upserting();
    tell((struct delivery_event){
        .kind = EVENT_UPSERT, .slot = slot, .error = ERROR_THROTTLED, .retry_after_ms = 300000});
    assert_int_equal(expect(ACTION_REFUSE_TARGET, slot).wait_ms, 300000);
    expect(ACTION_PARK, slot);
}

static void what_waiting_does_not_mend_blocks_the_job(void **state)
{
    static const enum error_kind kinds[] = {ERROR_REJECTED,  ERROR_AUTH,  ERROR_NOT_FOUND,
                                            ERROR_INTEGRITY, ERROR_LIMIT, ERROR_CONFLICT};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(kinds); i++) {
        set_up_with(1);
        bool is_read = i % 2 == 1;
        size_t slot = is_read ? reading() : upserting();
        if (is_read) {
            read_back(slot, kinds[i / 2], 0);
        } else {
            upsert(slot, kinds[i / 2]);
        }
        expect(ACTION_BLOCK_JOB, slot);
        assert_true(expect(ACTION_PARK, slot).sent);
        expect_nothing();
        settled(slot, EVENT_PARK, ERROR_NONE);
        expect_done(slot, 100);
    }
}

static void
an_answer_that_cannot_be_read_is_a_page_of_somebody_else_before_it_blocks_the_job(void **state)
{
    (void)state;
    size_t slot = reading();
    int64_t since = now;
    for (;;) {
        read_back(slot, ERROR_FORMAT, 0);
        if (core.slots[slot].state != DELIVERY_WAITING) {
            break;
        }
        assert_true(now - since < REFUSE);
        now = core.slots[slot].due_ms;
        renew(slot, true);
        tick();
        expect(ACTION_READ, slot);
    }
    assert_true(now - since >= REFUSE);
    expect(ACTION_BLOCK_JOB, slot);
    expect(ACTION_PARK, slot);
}

static void what_was_decoded_wrongly_blocks_at_once(void **state)
{
    (void)state;
    size_t slot = upserting();
    upsert(slot, ERROR_FORMAT);
    expect(ACTION_BLOCK_JOB, slot);
    expect(ACTION_PARK, slot);
}

static void too_large_is_divided_at_once_until_single_records(void **state)
{
    static const uint32_t parts[] = {2, 4, 8, 16, 32, 64, 128, 256, RECORDS};

    (void)state;
    size_t slot = upserting();
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        upsert(slot, ERROR_TOO_LARGE);
        assert_int_equal(expect(ACTION_UPSERT, slot).parts, parts[i]);
        expect_nothing();
    }
    upsert(slot, ERROR_TOO_LARGE);
    /* the others, as many at a time as they like */
    assert_int_equal(expect(ACTION_UPSERT, slot).parts, 1);
    assert_int_equal(bisect_asked_count(&core.slots[slot].bisect), RECORDS - 1);
    expect_nothing();
    upsert(slot, ERROR_NONE);
    wait_ms(CONFIRM);
    expect(ACTION_UPSERT, slot);
    assert_int_equal(bisect_asked_count(&core.slots[slot].bisect), 1);
    upsert(slot, ERROR_TOO_LARGE);
    struct delivery_action action = expect(ACTION_REJECT, slot);
    assert_int_equal(action.record, 0);
    assert_string_equal(action.reason, "record_too_large");
    expect(ACTION_READ, slot);
    expect_nothing();
}

static void a_413_that_cannot_be_about_the_size_is_an_outage_and_blocks_when_it_lasts(void **state)
{
    struct delivery_event refusal = {.kind = EVENT_UPSERT,
                                     .error = ERROR_TOO_LARGE,
                                     .status = 413,
                                     .before = 100,
                                     .refused = 1,
                                     .parts = RECORDS,
                                     .is_doubted = true};

    (void)state;
    refusal.slot = upserting();
    int64_t began = now;
    tell(refusal);
    expect_state(refusal.slot, DELIVERY_WAITING);
    assert_int_equal(bisect_asked_count(&core.slots[refusal.slot].bisect), RECORDS - 100);
    refusal.before = 0;
    refusal.parts = RECORDS - 100;
    while (now - began < REFUSE) {
        expect_nothing();
        now = core.slots[refusal.slot].due_ms;
        renew(refusal.slot, true);
        tick();
        struct delivery_action action = expect(ACTION_UPSERT, refusal.slot);
        assert_int_equal(action.parts, RECORDS - 100); /* not in smaller pieces */
        tell(refusal);
    }
    assert_int_equal(expect(ACTION_BLOCK_JOB, refusal.slot).probed, 0);
    expect(ACTION_PARK, refusal.slot);
    expect_nothing();
}

static void after_a_413_that_was_none_everything_is_taken(void **state)
{
    (void)state;
    size_t slot = upserting();
    for (int i = 0; i < 5; i++) {
        tell((struct delivery_event){.kind = EVENT_UPSERT,
                                     .slot = slot,
                                     .error = ERROR_TOO_LARGE,
                                     .refused = RECORDS,
                                     .parts = 1,
                                     .is_doubted = true});
        now = core.slots[slot].due_ms;
        tick();
        assert_int_equal(expect(ACTION_UPSERT, slot).parts, 1);
    }
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
}

/* ---- refusals ---- */

static const struct bisect *bisect_of(size_t slot)
{
    return &core.slots[slot].bisect;
}

/* Whatever holds record 5 is refused, all else accepted, until the reading. */
static uint32_t search_for_5(size_t slot)
{
    struct delivery_action action;
    uint32_t requests = 1;

    for (;;) {
        if (bisect_is_asked(bisect_of(slot), 5)) {
            refuse(slot, 422, 1);
        } else {
            upsert(slot, ERROR_NONE);
        }
        if (core.slots[slot].state == DELIVERY_WAITING) { /* it was refused alone */
            expect_nothing();
            wait_ms(CONFIRM - 1);
            expect_nothing();
            wait_ms(1);
        }
        assert_true(delivery_next_action(&core, &action));
        if (action.kind == ACTION_REJECT) {
            assert_int_equal(action.record, 5);
            assert_string_equal(action.reason, "refused");
            assert_true(delivery_next_action(&core, &action));
        }
        if (action.kind != ACTION_UPSERT) {
            break;
        }
        expect_nothing();
        requests++;
    }
    assert_int_equal(action.kind, ACTION_READ);
    expect_nothing();
    return requests;
}

static void a_refused_record_is_found_and_the_others_read(void **state)
{
    (void)state;
    size_t slot = upserting();
    assert_in_range(search_for_5(slot), 10, 18);
    for (size_t i = 0; i < RECORDS; i++) {
        assert_int_equal(bisect_is_rejected(bisect_of(slot), i), i == 5);
    }
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
    mark(slot, true, ERROR_NONE);
    expect_done(slot, 100);
}

static void a_refusal_that_does_not_last_rejects_nothing(void **state)
{
    (void)state;
    size_t slot = arrive(1);
    expect(ACTION_CLAIM, slot);
    tell((struct delivery_event){.kind = EVENT_CLAIM,
                                 .slot = slot,
                                 .claim = CLAIM_CLAIMED,
                                 .fence = 5,
                                 .started_ms = now,
                                 .records = 1});
    expect(ACTION_UPSERT, slot);
    refuse(slot, 400, 1);
    expect_nothing();
    expect_state(slot, DELIVERY_WAITING);
    wait_ms(CONFIRM);
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    expect_nothing();
    assert_false(bisect_is_rejected(bisect_of(slot), 0));
}

static void what_is_refused_alike_eight_times_blocks_the_job(void **state)
{
    (void)state;
    size_t slot = upserting();
    refuse(slot, 400, 9);
    for (int i = 0; i < BISECT_PROBES; i++) {
        expect(ACTION_UPSERT, slot);
        assert_int_equal(bisect_asked_count(bisect_of(slot)), 1);
        refuse(slot, 400, 9);
    }
    assert_int_equal(expect(ACTION_BLOCK_JOB, slot).probed, BISECT_PROBES);
    assert_true(expect(ACTION_PARK, slot).sent);
    expect_nothing();
    settled(slot, EVENT_PARK, ERROR_NONE);
    expect_done(slot, 100);
}

static void with_its_job_blocked_nothing_else_of_it_is_sent(void **state)
{
    (void)state;
    size_t first = upserting();
    size_t ready = claimed(1);
    size_t other = claimed(2);
    expect(ACTION_UPSERT, other);
    size_t third = arrive(1);
    expect_nothing();
    upsert(first, ERROR_AUTH);
    expect(ACTION_BLOCK_JOB, first);
    expect(ACTION_PARK, first);
    assert_false(expect(ACTION_PARK, ready).sent);
    expect(ACTION_CLAIM, third); /* the ledger will say so */
    expect_nothing();
    expect_state(other, DELIVERY_UPSERTING);
    set_up_with(2); /* asked for before, answered after */
    first = upserting();
    size_t asking = arrive(1);
    expect(ACTION_CLAIM, asking);
    upsert(first, ERROR_AUTH);
    expect(ACTION_BLOCK_JOB, first);
    expect(ACTION_PARK, first);
    claim(asking, CLAIM_CLAIMED);
    expect(ACTION_PARK, asking);
    expect_nothing();
}

static void only_400_and_422_speak_of_records(void **state)
{
    static const int statuses[] = {501, 302, 405, 412, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        set_up_with(1);
        size_t slot = upserting();
        refuse(slot, statuses[i], 1);
        assert_int_equal(expect(ACTION_BLOCK_JOB, slot).probed, 0);
        expect(ACTION_PARK, slot);
    }
}

static void an_outage_does_not_forget_what_was_found(void **state)
{
    (void)state;
    size_t slot = upserting();
    refuse(slot, 422, 1);
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE); /* the first probe */
    expect(ACTION_UPSERT, slot);
    size_t asked = bisect_asked_count(bisect_of(slot));
    upsert(slot, ERROR_TIMEOUT);
    expect_state(slot, DELIVERY_WAITING);
    wait_ms(1000);
    expect(ACTION_UPSERT, slot);
    assert_int_equal(bisect_asked_count(bisect_of(slot)), asked);
    assert_in_range(search_for_5(slot), 9, 18);
}

static void a_lost_claim_forgets_what_was_found(void **state)
{
    (void)state;
    size_t slot = upserting();
    search_for_5(slot);
    renew(slot, false);
    expect(ACTION_ABORT, slot);
    wait_ms(HOLD);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_CLAIMED);
    expect(ACTION_UPSERT, slot);
    assert_int_equal(bisect_asked_count(bisect_of(slot)), RECORDS);
}

static void a_repetition_sends_only_what_was_accepted(void **state)
{
    (void)state;
    size_t slot = upserting();
    search_for_5(slot);
    read_back(slot, ERROR_NONE, 1);
    expect(ACTION_UPSERT, slot);
    assert_int_equal(bisect_asked_count(bisect_of(slot)), RECORDS - 1);
    assert_false(bisect_is_asked(bisect_of(slot), 5));
}

static void a_batch_of_which_nothing_is_accepted_is_judged_and_marked(void **state)
{
    (void)state;
    size_t slot = arrive(1);
    expect(ACTION_CLAIM, slot);
    tell((struct delivery_event){.kind = EVENT_CLAIM,
                                 .slot = slot,
                                 .claim = CLAIM_CLAIMED,
                                 .fence = 5,
                                 .started_ms = now,
                                 .records = 1});
    expect(ACTION_UPSERT, slot);
    refuse(slot, 400, 1);
    wait_ms(CONFIRM);
    expect(ACTION_UPSERT, slot);
    refuse(slot, 400, 1);
    expect(ACTION_REJECT, slot);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
}

static void a_search_waits_for_its_lease(void **state)
{
    (void)state;
    size_t slot = upserting();
    now += LEASE / 2;
    refuse(slot, 422, 1);
    expect_nothing();
    expect_state(slot, DELIVERY_READY);
    renew(slot, true);
    expect(ACTION_UPSERT, slot);
}

static void the_division_goes_on_from_what_the_edge_has_used(void **state)
{
    (void)state;
    size_t slot = upserting();
    tell((struct delivery_event){
        .kind = EVENT_UPSERT, .slot = slot, .error = ERROR_TOO_LARGE, .parts = 10});
    assert_int_equal(expect(ACTION_UPSERT, slot).parts, 20);
    upsert(slot, ERROR_UNAVAILABLE);
    wait_ms(1000);
    assert_int_equal(expect(ACTION_UPSERT, slot).parts, 20);
}

static void pieces_that_were_answered_well_are_not_sent_again(void **state)
{
    (void)state;
    size_t slot = upserting();
    tell((struct delivery_event){
        .kind = EVENT_UPSERT, .slot = slot, .error = ERROR_TOO_LARGE, .parts = 2});
    assert_int_equal(expect(ACTION_UPSERT, slot).parts, 4);
    tell((struct delivery_event){.kind = EVENT_UPSERT,
                                 .slot = slot,
                                 .error = ERROR_THROTTLED,
                                 .before = RECORDS / 2,
                                 .refused = RECORDS / 4,
                                 .parts = 4});
    wait_ms(1000);
    assert_int_equal(expect(ACTION_UPSERT, slot).parts, 2);
    assert_int_equal(bisect_asked_count(bisect_of(slot)), RECORDS - RECORDS / 2);
    assert_false(bisect_is_asked(bisect_of(slot), 0));
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
}

/* ---- repairs: decision 13 ---- */

static void a_surplus_document_is_noted_deleted_written_and_read_again(void **state)
{
    (void)state;
    size_t slot = deleting();
    deleted(slot, ERROR_NONE);
    expect(ACTION_UPSERT, slot);
    expect_nothing();
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
    assert_false(core.slots[slot].is_doubtful);
    mark(slot, true, ERROR_NONE);
    expect_done(slot, 100);
}

static void nothing_is_deleted_before_it_is_noted(void **state)
{
    (void)state;
    size_t slot = repairing();
    for (int i = 0; i < 3; i++) { /* it may be in the ledger, or not */
        tell((struct delivery_event){
            .kind = EVENT_REPAIR, .slot = slot, .error = ERROR_UNAVAILABLE});
        expect_nothing();
        wait_ms(BUSY);
        expect(ACTION_REPAIR, slot);
    }
    noted(slot, false, false); /* the claim was lost */
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    slot = arrive(2);
    expect(ACTION_CLAIM, slot);
}

static void a_repair_of_a_job_that_was_paused_meanwhile_is_not_begun(void **state)
{
    (void)state;
    size_t slot = repairing();
    noted(slot, true, false);
    assert_true(expect(ACTION_PARK, slot).sent);
    expect_nothing();
}

static void a_repair_is_tried_once(void **state)
{
    (void)state;
    size_t slot = deleting();
    deleted(slot, ERROR_NONE);
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    surplus(slot);
    expect(ACTION_MARK, slot);
}

static void the_delete_waits_for_its_turn_and_its_lease(void **state)
{
    (void)state;
    size_t first = reading();
    size_t second = claimed(1);
    expect(ACTION_UPSERT, second);
    surplus(first);
    expect(ACTION_REPAIR, first);
    noted(first, true, true);
    expect_nothing();
    expect_state(first, DELIVERY_READY);
    now += LEASE / 2;
    upsert(second, ERROR_NONE);
    expect(ACTION_READ, second);
    expect_nothing();
    renew(first, true);
    expect(ACTION_DELETE, first);
}

static void a_delete_that_fails_is_repeated_and_leaves_a_doubt(void **state)
{
    (void)state;
    size_t slot = deleting();
    deleted(slot, ERROR_TIMEOUT);
    expect_state(slot, DELIVERY_WAITING);
    wait_ms(1000);
    expect(ACTION_DELETE, slot);
    deleted(slot, ERROR_NONE);
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
    assert_true(core.slots[slot].is_doubtful);
}

static void an_upsert_whose_answer_was_lost_leaves_a_doubt(void **state)
{
    (void)state;
    for (int may = 0; may <= 1; may++) {
        size_t slot = upserting();
        tell((struct delivery_event){.kind = EVENT_UPSERT,
                                     .slot = slot,
                                     .error = ERROR_UNAVAILABLE,
                                     .may_be_applied = may == 1});
        expect_state(slot, DELIVERY_WAITING);
        wait_ms(1000);
        expect(ACTION_UPSERT, slot);
        upsert(slot, ERROR_NONE);
        expect(ACTION_READ, slot);
        read_back(slot, ERROR_NONE, 0);
        expect(ACTION_MARK, slot);
        assert_int_equal(core.slots[slot].is_doubtful, may == 1);
        mark(slot, true, ERROR_NONE);
        expect(ACTION_ACKNOWLEDGE, slot);
        expect(ACTION_DROP, slot);
    }
}

/* What fails is the upsert after the delete, its reading, or the delete itself. */
static void in_a_repair_nothing_is_parked(void **state)
{
    static const enum error_kind kinds[] = {ERROR_AUTH, ERROR_NOT_FOUND, ERROR_UNAVAILABLE};

    (void)state;
    for (size_t i = 0; i < 3 * ARRAY_LEN(kinds); i++) {
        set_up_with(1);
        enum error_kind kind = kinds[i / 3];
        size_t slot = deleting();
        enum delivery_action_kind again = ACTION_DELETE;
        if (i % 3 > 0) {
            deleted(slot, ERROR_NONE);
            expect(ACTION_UPSERT, slot);
            again = ACTION_UPSERT;
        }
        if (i % 3 > 1) {
            upsert(slot, ERROR_NONE);
            expect(ACTION_READ, slot);
            again = ACTION_READ;
        }
        for (int64_t since = now; now - since < 3 * REFUSE;) {
            struct delivery_action action;
            tell((struct delivery_event){.kind = again == ACTION_DELETE   ? EVENT_DELETE
                                                 : again == ACTION_UPSERT ? EVENT_UPSERT
                                                                          : EVENT_READ,
                                         .slot = slot,
                                         .error = kind});
            while (delivery_next_action(&core, &action)) {
                assert_true(action.kind == ACTION_BLOCK_JOB || action.kind == ACTION_REFUSE_TARGET);
                assert_int_equal(action.kind == ACTION_BLOCK_JOB, kind != ERROR_UNAVAILABLE);
            }
            expect_state(slot, DELIVERY_WAITING);
            assert_true(core.slots[slot].due_ms > now);
            now = core.slots[slot].due_ms;
            renew(slot, true);
            tick();
            expect_knocked(again, slot);
            expect_nothing();
        }
    }
}

static void in_a_repair_the_same_refusal_of_all_is_asked_again_from_the_front(void **state)
{
    (void)state;
    size_t slot = deleting();
    deleted(slot, ERROR_NONE);
    expect(ACTION_UPSERT, slot);
    refuse(slot, 400, 9);
    for (int i = 0; i < BISECT_PROBES; i++) {
        expect(ACTION_UPSERT, slot);
        refuse(slot, 400, 9);
    }
    assert_int_equal(expect(ACTION_BLOCK_JOB, slot).probed, BISECT_PROBES);
    expect_nothing();
    expect_state(slot, DELIVERY_WAITING);
    now = core.slots[slot].due_ms;
    tick();
    expect(ACTION_UPSERT, slot);
    assert_int_equal(bisect_asked_count(bisect_of(slot)), RECORDS);
}

static void claim_for_repair(size_t slot)
{
    tell((struct delivery_event){.kind = EVENT_CLAIM,
                                 .slot = slot,
                                 .claim = CLAIM_CLAIMED,
                                 .fence = (int64_t)slot + 5,
                                 .started_ms = now,
                                 .records = RECORDS,
                                 .is_repairing = true});
}

static size_t blocked_in_a_repair(void)
{
    size_t slot = arrive(1);
    expect(ACTION_CLAIM, slot);
    claim_for_repair(slot);
    expect(ACTION_UPSERT, slot);
    upsert(slot, ERROR_AUTH);
    expect(ACTION_BLOCK_JOB, slot);
    return slot;
}

static void a_claim_with_an_open_repair_is_not_parked_either(void **state)
{
    (void)state;
    size_t slot = blocked_in_a_repair();
    expect_nothing();
    expect_state(slot, DELIVERY_WAITING);
}

/* Whatever the target is asked, it fails. */
static void let_fail(size_t slot, enum error_kind kind)
{
    struct delivery_action action;

    wait_ms(BUSY);
    renew(slot, true);
    while (delivery_next_action(&core, &action)) {
        assert_true(action.kind != ACTION_PARK);
        if (action.kind == ACTION_KNOCK) {
            knock(action.slot, ERROR_NONE);
        } else if (action.kind == ACTION_UPSERT) {
            upsert(action.slot, kind);
        }
    }
}

/* As many as may be claimed; whatever follows them is asked for all the same, and parked. */
static void repairs_that_go_on_failing_fill_no_slots_with_what_comes_behind_them(void **state)
{
    static const enum error_kind kinds[] = {ERROR_AUTH, ERROR_UNAVAILABLE};
    size_t slots[2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        set_up_with(1);
        for (size_t k = 0; k < 2; k++) {
            slots[k] = arrive(1);
            claim_for_repair(slots[k]);
        }
        while (core.slots[slots[0]].attempts == 0 || core.slots[slots[1]].attempts == 0) {
            let_fail(slots[0], kinds[i]);
            let_fail(slots[1], kinds[i]);
        }
        for (size_t k = 0; k < 2 * DELIVERY_SLOTS; k++) {
            size_t slot = arrive(1);
            int64_t offset = core.slots[slot].offset;
            expect(ACTION_CLAIM, slot);
            claim(slot, CLAIM_PARK);
            expect(ACTION_PARK, slot);
            settled(slot, EVENT_PARK, ERROR_NONE);
            expect_done(slot, offset);
        }
    }
}

static void what_the_ledger_does_not_park_is_held(void **state)
{
    (void)state;
    size_t slot = parking();
    tell((struct delivery_event){.kind = EVENT_PARK, .slot = slot, .is_repairing = true});
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    wait_ms(HOLD);
    expect(ACTION_CLAIM, slot);
}

static void an_answer_after_the_grace_begins_no_write(void **state)
{
    (void)state;
    size_t slot = deleting();
    stop(100);
    now += 100;
    deleted(slot, ERROR_NONE);
    expect(ACTION_ABORT, slot);
    expect(ACTION_RELEASE, slot);
    expect(ACTION_DROP, slot);
    expect_nothing();
}

/* Between the claim that said "park" and the parking, somebody else may have claimed it. */
static void
what_matches_nothing_when_parked_is_claimed_again_before_it_is_acknowledged(void **state)
{
    (void)state;
    size_t slot = parking();
    tell((struct delivery_event){.kind = EVENT_PARK, .slot = slot});
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    wait_ms(BUSY);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_STALE);
    expect_done(slot, 100);
}

static void a_repair_ends_with_its_lease_and_begins_again_with_the_next_claim(void **state)
{
    (void)state;
    size_t slot = deleting();
    int64_t started = now;
    while (now < started + LEASE - MARGIN) {
        expect_nothing();
        wait_ms(1000);
    }
    expect(ACTION_ABORT, slot);
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    wait_ms(MARGIN + BUSY);
    expect(ACTION_CLAIM, slot);
    claim(slot, CLAIM_CLAIMED);
    expect(ACTION_UPSERT, slot);
    set_up_with(1);
    slot = repairing(); /* the statement is left to its fence */
    wait_ms(LEASE);
    expect_nothing();
    noted(slot, true, true);
    expect_nothing();
    tick();
    expect_state(slot, DELIVERY_HOLDING);
}

static void a_repair_in_flight_may_end_while_stopping(void **state)
{
    (void)state;
    size_t slot = deleting();
    stop(10000);
    expect_nothing();
    deleted(slot, ERROR_NONE);
    expect(ACTION_UPSERT, slot);
    stop(0);
    expect(ACTION_ABORT, slot);
    assert_true(expect(ACTION_RELEASE, slot).sent);
    expect(ACTION_DROP, slot);
    expect_nothing();
}

/* ---- turns ---- */

static void one_more_than_can_write_is_claimed_for_each_target(void **state)
{
    (void)state;
    size_t first = claimed(1);
    expect(ACTION_UPSERT, first);
    size_t second = claimed(1);
    size_t third = arrive(1);
    expect_nothing();
    expect_state(second, DELIVERY_READY);
    expect_state(third, DELIVERY_ARRIVED);
    size_t other = claimed(2);
    expect(ACTION_UPSERT, other);
    upsert(first, ERROR_NONE);
    expect(ACTION_READ, first);
    expect(ACTION_UPSERT, second);
    expect_nothing();
    read_back(first, ERROR_NONE, 0);
    expect(ACTION_MARK, first);
    mark(first, true, ERROR_NONE);
    expect(ACTION_ACKNOWLEDGE, first);
    expect(ACTION_DROP, first);
    expect(ACTION_CLAIM, third);
}

static void a_waiting_batch_lets_the_next_one_write(void **state)
{
    (void)state;
    size_t first = upserting();
    size_t second = claimed(1);
    expect_nothing();
    upsert(first, ERROR_UNAVAILABLE);
    expect(ACTION_UPSERT, second);
    wait_ms(1000);
    expect_nothing();
    expect_state(first, DELIVERY_READY);
    upsert(second, ERROR_NONE);
    expect(ACTION_READ, second);
    expect(ACTION_UPSERT, first);
}

static void the_oldest_for_a_target_writes_first(void **state)
{
    (void)state;
    set_up_with(2);
    size_t slots[3];
    for (size_t i = 0; i < 3; i++) {
        slots[i] = arrive(1);
        expect(ACTION_CLAIM, slots[i]);
    }
    claim(slots[2], CLAIM_CLAIMED);
    expect(ACTION_UPSERT, slots[2]);
    claim(slots[1], CLAIM_CLAIMED);
    expect(ACTION_UPSERT, slots[1]);
    claim(slots[0], CLAIM_CLAIMED);
    upsert(slots[1], ERROR_NONE);
    expect(ACTION_READ, slots[1]);
    expect(ACTION_UPSERT, slots[0]);
    read_back(slots[1], ERROR_NONE, 1);
    expect_nothing();
    upsert(slots[2], ERROR_NONE);
    expect(ACTION_READ, slots[2]);
    expect(ACTION_UPSERT, slots[1]);
}

static void write_limits_are_kept(void **state)
{
    (void)state;
    for (uint32_t limit = 1; limit <= LIMIT_WRITES_PER_TARGET; limit++) {
        set_up_with(limit);
        uint32_t claims = 0;
        uint32_t upserts = 0;
        for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
            arrive(1);
        }
        struct delivery_action action;
        while (delivery_next_action(&core, &action)) {
            claims += action.kind == ACTION_CLAIM;
            upserts += action.kind == ACTION_UPSERT;
            if (action.kind == ACTION_CLAIM) {
                claim(action.slot, CLAIM_CLAIMED);
            }
        }
        assert_int_equal(claims, limit < LIMIT_WRITES_PER_TARGET ? limit + 1 : limit);
        assert_int_equal(upserts, limit);
    }
}

/* ---- the pace of a target ---- */

static void throttle(size_t slot, uint32_t retry_after_ms)
{
    tell((struct delivery_event){.kind = EVENT_UPSERT,
                                 .slot = slot,
                                 .error = ERROR_THROTTLED,
                                 .status = 429,
                                 .retry_after_ms = retry_after_ms});
}

/* So many upserts under way, and one batch claimed beyond. */
static void write_with(uint32_t limit, size_t *slots)
{
    set_up_with(limit);
    for (size_t i = 0; i <= limit; i++) {
        slots[i] = claimed(1);
        if (i < limit) {
            expect(ACTION_UPSERT, slots[i]);
        }
    }
    expect_nothing();
}

static void a_refusal_halves_what_is_written_at_a_time(void **state)
{
    size_t slots[5];

    (void)state;
    write_with(4, slots);
    upsert(slots[0], ERROR_UNAVAILABLE);
    upsert(slots[1], ERROR_UNAVAILABLE); /* begun before: not halved again */
    expect_nothing();
    upsert(slots[2], ERROR_NONE);
    expect(ACTION_READ, slots[2]);
    expect(ACTION_UPSERT, slots[4]);
    expect_nothing();
    assert_int_equal(delivery_pace(&core, slots[0])->limit, 2);
}

static void retry_after_holds_for_everything_of_the_target(void **state)
{
    size_t slots[4];

    (void)state;
    write_with(3, slots);
    size_t other = claimed(2);
    expect(ACTION_UPSERT, other);
    throttle(slots[0], 12000);
    upsert(slots[1], ERROR_NONE);
    upsert(slots[2], ERROR_TOO_LARGE);
    expect_nothing();
    expect_state(slots[1], DELIVERY_WAITING);
    expect_state(slots[2], DELIVERY_READY);
    wait_ms(11999);
    expect_nothing();
    assert_int_equal(delivery_next_tick_ms(&core, now), 1);
    upsert(other, ERROR_NONE); /* another target's */
    expect(ACTION_READ, other);
    wait_ms(1);
    expect(ACTION_READ, slots[1]);
    expect(ACTION_UPSERT, slots[0]);
    expect_nothing();
    read_back(slots[1], ERROR_NONE, 0);
    expect(ACTION_MARK, slots[1]);
}

static void the_upsert_after_a_delete_waits_with_the_others(void **state)
{
    (void)state;
    set_up_with(2);
    size_t slot = deleting();
    size_t other = claimed(1);
    expect(ACTION_UPSERT, other);
    throttle(other, 5000);
    deleted(slot, ERROR_NONE);
    expect_nothing();
    wait_ms(5000);
    expect(ACTION_UPSERT, slot);
}

/* Lets time pass until it comes. */
static size_t next_knock(size_t renewed)
{
    struct delivery_action action;

    while (!delivery_next_action(&core, &action)) {
        wait_ms(delivery_next_tick_ms(&core, now));
        renew(renewed, true);
    }
    assert_int_equal(action.kind, ACTION_KNOCK);
    expect_nothing();
    return action.slot;
}

static size_t knocking(void)
{
    size_t slot = upserting();

    for (int i = 0; i < 3; i++) {
        upsert(slot, ERROR_UNAVAILABLE);
        wait_ms(core.slots[slot].due_ms - now);
        expect(i < 2 ? ACTION_UPSERT : ACTION_KNOCK, slot);
    }
    return slot;
}

static void a_target_that_does_not_answer_is_probed_by_one(void **state)
{
    size_t slots[4];

    (void)state;
    write_with(3, slots);
    for (size_t i = 0; i < 3; i++) {
        upsert(slots[i], ERROR_UNAVAILABLE);
    }
    for (int probe = 0; probe < 5; probe++) {
        size_t slot = next_knock(slots[0]);
        wait_ms(3000);
        expect_nothing();
        if (probe % 2 == 0) {
            knock(slot, ERROR_TIMEOUT);
            expect_state(slot, DELIVERY_WAITING);
            continue;
        }
        knock(slot, ERROR_NONE);
        expect(ACTION_UPSERT, slot);
        expect_nothing();
        upsert(slot, ERROR_TIMEOUT);
    }
}

static void a_target_that_is_there_again_gets_the_write(void **state)
{
    static const enum error_kind answers[] = {ERROR_NONE, ERROR_NOT_FOUND, ERROR_AUTH,
                                              ERROR_REJECTED};
    size_t slots[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        write_with(3, slots);
        for (size_t k = 0; k < 3; k++) {
            upsert(slots[k], ERROR_UNAVAILABLE);
        }
        size_t slot = next_knock(slots[0]);
        knock(slot, ERROR_FORMAT); /* a page, with status 200 */
        expect_state(slot, DELIVERY_WAITING);
        slot = next_knock(slots[0]);
        knock(slot, answers[i]); /* whatever it says */
        expect(ACTION_UPSERT, slot);
        upsert(slot, ERROR_NONE);
        expect(ACTION_READ, slot);
        wait_ms(30000);
        struct delivery_action action;
        assert_true(delivery_next_action(&core, &action));
        assert_int_equal(action.kind, ACTION_UPSERT);
    }
}

static void a_throttled_target_is_there_and_not_asked(void **state)
{
    (void)state;
    size_t slot = upserting();
    for (int i = 0; i < 5; i++) {
        upsert(slot, ERROR_THROTTLED);
        renew(slot, true);
        wait_ms(core.slots[slot].due_ms - now);
        expect(ACTION_UPSERT, slot);
    }
}

static void a_knock_that_took_too_long_begins_no_write(void **state)
{
    (void)state;
    size_t slot = knocking();
    now += LEASE / 2;
    knock(slot, ERROR_NONE);
    expect_nothing();
    expect_state(slot, DELIVERY_READY);
    renew(slot, true);
    expect(ACTION_KNOCK, slot);
    renew(slot, false);
    expect(ACTION_ABORT, slot);
    expect_state(slot, DELIVERY_HOLDING);
}

/* A batch in a repair is tried on when its job is blocked; the knock before its write must not come in the write's place for ever. */
static void a_knock_for_a_repair_leads_on_though_the_job_is_blocked(void **state)
{
    (void)state;
    size_t slot = blocked_in_a_repair();
    for (int i = 0; i < 3; i++) {
        renew(slot, true);
        wait_ms(core.slots[slot].due_ms - now);
        renew(slot, true);
        expect(ACTION_UPSERT, slot);
        upsert(slot, ERROR_UNAVAILABLE);
    }
    assert_int_equal(next_knock(slot), slot);
    knock(slot, ERROR_NONE);
    expect(ACTION_UPSERT, slot);
}

static void a_refused_target_keeps_no_claims(void **state)
{
    size_t slots[4];

    (void)state;
    write_with(3, slots);
    upsert(slots[1], ERROR_UNAVAILABLE);
    throttle(slots[0], 300000);
    expect(ACTION_REFUSE_TARGET, slots[0]);
    expect(ACTION_PARK, slots[0]);
    expect(ACTION_PARK, slots[1]);
    assert_false(expect(ACTION_PARK, slots[3]).sent);
    upsert(slots[2], ERROR_NONE); /* under way: it waits for its reading no longer */
    expect(ACTION_PARK, slots[2]);
    size_t next = arrive(1);
    expect(ACTION_CLAIM, next); /* the ledger will say so */
    expect_nothing();
}

static void no_more_is_asked_for_than_there_are_write_slots(void **state)
{
    (void)state;
    set_up_with(5);
    size_t first = upserting();
    size_t second = arrive(1);
    expect(ACTION_CLAIM, second);
    claim(second, CLAIM_BUSY);
    size_t third = arrive(1);
    expect_nothing();
    wait_ms(BUSY);
    expect_nothing();
    upsert(first, ERROR_NONE);
    expect(ACTION_READ, first);
    read_back(first, ERROR_NONE, 0);
    expect(ACTION_MARK, first);
    mark(first, true, ERROR_NONE);
    expect(ACTION_ACKNOWLEDGE, first);
    expect(ACTION_DROP, first);
    expect(ACTION_CLAIM, second);
    wait_ms(10000);
    expect(ACTION_CLAIM, third);
}

static void jobs_share_the_pace_of_a_target(void **state)
{
    (void)state;
    set_up_with(2);
    for (int64_t job = 1; job <= 3; job++) {
        size_t slot = arrive(job);
        expect(ACTION_CLAIM, slot);
        tell((struct delivery_event){.kind = EVENT_CLAIM,
                                     .slot = slot,
                                     .claim = CLAIM_CLAIMED,
                                     .fence = job,
                                     .started_ms = now,
                                     .target = {"z"},
                                     .records = RECORDS});
        if (job <= 2) {
            expect(ACTION_UPSERT, slot);
        }
        expect_nothing();
    }
}

/* More targets than are remembered: those in use are. */
static void the_longest_unused_target_is_forgotten(void **state)
{
    (void)state;
    size_t first = upserting();
    for (int64_t job = 2; job < 3 * DELIVERY_TARGETS; job++) {
        size_t slot = claimed(job);
        expect(ACTION_UPSERT, slot);
        upsert(slot, ERROR_AUTH);
        expect(ACTION_BLOCK_JOB, slot);
        expect(ACTION_PARK, slot);
        settled(slot, EVENT_PARK, ERROR_NONE);
        expect(ACTION_ACKNOWLEDGE, slot);
        expect(ACTION_DROP, slot);
        assert_string_equal(core.targets[core.slots[first].target].uuid.text, target_of(1).text);
    }
    size_t second = claimed(1);
    expect_nothing();
    assert_int_equal(core.slots[first].target, core.slots[second].target);
}

/* From message to mark, with a target that bears any number: each upsert takes 300 ms. */
static void more_are_written_at_a_time_where_that_is_faster(void **state)
{
    int64_t ends_ms[DELIVERY_SLOTS] = {0};
    uint32_t most = 0;

    (void)state;
    delivery_core_init(&core,
                       &(struct delivery_settings){LEASE, MARGIN, REFUSE, LIMIT_WRITES_PER_TARGET,
                                                   HOLD, BUSY, 1, CONFIRM},
                       7);
    for (int64_t end_ms = now + 60000; now < end_ms; wait_ms(10)) {
        struct delivery_action action;
        size_t slot;
        uint32_t count = 0;
        if (delivery_free_slot(&core, &slot)) {
            arrive(1);
        }
        for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
            if (core.slots[i].state == DELIVERY_UPSERTING && now >= ends_ms[i]) {
                upsert(i, ERROR_NONE);
            } else if (core.slots[i].state == DELIVERY_READING) {
                read_back(i, ERROR_NONE, 0);
            } else if (core.slots[i].state == DELIVERY_MARKING) {
                mark(i, true, ERROR_NONE);
            }
        }
        while (delivery_next_action(&core, &action)) {
            if (action.kind == ACTION_CLAIM) {
                claim(action.slot, CLAIM_CLAIMED);
            } else if (action.kind == ACTION_UPSERT) {
                ends_ms[action.slot] = now + 300;
            }
        }
        for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
            count += core.slots[i].state == DELIVERY_UPSERTING;
        }
        most = count > most ? count : most;
        assert_in_range(count, 0, LIMIT_WRITES_PER_TARGET);
    }
    assert_in_range(most, 8, LIMIT_WRITES_PER_TARGET);
}

static void nothing_is_sent_while_a_renewal_is_overdue(void **state)
{
    (void)state;
    size_t first = upserting();
    size_t second = claimed(1);
    now += LEASE / 2;
    upsert(first, ERROR_NONE);
    expect(ACTION_READ, first);
    expect_nothing();
    renew(second, true);
    expect(ACTION_UPSERT, second);
}

static void full_means_no_free_slot(void **state)
{
    size_t slot;

    (void)state;
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        arrive(1);
    }
    assert_false(delivery_free_slot(&core, &slot));
    assert_false(delivery_is_idle(&core));
}

/* ---- leases ---- */

static void a_request_ends_before_its_lease(void **state)
{
    (void)state;
    for (int is_read = 0; is_read < 2; is_read++) {
        set_up_with(1);
        size_t slot = is_read ? reading() : upserting();
        int64_t started = now;
        while (now < started + LEASE - MARGIN) {
            expect_nothing();
            assert_in_range(delivery_next_tick_ms(&core, now), 1, 1000);
            wait_ms(delivery_next_tick_ms(&core, now));
        }
        expect(ACTION_ABORT, slot);
        expect_nothing();
        expect_state(slot, DELIVERY_HOLDING);
        assert_int_equal(core.slots[slot].due_ms, started + LEASE + BUSY);
        upsert(slot, ERROR_NONE); /* late */
        read_back(slot, ERROR_NONE, 0);
        expect_nothing();
        wait_ms(MARGIN + BUSY);
        expect(ACTION_CLAIM, slot);
    }
}

static void a_claim_that_waits_is_lost_as_well(void **state)
{
    (void)state;
    size_t slot = upserting();
    size_t ready = claimed(1);
    upsert(slot, ERROR_UNAVAILABLE);
    expect(ACTION_UPSERT, ready);
    core.slots[slot].due_ms = now + 2 * LEASE;
    wait_ms(LEASE - MARGIN);
    expect(ACTION_ABORT, ready);
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    expect_state(ready, DELIVERY_HOLDING);
}

static void a_renewal_moves_the_end_of_the_lease(void **state)
{
    (void)state;
    size_t slot = upserting();
    now += 20000;
    int64_t renewed = now;
    renew(slot, true);
    wait_ms(renewed + LEASE - MARGIN - 1 - now);
    expect_nothing();
    wait_ms(1);
    expect(ACTION_ABORT, slot);
}

static void a_claim_that_was_not_kept_is_lost_at_once(void **state)
{
    (void)state;
    size_t slot = reading();
    renew(slot, false);
    expect(ACTION_ABORT, slot);
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
}

static void a_claim_that_was_not_asked_for_is_neither_kept_nor_lost(void **state)
{
    (void)state;
    struct delivery_event event = {.kind = EVENT_RENEWED, .started_ms = now};
    now += 10; /* the renewal was sent before the claim's answer came */
    size_t slot = upserting();
    tell(event);
    expect_nothing();
    expect_state(slot, DELIVERY_UPSERTING);
    assert_int_equal(core.slots[slot].lease_start_ms, now);
    event.asked[slot] = core.slots[slot].fence + 1; /* of who had the slot before */
    tell(event);
    expect_state(slot, DELIVERY_UPSERTING);
}

static void a_claim_whose_answer_took_a_lease_is_not_used(void **state)
{
    (void)state;
    size_t slot = arrive(1);
    expect(ACTION_CLAIM, slot);
    tell((struct delivery_event){.kind = EVENT_CLAIM,
                                 .slot = slot,
                                 .claim = CLAIM_CLAIMED,
                                 .fence = 5,
                                 .started_ms = now - LEASE + MARGIN,
                                 .records = RECORDS});
    expect_nothing();
    expect_state(slot, DELIVERY_HOLDING);
    assert_int_equal(core.slots[slot].due_ms, now + MARGIN + BUSY);
}

static void marking_is_left_to_the_fence(void **state)
{
    (void)state;
    size_t slot = marking();
    renew(slot, false); /* its batch is verified already */
    wait_ms(3 * LEASE);
    expect_nothing();
    expect_state(slot, DELIVERY_MARKING);
    mark(slot, true, ERROR_NONE);
    expect_done(slot, 100);
}

/* ---- revocation ---- */

static void what_is_not_claimed_goes_with_its_generation(void **state)
{
    (void)state;
    size_t held = arrive(1);
    expect(ACTION_CLAIM, held);
    claim(held, CLAIM_HOLD);
    size_t first = claimed(1);
    expect(ACTION_UPSERT, first);
    claimed(1);
    size_t waiting_slot = arrive(1);
    size_t newer = arrive_as(EVENT_MESSAGE, 1, 2);
    expect_nothing();
    revoke(1);
    expect(ACTION_DROP, held);
    expect(ACTION_DROP, waiting_slot);
    expect_nothing();
    expect_state(newer, DELIVERY_ARRIVED);
    assert_int_equal(core.left_behind, 0);
}

static void an_orphan_is_finished_and_never_acknowledged(void **state)
{
    (void)state;
    size_t slot = upserting();
    revoke(1);
    expect_nothing();
    upsert(slot, ERROR_NONE);
    expect(ACTION_READ, slot);
    read_back(slot, ERROR_NONE, 0);
    expect(ACTION_MARK, slot);
    mark(slot, true, ERROR_NONE);
    expect(ACTION_DROP, slot);
    expect_nothing();
}

static void an_orphans_claim_is_used_and_every_other_outcome_forgotten(void **state)
{
    (void)state;
    for (int outcome = CLAIM_CLAIMED; outcome <= CLAIM_FAILED; outcome++) {
        set_up_with(1);
        size_t slot = arrive(1);
        expect(ACTION_CLAIM, slot);
        revoke(3);
        expect_nothing();
        claim(slot, (enum delivery_claim)outcome);
        expect(outcome == CLAIM_CLAIMED ? ACTION_UPSERT : ACTION_DROP, slot);
        expect_nothing();
    }
}

static void an_orphan_that_loses_its_claim_is_forgotten(void **state)
{
    (void)state;
    size_t slot = reading();
    revoke(1);
    wait_ms(LEASE);
    expect(ACTION_ABORT, slot);
    expect(ACTION_DROP, slot);
    expect_nothing();
    slot = marking();
    revoke(1);
    mark(slot, false, ERROR_NONE);
    expect(ACTION_DROP, slot);
    expect_nothing();
}

static void orphans_that_are_parked_or_noted_are_not_acknowledged(void **state)
{
    (void)state;
    size_t parked = parking();
    size_t noted = noting();
    revoke(1);
    settled(parked, EVENT_PARK, ERROR_NONE);
    expect(ACTION_DROP, parked);
    settled(noted, EVENT_NOTED, ERROR_NONE);
    expect(ACTION_DROP, noted);
    expect_nothing();
    assert_true(delivery_is_idle(&core));
}

/* ---- stopping ---- */

static void stopping_takes_nothing_new_and_gives_back_what_has_not_begun(void **state)
{
    size_t slot;

    (void)state;
    set_up_with(2);
    size_t held = arrive(1);
    expect(ACTION_CLAIM, held);
    claim(held, CLAIM_HOLD);
    size_t first = claimed(1);
    expect(ACTION_UPSERT, first);
    size_t second = claimed(1);
    expect(ACTION_UPSERT, second);
    size_t asking = arrive(1);
    expect(ACTION_CLAIM, asking);
    upsert(second, ERROR_UNAVAILABLE);
    size_t arrived = arrive(1);
    stop(10000);
    assert_false(delivery_free_slot(&core, &slot));
    expect(ACTION_DROP, held);
    struct delivery_action action = expect(ACTION_RELEASE, second);
    assert_false(action.sent); /* it was answered that nothing came of it */
    assert_int_equal(action.fence, second + 11);
    expect(ACTION_DROP, second);
    expect(ACTION_DROP, arrived);
    expect_nothing();
    assert_int_equal(core.left_behind, 3);
    claim(asking, CLAIM_CLAIMED);
    assert_false(expect(ACTION_RELEASE, asking).sent);
    expect(ACTION_DROP, asking);
    assert_int_equal(core.left_behind, 4);
    upsert(first, ERROR_NONE); /* in flight: may end */
    expect(ACTION_READ, first);
    read_back(first, ERROR_NONE, 0);
    expect(ACTION_MARK, first);
    mark(first, true, ERROR_NONE);
    expect_done(first, 101);
    assert_true(delivery_is_idle(&core));
    assert_int_equal(core.left_behind, 4);
}

static void a_claim_is_given_back_as_doubtful_only_when_a_request_was_not_answered(void **state)
{
    (void)state;
    for (int is_answered = 0; is_answered < 2; is_answered++) {
        set_up_with(1);
        size_t slot = claimed(1);
        expect(ACTION_UPSERT, slot);
        tell((struct delivery_event){.kind = EVENT_UPSERT,
                                     .slot = slot,
                                     .error = ERROR_UNAVAILABLE,
                                     .may_be_applied = is_answered == 0});
        stop(10000);
        assert_int_equal(expect(ACTION_RELEASE, slot).sent, is_answered == 0);
        expect(ACTION_DROP, slot);
    }
}

static void what_fails_while_stopping_is_given_back(void **state)
{
    (void)state;
    for (int is_mismatch = 0; is_mismatch < 2; is_mismatch++) {
        set_up_with(1);
        size_t slot = reading();
        stop(10000);
        expect_nothing();
        read_back(slot, is_mismatch ? ERROR_NONE : ERROR_TIMEOUT, is_mismatch ? 1 : 0);
        assert_false(expect(ACTION_RELEASE, slot).sent); /* the upsert was answered */
        expect(ACTION_DROP, slot);
        expect_nothing();
        assert_int_equal(core.left_behind, 1);
    }
}

static void the_grace_ends(void **state)
{
    (void)state;
    size_t asking;
    size_t mark_slot = marking();
    size_t slot = upserting();
    size_t park_slot = arrive(2);
    expect(ACTION_CLAIM, park_slot);
    claim(park_slot, CLAIM_PARK);
    expect(ACTION_PARK, park_slot);
    size_t note_slot = noting();
    asking = arrive(3);
    expect(ACTION_CLAIM, asking);
    stop(10000);
    expect_nothing();
    assert_in_range(delivery_next_tick_ms(&core, now), 1, 1000);
    wait_ms(9999);
    expect_nothing();
    assert_int_equal(delivery_next_tick_ms(&core, now), 1);
    wait_ms(1);
    expect(ACTION_RELEASE, mark_slot);
    expect(ACTION_DROP, mark_slot);
    expect(ACTION_ABORT, slot);
    assert_true(expect(ACTION_RELEASE, slot).sent);
    expect(ACTION_DROP, slot);
    expect(ACTION_DROP, park_slot);
    expect(ACTION_DROP, note_slot);
    expect(ACTION_DROP, asking);
    expect_nothing();
    assert_true(delivery_is_idle(&core));
    assert_int_equal(core.left_behind, 5);
}

static void a_second_stop_ends_the_grace_at_once(void **state)
{
    (void)state;
    size_t slot = upserting();
    stop(10000);
    expect_nothing();
    stop(0);
    expect(ACTION_ABORT, slot);
    expect(ACTION_RELEASE, slot);
    expect(ACTION_DROP, slot);
    assert_true(delivery_is_idle(&core));
}

static void an_idle_machine_stops_with_nothing_left_behind(void **state)
{
    (void)state;
    stop(10000);
    expect_nothing();
    assert_true(delivery_is_idle(&core));
    assert_int_equal(core.left_behind, 0);
}

/* ---- late answers ---- */

static void an_answer_nobody_waits_for_changes_nothing(void **state)
{
    static size_t (*const reach[])(void) = {upserting, reading,  lettering, marking,
                                            waiting,   parking,  repairing, expelling,
                                            noting,    deleting, knocking};
    static const enum delivery_event_kind kinds[] = {
        EVENT_CLAIM, EVENT_UPSERT, EVENT_READ,   EVENT_MARK,     EVENT_PARK,
        EVENT_NOTED, EVENT_REPAIR, EVENT_DELETE, EVENT_LETTERED, EVENT_KNOCK};
    static const enum delivery_state awaits[] = {
        DELIVERY_CLAIMING,  DELIVERY_UPSERTING, DELIVERY_READING,   DELIVERY_MARKING,
        DELIVERY_PARKING,   DELIVERY_NOTING,    DELIVERY_REPAIRING, DELIVERY_DELETING,
        DELIVERY_LETTERING, DELIVERY_KNOCKING};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reach); i++) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            set_up_with(1);
            size_t slot = reach[i]();
            enum delivery_state before = core.slots[slot].state;
            if (awaits[k] == before ||
                (kinds[k] == EVENT_LETTERED && before == DELIVERY_EXPELLING)) {
                continue;
            }
            tell((struct delivery_event){.kind = kinds[k], .slot = slot, .matched = true});
            expect_nothing();
            expect_state(slot, before);
        }
    }
    set_up_with(1);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        tell((struct delivery_event){.kind = kinds[k], .slot = 2, .matched = true});
        expect_nothing();
        assert_true(delivery_is_idle(&core));
    }
}

/* ---- the table of states ---- */

static void the_ways_between_states_are_these(void **state)
{
    /* from: free arrived claiming holding ready knocking upserting reading waiting repairing deleting lettering
     * marking parking expelling noting */
    static const char *const ways[DELIVERY_STATE_COUNT] = {
        ".x............x.", "x.x.............", "x..xx........xx.", "xx..............",
        "x..x.xx...x..x..", "x..xx.x.x.x..x..", "x..xx.xxx....x..", "x..xx...xx.xxx..",
        "x..xx..x.....x..", "x..xx....x...x..", "x..x..x.x.......", "x..x.......xx...",
        "x..x........x...", "x..x.........x..", "x.............xx", "x..............x",
    };

    (void)state;
    for (int from = 0; from < DELIVERY_STATE_COUNT; from++) {
        for (int to = 0; to < DELIVERY_STATE_COUNT; to++) {
            bool is_valid =
                delivery_transition_is_valid((enum delivery_state)from, (enum delivery_state)to);
            if (is_valid != (ways[from][to] == 'x')) {
                fail_msg("%s to %s", delivery_state_name((enum delivery_state)from),
                         delivery_state_name((enum delivery_state)to));
            }
        }
    }
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_claimed_written_read_marked_and_acknowledged_in_this_order),
        TEST(a_stale_message_is_acknowledged),
        TEST(a_held_batch_is_looked_at_again),
        TEST(without_a_write_slot_it_asks_again_sooner),
        TEST(what_may_not_be_claimed_is_parked_then_acknowledged),
        TEST(poison_is_lettered_then_noted_then_acknowledged),
        TEST(an_unreadable_message_is_never_asked_for),
        TEST(rejects_are_lettered_before_they_are_marked),
        TEST(a_letter_that_is_not_stored_is_an_outage),
        TEST(a_claim_that_is_lost_meanwhile_takes_its_letters_with_it),
        TEST(an_orphans_poison_is_the_next_owners),
        TEST(an_orphans_rejects_are_lettered_and_marked),
        TEST(stopping_waits_for_letters_until_the_grace_ends),
        TEST(poison_takes_no_turn_of_the_job_it_names),
        TEST(statements_that_were_not_answered_are_repeated),
        TEST(a_lost_fence_looks_again_and_never_acknowledges),
        TEST(a_new_claim_after_a_lost_one_begins_from_the_front),
        TEST(a_mismatch_is_written_once_more_and_then_marked),
        TEST(in_doubt_a_mismatch_is_read_again_when_nothing_can_arrive_any_more),
        TEST(in_doubt_a_mismatch_counts_after_an_upsert_behind_all_others_only),
        TEST(a_claim_that_is_lost_takes_its_doubt_with_it),
        TEST(the_repetition_waits_for_its_turn),
        TEST(an_outage_is_retried_after_a_wait),
        TEST(the_peers_own_wish_to_wait_is_heard),
        TEST(after_a_written_upsert_only_the_reading_is_retried),
        TEST(a_target_that_fails_for_a_minute_is_refused_and_the_batch_parked),
        TEST(a_success_between_failures_begins_the_minute_anew),
        TEST(who_wants_to_be_left_alone_for_a_minute_is_refused_at_once),
        TEST(what_waiting_does_not_mend_blocks_the_job),
        TEST(an_answer_that_cannot_be_read_is_a_page_of_somebody_else_before_it_blocks_the_job),
        TEST(what_was_decoded_wrongly_blocks_at_once),
        TEST(too_large_is_divided_at_once_until_single_records),
        TEST(the_division_goes_on_from_what_the_edge_has_used),
        TEST(pieces_that_were_answered_well_are_not_sent_again),
        TEST(a_413_that_cannot_be_about_the_size_is_an_outage_and_blocks_when_it_lasts),
        TEST(after_a_413_that_was_none_everything_is_taken),
        TEST(a_refused_record_is_found_and_the_others_read),
        TEST(a_refusal_that_does_not_last_rejects_nothing),
        TEST(what_is_refused_alike_eight_times_blocks_the_job),
        TEST(with_its_job_blocked_nothing_else_of_it_is_sent),
        TEST(only_400_and_422_speak_of_records),
        TEST(an_outage_does_not_forget_what_was_found),
        TEST(a_lost_claim_forgets_what_was_found),
        TEST(a_repetition_sends_only_what_was_accepted),
        TEST(a_batch_of_which_nothing_is_accepted_is_judged_and_marked),
        TEST(a_search_waits_for_its_lease),
        TEST(a_surplus_document_is_noted_deleted_written_and_read_again),
        TEST(nothing_is_deleted_before_it_is_noted),
        TEST(a_repair_of_a_job_that_was_paused_meanwhile_is_not_begun),
        TEST(a_repair_is_tried_once),
        TEST(the_delete_waits_for_its_turn_and_its_lease),
        TEST(a_delete_that_fails_is_repeated_and_leaves_a_doubt),
        TEST(an_upsert_whose_answer_was_lost_leaves_a_doubt),
        TEST(in_a_repair_nothing_is_parked),
        TEST(in_a_repair_the_same_refusal_of_all_is_asked_again_from_the_front),
        TEST(a_claim_with_an_open_repair_is_not_parked_either),
        TEST(repairs_that_go_on_failing_fill_no_slots_with_what_comes_behind_them),
        TEST(what_the_ledger_does_not_park_is_held),
        TEST(an_answer_after_the_grace_begins_no_write),
        TEST(what_matches_nothing_when_parked_is_claimed_again_before_it_is_acknowledged),
        TEST(a_repair_ends_with_its_lease_and_begins_again_with_the_next_claim),
        TEST(a_repair_in_flight_may_end_while_stopping),
        TEST(one_more_than_can_write_is_claimed_for_each_target),
        TEST(a_waiting_batch_lets_the_next_one_write),
        TEST(the_oldest_for_a_target_writes_first),
        TEST(write_limits_are_kept),
        TEST(a_refusal_halves_what_is_written_at_a_time),
        TEST(retry_after_holds_for_everything_of_the_target),
        TEST(the_upsert_after_a_delete_waits_with_the_others),
        TEST(a_target_that_does_not_answer_is_probed_by_one),
        TEST(a_target_that_is_there_again_gets_the_write),
        TEST(a_throttled_target_is_there_and_not_asked),
        TEST(a_knock_that_took_too_long_begins_no_write),
        TEST(a_knock_for_a_repair_leads_on_though_the_job_is_blocked),
        TEST(a_refused_target_keeps_no_claims),
        TEST(no_more_is_asked_for_than_there_are_write_slots),
        TEST(jobs_share_the_pace_of_a_target),
        TEST(the_longest_unused_target_is_forgotten),
        TEST(more_are_written_at_a_time_where_that_is_faster),
        TEST(nothing_is_sent_while_a_renewal_is_overdue),
        TEST(full_means_no_free_slot),
        TEST(a_request_ends_before_its_lease),
        TEST(a_claim_that_waits_is_lost_as_well),
        TEST(a_renewal_moves_the_end_of_the_lease),
        TEST(a_claim_that_was_not_kept_is_lost_at_once),
        TEST(a_claim_that_was_not_asked_for_is_neither_kept_nor_lost),
        TEST(a_claim_whose_answer_took_a_lease_is_not_used),
        TEST(marking_is_left_to_the_fence),
        TEST(what_is_not_claimed_goes_with_its_generation),
        TEST(an_orphan_is_finished_and_never_acknowledged),
        TEST(an_orphans_claim_is_used_and_every_other_outcome_forgotten),
        TEST(an_orphan_that_loses_its_claim_is_forgotten),
        TEST(orphans_that_are_parked_or_noted_are_not_acknowledged),
        TEST(stopping_takes_nothing_new_and_gives_back_what_has_not_begun),
        TEST(a_claim_is_given_back_as_doubtful_only_when_a_request_was_not_answered),
        TEST(what_fails_while_stopping_is_given_back),
        TEST(the_grace_ends),
        TEST(a_second_stop_ends_the_grace_at_once),
        TEST(an_idle_machine_stops_with_nothing_left_behind),
        TEST(an_answer_nobody_waits_for_changes_nothing),
        TEST(the_ways_between_states_are_these),
    };

    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
