/*
 * The empty record, finding a record of a set by its id, and the set's order by id. A sorted table,
 * not a hash: sets are a few hundred records, and ids come from strangers, who could choose
 * colliding ones.
 */
#include "format/record.h"

#include <stdlib.h>

#include "base/number.h"
#include "format/scratch.h"

void record_init(struct record *record)
{
    const struct json_value null = {JSON_NULL, SPAN_LITERAL("null")};
    *record = (struct record){.is_finite = true, .document = null, .uri = null, .metadata = null};
}

struct record_index {
    size_t count;
    const struct record *sorted[]; /* by id bytes */
};

static int compare_ids(const void *a, const void *b)
{
    const struct record *const *left = a;
    const struct record *const *right = b;
    return span_compare((*left)->id, (*right)->id);
}

static struct record_index *build_index(const struct record_set *set, struct arena *arena,
                                        struct error *err)
{
    size_t table = 0;
    if (!size_multiply(set->count, sizeof(const struct record *), &table) ||
        table > SIZE_MAX - sizeof(struct record_index)) {
        error_set(err, ERROR_LIMIT, "%zu ids are too many", set->count);
        return NULL;
    }
    struct record_index *index = scratch_alloc(arena, sizeof *index + table, err);
    if (index == NULL) {
        return NULL;
    }
    index->count = set->count;
    for (size_t i = 0; i < set->count; i++) {
        index->sorted[i] = &set->records[i];
    }
    if (index->count > 1) {
        qsort(index->sorted, index->count, sizeof index->sorted[0], compare_ids);
    }
    return index;
}

struct record_index *record_index_new(const struct record_set *set, struct arena *arena)
{
    struct error ignored = {0};
    return build_index(set, arena, &ignored);
}

const struct record *record_index_find(const struct record_index *index, struct span id)
{
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(index->sorted[middle]->id, id);
        if (order == 0) {
            return index->sorted[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct record *record_index_at(const struct record_index *index, size_t i)
{
    return i < index->count ? index->sorted[i] : NULL;
}

bool record_set_check_unique(const struct record_set *set, struct arena *arena, struct error *err)
{
    const struct record_index *index = build_index(set, arena, err);
    if (index == NULL) {
        return false;
    }
    for (size_t i = 1; i < index->count; i++) {
        struct span id = index->sorted[i]->id;
        if (span_equal(index->sorted[i - 1]->id, id)) {
            struct buf shown;
            buf_init(&shown, 512);
            buf_append_printable(&shown, id, 80);
            error_set(err, ERROR_FORMAT, "the id \"%s\" comes twice", buf_cstr(&shown));
            buf_deinit(&shown);
            return false;
        }
    }
    return true;
}
