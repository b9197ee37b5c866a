/* The search; see read_search.h. Pure: nothing here waits, allocates or looks at a clock. */
#include "producer/read_search.h"

#include <string.h>

#define FAILURES_MAX    16u /* in a row until a control must say whether the server still lives */
#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS  30000

static void begin(struct read_search *search)
{
    search->ranges[0] = (struct read_range){.from = 0, .count = search->count, .is_failed = true};
    search->range_count = 1;
    search->is_asked = false;
    search->needs_control = true;
    search->probe = 0;
    search->missed = search->failures = search->outages = 0;
    search->is_confirming = search->has_ended = search->gave_up = false;
    read_doubt_begin(&search->doubt);
    search->due_ms = 0;
    search->found = 0;
}

void read_search_init(struct read_search *search, size_t count, int64_t pauses_ms, uint64_t seed)
{
    memset(search, 0, sizeof *search);
    search->count = count;
    search->pauses_ms = pauses_ms;
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

static struct read_step end(struct read_search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->verdicts[i] == READ_SUSPECT) {
            bool is_bad = !search->gave_up && read_doubt_is_proven(&search->doubt, i);
            search->verdicts[i] = is_bad ? READ_BAD : READ_UNKNOWN;
            search->found += is_bad;
        }
    }
    search->has_ended = true;
    return (struct read_step){.kind = READ_STEP_END};
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

static struct read_step ask_control(struct read_search *search)
{
    return ask(search, (struct read_step){.kind = READ_STEP_CONTROL, .probe = search->probe});
}

/* A control right before it, too. */
static struct read_step begin_round(struct read_search *search, int64_t now_ms)
{
    if (!read_doubt_is_open(&search->doubt, search->verdicts, search->count)) {
        return end(search);
    }
    search->is_confirming = true;
    search->needs_control = true;
    search->due_ms = now_ms + read_doubt_round(&search->doubt, search->pauses_ms);
    return (struct read_step){.kind = READ_STEP_WAIT};
}

static struct read_step confirm(struct read_search *search, int64_t now_ms)
{
    switch (read_doubt_next(&search->doubt, search->verdicts, search->count, &search->rng)) {
    case DOUBT_RECORD:
        return ask_page(search, search->doubt.at, 1);
    case DOUBT_CONTROL:
        return ask_control(search);
    case DOUBT_ROUND_END:
        break;
    }
    return begin_round(search, now_ms);
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
        return ask_control(search);
    }
    if (search->is_confirming) {
        return confirm(search, now_ms);
    }
    if (next_range(search, &range)) {
        search->is_left = range.is_left;
        return ask_page(search, range.from, range.count);
    }
    return begin_round(search, now_ms);
}

/* One that fails may have gone, or be at fault itself: the next is asked elsewhere. */
static void on_control(struct read_search *search, bool failed)
{
    if (search->is_confirming && !search->needs_control) {
        read_doubt_answer(&search->doubt, DOUBT_CONTROL, failed, search->verdicts);
    } else if (search->is_confirming && failed) {
        read_doubt_taint(&search->doubt);
    }
    search->needs_control = failed;
    if (!failed) {
        search->missed = search->failures = 0;
        return;
    }
    search->probe = (search->probe + 1) % READ_SEARCH_PROBES;
    if (++search->missed == READ_SEARCH_PROBES) {
        search->gave_up = true;
        end(search);
    }
}

static void on_page(struct read_search *search, bool failed)
{
    if (search->is_confirming) {
        read_doubt_answer(&search->doubt, DOUBT_RECORD, failed, search->verdicts);
        return;
    }
    search->failures = failed ? search->failures + 1 : 0;
    search->needs_control = search->failures >= FAILURES_MAX;
    if (failed) {
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
    if (search->is_confirming) {
        read_doubt_again(&search->doubt);
    } else if (search->asked.kind == READ_STEP_PAGE) {
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
        on_control(search, answer == READ_FAILED);
    } else {
        on_page(search, answer == READ_FAILED);
    }
}
