/* What was given on the command line, read and checked; see choice.h. */
#include <string.h>

#include "producer/choice_parts.h"

static const char *copy(struct arena *arena, const char *text, size_t len, struct error *err)
{
    char *out = arena_alloc(arena, len + 1);
    if (out == NULL) {
        error_set(err, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return out;
}

static size_t count_parts(const char *list)
{
    size_t parts = list != NULL;
    for (; list != NULL && *list != '\0'; list++) {
        parts += *list == ',';
    }
    return parts;
}

/* The next text of a list, without the blanks around it; NULL with *err. */
static const char *next_text(struct arena *arena, const char **list, const char *option,
                             struct error *err)
{
    size_t whole = strcspn(*list, ",");
    const char *start = *list + strspn(*list, " ");
    size_t len = start < *list + whole ? (size_t)(*list + whole - start) : 0;
    while (len > 0 && start[len - 1] == ' ') {
        len--;
    }
    *list += whole + ((*list)[whole] == ',');
    if (len == 0) {
        error_set(err, ERROR_USAGE, "--%s has an empty name in its list", option);
        return NULL;
    }
    return copy(arena, start, len, err);
}

static bool read_patterns(struct choice *choice, const char *list, const char *option,
                          struct choice_pattern **out, size_t *count, struct error *err)
{
    *count = count_parts(list);
    *out = arena_alloc_array(choice->arena, *count + 1, sizeof **out);
    if (*out == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < *count; i++) {
        const char *text = next_text(choice->arena, &list, option, err);
        if (text == NULL) {
            return false;
        }
        if (choice_stars(text) > CHOICE_STARS) {
            return error_set(err, ERROR_USAGE, "--%s %.100s: has more than %d stars", option, text,
                             CHOICE_STARS);
        }
        (*out)[i].text = text;
    }
    return true;
}

static bool refuse_map(const char *map, const char *why, struct error *err)
{
    return error_set(
        err, ERROR_USAGE,
        "--map %.200s: %s; expected [[TENANT/]DATABASE/]NAME=[[TENANT/]DATABASE/]NAME, "
        "where * stands for any name",
        map, why);
}

/* One side of a map: parts from the right on, so that what is missing is the tenant, or tenant and database. */
static bool read_side(struct arena *arena, const char *map, const char *text, size_t len,
                      const char *out[CHOICE_PARTS], struct error *err)
{
    const char *end = text + len;
    for (int part = CHOICE_NAME; part >= CHOICE_TENANT; part--) {
        const char *start = end;
        while (start > text && start[-1] != '/') {
            start--;
        }
        if (start == end) {
            return refuse_map(map, "a part of it is empty", err);
        }
        out[part] = copy(arena, start, (size_t)(end - start), err);
        if (out[part] == NULL) {
            return false;
        }
        if (choice_stars(out[part]) > CHOICE_STARS / 2) {
            return refuse_map(map, "a part of it has more than 4 stars", err);
        }
        if (start == text) {
            return true;
        }
        end = start - 1;
    }
    return refuse_map(map, "a side of it has more than three parts", err);
}

static bool check_map(struct choice_map *map, struct error *err)
{
    size_t left = 0;
    size_t right = 0;
    bool fits_by_parts = true;
    for (size_t part = 0; part < CHOICE_PARTS; part++) {
        size_t here = choice_stars(map->left[part]);
        size_t there = choice_stars(map->right[part]);
        left += here;
        right += there;
        fits_by_parts = fits_by_parts && (there == 0 || there == here);
        if (map->right[part] != NULL && strchr(map->right[part], '?') != NULL) {
            return refuse_map(map->text, "no ? can stand on its right side", err);
        }
    }
    map->is_in_order = left == right;
    if (map->left[CHOICE_TENANT] != NULL && choice_is_pattern(map->left[CHOICE_TENANT])) {
        return refuse_map(map->text, "no server lists its tenants: name the one on the left", err);
    }
    if (left > CHOICE_STARS || (!map->is_in_order && !fits_by_parts)) {
        return refuse_map(map->text,
                          "the stars on its right side must be as many as on its left, in all or "
                          "in each part that has any",
                          err);
    }
    return true;
}

static bool read_maps(struct choice *choice, struct error *err)
{
    const char *list = choice->wish.maps;
    struct arena *arena = choice->arena;
    choice->map_count = count_parts(list);
    choice->maps = arena_alloc_array(arena, choice->map_count + 1, sizeof *choice->maps);
    if (choice->maps == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < choice->map_count; i++) {
        struct choice_map *map = &choice->maps[i];
        map->text = next_text(arena, &list, "map", err);
        if (map->text == NULL) {
            return false;
        }
        const char *equals = strchr(map->text, '=');
        if (equals == NULL || strchr(equals + 1, '=') != NULL) {
            return refuse_map(map->text, "it has no = between its sides, or several", err);
        }
        if (!read_side(arena, map->text, map->text, (size_t)(equals - map->text), map->left, err) ||
            !read_side(arena, map->text, equals + 1, strlen(equals + 1), map->right, err) ||
            !check_map(map, err)) {
            return false;
        }
    }
    return true;
}

static bool check_together(const struct choice *choice, struct error *err)
{
    const struct choice_wish *wish = &choice->wish;
    if (choice->name_count == 0 && !wish->is_all && choice->map_count == 0) {
        return error_set(err, ERROR_USAGE,
                         "missing --collection NAME (or FERRY_COLLECTION), or --all, or --map");
    }
    if (wish->is_all && choice->name_count > 0) {
        return error_set(err, ERROR_USAGE,
                         "--all takes every collection, --collection only those it names: choose "
                         "one");
    }
    if (wish->target_name != NULL && !choice_is_single(choice)) {
        return error_set(err, ERROR_USAGE,
                         "--target-collection names one collection: of many, say it by --map "
                         "NAME=OTHER or --target-prefix");
    }
    if (wish->target_name != NULL && (choice->map_count > 0 || wish->prefix != NULL)) {
        return error_set(err, ERROR_USAGE,
                         "--target-collection names the collection at the target, and so does %s: "
                         "choose one",
                         choice->map_count > 0 ? "--map" : "--target-prefix");
    }
    return true;
}

bool choice_read(struct choice *out, const struct choice_wish *wish, struct arena *arena,
                 struct error *err)
{
    *out = (struct choice){.wish = *wish, .arena = arena};
    return read_patterns(out, wish->names, "collection", &out->names, &out->name_count, err) &&
           read_patterns(out, wish->exclude, "exclude", &out->excludes, &out->exclude_count, err) &&
           read_maps(out, err) && check_together(out, err);
}
