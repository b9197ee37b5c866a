/* See bisect.h. Invariant while searching: at least one suspect is bad, as far as the target's last answers tell. */
#include "consumer/bisect.h"

#include <string.h>

static size_t count_marked(const struct bisect *bisect, enum bisect_mark mark)
{
    size_t count = 0;

    for (size_t i = 0; i < bisect->count; i++) {
        count += bisect->marks[i] == mark;
    }
    return count;
}

size_t bisect_asked_count(const struct bisect *bisect)
{
    size_t count = 0;

    for (size_t i = 0; i < bisect->count; i++) {
        count += bisect->asked[i];
    }
    return count;
}

static void ask_none(struct bisect *bisect)
{
    memset(bisect->asked, 0, sizeof bisect->asked);
}

/* Those that were refused alone, one by one: the first after a pause, which the others have had then, too. */
static enum bisect_next ask_accused(struct bisect *bisect)
{
    bool is_first = bisect->phase != BISECT_CONFIRM;

    ask_none(bisect);
    for (size_t i = 0; i < bisect->count; i++) {
        if (bisect->marks[i] == BISECT_ACCUSED) {
            bisect->phase = BISECT_CONFIRM;
            bisect->asked[i] = true;
            return is_first ? BISECT_PAUSE : BISECT_ASK;
        }
    }
    return BISECT_FINISHED;
}

/* Everything undecided in one request. */
static enum bisect_next ask_all(struct bisect *bisect)
{
    size_t count = 0;

    for (size_t i = 0; i < bisect->count; i++) {
        bisect->asked[i] = bisect->marks[i] == BISECT_OPEN || bisect->marks[i] == BISECT_SUSPECT;
        if (bisect->asked[i]) {
            bisect->marks[i] = BISECT_OPEN;
            count++;
        }
    }
    if (count == 0) {
        return ask_accused(bisect);
    }
    bisect->phase = BISECT_ALL;
    return BISECT_ASK;
}

/* The left half of the suspects; a single one is asked alone, so that it is refused in words of its own. */
static enum bisect_next ask_suspects(struct bisect *bisect)
{
    size_t suspects = count_marked(bisect, BISECT_SUSPECT);
    size_t left = suspects > 1 ? suspects / 2 : suspects;

    if (suspects == 0) {
        return ask_all(bisect);
    }
    bisect->phase = BISECT_SEARCH;
    ask_none(bisect);
    for (size_t i = 0; left > 0; i++) {
        if (bisect->marks[i] == BISECT_SUSPECT) {
            bisect->asked[i] = true;
            left--;
        }
    }
    return BISECT_ASK;
}

static enum bisect_next ask_probe(struct bisect *bisect)
{
    ask_none(bisect);
    bisect->asked[bisect->probes[bisect->probed]] = true;
    return BISECT_ASK;
}

/* Spread over what is asked now; the first is the first. */
static void plan_probes(struct bisect *bisect)
{
    size_t asked = bisect_asked_count(bisect);
    size_t wanted = asked < BISECT_PROBES ? asked : BISECT_PROBES;
    size_t at = 0;

    bisect->phase = BISECT_PROBE;
    bisect->probe_count = 0;
    bisect->probed = 0;
    for (size_t i = 0; i < bisect->count && bisect->probe_count < wanted; i++) {
        if (bisect->asked[i] && at++ == bisect->probe_count * asked / wanted) {
            bisect->probes[bisect->probe_count++] = (uint16_t)i;
        }
    }
}

void bisect_begin(struct bisect *bisect, size_t records)
{
    memset(bisect, 0, sizeof *bisect);
    bisect->count = (uint16_t)(records < LIMIT_BATCH_RECORDS ? records : LIMIT_BATCH_RECORDS);
    (void)ask_all(bisect);
}

bool bisect_again(struct bisect *bisect)
{
    for (size_t i = 0; i < bisect->count; i++) {
        if (bisect->marks[i] != BISECT_REJECTED) {
            bisect->marks[i] = BISECT_OPEN;
        }
    }
    bisect->probe_count = 0;
    bisect->probed = 0;
    bisect->is_unlike = false;
    bisect->has_accepted = false;
    return ask_all(bisect) == BISECT_ASK;
}

/* What the probes have shown is enough: one was accepted, or they do not agree. A probe that was refused explains the
 * refusal of the whole; without one the suspects still hold a bad record. */
static enum bisect_next end_probing(struct bisect *bisect, bool has_accused)
{
    return has_accused ? ask_all(bisect) : ask_suspects(bisect);
}

void bisect_keep(struct bisect *bisect, size_t before)
{
    size_t asked = bisect_asked_count(bisect);

    before = before < asked ? before : asked - 1;
    bisect->has_accepted = bisect->has_accepted || before > 0;
    for (size_t i = 0; before > 0; i++) {
        if (bisect->asked[i]) {
            bisect->asked[i] = false;
            bisect->marks[i] = BISECT_ACCEPTED;
            before--;
        }
    }
}

enum bisect_next bisect_accept(struct bisect *bisect)
{
    bool has_accused = bisect->phase == BISECT_PROBE && bisect->probed > 0;

    for (size_t i = 0; i < bisect->count; i++) {
        if (bisect->asked[i]) {
            bisect->marks[i] = BISECT_ACCEPTED;
        }
    }
    bisect->has_accepted = true;
    if (bisect->phase == BISECT_PROBE) {
        return end_probing(bisect, has_accused);
    }
    return bisect->phase == BISECT_SEARCH ? ask_suspects(bisect) : ask_accused(bisect);
}

/* Marks what an answer says about the asked records, and puts the suspects of before aside: they need not be bad now. */
static size_t divide(struct bisect *bisect, size_t before, size_t refused)
{
    size_t at = 0;
    size_t first = SIZE_MAX;

    for (size_t i = 0; i < bisect->count; i++) {
        if (!bisect->asked[i]) {
            if (bisect->marks[i] == BISECT_SUSPECT && bisect->phase != BISECT_PROBE) {
                bisect->marks[i] = BISECT_OPEN;
            }
            continue;
        }
        bool is_refused = at >= before && at - before < refused;
        bisect->marks[i] = at < before  ? BISECT_ACCEPTED
                           : is_refused ? BISECT_SUSPECT
                                        : BISECT_OPEN;
        first = is_refused && first == SIZE_MAX ? i : first;
        at++;
    }
    bisect->has_accepted = bisect->has_accepted || before > 0;
    return first;
}

/* Refused alone: for the first time only accused. Returns the record when it is rejected, else SIZE_MAX. */
static size_t accuse(struct bisect *bisect, size_t record)
{
    bool is_rejected = bisect->phase == BISECT_CONFIRM;

    bisect->marks[record] = is_rejected ? BISECT_REJECTED : BISECT_ACCUSED;
    return is_rejected ? record : SIZE_MAX;
}

/* One more probe was refused. */
static enum bisect_next judge_probe(struct bisect *bisect, uint64_t likeness)
{
    if (bisect->probed == 0) {
        bisect->likeness = likeness;
    }
    bisect->is_unlike = bisect->is_unlike || likeness != bisect->likeness;
    bisect->probed++;
    if (bisect->is_unlike) {
        return end_probing(bisect, true);
    }
    return bisect->probed < bisect->probe_count ? ask_probe(bisect) : BISECT_BLOCKED;
}

enum bisect_next bisect_refuse(struct bisect *bisect, size_t before, size_t refused,
                               uint64_t likeness, size_t *out_rejected)
{
    size_t asked = bisect_asked_count(bisect);

    *out_rejected = SIZE_MAX;
    before = before < asked ? before : asked - 1;
    refused = refused == 0 || refused > asked - before ? asked - before : refused;
    bool is_first = bisect->phase == BISECT_ALL && bisect->probe_count == 0 && asked > 1 &&
                    !bisect->has_accepted && before == 0;
    if (is_first) {
        plan_probes(bisect);
    }
    size_t first = divide(bisect, before, refused);
    if (refused == 1) {
        *out_rejected = accuse(bisect, first);
    }
    if (bisect->phase == BISECT_PROBE) {
        return is_first && refused > 1 ? ask_probe(bisect) : judge_probe(bisect, likeness);
    }
    return refused == 1 ? ask_all(bisect) : ask_suspects(bisect);
}

enum bisect_next bisect_too_large(struct bisect *bisect, size_t before, size_t *out_rejected)
{
    size_t asked = bisect_asked_count(bisect);

    *out_rejected = accuse(bisect, divide(bisect, before < asked ? before : asked - 1, 1));
    if (bisect->phase == BISECT_PROBE) { /* it has shown nothing: probe again if need be */
        bisect->probe_count = 0;
        bisect->probed = 0;
    }
    return ask_all(bisect);
}
