/*
 * The comparison: both sides' ids listed, then the source's ids in pieces held against both sides, then the target's ids
 * against the source. Equality is format/equality.h, the table that delivery uses; memory does not grow with the number
 * of records.
 */
#include "format/columns.h"
#include "producer/verify_walk.h"

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
    struct verify_pass pass = verify_make_pass(v, COLUMNS_ALL);
    pass.on_piece = on_contents;
    verify_begin(v, "records compared", v->sampled);
    return verify_walk(v, &pass, VERIFY_SOURCE, err);
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
    struct verify_pass pass = verify_make_pass(v, VERIFY_IDS_ONLY);
    pass.on_piece = on_presence;
    verify_begin(v, "other ids compared", v->ids[VERIFY_SOURCE].count - v->sampled);
    return verify_walk(v, &pass, VERIFY_SOURCE, err);
}

static bool compare_source_ids(struct verify *v, struct error *err)
{
    uint64_t seed = v->settings.seed;
    if (!v->settings.is_sampled) {
        verify_unfilter(v);
        return compare_contents(v, err);
    }
    verify_filter(v, seed, v->sampled, true);
    if (!compare_contents(v, err)) {
        return false;
    }
    verify_filter(v, seed, v->sampled, false);
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
    struct verify_pass pass = verify_make_pass(v, VERIFY_IDS_ONLY);
    pass.sides[VERIFY_TARGET] = NULL;
    pass.on_piece = on_extra;
    verify_unfilter(v);
    verify_begin(v, "ids of the target looked up", v->ids[VERIFY_TARGET].count);
    return verify_walk(v, &pass, VERIFY_TARGET, err);
}

bool verify_compare(struct verify *v, struct error *err)
{
    bool is_cosine = v->sides[VERIFY_SOURCE].collection.space == SPACE_COSINE ||
                     v->sides[VERIFY_TARGET].collection.space == SPACE_COSINE;
    v->space = is_cosine ? SPACE_COSINE : v->sides[VERIFY_SOURCE].collection.space;
    if (!verify_list_side(v, VERIFY_SOURCE, err) || !verify_list_side(v, VERIFY_TARGET, err)) {
        return false;
    }
    v->sampled = v->settings.is_sampled
                     ? verify_sample_of(&v->settings.sample, v->ids[VERIFY_SOURCE].count)
                     : v->ids[VERIFY_SOURCE].count;
    return verify_choose_queries(v, err) && compare_source_ids(v, err) && find_extra(v, err) &&
           verify_ask_queries(v, err);
}
