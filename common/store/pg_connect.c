/*
 * From no connection to a prepared one, without blocking, and again after every loss. The settings are libpq's own
 * (environment, service file); ours only fill what the user left open. Two things libpq offers no way around: looking up
 * a host name blocks, and a server that stays silent is given up as a whole attempt, other hosts of the list included.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "store/pg_internal.h"

#define BACKOFF_BASE_MS 5
#define BACKOFF_CAP_MS  2000
#define SYN_TIMEOUT_MS  20000 /* tcp_user_timeout below */

struct setting {
    const char *keyword;
    const char *value;
};

static const struct setting defaults[] = {
    {"connect_timeout", "5"},  {"keepalives_idle", "10"},     {"keepalives_interval", "5"},
    {"keepalives_count", "3"}, {"tcp_user_timeout", "20000"},
};

/* The limits hold whatever PGOPTIONS says; the forms are what our result readers expect. */
static const char session_settings[] = "SET statement_timeout = '15s';"
                                       "SET lock_timeout = '5s';"
                                       "SET idle_in_transaction_session_timeout = '30s';"
                                       "SET client_min_messages = warning;"
                                       "SET standard_conforming_strings = on;"
                                       "SET bytea_output = hex;"
                                       "SET datestyle = 'ISO, YMD'";

static void drop_notice(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
}

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0) {
            return options->val == NULL ? "" : options->val;
        }
    }
    return "";
}

/* PGDATABASE may hold a whole connection string. libpq alone would take it, password included, for the name. */
static bool is_connection_string(const char *database)
{
    return strchr(database, '=') != NULL || strncmp(database, "postgresql://", 13) == 0 ||
           strncmp(database, "postgres://", 11) == 0;
}

static bool check_connection_string(const char *text, struct error *err)
{
    char *message = NULL;
    PQconninfoOption *parsed = PQconninfoParse(text, &message);
    bool is_good = parsed != NULL;

    PQconninfoFree(parsed);
    PQfreemem(message); /* not shown: it quotes the string, which may hold a password */
    return is_good ||
           error_set(err, ERROR_USAGE, "PGDATABASE is not a valid connection string or name");
}

static PGconn *start(const char *application_name, bool must_write, struct error *err)
{
    const char *keywords[ARRAY_LEN(defaults) + 5];
    const char *values[ARRAY_LEN(defaults) + 5];
    size_t n = 0;
    PGconn *conn = NULL;
    PQconninfoOption *given = PQconndefaults();
    const char *database = option_value(given, "dbname");
    const char *session = option_value(given, "target_session_attrs");

    if (given == NULL) {
        error_set(err, ERROR_UNAVAILABLE, "PostgreSQL: no memory for a connection");
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        if (option_value(given, defaults[i].keyword)[0] == '\0') {
            keywords[n] = defaults[i].keyword;
            values[n++] = defaults[i].value;
        }
    }
    if (must_write && (session[0] == '\0' || strcmp(session, "any") == 0)) {
        keywords[n] = "target_session_attrs";
        values[n++] = "read-write";
    }
    if (is_connection_string(database)) {
        if (!check_connection_string(database, err)) {
            goto out;
        }
        keywords[n] = "dbname";
        values[n++] = database;
    }
    keywords[n] = "fallback_application_name"; /* PGAPPNAME wins */
    values[n++] = application_name;
    keywords[n] = "client_encoding";
    values[n++] = "UTF8";
    keywords[n] = NULL;
    values[n] = NULL;
    conn = PQconnectStartParams(keywords, values, 1);
    if (conn == NULL) {
        error_set(err, ERROR_UNAVAILABLE, "PostgreSQL: no memory for a connection");
    }
out:
    PQconninfoFree(given);
    return conn;
}

void pg_name_where(struct pg *pg)
{
    const char *host = PQhost(pg->conn);
    const char *port = PQport(pg->conn);
    const char *database = PQdb(pg->conn);
    bool is_ipv6 = host != NULL && host[0] != '/' && strchr(host, ':') != NULL;

    if (host != NULL && host[0] != '\0') {
        snprintf(pg->where, sizeof pg->where, is_ipv6 ? "[%s]:%s/%s" : "%s:%s/%s", host,
                 port == NULL ? "" : port, database == NULL ? "" : database);
    } else if (pg->where[0] == '\0') { /* the settings themselves are at fault */
        snprintf(pg->where, sizeof pg->where, "server");
    }
}

/* connect_timeout as libpq settled it, plus the kernel's patience for each further host of the list. */
static int64_t attempt_limit_ms(PGconn *conn)
{
    PQconninfoOption *options = PQconninfo(conn);
    const char *timeout = option_value(options, "connect_timeout");
    const char *hosts = option_value(options, "host");
    int64_t seconds = 0;
    int64_t limit_ms = LIMIT_CONNECT_MS;

    if (number_parse_i64(span_from_str(timeout), &seconds) && seconds > 0 && seconds < 3600) {
        limit_ms = seconds * 1000;
    }
    if (hosts[0] == '\0') {
        hosts = option_value(options, "hostaddr");
    }
    for (; *hosts != '\0'; hosts++) {
        limit_ms += *hosts == ',' ? SYN_TIMEOUT_MS : 0;
    }
    PQconninfoFree(options);
    return limit_ms;
}

static void attempt_failed(struct pg *pg, const char *reason)
{
    struct error error = {0};

    pg_name_where(pg);
    if (reason != NULL) {
        error_set(&error, ERROR_UNAVAILABLE, "PostgreSQL %s: %s", pg->where, reason);
    } else {
        pg_error_from_attempt(pg, &error);
    }
    pg_connect_failed(pg, &error);
}

void pg_connect_begin(struct pg *pg)
{
    struct error error = {0};

    pg->conn = start(pg->application_name, pg->must_write, &error);
    if (pg->conn == NULL) {
        pg_connect_failed(pg, &error);
        return;
    }
    PQsetNoticeProcessor(pg->conn, drop_notice, NULL);
    /* The only way to learn the SQLSTATE of a refusal: the text alone may be in the server's language. */
    PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
    pg_name_where(pg);
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        attempt_failed(pg, NULL);
        return;
    }
    pg->state = PG_CONNECTING;
    pg->wants = POLLOUT;
    pg->due_ms = clock_boottime_ms() + attempt_limit_ms(pg->conn);
    if (pg->trouble.kind == ERROR_NONE) {
        error_set(&pg->trouble, ERROR_UNAVAILABLE, "PostgreSQL %s: connecting", pg->where);
    }
}

static void prepare(struct pg *pg)
{
    PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
    pg_name_where(pg);
    if (PQsetnonblocking(pg->conn, 1) != 0) {
        attempt_failed(pg, NULL);
        return;
    }
    pg->state = PG_PREPARING;
    pg_task_begin(pg, PG_TASK_PREPARE, session_settings);
}

void pg_connect_step(struct pg *pg, bool is_due_io)
{
    if (pg->state == PG_WAITING && clock_boottime_ms() >= pg->due_ms) {
        pg_connect_begin(pg);
        return;
    }
    if (pg->state == PG_CONNECTING && is_due_io) {
        switch (PQconnectPoll(pg->conn)) {
        case PGRES_POLLING_READING:
            pg->wants = POLLIN;
            break;
        case PGRES_POLLING_WRITING:
            pg->wants = POLLOUT;
            break;
        case PGRES_POLLING_OK:
            prepare(pg);
            return;
        default:
            attempt_failed(pg, NULL);
            return;
        }
    }
    if (pg->state == PG_CONNECTING && clock_boottime_ms() >= pg->due_ms) {
        attempt_failed(pg, "no answer while connecting");
    }
}

void pg_connect_ready(struct pg *pg)
{
    pg->state = PG_READY;
    pg->was_ready = true;
    pg->attempts = 0;
    error_clear(&pg->trouble);
}

void pg_connect_failed(struct pg *pg, const struct error *why)
{
    pg->trouble = *why;
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg_task_forget(pg);
    if (!pg->was_ready && pg_error_is_permanent(why)) {
        pg->state = PG_REFUSED; /* the next pg_step() answers what is queued */
        return;
    }
    pg->state = PG_WAITING;
    pg->due_ms =
        clock_boottime_ms() + backoff_ms(&pg->rng, pg->attempts++, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
}
