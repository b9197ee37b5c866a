/* See strangers.h. */
#include "producer/strangers.h"

#include <stdio.h>
#include <string.h>

#include "producer/listing.h"

struct looking {
    struct ledger *ledger;
    const struct uuid *target;
    int64_t job_id;
    struct strangers *out;
    pg_done_fn *fn; /* the listing's, which counts what is staged */
    void *fn_ctx;
};

static void on_piece(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct looking *looking = ctx;
    struct strangers *out = looking->out;
    if (err->kind == ERROR_NONE) {
        out->count += pg_i64(rows, 0, "strangers");
        if (out->example[0] == '\0') {
            snprintf(out->example, sizeof out->example, "%s", pg_cstr(rows, 0, "example"));
        }
    }
    looking->fn(looking->fn_ctx, rows, err);
}

/* Nothing is kept there: what the listing calls staged was looked at. */
static bool look_at_piece(void *ctx, int64_t first_ordinal, const struct span *ids, size_t count,
                          pg_done_fn *fn, void *fn_ctx, struct error *err)
{
    struct looking *looking = ctx;
    if (first_ordinal == 0) { /* the list begins, perhaps again; every piece is one listing's */
        memset(looking->out, 0, sizeof *looking->out);
    }
    looking->fn = fn;
    looking->fn_ctx = fn_ctx;
    return ledger_rehearsal_strangers(looking->ledger, looking->job_id, looking->target, ids, count,
                                      on_piece, looking, err);
}

bool strangers_find(struct runtime *rt, struct side *side, int64_t job_id, struct strangers *out,
                    struct error *err)
{
    struct listing_result listed;
    struct looking looking = {
        .ledger = &rt->ledger, .target = &side->collection.uuid, .job_id = job_id, .out = out};
    memset(out, 0, sizeof *out);
    if (!listing_run(rt, side, look_at_piece, &looking, &listed, err)) {
        return false;
    }
    out->records = listed.listed;
    return true;
}
