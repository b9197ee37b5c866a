/* A job that the ledger knows goes on: both ends of every pair are found again; see job.h. */
#include <stdio.h>
#include <string.h>

#include "producer/job.h"
#include "producer/job_limits.h"
#include "producer/landing.h"
#include "producer/target.h"
#include "store/states.h"

#define REDRIVE_PATIENCE_MS (10 * 60 * 1000) /* many batches are shrunk in one statement */

static bool check_same(const struct side *side, bool found, const char *name, struct span uuid_text,
                       const char *job, struct error *err)
{
    struct uuid uuid = {{0}};
    if (!found) {
        return error_set(err, ERROR_USAGE,
                         "%s %s: collection \"%s\" of job %s does not exist any more",
                         side->chroma.role, side->chroma.address.base, name, job);
    }
    if (!uuid_parse(uuid_text, &uuid) || !uuid_equal(&uuid, &side->collection.uuid)) {
        return error_set(
            err, ERROR_USAGE,
            "%s %s: collection \"%s\" is %s, but job %s moves %s: it was recreated, or this "
            "is another server",
            side->chroma.role, side->chroma.address.base, name, side->collection.uuid.text, job,
            uuid.text);
    }
    return true;
}

bool job_check_place(const struct option_set *options, const char *name, const char *own,
                     const char *job, struct error *err)
{
    if (option_origin(options, name) != OPTION_COMMAND_LINE ||
        strcmp(option_text(options, name), own) == 0) {
        return true;
    }
    return error_set(err, ERROR_USAGE, "--%s %s is not that of job %s, which has %s", name,
                     option_text(options, name), job, own);
}

static bool check_places(const struct option_set *options, const struct pg_rows *rows, int row,
                         const char *job, struct error *err)
{
    return job_check_place(options, "source-tenant", pg_cstr(rows, row, "source_tenant"), job,
                           err) &&
           job_check_place(options, "source-database", pg_cstr(rows, row, "source_database"), job,
                           err) &&
           job_check_place(options, "target-tenant", pg_cstr(rows, row, "target_tenant"), job,
                           err) &&
           job_check_place(options, "target-database", pg_cstr(rows, row, "target_database"), job,
                           err);
}

/* The server of one end of a pair: as an earlier row of the job names it, or another. */
static bool open_side(struct side *out, struct side *met, struct runtime *rt, const char *role,
                      const struct pg_rows *rows, int row, struct error *err)
{
    char url[32];
    char tenant[32];
    char database[32];
    snprintf(url, sizeof url, "%s_url", role);
    snprintf(tenant, sizeof tenant, "%s_tenant", role);
    snprintf(database, sizeof database, "%s_database", role);
    const char *given = option_text(rt->options, role);
    if (row > 0 && (given != NULL || span_equal(pg_text(rows, row, url), pg_text(rows, 0, url)))) {
        return side_at(out, met, pg_cstr(rows, row, tenant), pg_cstr(rows, row, database), err);
    }
    struct side *opened = row == 0 ? met : out;
    return side_open(opened, rt, role, given != NULL ? given : pg_cstr(rows, row, url),
                     pg_cstr(rows, row, tenant), pg_cstr(rows, row, database), err) &&
           (row == 0 || side_meet(out, rt, err));
}

/* The first pair's servers are met as soon as each is needed. */
static bool meet_first(struct side *out, struct side *met, struct runtime *rt, int row,
                       struct error *err)
{
    return row > 0 || (side_meet(met, rt, err) && side_at(out, met, NULL, NULL, err));
}

static bool open_pair(struct job *job, struct pair *pair, struct runtime *rt,
                      const struct pg_rows *rows, int row, struct error *err)
{
    bool found = false;
    pair->is_one_of_many = pg_row_count(rows) > 1;
    snprintf(pair->collection, sizeof pair->collection, "%s", pg_cstr(rows, row, "source_name"));
    snprintf(pair->target_name, sizeof pair->target_name, "%s", pg_cstr(rows, row, "target_name"));
    pair->target_exists = true;
    return check_places(rt->options, rows, row, job->name, err) &&
           open_side(&pair->source, &job->source, rt, "source", rows, row, err) &&
           open_side(&pair->target, &job->target, rt, "target", rows, row, err) &&
           meet_first(&pair->source, &job->source, rt, row, err) &&
           side_look_up(&pair->source, rt, pair->collection, &found, err) &&
           check_same(&pair->source, found, pair->collection, pg_text(rows, row, "source_uuid"),
                      job->name, err) &&
           meet_first(&pair->target, &job->target, rt, row, err) &&
           side_look_up(&pair->target, rt, pair->target_name, &found, err) &&
           check_same(&pair->target, found, pair->target_name, pg_text(rows, row, "target_uuid"),
                      job->name, err);
}

static bool open_from_ledger(struct job *job, struct runtime *rt, const struct pg_rows *rows,
                             struct error *err)
{
    job->job_id = pg_i64(rows, 0, "job_id");
    job->is_resumed = true;
    snprintf(job->name, sizeof job->name, "%s", pg_cstr(rows, 0, "name"));
    selection_take(&job->selection, pg_cstr(rows, 0, "selection"));
    if (!job_make_pairs(job, (size_t)pg_row_count(rows), err)) {
        return false;
    }
    for (size_t i = 0; i < job->pair_count; i++) {
        if (!open_pair(job, &job->pairs[i], rt, rows, (int)i, err)) {
            return false;
        }
    }
    if (!job_limits_choose(job, rt->options, err)) {
        return false;
    }
    for (size_t i = 0; i < job->pair_count; i++) {
        if (!target_complete(&job->pairs[i], rt, err)) {
            return false;
        }
    }
    return true;
}

static bool wait_for_landing(struct job *job, struct runtime *rt, struct error *err)
{
    for (size_t i = 0; i < job->pair_count; i++) {
        if (!landing_wait(rt, &job->pairs[i].target.collection.uuid, err)) {
            return false;
        }
    }
    return true;
}

static bool is_over(struct span state_name)
{
    enum job_state state;
    return job_state_parse(state_name, &state) && job_state_is_final(state);
}

/* The job as the ledger knows it; an answer to be freed by the caller. */
static bool find(struct job *job, struct runtime *rt, const char *name, struct answer *found,
                 struct error *err)
{
    int64_t since_ms = 0;
    bool ok;
    memset(job, 0, sizeof *job);
    do {
        answer_deinit(found);
        ok = ledger_find_job(&rt->ledger, name, runtime_answer_fn, found, err) &&
             runtime_await_answer(rt, found, err);
    } while (!ok && runtime_asks_again(rt, &since_ms, err));
    if (ok && pg_row_count(found->rows) == 0) {
        ok = error_set(err, ERROR_BUG, "job %s has no collection", name);
    }
    return ok;
}

bool job_resume(struct job *job, struct runtime *rt, const char *name, struct error *err)
{
    struct answer found = {0};
    bool ok = find(job, rt, name, &found, err) && settings_read(&job->wanted, rt->options, err);
    if (ok && is_over(pg_text(found.rows, 0, "state"))) {
        ok = error_set(err, ERROR_USAGE,
                       "job %s has ended (%s): run migrate to move what is new, or retry %s "
                       "--rejected for what was rejected",
                       name, pg_cstr(found.rows, 0, "state"), name);
    }
    ok = ok && open_from_ledger(job, rt, found.rows, err);
    answer_deinit(&found);
    /* The ledger learns the addresses as they are now, and the job goes on if it was paused or blocked. */
    return ok && job_hand_over(job, rt, err);
}

static bool redrive(struct job *job, struct runtime *rt, const char *reason, int64_t *redriven,
                    struct error *err)
{
    struct answer answer = {0};
    bool ok = runtime_set_patience(rt, REDRIVE_PATIENCE_MS, err) &&
              ledger_redrive(&rt->ledger, job->job_id, reason, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    if (ok) {
        *redriven = pg_i64(answer.rows, 0, "redrive");
    }
    answer_deinit(&answer);
    return runtime_usual_patience(rt, ok, err);
}

/* What the job was to delete when it was begun; a retry takes that off it. */
static void say_what_is_off(const struct job *job, bool caught_up, bool deleted_extra)
{
    if (caught_up && !job->catches_up) {
        fprintf(stderr, "job %s: a retry goes without its --catch-up, unless that is given again\n",
                job->name);
    }
    if (deleted_extra && !job->deletes_extra) {
        fprintf(stderr,
                "job %s: a retry goes without its --delete-extra, unless that is given again\n",
                job->name);
    }
}

/* Both ends are looked at first: what can be refused is refused before the job is opened again. */
bool job_retry(struct job *job, struct runtime *rt, const char *name, const char *reason,
               int64_t *redriven, bool *has_ended, struct error *err)
{
    struct answer found = {0};
    bool ok = find(job, rt, name, &found, err) && settings_read(&job->wanted, rt->options, err) &&
              open_from_ledger(job, rt, found.rows, err) && wait_for_landing(job, rt, err) &&
              redrive(job, rt, reason, redriven, err);
    *has_ended = ok && *redriven == 0 && is_over(pg_text(found.rows, 0, "state"));
    if (ok && !*has_ended) {
        ok = job_hand_over(job, rt, err);
        if (ok) {
            say_what_is_off(job, pg_bool(found.rows, 0, "catches_up"),
                            pg_bool(found.rows, 0, "deletes_extra"));
        }
    }
    answer_deinit(&found);
    return ok;
}
