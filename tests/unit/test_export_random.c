/*
 * The exporting machine under 20,000 random schedules: answers, failures, lost leases, late events and stops in any order.
 * A shadow of every slot remembers what really happened to its claim; each action is held against it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/export.h"
#include "support/expect.h"

#define SCHEDULES 20000
#define STEPS     150
#define LEASE_MS  3000
#define MARGIN_MS 750
#define GRACE_MS  2000

/* What one claim has been through. */
struct shadow {
    bool is_claimed, has_payload, is_fetching, is_searching, is_fetched, is_too_large, is_refused;
    bool has_rejects, is_lettering, is_lettered;
    bool is_recording, is_recorded, is_unmatched, is_unstorable; /* E3: matched; moved on; failed */
    bool wants_send, is_sent, is_good, is_bad;                   /* E4 and its report */
    bool is_reporting, is_reported;
    bool is_released, is_lost;
    uint32_t suspicions; /* in a row, since the last search */
    bool has_searched;   /* and nothing was known afterwards */
    int64_t lease_until_ms;
};

static struct rng dice;
static struct export_core core;
static struct shadow slots[EXPORT_SLOTS];
static int64_t now_ms, next_fence;
static size_t asked_for; /* batches of the claim under way; 0: none */
static bool is_stopped;
static uint64_t searches, rests;
static uint64_t ends[8]; /* how claims ended, over all schedules: every way must have been taken */

enum end {
    END_REPORTED,
    END_FINAL,
    END_MOVED_ON,
    END_SPLIT,
    END_RELEASED,
    END_LOST,
    END_BLOCKED
};

static bool chance(uint64_t one_in)
{
    return rng_below(&dice, one_in) == 0;
}

static size_t count_payload(void)
{
    size_t count = 0;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        count += slots[i].is_claimed && slots[i].has_payload;
    }
    return count;
}

static size_t count_free(void)
{
    size_t count = 0;
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        count += !slots[i].is_claimed;
    }
    return count;
}

static void tell(const struct export_event *event);

static struct export_event about(enum export_event_kind kind, size_t slot, enum error_kind error)
{
    return (struct export_event){.kind = kind, .slot = slot, .error = error};
}

/* ---- actions, held against the shadow ---- */

static void check_drop(struct shadow *slot)
{
    bool lease_is_over = now_ms >= slot->lease_until_ms || slot->is_lost;
    if (slot->is_reported) {
        ends[END_REPORTED]++;
    } else if (slot->is_released) {
        ends[slot->is_refused ? END_BLOCKED : END_RELEASED]++;
    } else if (slot->is_too_large) {
        ends[END_SPLIT]++;
    } else if (slot->is_unmatched) {
        ends[END_MOVED_ON]++;
    } else if (slot->is_recorded && !slot->wants_send && !slot->is_sent) {
        ends[END_FINAL]++;
    } else {
        assert_true(lease_is_over);  /* the only other way to end */
        assert_false(slot->is_sent); /* whose report is worth waiting for */
        ends[END_LOST]++;
    }
    *slot = (struct shadow){0};
}

static void send(size_t i)
{
    static const enum error_kind answers[] = {ERROR_NONE, ERROR_NONE, ERROR_NONE, ERROR_THROTTLED,
                                              ERROR_UNAVAILABLE};
    struct shadow *slot = &slots[i];
    assert_true(slot->is_recorded && slot->wants_send && !slot->is_sent);
    struct export_event event =
        about(EXPORT_EVENT_SENT, i, answers[rng_below(&dice, ARRAY_LEN(answers))]);
    if (event.error == ERROR_NONE) {
        slot->is_sent = true;
        slot->has_payload = false;
    }
    export_handle(&core, &event, now_ms); /* from inside, as the edge does */
}

static void check_claim(const struct export_action *action)
{
    assert_false(is_stopped);
    assert_int_equal(asked_for, 0);
    assert_true(action->count > 0);
    assert_true(action->count <= count_free());
    assert_true(action->count + count_payload() <= core.settings.fetch_limit);
    asked_for = action->count;
}

static void carry_out(const struct export_action *action)
{
    struct shadow *slot = &slots[action->slot];
    if (action->kind == EXPORT_ACTION_CLAIM) {
        check_claim(action);
        return;
    }
    assert_true(slot->is_claimed);
    assert_false(slot->is_released && action->kind != EXPORT_ACTION_DROP);
    switch (action->kind) {
    case EXPORT_ACTION_CLAIM:
        break;
    case EXPORT_ACTION_FETCH:
        assert_false(slot->is_fetching || slot->is_searching || slot->is_fetched);
        slot->is_fetching = slot->has_payload = true;
        break;
    case EXPORT_ACTION_SEARCH: /* never on one failure alone */
        assert_false(slot->is_fetching || slot->is_searching || slot->is_fetched);
        assert_true(slot->suspicions >= (slot->has_searched ? 2 : 3));
        slot->is_searching = true;
        break;
    case EXPORT_ACTION_LETTER:
        assert_true(slot->is_fetched && slot->has_rejects && !slot->is_lettering &&
                    !slot->is_lettered);
        slot->is_lettering = true;
        break;
    case EXPORT_ACTION_RECORD:
        assert_true(slot->is_fetched && !slot->is_recording && !slot->is_recorded);
        assert_true(!slot->is_lettering && slot->has_rejects == slot->is_lettered);
        slot->is_recording = true;
        break;
    case EXPORT_ACTION_SEND:
        send(action->slot);
        break;
    case EXPORT_ACTION_REPORT:
        assert_true(slot->is_good && !slot->is_reporting && !slot->is_reported);
        slot->is_reporting = true;
        break;
    case EXPORT_ACTION_RELEASE:
        slot->is_released = true;
        break;
    case EXPORT_ACTION_SPLIT:
        assert_true(slot->is_too_large);
        break;
    case EXPORT_ACTION_BLOCK:
        assert_true(slot->is_refused);
        break;
    case EXPORT_ACTION_ABORT:
        assert_true(slot->is_fetching || slot->is_searching || slot->has_rejects);
        slot->is_fetching = slot->is_searching = slot->is_lettering = false;
        break;
    case EXPORT_ACTION_DROP: /* its answer would find nothing */
        assert_false(slot->is_fetching || slot->is_searching ||
                     (slot->is_lettering && !slot->is_released));
        check_drop(slot);
        break;
    }
}

static void tell(const struct export_event *event)
{
    struct export_action action;
    export_handle(&core, event, now_ms);
    assert_true(core.queue_len <= EXPORT_ACTIONS);
    while (export_next_action(&core, &action)) {
        carry_out(&action);
        assert_true(core.queue_len <= EXPORT_ACTIONS);
    }
    assert_true(count_payload() <= core.settings.fetch_limit);
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        assert_true(slots[i].is_claimed == (core.slots[i].state != EXPORT_FREE));
    }
}

/* ---- what may happen ---- */

static void answer_claim(void)
{
    size_t count = rng_below(&dice, asked_for + 1);
    struct export_event end = {.kind = EXPORT_EVENT_CLAIM_END};
    if (asked_for == 0) {
        return;
    }
    if (chance(10)) {
        count = 0;
        end.error = ERROR_UNAVAILABLE;
    }
    end.count = count;
    for (; count > 0; count--) {
        struct export_event event = {.kind = EXPORT_EVENT_CLAIMED};
        assert_true(export_free_slot(&core, &event.slot));
        event.fence = ++next_fence;
        event.started_ms = now_ms - (int64_t)rng_below(&dice, 500);
        slots[event.slot] = (struct shadow){.is_claimed = true, .has_payload = true};
        slots[event.slot].lease_until_ms = event.started_ms + LEASE_MS - MARGIN_MS;
        tell(&event);
    }
    asked_for = 0;
    tell(&end);
}

static void answer_fetch(size_t i)
{
    static const enum error_kind answers[] = {
        ERROR_NONE,      ERROR_NONE,        ERROR_NONE,    ERROR_NONE,      ERROR_NONE,
        ERROR_NONE,      ERROR_UNAVAILABLE, ERROR_TIMEOUT, ERROR_THROTTLED, ERROR_AUTH,
        ERROR_NOT_FOUND, ERROR_TOO_LARGE,   ERROR_NOMEM,   ERROR_CANCELLED};
    struct shadow *slot = &slots[i];
    struct export_event event =
        about(EXPORT_EVENT_FETCHED, i, answers[rng_below(&dice, ARRAY_LEN(answers))]);
    event.retry_after_ms = chance(4) ? 500 : 0;
    slot->is_fetching = false;
    slot->is_fetched = event.error == ERROR_NONE;
    slot->has_rejects = slot->is_fetched && chance(4);
    event.rejects = slot->has_rejects ? 1 + rng_below(&dice, 3) : 0;
    slot->is_too_large = event.error == ERROR_TOO_LARGE;
    slot->is_refused = event.error == ERROR_AUTH || event.error == ERROR_NOT_FOUND;
    /* As a batch with a bad record does: it fails so for a while. */
    if (event.error == ERROR_UNAVAILABLE || (slot->suspicions > 0 && !chance(4))) {
        event.error = chance(2) ? ERROR_UNAVAILABLE : ERROR_FORMAT;
        slot->is_fetched = slot->is_too_large = slot->is_refused = false;
        event.is_suspicious = true;
    }
    slot->has_payload = slot->is_fetched;
    slot->suspicions = event.is_suspicious ? slot->suspicions + 1 : 0;
    slot->has_searched = slot->has_searched && event.is_suspicious;
    tell(&event);
}

static void answer_search(size_t i)
{
    static const enum error_kind answers[] = {ERROR_NONE, ERROR_UNAVAILABLE, ERROR_REJECTED,
                                              ERROR_NOMEM};
    struct shadow *slot = &slots[i];
    struct export_event event =
        about(EXPORT_EVENT_SEARCHED, i, answers[rng_below(&dice, ARRAY_LEN(answers))]);
    slot->is_searching = false;
    slot->suspicions = 0;
    slot->has_searched = event.error == ERROR_UNAVAILABLE;
    slot->is_refused = event.error == ERROR_REJECTED;
    searches++;
    tell(&event);
}

static void rest(size_t i)
{
    struct export_event event = about(EXPORT_EVENT_RESTS, i, ERROR_NONE);
    rests++;
    tell(&event);
}

static void answer_letters(size_t i)
{
    struct export_event event =
        about(EXPORT_EVENT_LETTERED, i, chance(4) ? ERROR_AUTH : ERROR_NONE);
    slots[i].is_lettering = false;
    slots[i].is_lettered = event.error == ERROR_NONE;
    tell(&event);
}

static void answer_record(size_t i)
{
    struct shadow *slot = &slots[i];
    struct export_event event =
        about(EXPORT_EVENT_RECORDED, i, chance(8) ? ERROR_UNAVAILABLE : ERROR_NONE);
    event.matched = !chance(6);
    event.is_final = event.matched && chance(6);
    slot->is_recording = false;
    slot->is_unstorable = event.error != ERROR_NONE;
    slot->is_unmatched = event.error == ERROR_NONE && !event.matched;
    slot->is_recorded = event.error == ERROR_NONE && event.matched;
    slot->wants_send = slot->is_recorded && !event.is_final;
    tell(&event);
}

static void answer_report(size_t i)
{
    struct export_event event =
        about(EXPORT_EVENT_REPORT, i, chance(6) ? ERROR_TIMEOUT : ERROR_NONE);
    slots[i].is_good = event.error == ERROR_NONE;
    slots[i].is_bad = !slots[i].is_good;
    tell(&event);
}

static void answer_reported(size_t i)
{
    struct export_event event =
        about(EXPORT_EVENT_REPORTED, i, chance(4) ? ERROR_UNAVAILABLE : ERROR_NONE);
    slots[i].is_reporting = false;
    slots[i].is_reported = event.error == ERROR_NONE;
    tell(&event);
}

/* The answer that a slot waits for, if it waits for one. */
static void answer_slot(size_t i)
{
    struct shadow *slot = &slots[i];
    if (!slot->is_claimed) {
        return;
    }
    if (slot->is_fetching) {
        answer_fetch(i);
    } else if (slot->is_searching && chance(3)) {
        rest(i);
    } else if (slot->is_searching) {
        answer_search(i);
    } else if (slot->is_lettering) {
        answer_letters(i);
    } else if (slot->is_recording) {
        answer_record(i);
    } else if (slot->is_sent && !slot->is_good) {
        answer_report(i);
    } else if (slot->is_reporting) {
        answer_reported(i);
    }
}

/* An answer for what a slot does not wait for: the slot was dropped, or the answer came twice. */
static void answer_late(size_t i)
{
    static const enum export_event_kind kinds[] = {
        EXPORT_EVENT_FETCHED, EXPORT_EVENT_SEARCHED, EXPORT_EVENT_LETTERED, EXPORT_EVENT_RECORDED,
        EXPORT_EVENT_SENT,    EXPORT_EVENT_REPORT,   EXPORT_EVENT_REPORTED};
    struct export_event event = about(kinds[rng_below(&dice, ARRAY_LEN(kinds))], i,
                                      chance(2) ? ERROR_NONE : ERROR_UNAVAILABLE);
    if (slots[i].is_claimed) {
        return;
    }
    event.matched = true;
    struct export_core before = core;
    export_handle(&core, &event, now_ms);
    assert_memory_equal(before.slots, core.slots, sizeof core.slots);
    struct export_action action;
    while (export_next_action(&core, &action)) {
        carry_out(&action); /* at most a claim */
    }
}

static void renew(void)
{
    struct export_event event = {.kind = EXPORT_EVENT_RENEWED, .started_ms = now_ms};
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        event.asked[i] = slots[i].is_claimed && !chance(10);
        event.kept[i] = event.asked[i] && !chance(10);
        if (event.asked[i]) {
            slots[i].is_lost = !event.kept[i];
            slots[i].lease_until_ms =
                event.kept[i] ? now_ms + LEASE_MS - MARGIN_MS : slots[i].lease_until_ms;
        }
    }
    tell(&event);
}

static void stop(uint32_t grace_ms)
{
    is_stopped = true;
    tell(&(struct export_event){.kind = EXPORT_EVENT_STOP, .grace_ms = grace_ms});
}

static void step(void)
{
    now_ms += (int64_t)rng_below(&dice, chance(50) ? 3000 : 60);
    switch (rng_below(&dice, 10)) {
    case 0:
        answer_claim();
        break;
    case 1:
        renew();
        break;
    case 2:
        answer_late(rng_below(&dice, EXPORT_SLOTS));
        break;
    case 3:
        tell(&(struct export_event){.kind = EXPORT_EVENT_TICK});
        break;
    default:
        for (size_t tries = 0, i = rng_below(&dice, EXPORT_SLOTS); tries < EXPORT_SLOTS; tries++) {
            size_t slot = (i + tries) % EXPORT_SLOTS;
            if (slots[slot].is_claimed) {
                answer_slot(slot);
                break;
            }
        }
    }
}

static void run_schedule(void)
{
    struct export_settings settings = {.lease_ms = LEASE_MS,
                                       .lease_margin_ms = MARGIN_MS,
                                       .fetch_limit = (uint32_t)(1 + rng_below(&dice, 8)),
                                       .poll_ms = 50};
    size_t stop_at = chance(2) ? rng_below(&dice, STEPS) : STEPS;
    if (chance(20)) {
        settings.fetch_limit = EXPORT_SLOTS + 8;
    }
    memset(slots, 0, sizeof slots);
    now_ms = 1;
    asked_for = 0;
    is_stopped = false;
    export_core_init(&core, &settings, rng_next(&dice));
    for (size_t i = 0; i < STEPS; i++) {
        if (i == stop_at) {
            stop(GRACE_MS);
        }
        step();
    }
    if (!is_stopped) {
        stop(GRACE_MS);
    }
    /* Some answers come within the grace, the others never. */
    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        if (chance(2)) {
            answer_slot(i);
        }
    }
    now_ms += GRACE_MS;
    tell(&(struct export_event){.kind = EXPORT_EVENT_TICK});
    assert_true(export_is_idle(&core));
    answer_claim(); /* and one that comes after the end is given back */
    assert_true(export_is_idle(&core));
    assert_int_equal(count_free(), EXPORT_SLOTS);
}

static void no_schedule_breaks_the_rules(void **state)
{
    (void)state;
    dice = seeded_rng();
    for (int i = 0; i < SCHEDULES; i++) {
        run_schedule();
    }
}

static void every_way_to_end_was_taken(void **state)
{
    (void)state;
    for (int i = END_REPORTED; i <= END_BLOCKED; i++) {
        printf("# end %d: %llu times\n", i, (unsigned long long)ends[i]);
        assert_true(ends[i] > SCHEDULES / 20);
    }
    printf("# %llu searches\n", (unsigned long long)searches);
    assert_true(searches > SCHEDULES / 40 && rests > SCHEDULES / 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_schedule_breaks_the_rules),
        cmocka_unit_test(every_way_to_end_was_taken),
    };
    return cmocka_run_group_tests_name("export_random", tests, NULL, NULL);
}
