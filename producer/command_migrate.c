/*
 * ferry-producer migrate, resume and retry: connect, resolve, plan, then export and follow to the end. Reads top to bottom like
 * the README's picture.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exit_code.h"
#include "producer/bus_options.h"
#include "producer/follow.h"
#include "producer/mapping.h"
#include "producer/options.h"
#include "producer/plan.h"
#include "producer/scratch.h"
#include "run/letters.h"

struct voyage { /* everything one run needs; on the heap: callbacks point into it until the end */
    struct runtime rt;
    struct job job;
    struct follower follower;
    struct bus_settings bus;
    bool is_done; /* there was nothing to begin: the job stays as it ended */
    bool is_removed_after;
};

static bool connect_all(struct voyage *v, const struct option_set *options, struct error *err)
{
    bool created = false;
    return runtime_open(&v->rt, options, "producer", err) &&
           bus_options_read(&v->rt, NULL, &v->bus, err) &&
           runtime_connect(&v->rt, RUNTIME_REGISTERED, err) &&
           bus_options_read(&v->rt, &v->rt.ledger.uuid, &v->bus, err) &&
           bus_ensure_topic(&v->bus, 0, false, &created, err) &&
           letters_ensure_topic(&v->bus, option_text(options, "dead-letter-topic"), false, &created,
                                err);
}

static void announce_deletion(const struct job *job, const char *flag, const char *setting,
                              const char *what)
{
    fprintf(stderr,
            "job %s has --%s: at its end it deletes %s; SELECT ferry.change_settings(%lld, "
            "'{\"%s\": false}') takes that off\n",
            job->name, flag, what, (long long)job->job_id, setting);
}

/* What a job that goes on deletes may have been asked for long ago, and by somebody else. */
static void announce_deletions(const struct job *job)
{
    if (job->deletes_extra) {
        announce_deletion(job, "delete-extra", "delete_extra",
                          "what the target holds beyond the source");
    }
    if (job->catches_up) {
        announce_deletion(job, "catch-up", "catch_up",
                          "at the target what it has copied and the source has no more");
    }
}

static void announce(const struct job *job)
{
    mapping_tell(job, stderr);
    if (job->is_resumed) {
        fprintf(stderr, "job %s goes on\n", job->name);
        announce_deletions(job);
    }
    if (job->wanted.on_existing != NULL && strcmp(job->wanted.on_existing, job->on_existing) != 0) {
        fprintf(stderr,
                "job %s was planned with --on-existing %s, and that holds; --on-existing %s is not "
                "taken\n",
                job->name, job->on_existing, job->wanted.on_existing);
    }
}

/* Everything that is to be moved has been moved before. */
static void say_nothing_to_do(const struct plan_result *plan)
{
    if (plan->source_ids < 0) {
        printf("0 records to send: another producer has planned this meanwhile\n");
    } else if (plan->is_answer_lost) {
        printf(
            "0 records to send: all %lld were moved by earlier jobs, or are at the target (their "
            "contents were not compared; the ledger's answer was lost)\n",
            (long long)plan->source_ids);
    } else if (plan->is_by_target) {
        printf("0 records to send: the target has the ids of all %lld (their contents were not "
               "compared: what earlier jobs verified was purged)\n",
               (long long)plan->source_ids);
    } else if (plan->n_skipped > 0) {
        printf("0 records to send: %lld were verified by earlier jobs (their contents were not "
               "compared again), %lld were skipped: they existed at the target\n",
               (long long)(plan->source_ids - plan->n_skipped), (long long)plan->n_skipped);
    } else {
        printf("0 records to send: all %lld were verified by earlier jobs (their contents were "
               "not compared again)\n",
               (long long)plan->source_ids);
    }
}

/* Of one that did not succeed the collection stays, to be looked at. */
static bool end_rehearsal(struct voyage *v, enum exit_code code, struct error *err)
{
    bool is_over = code == EXIT_DONE || code == EXIT_REJECTS;
    if (!v->job.selection.is_part) {
        return true;
    }
    if (is_over && v->is_removed_after) {
        return scratch_remove(&v->rt, v->job.name, false, err);
    }
    const char *until = is_over ? "" : ", once the job has ended or was cancelled";
    if (v->job.pair_count > 1) {
        fprintf(stderr,
                "the rehearsal's %zu collections stay; ferry-producer drop-rehearsal %s removes "
                "them%s\n",
                v->job.pair_count, v->job.name, until);
        return true;
    }
    fprintf(
        stderr,
        "the rehearsal's collection \"%s\" stays; ferry-producer drop-rehearsal %s removes it%s\n",
        v->job.pairs[0].target_name, v->job.name, until);
    return true;
}

/* Of a job that had ended and goes on with nothing. */
static bool tell_end(struct voyage *v, enum exit_code *code, struct error *err)
{
    struct answer answer = {0};
    struct progress progress;
    bool ok = ledger_job_progress(&v->rt.ledger, v->job.job_id, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(&v->rt, &answer, err) &&
              progress_read(&progress, answer.rows, err);
    if (ok) {
        *code = progress_conclude(&v->job, &progress);
        printf("0 records to send\n");
    }
    answer_deinit(&answer);
    return ok;
}

static bool run(struct voyage *v, enum exit_code *code, struct error *err)
{
    struct plan_result plan;
    if (v->is_done) {
        return tell_end(v, code, err);
    }
    v->follower.rt = &v->rt;
    v->follower.job = &v->job;
    if (!runtime_heartbeat(&v->rt, follower_holdings, follower_renewed, &v->follower, err)) {
        return false;
    }
    runtime_before_hang_up(&v->rt, follower_hang_up);
    announce(&v->job);
    if (!plan_run(&v->rt, &v->job, &plan, err)) {
        return error_wrap(err, "plan job %s", v->job.name);
    }
    if (plan.is_by_target) {
        fprintf(stderr,
                "job %s: the lists of an earlier job were purged: what the target has is taken for "
                "moved, and only what is absent there is sent\n",
                v->job.name);
    }
    if (plan.outcome == PLAN_NOTHING) {
        say_nothing_to_do(&plan);
        *code = EXIT_DONE;
        return true;
    }
    if (plan.source_ids > 0) {
        fprintf(stderr, "job %s: %lld of %lld source records to move\n", v->job.name,
                (long long)plan.n_planned, (long long)plan.source_ids);
        if (plan.n_skipped > 0) {
            fprintf(stderr, "job %s: %lld skipped, because the target had them before\n",
                    v->job.name, (long long)plan.n_skipped);
        }
    }
    return follow_run(&v->follower, &v->bus, code, err) && end_rehearsal(v, *code, err);
}

typedef bool begin_fn(struct voyage *v, const struct option_set *options, struct error *err);

static bool begin_migrate(struct voyage *v, const struct option_set *options, struct error *err)
{
    v->is_removed_after = option_flag(options, "remove-after");
    return job_submit(&v->job, &v->rt, err);
}

static bool begin_resume(struct voyage *v, const struct option_set *options, struct error *err)
{
    return job_resume(&v->job, &v->rt, option_word(options, 0), err);
}

static bool begin_retry(struct voyage *v, const struct option_set *options, struct error *err)
{
    const char *reason = option_text(options, "reason");
    int64_t redriven = 0;
    if (!job_retry(&v->job, &v->rt, option_word(options, 0), reason, &redriven, &v->is_done, err)) {
        return false;
    }
    if (redriven == 0 && reason != NULL) {
        fprintf(stderr,
                "job %s: no rejected record has the reason \"%.100s\" (see ferry.rejects)\n",
                v->job.name, reason);
    } else {
        fprintf(stderr, "job %s: %lld rejected records%s%s go again\n", v->job.name,
                (long long)redriven, reason != NULL ? " with reason " : "",
                reason != NULL ? reason : "");
    }
    return true;
}

static int sail(const char *command, const struct option_set *options, begin_fn *begin)
{
    struct error err = {0};
    struct target_limits checked; /* what is wrong with them is said before anything is asked */
    enum exit_code code = EXIT_BUG;
    struct voyage *v = calloc(1, sizeof *v);
    if (v == NULL) {
        fprintf(stderr, "ferry-producer %s: out of memory\n", command);
        return EXIT_BUG;
    }
    bool ok = limits_from_options(options, "none", &checked, &err) &&
              connect_all(v, options, &err) && begin(v, options, &err) && run(v, &code, &err);
    follower_hang_up(&v->follower);
    runtime_close(&v->rt);
    answer_deinit(&v->follower.asked);
    job_close(&v->job);
    free(v);
    if (!ok) {
        fprintf(stderr, "ferry-producer %s: %s\n", command, err.message);
        return (int)exit_code_for(&err);
    }
    return (int)code;
}

/* Wherever a job is named, its number does as well. */
static bool check_job_name(const struct option_set *options, struct error *err)
{
    const char *name = option_text(options, "job");
    return name == NULL || name[strspn(name, "0123456789")] != '\0' ||
           error_set(err, ERROR_USAGE,
                     "--job %.40s would be taken for the number of a job: give it a letter", name);
}

int command_migrate(const struct option_set *options)
{
    struct selection checked; /* what contradicts itself is said before anything is asked */
    struct mapping mapping;
    struct error err = {0};
    memset(&mapping, 0, sizeof mapping);
    bool ok = check_job_name(options, &err) && selection_read(&checked, options, 0, &err) &&
              mapping_read(&mapping, options, &err);
    mapping_close(&mapping);
    if (!ok) {
        fprintf(stderr, "ferry-producer migrate: %s\n", err.message);
        return EXIT_USAGE;
    }
    if (option_flag(options, "dry-run")) {
        return command_dry_run(options);
    }
    if (option_flag(options, "json")) {
        fprintf(stderr, "ferry-producer migrate: --json goes with --dry-run; of a job, ask "
                        "ferry-producer status --json\n");
        return EXIT_USAGE;
    }
    return sail("migrate", options, begin_migrate);
}

int command_resume(const struct option_set *options)
{
    if (option_word_count(options) != 1) {
        fprintf(stderr, "ferry-producer resume: name the job: ferry-producer resume JOB (see "
                        "ferry-producer status)\n");
        return EXIT_USAGE;
    }
    return sail("resume", options, begin_resume);
}

int command_retry(const struct option_set *options)
{
    if (option_word_count(options) != 1 || !option_flag(options, "rejected")) {
        fprintf(stderr, "ferry-producer retry: name the job and what of it goes again: "
                        "ferry-producer retry JOB --rejected (see ferry.rejects)\n");
        return EXIT_USAGE;
    }
    return sail("retry", options, begin_retry);
}
