/* The job that a producer works on: its numbers in the ledger and both its ends. Filled by submit or resume. */
#ifndef PRODUCER_JOB_H
#define PRODUCER_JOB_H

#include "producer/fidelity.h"
#include "producer/limits.h"
#include "producer/selection.h"
#include "producer/settings.h"
#include "producer/side.h"

struct job {
    int64_t job_id;
    int64_t collection_no;
    char name[640];
    const char *wanted_name; /* --job, or NULL; borrowed from the options */
    char collection[520];    /* source's name of it */
    struct settings wanted;  /* as given on the command line */
    char on_existing[16];    /* the one that holds */
    bool is_resumed;
    struct selection selection;
    char scratch
        [SELECTION_NAME_SIZE]; /* of a rehearsal: the collection that is made, if no other is named */
    struct side source;
    struct side target;
    struct fidelity
        fidelity; /* what the target does not get as it is; of a resumed job: still differs */
    int64_t n_planned, n_skipped;
    struct target_limits limits;
};

/* migrate's first half, which writes nothing: resolves both ends and checks that they fit, as far as the target exists. */
MUST_CHECK bool job_look(struct job *job, struct runtime *rt, bool *target_exists,
                         struct error *err);
/* migrate: resolves both ends, checks that they fit, creates the target collection when it is not there, submits. What
 * can be refused is refused before anything is written. */
MUST_CHECK bool job_submit(struct job *job, struct runtime *rt, struct error *err);
/* resume: the ledger knows both ends; --source and --target may give new addresses of the same collections. */
MUST_CHECK bool job_resume(struct job *job, struct runtime *rt, const char *name,
                           struct error *err);
/* retry: as resume, of a job that may have ended; its rejected records (reason NULL: all of them) go again first.
 * *redriven 0: there were none. *has_ended: and the job has ended, so that nothing was begun. */
MUST_CHECK bool job_retry(struct job *job, struct runtime *rt, const char *name, const char *reason,
                          int64_t *redriven, bool *has_ended, struct error *err);
void job_close(struct job *job);

#endif
