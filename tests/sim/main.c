/*
 * unit.simulator: FERRY_SIM_SCHEDULES schedules (20,000), each from its own seed, by FERRY_SIM_WORKERS processes (1). With
 * FERRY_TEST_SEED alone that one schedule, with a trace of all that happens; with both, so many from that seed on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define SCHEDULES  20000
#define FIRST_SEED 1000000 /* the same schedules each time: two runs of the tests say the same */

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static void print_tally(void)
{
    const struct tally *t = &tally;
#define SAY(field) printf("#   %-12s %llu\n", #field, (unsigned long long)t->field)
    SAY(succeeded);
    SAY(failed);
    SAY(crashes);
    SAY(pauses);
    SAY(takeovers);
    SAY(holds);
    SAY(busy);
    SAY(knocks);
    SAY(parks);
    SAY(repairs);
    SAY(rejects);
    SAY(splits);
    SAY(poison);
    SAY(sweeps);
    SAY(lost_tails);
    SAY(rebalances);
    SAY(late_reports);
    SAY(late_writes);
    SAY(rereads);
    SAY(reopened);
    SAY(happenings);
    SAY(longest_ms);
#undef SAY
}

/* A schedule that shows nothing proves nothing: whatever may happen has to have happened. */
static void check_tally(void)
{
    const uint64_t seen[] = {
        tally.crashes,  tally.pauses,     tally.takeovers,   tally.holds,        tally.busy,
        tally.parks,    tally.repairs,    tally.rejects,     tally.splits,       tally.poison,
        tally.sweeps,   tally.lost_tails, tally.late_writes, tally.late_reports, tally.rereads,
        tally.reopened, tally.knocks};

    for (size_t i = 0; i < ARRAY_LEN(seen) && tally.schedules >= 1000; i++) {
        MUST(seen[i] > 0, "something never happened: see the list");
    }
}

static void run_share(uint64_t first, uint64_t count, uint64_t worker, uint64_t workers)
{
    for (uint64_t i = worker; i < count; i += workers) {
        schedule_run(first + i, false);
    }
    if (worker == 0) {
        print_tally();
    }
    check_tally();
}

/* 0: all went well. */
static int run_all(uint64_t first, uint64_t count, uint64_t workers)
{
    int failures = 0;

    fflush(stdout);
    for (uint64_t i = 0; i < workers; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            run_share(first, count, i, workers);
            exit(0);
        }
        failures += pid < 0;
    }
    for (int status; wait(&status) > 0;) {
        failures += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    return failures;
}

int main(void)
{
    uint64_t schedules = number("FERRY_SIM_SCHEDULES", 0);
    uint64_t seed = number("FERRY_TEST_SEED", FIRST_SEED);

    if (getenv("FERRY_TEST_SEED") != NULL && schedules == 0) {
        schedule_run(seed, true);
        printf("no rule was broken\n");
        return 0;
    }
    schedules = schedules == 0 ? SCHEDULES : schedules;
    uint64_t workers = number("FERRY_SIM_WORKERS", 1);
    printf("[==========] Running 1 test(s).\n[ RUN      ] no_schedule_breaks_a_rule\n");
    printf("# %llu schedules, seeds from %llu on\n", (unsigned long long)schedules,
           (unsigned long long)seed);
    bool is_good = run_all(seed, schedules, workers) == 0;
    printf("[%s] no_schedule_breaks_a_rule\n", is_good ? "       OK " : "  FAILED  ");
    printf("[==========] 1 test(s) run.\n[  PASSED  ] %d test(s).\n", is_good);
    return is_good ? 0 : 1;
}
