/* The job that a producer works on: its numbers in the ledger and its pairs of collections. Filled by submit or resume. */
#ifndef PRODUCER_JOB_H
#define PRODUCER_JOB_H

#include "producer/fidelity.h"
#include "producer/limits.h"
#include "producer/selection.h"
#include "producer/settings.h"
#include "producer/side.h"

#define PAIR_WORDS 800 /* room for pair_which */

struct pair { /* one collection of a job and its two ends */
    int64_t collection_no;
    char collection[520];  /* source's name of it */
    char target_name[520]; /* what it is, or will be, at the target */
    bool target_exists;    /* when it was looked at */
    bool is_made;          /* by this program, in this run */
    bool is_one_of_many;
    bool is_scratch; /* of a rehearsal: its target is made for it, and must not be there before */
    struct side source;
    struct side target;
    struct fidelity
        fidelity; /* what the target does not get as it is; of a resumed job: still differs */
    int64_t n_planned, n_skipped;
};

struct job {
    int64_t job_id;
    char name[640];
    const char *wanted_name; /* --job, or NULL; borrowed from the options */
    char title[128];         /* what it is named after else; "": its collection */
    struct settings wanted;  /* as given on the command line */
    bool waits_for_others; /* --queue: for the end of a job that writes into a target collection */
    char on_existing[16];  /* the one that holds */
    bool is_resumed;
    /* what it deletes at its end, whoever asked for that */
    bool catches_up, deletes_extra;
    struct selection selection;
    struct side source; /* both servers, as the first pair, or the options, name them */
    struct side target;
    struct pair *pairs; /* owned; at least one, in the order of collection_no */
    size_t pair_count;
    struct target_limits limits;
};

/* The pair of that number, or NULL. */
struct pair *job_pair(const struct job *job, int64_t collection_no);
/* "collection docs of TENANT/DATABASE: " for messages; "" where the job has only one. */
void pair_which(const struct job *job, const struct pair *pair, char out[PAIR_WORDS]);

/* migrate's first half, which writes nothing: finds the pairs, resolves both ends of each and checks that they fit, as far as
 * the targets exist. */
MUST_CHECK bool job_look(struct job *job, struct runtime *rt, struct error *err);
/* Is there a place for the pair's target collection, which is not there? side_look_for_place(), unless an earlier pair's was
 * the same: that is made, if need be, before this one is. */
MUST_CHECK bool job_look_for_place(struct job *job, struct pair *pair, struct runtime *rt,
                                   struct error *err);
/* A collection that is written to must not be read by the same job: ERROR_USAGE. Both ends have been looked up. */
MUST_CHECK bool job_check_apart(const struct job *job, struct error *err);
/* migrate: job_look, creates the target collections that are not there, submits. What can be refused is refused before
 * anything is written; what was made is removed again when it is refused nevertheless. */
MUST_CHECK bool job_submit(struct job *job, struct runtime *rt, struct error *err);
/* resume: the ledger knows both ends; --source and --target may give new addresses of the same collections. */
MUST_CHECK bool job_resume(struct job *job, struct runtime *rt, const char *name,
                           struct error *err);
/* retry: as resume, of a job that may have ended; its rejected records (reason NULL: all of them) go again first.
 * *redriven 0: there were none. *has_ended: and the job has ended, so that nothing was begun. */
MUST_CHECK bool job_retry(struct job *job, struct runtime *rt, const char *name, const char *reason,
                          int64_t *redriven, bool *has_ended, struct error *err);
void job_close(struct job *job);
/* Tenants and databases are the job's own (own; job: its name): a flag (name) that names another one must not go unheard,
 * ERROR_USAGE. What the environment says is meant for new jobs. */
MUST_CHECK bool job_check_place(const struct option_set *options, const char *name, const char *own,
                                const char *job, struct error *err);

/* job_submit.c, for job.c: would the ledger refuse this job? Asked before anything is made at the target; with --queue what a
 * wait will mend is no refusal. */
MUST_CHECK bool job_check(struct job *job, struct runtime *rt, struct error *err);
/* job_submit.c, for job.c and job_resume.c: hands the pairs to the ledger, which makes the job or finds the unfinished one. */
MUST_CHECK bool job_hand_over(struct job *job, struct runtime *rt, struct error *err);
/* Room for so many pairs, zeroed. */
MUST_CHECK bool job_make_pairs(struct job *job, size_t count, struct error *err);

#endif
