/*
 * The walk: both sides' ids listed to disk, then the source's ids in pieces held against both sides, then the target's ids
 * against the source. Equality is format/equality.h, the table that delivery uses; memory does not grow with the number
 * of records.
 */
#include <string.h>

#include "base/limits.h"
#include "producer/verify.h"

#define WHOLE        "[\"embeddings\",\"documents\",\"metadatas\",\"uris\"]"
#define VECTORS      "[\"embeddings\"]"
#define IDS_ONLY     "[]"
#define ANSWER_BYTES (4u * MIB) /* of decimals that a piece should not exceed */
#define FLOAT_BYTES  12u        /* of one decimal, about */

static void begin(struct verify *v, const char *doing, uint64_t total)
{
    v->progress =
        (struct verify_progress){.doing = doing, .total = total, .started_ms = clock_boottime_ms()};
}

/* -- listing -- */

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

static bool list(struct verify *v, enum verify_which which, struct error *err)
{
    struct listed listed = {v, &v->ids[which]};
    begin(v, which == VERIFY_SOURCE ? "ids of the source listed" : "ids of the target listed", 0);
    return verify_spool_open(listed.spool, err) &&
           verify_list(&v->rt, &v->sides[which], v->settings.patience_ms, on_id, on_restart,
                       &listed, err);
}

/* -- passes -- */

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

/* It has been named before, or will be. */
static bool ignore_unreadable(void *ctx, struct span id, const struct error *why, struct error *err)
{
    struct verify *v = ctx;
    (void)id;
    (void)why;
    (void)err;
    v->progress.done++;
    return true;
}

static struct verify_pass make_pass(struct verify *v, const char *include)
{
    return (struct verify_pass){
        .sides = {&v->sides[VERIFY_SOURCE], &v->sides[VERIFY_TARGET]},
        .include = include,
        .piece_ids = piece_size(v, strcmp(include, IDS_ONLY) != 0),
        .in_flight = v->settings.in_flight,
        .patience_ms = v->settings.patience_ms,
        .next = next_id,
        .on_unreadable = on_unreadable,
        .ctx = v,
    };
}

/* Reads all ids of one side's list, or those in the sample, or those that are not. */
static bool walk(struct verify *v, const struct verify_pass *pass, enum verify_which which,
                 struct error *err)
{
    v->reading = &v->ids[which];
    return verify_spool_rewind(v->reading, err) && verify_pass_run(pass, &v->rt, err);
}

static void filter(struct verify *v, uint64_t seed, uint64_t wanted, bool wants_sampled)
{
    v->is_filtered = true;
    v->wants_sampled = wants_sampled;
    verify_sampler_init(&v->sampler, seed, v->ids[VERIFY_SOURCE].count, wanted);
}

/* -- the source's ids -- */

static bool compare_records(struct verify *v, const struct record *source,
                            const struct record *target, struct arena *arena, struct error *err)
{
    struct difference difference = {0};
    switch (equality_compare(source, target, v->space, arena, &difference)) {
    case EQUALITY_SAME:
        return verify_report_id(&v->report, VERIFY_EQUAL, source->id, NULL, NULL, err);
    case EQUALITY_ROUNDED:
        return verify_report_id(&v->report, VERIFY_ROUNDED, source->id, NULL, NULL, err);
    case EQUALITY_MISSING:
        return verify_report_id(&v->report, VERIFY_MISSING, source->id, NULL, NULL, err);
    case EQUALITY_DIFFERENT:
    case EQUALITY_NOT_STORABLE:
        break;
    }
    return verify_report_id(&v->report, VERIFY_DIFFERS, source->id, difference.field,
                            difference.detail, err);
}

static bool on_contents(void *ctx, const struct verify_piece *piece, struct error *err)
{
    struct verify *v = ctx;
    for (size_t i = 0; i < piece->count; i++) {
        struct span id = piece->ids[i];
        const struct record *source = record_index_find(piece->have[VERIFY_SOURCE], id);
        const struct record *target = record_index_find(piece->have[VERIFY_TARGET], id);
        if (source == NULL) { /* if the target has it, it will turn out to be extra */
            v->vanished++;
        } else if (!compare_records(v, source, target, piece->arena, err) ||
                   (!v->settings.is_sampled && !verify_queries_offer(&v->queries, source, err))) {
            return false;
        }
    }
    v->progress.done += piece->count;
    return true;
}

static bool compare_contents(struct verify *v, struct error *err)
{
    struct verify_pass pass = make_pass(v, WHOLE);
    pass.on_piece = on_contents;
    begin(v, "records compared", v->sampled);
    return walk(v, &pass, VERIFY_SOURCE, err);
}

/* An id whose content is not compared has a line only if it is missing: "=" would say too much. */
static bool on_presence(void *ctx, const struct verify_piece *piece, struct error *err)
{
    struct verify *v = ctx;
    for (size_t i = 0; i < piece->count; i++) {
        struct span id = piece->ids[i];
        bool at_source = record_index_find(piece->have[VERIFY_SOURCE], id) != NULL;
        bool at_target = record_index_find(piece->have[VERIFY_TARGET], id) != NULL;
        v->vanished += !at_source;
        if (at_source && !at_target &&
            !verify_report_id(&v->report, VERIFY_MISSING, id, NULL, NULL, err)) {
            return false;
        }
    }
    v->progress.done += piece->count;
    return true;
}

static bool compare_presence(struct verify *v, struct error *err)
{
    struct verify_pass pass = make_pass(v, IDS_ONLY);
    pass.on_piece = on_presence;
    begin(v, "other ids compared", v->ids[VERIFY_SOURCE].count - v->sampled);
    return walk(v, &pass, VERIFY_SOURCE, err);
}

static bool compare_source_ids(struct verify *v, struct error *err)
{
    uint64_t seed = v->settings.seed;
    if (!v->settings.is_sampled) {
        v->is_filtered = false;
        return compare_contents(v, err);
    }
    filter(v, seed, v->sampled, true);
    if (!compare_contents(v, err)) {
        return false;
    }
    filter(v, seed, v->sampled, false);
    return compare_presence(v, err);
}

/* -- the target's ids -- */

static bool on_extra(void *ctx, const struct verify_piece *piece, struct error *err)
{
    struct verify *v = ctx;
    for (size_t i = 0; i < piece->count; i++) {
        struct span id = piece->ids[i];
        if (record_index_find(piece->have[VERIFY_SOURCE], id) == NULL &&
            !verify_report_id(&v->report, VERIFY_EXTRA, id, NULL, NULL, err)) {
            return false;
        }
    }
    v->progress.done += piece->count;
    return true;
}

static bool find_extra(struct verify *v, struct error *err)
{
    struct verify_pass pass = make_pass(v, IDS_ONLY);
    pass.sides[VERIFY_TARGET] = NULL;
    pass.on_piece = on_extra;
    v->is_filtered = false;
    begin(v, "ids of the target looked up", v->ids[VERIFY_TARGET].count);
    return walk(v, &pass, VERIFY_TARGET, err);
}

/* -- queries -- */

static bool on_vectors(void *ctx, const struct verify_piece *piece, struct error *err)
{
    struct verify *v = ctx;
    for (size_t i = 0; i < piece->count; i++) {
        const struct record *record = record_index_find(piece->have[VERIFY_SOURCE], piece->ids[i]);
        if (record != NULL && !verify_queries_offer(&v->queries, record, err)) {
            return false;
        }
    }
    v->progress.done += piece->count;
    return true;
}

static bool on_query_vectors(void *ctx, const struct verify_piece *piece, struct error *err)
{
    struct verify *v = ctx;
    for (size_t i = 0; i < piece->count; i++) {
        const struct record *record = record_index_find(piece->have[VERIFY_SOURCE], piece->ids[i]);
        if (record != NULL && !verify_queries_add(&v->queries, record, err)) {
            return false;
        }
    }
    return true;
}

static bool read_vectors(struct verify *v,
                         bool (*on_piece)(void *, const struct verify_piece *, struct error *),
                         struct error *err)
{
    struct verify_pass pass = make_pass(v, VECTORS);
    pass.sides[VERIFY_TARGET] = NULL;
    pass.on_piece = on_piece;
    pass.on_unreadable = ignore_unreadable;
    return walk(v, &pass, VERIFY_SOURCE, err);
}

/* Which vectors to ask with. Another seed than the sample's, or only sampled records would be asked with. */
static bool choose_queries(struct verify *v, struct error *err)
{
    if (!verify_queries_init(&v->queries, v->settings.queries,
                             v->sides[VERIFY_SOURCE].collection.space, err)) {
        return false;
    }
    filter(v, ~v->settings.seed, v->settings.queries, true);
    begin(v, NULL, 0);
    return read_vectors(v, on_query_vectors, err);
}

static bool ask_queries(struct verify *v, struct error *err)
{
    if (v->settings.is_sampled) { /* else every vector has passed by */
        v->is_filtered = false;
        begin(v, "vectors searched", v->ids[VERIFY_SOURCE].count);
        if (!read_vectors(v, on_vectors, err)) {
            return false;
        }
    }
    begin(v, "queries asked", v->queries.count);
    return verify_queries_ask(&v->queries, &v->rt, v->sides, v->settings.patience_ms,
                              &v->progress.done, err);
}

bool verify_compare(struct verify *v, struct error *err)
{
    bool is_cosine = v->sides[VERIFY_SOURCE].collection.space == SPACE_COSINE ||
                     v->sides[VERIFY_TARGET].collection.space == SPACE_COSINE;
    v->space = is_cosine ? SPACE_COSINE : v->sides[VERIFY_SOURCE].collection.space;
    if (!list(v, VERIFY_SOURCE, err) || !list(v, VERIFY_TARGET, err)) {
        return false;
    }
    v->sampled = v->settings.is_sampled
                     ? verify_sample_of(&v->settings.sample, v->ids[VERIFY_SOURCE].count)
                     : v->ids[VERIFY_SOURCE].count;
    return (v->settings.queries == 0 || choose_queries(v, err)) && compare_source_ids(v, err) &&
           find_extra(v, err) && (v->settings.queries == 0 || ask_queries(v, err));
}
