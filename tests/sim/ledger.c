/* The ledger: what several statements share, and whose business each is. Each runs at once, as one compare-and-set. */
#include <string.h>

#include "sim.h"

struct ledger ledger;

/* Ids in batches of one to three; the last batches are for what splitting makes of them. */
void ledger_begin(void)
{
    uint8_t id = 0;

    memset(&ledger, 0, sizeof ledger);
    ledger.count = (size_t)between(1, 4);
    ledger.slot_count = (size_t)between(1, 3);
    for (size_t i = 0; i < ledger.count; i++) {
        struct row *row = &ledger.rows[i];
        row->n_records = (size_t)between(1, RECORDS);
        row->offset = BUS_NO_OFFSET;
        row->from_ms = chance(600) ? between(0, 12000) : 0;
        for (size_t k = 0; k < row->n_records; k++) {
            row->ids[k] = id++;
        }
    }
}

bool ledger_is_final(const struct row *row)
{
    return row->state == ROW_VERIFIED || row->state == ROW_REJECTED || row->state == ROW_SUPERSEDED;
}

bool ledger_is_over(void)
{
    return ledger.job == JOB_SUCCEEDED || ledger.job == JOB_FAILED;
}

bool ledger_is_settled(int64_t batch, int64_t rev)
{
    const struct row *row = &ledger.rows[batch];

    return ledger_is_final(row) || row->rev > rev;
}

/* ferry.quiet_after */
void ledger_irregular(struct row *row, bool is_irregular)
{
    int64_t until = sim_now + LEASE + 1000;

    if (is_irregular && until > row->quiet_until) {
        row->quiet_until = until;
    }
}

void ledger_free_slot(int64_t fence)
{
    for (size_t i = 0; i < ledger.slot_count; i++) {
        if (fence != 0 && ledger.slots[i].fence == fence) {
            ledger.slots[i] = (struct slot){0};
        }
    }
}

static bool slot_is_held(int64_t worker, int64_t fence)
{
    for (size_t i = 0; i < ledger.slot_count; i++) {
        if (ledger.slots[i].fence == fence && ledger.slots[i].worker == worker) {
            ledger.slots[i].lease_until = sim_now + LEASE;
            return true;
        }
    }
    return false;
}

/* ferry.renew: answers what was kept. */
static void renew(struct statement *st)
{
    size_t kept = 0;

    if (ledger.finish_worker == st->worker) {
        ledger.finish_lease_until = sim_now + LEASE;
    }
    for (size_t i = 0; i < st->count; i++) {
        struct row *row = &ledger.rows[st->held[i].batch];
        if (row->fence != st->held[i].fence || row->worker != st->worker || row->lease_until == 0) {
            continue;
        }
        if (row->state == ROW_PLANNED ||
            (row->state == ROW_CLAIMED && slot_is_held(st->worker, row->fence))) {
            row->lease_until = sim_now + LEASE;
            st->held[kept++] = st->held[i];
        }
    }
    st->count = kept;
}

void ledger_run(struct statement *st)
{
    switch (st->kind) {
    case DB_CLAIM_EXPORTS:
    case DB_RECORD:
    case DB_REPORT:
    case DB_RELEASE_EXPORT:
    case DB_SPLIT:
        ledger_export_run(st);
        break;
    case DB_CLAIM:
    case DB_PARK:
    case DB_REFUSE:
    case DB_REPAIR:
    case DB_FINISH:
    case DB_RELEASE:
        ledger_delivery_run(st);
        break;
    case DB_BLOCK:
        trace("ledger: job blocked");
        ledger.job = ledger.job == JOB_RUNS ? JOB_BLOCKED : ledger.job;
        break;
    case DB_NOTE:
        kafka_note(st->batch);
        break;
    case DB_RENEW:
        renew(st);
        break;
    case DB_PROGRESS:
    case DB_TAKE:
    case DB_CANDIDATES:
    case DB_REPLAN:
    case DB_REREAD_NEXT:
    case DB_REREAD_SETTLE:
    case DB_END:
        ledger_finish_run(st);
        break;
    case DB_KINDS:
        break;
    }
}
