/* PostgreSQL: one connection, one question to its catalogues, and the ledger's own look at its schema. Reads only. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "producer/doctor.h"
#include "store/migrate.h"

#define OLDEST        140000
#define CLOCK_WARN_MS 5000
static const char area[] = "postgresql";

static const char question[] =
    "SELECT current_setting('server_version_num')::bigint AS number,"
    " current_setting('server_version') AS version, current_user::text AS role,"
    " pg_is_in_recovery() AS is_standby,"
    " (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms,"
    " to_regnamespace('ferry') IS NOT NULL AS has_schema,"
    " has_database_privilege(current_database(), 'CREATE') AS may_create,"
    " coalesce(has_schema_privilege(to_regnamespace('ferry')::oid, 'USAGE'), false) AS may_use,"
    " (SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace('ferry')"
    " AND NOT has_function_privilege(oid, 'EXECUTE')) AS functions,"
    " (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('ferry')"
    " AND relkind = 'r' AND relname NOT IN ('ledger', 'schema_migrations')"
    " AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')"
    " AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))) AS tables";

struct checked {
    bool done;
    struct error err;
};

static void on_checked(void *ctx, int applied, const struct error *err)
{
    struct checked *checked = ctx;
    (void)applied;
    checked->err = *err;
    checked->done = true;
}

static void look_version(struct doctor *doctor, const struct pg_rows *rows)
{
    bool is_old = pg_i64(rows, 0, "number") < OLDEST;
    bool is_standby = pg_bool(rows, 0, "is_standby");
    checkup_add(&doctor->checkup, area, "version", is_old || is_standby ? CHECK_FAIL : CHECK_OK,
                is_old       ? "the ledger needs PostgreSQL 14 or newer"
                : is_standby ? "name the primary, or set PGTARGETSESSIONATTRS=read-write"
                             : "",
                "%.60s%s", pg_cstr(rows, 0, "version"),
                is_standby ? ", a standby, which takes no writes" : "");
}

static void look_tls(struct doctor *doctor)
{
    enum pg_link link = pg_link_of(doctor->rt.ledger.pg);
    bool is_bare = link == PG_LINK_IN_CLEAR;
    checkup_add(&doctor->checkup, area, "tls", is_bare ? CHECK_WARNING : CHECK_OK,
                is_bare ? "set PGSSLMODE=verify-full and PGSSLROOTCERT" : "", "%s",
                link == PG_LINK_ENCRYPTED ? "encrypted"
                : is_bare                 ? "none: ids and error messages travel in the clear"
                                          : "none, the server is on this machine");
}

static void look_rights(struct doctor *doctor, const struct pg_rows *rows)
{
    const char *role = pg_cstr(rows, 0, "role");
    int64_t functions = pg_i64(rows, 0, "functions");
    int64_t tables = pg_i64(rows, 0, "tables");
    if (!pg_bool(rows, 0, "has_schema")) {
        bool may = pg_bool(rows, 0, "may_create");
        checkup_add(&doctor->checkup, area, "rights", may ? CHECK_OK : CHECK_FAIL,
                    may ? ""
                        : "GRANT CREATE ON DATABASE … TO this role, or let its owner run setup",
                    "%.100s may %screate the ledger's schema", role, may ? "" : "not ");
    } else if (!pg_bool(rows, 0, "may_use") || functions > 0 || tables > 0) {
        checkup_add(&doctor->checkup, area, "rights", CHECK_FAIL, "GRANT ferry_app TO this role",
                    "%.100s may not use %s%" PRId64 " functions and %" PRId64
                    " tables of schema ferry",
                    role, pg_bool(rows, 0, "may_use") ? "" : "the schema, ", functions, tables);
    } else {
        checkup_add(&doctor->checkup, area, "rights", CHECK_OK, "",
                    "%.100s may use every table and function of the ledger", role);
    }
}

/* Leases go by the database's clock alone; names of jobs, logs and tokens with a date do not. */
static void look_clock(struct doctor *doctor, int64_t difference_ms, int64_t took_ms)
{
    bool is_far = llabs(difference_ms) > CLOCK_WARN_MS + took_ms;
    checkup_add(&doctor->checkup, area, "clock", is_far ? CHECK_WARNING : CHECK_OK,
                is_far ? "synchronise the clocks; nothing is lost by it, but times in logs disagree"
                       : "",
                "%.3f s apart", (double)llabs(difference_ms) / 1000);
}

static void look_schema(struct doctor *doctor)
{
    struct checked checked = {0};
    struct error err = {0};
    if (!migrate_check(doctor->rt.ledger.pg, on_checked, &checked, &err) ||
        !runtime_await(&doctor->rt, &checked.done, &err)) {
        checked.err = err;
    }
    if (checked.err.kind == ERROR_NONE) {
        checkup_add(&doctor->checkup, area, "schema", CHECK_OK, "", "version %d", migration_newest);
    } else {
        checkup_fail(&doctor->checkup, area, "schema", "", &checked.err);
    }
}

static void skip_all(struct doctor *doctor, const char *needed)
{
    static const char *const names[] = {"version", "tls", "clock", "rights", "schema"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        checkup_add(&doctor->checkup, area, names[i], CHECK_SKIPPED, "", "needs %s %s", area,
                    needed);
    }
}

void doctor_ledger(struct doctor *doctor)
{
    struct error err = doctor->ledger_refused;
    struct answer answer = {0};
    if (err.kind != ERROR_NONE || !runtime_connect(&doctor->rt, RUNTIME_CONNECTED, &err)) {
        checkup_fail(
            &doctor->checkup, area, "connection",
            "check PGHOST, PGPORT, PGDATABASE, PGUSER and the password, as psql takes them", &err);
        skip_all(doctor, "connection");
        return;
    }
    checkup_add(&doctor->checkup, area, "connection", CHECK_OK, "", "%.300s",
                pg_where(doctor->rt.ledger.pg));
    int64_t before_ms = clock_wall_ms();
    if (!pg_submit(doctor->rt.ledger.pg, question, NULL, 0, runtime_answer_fn, &answer, &err) ||
        !runtime_await_answer(&doctor->rt, &answer, &err)) {
        checkup_fail(&doctor->checkup, area, "version", "", &err);
        answer_deinit(&answer);
        return;
    }
    int64_t took_ms = clock_wall_ms() - before_ms;
    look_version(doctor, answer.rows);
    look_tls(doctor);
    look_clock(doctor, pg_i64(answer.rows, 0, "now_ms") - before_ms - took_ms / 2, took_ms);
    look_rights(doctor, answer.rows);
    answer_deinit(&answer);
    look_schema(doctor);
}
