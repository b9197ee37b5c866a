/* See verify_pair.h. Reads only. */
#include "producer/verify_pair.h"

#include <string.h>

#include "app/log.h"
#include "base/limits.h"

#define BACKOFF_BASE_MS 500
#define BACKOFF_CAP_MS  10000
#define PART_BYTES      600 /* more than a name has */

static void add_place(struct buf *out, const struct chroma *chroma, const char *name)
{
    const char *const parts[] = {chroma->tenant, chroma->database, name};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_append_str(out, i > 0 ? "/" : "");
        buf_append_text(out, span_from_str(parts[i]), PART_BYTES);
    }
}

static void write_where(const struct pair *pair, char out[VERIFY_WHERE])
{
    struct buf text;
    buf_init(&text, 64u * KIB);
    add_place(&text, &pair->source.chroma, pair->collection);
    buf_append_str(&text, " -> ");
    add_place(&text, &pair->target.chroma, pair->target_name);
    snprintf(out, VERIFY_WHERE, "%s", buf_cstr(&text));
    buf_deinit(&text);
}

void verify_pair_begin(struct verify *v, const struct job *job, size_t i)
{
    v->number = i + 1;
    v->of = job->pair_count;
    v->where[0] = '\0';
    v->sampled = v->vanished = 0;
    v->progress = (struct verify_progress){0};
    v->started_ms = i == 0 ? v->started_ms : clock_boottime_ms();
    if (v->of > 1) {
        write_where(&job->pairs[i], v->where);
    }
}

static bool look_up(struct verify *v, enum verify_which which, const char *name,
                    int64_t patience_ms, bool *found, struct error *err)
{
    int64_t since_ms = clock_boottime_ms();
    for (uint32_t attempt = 0; !side_look_up(&v->sides[which], &v->rt, name, found, err);
         attempt++) {
        if (error_disposition(err->kind) != DISPOSITION_RETRY ||
            clock_boottime_ms() - since_ms >= patience_ms) {
            return false;
        }
        log_event(LOG_WARN, "verify.waits", LOG_TEXT("why", err->message));
        uint32_t hint_ms = err->retry_after_ms;
        uint32_t wait_ms = backoff_ms(&v->rt.rng, attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
        error_clear(err);
        if (!runtime_sleep(&v->rt, hint_ms > wait_ms ? hint_ms : wait_ms, err)) {
            return false;
        }
    }
    return true;
}

bool verify_pair_find(struct verify *v, enum verify_which which, const struct pair *pair,
                      int64_t patience_ms, bool *found, struct error *err)
{
    struct side *side = &v->sides[which];
    const char *name = which == VERIFY_SOURCE ? pair->collection : pair->target_name;
    bool is_found = false;
    *side = which == VERIFY_SOURCE ? pair->source : pair->target;
    if (!look_up(v, which, name, patience_ms, &is_found, err)) {
        return false;
    }
    if (found != NULL) {
        *found = is_found;
        return true;
    }
    return is_found ||
           error_set(err, ERROR_NOT_FOUND, "%s %s: collection \"%s\" does not exist in %s/%s",
                     side->chroma.role, side->chroma.address.base, name, side->chroma.tenant,
                     side->chroma.database);
}

/* A copied data folder keeps its UUIDs, so they alone do not make it the same collection. */
bool verify_pair_are_two(const struct verify *v, struct error *err)
{
    const struct side *a = &v->sides[VERIFY_SOURCE];
    const struct side *b = &v->sides[VERIFY_TARGET];
    if (!uuid_equal(&a->collection.uuid, &b->collection.uuid)) {
        return true;
    }
    if (strcmp(a->chroma.address.base, b->chroma.address.base) == 0) {
        return error_set(err, ERROR_USAGE,
                         "source and target are the same collection, \"%s\" of %s",
                         a->collection.name, a->chroma.address.base);
    }
    fprintf(stderr,
            "verify: %s%sboth collections have the UUID %s: equality means something only if these "
            "are two servers\n",
            v->where, v->where[0] != '\0' ? ": " : "", a->collection.uuid.text);
    return true;
}

bool verify_pair_is_fine(const struct verify *v)
{
    return verify_report_differences(&v->report) == 0 && verify_is_same_shape(v) &&
           verify_is_recall_enough(v);
}

void verify_pair_end(struct verify *v)
{
    for (int which = 0; which < VERIFY_SIDES; which++) {
        verify_spool_close(&v->ids[which]);
        side_close(&v->sides[which]);
    }
    verify_queries_deinit(&v->queries);
    verify_report_next(&v->report);
}
