/*
 * Tenant and database of a side. Where --map leads every collection elsewhere, the side's own are not needed, and those that
 * are show with the collections. What migrate would make is no fail.
 */
#include <stdio.h>
#include <string.h>

#include "producer/doctor_steps.h"

static bool is_own(const struct look *look, const struct choice_place *place)
{
    const struct chroma *chroma = &look->side->chroma;
    return (place->tenant == NULL || strcmp(place->tenant, chroma->tenant) == 0) &&
           (place->database == NULL || choice_matches(place->database, chroma->database));
}

/* Of the target that is known when the source has been looked at. */
static bool is_used(const struct look *look)
{
    struct doctor *doctor = look->doctor;
    const struct choice *choice = &doctor->mapping.choice;
    struct choice_place place;
    bool is_any = false;
    if (doctor->no_choice != NULL || (doctor_is_target(look) && doctor->job.pair_count == 0)) {
        return true;
    }
    if (doctor_is_target(look)) {
        for (size_t i = 0; !is_any && i < choice->count; i++) {
            is_any = is_own(look, &choice->pairs[i].target);
        }
        return is_any;
    }
    mapping_at(&doctor->mapping, &doctor->job);
    for (size_t i = 0; !is_any && choice_place_at(choice, i, &place); i++) {
        is_any = is_own(look, &place);
    }
    return is_any;
}

static bool skips(struct look *look, const char *name)
{
    checkup_add(&look->doctor->checkup, look->role, name, CHECK_SKIPPED, "",
                "--map leads every collection elsewhere");
    return true;
}

/* Chroma Cloud makes tenants itself. */
static bool is_made(const struct look *look, const char *what, const struct error *err)
{
    char flag[40];
    snprintf(flag, sizeof flag, "create-%s", what);
    return doctor_is_target(look) && err->kind == ERROR_NOT_FOUND &&
           option_flag(look->doctor->options, flag) &&
           !(strcmp(what, "tenant") == 0 && chroma_is_cloud(&look->side->chroma));
}

/* Old servers say 500 of a place that is not there; that is nothing to wait for. */
static bool misses(struct look *look, const char *what, const char *place, struct error *err)
{
    char advice[120];
    if (chroma_is_old(&look->side->chroma) && err->native == 500) {
        err->kind = ERROR_NOT_FOUND;
    }
    if (is_made(look, what, err)) {
        checkup_add(&look->doctor->checkup, look->role, what, CHECK_OK, "",
                    "\"%.200s\" is not there: migrate makes it (--create-%s)", place, what);
        return true;
    }
    snprintf(advice, sizeof advice, "check --%s-%s, or create it there", look->role, what);
    return doctor_fails(look, what, advice, err);
}

bool doctor_look_tenant(struct look *look, const char *name)
{
    if (!is_used(look)) {
        return skips(look, name);
    }
    return look->tenant.kind == ERROR_NONE
               ? doctor_passes(look, name, look->side->chroma.tenant)
               : misses(look, name, look->side->chroma.tenant, &look->tenant);
}

bool doctor_look_database(struct look *look, const char *name)
{
    struct error err = {0};
    if (!is_used(look)) {
        return skips(look, name);
    }
    return side_look_place(look->side, &look->doctor->rt, true, &err)
               ? doctor_passes(look, name, look->side->chroma.database)
               : misses(look, name, look->side->chroma.database, &err);
}
