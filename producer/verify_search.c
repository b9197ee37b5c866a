/*
 * Queries: choosing their vectors, and letting all of the source's vectors pass by for the exact neighbours, unless the
 * comparison of contents has done so already. What is asked and counted is verify_queries.c.
 */
#include "producer/verify_walk.h"

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
    struct verify_pass pass = verify_make_pass(v, VERIFY_VECTORS);
    pass.sides[VERIFY_TARGET] = NULL;
    pass.on_piece = on_piece;
    pass.on_unreadable = ignore_unreadable;
    return verify_walk(v, &pass, VERIFY_SOURCE, err);
}

/* Which vectors to ask with. Another seed than the sample's, or only sampled records would be asked with. */
bool verify_choose_queries(struct verify *v, struct error *err)
{
    if (v->settings.queries == 0) {
        return true;
    }
    if (!verify_queries_init(&v->queries, v->settings.queries,
                             v->sides[VERIFY_SOURCE].collection.space, err)) {
        return false;
    }
    verify_filter(v, ~v->settings.seed, v->settings.queries, true);
    verify_begin(v, NULL, 0);
    return read_vectors(v, on_query_vectors, err);
}

bool verify_ask_queries(struct verify *v, struct error *err)
{
    if (v->settings.queries == 0) {
        return true;
    }
    /* A record that one side could not tell has not passed by either. */
    if (v->settings.is_sampled || v->report.counts[VERIFY_UNREADABLE] > 0) {
        verify_queries_forget(&v->queries);
        verify_unfilter(v);
        verify_begin(v, "vectors searched", v->ids[VERIFY_SOURCE].count);
        if (!read_vectors(v, on_vectors, err)) {
            return false;
        }
    }
    verify_begin(v, "queries asked", v->queries.count);
    return verify_queries_ask(&v->queries, &v->rt, v->sides, v->settings.patience_ms,
                              &v->progress.done, err);
}
