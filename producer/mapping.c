/* See mapping.h. */
#include "producer/mapping.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "producer/catalogue.h"

#define MAPPING_BYTES                                                                              \
    (64u * MIB) /* names of a thousand collections, and of all that were listed for them */

bool mapping_read(struct mapping *out, const struct option_set *options, struct error *err)
{
    struct choice_wish wish = {.names = option_text(options, "collection"),
                               .is_all = option_flag(options, "all"),
                               .exclude = option_text(options, "exclude"),
                               .maps = option_text(options, "map"),
                               .prefix = option_text(options, "target-prefix"),
                               .target_name = option_text(options, "target-collection")};
    bool chooses = wish.is_all || option_origin(options, "map") == OPTION_COMMAND_LINE;
    if (chooses && option_origin(options, "collection") != OPTION_COMMAND_LINE) {
        wish.names = NULL; /* a variable gives way to a flag */
    }
    memset(out, 0, sizeof *out);
    arena_init(&out->arena, MAPPING_BYTES);
    return choice_read(&out->choice, &wish, &out->arena, err);
}

/* ---- what the source holds ---- */

/* 1.x answers an empty list for a database that is not there: that is no list of its collections. */
static bool list_collections(struct mapping *mapping, struct side *side, struct runtime *rt,
                             struct error *err)
{
    struct choice_place place = {side->chroma.tenant, side->chroma.database};
    struct catalogue names = {0};
    bool ok = catalogue_read(&names, side, rt, err);
    if (ok && names.count == 0) {
        ok = side_look_place(side, rt, true, err) ||
             error_wrap(err, "tenant \"%.100s\", database \"%.100s\"", side->chroma.tenant,
                        side->chroma.database);
    }
    for (size_t i = 0; ok && i < names.count; i++) {
        ok = choice_offer(&mapping->choice, &place, names.names[i], err);
    }
    catalogue_deinit(&names);
    return ok;
}

static bool list_database(struct mapping *mapping, const struct side *source, struct runtime *rt,
                          const struct choice_place *place, struct error *err)
{
    struct side side;
    bool ok = side_at(&side, source, place->tenant, place->database, err) &&
              list_collections(mapping, &side, rt, err);
    side_close(&side);
    return ok;
}

static bool list_databases(struct mapping *mapping, const struct side *source, struct runtime *rt,
                           const struct choice_place *place, struct error *err)
{
    struct catalogue databases = {0};
    struct side side;
    bool ok = side_at(&side, source, place->tenant, NULL, err) &&
              catalogue_read_databases(&databases, &side, rt, err);
    for (size_t i = 0; ok && i < databases.count; i++) {
        struct choice_place one = {place->tenant, databases.names[i]};
        ok = !choice_matches(place->database, databases.names[i]) ||
             list_database(mapping, source, rt, &one, err);
    }
    catalogue_deinit(&databases);
    side_close(&side);
    return ok;
}

static bool list_all(struct mapping *mapping, struct job *job, struct runtime *rt,
                     struct error *err)
{
    struct choice_place place;
    for (size_t i = 0; choice_place_at(&mapping->choice, i, &place); i++) {
        bool ok = choice_is_pattern(place.database)
                      ? list_databases(mapping, &job->source, rt, &place, err)
                      : list_database(mapping, &job->source, rt, &place, err);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* ---- pairs ---- */

static bool make_pairs(struct mapping *mapping, struct job *job, struct error *err)
{
    const struct choice *choice = &mapping->choice;
    if (!job_make_pairs(job, choice->count, err)) {
        return false;
    }
    for (size_t i = 0; i < job->pair_count; i++) {
        const struct choice_pair *chosen = &choice->pairs[i];
        struct pair *pair = &job->pairs[i];
        pair->is_one_of_many = job->pair_count > 1;
        snprintf(pair->collection, sizeof pair->collection, "%s", chosen->name);
        snprintf(pair->target_name, sizeof pair->target_name, "%s", chosen->target_name);
        if (!side_at(&pair->source, &job->source, chosen->source.tenant, chosen->source.database,
                     err)) {
            return false;
        }
    }
    if (job->pair_count > 1) {
        choice_title(choice, job->title, sizeof job->title);
    }
    return true;
}

void mapping_at(struct mapping *mapping, const struct job *job)
{
    struct choice_place source = {job->source.chroma.tenant, job->source.chroma.database};
    struct choice_place target = {job->target.chroma.tenant, job->target.chroma.database};
    choice_at(&mapping->choice, &source, &target);
}

bool mapping_choose(struct mapping *mapping, struct job *job, struct runtime *rt, struct error *err)
{
    struct choice *choice = &mapping->choice;
    mapping_at(mapping, job);
    bool ok = choice_is_single(choice)
                  ? choice_offer(choice, &choice->own_source, choice->names[0].text, err)
                  : list_all(mapping, job, rt, err);
    return ok && choice_close(choice, err) && make_pairs(mapping, job, err);
}

bool mapping_find(struct mapping *mapping, struct job *job, struct runtime *rt, struct error *err)
{
    return side_meet(&job->source, rt, err) &&
           (choice_is_single(&mapping->choice) || side_meet(&job->target, rt, err)) &&
           mapping_choose(mapping, job, rt, err);
}

bool mapping_place(struct mapping *mapping, struct job *job, struct runtime *rt, struct error *err)
{
    return (!choice_is_single(&mapping->choice) || side_meet(&job->target, rt, err)) &&
           mapping_settle(mapping, job, err);
}

bool mapping_settle(struct mapping *mapping, struct job *job, struct error *err)
{
    const struct choice *choice = &mapping->choice;
    mapping_at(mapping, job);
    if (!choice_close(&mapping->choice, err)) {
        return false;
    }
    for (size_t i = 0; i < job->pair_count; i++) {
        const struct choice_place *place = &choice->pairs[i].target;
        if (!side_at(&job->pairs[i].target, &job->target, place->tenant, place->database, err)) {
            return false;
        }
    }
    return true;
}

void mapping_tell(const struct job *job, FILE *out)
{
    const char *source = job->pairs[0].source.chroma.address.base;
    const char *target = job->pairs[0].target.chroma.address.base;
    if (job->pair_count == 1) {
        fprintf(out, "collection \"%s\" of %s to \"%s\" of %s\n", job->pairs[0].collection, source,
                job->pairs[0].target_name, target);
        return;
    }
    fprintf(out, "%zu collections of %s to %s\n", job->pair_count, source, target);
    for (size_t i = 0; i < job->pair_count; i++) {
        const struct pair *pair = &job->pairs[i];
        fprintf(out, "  %s/%s/%s -> %s/%s/%s%s\n", pair->source.chroma.tenant,
                pair->source.chroma.database, pair->collection, pair->target.chroma.tenant,
                pair->target.chroma.database, pair->target_name,
                pair->target_exists ? "" : " (new)");
    }
}

void mapping_close(struct mapping *mapping)
{
    arena_deinit(&mapping->arena);
}
