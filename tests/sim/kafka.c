/* The bus: logs, the group, who owns which partition, what has been committed. Also whatever strange lies on a topic. */
#include <string.h>

#include "sim.h"

#define MESSAGES_MAX 1024
#define NOBODY       (-1)
#define NOT_STORED   (-1)

static struct message messages[MESSAGES_MAX];
static size_t message_count;
static struct {
    int64_t serials[LOG_MAX];
    int64_t low, high, committed;
    uint32_t epoch;    /* how often it was cut */
    bool is_overtaken; /* cut below what was committed, and nothing has been committed since */
    int owner;
} logs[PARTITIONS];
static uint64_t generation;
static int64_t rewound_ms;
static int rewinds = NOBODY; /* the partition, between two assignments */

static void beat(struct happening *happening);

void kafka_begin(void)
{
    memset(logs, 0, sizeof logs);
    message_count = 0;
    generation = 0;
    rewound_ms = -100000;
    for (size_t p = 0; p < PARTITIONS; p++) {
        logs[p].owner = NOBODY;
    }
}

const struct message *kafka_message(int64_t serial)
{
    return &messages[serial];
}

void kafka_note(int64_t serial)
{
    messages[serial].is_noted = true;
    tally.poison++;
}

static int64_t keep(const struct message *message)
{
    MUST(message_count < MESSAGES_MAX, "the same is sent again and again: nothing comes to an end");
    messages[message_count] = *message;
    return (int64_t)message_count++;
}

static int64_t append(int p, int64_t serial)
{
    int64_t offset = logs[p].high;

    MUST(offset < LOG_MAX, "the same is sent again and again: nothing comes to an end");
    logs[p].serials[offset] = serial;
    logs[p].high++;
    if (logs[p].owner != NOBODY && processes[logs[p].owner].is_up) {
        kafka_fetch(&processes[logs[p].owner]);
    }
    return offset;
}

static int partition_of(int64_t batch)
{
    return (int)(batch % PARTITIONS);
}

static void report(const struct happening *sent, enum error_kind error, int64_t offset,
                   int64_t wait_ms)
{
    if (!processes[sent->a].is_up || processes[sent->a].life != sent->u.request.errand) {
        return;
    }
    struct happening *happening = world_after(wait_ms, producer_report, (int)sent->a);
    happening->a = sent->b;
    happening->b = offset;
    happening->c = (int64_t)error;
    happening->u.request.fence = sent->u.request.fence;
    happening->u.request.batch = sent->u.request.batch;
}

static void arrive(struct happening *sent)
{
    bool is_gone = processes[sent->a].life != sent->u.request.errand;

    if (is_away(AWAY_BUS)) {
        struct happening *again =
            world_after(sim_away_until[AWAY_BUS] - sim_now + between(0, 300), arrive, -1);
        again->a = sent->a;
        again->b = sent->b;
        again->c = sent->c;
        again->u.request = sent->u.request;
        return;
    }
    if ((is_gone && chance(500)) || fault_of(AWAY_BUS, 20)) {
        report(sent, ERROR_TIMEOUT, BUS_NO_OFFSET, between(0, LEASE)); /* it never came */
        return;
    }
    int p = partition_of(messages[sent->c].batch);
    int64_t offset = append(p, sent->c);
    if (fault_of(AWAY_BUS, 50)) {
        offset = chance(500) ? append(p, sent->c) : (append(p, sent->c), offset);
    }
    if (fault_of(AWAY_BUS, 30)) {
        report(sent, ERROR_TIMEOUT, BUS_NO_OFFSET, between(0, LEASE)); /* it came all the same */
        return;
    }
    report(sent, ERROR_NONE, fault_of(AWAY_BUS, 60) ? BUS_NO_OFFSET : offset,
           fault_of(AWAY_BUS, 100) ? between(0, 2 * LEASE) : between(0, 20));
}

void kafka_send(struct process *producer, size_t slot, const struct message *message)
{
    int64_t serial = keep(message);
    struct happening *happening = world_after(between(1, 40), arrive, -1);

    happening->a = producer->index;
    happening->b = (int64_t)slot;
    happening->c = serial;
    happening->u.request.errand = producer->life;
    happening->u.request.batch = message->batch;
    happening->u.request.fence = producer->cargo[slot].errand;
}

/* Someone else's idea of a message. */
void kafka_forge(void)
{
    static const enum nature natures[] = {MESSAGE_OTHER_DIGEST, MESSAGE_OTHER_DIGEST, MESSAGE_NEWER,
                                          MESSAGE_UNKNOWN, MESSAGE_UNREADABLE};
    struct message message = {.nature = natures[rng_below(&sim_rng, ARRAY_LEN(natures))]};

    message.batch = (int64_t)rng_below(&sim_rng, ledger.count);
    message.rev = ledger.rows[message.batch].rev + (message.nature == MESSAGE_NEWER);
    message.sha = rng_next(&sim_rng) | 1;
    message.count = ledger.rows[message.batch].n_records;
    for (size_t i = 0; i < message.count; i++) {
        message.ids[i] = ledger.rows[message.batch].ids[i];
        message.contents[i] = (struct content){.exists = true, .keys = {99, 99}, .doc = 99};
    }
    if (message.nature == MESSAGE_UNKNOWN) {
        message.batch = BATCHES + 7;
    }
    trace("bus: a forged message, nature %d", (int)message.nature);
    append((int)rng_below(&sim_rng, PARTITIONS), keep(&message));
}

void kafka_lose_tail(void)
{
    size_t p = (size_t)rng_below(&sim_rng, PARTITIONS);
    int64_t count = between(1, 3);

    if (logs[p].high - logs[p].low >= count) {
        logs[p].high -= count;
        logs[p].epoch++;
        logs[p].is_overtaken = logs[p].is_overtaken || logs[p].committed > logs[p].high;
        tally.lost_tails++;
        trace("bus: partition %zu has lost its last %lld messages", p, (long long)count);
    }
}

/* Everything is read again. */
void kafka_rewind(void)
{
    rewinds = (int)rng_below(&sim_rng, PARTITIONS);
    rewound_ms = sim_now;
    trace("bus: partition %d is read from its start again", rewinds);
    kafka_rebalance();
}

/* ---- the group ---- */

static void commit(struct process *consumer)
{
    for (size_t p = 0; p < PARTITIONS; p++) {
        if (consumer->owns[p] && consumer->generation == generation &&
            consumer->stored[p] != NOT_STORED) {
            logs[p].committed = consumer->stored[p];
            if (logs[p].is_overtaken && logs[p].committed <= logs[p].high) {
                rewound_ms = sim_now;
                logs[p].is_overtaken = false;
            }
        }
    }
}

static void revoke(struct process *consumer)
{
    uint64_t ended = consumer->generation;

    if (ended == 0) {
        return;
    }
    consumer->generation = 0;
    memset(consumer->owns, 0, sizeof consumer->owns);
    consumer_tell(consumer, &(struct delivery_event){.kind = EVENT_REVOKED, .generation = ended});
}

static bool is_present(const struct process *process)
{
    return !process->is_producer && process->is_up && process->is_member &&
           process->paused_until <= sim_now;
}

static void assign(struct process *consumer)
{
    consumer->generation = generation;
    watermark_assign(consumer->watermark, generation);
    for (size_t p = 0; p < PARTITIONS; p++) {
        consumer->owns[p] = logs[p].owner == consumer->index;
        if (consumer->owns[p]) {
            consumer->position[p] = logs[p].committed;
            consumer->stored[p] = NOT_STORED;
            consumer->epoch[p] = logs[p].epoch;
        }
    }
    kafka_fetch(consumer);
}

void kafka_rebalance(void)
{
    int members[PROCESSES];
    size_t count = 0;

    for (int i = 0; i < process_count; i++) {
        if (is_present(&processes[i])) {
            if (!is_away(AWAY_BUS) && !fault_of(AWAY_BUS, 200)) {
                commit(&processes[i]);
            }
            members[count++] = i;
        }
    }
    generation++;
    tally.rebalances++;
    trace("bus: generation %llu, %zu members", (unsigned long long)generation, count);
    for (size_t i = 0; i < count; i++) {
        revoke(&processes[members[i]]);
    }
    if (rewinds != NOBODY) {
        logs[rewinds].committed = logs[rewinds].low;
        logs[rewinds].is_overtaken = false;
        rewinds = NOBODY;
    }
    for (size_t p = 0; p < PARTITIONS; p++) {
        logs[p].owner = count == 0 ? NOBODY : members[(p + generation) % count];
    }
    for (size_t i = 0; i < count; i++) {
        if (processes[members[i]].is_up) {
            assign(&processes[members[i]]);
        }
    }
}

void kafka_join(struct process *consumer)
{
    consumer->is_member = true;
    kafka_rebalance();
    (void)world_after(between(100, 400), beat, consumer->index);
}

void kafka_leave(struct process *consumer, bool is_orderly)
{
    if (consumer->is_member && is_orderly) {
        commit(consumer);
    }
    consumer->is_member = false;
    if (consumer->is_up) {
        revoke(consumer);
    }
    kafka_rebalance();
}

/* What a client does by itself: it commits, and learns that the group has gone on without it. */
static void beat(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];

    if (!consumer->is_member) {
        if (!consumer->is_stopping) {
            kafka_join(consumer);
        }
        return;
    }
    if (consumer->generation != generation) {
        revoke(consumer);
        kafka_rebalance();
    } else if (!is_away(AWAY_BUS)) {
        commit(consumer);
    }
    (void)world_after(between(200, 600), beat, consumer->index);
}

static void deliver(struct happening *happening)
{
    struct process *consumer = &processes[happening->process];
    size_t first = (size_t)rng_below(&sim_rng, PARTITIONS);
    size_t slot;

    consumer->is_fetching = false;
    if (is_away(AWAY_BUS)) {
        consumer->is_fetching = true;
        (void)world_after(between(50, 400), deliver, consumer->index);
        return;
    }
    if (consumer->generation == 0 || !delivery_free_slot(&consumer->delivery, &slot)) {
        return;
    }
    for (size_t i = 0; i < PARTITIONS; i++) {
        size_t p = (first + i) % PARTITIONS;
        if (consumer->owns[p] && consumer->position[p] > logs[p].high) {
            consumer->position[p] = logs[p].low; /* out of range: from the earliest */
        }
        if (consumer->owns[p] && consumer->position[p] < logs[p].high) {
            int64_t offset = consumer->position[p];
            consumer_take(consumer, logs[p].serials[offset], (int)p, offset);
            return;
        }
    }
}

void kafka_fetch(struct process *consumer)
{
    if (!consumer->is_fetching && consumer->generation != 0) {
        consumer->is_fetching = true;
        (void)world_after(fault_of(AWAY_BUS, 50) ? between(0, 2000) : between(1, 20), deliver,
                          consumer->index);
    }
}

/* I3: everything below is done, by the ledger. */
void kafka_store(struct process *consumer, int p, int64_t next)
{
    int64_t from = logs[p].committed > logs[p].low ? logs[p].committed : logs[p].low;

    for (int64_t i = from; consumer->epoch[p] == logs[p].epoch && i < next && i < logs[p].high;
         i++) {
        const struct message *message = &messages[logs[p].serials[i]];
        MUST(message->is_noted || (message->batch < (int64_t)ledger.count &&
                                   ledger_is_settled(message->batch, message->rev)),
             "offset %lld of partition %d is stored, and batch %lld rev %lld at %lld is not done",
             (long long)next, p, (long long)message->batch, (long long)message->rev, (long long)i);
    }
    consumer->stored[p] = next;
}

size_t kafka_positions(struct bus_position *out)
{
    for (int p = 0; p < PARTITIONS; p++) {
        out[p] = (struct bus_position){.partition = p,
                                       .low = logs[p].low,
                                       .high = logs[p].high,
                                       .committed = logs[p].committed};
    }
    return PARTITIONS;
}

/* A position from before a cut, and so much has come since that it looks like any other: whether the group will be sent back
 * nobody can see. It is no harm to export once more. */
static bool nobody_can_tell(int p)
{
    return logs[p].is_overtaken && logs[p].committed <= logs[p].high;
}

bool kafka_may_come(int64_t batch, int64_t rev, int partition, int64_t offset)
{
    for (int p = 0; p < PARTITIONS && sim_now - rewound_ms > LEASE; p++) {
        if (nobody_can_tell(p)) {
            continue;
        }
        for (int64_t i = logs[p].committed > logs[p].low ? logs[p].committed : logs[p].low;
             i < logs[p].high; i++) {
            const struct message *message = &messages[logs[p].serials[i]];
            if (message->nature == MESSAGE_GOOD && message->batch == batch && message->rev == rev &&
                (offset == BUS_NO_OFFSET || (offset == i && partition == p))) {
                return true;
            }
        }
    }
    return false;
}
