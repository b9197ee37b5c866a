/*
 * See target.h. A collection is made in two requests, because a server parses hnsw:* metadata strictly at creation: they
 * follow by a second one. A program that is killed in between leaves a collection that lacks just these.
 */
#include "producer/target.h"

#include <stdio.h>

#include "app/log.h"
#include "base/limits.h"

static enum chroma_index_kind kind_of(const struct job *job)
{
    return chroma_index_kind_of(&job->target.chroma);
}

static bool check_fit(const struct job *job, struct error *err)
{
    const struct chroma_collection *source = &job->source.collection;
    const struct chroma_collection *target = &job->target.collection;
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
static void settle_doubt(struct job *job)
{
    struct chroma_collection *target = &job->target.collection;
    if (target->is_space_doubtful && job->source.collection.metadata_is_idle) {
        target->is_space_doubtful = false;
        target->metadata_is_idle = true;
        target->space = job->source.collection.space;
    }
}

static void say(const char *what, const struct fidelity *fidelity, size_t first)
{
    struct buf lines;
    if (fidelity->count + fidelity->more == first) {
        return;
    }
    buf_init(&lines, LIMIT_CONTROL_DOCUMENT);
    fidelity_write_lines(fidelity, first, &lines);
    fprintf(stderr, "%s (setting: source -> target)\n%s", what, buf_cstr(&lines));
    buf_deinit(&lines);
}

static bool resolve_again(struct job *job, struct runtime *rt, struct error *err)
{
    char name[sizeof job->target.collection.name];
    bool found = false;
    snprintf(name, sizeof name, "%s", job->target.collection.name);
    return side_resolve(&job->target, rt, name, &found, err) &&
           (found || error_set(err, ERROR_NOT_FOUND, "target %s: collection \"%s\" is gone again",
                               job->target.chroma.address.base, name));
}

/* The second of the two requests, if there is anything for it. */
static bool put_metadata(struct job *job, struct runtime *rt, struct error *err)
{
    struct buf metadata;
    bool is_needed = false;
    buf_init(&metadata, LIMIT_CONTROL_DOCUMENT);
    bool ok =
        chroma_metadata_body(&job->source.collection, chroma_index_kind_of(&job->target.chroma),
                             &metadata, &is_needed, err);
    if (ok && is_needed) {
        ok = side_put_metadata(&job->target, rt, buf_span(&metadata), err) &&
             resolve_again(job, rt, err);
        settle_doubt(job);
    }
    buf_deinit(&metadata);
    return ok;
}

/* What exists may be what an earlier run left unfinished. */
bool target_complete(struct job *job, struct runtime *rt, struct error *err)
{
    const struct chroma_collection *source = &job->source.collection;
    const struct chroma_collection *target = &job->target.collection;
    settle_doubt(job);
    if (!fidelity_compare(source, target, kind_of(job), &job->fidelity, err)) {
        return false;
    }
    if (!job->fidelity.is_unfinished) {
        return true;
    }
    log_event(LOG_WARN, "target.completed", LOG_TEXT("collection", target->name),
              LOG_TEXT("why", "its metadata lacks the hnsw: keys of the source, and nothing else"));
    return put_metadata(job, rt, err) &&
           fidelity_compare(source, target, kind_of(job), &job->fidelity, err);
}

static void note_space(struct job *job)
{
    const struct chroma_collection *source = &job->source.collection;
    char claimed[96];
    char gets[32];
    if (source->metadata_is_idle) {
        snprintf(claimed, sizeof claimed, "(the metadata says another, its queries measure \"%s\")",
                 space_name(source->space));
        snprintf(gets, sizeof gets, "\"%s\"", space_name(source->space));
        fidelity_note(&job->fidelity, "space", claimed, gets);
    }
}

bool target_look(struct job *job, bool exists, struct error *err)
{
    const struct chroma_collection *source = &job->source.collection;
    if (!exists) {
        if (!fidelity_expect(source, kind_of(job), &job->fidelity, err)) {
            return false;
        }
        note_space(job);
        say("the target collection will not be like its source in everything", &job->fidelity, 0);
        return true;
    }
    settle_doubt(job);
    if (!check_fit(job, err) ||
        !fidelity_compare(source, &job->target.collection, kind_of(job), &job->fidelity, err)) {
        return false;
    }
    if (!job->fidelity.is_unfinished) {
        say("the target collection exists, and stays otherwise", &job->fidelity, 0);
    }
    return true;
}

static bool create(struct job *job, struct runtime *rt, const char *name, struct error *err)
{
    struct buf body;
    buf_init(&body, LIMIT_CONTROL_DOCUMENT);
    bool ok = side_make_place(&job->target, rt, err) &&
              chroma_create_body(&job->source.collection, name, kind_of(job), &body, err) &&
              side_create(&job->target, rt, buf_span(&body), err);
    buf_deinit(&body);
    return ok;
}

/* What the server made of it is looked at too: what it changed by itself nobody could foresee. */
static bool compare_created(struct job *job, struct error *err)
{
    struct fidelity found;
    size_t known = job->fidelity.count;
    if (!fidelity_compare(&job->source.collection, &job->target.collection, kind_of(job), &found,
                          err)) {
        return false;
    }
    if (fidelity_add(&job->fidelity, &found) > 0) {
        say("the server has made the target collection otherwise than asked", &job->fidelity,
            known);
    }
    return true;
}

/* What a rehearsal may remove is what it has made itself. */
static bool refuse_scratch(const struct job *job, const char *name, struct error *err)
{
    return error_set(err, ERROR_USAGE,
                     "target %s: collection \"%s\" exists: a rehearsal makes one of its own; leave "
                     "--target-collection out or give another (one that was interrupted goes on "
                     "with ferry-producer resume JOB)",
                     job->target.chroma.address.base, name);
}

bool target_prepare(struct job *job, struct runtime *rt, const char *name, bool exists,
                    struct error *err)
{
    if (exists && job->selection.is_part) {
        return refuse_scratch(job, name, err);
    }
    if (exists) {
        return target_complete(job, rt, err);
    }
    if (create(job, rt, name, err)) {
        return put_metadata(job, rt, err) && compare_created(job, err);
    }
    if (err->kind != ERROR_CONFLICT) {
        return false;
    }
    if (job->selection.is_part) {
        error_clear(err);
        return refuse_scratch(job, name, err);
    }
    error_clear(err); /* another producer has created it in this moment */
    return side_resolve(&job->target, rt, name, &exists, err) &&
           (exists || error_set(err, ERROR_UNAVAILABLE,
                                "target %s: collection \"%s\" comes and goes: run again",
                                job->target.chroma.address.base, name)) &&
           target_look(job, true, err) && target_complete(job, rt, err);
}
