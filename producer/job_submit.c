/* Handing a job to the ledger: the submission as JSON, and what it answers; see job.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "format/json_write.h"
#include "producer/job.h"
#include "producer/job_limits.h"
#include "producer/landing.h"

#define PATIENCE_MS    (5 * 60 * 1000)
#define ASK_AGAIN_MS   500
#define SQLSTATE_LATER "FE005" /* another job is at work there */
#define PAIR_BYTES                                                                                 \
    (64u * KIB) /* of one pair in a submission: names, and what its target does not get */

static void write_text(struct buf *out, const char *name, const char *value)
{
    json_write_string(out, span_from_str(name));
    buf_append_byte(out, ':');
    json_write_string(out, span_from_str(value));
    buf_append_byte(out, ',');
}

/* A target collection that is not there yet: its place and its name are known. */
static void write_wanted(struct buf *out, const struct pair *pair)
{
    const struct chroma *chroma = &pair->target.chroma;
    buf_append_str(out, "\"target\":{");
    write_text(out, "url", chroma->address.base);
    write_text(out, "tenant", chroma->tenant);
    write_text(out, "database", chroma->database);
    buf_append_str(out, "\"name\":");
    json_write_string(out, span_from_str(pair->target_name));
    buf_append_byte(out, '}');
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

static void write_pair(struct buf *out, const struct pair *pair)
{
    uint32_t dimension = pair->target.collection.dimension != 0 ? pair->target.collection.dimension
                                                                : pair->source.collection.dimension;
    buf_append_byte(out, '{');
    write_side(out, "source", &pair->source, pair->source.collection.dimension);
    buf_append_byte(out, ',');
    if (pair->target.has_collection) {
        write_side(out, "target", &pair->target, dimension);
    } else {
        write_wanted(out, pair);
    }
    buf_append_str(out, ",\"fidelity\":");
    fidelity_write_json(&pair->fidelity, out);
    buf_append_byte(out, '}');
}

/* The JSON object that ferry.submit takes. */
static void write_submission(struct buf *out, const struct job *job, const struct runtime *rt)
{
    buf_append_byte(out, '{');
    if (job->wanted_name != NULL) {
        write_text(out, "name", job->wanted_name);
    }
    const char *title = job->title;
    char rehearsal[sizeof job->pairs->collection + 16];
    if (job->selection.is_part) {
        snprintf(rehearsal, sizeof rehearsal, "%s-rehearsal",
                 title[0] != '\0' ? title : job->pairs[0].collection);
        title = rehearsal;
        write_text(out, "selection", job->selection.text);
    }
    if (title[0] != '\0') {
        write_text(out, "title", title);
    }
    write_text(out, "worker", rt->ledger.worker.text);
    if (job->job_id != 0) {
        buf_printf(out, "\"resumes\":%lld,", (long long)job->job_id);
    }
    buf_append_str(out, "\"settings\":");
    settings_write(&job->wanted, out);
    buf_append_str(out, ",\"collections\":[");
    for (size_t i = 0; i < job->pair_count; i++) {
        buf_append_str(out, i > 0 ? "," : "");
        write_pair(out, &job->pairs[i]);
    }
    buf_append_str(out, "]}");
}

static bool wait_for_landing(struct job *job, struct runtime *rt, struct error *err)
{
    for (size_t i = 0; job->job_id == 0 && i < job->pair_count; i++) {
        if (!landing_wait(rt, &job->pairs[i].target.collection.uuid, err)) {
            return false;
        }
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    int64_t left = ((const struct pair *)a)->collection_no;
    int64_t right = ((const struct pair *)b)->collection_no;
    return (left > right) - (left < right);
}

static bool take_answer(struct job *job, const struct pg_rows *rows, struct error *err)
{
    if ((size_t)pg_row_count(rows) != job->pair_count) {
        return error_set(err, ERROR_BUG, "the ledger answers %d collections of %zu",
                         pg_row_count(rows), job->pair_count);
    }
    job->job_id = pg_i64(rows, 0, "job_id");
    job->is_resumed = pg_bool(rows, 0, "is_resumed");
    job->catches_up = pg_bool(rows, 0, "catches_up");
    job->deletes_extra = pg_bool(rows, 0, "deletes_extra");
    snprintf(job->name, sizeof job->name, "%s", pg_cstr(rows, 0, "job_name"));
    snprintf(job->on_existing, sizeof job->on_existing, "%s", pg_cstr(rows, 0, "on_existing"));
    for (size_t i = 0; i < job->pair_count; i++) {
        job->pairs[i].collection_no = pg_i64(rows, (int)i, "collection_no");
    }
    qsort(job->pairs, job->pair_count, sizeof *job->pairs, by_number);
    return true;
}

static void holds_nothing(void *ctx, struct runtime_holdings *held)
{
    (void)ctx;
    (void)held;
}

struct queue { /* of --queue: what it waited for last, and whether the ledger hears that it does */
    char said[sizeof((struct error *)0)->message];
    bool is_beating;
};

static bool say_queue(struct runtime *rt, struct queue *queue, struct error *err)
{
    char *advice = strstr(err->message, ": run again"); /* is for who does not wait */

    if (advice != NULL) {
        *advice = '\0';
    }
    if (strcmp(queue->said, err->message) != 0) {
        memcpy(queue->said, err->message, sizeof queue->said);
        fprintf(stderr, "waits in the queue: %s\n", err->message);
        runtime_waits(rt, err->message);
    }
    error_clear(err);
    if (!queue->is_beating) {
        queue->is_beating = runtime_heartbeat(rt, holds_nothing, NULL, NULL, err);
    }
    return queue->is_beating;
}

/* One job at a time writes into a collection; and a queue outlasts whoever holds the ledger's rows for long, as a purge or a retry
 * of a large job does, and a ledger that is away. True: ask again. */
static bool has_waited(struct runtime *rt, struct queue *queue, struct error *err)
{
    while (err->kind == ERROR_UNAVAILABLE) {
        struct error lost = *err;
        int64_t since_ms = 0;
        if (!say_queue(rt, queue, err)) {
            return false;
        }
        if (strcmp(lost.sqlstate, SQLSTATE_LATER) == 0) {
            return runtime_sleep(rt, ASK_AGAIN_MS, err);
        }
        *err = lost;
        if (runtime_asks_again(rt, &since_ms, err)) {
            return true;
        }
    }
    return false;
}

/* Of a thousand pairs it takes longer than the usual statement may; a new connection has forgotten that. */
static bool be_patient(const struct job *job, struct runtime *rt, struct error *err)
{
    return job->pair_count == 1 || runtime_set_patience(rt, PATIENCE_MS, err);
}

/* A submission whose answer was lost finds its own job the second time, as one that goes on. */
static bool ask_to_submit(const struct job *job, struct runtime *rt, struct span submission,
                          struct answer *answer, struct error *err)
{
    struct queue queue = {0};
    int64_t since_ms = 0;
    bool ok;
    do {
        answer_deinit(answer);
        ok = be_patient(job, rt, err) &&
             ledger_submit(&rt->ledger, submission, runtime_answer_fn, answer, err) &&
             runtime_await_answer(rt, answer, err);
    } while (!ok && (job->waits_for_others ? has_waited(rt, &queue, err)
                                           : runtime_asks_again(rt, &since_ms, err)));
    runtime_waits(rt, "");
    return ok;
}

static bool begin_submission(struct buf *submission, const struct job *job,
                             const struct runtime *rt, struct error *err)
{
    buf_init(submission, LIMIT_CONTROL_DOCUMENT + job->pair_count * PAIR_BYTES);
    write_submission(submission, job, rt);
    return buf_check(submission, "the submission", err);
}

bool job_check(struct job *job, struct runtime *rt, struct error *err)
{
    struct buf submission;
    int64_t since_ms = 0;
    bool ok = begin_submission(&submission, job, rt, err);
    bool is_asked = !ok;
    while (!is_asked) {
        struct answer answer = {0};
        ok = be_patient(job, rt, err) &&
             ledger_check_submission(&rt->ledger, buf_span(&submission), runtime_answer_fn, &answer,
                                     err) &&
             runtime_await_answer(rt, &answer, err);
        answer_deinit(&answer);
        is_asked = ok || !runtime_asks_again(rt, &since_ms, err);
    }
    if (!ok && job->waits_for_others && strcmp(err->sqlstate, SQLSTATE_LATER) == 0) {
        error_clear(err); /* it waits for that when it is handed over */
        ok = true;
    }
    buf_deinit(&submission);
    return job->pair_count == 1 ? ok : runtime_usual_patience(rt, ok, err);
}

bool job_hand_over(struct job *job, struct runtime *rt, struct error *err)
{
    struct answer answer = {0};
    struct buf submission;
    bool ok = begin_submission(&submission, job, rt, err) && wait_for_landing(job, rt, err) &&
              ask_to_submit(job, rt, buf_span(&submission), &answer, err) &&
              (job->pair_count == 1 || runtime_usual_patience(rt, true, err)) &&
              take_answer(job, answer.rows, err);
    answer_deinit(&answer);
    buf_deinit(&submission);
    return ok && (!job->is_resumed || job_limits_settle(job, rt, err));
}
