/* See id_pages.h. */
#include "producer/id_pages.h"

#define PASSES 3 /* a list that shifts while it is read may be short once */

void id_pages_begin(struct id_pages *pages, bool is_cloud)
{
    *pages = (struct id_pages){.step = ID_PAGES_COUNT, .limit = is_cloud ? ID_PAGES_MOST : 0};
}

static void begin_again(struct id_pages *pages)
{
    pages->offset = 0;
    pages->is_anew = true;
    pages->step = ID_PAGES_LIST;
}

/* The count before the list is what the list must reach: what comes later is for the end of the job. Where it was not
 * reached, the count behind it tells whether records went meanwhile. */
void id_pages_counted(struct id_pages *pages, uint64_t count)
{
    pages->counted = count;
    if (!pages->has_begun) {
        pages->has_begun = true;
        pages->step = ID_PAGES_LIST;
    } else if (pages->distinct >= count) {
        pages->step = ID_PAGES_DONE;
    } else if (++pages->passes == PASSES) {
        pages->step = ID_PAGES_SHORT;
    } else {
        begin_again(pages);
    }
}

void id_pages_listed(struct id_pages *pages, uint64_t ids, uint64_t distinct)
{
    pages->offset += ids;
    pages->distinct = distinct;
    if (distinct >= pages->counted) {
        pages->step = ID_PAGES_DONE;
    } else if (pages->limit == 0) { /* cut, and that is how many it gives; or some went */
        pages->limit = ids > 0 && ids < ID_PAGES_MOST ? (uint32_t)ids : ID_PAGES_MOST;
    } else if (ids == 0) {
        pages->step = ID_PAGES_COUNT;
    }
}

void id_pages_failed(struct id_pages *pages)
{
    if (pages->step == ID_PAGES_LIST && pages->limit == 0) {
        begin_again(pages);
    }
}
