/*
 * Submitting and resuming: from options or ledger to two resolved ends and a job row. Reads servers and ledger; writes
 * the target collection and the job row only after every check has passed.
 */
#include "producer/job.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "format/json_write.h"
#include "producer/job_limits.h"
#include "producer/landing.h"
#include "producer/target.h"
#include "store/states.h"

#define REDRIVE_PATIENCE_MS (10 * 60 * 1000) /* many batches are shrunk in one statement */

static void write_text(struct buf *out, const char *name, const char *value)
{
    json_write_string(out, span_from_str(name));
    buf_append_byte(out, ':');
    json_write_string(out, span_from_str(value));
    buf_append_byte(out, ',');
}

static void write_side(struct buf *out, const char *role, const struct side *side,
                       uint32_t dimension)
{
    uint32_t max_records = side->limits.max_batch_records < LIMIT_BATCH_RECORDS
                               ? side->limits.max_batch_records
                               : LIMIT_BATCH_RECORDS;
    json_write_string(out, span_from_str(role));
    buf_append_str(out, ":{");
    write_text(out, "url", side->chroma.address.base);
    write_text(out, "origin", side->chroma.address.origin);
    write_text(out, "tenant", side->chroma.tenant);
    write_text(out, "database", side->chroma.database);
    write_text(out, "auth", side->auth_style);
    write_text(out, "uuid", side->collection.uuid.text);
    write_text(out, "name", side->collection.name);
    write_text(out, "space", space_name(side->collection.space));
    if (dimension != 0) {
        buf_printf(out, "\"dimension\":%u,", dimension);
    }
    buf_printf(out, "\"takes_base64\":%s,\"max_batch_records\":%u}",
               side->limits.takes_base64 ? "true" : "false", max_records);
}

/* The JSON object that ferry.submit takes. */
static void write_submission(struct buf *out, const struct job *job, const struct runtime *rt)
{
    uint32_t dimension = job->target.collection.dimension != 0 ? job->target.collection.dimension
                                                               : job->source.collection.dimension;
    buf_append_byte(out, '{');
    if (job->wanted_name != NULL) {
        write_text(out, "name", job->wanted_name);
    }
    write_text(out, "worker", rt->ledger.worker.text);
    if (job->selection.is_part) {
        char title[sizeof job->collection + 16];
        snprintf(title, sizeof title, "%s-rehearsal", job->collection);
        write_text(out, "title", title);
        write_text(out, "selection", job->selection.text);
    }
    if (job->job_id != 0) {
        buf_printf(out, "\"resumes\":%lld,", (long long)job->job_id);
    }
    buf_append_str(out, "\"settings\":");
    settings_write(&job->wanted, out);
    buf_append_byte(out, ',');
    write_side(out, "source", &job->source, job->source.collection.dimension);
    buf_append_byte(out, ',');
    write_side(out, "target", &job->target, dimension);
    buf_append_str(out, ",\"fidelity\":");
    fidelity_write_json(&job->fidelity, out);
    buf_append_byte(out, '}');
}

/* A submission whose answer was lost finds its own job the second time, as one that goes on. */
static bool ask_to_submit(struct runtime *rt, struct span submission, struct answer *answer,
                          struct error *err)
{
    int64_t since_ms = 0;
    bool ok;
    do {
        answer_deinit(answer);
        ok = ledger_submit(&rt->ledger, submission, runtime_answer_fn, answer, err) &&
             runtime_await_answer(rt, answer, err);
    } while (!ok && runtime_asks_again(rt, &since_ms, err));
    return ok;
}

static bool submit(struct job *job, struct runtime *rt, struct error *err)
{
    struct answer answer = {0};
    struct buf submission;
    buf_init(&submission, LIMIT_CONTROL_DOCUMENT);
    write_submission(&submission, job, rt);
    bool ok = buf_check(&submission, "the submission", err) &&
              (job->job_id != 0 || landing_wait(rt, &job->target.collection.uuid, err)) &&
              ask_to_submit(rt, buf_span(&submission), &answer, err);
    if (ok) {
        job->job_id = pg_i64(answer.rows, 0, "job_id");
        job->collection_no = pg_i64(answer.rows, 0, "collection_no");
        job->is_resumed = pg_bool(answer.rows, 0, "is_resumed");
        snprintf(job->name, sizeof job->name, "%s", pg_cstr(answer.rows, 0, "job_name"));
        snprintf(job->on_existing, sizeof job->on_existing, "%s",
                 pg_cstr(answer.rows, 0, "on_existing"));
    }
    answer_deinit(&answer);
    buf_deinit(&submission);
    return ok && (!job->is_resumed || job_limits_settle(job, rt, err));
}

/* A rehearsal goes to a collection of its own: a variable that is set for the real one does not name it. */
static const char *target_name_of(const struct job *job, const struct option_set *options)
{
    const char *name = option_text(options, "target-collection");
    if (job->selection.is_part &&
        option_origin(options, "target-collection") != OPTION_COMMAND_LINE) {
        return job->scratch;
    }
    return name != NULL ? name : option_text(options, "collection");
}

bool job_look(struct job *job, struct runtime *rt, bool *target_exists, struct error *err)
{
    const char *name = option_text(rt->options, "collection");
    bool found = false;

    memset(job, 0, sizeof *job);
    job->wanted_name = option_text(rt->options, "job");
    selection_name(name, rng_next(&rt->rng), job->scratch);
    if (!selection_read(&job->selection, rt->options, rng_next(&rt->rng), err) ||
        !settings_read(&job->wanted, rt->options, err) ||
        !side_open(&job->source, rt, "source", NULL, NULL, NULL, err) ||
        !side_open(&job->target, rt, "target", NULL, NULL, NULL, err) ||
        !side_resolve(&job->source, rt, name, &found, err)) {
        return false;
    }
    if (!found) {
        return error_set(err, ERROR_NOT_FOUND,
                         "source %s: collection \"%s\" does not exist in %s/%s",
                         job->source.chroma.address.base, name, job->source.chroma.tenant,
                         job->source.chroma.database);
    }
    snprintf(job->collection, sizeof job->collection, "%s", job->source.collection.name);
    return side_resolve(&job->target, rt, target_name_of(job, rt->options), target_exists, err) &&
           job_limits_choose(job, rt->options, err) &&
           (*target_exists || side_look_for_place(&job->target, rt, err)) &&
           target_look(job, *target_exists, err);
}

bool job_submit(struct job *job, struct runtime *rt, struct error *err)
{
    bool found = false;
    if (!job_look(job, rt, &found, err)) {
        return false;
    }
    const char *target_name = target_name_of(job, rt->options);
    return job_limits_check(job, rt, target_name, err) &&
           target_prepare(job, rt, target_name, found, err) && submit(job, rt, err);
}

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

/* Tenants and databases are the job's own: a flag that names another one must not go unheard. What the environment says is
 * meant for new jobs. */
static bool check_place(const struct option_set *options, const char *name, const char *own,
                        const char *job, struct error *err)
{
    if (option_origin(options, name) != OPTION_COMMAND_LINE ||
        strcmp(option_text(options, name), own) == 0) {
        return true;
    }
    return error_set(err, ERROR_USAGE, "--%s %s is not that of job %s, which has %s", name,
                     option_text(options, name), job, own);
}

static bool check_places(const struct option_set *options, const struct pg_rows *row,
                         const char *job, struct error *err)
{
    return check_place(options, "source-tenant", pg_cstr(row, 0, "source_tenant"), job, err) &&
           check_place(options, "source-database", pg_cstr(row, 0, "source_database"), job, err) &&
           check_place(options, "target-tenant", pg_cstr(row, 0, "target_tenant"), job, err) &&
           check_place(options, "target-database", pg_cstr(row, 0, "target_database"), job, err);
}

static bool open_from_ledger(struct job *job, struct runtime *rt, const struct pg_rows *row,
                             struct error *err)
{
    bool found = false;
    const char *source = option_text(rt->options, "source");
    const char *target = option_text(rt->options, "target");
    job->job_id = pg_i64(row, 0, "job_id");
    job->collection_no = pg_i64(row, 0, "collection_no");
    job->is_resumed = true;
    snprintf(job->name, sizeof job->name, "%s", pg_cstr(row, 0, "name"));
    snprintf(job->collection, sizeof job->collection, "%s", pg_cstr(row, 0, "source_name"));
    selection_take(&job->selection, pg_cstr(row, 0, "selection"));
    return check_places(rt->options, row, job->name, err) &&
           side_open(&job->source, rt, "source",
                     source != NULL ? source : pg_cstr(row, 0, "source_url"),
                     pg_cstr(row, 0, "source_tenant"), pg_cstr(row, 0, "source_database"), err) &&
           side_open(&job->target, rt, "target",
                     target != NULL ? target : pg_cstr(row, 0, "target_url"),
                     pg_cstr(row, 0, "target_tenant"), pg_cstr(row, 0, "target_database"), err) &&
           side_resolve(&job->source, rt, job->collection, &found, err) &&
           check_same(&job->source, found, job->collection, pg_text(row, 0, "source_uuid"),
                      job->name, err) &&
           side_resolve(&job->target, rt, pg_cstr(row, 0, "target_name"), &found, err) &&
           check_same(&job->target, found, pg_cstr(row, 0, "target_name"),
                      pg_text(row, 0, "target_uuid"), job->name, err) &&
           job_limits_choose(job, rt->options, err) && target_complete(job, rt, err);
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
    return ok && submit(job, rt, err);
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
    return ok && runtime_set_patience(rt, 0, err);
}

/* Both ends are looked at first: what can be refused is refused before the job is opened again. */
bool job_retry(struct job *job, struct runtime *rt, const char *name, const char *reason,
               int64_t *redriven, bool *has_ended, struct error *err)
{
    struct answer found = {0};
    bool ok = find(job, rt, name, &found, err) && settings_read(&job->wanted, rt->options, err) &&
              open_from_ledger(job, rt, found.rows, err) &&
              landing_wait(rt, &job->target.collection.uuid, err) &&
              redrive(job, rt, reason, redriven, err);
    *has_ended = ok && *redriven == 0 && is_over(pg_text(found.rows, 0, "state"));
    answer_deinit(&found);
    return ok && (*has_ended || submit(job, rt, err));
}

void job_close(struct job *job)
{
    side_close(&job->source);
    side_close(&job->target);
}
