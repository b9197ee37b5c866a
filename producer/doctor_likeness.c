/* Dimension and distance space of the collections; a target's are held against its source's, as migrate does it (target.c). */
#include <stdio.h>
#include <string.h>

#include "producer/doctor_steps.h"

/* A target's that differ from their sources' in what. */
static bool differ(struct look *look, const char *name, struct doctor_named *named)
{
    struct error err = {0};
    bool is_one = look->doctor->job.pair_count == 1;
    if (is_one) {
        error_set(&err, ERROR_REJECTED, "%s", named->text);
    } else {
        error_set(&err, ERROR_REJECTED, "%zu of %zu differ: %s", named->count,
                  look->doctor->job.pair_count, doctor_names(named));
    }
    return doctor_fails(look, name,
                        is_one ? "choose another --target-collection"
                               : "choose other targets for them: --map or --target-prefix",
                        &err);
}

static void note_difference(struct look *look, struct doctor_named *named, const struct pair *pair,
                            const char *what)
{
    char text[80];
    if (look->doctor->job.pair_count == 1) {
        named->count++;
        snprintf(named->text, sizeof named->text, "%s", what);
    } else {
        snprintf(text, sizeof text, " has %s", what);
        doctor_name_pair(look, named, pair, text);
    }
}

bool doctor_look_dimension(struct look *look, const char *name)
{
    struct job *job = &look->doctor->job;
    struct doctor_named others = {0};
    struct doctor_named none = {0};
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    for (size_t i = 0; i < job->pair_count; i++) {
        struct pair *pair = &job->pairs[i];
        uint32_t here = doctor_side_of(look, pair)->collection.dimension;
        uint32_t there = pair->source.has_collection ? pair->source.collection.dimension : 0;
        if (!doctor_side_of(look, pair)->has_collection) {
            continue;
        }
        if (here == 0) {
            doctor_name_pair(look, &none, pair, "");
            continue;
        }
        if (there != 0 && here != there) {
            char what[60];
            snprintf(what, sizeof what, "%u, the source has %u", here, there);
            note_difference(look, &others, pair, what);
        }
        least = here < least ? here : least;
        most = here > most ? here : most;
    }
    if (others.count > 0) {
        (void)differ(look, name, &others);
    } else if (most == 0) {
        checkup_add(&look->doctor->checkup, look->role, name,
                    doctor_is_target(look) ? CHECK_OK : CHECK_WARNING, "",
                    "none yet: %s no records", job->pair_count == 1 ? "it has" : "they have");
    } else {
        char range[40] = "";
        snprintf(range, sizeof range, least < most ? " to %u" : "", most);
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "", "%u%s%s%s", least,
                    range, none.count > 0 ? "; none yet, without records: " : "",
                    doctor_names(&none));
    }
    return true;
}

bool doctor_look_space(struct look *look, const char *name)
{
    struct job *job = &look->doctor->job;
    struct doctor_named others = {0};
    struct doctor_named doubtful = {0};
    bool is_there[SPACE_COSINE + 1] = {false};
    char all[40] = "";
    for (size_t i = 0; i < job->pair_count; i++) {
        struct pair *pair = &job->pairs[i];
        const struct chroma_collection *collection = &doctor_side_of(look, pair)->collection;
        if (!doctor_side_of(look, pair)->has_collection) {
            continue;
        }
        if (pair->source.has_collection && pair->source.collection.space != collection->space) {
            char what[60];
            snprintf(what, sizeof what, "%s, the source's is %s", space_name(collection->space),
                     space_name(pair->source.collection.space));
            note_difference(look, &others, pair, what);
        }
        if (collection->is_space_doubtful) {
            doctor_name_pair(look, &doubtful, pair, "");
        }
        is_there[collection->space] = true;
    }
    if (others.count > 0) {
        return differ(look, name, &others);
    }
    for (enum space space = SPACE_L2; space <= SPACE_COSINE; space++) {
        size_t len = strlen(all);
        snprintf(all + len, sizeof all - len, "%s%s", is_there[space] && len > 0 ? ", " : "",
                 is_there[space] ? space_name(space) : "");
    }
    checkup_add(&look->doctor->checkup, look->role, name,
                doubtful.count > 0 ? CHECK_WARNING : CHECK_OK, "", "%s%s%s%s", all,
                doubtful.count > 0 ? "; metadata and configuration name two" : "",
                doubtful.count > 0 && job->pair_count > 1 ? ": " : "",
                job->pair_count > 1 ? doctor_names(&doubtful) : "");
    return true;
}
