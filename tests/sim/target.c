/*
 * The target, whose upserts merge, and the source. A write may be applied and its answer lost, or be applied long after its
 * client has given it up, but no later than PROTOCOL §8 assumes: a lease, which is the cap of a request here.
 */
#include <string.h>

#include "sim.h"

#define WRITES_MAX 64

struct content source[IDS], target[IDS];
bool source_changed[IDS];
bool target_refuses[IDS], target_is_mended;

static struct {
    bool is_open;
    int process;
    uint32_t life, errand;
    int64_t deadline_ms;
} writes[WRITES_MAX];
static size_t largest; /* records of a request; more: 413 */

static struct content some_content(void)
{
    struct content content = {.exists = true};

    for (size_t k = 0; k < KEYS; k++) {
        content.keys[k] = (uint8_t)rng_below(&sim_rng, 4);
    }
    content.doc = (uint8_t)rng_below(&sim_rng, 4);
    return content;
}

void target_begin(void)
{
    memset(writes, 0, sizeof writes);
    largest = (size_t)between(1, RECORDS);
    target_is_mended = false;
    for (size_t i = 0; i < IDS; i++) {
        source_changed[i] = false;
        source[i] = some_content();
        target[i] = chance(400) ? some_content() : (struct content){0};
        target_refuses[i] = chance(40);
    }
}

static void change(size_t i)
{
    if (source[i].exists) {
        source_changed[i] = true;
        source[i] = chance(150) ? (struct content){0} : some_content();
    }
}

void source_change(void)
{
    change((size_t)rng_below(&sim_rng, chance(700) ? 4 : IDS));
}

bool content_equal(const struct content *a, const struct content *b)
{
    return a->exists == b->exists &&
           (!a->exists || (memcmp(a->keys, b->keys, KEYS) == 0 && a->doc == b->doc));
}

uint64_t content_digest(uint64_t start, const struct content *contents, size_t count, uint8_t mask)
{
    uint64_t hash = start * 0x9e3779b97f4a7c15u + 1;

    for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        if ((mask & 1u << i) != 0 && contents[i].exists) {
            word = 1 + contents[i].doc * 256u + contents[i].keys[0] * 65536u +
                   contents[i].keys[1] * 16777216u;
        }
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash | 1;
}

static void merge(struct content *into, const struct content *from)
{
    for (size_t k = 0; k < KEYS; k++) {
        if (from->keys[k] != 0 || (from->nulls & 1u << k) != 0) {
            into->keys[k] = from->keys[k];
        }
    }
    into->doc = from->doc != 0 ? from->doc : into->doc;
    into->exists = true;
}

static void apply(const struct request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        if (request->kind == HTTP_DELETE) {
            target[request->ids[i]] = (struct content){0};
        } else {
            merge(&target[request->ids[i]], &request->contents[i]);
        }
    }
}

static void apply_late(struct happening *happening)
{
    const struct request *request = &happening->u.request;

    trace("target: a %s of batch %lld under fence %lld is applied late",
          request->kind == HTTP_DELETE ? "delete" : "upsert", (long long)request->batch,
          (long long)request->fence);
    tally.late_writes++;
    apply(request);
}

static bool is_write(const struct request *request)
{
    return request->kind == HTTP_UPSERT || request->kind == HTTP_DELETE;
}

/* What the target says to it, before chance has a part in it. */
static void judge(struct request *request)
{
    if (request->kind == HTTP_UPSERT && request->count > largest) {
        request->error = ERROR_TOO_LARGE;
        request->status = 413;
        return;
    }
    for (size_t i = 0; request->kind == HTTP_UPSERT && i < request->count; i++) {
        if (target_refuses[request->ids[i]] && !target_is_mended) {
            request->error = ERROR_REJECTED;
            request->status = 400;
            return;
        }
    }
    if (is_write(request)) {
        apply(request);
        return;
    }
    for (size_t i = 0; request->kind == HTTP_READ && i < request->count; i++) {
        request->contents[i] = target[request->ids[i]];
    }
}

static void fail(struct request *request, enum error_kind error, bool may_be_applied)
{
    request->error = error;
    request->may_be_applied = may_be_applied;
}

/* The request reaches the target; the answer goes back by the happening whose fn stands in `a`. */
static void arrive(struct happening *happening)
{
    struct request request = happening->u.request;
    int index = (int)happening->a;
    void (*fn)(struct happening *) = (void (*)(struct happening *))happening->b;
    int64_t wait_ms = between(1, 30);

    if (is_away(AWAY_TARGET)) {
        fail(&request, ERROR_UNAVAILABLE, false);
    } else if (fault_of(AWAY_TARGET, 60)) {
        fail(&request, ERROR_THROTTLED, false);
        request.retry_after_ms = chance(400) ? 0 : (uint32_t)between(100, 3000);
    } else if (fault_of(AWAY_TARGET, 40)) {
        fail(&request, ERROR_UNAVAILABLE, true); /* 503 */
    } else if (fault_of(AWAY_TARGET, 200) && is_write(&request)) {
        /* Kept back on its way; the client hears an error now, or nothing until its time is over. */
        struct happening *late =
            world_after(chance(500) ? LEASE : between(0, LEASE), apply_late, -1);
        late->u.request = request;
        change(request.ids[0]); /* what arrives late is dangerous when there is something newer */
        wait_ms = chance(700) ? wait_ms : request.deadline_ms - sim_now;
        fail(&request, chance(500) ? ERROR_TIMEOUT : ERROR_UNAVAILABLE, true);
    } else {
        judge(&request);
        if (fault_of(AWAY_TARGET, 60)) { /* the answer is lost */
            wait_ms = chance(700) ? wait_ms : request.deadline_ms - sim_now;
            fail(&request, ERROR_TIMEOUT, true);
        } else if (fault_of(AWAY_TARGET, 60)) {
            wait_ms = between(0, LEASE);
        }
    }
    if (processes[index].is_up && processes[index].life == (uint32_t)happening->c) {
        struct happening *answer = world_after(wait_ms, fn, index);
        answer->u.request = request;
    }
}

/* No more than ten, here fewer, write at a time. Those whose clients are gone, or whose time is over, do not count. */
static void note_write(const struct process *process, const struct request *request)
{
    size_t unused = WRITES_MAX;
    size_t count = 0;

    for (size_t i = 0; i < WRITES_MAX; i++) {
        bool is_live = writes[i].is_open && writes[i].deadline_ms > sim_now &&
                       processes[writes[i].process].life == writes[i].life;
        writes[i].is_open = is_live;
        count += is_live;
        unused = is_live ? unused : i;
    }
    MUST(count < ledger.slot_count, "%zu requests write where %zu may", count + 1,
         ledger.slot_count);
    writes[unused].is_open = true;
    writes[unused].process = process->index;
    writes[unused].life = process->life;
    writes[unused].errand = request->errand;
    writes[unused].deadline_ms = request->deadline_ms;
}

void target_forget(const struct process *process, uint32_t errand)
{
    for (size_t i = 0; i < WRITES_MAX; i++) {
        if (writes[i].process == process->index && writes[i].life == process->life &&
            writes[i].errand == errand) {
            writes[i].is_open = false;
        }
    }
}

void target_request(struct process *process, const struct request *request,
                    void (*fn)(struct happening *))
{
    if (is_write(request)) {
        note_write(process, request);
    }
    struct happening *happening =
        world_after(fault_of(AWAY_TARGET, 60) ? between(0, LEASE) : between(1, 20), arrive, -1);
    happening->u.request = *request;
    happening->a = process->index;
    happening->b = (int64_t)fn;
    happening->c = process->life;
}
