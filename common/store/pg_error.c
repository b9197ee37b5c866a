/*
 * What libpq and the server say, made into one of our errors: one line, in front of it who speaks, the SQLSTATE kept.
 * Left out on purpose: hints, positions, contexts, and the detail of everything but our own RAISE, because details
 * quote rows.
 */
#include <stdio.h>
#include <string.h>

#include "store/pg_internal.h"

#define SQLSTATE_RAISED     "P0001" /* RAISE EXCEPTION without a code of its own */
#define SQLSTATE_OWN_PREFIX "FE"

/* Line breaks inside a message read better as spaces than escaped. */
static void flatten(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\r' || *at == '\t') {
            *at = ' ';
        }
    }
}

static void keep_sqlstate(struct error *err, const char *sqlstate)
{
    snprintf(err->sqlstate, sizeof err->sqlstate, "%.5s", sqlstate == NULL ? "" : sqlstate);
}

void pg_error_from_result(const struct pg *pg, const PGresult *result, struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    bool is_raised = sqlstate != NULL && strcmp(sqlstate, SQLSTATE_RAISED) == 0;
    bool is_own = sqlstate != NULL &&
                  strncmp(sqlstate, SQLSTATE_OWN_PREFIX, sizeof SQLSTATE_OWN_PREFIX - 1) == 0;
    char text[sizeof err->message];

    if (primary == NULL) {
        primary = PQresultErrorMessage(result); /* libpq's own: "server closed the connection …" */
    }
    snprintf(text, sizeof text, "%s%s%s", primary, is_raised && detail != NULL ? ": " : "",
             is_raised && detail != NULL ? detail : "");
    flatten(text);
    if (is_own) {
        error_set(err, pg_classify(sqlstate), "%s", text);
    } else {
        error_set(err, pg_classify(sqlstate), "PostgreSQL %s: %s", pg->where, text);
    }
    keep_sqlstate(err, sqlstate);
}

/* In a verbose message "FATAL:  28P01: password …": the text from the last SQLSTATE on, or NULL. */
static const char *find_sqlstate(const char *text)
{
    const char *found = NULL;

    for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[8] == ':' &&
            at[9] == ' ') {
            found = at + 3;
        }
    }
    return found;
}

/* What libpq says about settings and certificates carries no SQLSTATE; poolers give theirs a code of no use. */
static enum error_kind kind_from_words(const char *text)
{
    static const struct {
        const char *words;
        enum error_kind kind;
    } table[] = {
        {"password authentication failed", ERROR_AUTH},
        {"no pg_hba.conf entry", ERROR_AUTH},
        {"no such user", ERROR_AUTH},
        {"no such database", ERROR_NOT_FOUND},
        {"certificate verify failed", ERROR_AUTH},
        {"does not match host name", ERROR_AUTH},
        {"root certificate file", ERROR_USAGE},
        {"does not support SSL", ERROR_USAGE},
        {"definition of service", ERROR_USAGE},
        {"service file", ERROR_USAGE},
        {"could not match", ERROR_USAGE},
    };

    if (strncmp(text, "invalid ", 8) ==
        0) { /* sslmode value, port number …: said before anything is tried */
        return ERROR_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strstr(text, table[i].words) != NULL) {
            return table[i].kind;
        }
    }
    return ERROR_UNAVAILABLE;
}

static enum error_kind kind_of_refusal(const char *sqlstate, const char *text)
{
    enum error_kind kind = sqlstate == NULL ? ERROR_UNAVAILABLE : pg_classify(sqlstate);

    if (kind == ERROR_REJECTED) {
        /* PGOPTIONS the server does not take; other codes (internal errors, "not accepting connections") may pass. */
        return strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "42", 2) == 0
                   ? ERROR_USAGE
                   : ERROR_UNAVAILABLE;
    }
    return kind == ERROR_UNAVAILABLE ? kind_from_words(text) : kind;
}

void pg_error_from_attempt(const struct pg *pg, struct error *err)
{
    const char *all = PQerrorMessage(pg->conn);
    const char *sqlstate = find_sqlstate(all);
    const char *text = sqlstate == NULL ? all : sqlstate + 7;
    enum error_kind kind = kind_of_refusal(sqlstate, text);

    if (sqlstate == NULL) { /* one line per address that was tried; the last one decided */
        for (const char *at = strstr(text, " failed: "); at != NULL; at = strstr(at, " failed: ")) {
            at += strlen(" failed: ");
            text = at;
        }
    }
    if (PQconnectionNeedsPassword(pg->conn)) {
        kind = ERROR_AUTH;
    }
    error_set(err, kind, "PostgreSQL %s: %.*s", pg->where, (int)strcspn(text, "\n"), text);
    keep_sqlstate(err, sqlstate);
}

bool pg_error_is_permanent(const struct error *err)
{
    return err->kind == ERROR_AUTH || err->kind == ERROR_NOT_FOUND || err->kind == ERROR_USAGE;
}

void pg_error_lost(const struct pg *pg, const char *reason, struct error *err)
{
    const char *text = reason == NULL ? PQerrorMessage(pg->conn) : reason;

    error_set(err, ERROR_UNAVAILABLE, "PostgreSQL %s: connection lost: %.*s", pg->where,
              (int)strcspn(text, "\n"), text);
}
