/* See tempo.h. Hill climbing by one step at a time; the steps of a measurement follow each other from tempo_wrote() downwards. */
#include "consumer/tempo.h"

#define LEAST_WRITES  4  /* of a measurement, and two by each of those at a time */
#define LONGEST_STAY  32 /* measurements between two tries, at most */
#define PROBE_AFTER   3  /* failures in a row */
#define BARRIER_FIRST 8
#define BARRIER_LAST  128
#define CROWDED_MS    10000
#define FELL_PERCENT  70  /* less than so much of what it was: the target has changed */
#define GAIN_OF_ONE   150 /* per mille; what a second writer must bring */
#define GAIN_AT_LEAST 40
#define SMOOTHING     4
#define BUDGET        500000 /* thousandths: a hundred retries; a second, or five writes, pay for one */
#define COST          5000
#define COST_TIMEOUT  10000
#define EARNED        1000
#define EARNED_PER_MS 5

void tempo_init(struct tempo *tempo, uint32_t start, uint32_t ceiling)
{
    *tempo = (struct tempo){.ceiling = ceiling,
                            .limit = start,
                            .base = start,
                            .patience = 1,
                            .turn = 1,
                            .budget = BUDGET};
}

bool tempo_is_probing(const struct tempo *tempo)
{
    return tempo->failures >= PROBE_AFTER;
}

bool tempo_wants_knock(const struct tempo *tempo)
{
    return tempo_is_probing(tempo) && tempo->is_silent;
}

bool tempo_is_refused(const struct tempo *tempo, int64_t now_ms)
{
    return tempo->is_refused && now_ms < tempo->pause_until_ms;
}

uint32_t tempo_limit(const struct tempo *tempo, int64_t now_ms)
{
    if (now_ms < tempo->pause_until_ms) {
        return 0;
    }
    return tempo_is_probing(tempo) ? 1 : tempo->limit;
}

static uint32_t slots_to_be_had(const struct tempo *tempo, int64_t now_ms)
{
    if (now_ms >= tempo->crowded_until_ms) {
        return LIMIT_WRITES_PER_TARGET;
    }
    return tempo->held > 0 ? tempo->held : 1;
}

uint32_t tempo_claims(const struct tempo *tempo, int64_t now_ms)
{
    uint32_t slots = slots_to_be_had(tempo, now_ms);
    uint32_t wanted = (tempo_is_probing(tempo) ? 1 : tempo->limit) + 1;

    return wanted < slots ? wanted : slots;
}

/* ---- one measurement ---- */

static void measure_again(struct tempo *tempo, int64_t now_ms)
{
    tempo->window_ms = now_ms;
    tempo->records = 0;
    tempo->writes = 0;
}

static void set_limit(struct tempo *tempo, uint32_t limit, int64_t now_ms)
{
    if (limit != tempo->limit) {
        tempo->limit = limit;
        tempo->turn++;
    }
    measure_again(tempo, now_ms);
}

/* Whole rounds: requests that began together end together. */
static uint32_t writes_wanted(uint32_t limit)
{
    uint32_t rounds = (LEAST_WRITES + limit - 1) / limit;

    return limit * (rounds > 2 ? rounds : 2);
}

/* Whether `more` writers than one less are worth it: a part of what they would bring if they did not hinder each other. */
static bool is_worth_it(uint64_t less_rate, uint64_t more_rate, uint32_t more)
{
    uint64_t gain = GAIN_OF_ONE / (more - 1);

    return more_rate * 1000 > less_rate * (1000 + (gain > GAIN_AT_LEAST ? gain : GAIN_AT_LEAST));
}

/* ---- what is tried next ---- */

static uint32_t highest(const struct tempo *tempo, int64_t now_ms)
{
    uint32_t slots = slots_to_be_had(tempo, now_ms);
    uint32_t top = tempo->ceiling < slots ? tempo->ceiling : slots;

    return tempo->barrier_for > 0 && tempo->barrier <= top ? tempo->barrier - 1 : top;
}

static void try_next(struct tempo *tempo, int64_t now_ms)
{
    bool can_more = tempo->base < highest(tempo, now_ms);
    bool can_less = tempo->base > 1;

    tempo->stays = 0;
    if (can_less && (tempo->wants_less || !can_more)) {
        set_limit(tempo, tempo->base - 1, now_ms);
    } else if (can_more) {
        set_limit(tempo, tempo->base + 1, now_ms);
    } else {
        set_limit(tempo, tempo->base, now_ms);
    }
}

static void stay(struct tempo *tempo, uint64_t rate, int64_t now_ms)
{
    bool fell = tempo->base_rate > 0 && rate * 100 < tempo->base_rate * FELL_PERCENT;

    if (tempo->base_rate == 0 || fell) {
        tempo->base_rate = rate;
    } else {
        tempo->base_rate += rate / SMOOTHING;
        tempo->base_rate -= tempo->base_rate / (SMOOTHING + 1);
    }
    if (fell) { /* perhaps because of us */
        tempo->wants_less = true;
        tempo->patience = 1;
    }
    if (++tempo->stays >= tempo->patience) {
        try_next(tempo, now_ms);
    } else {
        measure_again(tempo, now_ms);
    }
}

/* A success leads on in the same direction; a failure back, and for longer each time. */
static void conclude(struct tempo *tempo, bool is_better, uint64_t rate, int64_t now_ms)
{
    if (is_better) {
        tempo->base = tempo->limit;
        tempo->base_rate = rate;
        tempo->patience = 1;
        try_next(tempo, now_ms);
        return;
    }
    tempo->wants_less = !tempo->wants_less;
    tempo->patience = tempo->patience * 2 < LONGEST_STAY ? tempo->patience * 2 : LONGEST_STAY;
    tempo->stays = 0;
    set_limit(tempo, tempo->base, now_ms);
}

static void judge(struct tempo *tempo, uint64_t rate, int64_t now_ms)
{
    if (tempo->barrier_for > 0) {
        tempo->barrier_for--;
    }
    if (tempo->limit == tempo->base) {
        stay(tempo, rate, now_ms);
    } else if (tempo->limit > tempo->base) {
        tempo->wants_less = false;
        conclude(tempo, is_worth_it(tempo->base_rate, rate, tempo->limit), rate, now_ms);
    } else {
        tempo->wants_less = true;
        conclude(tempo, !is_worth_it(rate, tempo->base_rate, tempo->base), rate, now_ms);
    }
}

/* ---- the budget of retries ---- */

static void earn(struct tempo *tempo, int64_t amount)
{
    tempo->budget = tempo->budget + amount < BUDGET ? tempo->budget + amount : BUDGET;
}

/* A target that fails now and then, never often enough to be down, is not to be hammered either: answers how long the retry has to
 * wait. A target that says itself when to come again is not charged for. */
static uint32_t pay(struct tempo *tempo, enum error_kind error, uint32_t asked_ms, int64_t now_ms)
{
    if (now_ms > tempo->paid_ms) {
        earn(tempo, tempo->paid_ms == 0 ? 0 : (now_ms - tempo->paid_ms) * EARNED_PER_MS);
        tempo->paid_ms = now_ms;
    }
    if (asked_ms == 0) {
        tempo->budget -= error == ERROR_TIMEOUT ? COST_TIMEOUT : COST;
    }
    return tempo->budget < 0 ? (uint32_t)(-tempo->budget / EARNED_PER_MS) : 0;
}

/* ---- what happened ---- */

void tempo_answered(struct tempo *tempo, int64_t now_ms)
{
    tempo->failures = 0;
    measure_again(tempo, now_ms);
}

void tempo_read(struct tempo *tempo)
{
    tempo->failures = 0;
}

void tempo_wrote(struct tempo *tempo, uint64_t turn, uint32_t records, bool is_full, int64_t now_ms)
{
    tempo->failures = 0;
    earn(tempo, EARNED);
    if (turn != tempo->turn || !is_full || tempo->window_ms == 0) {
        measure_again(tempo, now_ms); /* it begins when the last of the old ones has ended */
        return;
    }
    tempo->records += records;
    tempo->writes++;
    if (tempo->writes < writes_wanted(tempo->limit)) {
        return;
    }
    int64_t elapsed_ms = now_ms > tempo->window_ms ? now_ms - tempo->window_ms : 1;
    judge(tempo, tempo->records * 1000 * 1000 / (uint64_t)elapsed_ms, now_ms);
}

static void halve(struct tempo *tempo, int64_t now_ms)
{
    uint32_t refused = tempo->limit;

    if (refused > 1) {
        uint32_t twice = tempo->barrier_last * 2;
        tempo->barrier_last = twice < BARRIER_FIRST  ? BARRIER_FIRST
                              : twice < BARRIER_LAST ? twice
                                                     : BARRIER_LAST;
        tempo->barrier_for = tempo->barrier_last;
        tempo->barrier = refused;
    }
    set_limit(tempo, refused > 1 ? refused / 2 : 1, now_ms);
    tempo->base = tempo->limit;
    tempo->base_rate = 0;
    tempo->patience = 1;
    tempo->stays = 0;
    tempo->wants_less = false;
    tempo->cut_turn = ++tempo->turn;
}

static void pause_until(struct tempo *tempo, int64_t until_ms)
{
    if (until_ms > tempo->pause_until_ms) {
        tempo->pause_until_ms = until_ms;
    }
}

uint32_t tempo_failed(struct tempo *tempo, uint64_t turn, enum error_kind error, uint32_t asked_ms,
                      uint32_t wait_ms, int64_t now_ms)
{
    uint32_t owed_ms = pay(tempo, error, asked_ms, now_ms);

    wait_ms = owed_ms > wait_ms ? owed_ms : wait_ms;
    tempo->is_silent = error != ERROR_THROTTLED;
    tempo->failures++;
    if (now_ms >= tempo->pause_until_ms) {
        tempo->is_refused = false;
    }
    if (turn >= tempo->cut_turn) {
        halve(tempo, now_ms);
    } else {
        measure_again(tempo, now_ms);
    }
    if (tempo_is_probing(tempo)) { /* an outage: it was not how many we were */
        tempo->barrier_for = 0;
        tempo->barrier_last = 0;
    }
    if (asked_ms > 0 || tempo_is_probing(tempo)) {
        pause_until(tempo, now_ms + (asked_ms > wait_ms ? asked_ms : wait_ms));
    }
    return wait_ms;
}

void tempo_refuse(struct tempo *tempo, int64_t until_ms, int64_t now_ms)
{
    tempo->is_refused = true;
    tempo->refused_ms = now_ms;
    pause_until(tempo, until_ms);
}

void tempo_allow(struct tempo *tempo, int64_t asked_ms)
{
    if (tempo->is_refused && asked_ms > tempo->refused_ms) {
        tempo->is_refused = false;
    }
}

void tempo_crowd(struct tempo *tempo, uint32_t held, int64_t now_ms)
{
    tempo->held = held;
    tempo->crowded_until_ms = now_ms + CROWDED_MS;
}
