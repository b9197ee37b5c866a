/* A producer's edge: the exporting machine, its statements, messages and reports. How the job ends: finishing.c. */
#include <string.h>

#include "sim.h"

static void submit(struct process *producer, enum statement_kind kind, size_t slot,
                   void (*fn)(struct happening *))
{
    const struct export_slot *claim = &producer->export_core.slots[slot];
    const struct cargo *cargo = &producer->cargo[slot];
    struct statement st = {.kind = kind,
                           .slot = slot,
                           .batch = claim->batch_no,
                           .rev = claim->rev,
                           .fence = claim->fence,
                           .sha = cargo->sha,
                           .left_out = cargo->left_out,
                           .partition = cargo->partition,
                           .offset = cargo->offset};
    const struct row *row = &ledger.rows[claim->batch_no];

    st.has_operations = cargo->left_out != (1u << row->n_records) - 1;
    process_submit(producer, &st, fn);
}

/* Whether the answer is for the claim that asked. */
static bool is_of_claim(const struct process *producer, const struct statement *st)
{
    return producer->export_core.slots[st->slot].fence == st->fence;
}

/* ---- E1 ---- */

static void on_claimed(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;
    struct export_event event = {.kind = EXPORT_EVENT_CLAIMED, .started_ms = st->started_ms};

    for (size_t i = 0; st->error == ERROR_NONE && i < st->count && producer->is_up; i++) {
        if (export_free_slot(&producer->export_core, &event.slot)) {
            event.batch_no = st->held[i].batch;
            event.fence = st->held[i].fence;
            event.rev = st->held[i].rev;
            memset(&producer->cargo[event.slot], 0, sizeof producer->cargo[event.slot]);
            producer_tell(producer, &event);
        }
    }
    if (producer->is_up) {
        producer_tell(producer, &(struct export_event){.kind = EXPORT_EVENT_CLAIM_END,
                                                       .error = st->error,
                                                       .count = st->count});
    }
}

/* ---- E2 ---- */

static void on_fetched(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    size_t slot = (size_t)happening->a;
    struct cargo *cargo = &producer->cargo[slot];
    const struct export_slot *claim = &producer->export_core.slots[slot];
    const struct row *row = &ledger.rows[claim->batch_no];
    struct export_event event = {.kind = EXPORT_EVENT_FETCHED, .slot = slot};

    if (cargo->errand != (uint32_t)happening->b) {
        return;
    }
    cargo->left_out = 0;
    if (is_away(AWAY_SOURCE) || fault(40)) {
        event.error = ERROR_UNAVAILABLE;
    } else if (row->n_records > 1 && ledger.count + 2 * PRODUCERS * 2 <= BATCHES + 2 && fault(20)) {
        event.error = ERROR_TOO_LARGE;
    } else {
        for (size_t i = 0; i < row->n_records; i++) {
            cargo->contents[i] = source[row->ids[i]];
            cargo->left_out |= (uint8_t)(cargo->contents[i].exists ? 0 : 1u << i);
        }
        cargo->sha = content_digest((uint64_t)(claim->batch_no * 1000 + claim->rev) + 7,
                                    cargo->contents, row->n_records, 0xff);
    }
    producer_tell(producer, &event);
}

static void fetch(struct process *producer, size_t slot)
{
    struct happening *happening =
        world_after(fault(60) ? between(0, LEASE) : between(2, 60), on_fetched, producer->index);

    producer->cargo[slot].errand = ++producer->errands;
    happening->a = (int64_t)slot;
    happening->b = producer->cargo[slot].errand;
}

/* ---- E3 to E5 ---- */

static void on_recorded(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;

    if (is_of_claim(producer, st)) {
        producer_tell(producer, &(struct export_event){.kind = EXPORT_EVENT_RECORDED,
                                                       .slot = st->slot,
                                                       .error = st->error,
                                                       .matched = st->matched,
                                                       .is_final = st->is_final});
    }
}

static void send(struct process *producer, size_t slot)
{
    const struct export_slot *claim = &producer->export_core.slots[slot];
    const struct row *row = &ledger.rows[claim->batch_no];
    struct cargo *cargo = &producer->cargo[slot];
    struct message message = {.batch = claim->batch_no, .rev = claim->rev, .sha = cargo->sha};

    for (size_t i = 0; i < row->n_records; i++) {
        if ((cargo->left_out & 1u << i) == 0) {
            message.ids[message.count] = row->ids[i];
            message.contents[message.count++] = cargo->contents[i];
        }
    }
    if (fault(40)) {
        producer_tell(producer, &(struct export_event){.kind = EXPORT_EVENT_SENT,
                                                       .slot = slot,
                                                       .error = ERROR_THROTTLED});
        return;
    }
    cargo->errand = ++producer->errands;
    kafka_send(producer, slot, &message);
    producer_tell(producer, &(struct export_event){.kind = EXPORT_EVENT_SENT, .slot = slot});
}

void producer_report(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    struct cargo *cargo = &producer->cargo[happening->a];

    if (cargo->errand != (uint32_t)happening->u.request.fence) {
        return;
    }
    cargo->partition = (int)(happening->u.request.batch % PARTITIONS);
    cargo->offset = happening->b;
    producer_tell(producer, &(struct export_event){.kind = EXPORT_EVENT_REPORT,
                                                   .slot = (size_t)happening->a,
                                                   .error = (enum error_kind)happening->c});
}

static void on_reported(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;

    if (is_of_claim(producer, st)) {
        producer_tell(producer, &(struct export_event){.kind = EXPORT_EVENT_REPORTED,
                                                       .slot = st->slot,
                                                       .error = st->error});
    }
}

static void release(struct process *producer, size_t slot)
{
    if (chance(900)) { /* else there was no room for it, and the lease ends by itself */
        submit(producer, DB_RELEASE_EXPORT, slot, NULL);
    }
}

static void carry_out(struct process *producer, const struct export_action *action,
                      const struct export_slot *before)
{
    struct statement claim = {.kind = DB_CLAIM_EXPORTS, .count = action->count};
    struct statement given_back = {
        .kind = DB_RELEASE_EXPORT, .batch = before->batch_no, .fence = before->fence};

    switch (action->kind) {
    case EXPORT_ACTION_CLAIM:
        process_submit(producer, &claim, on_claimed);
        break;
    case EXPORT_ACTION_FETCH:
        fetch(producer, action->slot);
        break;
    case EXPORT_ACTION_RECORD:
        submit(producer, DB_RECORD, action->slot, on_recorded);
        break;
    case EXPORT_ACTION_SEND:
        send(producer, action->slot);
        break;
    case EXPORT_ACTION_REPORT:
        submit(producer, DB_REPORT, action->slot, on_reported);
        break;
    case EXPORT_ACTION_RELEASE:
        if (before->fence == 0) {
            release(producer, action->slot);
        } else if (chance(900)) {
            process_submit(producer, &given_back, NULL);
        }
        break;
    case EXPORT_ACTION_SPLIT:
        given_back.kind = DB_SPLIT;
        process_submit(producer, &given_back, NULL);
        break;
    case EXPORT_ACTION_BLOCK:
        given_back.kind = DB_BLOCK;
        process_submit(producer, &given_back, NULL);
        break;
    case EXPORT_ACTION_ABORT:
    case EXPORT_ACTION_DROP:
        producer->cargo[action->slot].errand = 0;
        break;
    case EXPORT_ACTION_SEARCH:
    case EXPORT_ACTION_LETTER:
        break;
    }
}

void producer_tell(struct process *producer, const struct export_event *event)
{
    struct export_action action;
    struct export_slot before[EXPORT_SLOTS];

    if (producer->is_carrying) {
        export_handle(&producer->export_core, event, sim_now);
        return;
    }
    memcpy(before, producer->export_core.slots, sizeof before); /* a drop comes after its release */
    if (event->kind == EXPORT_EVENT_CLAIMED) {
        before[event->slot].batch_no = event->batch_no;
        before[event->slot].fence = event->fence;
    }
    export_handle(&producer->export_core, event, sim_now);
    producer->is_carrying = true;
    while (process_lives_on(producer) && export_next_action(&producer->export_core, &action)) {
        carry_out(producer, &action, &before[action.slot]);
    }
    producer->is_carrying = false;
}

/* ---- time ---- */

static void on_renewed(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;
    struct export_event event = {.kind = EXPORT_EVENT_RENEWED, .started_ms = st->started_ms};

    for (size_t i = 0; st->error == ERROR_NONE && i < EXPORT_SLOTS; i++) {
        int64_t fence = producer->export_core.slots[i].fence;
        event.asked[i] = fence != 0 && producer->asked[i] == fence;
        for (size_t k = 0; k < st->count; k++) {
            event.kept[i] = event.kept[i] || st->held[k].fence == fence;
        }
    }
    if (st->error == ERROR_NONE) {
        producer_tell(producer, &event);
    }
}

static void renew(struct happening *happening)
{
    struct process *producer = &processes[happening->process];
    struct statement st = {.kind = DB_RENEW};

    for (size_t i = 0; i < EXPORT_SLOTS; i++) {
        const struct export_slot *slot = &producer->export_core.slots[i];
        producer->asked[i] = slot->state == EXPORT_FREE ? 0 : slot->fence;
        if (producer->asked[i] != 0) {
            st.held[st.count++] = (struct held){slot->batch_no, slot->fence, 0};
        }
    }
    process_submit(producer, &st, on_renewed);
    (void)world_after(LEASE / 3, renew, producer->index);
}

static void tick(struct happening *happening)
{
    struct process *producer = &processes[happening->process];

    producer_tell(producer, &(struct export_event){.kind = EXPORT_EVENT_TICK});
    if (!producer->is_up) {
        return;
    }
    if (producer->is_stopping &&
        (export_is_idle(&producer->export_core) || sim_now > producer->stops_by)) {
        trace("worker %lld has stopped", (long long)producer->worker);
        ledger.stopped_worker[producer->index] = producer->worker;
        producer->is_up = false;
        return;
    }
    (void)world_after(100, tick, producer->index);
}

void producer_start(struct process *producer)
{
    struct export_settings settings = {.lease_ms = LEASE,
                                       .lease_margin_ms = MARGIN,
                                       .fetch_limit = (uint32_t)between(1, 4),
                                       .poll_ms = 300};

    export_core_init(&producer->export_core, &settings, rng_next(&sim_rng));
    memset(producer->cargo, 0, sizeof producer->cargo);
    producer->is_finishing = false;
    producer->next_sweep_ms = producer->next_end_ms = 0;
    (void)world_after(LEASE / 3, renew, producer->index);
    (void)world_after(10, tick, producer->index);
    (void)world_after(between(50, 400), producer_follow, producer->index);
}

void producer_stop(struct process *producer, uint32_t grace_ms)
{
    producer_tell(producer,
                  &(struct export_event){.kind = EXPORT_EVENT_STOP, .grace_ms = grace_ms});
}
