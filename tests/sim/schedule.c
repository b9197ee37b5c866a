/* One schedule: what happens to everybody, for a while; then no fault any more, and all that is promised must come true. */
#include <string.h>

#include "sim.h"

struct tally tally;

static int64_t calm_ms;

static void restart(struct happening *happening)
{
    struct process *process = &processes[happening->a];

    if (!process->is_up && !ledger_is_over()) {
        process_start(process);
    }
}

static void plan_restart(const struct process *process)
{
    world_after(between(5, 5000), restart, -1)->a = process->index;
}

static void resume_job(struct happening *happening)
{
    (void)happening;
    if (ledger.job == JOB_PAUSED || ledger.job == JOB_BLOCKED) {
        trace("a person resumes the job");
        target_is_mended = true;
        ledger.job = JOB_RUNS;
    }
}

static void pause_job(void)
{
    for (size_t i = 0; i < ledger.count; i++) {
        if (ledger.rows[i].is_repairing) {
            return; /* ferry.refuse_while_repairing */
        }
    }
    if (ledger.job == JOB_RUNS) {
        trace("a person pauses the job");
        ledger.job = JOB_PAUSED;
        (void)world_after(between(20, chance(500) ? 400 : 4000), resume_job, -1);
    }
}

static void happen_to_process(struct process *process)
{
    switch (rng_below(&sim_rng, 5)) {
    case 0:
    case 1:
        process_crash(process);
        plan_restart(process);
        break;
    case 2:
        process_stop(process);
        plan_restart(process);
        break;
    default:
        if (process->is_up) {
            process->paused_until = sim_now + between(50, 3 * LEASE);
            tally.pauses++;
            trace("worker %lld stands still for %lld ms", (long long)process->worker,
                  (long long)(process->paused_until - sim_now));
        }
        break;
    }
}

static void happen_outside(void)
{
    static const char *const names[] = {"ledger", "bus", "target", "source"};
    size_t what = (size_t)rng_below(&sim_rng, AWAY_COUNT);

    switch (rng_below(&sim_rng, 9)) {
    case 0:
    case 1:
        sim_away_until[what] = sim_now + between(50, 5000);
        trace("the %s is away for %lld ms", names[what],
              (long long)(sim_away_until[what] - sim_now));
        break;
    case 2:
        kafka_forge();
        break;
    case 3:
        kafka_lose_tail();
        break;
    case 4:
        kafka_rewind();
        break;
    case 5:
        kafka_rebalance();
        break;
    case 6:
        pause_job();
        break;
    default:
        for (int i = 0; i < 4; i++) {
            source_change();
        }
        break;
    }
}

static void chaos(struct happening *happening)
{
    (void)happening;
    if (sim_now >= calm_ms) {
        return;
    }
    if (chance(450)) {
        happen_to_process(&processes[rng_below(&sim_rng, (uint64_t)process_count)]);
    } else {
        happen_outside();
    }
    (void)world_after(between(20, 800), chaos, -1);
}

/* The last fault is over: everything is there again. */
static void calm(struct happening *happening)
{
    (void)happening;
    trace("no faults from here on");
    sim_is_calm = true;
    memset(sim_away_until, 0, sizeof sim_away_until);
    for (int i = 0; i < process_count; i++) {
        if (processes[i].paused_until > sim_now) {
            processes[i].paused_until = sim_now;
        }
    }
    kafka_rebalance();
}

/* A job that a person has to look at gets one. When all is calm, so does a program that has ended. */
static void look_after(struct happening *happening)
{
    (void)happening;
    for (int i = 0; i < process_count && sim_is_calm; i++) {
        world_after(i * 10, restart, -1)->a = i;
    }
    if (ledger.job == JOB_BLOCKED) {
        (void)world_after(between(100, 2000), resume_job, -1);
    }
    (void)world_after(3000, look_after, -1);
}

/* I1, I5: what is verified is there as it was exported, the rest is accounted for. */
static void check_batch(size_t at, const struct row *row)
{
    if (row->state == ROW_SUPERSEDED) {
        return;
    }
    MUST((row->verified | row->rejected | row->vanished) == (1u << row->n_records) - 1 ||
             row->sha == 0,
         "batch %zu does not add up", at);
    for (size_t i = 0; i < row->n_records; i++) {
        uint8_t bit = (uint8_t)(1u << i);
        uint8_t id = row->ids[i];
        if ((row->verified & bit) != 0 && row->sha != 0) {
            MUST(content_equal(&target[id], &row->exported[i]),
                 "record %u of batch %zu, verified at rev %lld, is not at the target as exported",
                 id, at, (long long)row->rev);
            MUST(source_changed[id] || content_equal(&target[id], &source[id]),
                 "record %u of batch %zu is not at the target as at the source", id, at);
        }
        MUST((row->vanished & bit) == 0 || !source[id].exists,
             "record %u of batch %zu is said to have vanished", id, at);
        MUST((row->mismatched & bit) == 0,
             "record %u of batch %zu is rejected as a mismatch, and the target keeps what it gets",
             id, at);
    }
}

static void check_end(void)
{
    for (size_t i = 0; i < ledger.count; i++) {
        MUST(ledger_is_final(&ledger.rows[i]), "batch %zu is open, and the job has ended", i);
        check_batch(i, &ledger.rows[i]);
    }
    MUST(ledger.job == JOB_SUCCEEDED, "the job has failed without a reason");
}

/* What is still on its way to the target arrives; nobody is there any more. */
static void drain(void)
{
    int64_t until = sim_now + 3 * LEASE;

    sim_is_calm = true;
    for (int i = 0; i < process_count; i++) {
        processes[i].is_up = false;
        processes[i].is_member = false;
        processes[i].life++;
    }
    while (sim_now < until && world_turn()) {
    }
}

static void begin(uint64_t seed, bool is_traced)
{
    world_begin(seed, is_traced);
    processes_begin();
    kafka_begin();
    ledger_begin();
    target_begin();
    calm_ms = sim_now + between(500, 15000);
    trace("%d producers, %d consumers, %zu batches, %zu write slots", producer_count,
          process_count - producer_count, ledger.count, ledger.slot_count);
    for (int i = 0; i < process_count; i++) {
        world_after(between(0, 500), restart, -1)->a = i;
    }
    (void)world_after(between(50, 1000), chaos, -1);
    (void)world_after(calm_ms - sim_now, calm, -1);
    (void)world_after(1000, look_after, -1);
}

void schedule_run(uint64_t seed, bool is_traced)
{
    begin(seed, is_traced);
    while (!ledger_is_over() && world_turn()) {
        MUST(sim_now < calm_ms + SETTLE_TIME,
             "the job does not end within %d s after the last fault", SETTLE_TIME / 1000);
    }
    int64_t took_ms = sim_now > calm_ms ? sim_now - calm_ms : 0;
    tally.longest_ms = (uint64_t)took_ms > tally.longest_ms ? (uint64_t)took_ms : tally.longest_ms;
    drain();
    check_end();
    tally.schedules++;
    tally.succeeded += ledger.job == JOB_SUCCEEDED;
    tally.failed += ledger.job == JOB_FAILED;
}
