/* Three small questions, one after the other; see side_probe.h. */
#include "producer/side_probe.h"

#include <stdlib.h>

#include "app/log.h"
#include "base/limits.h"
#include "format/columns.h"
#include "format/neighbours.h"
#include "producer/probe.h"

#define QUESTION_MS (60 * 1000) /* a server may load its whole index before the first answer */

struct asking {
    struct side *side;
    struct runtime *rt;
    struct arena arena; /* what the answers are scanned into */
    struct buf question;
    struct buf answers[3]; /* the scanned ones point into them */
    size_t answered;
    bool done;
    struct error err; /* of the last answer */
    bool has_ended;   /* waiting has: nothing more is to be asked */
};

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct asking *asking = ctx;
    asking->err = *err;
    if (err->kind == ERROR_NONE) {
        struct buf *copy = &asking->answers[asking->answered];
        buf_append_span(copy, answer->body);
        (void)!buf_check(copy, "an answer", &asking->err); /* ask() looks at it */
    }
    asking->done = true;
}

/* The answer to asking->question; false with *err: there is none. */
static bool ask(struct asking *asking, bool is_query, struct span *out, struct error *err)
{
    struct chroma *chroma = &asking->side->chroma;
    const struct uuid *uuid = &asking->side->collection.uuid;
    int64_t deadline_ms = clock_boottime_ms() + QUESTION_MS;
    asking->done = false;
    error_clear(&asking->err);
    if (!buf_check(&asking->question, "a question", err)) {
        return false;
    }
    const struct http_request *request =
        is_query ? chroma_query(chroma, uuid, buf_span(&asking->question), deadline_ms, on_answer,
                                asking, err)
                 : chroma_get_records(chroma, uuid, buf_span(&asking->question), deadline_ms,
                                      on_answer, asking, err);
    if (request == NULL) {
        return false;
    }
    if (!runtime_await(asking->rt, &asking->done, err)) {
        asking->has_ended = true;
        return false;
    }
    if (asking->err.kind != ERROR_NONE) {
        *err = asking->err;
        return false;
    }
    *out = buf_span(&asking->answers[asking->answered++]);
    return true;
}

/* One record with a vector; *out NULL: the collection is empty. */
static bool ask_first(struct asking *asking, const struct record **out, struct error *err)
{
    struct span answer;
    struct record_set set;
    buf_append_str(&asking->question, "{\"limit\":1,\"include\":[\"embeddings\"]}");
    if (!ask(asking, false, &answer, err) || !columns_scan(answer, &asking->arena, &set, err)) {
        return false;
    }
    *out = set.count > 0 && set.records[0].embedding != NULL ? &set.records[0] : NULL;
    return true;
}

static bool ask_neighbours(struct asking *asking, const struct record *of, struct neighbours *near,
                           struct record_set *records, struct error *err)
{
    struct span answer;
    struct span ids[PROBE_NEIGHBOURS];
    buf_clear(&asking->question);
    neighbours_write_query(&asking->question, of->embedding, of->dimension, PROBE_NEIGHBOURS);
    if (!ask(asking, true, &answer, err) || !neighbours_scan(answer, &asking->arena, near, err)) {
        return false;
    }
    near->count = near->count < PROBE_NEIGHBOURS ? near->count : PROBE_NEIGHBOURS;
    for (size_t i = 0; i < near->count; i++) {
        ids[i] = near->list[i].id;
    }
    buf_clear(&asking->question);
    columns_write_get_only(&asking->question, ids, near->count, "[\"embeddings\"]");
    return ask(asking, false, &answer, err) && columns_scan(answer, &asking->arena, records, err);
}

static bool judge(struct asking *asking, const struct record *first, const struct neighbours *near,
                  const struct record_set *records, struct error *err)
{
    struct chroma_collection *collection = &asking->side->collection;
    struct probe probe = {.declared = collection->space};
    const struct record_index *index = record_index_new(records, &asking->arena);
    bool is_known = false;
    if (index == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < near->count; i++) {
        const struct record *record = record_index_find(index, near->list[i].id);
        if (record != NULL && record->embedding != NULL && record->dimension == first->dimension) {
            probe_add(&probe, first->embedding, record->embedding, first->dimension,
                      near->list[i].distance);
        }
    }
    enum space space = probe_judge(&probe, &is_known);
    if (!is_known) {
        return error_set(err, ERROR_INTEGRITY, "its distances fit none that is known");
    }
    if (space != collection->space) {
        log_event(LOG_WARN, "space.differs", LOG_TEXT("collection", collection->name),
                  LOG_TEXT("declared", space_name(collection->space)),
                  LOG_TEXT("measured", space_name(space)));
        collection->space = space;
        collection->metadata_is_idle = !chroma_is_old(&asking->side->chroma);
    }
    collection->is_space_doubtful = false;
    return true;
}

static bool look(struct asking *asking, struct error *err)
{
    const struct record *first = NULL;
    struct neighbours near;
    struct record_set records;
    if (!ask_first(asking, &first, err)) {
        return false;
    }
    if (first == NULL) {
        return true;
    }
    if (asking->side->collection.dimension == 0) {
        asking->side->collection.dimension = (uint32_t)first->dimension;
    }
    return ask_neighbours(asking, first, &near, &records, err) &&
           judge(asking, first, &near, &records, err);
}

bool side_probe(struct side *side, struct runtime *rt, struct error *err)
{
    struct asking asking = {.side = side, .rt = rt};
    struct error why = {0};
    arena_init(&asking.arena, LIMIT_BATCH_ARENA);
    buf_init(&asking.question, LIMIT_REQUEST_BODY);
    for (size_t i = 0; i < ARRAY_LEN(asking.answers); i++) {
        buf_init(&asking.answers[i], LIMIT_RESPONSE);
    }
    bool ok = look(&asking, &why);
    if (!ok && !asking.has_ended) {
        log_event(LOG_WARN, "space.unconfirmed", LOG_TEXT("collection", side->collection.name),
                  LOG_TEXT("declared", space_name(side->collection.space)),
                  LOG_TEXT("why", why.message));
        ok = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(asking.answers); i++) {
        buf_deinit(&asking.answers[i]);
    }
    buf_deinit(&asking.question);
    arena_deinit(&asking.arena);
    if (!ok) {
        *err = why;
    }
    return ok;
}
