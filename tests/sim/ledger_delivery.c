/* PROTOCOL §3 and §4 as schemas/ledger/0006_delivery.sql has them. */
#include "sim.h"

static bool take_slot(int64_t worker, int64_t fence)
{
    for (size_t i = 0; i < ledger.slot_count; i++) {
        struct slot *slot = &ledger.slots[i];
        if (slot->lease_until < sim_now) {
            *slot = (struct slot){worker, fence, sim_now + LEASE};
            return true;
        }
    }
    return false;
}

static enum delivery_claim judge(const struct statement *st, const struct row *row)
{
    if (st->rev > row->rev) {
        return CLAIM_NEWER;
    }
    if (st->rev < row->rev || ledger_is_final(row)) {
        return CLAIM_STALE;
    }
    if (row->sha == 0 || row->sha != st->sha) {
        return CLAIM_DIGEST;
    }
    if (row->state == ROW_CLAIMED && row->lease_until > sim_now) {
        return CLAIM_HOLD;
    }
    if (ledger.job != JOB_RUNS && !row->is_repairing) {
        return CLAIM_PARK;
    }
    if (ledger.retry_at > sim_now) {
        return row->is_repairing ? CLAIM_HOLD : CLAIM_PARK;
    }
    return CLAIM_CLAIMED;
}

static uint32_t bit_count(uint8_t bits)
{
    return (uint32_t)__builtin_popcount(bits);
}

static void claim(struct statement *st)
{
    struct row *row = NULL;

    st->outcome = CLAIM_UNKNOWN;
    if (st->batch >= (int64_t)ledger.count) {
        return;
    }
    row = &ledger.rows[st->batch];
    st->outcome = judge(st, row);
    tally.holds += st->outcome == CLAIM_HOLD;
    if (st->outcome != CLAIM_CLAIMED) {
        return;
    }
    st->fence = ++ledger.fences;
    if (!take_slot(st->worker, st->fence)) {
        st->outcome = CLAIM_BUSY;
        tally.busy++;
        return;
    }
    bool took_over = row->state == ROW_CLAIMED && row->worker != 0;
    tally.takeovers += took_over;
    row->state = ROW_CLAIMED;
    row->worker = st->worker;
    row->fence = row->holder = st->fence;
    row->lease_until = sim_now + LEASE;
    row->must_reread = row->must_reread || took_over;
    ledger_irregular(row, took_over);
    st->quiet_ms = row->quiet_until - sim_now;
    st->is_repairing = row->is_repairing;
    st->records = (uint32_t)row->n_records - bit_count(row->rejected | row->vanished);
    trace("ledger: batch %lld rev %lld claimed by worker %lld, fence %lld%s", (long long)st->batch,
          (long long)row->rev, (long long)st->worker, (long long)st->fence,
          took_over ? ", taken over" : "");
}

/* §4. fence 0: not claimed by this worker. */
static void park(struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];
    bool is_open = row->rev == st->rev && !ledger_is_final(row);

    st->is_repairing = is_open && row->is_repairing;
    if (is_open && !row->is_repairing) {
        bool is_dead = row->state == ROW_CLAIMED && row->lease_until < sim_now;
        bool is_ours = st->fence != 0
                           ? row->state == ROW_CLAIMED && row->fence == st->fence
                           : row->sha == st->sha && (row->state != ROW_CLAIMED || is_dead);
        if (is_ours) {
            bool is_irregular =
                st->sent || (row->state == ROW_CLAIMED && st->fence == 0 && row->worker != 0);
            st->matched = true;
            row->state = ROW_PLANNED;
            row->rev++;
            row->sha = 0;
            row->worker = row->fence = row->lease_until = row->holder = 0;
            row->must_reread = row->must_reread || is_irregular;
            ledger_irregular(row, is_irregular);
            tally.parks++;
            trace("ledger: batch %lld parked, rev %lld", (long long)st->batch, (long long)row->rev);
        }
    }
    ledger_free_slot(st->fence);
}

static void open_repair(struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    st->matched = row->state == ROW_CLAIMED && row->fence == st->fence && row->worker == st->worker;
    st->is_repairing = st->matched && (ledger.job == JOB_RUNS || row->is_repairing);
    if (st->is_repairing) {
        row->is_repairing = true;
        row->must_reread = true;
        tally.repairs++;
        trace("ledger: a repair of batch %lld is noted", (long long)st->batch);
    }
}

/* For the checks: what the target has to hold from now on. */
static void note_exported(struct row *row, const struct message *message)
{
    for (size_t i = 0; i < row->n_records; i++) {
        for (size_t k = 0; k < message->count; k++) {
            if (row->ids[i] == message->ids[k]) {
                row->exported[i] = message->contents[k];
            }
        }
    }
}

/* D3 */
static void finish(struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    st->matched = row->state == ROW_CLAIMED && row->fence == st->fence && row->worker == st->worker;
    if (st->matched) {
        MUST(row->holder == st->fence,
             "batch %lld is marked under fence %lld, but its claim is that of fence %lld",
             (long long)st->batch, (long long)st->fence, (long long)row->holder);
        row->verified = st->verified;
        row->rejected |= st->rejected;
        row->mismatched |= st->mismatched;
        MUST((row->verified & (row->rejected | row->vanished)) == 0 &&
                 (row->verified | row->rejected | row->vanished) == (1u << row->n_records) - 1,
             "batch %lld does not add up: verified %x, rejected %x, vanished %x",
             (long long)st->batch, row->verified, row->rejected, row->vanished);
        MUST(row->verified_rev < row->rev, "batch %lld rev %lld is verified twice",
             (long long)st->batch, (long long)row->rev);
        row->verified_rev = row->rev;
        note_exported(row, kafka_message(st->errand));
        row->readback = st->readback;
        row->must_reread = row->must_reread || st->doubtful;
        ledger_irregular(row, st->doubtful);
        row->lease_until = row->holder = 0;
        row->is_repairing = false;
        row->state = row->verified == 0 && row->rejected != 0 ? ROW_REJECTED : ROW_VERIFIED;
        if (ledger.retry_at <= sim_now) {
            ledger.retry_at = 0;
        }
        tally.rejects += row->rejected != 0;
        trace("ledger: batch %lld rev %lld verified %x rejected %x%s", (long long)st->batch,
              (long long)row->rev, row->verified, row->rejected,
              row->must_reread ? ", to be read again" : "");
    }
    ledger_free_slot(st->fence);
}

static void release(const struct statement *st)
{
    struct row *row = &ledger.rows[st->batch];

    if (row->state == ROW_CLAIMED && row->fence == st->fence) {
        row->worker = 0;
        row->lease_until = sim_now - 1;
        row->must_reread = row->must_reread || st->sent;
        ledger_irregular(row, st->sent);
    }
    ledger_free_slot(st->fence);
}

void ledger_delivery_run(struct statement *st)
{
    switch (st->kind) {
    case DB_CLAIM:
        claim(st);
        break;
    case DB_PARK:
        park(st);
        break;
    case DB_REFUSE:
        trace("ledger: the target is left alone for %lld ms", (long long)st->wait_ms);
        if (sim_now + st->wait_ms > ledger.retry_at) {
            ledger.retry_at = sim_now + st->wait_ms;
        }
        break;
    case DB_REPAIR:
        open_repair(st);
        break;
    case DB_FINISH:
        finish(st);
        break;
    case DB_RELEASE:
        release(st);
        break;
    default:
        break;
    }
}
