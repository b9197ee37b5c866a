/* The search; see read_search.h. Pure: nothing here waits, allocates or looks at a clock. */
#include "producer/read_search.h"

#include <string.h>

#define FAILURES_MAX    16u /* in a row until a control must say whether the server still lives */
#define ROUND_WAIT_MS   250 /* what fails for a moment only shall have it behind itself */
#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS  30000

static void begin(struct read_search *search)
{
    search->ranges[0] = (struct read_range){.from = 0, .count = search->count, .is_failed = true};
    search->range_count = 1;
    search->is_asked = false;
    search->needs_control = true;
    search->probe = 0;
    search->failures = search->outages = search->round = 0;
    search->is_confirming = search->has_ended = search->gave_up = false;
    search->at = 0;
    search->due_ms = 0;
    search->found = 0;
}

void read_search_init(struct read_search *search, size_t count, uint64_t seed)
{
    memset(search, 0, sizeof *search);
    search->count = count;
    rng_seed(&search->rng, seed);
    begin(search);
}

void read_search_again(struct read_search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->verdicts[i] == READ_SUSPECT) {
            search->verdicts[i] = READ_UNKNOWN;
        }
    }
    begin(search);
}

static size_t count_live(const struct read_search *search, const struct read_range *range)
{
    size_t live = 0;
    for (size_t i = range->from; i < range->from + range->count; i++) {
        live += search->verdicts[i] != READ_BAD;
    }
    return live;
}

/* A range that fails: its one record is suspected, or its halves wait. */
static void divide(struct read_search *search, const struct read_range *range)
{
    if (count_live(search, range) == 1) {
        for (size_t i = range->from; i < range->from + range->count; i++) {
            if (search->verdicts[i] != READ_BAD) {
                search->verdicts[i] = READ_SUSPECT;
            }
        }
        return;
    }
    size_t half = range->count / 2;
    search->ranges[search->range_count++] =
        (struct read_range){.from = range->from + half, .count = range->count - half};
    search->ranges[search->range_count++] =
        (struct read_range){.from = range->from, .count = half, .is_left = true};
}

static void end(struct read_search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->verdicts[i] == READ_SUSPECT) {
            search->verdicts[i] = search->gave_up ? READ_UNKNOWN : READ_BAD;
            search->found += !search->gave_up;
        }
    }
    search->has_ended = true;
}

static struct read_step ask(struct read_search *search, struct read_step step)
{
    search->asked = step;
    search->is_asked = true;
    return step;
}

static struct read_step ask_page(struct read_search *search, size_t from, size_t count)
{
    return ask(search, (struct read_step){.kind = READ_STEP_PAGE, .from = from, .count = count});
}

/* The next range that must be asked; false: none is left. */
static bool next_range(struct read_search *search, struct read_range *out)
{
    while (search->range_count > 0) {
        struct read_range range = search->ranges[--search->range_count];
        size_t live = count_live(search, &range);
        if (live > 0 && !range.is_failed) {
            *out = range;
            return true;
        }
        if (live > 0) {
            divide(search, &range);
        } else if (range.is_left) { /* nothing to ask of it: it is the sibling that fails */
            search->ranges[search->range_count - 1].is_failed = true;
        }
    }
    return false;
}

/* The next suspect of this round, or the control that ends the round. */
static struct read_step next_suspect(struct read_search *search)
{
    while (search->at < search->count && search->verdicts[search->at] != READ_SUSPECT) {
        search->at++;
    }
    if (search->at < search->count) {
        return ask_page(search, search->at, 1);
    }
    search->needs_control = true;
    return ask(search, (struct read_step){.kind = READ_STEP_CONTROL});
}

static bool has_suspects(const struct read_search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->verdicts[i] == READ_SUSPECT) {
            return true;
        }
    }
    return false;
}

struct read_step read_search_next(struct read_search *search, int64_t now_ms)
{
    struct read_range range;
    if (search->has_ended) {
        return (struct read_step){.kind = READ_STEP_END};
    }
    if (search->is_asked || now_ms < search->due_ms) {
        return (struct read_step){.kind = READ_STEP_WAIT};
    }
    if (search->needs_control) {
        return ask(search, (struct read_step){.kind = READ_STEP_CONTROL, .probe = search->probe});
    }
    if (!search->is_confirming && next_range(search, &range)) {
        search->is_left = range.is_left;
        return ask_page(search, range.from, range.count);
    }
    if (!search->is_confirming) {
        search->is_confirming = true;
        search->due_ms = now_ms + ROUND_WAIT_MS;
    }
    if (!has_suspects(search) || search->round == READ_SEARCH_ROUNDS) {
        end(search);
        return (struct read_step){.kind = READ_STEP_END};
    }
    if (now_ms < search->due_ms) {
        return (struct read_step){.kind = READ_STEP_WAIT};
    }
    return next_suspect(search);
}

static void on_control(struct read_search *search, enum read_answer answer, int64_t now_ms)
{
    if (answer == READ_FAILED) {
        search->probe++;
        if (search->probe == READ_SEARCH_PROBES) {
            search->gave_up = true;
            end(search);
        }
        return;
    }
    search->needs_control = false;
    search->probe = 0;
    search->failures = 0;
    if (search->is_confirming && search->at == search->count) {
        search->round++;
        search->at = 0;
        search->due_ms = now_ms + ROUND_WAIT_MS;
    }
}

static void on_page(struct read_search *search, enum read_answer answer)
{
    search->failures = answer == READ_FAILED ? search->failures + 1 : 0;
    search->needs_control = search->failures >= FAILURES_MAX;
    if (search->is_confirming) {
        if (answer == READ_FINE) {
            search->verdicts[search->at] = READ_UNKNOWN;
        }
        search->at++;
    } else if (answer == READ_FAILED) {
        struct read_range range = {.from = search->asked.from, .count = search->asked.count};
        divide(search, &range);
    } else if (search->is_left) {
        search->ranges[search->range_count - 1].is_failed = true;
    }
}

/* The server may be another when it is back: first the control, then the same question again. */
static void on_outage(struct read_search *search, uint32_t wait_ms, int64_t now_ms)
{
    uint32_t backoff = backoff_ms(&search->rng, search->outages++, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
    search->due_ms = now_ms + (backoff > wait_ms ? backoff : wait_ms);
    search->needs_control = true;
    if (!search->is_confirming && search->asked.kind == READ_STEP_PAGE) {
        search->ranges[search->range_count++] = (struct read_range){
            .from = search->asked.from, .count = search->asked.count, .is_left = search->is_left};
    }
}

void read_search_answer(struct read_search *search, enum read_answer answer, uint32_t wait_ms,
                        int64_t now_ms)
{
    search->is_asked = false;
    if (answer == READ_OUTAGE) {
        on_outage(search, wait_ms, now_ms);
        return;
    }
    search->outages = 0;
    if (search->asked.kind == READ_STEP_CONTROL) {
        on_control(search, answer, now_ms);
    } else {
        on_page(search, answer);
    }
}
