/* Taking back what was made for a job that was refused; see target.h. */
#include <inttypes.h>
#include <stdio.h>

#include "producer/discard.h"
#include "producer/target.h"

struct undoing {
    struct pair *pair;
    struct runtime *rt;
};

static bool is_a_jobs(const struct undoing *undoing, bool *is_so, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_has_target(&undoing->rt->ledger, &undoing->pair->target.collection.uuid,
                                runtime_answer_fn, &answer, err) &&
              runtime_await_answer(undoing->rt, &answer, err);
    *is_so = ok && pg_bool(answer.rows, 0, "has");
    answer_deinit(&answer);
    return ok;
}

static bool check_nobodys(void *ctx, struct error *err)
{
    const struct undoing *undoing = ctx;
    uint64_t count = 0;
    bool is_so = false;
    if (!is_a_jobs(undoing, &is_so, err) ||
        !side_count(&undoing->pair->target, undoing->rt, &count, err)) {
        return false;
    }
    if (is_so) {
        return error_set(err, ERROR_REJECTED, "another job moves into it");
    }
    return count == 0 || error_set(err, ERROR_REJECTED, "it holds %" PRIu64 " records", count);
}

void target_undo(struct pair *pair, struct runtime *rt)
{
    struct undoing undoing = {pair, rt};
    struct error why = {0};
    if (!pair->is_made) {
        return;
    }
    if (discard(rt, &pair->target, pair->target_name, check_nobodys, &undoing, &why)) {
        fprintf(stderr, "collection \"%s\" of %s was made for this job, and is removed again\n",
                pair->target_name, pair->target.chroma.address.base);
        pair->is_made = false;
    } else {
        fprintf(stderr, "collection \"%s\" of %s was made for this job, and stays: %s\n",
                pair->target_name, pair->target.chroma.address.base, why.message);
    }
}
