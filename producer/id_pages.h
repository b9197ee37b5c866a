/*
 * How a whole list of ids is got from a server that may give only so many at a time, and not say so. Counts first; asks
 * for all at once, from Chroma Cloud by pages; and goes on by pages where fewer came than were counted. A list that stays
 * shorter than the count is no list. Pure.
 */
#ifndef PRODUCER_ID_PAGES_H
#define PRODUCER_ID_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#define ID_PAGES_MOST 300u /* ids in one page: Chroma Cloud gives no more */

enum id_pages_step {
    ID_PAGES_COUNT, /* how many records are there? id_pages_counted */
    ID_PAGES_LIST, /* the ids from `offset` on, `limit` of them. id_pages_listed or id_pages_failed */
    ID_PAGES_DONE,
    ID_PAGES_SHORT, /* `counted` records, and only `distinct` ids, again and again */
};

struct id_pages {
    enum id_pages_step step;
    uint32_t limit;    /* 0: all at once */
    uint64_t offset;   /* ids received of this pass */
    uint64_t distinct; /* ids known, as the caller counts them */
    uint64_t counted;
    unsigned passes; /* that were too short */
    bool
        is_anew; /* what comes next begins the list again; cleared by the caller, who has forgotten it */
    bool has_begun;
};

void id_pages_begin(struct id_pages *pages, bool is_cloud);
void id_pages_counted(struct id_pages *pages, uint64_t count);
/* ids: that came; distinct: that are known now, of all pages. */
void id_pages_listed(struct id_pages *pages, uint64_t ids, uint64_t distinct);
/* The answer broke off. A page is asked for again; a list of all at once begins again. */
void id_pages_failed(struct id_pages *pages);

#endif
