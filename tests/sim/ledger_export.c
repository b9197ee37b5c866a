/* PROTOCOL §2 and §6 as schemas/ledger/0005_export.sql has them. */
#include <string.h>

#include "sim.h"

#define AHEAD 3 /* batches of the job's window */

static size_t count_open(void)
{
    size_t count = 0;

    for (size_t i = 0; i < ledger.count; i++) {
        const struct row *row = &ledger.rows[i];
        count += row->state == ROW_PUBLISHED || row->state == ROW_CLAIMED ||
                 (row->state == ROW_PLANNED && row->lease_until > sim_now);
    }
    return count;
}

/* E1 */
static void claim_exports(struct statement *st)
{
    size_t open = count_open();
    size_t max = open < AHEAD ? AHEAD - open : 0;

    max = st->count < max ? st->count : max;
    st->count = 0;
    if (ledger.job != JOB_RUNS) {
        return;
    }
    if (ledger.retry_at != 0) {
        max = open == 0 && max > 0 && ledger.retry_at <= sim_now ? 1 : 0;
    }
    for (size_t i = 0; i < ledger.count && st->count < max; i++) {
        struct row *row = &ledger.rows[i];
        if (row->state != ROW_PLANNED || row->lease_until >= sim_now || row->from_ms > sim_now) {
            continue;
        }
        row->worker = st->worker;
        row->fence = ++ledger.fences;
        row->lease_until = sim_now + LEASE;
        row->rev++;
        row->sha = 0;
        row->partition = 0;
        row->offset = BUS_NO_OFFSET;
        row->holder = row->fence;
        st->held[st->count++] = (struct held){(int64_t)i, row->fence, row->rev};
        trace("ledger: batch %zu rev %lld to be exported by worker %lld, fence %lld", i,
              (long long)row->rev, (long long)st->worker, (long long)row->fence);
    }
}

/* E3 */
static void record(struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    st->matched = row->state == ROW_PLANNED && row->fence == st->fence && row->rev == st->rev &&
                  row->worker == st->worker;
    if (!st->matched) {
        return;
    }
    MUST(row->holder == st->fence, "batch %lld is recorded by an export that has lost it",
         (long long)st->batch);
    row->sha = st->has_operations ? st->sha : 0;
    row->vanished = st->left_out;
    row->rejected = row->verified = row->mismatched = 0;
    row->readback = 0;
    if (!st->has_operations) {
        row->state = ROW_VERIFIED;
        row->lease_until = 0;
        row->is_repairing = false;
        row->holder = 0;
    }
    st->is_final = !st->has_operations;
}

/* E5, report ok */
static void report(struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    if (row->rev != st->rev) {
        return;
    }
    row->partition = st->partition;
    row->offset = st->offset;
    if (row->state == ROW_PLANNED && row->fence == st->fence) {
        row->state = ROW_PUBLISHED;
        row->lease_until = 0;
        row->worker = 0;
    } else {
        tally.late_reports++;
    }
}

/* E5, report failed */
static void release(const struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    if (row->state == ROW_PLANNED && row->fence == st->fence) {
        row->lease_until = 0;
        row->worker = 0;
    }
}

/* §6 */
static void split(const struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    if (row->state != ROW_PLANNED || row->fence != st->fence || row->n_records < 2 ||
        ledger.count + 2 > BATCHES) {
        return;
    }
    size_t half = row->n_records / 2;
    for (size_t part = 0; part < 2; part++) {
        struct row *child = &ledger.rows[ledger.count++];
        *child = (struct row){.n_records = part == 0 ? half : row->n_records - half,
                              .offset = BUS_NO_OFFSET,
                              .must_reread = row->must_reread,
                              .quiet_until = row->quiet_until,
                              .is_repairing = row->is_repairing};
        memcpy(child->ids, row->ids + (part == 0 ? 0 : half), child->n_records);
    }
    row->state = ROW_SUPERSEDED;
    row->lease_until = row->worker = row->holder = 0;
    row->sha = 0;
    row->is_repairing = false;
    tally.splits++;
}

void ledger_export_run(struct statement *st)
{
    switch (st->kind) {
    case DB_CLAIM_EXPORTS:
        claim_exports(st);
        break;
    case DB_RECORD:
        record(st);
        break;
    case DB_REPORT:
        report(st);
        break;
    case DB_RELEASE_EXPORT:
        release(st);
        break;
    case DB_SPLIT:
        split(st);
        break;
    default:
        break;
    }
}
