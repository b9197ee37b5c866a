/* Reading the ids of both sides to disk, and walking over them; see verify_walk.h. Compares nothing. */
#include "producer/verify_walk.h"

#include <string.h>

#include "base/limits.h"

#define ANSWER_BYTES (4u * MIB) /* of decimals that a piece should not exceed */
#define FLOAT_BYTES  12u        /* of one decimal, about */

void verify_begin(struct verify *v, const char *doing, uint64_t total)
{
    v->progress =
        (struct verify_progress){.doing = doing, .total = total, .started_ms = clock_boottime_ms()};
}

struct listed {
    struct verify *verify;
    struct verify_spool *spool;
};

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct listed *listed = ctx;
    listed->verify->progress.done++;
    return verify_spool_append(listed->spool, id, err);
}

static bool on_restart(void *ctx, struct error *err)
{
    struct listed *listed = ctx;
    listed->verify->progress.done = 0;
    return verify_spool_clear(listed->spool, err);
}

bool verify_list_side(struct verify *v, enum verify_which which, struct error *err)
{
    struct listed listed = {v, &v->ids[which]};
    verify_begin(
        v, which == VERIFY_SOURCE ? "ids of the source listed" : "ids of the target listed", 0);
    return verify_spool_open(listed.spool, err) &&
           verify_list(&v->rt, &v->sides[which], v->settings.patience_ms, on_id, on_restart,
                       &listed, err);
}

static bool next_id(void *ctx, struct span *id, bool *more, struct error *err)
{
    struct verify *v = ctx;
    do {
        if (!verify_spool_next(v->reading, id, more, err)) {
            return false;
        }
    } while (*more && v->is_filtered && verify_sampler_take(&v->sampler) != v->wants_sampled);
    return true;
}

/* Fewer records at a time where vectors are long, so that an answer stays small. */
static size_t piece_size(const struct verify *v, bool has_vectors)
{
    size_t size = VERIFY_PIECE;
    for (int which = 0; which < VERIFY_SIDES; which++) {
        uint32_t takes = v->sides[which].limits.max_batch_records;
        size_t dimension = v->sides[which].collection.dimension;
        size_t fit = dimension > 0 ? ANSWER_BYTES / (FLOAT_BYTES * dimension) : VERIFY_PIECE;
        size = takes > 0 && takes < size ? takes : size;
        size = has_vectors && fit < size ? fit : size;
    }
    return size > 0 ? size : 1;
}

static bool on_unreadable(void *ctx, struct span id, const struct error *why, struct error *err)
{
    struct verify *v = ctx;
    v->progress.done++;
    return verify_report_id(&v->report, VERIFY_UNREADABLE, id, NULL, why->message, err);
}

struct verify_pass verify_make_pass(struct verify *v, const char *include)
{
    return (struct verify_pass){
        .sides = {&v->sides[VERIFY_SOURCE], &v->sides[VERIFY_TARGET]},
        .include = include,
        .piece_ids = piece_size(v, strcmp(include, VERIFY_IDS_ONLY) != 0),
        .in_flight = v->settings.in_flight,
        .patience_ms = v->settings.patience_ms,
        .next = next_id,
        .on_unreadable = on_unreadable,
        .ctx = v,
    };
}

/* Reads all ids of one side's list, or those in the sample, or those that are not. */
bool verify_walk(struct verify *v, const struct verify_pass *pass, enum verify_which which,
                 struct error *err)
{
    v->reading = &v->ids[which];
    return verify_spool_rewind(v->reading, err) && verify_pass_run(pass, &v->rt, err);
}

void verify_filter(struct verify *v, uint64_t seed, uint64_t wanted, bool wants_sampled)
{
    v->is_filtered = true;
    v->wants_sampled = wants_sampled;
    verify_sampler_init(&v->sampler, seed, v->ids[VERIFY_SOURCE].count, wanted);
}

void verify_unfilter(struct verify *v)
{
    v->is_filtered = false;
}
