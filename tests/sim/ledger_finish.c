/* PROTOCOL §5 and §8 as schemas/ledger/0007_finish.sql and common/store/ledger_finish.c have them. */
#include "sim.h"

static void progress(struct statement *st)
{
    int64_t quiet_until = 0;

    st->job_state = (int)ledger.job;
    st->open = 0;
    for (size_t i = 0; i < ledger.count; i++) {
        const struct row *row = &ledger.rows[i];
        st->open += !ledger_is_final(row);
        st->mismatched |= row->mismatched;
        quiet_until = row->state != ROW_SUPERSEDED && row->quiet_until > quiet_until
                          ? row->quiet_until
                          : quiet_until;
    }
    st->is_quiet = quiet_until < sim_now;
}

static void take(struct statement *st)
{
    bool has_stopped = false;

    for (size_t i = 0; i < PROCESSES; i++) {
        has_stopped = has_stopped || (ledger.finish_worker != 0 &&
                                      ledger.stopped_worker[i] == ledger.finish_worker);
    }
    st->matched = ledger.job == JOB_RUNS &&
                  (ledger.finish_worker == 0 || ledger.finish_worker == st->worker ||
                   ledger.finish_lease_until < sim_now || has_stopped);
    if (st->matched) {
        ledger.finish_worker = st->worker;
        ledger.finish_lease_until = sim_now + LEASE;
    }
}

static bool is_lost(const struct row *row)
{
    return row->state == ROW_PUBLISHED || (row->state == ROW_CLAIMED && row->lease_until < sim_now);
}

/* fence stands for the row's place: partition and offset + 1. */
static void candidates(struct statement *st)
{
    st->count = 0;
    for (size_t i = 0; i < ledger.count; i++) {
        const struct row *row = &ledger.rows[i];
        if (is_lost(row)) {
            st->held[st->count++] = (struct held){
                (int64_t)i, (row->offset + 1) * PARTITIONS + row->partition, row->rev};
        }
    }
}

static void replan(struct statement *st)
{
    st->open = 0;
    if (ledger.finish_worker != st->worker || ledger.finish_lease_until <= sim_now) {
        return;
    }
    for (size_t i = 0; i < st->count; i++) {
        struct row *row = &ledger.rows[st->held[i].batch];
        if (row->rev != st->held[i].rev || !is_lost(row)) {
            continue;
        }
        MUST(!kafka_may_come(st->held[i].batch, row->rev, row->partition, row->offset),
             "batch %lld rev %lld is swept although its message may still come",
             (long long)st->held[i].batch, (long long)row->rev);
        bool was_claimed = row->state == ROW_CLAIMED && row->worker != 0;
        row->state = ROW_PLANNED;
        row->rev++;
        row->sha = 0;
        row->worker = row->fence = row->lease_until = row->holder = 0;
        row->must_reread = row->must_reread || was_claimed;
        ledger_irregular(row, was_claimed);
        st->open++;
        tally.sweeps++;
        trace("ledger: batch %lld swept, rev %lld", (long long)st->held[i].batch,
              (long long)row->rev);
    }
}

static void reread_next(struct statement *st)
{
    st->matched = false;
    for (size_t i = 0; i < ledger.count && !st->matched; i++) {
        const struct row *row = &ledger.rows[i];
        if (row->state == ROW_VERIFIED && row->must_reread && row->verified != 0) {
            st->matched = true;
            st->batch = (int64_t)i;
            st->rev = row->rev;
            st->readback = row->readback;
        }
    }
}

static void reread_settle(struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    st->matched = row->rev == st->rev && row->state == ROW_VERIFIED &&
                  ledger.finish_worker == st->worker && ledger.job == JOB_RUNS;
    if (!st->matched) {
        return;
    }
    tally.rereads++;
    if (st->is_same) {
        row->must_reread = false;
        return;
    }
    tally.reopened++;
    trace("ledger: batch %lld was changed after it was verified: again", (long long)st->batch);
    row->state = ROW_PLANNED;
    row->rev++;
    row->sha = row->readback = 0;
    row->worker = row->fence = row->lease_until = 0;
    row->verified = row->rejected = row->vanished = row->mismatched = 0;
}

/* ferry.finish_job. matched: the job has ended. */
static void end(struct statement *st)
{
    bool may_end = ledger.job == JOB_RUNS && ledger.finish_worker == st->worker;
    bool succeeds = st->is_same;

    for (size_t i = 0; i < ledger.count && may_end; i++) {
        const struct row *row = &ledger.rows[i];
        may_end = ledger_is_final(row) && row->quiet_until < sim_now &&
                  !(succeeds && row->state != ROW_SUPERSEDED &&
                    (row->mismatched != 0 || row->is_repairing ||
                     (row->state == ROW_VERIFIED && row->must_reread && row->verified != 0)));
    }
    st->matched = may_end;
    if (may_end) {
        ledger.job = succeeds ? JOB_SUCCEEDED : JOB_FAILED;
        trace("ledger: the job has %s", succeeds ? "succeeded" : "failed");
    }
}

void ledger_finish_run(struct statement *st)
{
    switch (st->kind) {
    case DB_PROGRESS:
        progress(st);
        break;
    case DB_TAKE:
        take(st);
        break;
    case DB_CANDIDATES:
        candidates(st);
        break;
    case DB_REPLAN:
        replan(st);
        break;
    case DB_REREAD_NEXT:
        reread_next(st);
        break;
    case DB_REREAD_SETTLE:
        reread_settle(st);
        break;
    case DB_END:
        end(st);
        break;
    default:
        break;
    }
}
