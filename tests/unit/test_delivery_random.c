/*
 * The delivering machine under schedules that nobody thought of: a model of bus, ledger and target around it, that
 * loses answers, breaks connections, revokes partitions, lets leases pass and other workers meddle. What must hold
 * at every step is asserted in carry_out() and check_step(); what must hold in the end, once faults have stopped, in
 * run_calm().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "consumer/delivery.h"
#include "consumer/watermark.h"
#include "support/expect.h"

#define SCHEDULES  20000
#define STEPS      150
#define PARTITIONS 3
#define LOG_MAX    12 /* messages of a partition */
#define BATCHES    (PARTITIONS * LOG_MAX)
#define QUEUE_MAX  64
#define LEASE      3000
#define MARGIN     500
#define NO_OFFSET  (-1)
#define JOBS       3
#define RECORDS    12 /* of a batch, at most */

enum nature { /* of a message; fixed */
    NATURE_GOOD,
    NATURE_UNREADABLE,
    NATURE_UNKNOWN,
    NATURE_NEWER,
    NATURE_DIGEST,
};

struct log_message {
    enum nature nature;
    int64_t batch_no;
};

struct row { /* of the ledger */
    enum {
        ROW_OPEN,
        ROW_CLAIMED,
        ROW_FINAL,
        ROW_PARKED
    } state;
    int64_t fence;
    int64_t lease_until_ms;
    bool may_park;        /* its job is not running */
    bool is_repairing;    /* a repair is open: something may be missing at the target */
    uint8_t bad[RECORDS]; /* 0: the target takes it; else how it refuses it */
};

enum statement_kind {
    STATEMENT_CLAIM,
    STATEMENT_REPAIR,
    STATEMENT_MARK,
    STATEMENT_PARK,
    STATEMENT_NOTE,
    STATEMENT_RENEW
};

struct statement { /* in the ledger connection's queue: run in order, like the real one's */
    enum statement_kind kind;
    size_t slot;
    int64_t fence;
    int64_t started_ms;
    int64_t asked[DELIVERY_SLOTS];
};

enum request {
    REQUEST_NONE,
    REQUEST_UPSERT,
    REQUEST_READ,
    REQUEST_DELETE,
    REQUEST_KNOCK
};

struct model_slot {
    bool is_taken;
    int partition;
    int64_t offset;
    bool is_asking; /* a statement of this slot is under way */
    enum request request;
    int64_t fence;          /* of the last claim; 0: none */
    int64_t lease_start_ms; /* as the machine was told */
    uint32_t records;
    bool
        accepted[RECORDS]; /* under this claim, since the batch was last to be written as a whole */
    bool rejected[RECORDS]; /* as the machine said */
    bool was_read;          /* after all that was written */
    bool may_delete;        /* it was noted under this claim */
    uint32_t rejects;       /* as of that reading */
    bool is_lettering;
    bool was_lettered; /* after it, or the poisonous message itself */
    bool is_settled;   /* matched mark, stale, noted or parked: may be acknowledged */
};

static struct {
    struct rng rng;
    uint64_t seed;
    struct delivery_core core;
    struct watermark *watermark;
    int64_t now_ms;
    uint32_t write_limit;
    bool one_target;                  /* for all jobs; else each has its own */
    int64_t alone_until_ms[1 + JOBS]; /* what the targets asked for */
    bool is_calm;
    uint64_t generation;
    struct log_message log[PARTITIONS][LOG_MAX];
    int64_t log_len[PARTITIONS];
    int64_t position[PARTITIONS];  /* of the assignment */
    int64_t committed[PARTITIONS]; /* what the group has stored */
    bool noted[PARTITIONS][LOG_MAX];
    struct row rows[BATCHES];
    int64_t fences;
    struct statement queue[QUEUE_MAX];
    size_t queue_len;
    bool is_renewing;
    struct model_slot slots[DELIVERY_SLOTS];
} m;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("schedule seed %llu, %s", (unsigned long long)m.seed, #condition);            \
        }                                                                                          \
    } while (0)

static bool chance(uint32_t percent)
{
    return rng_below(&m.rng, 100) < percent;
}

static size_t any_below(size_t bound)
{
    return (size_t)rng_below(&m.rng, bound);
}

/* ---- what must hold whenever the machine wants something ---- */

static size_t target_of(size_t slot)
{
    return m.one_target ? 0 : (size_t)m.core.slots[slot].job_id;
}

static uint32_t count_upserts(size_t target)
{
    uint32_t count = 0;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        count += (m.slots[i].request == REQUEST_UPSERT || m.slots[i].request == REQUEST_DELETE) &&
                 target_of(i) == target;
    }
    return count;
}

static uint32_t count_asking(size_t target)
{
    uint32_t count = 0;

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        count += m.slots[i].request != REQUEST_NONE && target_of(i) == target;
    }
    return count;
}

static void submit(struct statement statement)
{
    CHECK(m.queue_len < QUEUE_MAX);
    statement.started_ms = m.now_ms;
    m.queue[m.queue_len++] = statement;
    if (statement.kind != STATEMENT_RENEW) {
        CHECK(!m.slots[statement.slot].is_asking);
        m.slots[statement.slot].is_asking = true;
    }
}

static void begin_request(struct model_slot *slot, enum request request)
{
    CHECK(slot->is_taken && !slot->is_asking && slot->request == REQUEST_NONE);
    CHECK(slot->fence != 0);
    CHECK(m.now_ms < slot->lease_start_ms + LEASE - MARGIN);
    slot->request = request;
}

static struct row *row_of(size_t slot)
{
    return &m.rows[m.log[m.slots[slot].partition][m.slots[slot].offset].batch_no];
}

static bool is_decided(const struct model_slot *slot)
{
    for (uint32_t i = 0; i < slot->records; i++) {
        if (slot->accepted[i] == slot->rejected[i]) {
            return false;
        }
    }
    return slot->records > 0;
}

/* Only what the target would not take, and never twice. */
static void reject(struct model_slot *slot, const struct delivery_action *action)
{
    CHECK(action->record < slot->records && slot->request == REQUEST_NONE);
    CHECK(!slot->rejected[action->record] && !slot->accepted[action->record]);
    CHECK(strcmp(action->reason, "record_too_large") == 0 ||
          row_of(action->slot)->bad[action->record] != 0);
    slot->rejected[action->record] = true;
}

static void store(const struct delivery_action *action)
{
    int64_t next;

    if (watermark_done(m.watermark, action->generation, action->partition, action->offset, &next)) {
        CHECK(next > m.committed[action->partition]);
        m.committed[action->partition] = next;
    }
}

static void carry_out(const struct delivery_action *action)
{
    struct model_slot *slot = &m.slots[action->slot];

    CHECK(slot->is_taken);
    switch (action->kind) {
    case ACTION_CLAIM:
        CHECK(slot->request == REQUEST_NONE && !m.core.is_stopping);
        submit((struct statement){.kind = STATEMENT_CLAIM, .slot = action->slot});
        break;
    case ACTION_KNOCK:
        CHECK(!m.core.is_stopping);
        begin_request(slot, REQUEST_KNOCK);
        CHECK(m.now_ms >= m.alone_until_ms[target_of(action->slot)]);
        CHECK(count_asking(target_of(action->slot)) == 1);
        break;
    case ACTION_UPSERT:
        CHECK(!m.core.is_stopping || slot->request == REQUEST_NONE);
        begin_request(slot, REQUEST_UPSERT);
        CHECK(m.now_ms >= m.alone_until_ms[target_of(action->slot)]);
        CHECK(count_upserts(target_of(action->slot)) <= m.write_limit);
        CHECK(bisect_asked_count(&m.core.slots[action->slot].bisect) > 0);
        slot->was_read = false;
        slot->was_lettered = false;
        break;
    case ACTION_REJECT:
        reject(slot, action);
        break;
    case ACTION_READ:
        CHECK(is_decided(slot));
        begin_request(slot, REQUEST_READ);
        CHECK(m.now_ms >= m.alone_until_ms[target_of(action->slot)]);
        break;
    case ACTION_REPAIR:
        CHECK(slot->request == REQUEST_NONE && slot->was_read);
        submit((struct statement){.kind = STATEMENT_REPAIR,
                                  .slot = action->slot,
                                  .fence = m.core.slots[action->slot].fence});
        break;
    case ACTION_DELETE:
        CHECK(slot->may_delete);
        begin_request(slot, REQUEST_DELETE);
        CHECK(m.now_ms >= m.alone_until_ms[target_of(action->slot)]);
        CHECK(count_upserts(target_of(action->slot)) <= m.write_limit);
        slot->was_read = false;
        break;
    case ACTION_LETTER:
        CHECK(slot->request == REQUEST_NONE && !slot->is_asking && !slot->is_lettering);
        CHECK(action->fence == 0 || (slot->was_read && slot->rejects > 0));
        slot->is_lettering = true;
        break;
    case ACTION_MARK:
        CHECK(slot->request == REQUEST_NONE && slot->was_read && slot->fence == action->fence);
        CHECK(is_decided(slot) && !slot->is_lettering);
        CHECK(slot->rejects == 0 || slot->was_lettered);
        submit((struct statement){
            .kind = STATEMENT_MARK, .slot = action->slot, .fence = action->fence});
        break;
    case ACTION_PARK:
        CHECK(slot->request == REQUEST_NONE);
        submit((struct statement){
            .kind = STATEMENT_PARK, .slot = action->slot, .fence = action->fence});
        break;
    case ACTION_REFUSE_TARGET:
    case ACTION_BLOCK_JOB:
        CHECK(slot->request == REQUEST_NONE && slot->fence != 0);
        if (action->probed > 0) { /* it was not them */
            memset(slot->accepted, 0, sizeof slot->accepted);
            memset(slot->rejected, 0, sizeof slot->rejected);
        }
        break;
    case ACTION_ABORT:
        CHECK(slot->request != REQUEST_NONE || slot->rejects > 0);
        slot->is_lettering = false;
        slot->request = REQUEST_NONE;
        slot->fence = 0;
        break;
    case ACTION_RELEASE:
        CHECK(m.core.is_stopping && action->fence != 0);
        break;
    case ACTION_POISON:
        CHECK(slot->request == REQUEST_NONE && slot->was_lettered);
        submit((struct statement){.kind = STATEMENT_NOTE, .slot = action->slot});
        break;
    case ACTION_ACKNOWLEDGE:
        CHECK(slot->is_settled);
        CHECK(action->generation == m.generation);
        CHECK(action->partition == slot->partition && action->offset == slot->offset);
        store(action);
        break;
    case ACTION_DROP:
        CHECK(slot->request == REQUEST_NONE);
        CHECK(!slot->is_asking || m.core.is_stopping);
        *slot = (struct model_slot){0};
        break;
    }
}

static void tell(const struct delivery_event *event)
{
    struct delivery_action action;

    delivery_handle(&m.core, event, m.now_ms);
    while (delivery_next_action(&m.core, &action)) {
        carry_out(&action);
    }
}

static void check_step(void)
{
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        const struct model_slot *slot = &m.slots[i];
        const struct delivery *delivery = &m.core.slots[i];
        uint32_t active = 0;
        CHECK(slot->is_taken == (delivery->state != DELIVERY_FREE));
        CHECK(slot->request == REQUEST_NONE || m.now_ms < slot->lease_start_ms + LEASE - MARGIN);
        CHECK(!slot->is_lettering || slot->fence == 0 ||
              m.now_ms < slot->lease_start_ms + LEASE - MARGIN);
        for (size_t k = 0; k < DELIVERY_SLOTS; k++) {
            enum delivery_state state = m.core.slots[k].state;
            /* A repair is claimed for as long as it takes; while it fails it does not count. */
            active += m.core.slots[k].job_id == delivery->job_id && !m.core.slots[k].is_repairing &&
                      (state == DELIVERY_CLAIMING || state == DELIVERY_READY ||
                       state == DELIVERY_KNOCKING || state == DELIVERY_UPSERTING ||
                       state == DELIVERY_READING || state == DELIVERY_WAITING ||
                       state == DELIVERY_REPAIRING || state == DELIVERY_DELETING ||
                       state == DELIVERY_LETTERING || state == DELIVERY_MARKING);
        }
        CHECK(delivery->state == DELIVERY_FREE || active <= m.write_limit + 1);
    }
}

/* ---- the ledger ---- */

static enum delivery_claim run_claim(size_t slot, int64_t *fence)
{
    struct row *row = row_of(slot);

    switch (m.log[m.slots[slot].partition][m.slots[slot].offset].nature) {
    case NATURE_UNKNOWN:
        return CLAIM_UNKNOWN;
    case NATURE_NEWER:
        return CLAIM_NEWER;
    case NATURE_DIGEST:
        return CLAIM_DIGEST;
    case NATURE_UNREADABLE:
        CHECK(false);
    case NATURE_GOOD:
        break;
    }
    if (row->state == ROW_FINAL || row->state == ROW_PARKED) {
        return CLAIM_STALE;
    }
    if (row->state == ROW_CLAIMED && row->lease_until_ms > m.now_ms) {
        return CLAIM_HOLD;
    }
    if (row->may_park && !row->is_repairing) {
        return chance(50) ? CLAIM_PARK : CLAIM_NO_SECRET;
    }
    if (!m.is_calm && chance(10)) {
        return CLAIM_BUSY;
    }
    row->state = ROW_CLAIMED;
    row->fence = *fence = ++m.fences;
    row->lease_until_ms = m.now_ms + LEASE;
    return CLAIM_CLAIMED;
}

static void answer_claim(const struct statement *statement, bool is_lost)
{
    struct model_slot *slot = &m.slots[statement->slot];
    struct delivery_event event = {.kind = EVENT_CLAIM,
                                   .slot = statement->slot,
                                   .started_ms = statement->started_ms,
                                   .records = 1 + (uint32_t)any_below(RECORDS)};

    event.claim = run_claim(statement->slot, &event.fence);
    event.target.text[0] = (char)('a' + target_of(statement->slot));
    event.is_repairing = row_of(statement->slot)->is_repairing;
    slot->may_delete = false;
    if (is_lost) {
        event.claim = CLAIM_FAILED;
    }
    slot->fence = event.claim == CLAIM_CLAIMED ? event.fence : 0;
    slot->lease_start_ms = statement->started_ms;
    slot->is_settled = event.claim == CLAIM_STALE;
    slot->records = event.records;
    memset(slot->accepted, 0, sizeof slot->accepted);
    memset(slot->rejected, 0, sizeof slot->rejected);
    slot->was_read = false;
    tell(&event);
}

static void answer_repair(const struct statement *statement, bool is_lost)
{
    struct row *row = row_of(statement->slot);
    struct delivery_event event = {.kind = EVENT_REPAIR, .slot = statement->slot};

    event.matched = row->state == ROW_CLAIMED && row->fence == statement->fence;
    event.is_repairing = event.matched && (row->is_repairing || !row->may_park);
    row->is_repairing = row->is_repairing || event.is_repairing;
    m.slots[statement->slot].may_delete = event.is_repairing && !is_lost;
    if (!event.matched && !is_lost) {
        m.slots[statement->slot].fence = 0;
    }
    event.error = is_lost ? ERROR_UNAVAILABLE : ERROR_NONE;
    tell(&event);
}

static void answer_mark(const struct statement *statement, bool is_lost)
{
    struct row *row = row_of(statement->slot);
    struct delivery_event event = {.kind = EVENT_MARK, .slot = statement->slot};

    event.matched = row->state == ROW_CLAIMED && row->fence == statement->fence;
    if (event.matched) {
        row->state = ROW_FINAL;
        row->is_repairing = false;
    }
    event.error = is_lost ? ERROR_UNAVAILABLE : ERROR_NONE;
    m.slots[statement->slot].is_settled = event.matched && !is_lost;
    if (!event.matched && !is_lost) {
        m.slots[statement->slot].fence = 0;
    }
    tell(&event);
}

static void answer_park(const struct statement *statement, bool is_lost)
{
    struct row *row = row_of(statement->slot);
    bool is_mine = statement->fence != 0
                       ? row->state == ROW_CLAIMED && row->fence == statement->fence
                       : row->state == ROW_OPEN ||
                             (row->state == ROW_CLAIMED && row->lease_until_ms < m.now_ms);

    bool must_stay = row->is_repairing && (row->state == ROW_OPEN || row->state == ROW_CLAIMED);
    CHECK(!must_stay || statement->fence == 0 || row->fence != statement->fence);
    if (is_mine && !must_stay) {
        row->state = ROW_PARKED;
    }
    m.slots[statement->slot].is_settled = !is_lost && is_mine && !must_stay;
    tell(&(struct delivery_event){.kind = EVENT_PARK,
                                  .slot = statement->slot,
                                  .matched = is_mine && !must_stay,
                                  .is_repairing = must_stay,
                                  .error = is_lost ? ERROR_UNAVAILABLE : ERROR_NONE});
}

static void answer_note(const struct statement *statement, bool is_lost)
{
    struct model_slot *slot = &m.slots[statement->slot];

    m.noted[slot->partition][slot->offset] = true;
    slot->is_settled = !is_lost;
    tell(&(struct delivery_event){.kind = EVENT_NOTED,
                                  .slot = statement->slot,
                                  .error = is_lost ? ERROR_UNAVAILABLE : ERROR_NONE});
}

static void answer_renew(const struct statement *statement, bool is_lost)
{
    struct delivery_event event = {.kind = EVENT_RENEWED, .started_ms = statement->started_ms};

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        event.asked[i] = statement->asked[i];
        for (size_t k = 0; statement->asked[i] != 0 && k < BATCHES; k++) {
            struct row *row = &m.rows[k];
            if (row->state == ROW_CLAIMED && row->fence == statement->asked[i]) {
                row->lease_until_ms = m.now_ms + LEASE;
                event.kept[i] = true;
            }
        }
        if (!is_lost && event.kept[i] && m.slots[i].fence == statement->asked[i]) {
            m.slots[i].lease_start_ms = statement->started_ms;
        }
    }
    m.is_renewing = false;
    if (!is_lost) {
        tell(&event);
    }
}

/* The connection runs its next statement; is_lost: applied, but the answer never came. */
static void run_statement(bool is_lost)
{
    struct statement statement = m.queue[0];

    if (m.queue_len == 0) {
        return;
    }
    memmove(m.queue, m.queue + 1, --m.queue_len * sizeof *m.queue);
    if (statement.kind != STATEMENT_RENEW) {
        if (!m.slots[statement.slot].is_taken) {
            return; /* dropped by stopping */
        }
        m.slots[statement.slot].is_asking = false;
    }
    switch (statement.kind) {
    case STATEMENT_CLAIM:
        answer_claim(&statement, is_lost);
        break;
    case STATEMENT_REPAIR:
        answer_repair(&statement, is_lost);
        break;
    case STATEMENT_MARK:
        answer_mark(&statement, is_lost);
        break;
    case STATEMENT_PARK:
        answer_park(&statement, is_lost);
        break;
    case STATEMENT_NOTE:
        answer_note(&statement, is_lost);
        break;
    case STATEMENT_RENEW:
        answer_renew(&statement, is_lost);
        break;
    }
}

static void renew(void)
{
    struct statement statement = {.kind = STATEMENT_RENEW};

    if (m.is_renewing) {
        return;
    }
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        statement.asked[i] = m.core.slots[i].fence;
    }
    m.is_renewing = true;
    submit(statement);
}

/* Another worker with a copy of some message. */
static void meddle(void)
{
    struct row *row = &m.rows[any_below(BATCHES)];

    if (row->state == ROW_OPEN || (row->state == ROW_CLAIMED && row->lease_until_ms < m.now_ms)) {
        row->state = chance(50) ? ROW_CLAIMED : ROW_FINAL;
        row->is_repairing = row->state == ROW_CLAIMED && (row->is_repairing || chance(30));
        row->may_park = chance(20);
        row->fence = ++m.fences;
        row->lease_until_ms = m.now_ms + (int64_t)any_below(2 * LEASE);
    }
}

/* ---- the target ---- */

static enum error_kind any_outcome(void)
{
    static const enum error_kind kinds[] = {ERROR_TIMEOUT,   ERROR_UNAVAILABLE, ERROR_THROTTLED,
                                            ERROR_TOO_LARGE, ERROR_TOO_LARGE,   ERROR_REJECTED,
                                            ERROR_NOMEM};

    return m.is_calm || chance(70) ? ERROR_NONE : kinds[any_below(ARRAY_LEN(kinds))];
}

/* The asked records in one request or several; a bad one takes its whole request with it, and none follows. */
static void take_upsert(size_t at, struct delivery_event *event)
{
    struct model_slot *slot = &m.slots[at];
    const struct bisect *bisect = &m.core.slots[at].bisect;
    uint32_t asked[RECORDS];
    uint32_t count = 0;
    uint32_t piece = chance(20) ? 1 + (uint32_t)any_below(RECORDS) : RECORDS;

    for (uint32_t i = 0; i < slot->records; i++) {
        if (bisect_is_asked(bisect, i)) {
            CHECK(!slot->rejected[i]);
            asked[count++] = i;
        }
    }
    for (uint32_t from = 0; from < count && event->error == ERROR_NONE; from += piece) {
        event->before = from;
        event->refused = count - from < piece ? count - from : piece;
        for (uint32_t i = from; i < from + event->refused; i++) {
            /* An open repair waits until a person has seen to a target that refuses all: in calm, one has. */
            uint8_t how = m.is_calm && row_of(at)->is_repairing ? 0 : row_of(at)->bad[asked[i]];
            if (how != 0 && event->error == ERROR_NONE) {
                event->error = ERROR_REJECTED;
                event->status = chance(50) ? 400 : 422;
                event->likeness = how;
            }
        }
        for (uint32_t i = from; i < from + event->refused && event->error == ERROR_NONE; i++) {
            slot->accepted[asked[i]] = true;
        }
    }
}

static void answer_letters(size_t at)
{
    struct model_slot *slot = &m.slots[at];
    enum error_kind error = m.is_calm || chance(70) ? ERROR_NONE : ERROR_AUTH;

    slot->is_lettering = false;
    slot->was_lettered = error == ERROR_NONE;
    tell(&(struct delivery_event){.kind = EVENT_LETTERED, .slot = at, .error = error});
}

static uint32_t count_rejected(const struct model_slot *slot)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < slot->records; i++) {
        count += slot->rejected[i];
    }
    return count;
}

static bool will_repeat(const struct delivery *delivery)
{
    return !delivery->is_repeated ||
           (delivery->quiet_at_ms != 0 && m.now_ms >= delivery->quiet_at_ms);
}

static void answer_request(size_t at)
{
    struct model_slot *slot = &m.slots[at];
    struct delivery_event event = {.slot = at, .error = any_outcome()};

    if (slot->is_lettering) {
        answer_letters(at);
        return;
    }
    if (slot->request == REQUEST_NONE) {
        return;
    }
    event.kind = slot->request == REQUEST_UPSERT  ? EVENT_UPSERT
                 : slot->request == REQUEST_READ  ? EVENT_READ
                 : slot->request == REQUEST_KNOCK ? EVENT_KNOCK
                                                  : EVENT_DELETE;
    event.may_be_applied = chance(50);
    event.retry_after_ms = chance(5) ? (uint32_t)any_below(20000) : 0;
    event.mismatches = !m.is_calm && chance(20) ? 1 : 0;
    event.surplus = event.mismatches > 0 && chance(50) ? 1 : 0;
    event.parts = chance(20) ? 1 + (uint32_t)any_below(3) : 0;
    slot->request = REQUEST_NONE;
    if (event.error == ERROR_TIMEOUT || event.error == ERROR_UNAVAILABLE ||
        event.error == ERROR_THROTTLED) {
        int64_t *until_ms = &m.alone_until_ms[target_of(at)];
        int64_t asked_ms = m.now_ms + event.retry_after_ms;
        *until_ms = event.retry_after_ms > 0 && asked_ms > *until_ms ? asked_ms : *until_ms;
    }
    if (event.kind == EVENT_READ && event.error == ERROR_NONE) {
        slot->was_read = true;
        slot->rejects = event.rejects = event.mismatches + count_rejected(slot);
        if (event.mismatches > 0 && will_repeat(&m.core.slots[at])) {
            memset(slot->accepted, 0, sizeof slot->accepted); /* all that was not rejected again */
        }
    } else if (event.kind == EVENT_UPSERT && event.error == ERROR_NONE) {
        take_upsert(at, &event);
    }
    tell(&event);
}

/* ---- the bus ---- */

static void assign(void)
{
    m.generation++;
    watermark_assign(m.watermark, m.generation);
    for (size_t p = 0; p < PARTITIONS; p++) {
        m.position[p] = m.committed[p];
    }
}

static void revoke(void)
{
    tell(&(struct delivery_event){.kind = EVENT_REVOKED, .generation = m.generation});
    assign();
}

static void deliver(void)
{
    size_t slot;
    size_t p = any_below(PARTITIONS);

    while (m.is_calm && m.position[p] == m.log_len[p] && !chance(10)) {
        p = any_below(PARTITIONS);
    }
    if (m.position[p] == m.log_len[p] || !delivery_free_slot(&m.core, &slot)) {
        return;
    }
    int64_t offset = m.position[p]++;
    const struct log_message *message = &m.log[p][offset];
    CHECK(watermark_begin(m.watermark, m.generation, (int)p, offset) == WATERMARK_TAKEN);
    m.slots[slot] = (struct model_slot){.is_taken = true, .partition = (int)p, .offset = offset};
    tell(&(struct delivery_event){
        .kind = message->nature == NATURE_UNREADABLE ? EVENT_POISON : EVENT_MESSAGE,
        .slot = slot,
        .job_id = 1 + message->batch_no % JOBS,
        .batch_no = message->batch_no,
        .rev = 1,
        .generation = m.generation,
        .partition = (int)p,
        .offset = offset,
    });
}

/* Everything below what is stored has been done by somebody. */
static void check_stored(void)
{
    for (size_t p = 0; p < PARTITIONS; p++) {
        for (int64_t offset = 0; offset < m.committed[p]; offset++) {
            const struct log_message *message = &m.log[p][offset];
            const struct row *row = &m.rows[message->batch_no];
            CHECK(message->nature == NATURE_GOOD
                      ? row->state == ROW_FINAL || row->state == ROW_PARKED ||
                            row->state == ROW_CLAIMED /* by another who has taken over */
                      : m.noted[p][offset]);
        }
    }
}

/* ---- schedules ---- */

static void begin_schedule(uint64_t seed, struct watermark *watermark)
{
    struct delivery_settings settings = {LEASE, MARGIN, 5000, 1, 200, 50, 1, 100};

    memset(&m, 0, sizeof m);
    m.seed = seed;
    rng_seed(&m.rng, seed);
    m.watermark = watermark;
    m.now_ms = 100000;
    m.write_limit = settings.write_limit = 1 + (uint32_t)any_below(LIMIT_WRITES_PER_TARGET);
    settings.write_start = 1 + (uint32_t)any_below(m.write_limit);
    m.one_target = chance(50);
    delivery_core_init(&m.core, &settings, seed);
    for (size_t p = 0; p < PARTITIONS; p++) {
        m.log_len[p] = 1 + (int64_t)any_below(LOG_MAX);
        for (size_t i = 0; i < LOG_MAX; i++) {
            m.log[p][i] = (struct log_message){
                .nature = chance(90) ? NATURE_GOOD : (enum nature)(1 + any_below(4)),
                .batch_no = (int64_t)any_below(BATCHES), /* duplicates happen */
            };
        }
    }
    for (size_t i = 0; i < BATCHES; i++) {
        uint32_t percent = chance(40) ? 0 : chance(70) ? 10 : 80;
        m.rows[i].may_park = chance(10);
        for (size_t k = 0; k < RECORDS; k++) {
            m.rows[i].bad[k] = chance(percent) ? (uint8_t)(1 + any_below(2)) : 0;
        }
    }
    assign();
}

static void pass_time(int64_t ms)
{
    while (ms > 0) { /* ticks come when they are due, never later */
        int64_t step = delivery_next_tick_ms(&m.core, m.now_ms);
        step = step < ms ? step : ms;
        m.now_ms += step > 0 ? step : 1;
        ms -= step > 0 ? step : 1;
        tell(&(struct delivery_event){.kind = EVENT_TICK});
        check_step();
    }
}

static void one_step(void)
{
    switch (any_below(12)) {
    case 0:
    case 1:
    case 2:
        deliver();
        break;
    case 3:
    case 4:
    case 5:
        run_statement(chance(10));
        break;
    case 6:
    case 7:
    case 8:
        answer_request(any_below(DELIVERY_SLOTS));
        break;
    case 9:
        pass_time((int64_t)any_below(chance(5) ? 2 * LEASE : 300));
        break;
    case 10:
        renew();
        break;
    default:
        if (chance(20)) {
            revoke();
        } else if (chance(20)) {
            meddle();
        }
        break;
    }
    check_step();
}

/* Without faults every message of the living generation is acknowledged, and all of the log is stored. */
static void run_calm(void)
{
    int64_t until_ms = m.now_ms + 100 * LEASE;
    bool is_done = false;

    m.is_calm = true;
    while (!is_done) {
        CHECK(m.now_ms < until_ms);
        renew();
        while (m.queue_len > 0) {
            run_statement(false);
        }
        for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
            answer_request(i);
        }
        is_done = delivery_is_idle(&m.core);
        for (size_t p = 0; p < PARTITIONS; p++) {
            is_done = is_done && m.position[p] == m.log_len[p];
        }
        if (!is_done) {
            deliver();
            pass_time(20);
        }
    }
    for (size_t p = 0; p < PARTITIONS; p++) {
        CHECK(m.committed[p] == m.log_len[p]);
    }
    CHECK(watermark_unfinished(m.watermark) == 0);
}

/* Stopped, it is idle when the grace is over, whatever does not answer. */
static void run_stop(void)
{
    uint64_t held = 0;
    int64_t ends_ms = m.now_ms + 1000;

    tell(&(struct delivery_event){.kind = EVENT_STOP, .grace_ms = 1000});
    for (size_t i = 0; i < 40 && m.now_ms < ends_ms - 30; i++) {
        run_statement(chance(10));
        answer_request(any_below(DELIVERY_SLOTS));
        pass_time((int64_t)any_below(30));
        deliver();
    }
    pass_time(ends_ms - m.now_ms);
    CHECK(delivery_is_idle(&m.core));
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        held += m.slots[i].is_taken;
    }
    CHECK(held == 0);
}

static void whatever_happens_nothing_is_lost_and_all_ends_well(void **state)
{
    struct rng seeds = seeded_rng();
    struct watermark *watermark = watermark_new();

    (void)state;
    assert_non_null(watermark);
    for (int i = 0; i < SCHEDULES; i++) {
        /* A failing schedule names its own seed: give it to begin_schedule to see it alone. */
        begin_schedule(rng_next(&seeds), watermark);
        for (int step = 0; step < STEPS; step++) {
            one_step();
        }
        check_stored();
        if (i % 4 == 0) {
            run_stop();
        } else {
            run_calm();
        }
        check_stored();
    }
    watermark_free(watermark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_nothing_is_lost_and_all_ends_well),
    };

    return cmocka_run_group_tests_name("delivery random", tests, NULL, NULL);
}
