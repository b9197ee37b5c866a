/* Reading and telling progress; see progress.h. */
#include "producer/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAY_EVERY_MS 2000

static void copy_text(char *out, size_t size, const struct pg_rows *rows, const char *column)
{
    struct span text = pg_text(rows, 0, column);
    size_t len = text.len < size - 1 ? text.len : size - 1;
    memcpy(out, text.ptr, len);
    out[len] = '\0';
}

bool progress_read(struct progress *out, const struct pg_rows *rows, struct error *err)
{
    struct progress p = {0};
    if (pg_row_count(rows) != 1 || !job_state_parse(pg_text(rows, 0, "state"), &p.state)) {
        return error_set(err, ERROR_NOT_FOUND, "the job is gone from the ledger");
    }
    p.planned = pg_i64(rows, 0, "planned");
    p.published = pg_i64(rows, 0, "published");
    p.verified = pg_i64(rows, 0, "verified");
    p.rejected = pg_i64(rows, 0, "rejected");
    p.vanished = pg_i64(rows, 0, "vanished");
    p.rounded = pg_i64(rows, 0, "rounded");
    p.mismatches = pg_i64(rows, 0, "mismatches");
    p.batches = pg_i64(rows, 0, "batches");
    p.open_batches = pg_i64(rows, 0, "open_batches");
    p.sent_batches = pg_i64(rows, 0, "sent_batches");
    p.waiting_batches = pg_i64(rows, 0, "waiting_batches");
    p.unseen_batches = pg_i64(rows, 0, "unseen_batches");
    p.is_quiet = pg_bool(rows, 0, "is_quiet");
    p.consumers = pg_i64(rows, 0, "consumers");
    p.target_wait_ms = pg_i64(rows, 0, "target_wait_ms");
    p.is_missing_secret = pg_bool(rows, 0, "is_missing_secret");
    p.missing = pg_i64(rows, 0, "missing");
    p.extra = pg_i64(rows, 0, "extra");
    p.added = pg_i64(rows, 0, "added");
    p.deleted = pg_i64(rows, 0, "deleted");
    p.skipped = pg_i64(rows, 0, "skipped");
    p.truncated = pg_i64(rows, 0, "truncated");
    p.is_exact = pg_bool(rows, 0, "is_exact");
    p.caught_up = pg_i64(rows, 0, "caught_up");
    p.removed = pg_i64(rows, 0, "removed");
    p.removed_extra = pg_i64(rows, 0, "removed_extra");
    p.rounds = pg_i64(rows, 0, "rounds");
    p.returned = pg_i64(rows, 0, "returned");
    p.unsettled = pg_i64(rows, 0, "unsettled");
    copy_text(p.first_extra, sizeof p.first_extra, rows, "first_extra");
    copy_text(p.last_error, sizeof p.last_error, rows, "last_error");
    copy_text(p.target_cause, sizeof p.target_cause, rows, "target_cause");
    copy_text(p.worker_waits, sizeof p.worker_waits, rows, "worker_waits");
    copy_text(p.secret_origin, sizeof p.secret_origin, rows, "secret_origin");
    *out = p;
    return true;
}

static void describe_wait(char *out, size_t size, const struct progress *p, const char *own_trouble)
{
    out[0] = '\0';
    if (own_trouble[0] != '\0') {
        snprintf(out, size, "%s", own_trouble);
    } else if (p->open_batches > 0 && p->consumers == 0 &&
               p->published > p->verified + p->rejected + p->vanished) {
        snprintf(out, size, "a consumer: none is running, start ferry-consumer");
    } else if (p->target_wait_ms > 0) {
        snprintf(out, size, "the target, left alone for %" PRId64 " s: %s",
                 p->target_wait_ms / 1000 + 1, p->target_cause);
    } else if (p->worker_waits[0] != '\0') {
        snprintf(out, size, "%s", p->worker_waits);
    } else if (p->open_batches == 0 && !p->is_quiet) {
        snprintf(out, size, "requests of ended claims that may be on their way");
    }
}

static void say(struct progress_lines *lines, const struct job *job, const struct progress *p,
                int64_t done, int64_t now_ms)
{
    double seconds = (double)(now_ms - lines->started_ms) / 1000.0;
    double rate = seconds > 0.1 ? (double)(done - lines->started_done) / seconds : 0;
    fprintf(stderr, "%s: %" PRId64 " of %" PRId64 " records verified (%.1f %%)", job->name,
            p->verified, p->planned,
            p->planned > 0 ? 100.0 * (double)done / (double)p->planned : 100.0);
    if (rate >= 1 && done < p->planned) {
        fprintf(stderr, ", %.0f/s, about %.0f s left", rate, (double)(p->planned - done) / rate);
    }
    if (p->rejected > 0) {
        fprintf(stderr, ", %" PRId64 " rejected", p->rejected);
    }
    if (lines->said_waits[0] != '\0') {
        fprintf(stderr, "; waits for %s", lines->said_waits);
    }
    fputc('\n', stderr);
}

void progress_say(struct progress_lines *lines, const struct job *job, const struct progress *p,
                  const char *own_trouble, int64_t now_ms)
{
    char waits[sizeof lines->said_waits];
    int64_t done = p->verified + p->rejected + p->vanished;
    bool is_first = lines->started_ms == 0;
    if (is_first) {
        lines->started_ms = now_ms;
        lines->started_done = done;
        lines->said_done = -1;
    }
    describe_wait(waits, sizeof waits, p, own_trouble);
    /* A countdown in the text is not a change worth a line. */
    bool wait_changed = strncmp(waits, lines->said_waits, 24) != 0;
    bool is_due = now_ms - lines->said_ms >= SAY_EVERY_MS && done != lines->said_done;
    if (is_first || wait_changed || is_due) {
        snprintf(lines->said_waits, sizeof lines->said_waits, "%s", waits);
        say(lines, job, p, done, now_ms);
        lines->said_ms = now_ms;
        lines->said_done = done;
    }
}

static void conclude_succeeded(const struct progress *p)
{
    if (p->rounded > 0) {
        printf("%" PRId64
               " of them have a metadata float that the target itself rounded by at most 4 ULP\n",
               p->rounded);
    }
    if (p->skipped > 0) {
        printf("%" PRId64 " records were skipped: the target had them before, and they stay as "
               "they are\n",
               p->skipped);
    }
    if (p->truncated > 0) {
        printf("%" PRId64 " of them went with a document that was cut to what the target takes: "
               "SELECT id, message FROM ferry.truncated\n",
               p->truncated);
    }
    if (p->caught_up > 0 || p->removed > 0) {
        printf("caught up with the source in %" PRId64 " rounds: %" PRId64
               " records that were added to it were copied, %" PRId64
               " that were deleted from it were deleted at the target\n",
               p->rounds, p->caught_up, p->removed);
    }
    if (p->removed_extra > 0) {
        printf("%" PRId64 " records that were not of this job were deleted at the target\n",
               p->removed_extra);
    }
    if (p->vanished > 0) {
        printf("%" PRId64 " records vanished from the source after they were listed", p->vanished);
        if (p->returned > 0) {
            printf("; %" PRId64 " were there again at the end, and were planned again",
                   p->returned);
        }
        putchar('\n');
    }
    if (p->added > 0 || p->deleted > 0) {
        printf("since they were listed, %" PRId64 " records were added to the source and %" PRId64
               " deleted from it: run again to move what is new\n",
               p->added, p->deleted);
    }
    if (p->extra > 0) {
        printf("the target holds %" PRId64 " records that are not of this job: %s%s\n", p->extra,
               p->first_extra, p->extra > 3 ? ", …" : "");
    }
    if (p->rejected > 0) {
        printf("%" PRId64 " records were rejected: SELECT id, reason, message FROM ferry.rejects\n",
               p->rejected);
    }
}

static enum exit_code code_of(const struct progress *p)
{
    struct outcome outcome = {.state = p->state,
                              .rejected = p->rejected,
                              .mismatches = p->mismatches,
                              .missing = p->missing,
                              .extra = p->extra,
                              .is_exact = p->is_exact,
                              .unsettled = p->unsettled};
    return outcome_code(&outcome);
}

enum exit_code progress_conclude(const struct job *job, const struct progress *p)
{
    printf("%" PRId64 " of %" PRId64 " records verified", p->verified, p->planned);
    if (job->pair_count > 1) {
        printf(" in %zu collections", job->pair_count);
    }
    putchar('\n');
    switch (p->state) {
    case JOB_SUCCEEDED:
        conclude_succeeded(p);
        if (p->unsettled > 0) {
            fprintf(stderr,
                    "ferry-producer: job %s: %" PRId64
                    " records are still to be copied or deleted after the %" PRId64
                    " rounds that its end may take (--catch-up-rounds): run again\n",
                    job->name, p->unsettled, p->rounds);
        }
        break;
    case JOB_FAILED:
        fprintf(stderr, "ferry-producer: job %s failed: %s\n", job->name, p->last_error);
        break;
    case JOB_BLOCKED:
        fprintf(
            stderr,
            "ferry-producer: job %s is blocked: %s; mend that, then: ferry-producer resume %s\n",
            job->name, p->last_error, job->name);
        break;
    case JOB_CANCELLED:
        fprintf(stderr,
                "ferry-producer: job %s was cancelled; what is verified stays at the target\n",
                job->name);
        break;
    case JOB_PAUSED:
        fprintf(stderr, "ferry-producer: job %s is paused; go on with: ferry-producer resume %s\n",
                job->name, job->name);
        break;
    case JOB_PENDING:
    case JOB_RUNNING:
    case JOB_STATE_COUNT:
        fprintf(stderr,
                "ferry-producer: interrupted; progress is saved, go on with: ferry-producer resume "
                "%s\n",
                job->name);
        break;
    }
    return code_of(p);
}
