/* See read_doubt.h. Nothing here waits, allocates or looks at a clock. */
#include "producer/read_doubt.h"

#include <string.h>

/* Rounds that repeat a voided one: the last pause was long already. */
#define LATE_PAUSES 8

void read_doubt_begin(struct read_doubt *doubt)
{
    memset(doubt, 0, sizeof *doubt);
}

/* Doubling: 1/63, 2/63 … 32/63 of all. */
int64_t read_doubt_round(struct read_doubt *doubt, int64_t pauses_ms)
{
    uint32_t before = doubt->round++;

    doubt->at = 0;
    doubt->place = 0;
    doubt->is_tainted = false;
    if (before >= READ_DOUBT_ROUNDS) {
        return pauses_ms / LATE_PAUSES;
    }
    return (pauses_ms << before) / ((1 << READ_DOUBT_ROUNDS) - 1);
}

static bool is_open(const struct read_doubt *doubt, const enum read_verdict *verdicts, size_t i)
{
    return verdicts[i] == READ_SUSPECT && !read_doubt_is_proven(doubt, i);
}

bool read_doubt_is_open(const struct read_doubt *doubt, const enum read_verdict *verdicts,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_open(doubt, verdicts, i)) {
            return true;
        }
    }
    return false;
}

static void leave(struct read_doubt *doubt)
{
    doubt->at++;
    doubt->place = 0;
}

/* The source is ill: the round says nothing of the record. */
static void leave_void(struct read_doubt *doubt, enum read_verdict *verdicts)
{
    doubt->passed[doubt->at] = 0;
    if (doubt->voided[doubt->at]++ == READ_DOUBT_VOIDS) {
        verdicts[doubt->at] = READ_UNKNOWN;
        doubt->undecided++;
    }
    leave(doubt);
}

/* False: all were asked about. */
static bool find_next(struct read_doubt *doubt, enum read_verdict *verdicts, size_t count)
{
    while (doubt->at < count) {
        if (!is_open(doubt, verdicts, doubt->at)) {
            doubt->at++;
        } else if (doubt->is_tainted) {
            doubt->is_tainted = false;
            leave_void(doubt, verdicts);
        } else {
            return true;
        }
    }
    return false;
}

enum doubt_question read_doubt_next(struct read_doubt *doubt, enum read_verdict *verdicts,
                                    size_t count, struct rng *rng)
{
    if (doubt->place == 0) {
        if (!find_next(doubt, verdicts, count)) {
            return DOUBT_ROUND_END;
        }
        doubt->word = (uint8_t)(1 + rng_below(rng, READ_DOUBT_ORDERS));
    }
    return (doubt->word >> doubt->place & 1) != 0 ? DOUBT_RECORD : DOUBT_CONTROL;
}

void read_doubt_taint(struct read_doubt *doubt)
{
    doubt->is_tainted = true;
}

void read_doubt_answer(struct read_doubt *doubt, enum doubt_question question, bool failed,
                       enum read_verdict *verdicts)
{
    if (question == DOUBT_RECORD && !failed) {
        verdicts[doubt->at] = READ_UNKNOWN;
        leave(doubt);
    } else if (question == DOUBT_CONTROL && failed) {
        leave_void(doubt, verdicts);
        read_doubt_taint(doubt);
    } else if (doubt->place++ == READ_DOUBT_WORD) {
        doubt->passed[doubt->at]++;
        leave(doubt);
    }
}

void read_doubt_again(struct read_doubt *doubt)
{
    doubt->place = 0;
}
