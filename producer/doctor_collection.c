/*
 * The collections of a side, chosen and paired as migrate does it (mapping.c): are they there, and may a target be written to?
 * Of many a line counts, and names the first. What they are like is doctor_likeness.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "producer/doctor_steps.h"
#include "producer/target.h"

#define LISTS_THEM "ferry-producer collections lists what is there"

bool doctor_is_target(const struct look *look)
{
    return look->side == &look->doctor->job.target;
}

static bool skips(struct look *look, const char *name, const char *why)
{
    checkup_add(&look->doctor->checkup, look->role, name, CHECK_SKIPPED, "", "%s", why);
    look->skipped = why;
    return false;
}

struct side *doctor_side_of(const struct look *look, struct pair *pair)
{
    return doctor_is_target(look) ? &pair->target : &pair->source;
}

static const char *name_of(const struct look *look, const struct pair *pair)
{
    return doctor_is_target(look) ? pair->target_name : pair->collection;
}

/* ---- the first of many ---- */

#define NAMED 3

void doctor_name_pair(const struct look *look, struct doctor_named *named, const struct pair *pair,
                      const char *what)
{
    const struct chroma *chroma =
        doctor_is_target(look) ? &pair->target.chroma : &pair->source.chroma;
    bool is_own = strcmp(chroma->tenant, look->side->chroma.tenant) == 0 &&
                  strcmp(chroma->database, look->side->chroma.database) == 0;
    char place[100] = "";
    size_t len = strlen(named->text);
    named->count++;
    if (named->count > NAMED) {
        return;
    }
    if (!is_own) {
        snprintf(place, sizeof place, " of %.40s/%.40s", chroma->tenant, chroma->database);
    }
    snprintf(named->text + len, sizeof named->text - len - 24 /* for the number of the others */,
             "%s\"%.60s\"%s%s", len > 0 ? ", " : "", name_of(look, pair), place, what);
}

const char *doctor_names(struct doctor_named *named)
{
    size_t len = strlen(named->text);
    if (named->count > NAMED) {
        snprintf(named->text + len, sizeof named->text - len, " and %zu more",
                 named->count - NAMED);
    }
    return named->text;
}

/* ---- which, and whether they are there ---- */

static bool choose(struct look *look, const char *name)
{
    struct doctor *doctor = look->doctor;
    struct error err = {0};
    if (doctor->no_choice != NULL) {
        return skips(look, name, doctor->no_choice);
    }
    if (doctor->job.pair_count == 0) {
        if (doctor_is_target(look) && !choice_is_single(&doctor->mapping.choice)) {
            return skips(look, name, "only the source tells which collections are chosen");
        }
        if (!mapping_choose(&doctor->mapping, &doctor->job, &doctor->rt, &err)) {
            doctor->no_choice = "needs the collections that are chosen";
            return doctor_fails(look, name, LISTS_THEM, &err);
        }
    }
    return !doctor_is_target(look) || mapping_settle(&doctor->mapping, &doctor->job, &err) ||
           doctor_fails(look, name, "give them different names by --map", &err);
}

static bool look_up_each(struct look *look, const char *name, struct doctor_named *missing)
{
    struct job *job = &look->doctor->job;
    struct error err = {0};
    for (size_t i = 0; i < job->pair_count; i++) {
        struct pair *pair = &job->pairs[i];
        bool is_there = false;
        if (!side_look_up(doctor_side_of(look, pair), &look->doctor->rt, name_of(look, pair),
                          &is_there, &err)) {
            if (job->pair_count > 1) {
                error_wrap(&err, "collection \"%.200s\"", name_of(look, pair));
            }
            return doctor_fails(look, name, "", &err);
        }
        if (doctor_is_target(look)) {
            pair->target_exists = is_there;
        }
        if (!is_there) {
            doctor_name_pair(look, missing, pair, "");
        }
    }
    return true;
}

/* The only one that is chosen, which is there. */
static bool count_records(struct look *look, const char *name)
{
    struct pair *pair = &look->doctor->job.pairs[0];
    struct error err = {0};
    uint64_t count = 0;
    if (!side_count(doctor_side_of(look, pair), &look->doctor->rt, &count, &err)) {
        return doctor_fails(look, name, "", &err);
    }
    checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "",
                "\"%.200s\", %" PRIu64 " records", name_of(look, pair), count);
    return true;
}

static bool look_at_sources(struct look *look, const char *name)
{
    const struct job *job = &look->doctor->job;
    const struct chroma *chroma = &job->pairs[0].source.chroma;
    struct doctor_named missing = {0};
    struct doctor_named chosen = {0};
    if (!look_up_each(look, name, &missing)) {
        return false;
    }
    if (missing.count > 0 && job->pair_count == 1) {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_FAIL, LISTS_THEM,
                    "\"%.200s\" does not exist in %.100s/%.100s", job->pairs[0].collection,
                    chroma->tenant, chroma->database);
    } else if (missing.count > 0) { /* they have just been listed */
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_FAIL, LISTS_THEM,
                    "%zu of %zu collections do not exist any more: %s", missing.count,
                    job->pair_count, doctor_names(&missing));
    } else if (job->pair_count == 1) {
        return count_records(look, name);
    } else {
        for (size_t i = 0; i < job->pair_count; i++) {
            doctor_name_pair(look, &chosen, &job->pairs[i], "");
        }
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "",
                    "%zu collections are chosen: %s", job->pair_count, doctor_names(&chosen));
        return true;
    }
    look->skipped = "a collection is missing";
    return false;
}

/* Of what is not there: would it find its place? Of what is: may it be written to? */
static bool check_targets(struct look *look, const char *name)
{
    struct job *job = &look->doctor->job;
    struct error err = {0};
    for (size_t i = 0; i < job->pair_count; i++) {
        struct pair *pair = &job->pairs[i];
        if (!pair->target_exists && !job_look_for_place(job, pair, &look->doctor->rt, &err)) {
            return doctor_fails(look, name, "", &err);
        }
        if (pair->target_exists && job->selection.is_part) {
            error_set(&err, ERROR_USAGE, "\"%.200s\" exists, and a rehearsal makes one of its own",
                      pair->target_name);
            return doctor_fails(look, name, "give another --target-collection", &err);
        }
        target_settle_doubt(pair);
    }
    return job_check_apart(job, &err) || doctor_fails(look, name, "", &err);
}

static bool look_at_targets(struct look *look, const char *name)
{
    const struct job *job = &look->doctor->job;
    struct doctor_named missing = {0};
    bool is_named =
        option_origin(look->doctor->options, "target-collection") == OPTION_COMMAND_LINE;
    if (job->selection.is_part && !is_named) {
        return skips(look, name, "a rehearsal makes collections of its own");
    }
    if (!look_up_each(look, name, &missing) || !check_targets(look, name)) {
        return false;
    }
    if (missing.count < job->pair_count && job->pair_count == 1) {
        return count_records(look, name);
    }
    if (job->pair_count == 1) {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "",
                    "\"%.200s\" is not there: migrate creates it", job->pairs[0].target_name);
    } else {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "",
                    "%zu of %zu collections are there%s%s", job->pair_count - missing.count,
                    job->pair_count, missing.count > 0 ? ", migrate creates " : "",
                    doctor_names(&missing));
    }
    look->skipped = missing.count == job->pair_count ? "there is no collection" : NULL;
    return look->skipped == NULL;
}

bool doctor_look_collection(struct look *look, const char *name)
{
    return choose(look, name) &&
           (doctor_is_target(look) ? look_at_targets(look, name) : look_at_sources(look, name));
}
