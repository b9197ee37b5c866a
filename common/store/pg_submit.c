/*
 * The queue of submissions: copied in, taken out in order, answered as a whole when the connection is lost.
 * Nothing is sent here and no callback runs inside pg_submit(): the next pg_step() does that.
 */
#include <stdlib.h>
#include <string.h>

#include "store/pg_internal.h"

static bool add_size(size_t *total, size_t more)
{
    if (more > PG_SUBMISSION_MAX_BYTES - *total) {
        return false;
    }
    *total += more;
    return true;
}

/* All the memory that one submission takes, 0 when it is more than we carry. */
static size_t total_size(const char *sql, const char *const *params, size_t count)
{
    size_t total = sizeof(struct pg_submission);

    if (count > PG_SUBMISSION_MAX_BYTES / sizeof params[0] || !add_size(&total, strlen(sql) + 1) ||
        !add_size(&total, count * sizeof params[0])) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (params[i] != NULL && !add_size(&total, strlen(params[i]) + 1)) {
            return 0;
        }
    }
    return total;
}

static const char *copy_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = *at;

    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static struct pg_submission *submission_new(const char *sql, const char *const *params,
                                            size_t count, struct error *err)
{
    size_t size = total_size(sql, params, count);
    struct pg_submission *submission;
    char *at;

    if (size == 0) {
        error_set(err, ERROR_LIMIT, "a statement of over %u MiB", PG_SUBMISSION_MAX_BYTES >> 20);
        return NULL;
    }
    submission = malloc(size);
    if (submission == NULL) {
        error_set(err, ERROR_NOMEM, "no memory for a statement of %zu bytes", size);
        return NULL;
    }
    *submission = (struct pg_submission){.param_count = (int)count};
    at = (char *)&submission->params[count];
    submission->sql = copy_text(&at, sql);
    for (size_t i = 0; i < count; i++) {
        submission->params[i] = params[i] == NULL ? NULL : copy_text(&at, params[i]);
    }
    return submission;
}

static bool enqueue(struct pg *pg, struct pg_submission *submission, pg_done_fn *fn, void *ctx,
                    struct error *err)
{
    if (submission == NULL) {
        return false;
    }
    if (pg->is_ending) { /* a callback of pg_free() */
        free(submission);
        return error_set(err, ERROR_CANCELLED, "the ledger connection is closed");
    }
    submission->fn = fn;
    submission->ctx = ctx;
    submission->answer_limit_ms = pg->answer_limit_ms;
    if (pg->tail == NULL) {
        pg->head = submission;
    } else {
        pg->tail->next = submission;
    }
    pg->tail = submission;
    pg->queued++;
    return true;
}

bool pg_submit(struct pg *pg, const char *sql, const char *const *params, size_t count,
               pg_done_fn *fn, void *ctx, struct error *err)
{
    if (count > PQ_QUERY_PARAM_MAX_LIMIT) {
        return error_set(err, ERROR_LIMIT, "a statement with %zu parameters", count);
    }
    return enqueue(pg, submission_new(sql, params, count, err), fn, ctx, err);
}

bool pg_submit_script(struct pg *pg, const char *sql, pg_done_fn *fn, void *ctx, struct error *err)
{
    struct pg_submission *submission = submission_new(sql, NULL, 0, err);

    if (submission != NULL) {
        submission->is_script = true;
    }
    return enqueue(pg, submission, fn, ctx, err);
}

struct pg_submission *pg_queue_pop(struct pg *pg)
{
    struct pg_submission *first = pg->head;

    if (first != NULL) {
        pg->head = first->next;
        if (pg->head == NULL) {
            pg->tail = NULL;
        }
        pg->queued--;
    }
    return first;
}

void pg_fail_all(struct pg *pg, const struct error *why)
{
    struct pg_submission *first = pg->running;

    if (first == NULL) {
        first = pg->head;
    } else {
        first->next = pg->head;
    }
    pg->running = NULL;
    pg->head = NULL;
    pg->tail = NULL;
    pg->queued = 0;
    while (first != NULL) {
        struct pg_submission *next = first->next;

        first->fn(first->ctx, NULL, why);
        free(first);
        first = next;
    }
}
