/* See id_walk.h. Decides nothing about what is asked next: that is id_pages.c. */
#include "producer/id_walk.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"

#define PAGE_BYTES ((size_t)ID_PAGES_MOST * (LIMIT_RECORD_ID + sizeof(size_t)))

void id_walk_begin(struct id_walk *walk, struct runtime *rt, struct side *side, id_stream_fn *on_id,
                   void *ctx)
{
    *walk = (struct id_walk){.side = side, .rt = rt, .on_id = on_id, .ctx = ctx};
    buf_init(&walk->page, PAGE_BYTES);
    id_pages_begin(&walk->pages, chroma_is_cloud(&side->chroma));
}

void id_walk_deinit(struct id_walk *walk)
{
    buf_deinit(&walk->page);
}

static bool hand_on(struct id_walk *walk, struct span id, struct error *err)
{
    walk->is_callers = !walk->on_id(walk->ctx, id, err);
    return !walk->is_callers;
}

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct id_walk *walk = ctx;
    if (walk->pages.limit == 0) {
        return hand_on(walk, id, err);
    }
    buf_append(&walk->page, &id.len, sizeof id.len);
    buf_append_span(&walk->page, id);
    return buf_check(&walk->page, "a page of ids", err);
}

static void on_listed(void *ctx, uint64_t count, const struct error *err)
{
    struct id_walk *walk = ctx;
    walk->request = NULL;
    walk->listed = count;
    walk->err = *err;
    walk->done = true;
}

static bool hand_on_page(struct id_walk *walk, struct error *err)
{
    struct span rest = buf_span(&walk->page);
    while (rest.len > 0) {
        size_t len;
        memcpy(&len, rest.ptr, sizeof len);
        if (!hand_on(walk, (struct span){rest.ptr + sizeof len, len}, err)) {
            return false;
        }
        rest.ptr += sizeof len + len;
        rest.len -= sizeof len + len;
    }
    return true;
}

static bool list(struct id_walk *walk, struct error *err)
{
    const struct side *side = walk->side;
    struct chroma_page page = {walk->pages.offset, walk->pages.limit};
    walk->done = false;
    walk->is_callers = false;
    walk->listed = 0;
    error_clear(&walk->err);
    buf_clear(&walk->page);
    walk->request = chroma_list_ids(&walk->side->chroma, &side->collection.uuid, page, on_id,
                                    on_listed, walk, err);
    if (walk->request == NULL || !runtime_await(walk->rt, &walk->done, err)) {
        return false;
    }
    if (walk->err.kind != ERROR_NONE) {
        *err = walk->err;
        return false;
    }
    return hand_on_page(walk, err);
}

bool id_walk_ask(struct id_walk *walk, struct error *err)
{
    if (walk->pages.step == ID_PAGES_COUNT) {
        uint64_t count = 0;
        if (!side_count(walk->side, walk->rt, &count, err)) {
            return false;
        }
        id_pages_counted(&walk->pages, count);
        return true;
    }
    if (!list(walk, err)) {
        id_pages_failed(&walk->pages);
        return false;
    }
    return true;
}

bool id_walk_refuse_short(const struct id_walk *walk, struct error *err)
{
    const struct id_pages *pages = &walk->pages;
    return error_set(err, ERROR_REJECTED,
                     "%s %s: collection \"%.100s\" lists %" PRIu64 " ids of the %" PRIu64
                     " records that it counts, %u times: the list is cut on the way, or the server "
                     "counts wrongly",
                     walk->side->chroma.role, walk->side->chroma.address.base,
                     walk->side->collection.name, pages->distinct, pages->counted, pages->passes);
}
