/*
 * Opening, connecting and closing what a program stands on, and waiting in straight-line phases. The heartbeat is in
 * heartbeat.c, statements that are waited for in ask.c. Decides nothing about batches.
 */
#include "run/runtime.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "app/version.h"
#include "base/limits.h"
#include "run/bus_environment.h"
#include "run/library_environment.h"
#include "store/migrate.h"

#define STEP_PERIOD_MS   100 /* pg_step wants to be called at least so often */
#define CLOSE_WAIT_MS    1000
#define STOP_PATIENCE_MS 500 /* a short statement may finish after a signal */

static void step_ledger(void *ctx)
{
    struct runtime *rt = ctx;
    if (rt->ledger.pg != NULL) {
        pg_step(rt->ledger.pg, 0);
    }
}

static void free_ledger(struct runtime *rt)
{
    if (rt->ledger.pg != NULL) {
        loop_unwatch(rt->loop, rt->ledger.pg);
        pg_free(rt->ledger.pg);
        rt->ledger.pg = NULL;
    }
}

/* Batches are megabytes: give their memory back to the system at once, and keep the bus library's threads from growing
 * arenas of their own, so that the resident size is flat in the number of records. */
static void tame_allocator(void)
{
    mallopt(M_MMAP_THRESHOLD, (int)(64 * KIB));
    mallopt(M_TRIM_THRESHOLD, (int)(256 * KIB));
    mallopt(M_ARENA_MAX, 1);
}

/* Somebody set it and may think that it counts. */
static void warn_of_unused(const struct option_set *options)
{
    const char *variable;
    const char *why;
    size_t at = 0;
    while ((variable = option_unused_variable(options, &at, &why)) != NULL) {
        log_event(LOG_WARN, "setting.unused", LOG_TEXT("variable", variable),
                  LOG_TEXT("reason", why));
    }
}

bool runtime_open_without_ledger(struct runtime *rt, const struct option_set *options,
                                 const char *kind, struct error *err)
{
    memset(rt, 0, sizeof *rt);
    rt->options = options;
    rt->kind = kind;
    rt->stop.fd = -1;
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    rng_seed(&rt->rng, seed);
    tame_allocator();
    warn_of_unused(options);

    if (!stop_open(&rt->stop, err) || !library_environment_fill(options, err)) {
        return false;
    }
    rt->loop = loop_new(err);
    if (rt->loop == NULL) {
        return false;
    }
    rt->http = http_new(rt->loop, "chroma-ferry/" FERRY_VERSION, err);
    struct loop_watch signals = {stop_fd, stop_wants, stop_on_ready, &rt->stop};
    return rt->http != NULL && loop_watch(rt->loop, signals, err);
}

bool runtime_open(struct runtime *rt, const struct option_set *options, const char *kind,
                  struct error *err)
{
    char name[64];
    snprintf(name, sizeof name, "ferry-%s", kind);
    if (!runtime_open_without_ledger(rt, options, kind, err)) {
        return false;
    }
    rt->lease_ms = option_number(options, "lease");
    rt->ledger.lease_ms = rt->lease_ms;
    uuid_random(&rt->ledger.worker);
    rt->ledger.pg = pg_new(name, rng_next(&rt->rng), err);
    if (rt->ledger.pg == NULL) {
        return false;
    }
    struct loop_watch ledger = {pg_fd, pg_wants, pg_step, rt->ledger.pg};
    return loop_watch(rt->loop, ledger, err) &&
           loop_every(rt->loop, STEP_PERIOD_MS, step_ledger, rt, err);
}

struct wait {
    bool done;
    struct error err;
};

static void on_migrate_checked(void *ctx, int applied, const struct error *err)
{
    struct wait *wait = ctx;
    (void)applied;
    wait->err = *err;
    wait->done = true;
}

bool runtime_wait_for_ledger(struct runtime *rt, struct error *err)
{
    int64_t deadline_ms = clock_boottime_ms() + LIMIT_CONNECT_MS;
    while (!pg_is_connected(rt->ledger.pg)) {
        if (rt->stop.requested > 0) {
            return error_set(err, ERROR_CANCELLED, "stopped by a signal");
        }
        if (pg_connect_refused(rt->ledger.pg, err)) {
            return false;
        }
        if (clock_boottime_ms() > deadline_ms) {
            return error_set(err, ERROR_UNAVAILABLE,
                             "%s: no connection within %u s; start it or set PGHOST, PGPORT",
                             pg_trouble(rt->ledger.pg), LIMIT_CONNECT_MS / 1000);
        }
        if (!loop_turn(rt->loop, STEP_PERIOD_MS, err)) {
            return false;
        }
    }
    return true;
}

static bool check_schema(struct runtime *rt, struct error *err)
{
    int64_t since_ms = 0;
    struct wait wait;
    do {
        wait = (struct wait){0};
        if (!migrate_check(rt->ledger.pg, on_migrate_checked, &wait, err) ||
            !runtime_await(rt, &wait.done, err)) {
            return false;
        }
        *err = wait.err;
    } while (wait.err.kind != ERROR_NONE && runtime_asks_again(rt, &since_ms, err));
    return err->kind == ERROR_NONE;
}

static bool register_worker(struct runtime *rt, struct error *err)
{
    struct answer answer = {0};
    int64_t since_ms = 0;
    bool ok;
    do {
        answer_deinit(&answer);
        ok = ledger_start_worker(&rt->ledger, rt->kind, FERRY_VERSION, runtime_answer_fn, &answer,
                                 err) &&
             runtime_await_answer(rt, &answer, err);
    } while (!ok && runtime_asks_again(rt, &since_ms, err));
    if (ok) {
        rt->is_registered = true;
        ok = uuid_parse(pg_text(answer.rows, 0, "start_worker"), &rt->ledger.uuid) ||
             error_set(err, ERROR_INTEGRITY, "the ledger has no UUID: run ferry-producer setup");
    }
    answer_deinit(&answer);
    return ok;
}

static void warn_in_clear(const struct runtime *rt)
{
    if (pg_link_of(rt->ledger.pg) == PG_LINK_IN_CLEAR) {
        log_event(LOG_WARN, "ledger.in_clear", LOG_TEXT("ledger", pg_where(rt->ledger.pg)),
                  LOG_TEXT("reason", "ids and messages travel to another machine without TLS: set "
                                     "PGSSLMODE=verify-full and PGSSLROOTCERT"));
    }
}

bool runtime_connect(struct runtime *rt, enum runtime_stage stage, struct error *err)
{
    if (!runtime_wait_for_ledger(rt, err)) {
        return false;
    }
    warn_in_clear(rt);
    return (stage < RUNTIME_CHECKED || check_schema(rt, err)) &&
           (stage < RUNTIME_REGISTERED || register_worker(rt, err));
}

void runtime_before_hang_up(struct runtime *rt, runtime_hang_up_fn *fn)
{
    rt->on_hang_up = fn;
}

/* Lets queued statements be answered, as far as that is soon. */
static void drain_ledger(struct runtime *rt)
{
    struct error ignored = {0};
    int64_t deadline_ms = clock_boottime_ms() + CLOSE_WAIT_MS;
    while (pg_is_connected(rt->ledger.pg) && pg_queue_length(rt->ledger.pg) > 0 &&
           clock_boottime_ms() < deadline_ms) {
        if (!loop_turn(rt->loop, STEP_PERIOD_MS, &ignored)) {
            break;
        }
    }
}

bool runtime_bus_properties(struct runtime *rt, const struct bus_properties **out,
                            struct error *err)
{
    if (rt->bus_properties == NULL) {
        rt->bus_properties = bus_environment_read(rt->options, err);
    }
    *out = rt->bus_properties;
    return rt->bus_properties != NULL;
}

void runtime_close(struct runtime *rt)
{
    struct error ignored = {0};
    struct answer answer = {0};

    rt->holdings = NULL;
    if (rt->is_registered && rt->ledger.pg != NULL &&
        ledger_stop_worker(&rt->ledger, runtime_answer_fn, &answer, &ignored)) {
        drain_ledger(rt); /* what is not heard in time ends with its lease */
    }
    http_free(rt->http);
    free_ledger(rt);
    answer_deinit(&answer);
    if (rt->loop != NULL) {
        loop_cancel(rt->loop, rt);
        loop_free(rt->loop);
    }
    stop_close(&rt->stop);
    bus_properties_free(rt->bus_properties);
}

/* Callbacks still to come point into the frames of whoever waits, so they are brought in before those frames end. */
static void hang_up(struct runtime *rt)
{
    if (rt->ledger.pg == NULL && rt->http == NULL) {
        return; /* done before */
    }
    if (rt->on_hang_up != NULL) {
        rt->on_hang_up(rt->ctx);
    }
    http_free(rt->http);
    rt->http = NULL;
    if (rt->ledger.pg == NULL) {
        return;
    }
    drain_ledger(rt);
    if (pg_queue_length(rt->ledger.pg) > 0) {
        free_ledger(rt);
    }
}

bool runtime_await(struct runtime *rt, const bool *done, struct error *err)
{
    int64_t stop_at_ms = 0;
    while (!*done) {
        if (rt->stop.requested > 0) {
            if (stop_at_ms == 0) {
                stop_at_ms = clock_boottime_ms() + STOP_PATIENCE_MS;
            } else if (clock_boottime_ms() > stop_at_ms) {
                hang_up(rt);
                return error_set(err, ERROR_CANCELLED,
                                 "stopped by a signal; progress is saved, run again to go on");
            }
        }
        if (!loop_turn(rt->loop, STEP_PERIOD_MS, err)) {
            hang_up(rt);
            return false;
        }
    }
    return true;
}

bool runtime_sleep(struct runtime *rt, uint32_t wait_ms, struct error *err)
{
    int64_t until_ms = clock_boottime_ms() + wait_ms;
    bool never = false;
    while (clock_boottime_ms() < until_ms) {
        if (rt->stop.requested > 0) {
            return runtime_await(rt, &never, err);
        }
        if (rt->is_called_off) {
            return error_set(err, ERROR_CONFLICT, "the job was stopped");
        }
        if (!loop_turn(rt->loop, wait_ms < STEP_PERIOD_MS ? wait_ms : STEP_PERIOD_MS, err)) {
            return false;
        }
    }
    return true;
}
