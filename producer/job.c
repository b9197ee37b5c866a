/*
 * Looking at and submitting a new job: from options to pairs with two resolved ends and a job row. Reads servers and ledger;
 * writes the target collections and the job row only after every check has passed. A job that goes on: job_resume.c.
 */
#include "producer/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/job_limits.h"
#include "producer/mapping.h"
#include "producer/target.h"

struct pair *job_pair(const struct job *job, int64_t collection_no)
{
    for (size_t i = 0; i < job->pair_count; i++) {
        if (job->pairs[i].collection_no == collection_no) {
            return &job->pairs[i];
        }
    }
    return NULL;
}

void pair_which(const struct job *job, const struct pair *pair, char out[PAIR_WORDS])
{
    out[0] = '\0';
    if (job->pair_count > 1) {
        snprintf(out, PAIR_WORDS, "collection %.500s of %.100s/%.100s: ", pair->collection,
                 pair->source.chroma.tenant, pair->source.chroma.database);
    }
}

bool job_make_pairs(struct job *job, size_t count, struct error *err)
{
    job->pairs = calloc(count, sizeof *job->pairs);
    job->pair_count = job->pairs != NULL ? count : 0;
    return job->pairs != NULL || error_set(err, ERROR_NOMEM, "out of memory");
}

/* Of several, which one an error is about. */
static bool wrap(const struct pair *pair, struct error *err)
{
    if (pair->is_one_of_many && err->kind != ERROR_CANCELLED) {
        error_wrap(err, "collection \"%.200s\" of %.100s/%.100s", pair->collection,
                   pair->source.chroma.tenant, pair->source.chroma.database);
    }
    return false;
}

static bool look_at_source(struct pair *pair, struct runtime *rt, struct error *err)
{
    bool found = false;
    if (!side_look_up(&pair->source, rt, pair->collection, &found, err)) {
        return false;
    }
    if (!found) {
        return error_set(err, ERROR_NOT_FOUND,
                         "source %s: collection \"%s\" does not exist in %s/%s",
                         pair->source.chroma.address.base, pair->collection,
                         pair->source.chroma.tenant, pair->source.chroma.database);
    }
    snprintf(pair->collection, sizeof pair->collection, "%s", pair->source.collection.name);
    return true;
}

bool job_look_for_place(struct job *job, struct pair *pair, struct runtime *rt, struct error *err)
{
    for (const struct pair *earlier = job->pairs; earlier < pair; earlier++) {
        const struct chroma *a = &earlier->target.chroma;
        const struct chroma *b = &pair->target.chroma;
        if (!earlier->target_exists && strcmp(a->tenant, b->tenant) == 0 &&
            strcmp(a->database, b->database) == 0) {
            return true;
        }
    }
    return side_look_for_place(&pair->target, rt, err);
}

static bool look_at_target(struct job *job, struct pair *pair, struct runtime *rt,
                           struct error *err)
{
    if (!side_look_up(&pair->target, rt, pair->target_name, &pair->target_exists, err) ||
        !(pair->target_exists || job_look_for_place(job, pair, rt, err))) {
        return false;
    }
    side_tell_place(&pair->target);
    return target_look(pair, err);
}

bool job_check_apart(const struct job *job, struct error *err)
{
    for (size_t i = 0; i < job->pair_count; i++) {
        const struct pair *one = &job->pairs[i];
        for (size_t k = 0; one->target_exists && k < job->pair_count; k++) {
            const struct pair *other = &job->pairs[k];
            if (uuid_equal(&one->target.collection.uuid, &other->source.collection.uuid)) {
                return error_set(err, ERROR_USAGE,
                                 "collection \"%.200s\" (%s) would be a source and the target of "
                                 "\"%.200s\" in one job: name another target",
                                 other->collection, other->source.collection.uuid.text,
                                 one->collection);
            }
        }
    }
    return true;
}

typedef bool step_fn(struct job *job, struct pair *pair, struct runtime *rt, struct error *err);

static bool each_pair(struct job *job, struct runtime *rt, step_fn *step, struct error *err)
{
    for (size_t i = 0; i < job->pair_count; i++) {
        if (!step(job, &job->pairs[i], rt, err)) {
            return wrap(&job->pairs[i], err);
        }
    }
    return true;
}

static bool step_source(struct job *job, struct pair *pair, struct runtime *rt, struct error *err)
{
    (void)job;
    return look_at_source(pair, rt, err);
}

static bool step_limits(struct job *job, struct pair *pair, struct runtime *rt, struct error *err)
{
    return job_limits_check(job, pair, rt, err);
}

static bool step_target(struct job *job, struct pair *pair, struct runtime *rt, struct error *err)
{
    (void)job;
    return target_prepare(pair, rt, err);
}

/* A rehearsal goes to collections of its own: a variable that is set for the real one does not name it. */
static bool name_scratch(struct job *job, struct runtime *rt)
{
    bool is_named = option_origin(rt->options, "target-collection") == OPTION_COMMAND_LINE;
    for (size_t i = 0; job->selection.is_part && i < job->pair_count; i++) {
        struct pair *pair = &job->pairs[i];
        pair->is_scratch = true;
        if (!is_named) {
            selection_name(pair->collection, rng_next(&rt->rng), pair->target_name);
        }
    }
    return true;
}

bool job_look(struct job *job, struct runtime *rt, struct error *err)
{
    struct mapping mapping;
    memset(&mapping, 0, sizeof mapping);
    memset(job, 0, sizeof *job);
    job->wanted_name = option_text(rt->options, "job");
    bool ok = selection_read(&job->selection, rt->options, rng_next(&rt->rng), err) &&
              settings_read(&job->wanted, rt->options, err) &&
              mapping_read(&mapping, rt->options, err);
    ok = ok && side_open(&job->source, rt, "source", NULL, NULL, NULL, err) &&
         side_open(&job->target, rt, "target", NULL, NULL, NULL, err) &&
         mapping_find(&mapping, job, rt, err) && each_pair(job, rt, step_source, err) &&
         name_scratch(job, rt) && mapping_place(&mapping, job, rt, err) &&
         job_limits_choose(job, rt->options, err) && each_pair(job, rt, look_at_target, err) &&
         job_check_apart(job, err);
    mapping_close(&mapping);
    return ok;
}

/* Looks once more for the target collections that were not there. */
static bool look_again(struct job *job, struct runtime *rt, bool *has_come, struct error *err)
{
    *has_come = false;
    for (size_t i = 0; i < job->pair_count; i++) {
        struct pair *pair = &job->pairs[i];
        if (pair->target_exists) {
            continue;
        }
        if (!side_look_up(&pair->target, rt, pair->target_name, &pair->target_exists, err) ||
            (pair->target_exists && !target_look(pair, err))) {
            return wrap(pair, err);
        }
        *has_come = *has_come || pair->target_exists;
    }
    return !*has_come || job_check_apart(job, err);
}

/* A refusal of the ledger's functions, not a failure on the way to them. */
static bool is_ledgers(const struct error *err)
{
    return strncmp(err->sqlstate, "FE", 2) == 0;
}

/* What the ledger refuses may be what another producer has begun since the targets were looked at: its job is joined. Each
 * time at least one more of them has come. */
static bool ask_ledger(struct job *job, struct runtime *rt, struct error *err)
{
    struct error why = {0};
    while (!job_check(job, rt, &why)) {
        bool has_come = false;
        if (is_ledgers(&why) && !look_again(job, rt, &has_come, err)) {
            return false;
        }
        if (!has_come) {
            *err = why;
            return false;
        }
        error_clear(&why);
    }
    return true;
}

/* Is it certain that the ledger has no such job? A lost answer says nothing. */
static bool is_refusal(const struct job *job, const struct error *err)
{
    return job->job_id == 0 && is_ledgers(err);
}

bool job_submit(struct job *job, struct runtime *rt, struct error *err)
{
    if (!job_look(job, rt, err)) {
        return false;
    }
    job->waits_for_others = option_flag(rt->options, "queue");
    if (!ask_ledger(job, rt, err) || !each_pair(job, rt, step_limits, err)) {
        return false;
    }
    bool is_prepared = each_pair(job, rt, step_target, err);
    if (is_prepared && job_hand_over(job, rt, err)) {
        return true;
    }
    if (err->kind != ERROR_CANCELLED && (!is_prepared || is_refusal(job, err))) {
        for (size_t i = 0; i < job->pair_count; i++) {
            target_undo(&job->pairs[i], rt);
        }
    }
    return false;
}

void job_close(struct job *job)
{
    for (size_t i = 0; i < job->pair_count; i++) {
        side_close(&job->pairs[i].source);
        side_close(&job->pairs[i].target);
    }
    free(job->pairs);
    job->pairs = NULL;
    job->pair_count = 0;
    side_close(&job->source);
    side_close(&job->target);
}
