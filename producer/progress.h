/* How far a job is, as the ledger says, and the lines that tell people. */
#ifndef PRODUCER_PROGRESS_H
#define PRODUCER_PROGRESS_H

#include "producer/job.h"
#include "run/outcome.h"

struct progress {
    enum job_state state;
    char last_error[1024];
    int64_t planned, published, verified, rejected, vanished, rounded, mismatches;
    int64_t batches, open_batches, sent_batches, waiting_batches;
    int64_t unseen_batches; /* redriven, to be looked for at the target before they are exported */
    bool is_quiet;          /* no request of an ended claim can be in flight any more */
    int64_t consumers;      /* alive */
    int64_t target_wait_ms; /* > 0: the target is being left alone */
    char target_cause[512];
    char worker_waits[256];
    bool is_missing_secret;
    char secret_origin[300];
    int64_t missing, extra, added, deleted;            /* of the end's comparison */
    char first_extra[512];                             /* some of the extra ids, quoted */
    bool is_exact;                                     /* extra records forbid success */
    int64_t caught_up, removed, removed_extra, rounds; /* what the end copied and deleted */
    int64_t returned;  /* vanished, then there again: planned twice */
    int64_t unsettled; /* what one more round of the end would have copied or deleted */
    int64_t skipped;   /* left as the target had them */
    int64_t truncated; /* verified, with a document that was cut as wanted */
};

MUST_CHECK bool progress_read(struct progress *out, const struct pg_rows *rows, struct error *err);

struct progress_lines { /* what has been said, so that nothing is repeated */
    int64_t started_ms;
    int64_t started_done; /* records final when we began: the rate counts ours only */
    int64_t said_ms;
    int64_t said_done;
    char said_waits[600];
};

/* One line on stderr at most every two seconds, and whenever what the job waits for changes. own_trouble: what this
 * producer itself is failing with, or "". */
void progress_say(struct progress_lines *lines, const struct job *job,
                  const struct progress *progress, const char *own_trouble, int64_t now_ms);
/* The last words: result on stdout, reasons on stderr. Answers the exit code (run/outcome.h). */
enum exit_code progress_conclude(const struct job *job, const struct progress *progress);

#endif
