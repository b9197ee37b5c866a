/*
 * A whole list of names from a server that gives it by pages, while others make and delete what it lists. A page begins so many
 * places from the start, and one that goes before it moves all that follow one place forward. Servers list in an order that
 * does not change (by UUID, by name, by time of making). So every page begins before the end of the one before it, what is new
 * in it stands behind the last that is known, and a page that lacks that one tells nothing: the reading begins again. What is
 * there all the time cannot be missed. Pure but for memory.
 */
#ifndef PRODUCER_CATALOGUE_PAGES_H
#define PRODUCER_CATALOGUE_PAGES_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct catalogue { /* zeroed: empty */
    char **names;  /* owned; sorted by their bytes, each once, when the list is complete */
    size_t count, room;
};

struct catalogue_pages {
    struct catalogue *names; /* borrowed: what is known */
    bool is_paged;           /* the server knows pages; else its first answer is all */
    uint64_t offset;         /* to be asked for next: so many from there */
    uint32_t limit;
    char *last; /* owned: the UUID, or name, of the last that is known; NULL: none is */
    unsigned begun_again;
    bool is_anew; /* the reading has just begun again: the caller waits a little */
    bool is_over; /* the list is complete */
};

void catalogue_pages_begin(struct catalogue_pages *pages, struct catalogue *names, bool is_paged);
void catalogue_pages_end(struct catalogue_pages *pages);
/* Takes the page that was asked for, a JSON array of objects with name and id. ERROR_FORMAT: it is none; ERROR_UNAVAILABLE:
 * the list changes too fast, again and again. */
MUST_CHECK bool catalogue_pages_take(struct catalogue_pages *pages, struct span json,
                                     struct error *err);
/* The page was too large to hold: a smaller one is asked for. False: there is none. */
bool catalogue_pages_shrink(struct catalogue_pages *pages);

void catalogue_deinit(struct catalogue *catalogue);

#endif
