/* A consumer's edge: what the delivering machine asks for is carried out, and what must hold at that moment is looked at. */
#include <string.h>

#include "sim.h"

static void on_claim(struct happening *happening);
static void on_settled(struct happening *happening);

static int row_bit(const struct row *row, uint8_t id)
{
    for (int i = 0; i < (int)row->n_records; i++) {
        if (row->ids[i] == id) {
            return i;
        }
    }
    return 0;
}

static void submit(struct process *consumer, enum statement_kind kind,
                   const struct delivery_action *action, void (*fn)(struct happening *))
{
    const struct delivery *delivery = &consumer->delivery.slots[action->slot];
    const struct parcel *parcel = &consumer->parcels[action->slot];
    struct statement st = {.kind = kind,
                           .slot = action->slot,
                           .batch = delivery->batch_no,
                           .rev = delivery->rev,
                           .sha = kafka_message(parcel->message)->sha,
                           .fence = action->fence,
                           .sent = action->sent,
                           .doubtful = delivery->is_doubtful,
                           .wait_ms = action->wait_ms};

    if (kind == DB_NOTE) {
        st.batch = parcel->message;
    }
    if (kind == DB_FINISH) {
        st.errand = (uint32_t)parcel->message;
        st.verified = parcel->verified;
        st.rejected = parcel->refused | parcel->mismatched;
        st.mismatched = parcel->mismatched;
        st.readback = parcel->readback;
        MUST(parcel->was_read && parcel->read_fence == action->fence,
             "batch %lld is marked, and was not read after it was written",
             (long long)delivery->batch_no);
    }
    process_submit(consumer, &st, fn);
}

static void on_lettered(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    struct parcel *parcel = &consumer->parcels[happening->a];

    if (parcel->is_lettering && parcel->errand == (uint32_t)happening->b) {
        parcel->is_lettering = false;
        parcel->errand = 0;
        consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_LETTERED,
                                                         .slot = (size_t)happening->a,
                                                         .error = fault(100) || is_away(AWAY_BUS)
                                                                      ? ERROR_UNAVAILABLE
                                                                      : ERROR_NONE});
    }
}

static void letter(struct process *consumer, size_t slot)
{
    struct parcel *parcel = &consumer->parcels[slot];
    struct happening *happening = world_after(between(1, 50), on_lettered, consumer->index);

    parcel->is_lettering = true;
    parcel->errand = ++consumer->errands;
    happening->a = (int64_t)slot;
    happening->b = parcel->errand;
}

static void refuse(struct process *consumer, const struct delivery_action *action)
{
    const struct delivery *delivery = &consumer->delivery.slots[action->slot];
    struct parcel *parcel = &consumer->parcels[action->slot];
    const struct message *message = kafka_message(parcel->message);
    uint8_t id = message->ids[action->record];

    MUST(target_refuses[id], "record %u is rejected, and the target has always taken it", id);
    parcel->refused |= (uint8_t)(1u << row_bit(&ledger.rows[delivery->batch_no], id));
}

static void acknowledge(struct process *consumer, const struct delivery_action *action)
{
    int64_t next;

    MUST(action->generation == consumer->generation,
         "an offset of generation %llu is acknowledged in generation %llu",
         (unsigned long long)action->generation, (unsigned long long)consumer->generation);
    if (watermark_done(consumer->watermark, action->generation, action->partition, action->offset,
                       &next)) {
        kafka_store(consumer, action->partition, next);
    }
}

/* The statements, which wait for nothing else. */
static bool carry_to_ledger(struct process *consumer, const struct delivery_action *action)
{
    switch (action->kind) {
    case ACTION_CLAIM:
        submit(consumer, DB_CLAIM, action, on_claim);
        return true;
    case ACTION_REPAIR:
        submit(consumer, DB_REPAIR, action, on_settled);
        return true;
    case ACTION_MARK:
        submit(consumer, DB_FINISH, action, on_settled);
        return true;
    case ACTION_PARK:
        submit(consumer, DB_PARK, action, on_settled);
        return true;
    case ACTION_REFUSE_TARGET:
        submit(consumer, DB_REFUSE, action, NULL);
        return true;
    case ACTION_BLOCK_JOB:
        if (action->probed > 0) {
            consumer->parcels[action->slot].refused = 0;
        }
        submit(consumer, DB_BLOCK, action, NULL);
        return true;
    case ACTION_RELEASE:
        submit(consumer, DB_RELEASE, action, NULL);
        return true;
    case ACTION_POISON:
        submit(consumer, DB_NOTE, action, on_settled);
        return true;
    default:
        return false;
    }
}

static void carry_out(struct process *consumer, const struct delivery_action *action)
{
    if (carry_to_ledger(consumer, action)) {
        return;
    }
    switch (action->kind) {
    case ACTION_KNOCK:
        errand_knock(consumer, action->slot);
        break;
    case ACTION_UPSERT:
        errand_upsert(consumer, action->slot, action->parts);
        break;
    case ACTION_REJECT:
        refuse(consumer, action);
        break;
    case ACTION_READ:
        errand_read(consumer, action->slot);
        break;
    case ACTION_DELETE:
        errand_delete(consumer, action->slot);
        break;
    case ACTION_LETTER:
        letter(consumer, action->slot);
        break;
    case ACTION_ABORT:
        errand_abandon(consumer, action->slot);
        break;
    case ACTION_ACKNOWLEDGE:
        acknowledge(consumer, action);
        break;
    case ACTION_DROP:
        errand_abandon(consumer, action->slot);
        kafka_fetch(consumer);
        break;
    default:
        break;
    }
}

void consumer_tell(struct process *consumer, const struct delivery_event *event)
{
    struct delivery_action action;

    delivery_handle(&consumer->delivery, event, sim_now);
    if (consumer->is_carrying) {
        return;
    }
    consumer->is_carrying = true;
    while (process_lives_on(consumer) && delivery_next_action(&consumer->delivery, &action)) {
        carry_out(consumer, &action);
    }
    consumer->is_carrying = false;
}

static void on_claim(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;
    struct parcel *parcel = &consumer->parcels[st->slot];
    struct delivery_event event = {.kind = EVENT_CLAIM,
                                   .slot = st->slot,
                                   .claim = st->error == ERROR_NONE ? st->outcome : CLAIM_FAILED,
                                   .fence = st->fence,
                                   .started_ms = st->started_ms,
                                   .quiet_ms = st->quiet_ms,
                                   .records = st->records,
                                   .target = {"the only one"},
                                   .is_repairing = st->is_repairing};

    if (event.claim == CLAIM_CLAIMED) {
        memset(parcel->nulls, 0, sizeof parcel->nulls);
        parcel->surplus = parcel->verified = parcel->mismatched = parcel->refused = 0;
        parcel->was_read = false;
    }
    consumer_tell(consumer, &event);
}

static void on_settled(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;
    struct delivery_event event = {.slot = st->slot,
                                   .error = st->error,
                                   .matched = st->matched,
                                   .is_repairing = st->is_repairing};

    event.kind = st->kind == DB_REPAIR   ? EVENT_REPAIR
                 : st->kind == DB_FINISH ? EVENT_MARK
                 : st->kind == DB_PARK   ? EVENT_PARK
                                         : EVENT_NOTED;
    consumer_tell(consumer, &event);
}

void consumer_take(struct process *consumer, int64_t serial, int partition, int64_t offset)
{
    const struct message *message = kafka_message(serial);
    struct delivery_event event = {.kind = message->nature == MESSAGE_UNREADABLE ? EVENT_POISON
                                                                                 : EVENT_MESSAGE,
                                   .batch_no = message->batch,
                                   .rev = message->rev,
                                   .generation = consumer->generation,
                                   .partition = partition,
                                   .offset = offset};

    switch (watermark_begin(consumer->watermark, consumer->generation, partition, offset)) {
    case WATERMARK_TAKEN:
        break;
    case WATERMARK_BACKWARD:
        trace("worker %lld: offsets go backward", (long long)consumer->worker);
        kafka_leave(consumer, true);
        return;
    case WATERMARK_ENDED:
    case WATERMARK_FULL:
        return;
    }
    if (!delivery_free_slot(&consumer->delivery, &event.slot)) {
        return;
    }
    consumer->position[partition]++;
    consumer->parcels[event.slot] = (struct parcel){.message = serial};
    kafka_fetch(consumer);
    consumer_tell(consumer, &event);
}

/* ---- time ---- */

static void on_renewed(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    const struct statement *st = &happening->u.statement;
    struct delivery_event event = {.kind = EVENT_RENEWED, .started_ms = st->started_ms};

    if (st->error != ERROR_NONE) {
        return;
    }
    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        event.asked[i] = consumer->asked[i];
        for (size_t k = 0; k < st->count; k++) {
            event.kept[i] = event.kept[i] || st->held[k].fence == consumer->asked[i];
        }
    }
    consumer_tell(consumer, &event);
}

static void renew(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    struct statement st = {.kind = DB_RENEW};

    for (size_t i = 0; i < DELIVERY_SLOTS; i++) {
        const struct delivery *delivery = &consumer->delivery.slots[i];
        consumer->asked[i] = delivery->fence;
        if (delivery->fence != 0) {
            st.held[st.count++] = (struct held){delivery->batch_no, delivery->fence, 0};
        }
    }
    process_submit(consumer, &st, on_renewed);
    (void)world_after(LEASE / 3, renew, consumer->index);
}

static void tick(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];

    consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_TICK});
    if (!consumer->is_up) {
        return;
    }
    if (consumer->is_stopping &&
        (delivery_is_idle(&consumer->delivery) || sim_now > consumer->stops_by)) {
        kafka_leave(consumer, true);
        trace("worker %lld has stopped", (long long)consumer->worker);
        consumer->is_up = false;
        return;
    }
    int64_t wait_ms = delivery_next_tick_ms(&consumer->delivery, sim_now);
    wait_ms = consumer->is_stopping && wait_ms > 50 ? 50 : wait_ms;
    (void)world_after(wait_ms < 20 ? 20 : wait_ms, tick, consumer->index);
}

void consumer_start(struct process *consumer)
{
    struct delivery_settings settings = {.lease_ms = LEASE,
                                         .lease_margin_ms = MARGIN,
                                         .refuse_after_ms = between(200, 3000),
                                         .write_limit = (uint32_t)between(1, 4),
                                         .write_start = 1,
                                         .hold_ms = 500,
                                         .busy_ms = 200,
                                         .confirm_ms = 300};

    delivery_core_init(&consumer->delivery, &settings, rng_next(&sim_rng));
    memset(consumer->parcels, 0, sizeof consumer->parcels);
    memset(consumer->owns, 0, sizeof consumer->owns);
    consumer->generation = 0;
    consumer->is_fetching = false;
    if (consumer->watermark == NULL) {
        consumer->watermark = watermark_new();
        MUST(consumer->watermark != NULL, "out of memory");
    }
    watermark_assign(consumer->watermark, 0);
    (void)world_after(LEASE / 3, renew, consumer->index);
    (void)world_after(20, tick, consumer->index);
    kafka_join(consumer);
}

void consumer_stop(struct process *consumer, uint32_t grace_ms)
{
    consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_STOP, .grace_ms = grace_ms});
}
