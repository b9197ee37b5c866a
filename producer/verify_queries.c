/* The edge around verify_nearest.c; see verify_queries.h. A query that is refused counts, it does not end the command. */
#include "producer/verify_queries.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS  10000

bool verify_queries_init(struct verify_queries *queries, size_t wanted, enum space space,
                         struct error *err)
{
    *queries = (struct verify_queries){.wanted = wanted, .space = space};
    queries->norms = calloc(wanted, sizeof *queries->norms);
    queries->nearest = calloc(wanted, sizeof *queries->nearest);
    if (queries->norms == NULL || queries->nearest == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for %zu queries", wanted);
    }
    return true;
}

void verify_queries_forget(struct verify_queries *queries)
{
    for (size_t i = 0; i < queries->count; i++) {
        verify_nearest_deinit(&queries->nearest[i]);
    }
}

void verify_queries_deinit(struct verify_queries *queries)
{
    verify_queries_forget(queries);
    free(queries->vectors);
    free(queries->norms);
    free(queries->nearest);
    memset(queries, 0, sizeof *queries);
}

static bool fits(const struct verify_queries *queries, const struct record *record)
{
    return record->embedding != NULL && record->is_finite &&
           (queries->dimension == 0 || record->dimension == queries->dimension);
}

bool verify_queries_add(struct verify_queries *queries, const struct record *record,
                        struct error *err)
{
    if (queries->count == queries->wanted || !fits(queries, record)) {
        return true;
    }
    if (queries->vectors == NULL) {
        queries->vectors = calloc(queries->wanted, record->dimension * sizeof *queries->vectors);
        if (queries->vectors == NULL) {
            return error_set(err, ERROR_NOMEM, "out of memory for %zu queries", queries->wanted);
        }
        queries->dimension = record->dimension;
    }
    memcpy(queries->vectors + queries->count * queries->dimension, record->embedding,
           queries->dimension * sizeof *queries->vectors);
    queries->norms[queries->count++] = verify_norm(record->embedding, record->dimension);
    return true;
}

bool verify_queries_offer(struct verify_queries *queries, const struct record *record,
                          struct error *err)
{
    if (queries->count == 0 || !fits(queries, record)) {
        return true;
    }
    double norm =
        queries->space == SPACE_COSINE ? verify_norm(record->embedding, record->dimension) : 0;
    for (size_t i = 0; i < queries->count; i++) {
        double distance =
            verify_distance(queries->space, queries->vectors + i * queries->dimension,
                            queries->norms[i], record->embedding, norm, queries->dimension);
        if (!verify_nearest_offer(&queries->nearest[i], distance, record->id)) {
            return error_set(err, ERROR_NOMEM, "out of memory for neighbours");
        }
    }
    return true;
}

struct asked { /* one query of one side, waited for */
    struct arena *arena;
    struct neighbours found;
    struct buf answer; /* what the neighbours' ids point into */
    int64_t answered_us;
    bool done;
    struct error err;
};

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct asked *asked = ctx;
    asked->answered_us = clock_boottime_us();
    asked->err = *err;
    if (err->kind == ERROR_NONE) {
        buf_append_span(&asked->answer, answer->body);
        if (buf_check(&asked->answer, "a query's answer", &asked->err)) {
            (void)!neighbours_scan(buf_span(&asked->answer), asked->arena, &asked->found,
                                   &asked->err);
        }
    }
    asked->done = true;
}

static bool ask_once(struct asked *asked, struct runtime *rt, struct side *side, struct span body,
                     int64_t *took_us, struct error *err)
{
    int64_t from_us = clock_boottime_us();
    asked->done = false;
    asked->found = (struct neighbours){0};
    error_clear(&asked->err);
    buf_clear(&asked->answer);
    if (chroma_query(&side->chroma, &side->collection.uuid, body, 0, on_answer, asked, err) ==
            NULL ||
        !runtime_await(rt, &asked->done, err)) {
        return false;
    }
    *took_us = asked->answered_us - from_us;
    return true;
}

/* False: the command cannot go on. A refusal is left in asked->err. */
static bool ask_side(struct asked *asked, struct runtime *rt, struct side *side, struct span body,
                     int64_t patience_ms, int64_t *took_us, struct error *err)
{
    int64_t failing_since_ms = 0;
    for (uint32_t attempt = 0;; attempt++) {
        if (!ask_once(asked, rt, side, body, took_us, err)) {
            return false;
        }
        bool is_passing =
            error_disposition(asked->err.kind) == DISPOSITION_RETRY && asked->err.native != 500;
        if (!is_passing) {
            bool is_records_matter =
                asked->err.kind == ERROR_NONE || asked->err.kind == ERROR_REJECTED ||
                asked->err.kind == ERROR_UNAVAILABLE || asked->err.kind == ERROR_FORMAT;
            if (!is_records_matter) {
                *err = asked->err;
            }
            return is_records_matter;
        }
        int64_t now_ms = clock_boottime_ms();
        failing_since_ms = attempt == 0 ? now_ms : failing_since_ms;
        if (attempt > 0 && now_ms - failing_since_ms >= patience_ms) {
            *err = asked->err;
            return false;
        }
        uint32_t wait_ms = backoff_ms(&rt->rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
        if (!runtime_sleep(rt, wait_ms, err)) {
            return false;
        }
    }
}

static void take(struct verify_queries *queries, size_t i, enum verify_which which,
                 const struct asked *asked)
{
    struct verify_answers *answers = &queries->answers[which];
    if (asked->err.kind == ERROR_NONE) {
        answers->recall += verify_recall(&queries->nearest[i], &asked->found);
    } else if (answers->failed++ == 0) {
        snprintf(answers->first_error, sizeof answers->first_error, "%.290s", asked->err.message);
    }
}

/* Both sides about one vector; times_us gets how long each took. */
static bool ask_both(struct verify_queries *queries, size_t i, struct runtime *rt,
                     struct side *sides, int64_t patience_ms, int64_t times_us[VERIFY_SIDES],
                     struct error *err)
{
    struct asked asked[VERIFY_SIDES] = {0};
    struct arena arena;
    struct buf body;
    bool ok = true;
    arena_init(&arena, LIMIT_BATCH_ARENA);
    buf_init(&body, LIMIT_REQUEST_BODY);
    neighbours_write_query(&body, queries->vectors + i * queries->dimension, queries->dimension,
                           VERIFY_NEAREST);
    for (int which = 0; which < VERIFY_SIDES; which++) {
        buf_init(&asked[which].answer, LIMIT_CONTROL_DOCUMENT);
        asked[which].arena = &arena;
    }
    ok = buf_check(&body, "a query", err);
    for (int which = 0; ok && which < VERIFY_SIDES; which++) {
        ok = ask_side(&asked[which], rt, &sides[which], buf_span(&body), patience_ms,
                      &times_us[which], err);
    }
    if (ok) {
        take(queries, i, VERIFY_SOURCE, &asked[VERIFY_SOURCE]);
        take(queries, i, VERIFY_TARGET, &asked[VERIFY_TARGET]);
        verify_distances_add(&queries->distances, &asked[VERIFY_SOURCE].found,
                             &asked[VERIFY_TARGET].found);
    }
    for (int which = 0; which < VERIFY_SIDES; which++) {
        buf_deinit(&asked[which].answer);
    }
    buf_deinit(&body);
    arena_deinit(&arena);
    return ok;
}

bool verify_queries_ask(struct verify_queries *queries, struct runtime *rt, struct side *sides,
                        int64_t patience_ms, uint64_t *done, struct error *err)
{
    size_t count = queries->count;
    int64_t *times_us = calloc(VERIFY_SIDES * (count + 1), sizeof *times_us);
    bool ok = times_us != NULL || error_set(err, ERROR_NOMEM, "out of memory for queries");
    for (size_t i = 0; ok && i < count; i++) {
        int64_t took_us[VERIFY_SIDES] = {0};
        ok = ask_both(queries, i, rt, sides, patience_ms, took_us, err);
        for (size_t which = 0; ok && which < VERIFY_SIDES; which++) {
            times_us[which * count + i] = took_us[which];
        }
        (*done)++;
    }
    for (size_t which = 0; ok && count > 0 && which < VERIFY_SIDES; which++) {
        struct verify_answers *answers = &queries->answers[which];
        answers->recall /= (double)count;
        answers->median_us = verify_percentile(times_us + which * count, count, 0.5);
        answers->p95_us = verify_percentile(times_us + which * count, count, 0.95);
    }
    free(times_us);
    return ok;
}
