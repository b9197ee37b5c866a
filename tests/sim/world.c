/* Time, chance and the trace. What is to happen stands in a heap, by time and then by the order in which it was asked for. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define PENDING_MAX 1024

struct rng sim_rng;
int64_t sim_now;
uint64_t sim_seed;
bool sim_is_traced, sim_is_calm;
int64_t sim_away_until[AWAY_COUNT];
uint32_t sim_storm[AWAY_COUNT];

static struct happening store[PENDING_MAX];
static struct {
    int64_t at;
    uint64_t order;
    uint32_t index;
} heap[PENDING_MAX];
static uint32_t unused[PENDING_MAX];
static size_t heap_len, unused_len;
static uint64_t orders;

void world_begin(uint64_t seed, bool is_traced)
{
    sim_seed = seed;
    sim_is_traced = is_traced;
    sim_is_calm = false;
    sim_now = 1000;
    rng_seed(&sim_rng, seed);
    memset(sim_away_until, 0, sizeof sim_away_until);
    for (size_t i = 0; i < AWAY_COUNT; i++) {
        sim_storm[i] = chance(200) ? 0 : chance(250) ? 4 : 1;
    }
    heap_len = 0;
    orders = 0;
    unused_len = PENDING_MAX;
    for (uint32_t i = 0; i < PENDING_MAX; i++) {
        unused[i] = PENDING_MAX - 1 - i;
    }
}

static bool is_before(size_t a, size_t b)
{
    return heap[a].at != heap[b].at ? heap[a].at < heap[b].at : heap[a].order < heap[b].order;
}

static void swap(size_t a, size_t b)
{
    __typeof__(heap[0]) kept = heap[a];
    heap[a] = heap[b];
    heap[b] = kept;
}

static void push(int64_t at, uint64_t order, uint32_t index)
{
    size_t i = heap_len++;

    heap[i].at = at;
    heap[i].order = order;
    heap[i].index = index;
    for (; i > 0 && is_before(i, (i - 1) / 2); i = (i - 1) / 2) {
        swap(i, (i - 1) / 2);
    }
}

static void pop(void)
{
    size_t i = 0;

    heap[0] = heap[--heap_len];
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < heap_len; child++) {
            least = is_before(child, least) ? child : least;
        }
        if (least == i) {
            return;
        }
        swap(i, least);
        i = least;
    }
}

struct happening *world_after(int64_t wait_ms, void (*fn)(struct happening *), int process)
{
    MUST(unused_len > 0, "more and more is under way: nothing comes to an end");
    uint32_t index = unused[--unused_len];
    struct happening *happening = &store[index];

    happening->fn = fn;
    happening->process = process;
    happening->life = process >= 0 ? processes[process].life : 0;
    happening->a = happening->b = happening->c = 0;
    push(sim_now + (wait_ms > 0 ? wait_ms : 0), orders++, index);
    return happening;
}

bool world_turn(void)
{
    if (heap_len == 0) {
        return false;
    }
    uint32_t index = heap[0].index;
    uint64_t order = heap[0].order;
    struct happening *happening = &store[index];

    sim_now = heap[0].at > sim_now ? heap[0].at : sim_now;
    pop();
    if (happening->process >= 0) {
        const struct process *process = &processes[happening->process];
        if (!process->is_up || process->life != happening->life) {
            unused[unused_len++] = index;
            return true;
        }
        if (process->paused_until > sim_now) {
            push(process->paused_until, order, index);
            return true;
        }
    }
    tally.happenings++;
    happening->fn(happening);
    unused[unused_len++] = index;
    return true;
}

size_t world_pending(void)
{
    return heap_len;
}

void trace(const char *format, ...)
{
    va_list args;

    if (!sim_is_traced) {
        return;
    }
    printf("%7.3f  ", (double)sim_now / 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

_Noreturn void broken(const char *format, ...)
{
    va_list args;

    printf("broken at %.3f s: ", (double)sim_now / 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\nFERRY_TEST_SEED=%llu replays this schedule alone, with a trace\n",
           (unsigned long long)sim_seed);
    fflush(stdout);
    _Exit(1);
}
