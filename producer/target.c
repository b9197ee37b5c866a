/*
 * See target.h. A collection is made in two requests, because a server parses hnsw:* metadata strictly at creation: they
 * follow by a second one. A program that is killed in between leaves a collection that lacks just these.
 */
#include "producer/target.h"

#include <stdio.h>

#include "app/log.h"
#include "base/limits.h"

static enum chroma_index_kind kind_of(const struct pair *pair)
{
    return chroma_index_kind_of(&pair->target.chroma);
}

static bool check_fit(const struct pair *pair, struct error *err)
{
    const struct chroma_collection *source = &pair->source.collection;
    const struct chroma_collection *target = &pair->target.collection;
    if (uuid_equal(&source->uuid, &target->uuid)) {
        return error_set(err, ERROR_USAGE,
                         "source and target are the same collection (%s): name another --target or "
                         "--target-collection",
                         source->uuid.text);
    }
    if (source->dimension != 0 && target->dimension != 0 &&
        source->dimension != target->dimension) {
        return error_set(err, ERROR_REJECTED,
                         "target collection \"%s\" has dimension %u, the source has %u: nothing "
                         "was written; choose "
                         "another --target-collection",
                         target->name, target->dimension, source->dimension);
    }
    if (source->space != target->space) {
        return error_set(err, ERROR_REJECTED,
                         "target collection \"%s\" measures distance by %s, the source by %s: "
                         "nothing was written; "
                         "choose another --target-collection",
                         target->name, space_name(target->space), space_name(source->space));
    }
    return true;
}

/* A target that was made like such a source is doubtful too, and as long as it is empty nothing can be measured there. */
void target_settle_doubt(struct pair *pair)
{
    struct chroma_collection *target = &pair->target.collection;
    if (target->is_space_doubtful && pair->source.collection.metadata_is_idle) {
        target->is_space_doubtful = false;
        target->metadata_is_idle = true;
        target->space = pair->source.collection.space;
    }
}

static void say(const struct pair *pair, const char *what, size_t first)
{
    const struct fidelity *fidelity = &pair->fidelity;
    struct buf lines;
    if (fidelity->count + fidelity->more == first) {
        return;
    }
    buf_init(&lines, LIMIT_CONTROL_DOCUMENT);
    fidelity_write_lines(fidelity, first, &lines);
    if (pair->is_one_of_many) {
        fprintf(stderr, "collection \"%s\" of %s/%s: ", pair->collection,
                pair->source.chroma.tenant, pair->source.chroma.database);
    }
    fprintf(stderr, "%s (setting: source -> target)\n%s", what, buf_cstr(&lines));
    buf_deinit(&lines);
}

static bool resolve_again(struct pair *pair, struct runtime *rt, struct error *err)
{
    char name[sizeof pair->target.collection.name];
    bool found = false;
    snprintf(name, sizeof name, "%s", pair->target.collection.name);
    return side_resolve(&pair->target, rt, name, &found, err) &&
           (found || error_set(err, ERROR_NOT_FOUND, "target %s: collection \"%s\" is gone again",
                               pair->target.chroma.address.base, name));
}

/* The second of the two requests, if there is anything for it. */
static bool put_metadata(struct pair *pair, struct runtime *rt, struct error *err)
{
    struct buf metadata;
    bool is_needed = false;
    buf_init(&metadata, LIMIT_CONTROL_DOCUMENT);
    bool ok =
        chroma_metadata_body(&pair->source.collection, chroma_index_kind_of(&pair->target.chroma),
                             &metadata, &is_needed, err);
    if (ok && is_needed) {
        ok = side_put(&pair->target, rt, buf_span(&metadata), err) && resolve_again(pair, rt, err);
        target_settle_doubt(pair);
    }
    buf_deinit(&metadata);
    return ok;
}

/* What exists may be what an earlier run left unfinished. */
bool target_complete(struct pair *pair, struct runtime *rt, struct error *err)
{
    const struct chroma_collection *source = &pair->source.collection;
    const struct chroma_collection *target = &pair->target.collection;
    target_settle_doubt(pair);
    if (!fidelity_compare(source, target, kind_of(pair), &pair->fidelity, err)) {
        return false;
    }
    if (!pair->fidelity.is_unfinished) {
        return true;
    }
    log_event(LOG_WARN, "target.completed", LOG_TEXT("collection", target->name),
              LOG_TEXT("why", "its metadata lacks the hnsw: keys of the source, and nothing else"));
    return put_metadata(pair, rt, err) &&
           fidelity_compare(source, target, kind_of(pair), &pair->fidelity, err);
}

static void note_space(struct pair *pair)
{
    const struct chroma_collection *source = &pair->source.collection;
    char claimed[96];
    char gets[32];
    if (source->metadata_is_idle) {
        snprintf(claimed, sizeof claimed, "(the metadata says another, its queries measure \"%s\")",
                 space_name(source->space));
        snprintf(gets, sizeof gets, "\"%s\"", space_name(source->space));
        fidelity_note(&pair->fidelity, "space", claimed, gets);
    }
}

/* What a rehearsal may remove is what it has made itself. */
static bool refuse_scratch(const struct pair *pair, struct error *err)
{
    return error_set(err, ERROR_USAGE,
                     "target %s: collection \"%s\" exists: a rehearsal makes one of its own; leave "
                     "--target-collection out or give another (one that was interrupted goes on "
                     "with ferry-producer resume JOB)",
                     pair->target.chroma.address.base, pair->target_name);
}

bool target_look(struct pair *pair, struct error *err)
{
    const struct chroma_collection *source = &pair->source.collection;
    if (!pair->target_exists) {
        if (!fidelity_expect(source, kind_of(pair), &pair->fidelity, err)) {
            return false;
        }
        note_space(pair);
        say(pair, "the target collection will not be like its source in everything", 0);
        return true;
    }
    if (pair->is_scratch) {
        return refuse_scratch(pair, err);
    }
    target_settle_doubt(pair);
    if (!check_fit(pair, err) ||
        !fidelity_compare(source, &pair->target.collection, kind_of(pair), &pair->fidelity, err)) {
        return false;
    }
    if (!pair->fidelity.is_unfinished) {
        say(pair, "the target collection exists, and stays otherwise", 0);
    }
    return true;
}

static bool create(struct pair *pair, struct runtime *rt, const char *name, struct error *err)
{
    struct buf body;
    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    bool ok = side_make_place(&pair->target, rt, err) &&
              chroma_create_body(&pair->source.collection, name, kind_of(pair), &body, err) &&
              side_create(&pair->target, rt, buf_span(&body), err);
    buf_deinit(&body);
    return ok;
}

/* What the server made of it is looked at too: what it changed by itself nobody could foresee. */
static bool compare_created(struct pair *pair, struct error *err)
{
    struct fidelity found;
    size_t known = pair->fidelity.count;
    if (!fidelity_compare(&pair->source.collection, &pair->target.collection, kind_of(pair), &found,
                          err)) {
        return false;
    }
    if (fidelity_add(&pair->fidelity, &found) > 0) {
        say(pair, "the server has made the target collection otherwise than asked", known);
    }
    return true;
}

bool target_prepare(struct pair *pair, struct runtime *rt, struct error *err)
{
    const char *name = pair->target_name;
    if (pair->target_exists) {
        return target_complete(pair, rt, err);
    }
    pair->is_made = create(pair, rt, name, err);
    if (pair->is_made) {
        return put_metadata(pair, rt, err) && compare_created(pair, err);
    }
    if (err->kind != ERROR_CONFLICT) {
        return false;
    }
    if (pair->is_scratch) {
        error_clear(err);
        return refuse_scratch(pair, err);
    }
    error_clear(err); /* another producer has created it in this moment */
    return side_resolve(&pair->target, rt, name, &pair->target_exists, err) &&
           (pair->target_exists ||
            error_set(err, ERROR_UNAVAILABLE,
                      "target %s: collection \"%s\" comes and goes: run again",
                      pair->target.chroma.address.base, name)) &&
           target_look(pair, err) && target_complete(pair, rt, err);
}
