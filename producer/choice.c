/* Choosing; see choice.h. The first map that matches a collection says where it goes. */
#include "producer/choice.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "producer/choice_parts.h"

bool choice_is_single(const struct choice *choice)
{
    bool maps_look_elsewhere = false;
    for (size_t i = 0; i < choice->map_count; i++) {
        const struct choice_map *map = &choice->maps[i];
        maps_look_elsewhere = maps_look_elsewhere || map->left[CHOICE_TENANT] != NULL ||
                              map->left[CHOICE_DATABASE] != NULL;
    }
    return choice->name_count == 1 && !choice->wish.is_all &&
           !choice_is_pattern(choice->names[0].text) && !maps_look_elsewhere;
}

void choice_at(struct choice *choice, const struct choice_place *source,
               const struct choice_place *target)
{
    choice->own_source = *source;
    choice->own_target = *target;
}

const char *choice_or_own(const char *part, const char *own)
{
    return part != NULL ? part : own;
}

static bool looks_at_own(const struct choice *choice)
{
    return choice->name_count > 0 || choice->wish.is_all;
}

bool choice_place_at(const struct choice *choice, size_t i, struct choice_place *out)
{
    *out = choice->own_source;
    if (looks_at_own(choice)) {
        if (i == 0) {
            return true;
        }
        i--;
    }
    if (i >= choice->map_count) {
        return false;
    }
    const char *const *left = choice->maps[i].left;
    out->tenant = choice_or_own(left[CHOICE_TENANT], out->tenant);
    out->database = choice_or_own(left[CHOICE_DATABASE], out->database);
    return true;
}

/* ---- what is chosen ---- */

/* All that match are noted, or else one that another hides would count as useless. */
static bool match_any(struct choice_pattern *patterns, size_t count, const char *name)
{
    bool is_any = false;
    for (size_t i = 0; i < count; i++) {
        if (choice_matches(patterns[i].text, name)) {
            patterns[i].has_matched = true;
            is_any = true;
        }
    }
    return is_any;
}

struct found { /* a map that matches, and what its stars stood for */
    const struct choice_map *map;
    struct span stars[CHOICE_PARTS][CHOICE_STARS];
    size_t counts[CHOICE_PARTS];
};

static bool match_map(const struct choice *choice, const struct choice_map *map,
                      const struct choice_place *place, const char *name, struct found *out)
{
    const char *texts[CHOICE_PARTS] = {place->tenant, place->database, name};
    const char *own[CHOICE_PARTS] = {choice->own_source.tenant, choice->own_source.database, NULL};
    out->map = map;
    for (size_t part = 0; part < CHOICE_PARTS; part++) {
        out->counts[part] = 0;
        if (map->left[part] == NULL ? strcmp(own[part], texts[part]) != 0
                                    : !choice_match(map->left[part], texts[part], out->stars[part],
                                                    &out->counts[part])) {
            return false;
        }
    }
    return true;
}

static bool match_maps(struct choice *choice, const struct choice_place *place, const char *name,
                       struct found *out)
{
    struct found found;
    bool is_any = false;
    for (size_t i = 0; i < choice->map_count; i++) {
        if (match_map(choice, &choice->maps[i], place, name, &found)) {
            choice->maps[i].has_matched = true;
            if (!is_any) {
                *out = found;
            }
            is_any = true;
        }
    }
    return is_any;
}

/* ---- where it goes ---- */

static bool fill_part(struct choice *choice, const struct found *found, size_t part,
                      const struct span *in_order, size_t *used, const char **out,
                      struct error *err)
{
    const char *template = found->map->right[part];
    if (template == NULL) {
        return true;
    }
    const struct span *stars = found->map->is_in_order ? in_order + *used : found->stars[part];
    *used += choice_stars(template);
    *out = choice_fill(choice->arena, template, stars);
    return *out != NULL || error_set(err, ERROR_NOMEM, "out of memory");
}

static bool fill_target(struct choice *choice, const struct found *found, struct choice_pair *pair,
                        struct error *err)
{
    struct span in_order[CHOICE_STARS];
    const char **parts[CHOICE_PARTS] = {&pair->target.tenant, &pair->target.database,
                                        &pair->target_name};
    size_t count = 0;
    size_t used = 0;
    for (size_t part = 0; part < CHOICE_PARTS; part++) {
        for (size_t i = 0; i < found->counts[part]; i++) {
            in_order[count++] = found->stars[part][i];
        }
    }
    for (size_t part = 0; part < CHOICE_PARTS; part++) {
        if (!fill_part(choice, found, part, in_order, &used, parts[part], err)) {
            return false;
        }
    }
    return true;
}

static const char *join(struct arena *arena, const char *prefix, const char *name)
{
    size_t size = strlen(prefix) + strlen(name) + 1;
    char *out = arena_alloc(arena, size);
    if (out != NULL) {
        snprintf(out, size, "%s%s", prefix, name);
    }
    return out;
}

static bool is_known(const struct choice *choice, const struct choice_place *place,
                     const char *name)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct choice_pair *pair = &choice->pairs[i];
        if (strcmp(pair->name, name) == 0 && strcmp(pair->source.database, place->database) == 0 &&
            strcmp(pair->source.tenant, place->tenant) == 0) {
            return true;
        }
    }
    return false;
}

static bool keep(struct choice *choice, const struct choice_place *place, const char *name,
                 const struct found *found, struct error *err)
{
    struct arena *arena = choice->arena;
    if (choice->pairs == NULL) {
        choice->pairs = arena_alloc_array(arena, LIMIT_JOB_COLLECTIONS, sizeof *choice->pairs);
    }
    if (choice->count == LIMIT_JOB_COLLECTIONS) {
        return error_set(err, ERROR_USAGE,
                         "more than %u collections are chosen: one run takes no more, choose "
                         "fewer by --collection, --exclude or --map",
                         LIMIT_JOB_COLLECTIONS);
    }
    struct choice_pair pair = {
        .source = {join(arena, "", place->tenant), join(arena, "", place->database)},
        .name = join(arena, "", name)};
    pair.target_name = choice->wish.target_name != NULL ? choice->wish.target_name : pair.name;
    if (found->map != NULL && !fill_target(choice, found, &pair, err)) {
        return false;
    }
    if (choice->wish.prefix != NULL) {
        pair.target_name = join(arena, choice->wish.prefix, pair.target_name);
    }
    if (choice->pairs == NULL || pair.source.tenant == NULL || pair.source.database == NULL ||
        pair.name == NULL || pair.target_name == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    choice->pairs[choice->count++] = pair;
    return true;
}

bool choice_offer(struct choice *choice, const struct choice_place *place, const char *name,
                  struct error *err)
{
    struct found found = {.map = NULL};
    bool is_mapped = match_maps(choice, place, name, &found);
    bool is_own = strcmp(place->tenant, choice->own_source.tenant) == 0 &&
                  strcmp(place->database, choice->own_source.database) == 0;
    bool is_looked_at = is_mapped || (is_own && looks_at_own(choice));
    bool is_named = choice->name_count == 0 ||
                    (is_looked_at && match_any(choice->names, choice->name_count, name));
    bool is_excluded = is_looked_at && match_any(choice->excludes, choice->exclude_count, name);
    if (!is_looked_at || !is_named || is_excluded || is_known(choice, place, name)) {
        return true;
    }
    return keep(choice, place, name, &found, err);
}
