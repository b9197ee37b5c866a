/* ferry-producer setup: ledger schema and topics, created or brought up to date. */
#include <stdio.h>

#include "app/exit_code.h"
#include "base/limits.h"
#include "producer/bus_options.h"
#include "producer/options.h"
#include "run/letters.h"
#include "run/runtime.h"
#include "store/migrate.h"

struct migrated {
    bool done;
    int applied;
    struct error err;
};

static void on_migrated(void *ctx, int applied, const struct error *err)
{
    struct migrated *migrated = ctx;
    migrated->applied = applied;
    migrated->err = *err;
    migrated->done = true;
}

static bool migrate(struct runtime *rt, struct error *err)
{
    struct migrated migrated = {0};
    if (!migrate_run(rt->ledger.pg, on_migrated, &migrated, err) ||
        !runtime_await(rt, &migrated.done, err)) {
        return false;
    }
    if (migrated.err.kind != ERROR_NONE) {
        *err = migrated.err;
        return false;
    }
    printf("ledger  %s  schema version %d, %s\n", pg_where(rt->ledger.pg), migration_newest,
           migrated.applied > 0 ? "migrated" : "up to date");
    return true;
}

static bool ensure_topics(const struct option_set *options, const struct bus_settings *bus,
                          struct error *err)
{
    bool created = false;
    if (!bus_ensure_topic(bus, (int)option_number(options, "partitions"), true, &created, err)) {
        return false;
    }
    printf("topic   %s  on %s, %s\n", bus->topic, bus->brokers, created ? "created" : "checked");
    const char *letters = option_text(options, "dead-letter-topic");
    if (!letters_ensure_topic(bus, letters, true, &created, err)) {
        return false;
    }
    printf("topic   %s  on %s, %s\n", letters, bus->brokers, created ? "created" : "checked");
    return true;
}

int command_setup(const struct option_set *options)
{
    struct runtime rt;
    struct bus_settings bus;
    struct error err = {0};
    /* Settings first: nothing is written when one of them is wrong. */
    bool ok = runtime_open(&rt, options, "producer", &err) &&
              bus_options_read(&rt, NULL, &bus, &err) &&
              runtime_connect(&rt, RUNTIME_CONNECTED, &err) && migrate(&rt, &err) &&
              ensure_topics(options, &bus, &err);
    runtime_close(&rt);
    if (!ok) {
        fprintf(stderr, "ferry-producer setup: %s\n", err.message);
        return (int)exit_code_for(&err);
    }
    return EXIT_DONE;
}
