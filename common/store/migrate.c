/*
 * Brings the ledger's schema up to this program's version, or looks whether it is. Look, read what was applied, compare,
 * apply the next, and so on until nothing is missing. Every step is one submission, so a lost connection leaves either
 * all of a migration or nothing. Never goes back a version and never repairs: what differs is named and refused.
 */
#include "store/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "store/migrate_internal.h"

#define SCRIPT_MAX_BYTES (16u * 1024u * 1024u)
#define SCRIPT_ANSWER_MS                                                                           \
    (12u * 60u * 1000u)         /* over the statement timeout and the lock timeout of a script */
#define ALREADY_APPLIED "FE000" /* raised by our script only */

/* Session settings bound every lock wait by 5 s; another setup at work under our advisory lock may take longer.
 * "CREATE … IF NOT EXISTS" races with itself; under the lock a plain look is enough, and unlike it needs no privilege
 * to create when nothing is to be created. The isolation level is named because a snapshot from before the lock was
 * granted would not show what its last holder did. The key is "ferry". */
static const char script_head[] =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n"
    "SET LOCAL lock_timeout = '60s';\n"
    "SET LOCAL statement_timeout = '10min';\n"
    "SELECT pg_advisory_xact_lock(439788663417);\n"
    "SET LOCAL lock_timeout = '5s';\n"
    "DO $ferry$ BEGIN\n"
    "IF to_regnamespace('ferry') IS NULL THEN CREATE SCHEMA ferry; END IF;\n"
    "IF to_regclass('ferry.schema_migrations') IS NULL THEN\n"
    "CREATE TABLE ferry.schema_migrations (version integer PRIMARY KEY, name text NOT NULL,\n"
    "sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());\n"
    "END IF;\n";

struct work { /* one run or check; freed when answered */
    struct pg *pg;
    const struct migration *list;
    int newest;
    bool is_check;
    int applied;
    const struct migration *next; /* being applied */
    migrate_done_fn *fn;
    void *ctx;
};

static void finish(struct work *work, const struct error *err)
{
    work->fn(work->ctx, work->applied, err);
    free(work);
}

/* What the rows of the ledger say against our list; *out_have: how many of the list are applied. */
static bool compare(const struct work *work, const struct pg_rows *rows, int *out_have,
                    struct error *err)
{
    int count = pg_row_count(rows);
    int64_t ledger_version = count == 0 ? 0 : pg_i64(rows, count - 1, "version");

    if (ledger_version > work->newest) {
        return error_set(err, ERROR_USAGE,
                         "the ledger in %s is version %lld, this program knows %d: "
                         "use the newer program",
                         pg_where(work->pg), (long long)ledger_version, work->newest);
    }
    for (int i = 0; i < count; i++) {
        if (pg_i64(rows, i, "version") != work->list[i].version ||
            strcmp(pg_cstr(rows, i, "sha256"), work->list[i].sha256) != 0) {
            return error_set(err, ERROR_USAGE,
                             "the ledger in %s was set up with another %s.sql than this program "
                             "holds: use the program that set it up, or one released later",
                             pg_where(work->pg), pg_cstr(rows, i, "name"));
        }
    }
    *out_have = count;
    return true;
}

static bool is_current(const struct work *work, int have, struct error *err)
{
    if (have == 0) {
        return error_set(err, ERROR_NOT_FOUND, "no ledger in %s: run `ferry-producer setup`",
                         pg_where(work->pg));
    }
    if (have < work->newest) {
        return error_set(err, ERROR_USAGE,
                         "the ledger in %s is version %d, this program needs %d: "
                         "run `ferry-producer setup`",
                         pg_where(work->pg), have, work->newest);
    }
    return true;
}

static bool read_applied(struct work *work, struct error *err);

static bool apply(struct work *work, const struct migration *migration, struct error *err);

static void on_applied(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct work *work = ctx;
    struct error failure = *err;

    (void)rows;
    if (strcmp(err->sqlstate, ALREADY_APPLIED) == 0) { /* another program was faster: look again */
        error_clear(&failure);
        if (read_applied(work, &failure)) {
            return;
        }
    } else if (err->kind != ERROR_NONE) {
        error_wrap(&failure, "migration %s.sql", work->next->name);
    } else {
        work->applied++;
        if (work->next[1].version != 0 && apply(work, work->next + 1, &failure)) {
            return;
        }
    }
    finish(work, &failure);
}

static bool apply(struct work *work, const struct migration *migration, struct error *err)
{
    struct pg *pg = work->pg;
    uint32_t answer_limit_ms = pg_answer_limit(pg);
    struct buf script;
    bool is_submitted = false;

    work->next = migration;
    buf_init(&script, SCRIPT_MAX_BYTES);
    buf_append_str(&script, script_head);
    buf_printf(&script,
               "IF EXISTS (SELECT FROM ferry.schema_migrations WHERE version = %d) THEN\n"
               "RAISE EXCEPTION USING ERRCODE = '%s', MESSAGE = 'applied already';\n"
               "END IF;\nEND $ferry$;\n",
               migration->version, ALREADY_APPLIED);
    buf_append_str(&script, migration->sql);
    /* A line of its own: the file may end in a comment. */
    buf_printf(&script,
               "\n;INSERT INTO ferry.schema_migrations (version, name, sha256)\n"
               "VALUES (%d, '%s', '%s');\nCOMMIT",
               migration->version, migration->name, migration->sha256);
    if (buf_check(&script, "the migration's SQL", err)) {
        pg_set_answer_limit(pg, SCRIPT_ANSWER_MS);
        is_submitted = pg_submit_script(pg, buf_cstr(&script), on_applied, work, err);
        pg_set_answer_limit(pg, answer_limit_ms);
    }
    buf_deinit(&script);
    return is_submitted;
}

static void on_read(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct work *work = ctx;
    struct error failure = *err;
    int have = 0;

    if (err->kind == ERROR_NONE && compare(work, rows, &have, &failure)) {
        if (work->is_check) {
            (void)is_current(work, have, &failure);
        } else if (have < work->newest && apply(work, &work->list[have], &failure)) {
            return;
        }
    }
    finish(work, &failure);
}

static bool read_applied(struct work *work, struct error *err)
{
    return pg_submit(work->pg,
                     "SELECT version, name, sha256 FROM ferry.schema_migrations ORDER BY version",
                     NULL, 0, on_read, work, err);
}

static void on_looked(void *ctx, const struct pg_rows *rows, const struct error *err)
{
    struct work *work = ctx;
    struct error failure = *err;

    if (err->kind == ERROR_NONE) {
        if (pg_bool(rows, 0, "is_there")) {
            if (read_applied(work, &failure)) {
                return;
            }
        } else if (work->is_check) {
            (void)is_current(work, 0, &failure);
        } else if (work->newest > 0 && apply(work, work->list, &failure)) {
            return;
        }
    }
    finish(work, &failure);
}

/* A look first, because selecting from a table that is missing leaves an error in the server's log. */
static bool begin(struct pg *pg, const struct migration *list, bool is_check, migrate_done_fn *fn,
                  void *ctx, struct error *err)
{
    struct work *work = calloc(1, sizeof *work);

    if (work == NULL) {
        return error_set(err, ERROR_NOMEM, "no memory to look at the ledger");
    }
    *work = (struct work){.pg = pg, .list = list, .is_check = is_check, .fn = fn, .ctx = ctx};
    while (list[work->newest].version != 0) { /* versions have no gaps */
        work->newest++;
    }
    if (!pg_submit(pg, "SELECT to_regclass('ferry.schema_migrations') IS NOT NULL AS is_there",
                   NULL, 0, on_looked, work, err)) {
        free(work);
        return false;
    }
    return true;
}

bool migrate_run_list(struct pg *pg, const struct migration *list, migrate_done_fn *fn, void *ctx,
                      struct error *err)
{
    return begin(pg, list, false, fn, ctx, err);
}

bool migrate_check_list(struct pg *pg, const struct migration *list, migrate_done_fn *fn, void *ctx,
                        struct error *err)
{
    return begin(pg, list, true, fn, ctx, err);
}

bool migrate_run(struct pg *pg, migrate_done_fn *fn, void *ctx, struct error *err)
{
    return begin(pg, migrations, false, fn, ctx, err);
}

bool migrate_check(struct pg *pg, migrate_done_fn *fn, void *ctx, struct error *err)
{
    return begin(pg, migrations, true, fn, ctx, err);
}
