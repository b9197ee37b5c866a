/* What a producer does beside exporting: it looks how far the job is, sweeps, and ends it, one statement after the other. */
#include <string.h>

#include "producer/sweep.h"
#include "sim.h"

#define ASK_EVERY   500
#define SWEEP_EVERY 1500
#define END_AGAIN   1000

static void on_answer(struct happening *happening);
static void on_listed(struct happening *happening);
static void on_read_again(struct happening *happening);

void producer_follow(struct happening *happening)
{
    struct process *producer = &processes[happening->process];

    if (!producer->is_finishing && !producer->is_stopping) {
        producer->is_finishing = true;
        process_submit(producer, &(struct statement){.kind = DB_PROGRESS}, on_answer);
    }
    (void)world_after(ASK_EVERY, producer_follow, producer->index);
}

/* mismatched and open go along, so that every step knows what the job's state was. */
static void next(struct process *producer, const struct statement *last, enum statement_kind kind)
{
    struct statement st = *last;

    st.kind = kind;
    st.matched = false;
    process_submit(producer, &st, on_answer);
}

static void on_progress(struct process *producer, const struct statement *st)
{
    bool may_end = st->open == 0 && st->is_quiet && sim_now >= producer->next_end_ms;
    bool may_sweep = st->open > 0 && sim_now >= producer->next_sweep_ms && !is_away(AWAY_BUS);

    producer->is_finishing = st->job_state == JOB_RUNS && (may_end || may_sweep);
    if (producer->is_finishing) {
        next(producer, st, DB_TAKE);
    }
}

static void on_positions(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    struct statement st = happening->u.statement;
    struct bus_position positions[PARTITIONS];
    size_t count = kafka_positions(positions);
    size_t lost = 0;

    producer->next_sweep_ms = sim_now + SWEEP_EVERY;
    for (size_t i = 0; i < st.count && !is_away(AWAY_BUS); i++) {
        int partition = (int)(st.held[i].fence % PARTITIONS);
        int64_t offset = st.held[i].fence / PARTITIONS - 1;
        if (sweep_judge(partition, offset, positions, count) != SWEEP_WAIT) {
            st.held[lost++] = st.held[i];
        }
    }
    st.count = lost;
    producer->is_finishing = lost > 0;
    if (lost > 0) {
        next(producer, &st, DB_REPLAN);
    }
}

/* One batch that has to be read again, or the whole target. */
static void list(struct process *producer, const struct statement *st, bool is_whole)
{
    struct request request = {.kind = HTTP_LIST,
                              .batch = st->batch,
                              .fence = (int64_t)st->readback,
                              .deadline_ms = st->rev,
                              .status = st->mismatched};

    target_request(producer, &request, is_whole ? on_listed : on_read_again);
}

static void on_read_again(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    const struct request *request = &happening->u.request;
    const struct row *row = &ledger.rows[request->batch];
    struct content contents[RECORDS] = {0};
    struct statement st = {.batch = request->batch,
                           .rev = request->deadline_ms,
                           .mismatched = (uint8_t)request->status};

    if (request->error != ERROR_NONE) {
        producer->is_finishing = false;
        return;
    }
    for (size_t i = 0; i < row->n_records; i++) {
        contents[i] = target[row->ids[i]];
    }
    uint8_t mask = (uint8_t) ~(row->rejected | row->vanished);
    st.is_same = content_digest(1, contents, row->n_records, mask) == (uint64_t)request->fence;
    next(producer, &st, DB_REREAD_SETTLE);
}

static void on_listed(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    const struct request *request = &happening->u.request;
    struct statement st = {.is_same = true};

    if (request->error != ERROR_NONE) {
        producer->is_finishing = false;
        return;
    }
    for (size_t i = 0; i < ledger.count; i++) {
        const struct row *row = &ledger.rows[i];
        for (size_t k = 0; k < row->n_records && row->state == ROW_VERIFIED; k++) {
            bool is_lost = (row->verified & 1u << k) != 0 && !target[row->ids[k]].exists;
            st.is_same = st.is_same && !is_lost;
        }
    }
    next(producer, &st, DB_END);
}

static void on_taken(struct process *producer, const struct statement *st)
{
    if (!st->matched) {
        producer->is_finishing = false;
    } else {
        next(producer, st, st->open > 0 ? DB_CANDIDATES : DB_REREAD_NEXT);
    }
}

static void on_reread_next(struct process *producer, const struct statement *st)
{
    if (st->matched) {
        list(producer, st, false);
    } else if (st->mismatched != 0) {
        struct statement end = {.is_same = false};
        next(producer, &end, DB_END);
    } else {
        list(producer, st, true);
    }
}

static void go_on(struct process *producer, const struct statement *st)
{
    switch (st->kind) {
    case DB_PROGRESS:
        on_progress(producer, st);
        break;
    case DB_TAKE:
        on_taken(producer, st);
        break;
    case DB_CANDIDATES:
        world_after(between(1, 100), on_positions, producer->index)->u.statement = *st;
        break;
    case DB_REREAD_NEXT:
        on_reread_next(producer, st);
        break;
    case DB_REREAD_SETTLE:
        if (st->matched && st->is_same) {
            next(producer, st, DB_REREAD_NEXT);
            break;
        }
        producer->is_finishing = false;
        break;
    default: /* DB_REPLAN, DB_END */
        producer->is_finishing = false;
        producer->next_end_ms = sim_now + END_AGAIN;
        break;
    }
}

static void on_answer(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;

    if (st->error != ERROR_NONE) {
        producer->is_finishing = false;
        producer->next_end_ms = sim_now + END_AGAIN;
    } else {
        go_on(producer, st);
    }
}
