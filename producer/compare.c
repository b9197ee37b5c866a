/* See compare.h. */
#include "producer/compare.h"

#include <inttypes.h>
#include <stdio.h>

#include "producer/listing.h"

#define PATIENCE_MS (20 * 60 * 1000) /* millions of ids are compared in one statement */

struct ending {
    struct runtime *rt;
    struct job *job;
    struct pair *pair;
    char side;
};

static bool stage(void *ctx, int64_t first, const struct span *ids, size_t count, pg_done_fn *fn,
                  void *fn_ctx, struct error *err)
{
    struct ending *ending = ctx;
    return ledger_finish_add(&ending->rt->ledger, ending->job->job_id, ending->pair->collection_no,
                             ending->side, first, ids, count, fn, fn_ctx, err);
}

/* Anew, also when an earlier end was broken off and the collection is empty now. */
static bool list_again(struct ending *ending, struct side *side, char side_mark, struct error *err)
{
    struct listing_result listed;
    struct answer answer = {0};
    ending->side = side_mark;
    bool ok = stage(ending, 0, NULL, 0, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(ending->rt, &answer, err);
    answer_deinit(&answer);
    return (ok && listing_run(ending->rt, side, stage, ending, &listed, err)) ||
           error_wrap(err, "list the ids of the %s again", side->chroma.role);
}

static void read_comparison(struct comparison *out, const struct pg_rows *rows)
{
    *out = (struct comparison){.missing = pg_i64(rows, 0, "missing"),
                               .extra = pg_i64(rows, 0, "extra"),
                               .existing = pg_i64(rows, 0, "existing"),
                               .planned = pg_i64(rows, 0, "planned"),
                               .returned = pg_i64(rows, 0, "returned"),
                               .to_delete = pg_i64(rows, 0, "to_delete"),
                               .is_decided = pg_bool(rows, 0, "is_decided"),
                               .is_refused = !pg_is_null(rows, 0, "refusal")};
    snprintf(out->first_missing, sizeof out->first_missing, "%s",
             pg_cstr(rows, 0, "first_missing"));
    snprintf(out->first_extra, sizeof out->first_extra, "%s", pg_cstr(rows, 0, "first_extra"));
}

/* Before anything of it happens. */
static void say_round(const struct job *job, const struct pair *pair, const struct comparison *c,
                      int64_t round)
{
    char which[PAIR_WORDS];
    pair_which(job, pair, which);
    if (c->returned > 0) {
        fprintf(stderr,
                "%sjob %s, round %" PRId64 " of its end: %" PRId64
                " records did not come when they were read, are at the source, and are read "
                "again\n",
                which, job->name, round, c->returned);
    }
    if (c->returned == c->planned && c->planned > 0 && c->to_delete == 0) {
        return;
    }
    fprintf(stderr,
            "%sjob %s, round %" PRId64 " of its end: %" PRId64
            " records were added to the source and are copied, %" PRId64
            " are to be deleted at the target\n",
            which, job->name, round, c->planned - c->returned, c->to_delete);
    if (c->extra > 0) {
        fprintf(stderr,
                "%sjob %s: the target holds %" PRId64 " records that are not of this job: %s%s\n",
                which, job->name, c->extra, c->first_extra, c->extra > 3 ? ", …" : "");
    }
}

bool compare_run(struct runtime *rt, struct job *job, struct pair *pair, struct comparison *out,
                 struct error *err)
{
    struct ending ending = {rt, job, pair, 'e'};
    struct answer answer = {0};
    bool ok = runtime_set_patience(rt, PATIENCE_MS, err) &&
              list_again(&ending, &pair->target, 'e', err) &&
              list_again(&ending, &pair->source, 'd', err) &&
              ledger_finish_compare(&rt->ledger, job->job_id, pair->collection_no,
                                    runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    if (ok) {
        read_comparison(out, answer.rows);
        if (out->is_decided) {
            say_round(job, pair, out, pg_i64(answer.rows, 0, "round"));
        }
    }
    answer_deinit(&answer);
    return runtime_usual_patience(rt, ok, err); /* the job goes on, also after an outage */
}
