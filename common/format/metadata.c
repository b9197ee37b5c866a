/*
 * Reads a metadata object into its sorted list. What two lists mean to each other is not decided
 * here.
 */
#include "format/metadata.h"

#include <stdlib.h>

#include "format/scratch.h"

static int compare_entries(const void *a, const void *b)
{
    const struct metadata_entry *left = a;
    const struct metadata_entry *right = b;
    int order = span_compare(left->key, right->key);
    if (order != 0) {
        return order;
    }
    return left->position < right->position ? -1 : left->position > right->position;
}

/* Servers drop a key whose value is null or []: it is as good as not there. */
static bool is_nothing(struct json_value value)
{
    if (value.type == JSON_NULL) {
        return true;
    }
    if (value.type != JSON_ARRAY) {
        return false;
    }
    for (size_t i = 1; i + 1 < value.text.len; i++) { /* between the brackets */
        uint8_t byte = value.text.ptr[i];
        if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r') {
            return false;
        }
    }
    return true;
}

static bool read_entries(struct json_value object, struct arena *arena, struct metadata *out,
                         struct error *err)
{
    struct json_scan scan;
    struct json_value name;
    bool more = false;
    size_t room = 0;
    json_scan_init(&scan, object.text);
    if (!json_open(&scan, '{', err)) {
        return false;
    }
    while (json_next_member(&scan, &name, &more, err)) {
        if (!more) {
            return json_finish(&scan, err);
        }
        struct metadata_entry *entries =
            scratch_grow(arena, out->entries, out->count, &room, sizeof *entries, err);
        if (entries == NULL) {
            return false;
        }
        struct metadata_entry *entry = &entries[out->count];
        out->entries = entries;
        entry->key_json = name.text;
        entry->position = out->count++;
        if (!scratch_string(name, arena, &entry->key, err) ||
            !json_read(&scan, &entry->value, err)) {
            return false;
        }
    }
    return false;
}

bool metadata_read(struct json_value object, struct arena *arena, struct metadata *out,
                   struct error *err)
{
    struct metadata read = {0};
    if (object.type != JSON_NULL && !read_entries(object, arena, &read, err)) {
        return error_wrap(err, "metadata");
    }
    if (read.count > 1) {
        qsort(read.entries, read.count, sizeof read.entries[0], compare_entries);
    }
    size_t kept = 0;
    for (size_t i = 0; i < read.count; i++) {
        bool is_last =
            i + 1 == read.count || !span_equal(read.entries[i].key, read.entries[i + 1].key);
        if (is_last && !is_nothing(read.entries[i].value)) {
            read.entries[kept++] = read.entries[i];
        }
    }
    read.count = kept;
    *out = read;
    return true;
}
