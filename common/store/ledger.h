/*
 * The ledger's statements: one C function per step of PROTOCOL, each calling the SQL function of the same name
 * (schemas/ledger), set-wise and asynchronous. Answers come as rows to the caller's callback; the columns are those of
 * the SQL function. A row that is not answered has moved on: drop the work, change nothing else.
 * All return false with *err only when the statement could not even be queued. Everything passed in is copied.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/pg.h"

struct ledger { /* who we are, for every statement */
    struct pg *pg;
    struct uuid worker;
    struct uuid uuid; /* the ledger's own, after ledger_start_worker has answered */
    int64_t lease_ms;
};

/* ---- workers and leases (0006_delivery.sql) ---- */

struct ledger_claim { /* a claim that this worker holds, of either program */
    int64_t job_id;
    int64_t batch_no;
    int64_t fence;
};
/* kind: "producer" or "consumer". Answers start_worker = the ledger's UUID. */
MUST_CHECK bool ledger_start_worker(struct ledger *ledger, const char *kind, const char *version,
                                    pg_done_fn *fn, void *ctx, struct error *err);
/* job_id 0: none; partitions -1: not known. Answers the claims that are still ours: job_id, batch_no, fence. */
MUST_CHECK bool ledger_renew(struct ledger *ledger, int64_t job_id,
                             const struct ledger_claim *claims, size_t count, const char *waits_for,
                             const char *const *missing_secrets, size_t missing_count,
                             int64_t foreign_messages, int64_t partitions, pg_done_fn *fn,
                             void *ctx, struct error *err);
MUST_CHECK bool ledger_stop_worker(struct ledger *ledger, pg_done_fn *fn, void *ctx,
                                   struct error *err);

/* How long the server may work on one statement from now on; a new connection forgets it. 0: the usual 15 s. */
MUST_CHECK bool ledger_set_patience(struct ledger *ledger, uint32_t ms, pg_done_fn *fn, void *ctx,
                                    struct error *err);

/* ---- jobs and planning (0002_jobs.sql, 0003_planning.sql) ---- */

/* submission: the JSON object that ferry.submit takes. Answers job_id, collection_no, job_name, job_state, is_resumed. */
MUST_CHECK bool ledger_submit(struct ledger *ledger, struct span submission, pg_done_fn *fn,
                              void *ctx, struct error *err);
/* What ledger_submit would refuse is refused; nothing is written. */
MUST_CHECK bool ledger_check_submission(struct ledger *ledger, struct span submission,
                                        pg_done_fn *fn, void *ctx, struct error *err);
/* Answers has: a job moves, or has moved, into this collection. */
MUST_CHECK bool ledger_has_target(struct ledger *ledger, const struct uuid *target, pg_done_fn *fn,
                                  void *ctx, struct error *err);
MUST_CHECK bool ledger_plan_take(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                 pg_done_fn *fn, void *ctx, struct error *err);
/* side: 's' source, 't' target. Answers staged: how many were new. */
/* After the source's listing. Answers plan_select: how many of its ids the job's selection leaves. */
MUST_CHECK bool ledger_plan_select(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                   int64_t epoch, pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_plan_add(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                int64_t epoch, char side, int64_t first_ordinal,
                                const struct span *ids, size_t count, pg_done_fn *fn, void *ctx,
                                struct error *err);
MUST_CHECK bool ledger_plan_prior(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                  int64_t epoch, pg_done_fn *fn, void *ctx, struct error *err);
/* Of the ids asked for before, the target has those as the source has them. Answers plan_doubtful: the next ids, as ids_read takes
 * them, or null. */
MUST_CHECK bool ledger_plan_doubtful(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                     int64_t epoch, const struct span *asked, size_t asked_count,
                                     const struct span *own, size_t own_count, int64_t most,
                                     pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_plan_cut(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                int64_t epoch, int64_t from, int64_t batch_records,
                                int64_t max_batches, pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_plan_close(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                  int64_t epoch, int64_t source_ids, int64_t target_ids,
                                  pg_done_fn *fn, void *ctx, struct error *err);
/* Answers settings: the job's, as JSON. */
MUST_CHECK bool ledger_job_settings(struct ledger *ledger, int64_t job_id, pg_done_fn *fn,
                                    void *ctx, struct error *err);
/* settings: a JSON object; what stands in it takes the place of what the unfinished job had. */
MUST_CHECK bool ledger_change_settings(struct ledger *ledger, int64_t job_id, struct span settings,
                                       pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_block_job(struct ledger *ledger, int64_t job_id, const char *reason,
                                 pg_done_fn *fn, void *ctx, struct error *err);
/* A job by name or number: its row and the addresses of both sides, for resume and status. */
MUST_CHECK bool ledger_find_job(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                                struct error *err);
MUST_CHECK bool ledger_resume_job(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                                  struct error *err);
/* Stopping by choice, of a job by name or number. pause, cancel: answer its state. purge: answers of how many records. */
MUST_CHECK bool ledger_pause(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                             struct error *err);
MUST_CHECK bool ledger_cancel(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                              struct error *err);
/* Collections made for a rehearsal that has ended (job_id, job, target_uuid, name, url, tenant, database_name, is_purged); how
 * many of these ids of one (staged) it has not planned (strangers, example); and that it is gone. */
MUST_CHECK bool ledger_rehearsal_targets(struct ledger *ledger, const char *job, pg_done_fn *fn,
                                         void *ctx, struct error *err);
MUST_CHECK bool ledger_rehearsal_strangers(struct ledger *ledger, int64_t job_id,
                                           const struct uuid *target, const struct span *ids,
                                           size_t count, pg_done_fn *fn, void *ctx,
                                           struct error *err);
MUST_CHECK bool ledger_rehearsal_removed(struct ledger *ledger, int64_t job_id,
                                         const struct uuid *target, pg_done_fn *fn, void *ctx,
                                         struct error *err);
MUST_CHECK bool ledger_purge(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                             struct error *err);
/* Answers name, state, claimed, exporting (batches), claims_ms, workers, verified, sent (records): ferry.job_hold. */
MUST_CHECK bool ledger_job_hold(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                                struct error *err);
/* Answers job, wait_ms of a cancelled job whose requests may still arrive at the target; no row: there is none. */
MUST_CHECK bool ledger_target_in_flight(struct ledger *ledger, const struct uuid *target,
                                        pg_done_fn *fn, void *ctx, struct error *err);
/* reason NULL: whatever it is. Answers redrive: how many records go again. */
MUST_CHECK bool ledger_redrive(struct ledger *ledger, int64_t job_id, const char *reason,
                               pg_done_fn *fn, void *ctx, struct error *err);

/* ---- export (0005_export.sql) ---- */

MUST_CHECK bool ledger_claim_exports(struct ledger *ledger, int64_t job_id, int64_t max,
                                     int64_t ahead, int64_t ahead_bytes, pg_done_fn *fn, void *ctx,
                                     struct error *err);
struct ledger_export { /* E3 of one batch */
    int64_t batch_no, fence, rev;
    const char *sha256; /* hex, or NULL: no operation left */
    int64_t bytes;
};
struct ledger_left_out { /* a record that does not travel */
    int64_t job_id, batch_no;
    struct span id;
    const char *reason; /* "vanished", "truncated" (it travels), or a reject's reason */
    struct span message;
    int64_t status; /* HTTP's, of who refused it; 0: nobody did */
};
MUST_CHECK bool ledger_record_exports(struct ledger *ledger, int64_t job_id,
                                      const struct ledger_export *exports, size_t count,
                                      const struct ledger_left_out *left_out, size_t left_out_count,
                                      pg_done_fn *fn, void *ctx, struct error *err);
struct ledger_report { /* E5 of one batch */
    int64_t batch_no, fence, rev, partition;
    int64_t offset; /* -1: the acknowledgement carried none */
};
MUST_CHECK bool ledger_report_exports(struct ledger *ledger, int64_t job_id,
                                      const struct ledger_report *reports, size_t count,
                                      pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_release_exports(struct ledger *ledger, int64_t job_id,
                                       const struct ledger_claim *claims, size_t count,
                                       const char *cause, pg_done_fn *fn, void *ctx,
                                       struct error *err);
MUST_CHECK bool ledger_split_export(struct ledger *ledger, int64_t job_id, int64_t batch_no,
                                    int64_t fence, pg_done_fn *fn, void *ctx, struct error *err);
/* Of redriven batches that are looked for at the target first. Answers batch_no, collection_no, ids as ids_read takes them; no
 * row: there is none, or the job does not run. */
MUST_CHECK bool ledger_next_unseen(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                                   struct error *err);
/* found: of those ids, what is at the target. Answers settle_unseen: how many of them are left out. */
MUST_CHECK bool ledger_settle_unseen(struct ledger *ledger, int64_t job_id, int64_t batch_no,
                                     const struct span *found, size_t count, pg_done_fn *fn,
                                     void *ctx, struct error *err);

/* ---- delivery (0006_delivery.sql) ---- */

struct ledger_arrival { /* a message that asks to be claimed, or is to be parked */
    int64_t job_id, batch_no, rev;
    const char *sha256; /* hex */
    int64_t fence;      /* park: 0 when it is not claimed by us */
    bool sent;          /* park, release: an upsert may be on its way */
    bool lacks_secret;  /* park: another consumer is to get it, not at once */
};
/* Answers a row per arrival, ord from 1; outcomes as described at ferry.claim_batches. */
MUST_CHECK bool ledger_claim_batches(struct ledger *ledger, const struct ledger_arrival *arrivals,
                                     size_t count, const char *const *secret_origins,
                                     size_t secret_count, pg_done_fn *fn, void *ctx,
                                     struct error *err);
MUST_CHECK bool ledger_park_batches(struct ledger *ledger, const struct ledger_arrival *arrivals,
                                    size_t count, const char *cause, pg_done_fn *fn, void *ctx,
                                    struct error *err);
MUST_CHECK bool ledger_release_claims(struct ledger *ledger, const struct ledger_arrival *arrivals,
                                      size_t count, pg_done_fn *fn, void *ctx, struct error *err);
struct ledger_repair { /* a record that is to be deleted at the target and written again */
    int64_t job_id, batch_no;
    struct span id;
};
/* Answers job_id, batch_no, is_open of the claims that are ours; not open: park it, its job does not run. */
MUST_CHECK bool ledger_open_repairs(struct ledger *ledger, const struct ledger_claim *claims,
                                    size_t count, const struct ledger_repair *repairs,
                                    size_t repair_count, pg_done_fn *fn, void *ctx,
                                    struct error *err);
struct ledger_outcome { /* D3 of one batch */
    int64_t job_id, batch_no, fence, verified, rejected, rounded;
    const char *readback_sha256; /* hex */
    bool is_doubtful;            /* a request to the target may still be on its way */
};
/* Answers job_id, batch_no, state of the batches that were ours. */
MUST_CHECK bool ledger_finish_batches(struct ledger *ledger, const struct ledger_outcome *outcomes,
                                      size_t count, const struct ledger_left_out *rejects,
                                      size_t reject_count, pg_done_fn *fn, void *ctx,
                                      struct error *err);
MUST_CHECK bool ledger_refuse_target(struct ledger *ledger, const struct uuid *target,
                                     const char *cause, int64_t wait_ms, pg_done_fn *fn, void *ctx,
                                     struct error *err);
MUST_CHECK bool ledger_learn_limit(struct ledger *ledger, const struct uuid *target, int64_t bytes,
                                   pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_log_event(struct ledger *ledger, const char *kind, int64_t job_id,
                                 int64_t batch_no, const char *detail, pg_done_fn *fn, void *ctx,
                                 struct error *err);
struct ledger_note { /* of one batch that a message speaks of, or 0 */
    int64_t job_id, batch_no;
    struct span detail;
};
MUST_CHECK bool ledger_note_events(struct ledger *ledger, const char *kind,
                                   const struct ledger_note *notes, size_t count, pg_done_fn *fn,
                                   void *ctx, struct error *err);

/* For a consumer that follows a job: state, last_error, open_batches, producers (alive and on it); no row: it is gone. */
MUST_CHECK bool ledger_follow_job(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                                  struct error *err);

/* ---- sweep and end (0007_finish.sql, 0008_compare.sql) ---- */

MUST_CHECK bool ledger_job_progress(struct ledger *ledger, int64_t job_id, pg_done_fn *fn,
                                    void *ctx, struct error *err);
MUST_CHECK bool ledger_finish_take(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                                   struct error *err);
MUST_CHECK bool ledger_sweep_candidates(struct ledger *ledger, int64_t job_id, pg_done_fn *fn,
                                        void *ctx, struct error *err);
/* The view job_status, of one job or (NULL) all; column json: each row whole. */
MUST_CHECK bool ledger_job_status(struct ledger *ledger, const char *job, pg_done_fn *fn, void *ctx,
                                  struct error *err);
/* The view collection_status, of one job; column json: each row whole. */
MUST_CHECK bool ledger_collection_status(struct ledger *ledger, const char *job, pg_done_fn *fn,
                                         void *ctx, struct error *err);
/* Answers id (printable) and message of one record that was rejected as a mismatch. */
MUST_CHECK bool ledger_first_mismatch(struct ledger *ledger, int64_t job_id, pg_done_fn *fn,
                                      void *ctx, struct error *err);
/* Answers at most one verified batch that must be read again (§8): batch_no, collection_no, export_rev, sha256 of its verification (hex)
 * and ids, those that were verified, as ledger_claim_exports answers them. */
MUST_CHECK bool ledger_reread_next(struct ledger *ledger, int64_t job_id, pg_done_fn *fn, void *ctx,
                                   struct error *err);
/* It has been read: the same, or back to planned under a new rev. Answers batch_no unless the world has moved on. */
MUST_CHECK bool ledger_reread_settle(struct ledger *ledger, int64_t job_id, int64_t batch_no,
                                     int64_t rev, bool is_same, pg_done_fn *fn, void *ctx,
                                     struct error *err);
struct ledger_swept {
    int64_t batch_no, rev;
};
MUST_CHECK bool ledger_sweep_replan(struct ledger *ledger, int64_t job_id,
                                    const struct ledger_swept *swept, size_t count,
                                    const char *cause, pg_done_fn *fn, void *ctx,
                                    struct error *err);
/* side: 'e' target, 'd' source. */
MUST_CHECK bool ledger_finish_add(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                  char side, int64_t first_ordinal, const struct span *ids,
                                  size_t count, pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_finish_compare(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                      pg_done_fn *fn, void *ctx, struct error *err);
/* One row: state (delete, done, busy, wait), fence, and ids as ledger_claim_exports answers them. */
MUST_CHECK bool ledger_next_deletions(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                      int64_t max, pg_done_fn *fn, void *ctx, struct error *err);
/* These of them are not to be deleted: the source has them. One row: how many they were. */
MUST_CHECK bool ledger_spare_deletions(struct ledger *ledger, int64_t job_id, int64_t collection_no,
                                       int64_t fence, const struct span *ids, size_t count,
                                       pg_done_fn *fn, void *ctx, struct error *err);
/* outcome: "done", the target has answered; "unknown": the ids come again when no request for them can be in flight;
 * "unsent": at once. */
MUST_CHECK bool ledger_settle_deletions(struct ledger *ledger, int64_t job_id,
                                        int64_t collection_no, int64_t fence, const char *outcome,
                                        pg_done_fn *fn, void *ctx, struct error *err);
MUST_CHECK bool ledger_finish_job(struct ledger *ledger, int64_t job_id, const char *state,
                                  const char *last_error, pg_done_fn *fn, void *ctx,
                                  struct error *err);

#endif
