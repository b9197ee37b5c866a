/* See catalogue_pages.h. */
#include "producer/catalogue_pages.h"

#include <stdlib.h>
#include <string.h>

#include "format/document.h"

#define PAGE                                                                                       \
    100u /* objects of a few KiB; an answer too large to hold is asked for in smaller ones */
#define LEAST 2u /* the last that is known, and one that may be new */
#define OVERLAP                                                                                    \
    10 /* so many may go before a page, less one, and it still begins before what is new */
#define READINGS 10

void catalogue_pages_begin(struct catalogue_pages *pages, struct catalogue *names, bool is_paged)
{
    *pages = (struct catalogue_pages){.names = names, .is_paged = is_paged, .limit = PAGE};
}

void catalogue_pages_end(struct catalogue_pages *pages)
{
    free(pages->last);
    pages->last = NULL;
}

bool catalogue_pages_shrink(struct catalogue_pages *pages)
{
    bool is_smaller = pages->limit > LEAST;
    pages->limit = is_smaller ? pages->limit / 2 : pages->limit;
    return is_smaller;
}

void catalogue_deinit(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        free(catalogue->names[i]);
    }
    free(catalogue->names);
    *catalogue = (struct catalogue){0};
}

static bool add(struct catalogue *catalogue, const char *name, struct error *err)
{
    if (catalogue->count == catalogue->room) {
        size_t room = catalogue->room == 0 ? PAGE : 2 * catalogue->room;
        char **names = realloc(catalogue->names, room * sizeof *names);
        if (names == NULL) {
            return error_set(err, ERROR_NOMEM, "out of memory");
        }
        catalogue->names = names;
        catalogue->room = room;
    }
    catalogue->names[catalogue->count] = strdup(name);
    if (catalogue->names[catalogue->count] == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    catalogue->count++;
    return true;
}

static const char *name_of(const struct document *page, int i)
{
    return document_string(document_get(document_at(page, i), "name"), NULL);
}

/* Who it is: one that is made anew under its old name is another, and stands elsewhere. */
static const char *key_of(const struct document *page, int i)
{
    return document_string(document_get(document_at(page, i), "id"), name_of(page, i));
}

static bool begin_again(struct catalogue_pages *pages, struct error *err)
{
    if (++pages->begun_again == READINGS) {
        return error_set(err, ERROR_UNAVAILABLE,
                         "the list changed while it was read, %d times: run again when less is "
                         "made and deleted there",
                         READINGS);
    }
    catalogue_deinit(pages->names);
    catalogue_pages_end(pages);
    pages->offset = 0;
    pages->is_anew = true;
    return true;
}

/* The place behind the last that is known; -1: it is not on this page. */
static int find_new(const struct catalogue_pages *pages, const struct document *page, int length)
{
    int i = pages->last != NULL ? length : 0;
    while (i > 0 && strcmp(key_of(page, i - 1), pages->last) != 0) {
        i--;
    }
    return i == 0 && pages->last != NULL ? -1 : i;
}

/* How many of a page are asked for once more. */
static int overlap_of(int length)
{
    int half = length > 1 ? length / 2 : length;
    return half < OVERLAP ? half : OVERLAP;
}

static bool add_all(struct catalogue_pages *pages, const struct document *page, int from,
                    int length, struct error *err)
{
    for (int i = from; i < length; i++) {
        if (!add(pages->names, name_of(page, i), err)) {
            return false;
        }
    }
    if (from < length) {
        free(pages->last);
        pages->last = strdup(key_of(page, length - 1));
    }
    return length == 0 || pages->last != NULL || error_set(err, ERROR_NOMEM, "out of memory");
}

static bool take(struct catalogue_pages *pages, const struct document *page, struct error *err)
{
    int length = document_length(page);
    int from;
    for (int i = 0; i < length; i++) {
        if (name_of(page, i) == NULL) {
            return error_set(err, ERROR_FORMAT, "the list has one without a name");
        }
    }
    from = find_new(pages, page, length);
    if (from < 0) {
        return begin_again(pages, err);
    }
    if (!add_all(pages, page, from, length, err)) {
        return false;
    }
    /* A page may be short because the server gives no more at a time: the end is where nothing follows the last. */
    pages->is_over = !pages->is_paged || length > (int)pages->limit ||
                     (from == length && length < (int)pages->limit);
    if (!pages->is_over && from == length) { /* as many were made before it as a page holds */
        return begin_again(pages, err);
    }
    pages->offset += (uint64_t)(length - overlap_of(length));
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One name may have gone from one collection to another while the list was read. */
static void sort(struct catalogue *catalogue)
{
    size_t kept = 0;
    if (catalogue->count > 0) {
        qsort(catalogue->names, catalogue->count, sizeof *catalogue->names, by_name);
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        if (kept > 0 && strcmp(catalogue->names[kept - 1], catalogue->names[i]) == 0) {
            free(catalogue->names[i]);
        } else {
            catalogue->names[kept++] = catalogue->names[i];
        }
    }
    catalogue->count = kept;
}

static bool is_array(struct span json)
{
    size_t i = 0;
    while (i < json.len && strchr(" \t\r\n", json.ptr[i]) != NULL) {
        i++;
    }
    return i < json.len && json.ptr[i] == '[';
}

bool catalogue_pages_take(struct catalogue_pages *pages, struct span json, struct error *err)
{
    struct document *page = NULL;
    pages->is_anew = false;
    if (!document_parse(json, &page, err)) {
        return false;
    }
    bool ok = is_array(json) ? take(pages, page, err) : error_set(err, ERROR_FORMAT, "is none");
    document_free(page);
    if (ok && pages->is_over) {
        sort(pages->names);
    }
    return ok;
}
