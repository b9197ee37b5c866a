/* What must hold of everything that was chosen, and what a job of it is named after; see choice.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "producer/choice_parts.h"

static bool check_all_matched(const struct choice *choice, struct error *err)
{
    for (size_t i = 0; i < choice->name_count; i++) {
        if (!choice->names[i].has_matched) {
            return error_set(err, ERROR_NOT_FOUND, "no collection is named \"%.200s\" in %s/%s%s",
                             choice->names[i].text, choice->own_source.tenant,
                             choice->own_source.database,
                             choice->map_count > 0 ? " or where --map looks" : "");
        }
    }
    for (size_t i = 0; i < choice->map_count; i++) {
        if (!choice->maps[i].has_matched) {
            return error_set(err, ERROR_NOT_FOUND, "no collection matches --map %.300s",
                             choice->maps[i].text);
        }
    }
    /* A mistyped one would let through what it was to hold back. Beside a single name nothing else was offered. */
    for (size_t i = 0; !choice_is_single(choice) && i < choice->exclude_count; i++) {
        if (!choice->excludes[i].has_matched) {
            return error_set(err, ERROR_NOT_FOUND, "no collection matches --exclude %.200s",
                             choice->excludes[i].text);
        }
    }
    if (choice->count == 0) {
        return error_set(err, ERROR_NOT_FOUND, "no collection is chosen%s",
                         choice->exclude_count > 0 ? ": --exclude leaves none" : "");
    }
    return true;
}

static bool check_names(const struct choice *choice, struct error *err)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct choice_pair *pair = &choice->pairs[i];
        bool is_made = pair->target_name != pair->name && choice->wish.target_name == NULL;
        if (is_made && !choice_name_is_valid(pair->target_name)) {
            struct buf shown;
            buf_init(&shown, 4 * KIB);
            buf_append_printable(&shown, span_from_str(pair->target_name), 100);
            error_set(
                err, ERROR_USAGE,
                "collection \"%.100s\" would be named \"%s\" at the target, which Chroma does "
                "not take: 3 to 512 letters, digits, '.', '_' and '-', the first and the last "
                "a letter or digit, no '..', no IP address",
                pair->name, buf_cstr(&shown));
            buf_deinit(&shown);
            return false;
        }
    }
    return true;
}

struct landing_place { /* to be sorted: who lands where */
    const char *parts[CHOICE_PARTS];
    const struct choice_pair *pair;
};

static int by_target(const void *a, const void *b)
{
    const struct landing_place *left = a;
    const struct landing_place *right = b;
    int order = 0;
    for (size_t part = 0; order == 0 && part < CHOICE_PARTS; part++) {
        order = strcmp(left->parts[part], right->parts[part]);
    }
    return order;
}

static bool check_collisions(const struct choice *choice, struct error *err)
{
    struct landing_place *sorted = arena_alloc_array(choice->arena, choice->count, sizeof *sorted);
    if (sorted == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < choice->count; i++) {
        const struct choice_pair *pair = &choice->pairs[i];
        sorted[i] = (struct landing_place){
            {choice_or_own(pair->target.tenant, choice->own_target.tenant),
             choice_or_own(pair->target.database, choice->own_target.database), pair->target_name},
            pair};
    }
    qsort(sorted, choice->count, sizeof *sorted, by_target);
    for (size_t i = 1; i < choice->count; i++) {
        if (by_target(&sorted[i - 1], &sorted[i]) == 0) {
            const struct choice_pair *one = sorted[i - 1].pair;
            const struct choice_pair *other = sorted[i].pair;
            return error_set(err, ERROR_USAGE,
                             "%.200s/%.200s/%.200s and %.200s/%.200s/%.200s would both go to "
                             "collection \"%.200s\" of %.200s/%.200s: give them different names "
                             "(--map)",
                             one->source.tenant, one->source.database, one->name,
                             other->source.tenant, other->source.database, other->name,
                             one->target_name, sorted[i].parts[CHOICE_TENANT],
                             sorted[i].parts[CHOICE_DATABASE]);
        }
    }
    return true;
}

bool choice_close(struct choice *choice, struct error *err)
{
    return check_all_matched(choice, err) && check_names(choice, err) &&
           check_collisions(choice, err);
}

void choice_title(const struct choice *choice, char *out, size_t size)
{
    size_t len = 0;
    const char *text = choice->name_count > 0 ? choice->names[0].text : "";
    for (; *text != '\0' && len + 1 < size && len < 100; text++) {
        if (!strchr("*?/ ", *text)) {
            out[len++] = *text;
        }
    }
    while (len > 0 && strchr("-_.", out[len - 1]) != NULL) {
        len--;
    }
    out[len] = '\0';
    if (len == 0) {
        snprintf(out, size, "all");
    }
}
