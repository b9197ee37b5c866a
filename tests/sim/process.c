/* Processes: how they start, end, stand still, and speak with the ledger over a connection that keeps its order. */
#include "sim.h"

struct process processes[PROCESSES];
int process_count, producer_count;

static int64_t workers;

void processes_begin(void)
{
    workers = 0;
    producer_count = (int)between(1, PRODUCERS);
    process_count = producer_count + (int)between(1, CONSUMERS);
    for (int i = 0; i < PROCESSES; i++) {
        struct process *process = &processes[i];
        process->index = i;
        process->is_producer = i < producer_count;
        process->is_up = false;
        process->is_member = false;
        process->generation = 0;
        process->life++;
    }
}

void process_start(struct process *process)
{
    process->is_up = true;
    process->is_stopping = process->is_dying = process->is_carrying = false;
    process->life++;
    process->worker = ++workers;
    process->paused_until = 0;
    process->executed_until = process->answered_until = sim_now;
    trace("%s %d starts as worker %lld", process->is_producer ? "producer" : "consumer",
          process->index, (long long)process->worker);
    if (process->is_producer) {
        producer_start(process);
    } else {
        consumer_start(process);
    }
}

void process_crash(struct process *process)
{
    if (!process->is_up) {
        return;
    }
    trace("worker %lld is killed", (long long)process->worker);
    tally.crashes++;
    process->is_up = false;
    process->life++;
    process->is_carrying = false;
    process->generation = 0;
    if (process->is_member) { /* the group notices after a while: the next rebalance */
        process->is_member = false;
    }
}

/* Asked to stop: what is in flight may end within the grace, the rest is given back. */
void process_stop(struct process *process)
{
    if (!process->is_up || process->is_stopping) {
        return;
    }
    uint32_t grace_ms = (uint32_t)between(0, LEASE / 2);
    trace("worker %lld is asked to stop within %u ms", (long long)process->worker, grace_ms);
    process->is_stopping = true;
    process->stops_by = sim_now + grace_ms;
    if (process->is_producer) {
        producer_stop(process, grace_ms);
    } else {
        consumer_stop(process, grace_ms);
    }
}

bool process_lives_on(struct process *process)
{
    if (process->is_up && fault(1)) {
        process_crash(process);
    }
    return process->is_up;
}

static void execute(struct happening *happening)
{
    struct statement statement = happening->u.statement;
    struct process *process = &processes[happening->a];
    void (*fn)(struct happening *) = (void (*)(struct happening *))happening->b;
    bool is_there = process->is_up && process->life == (uint32_t)happening->c;
    bool is_lost = is_away(AWAY_LEDGER) || fault_of(AWAY_LEDGER, 15);

    if (!is_lost || (!is_away(AWAY_LEDGER) && chance(500))) {
        ledger_run(&statement);
    }
    statement.error = is_lost ? ERROR_UNAVAILABLE : ERROR_NONE;
    if (is_there && fn != NULL) {
        int64_t at = sim_now + (is_lost                     ? between(50, 500)
                                : fault_of(AWAY_LEDGER, 30) ? between(0, LEASE)
                                                            : between(0, 8));
        process->answered_until = at > process->answered_until ? at : process->answered_until;
        struct happening *answer =
            world_after(process->answered_until - sim_now, fn, process->index);
        answer->u.statement = statement;
    }
}

void process_submit(struct process *process, const struct statement *statement,
                    void (*fn)(struct happening *))
{
    int64_t at = sim_now + (fault_of(AWAY_LEDGER, 30) ? between(0, LEASE) : between(0, 8));

    process->executed_until = at > process->executed_until ? at : process->executed_until;
    struct happening *happening = world_after(process->executed_until - sim_now, execute, -1);
    happening->u.statement = *statement;
    happening->u.statement.worker = process->worker;
    happening->u.statement.started_ms = sim_now;
    happening->a = process->index;
    happening->b = (int64_t)fn;
    happening->c = process->life;
}
