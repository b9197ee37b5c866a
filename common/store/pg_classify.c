/*
 * SQLSTATE to error kind. Pure: it knows the code only, so that the whole table can be tested without a server.
 * What to do about a kind is not decided here (error_disposition).
 */
#include <string.h>

#include "store/pg.h"

struct rule {
    const char *prefix; /* of the SQLSTATE; the first rule that fits wins */
    enum error_kind kind;
};

static const struct rule rules[] = {
    {"40001", ERROR_UNAVAILABLE}, /* serialization failure */
    {"40P01", ERROR_UNAVAILABLE}, /* deadlock */
    {"55P03", ERROR_UNAVAILABLE}, /* lock timeout */
    {"57014", ERROR_UNAVAILABLE}, /* statement timeout */
    {"08", ERROR_UNAVAILABLE},    /* connection */
    {"57P", ERROR_UNAVAILABLE},   /* shutting down, starting up, idle too long */
    {"53", ERROR_UNAVAILABLE},    /* disk, memory, connections */
    {"58030", ERROR_UNAVAILABLE}, /* the server's input or output */
    {"25006", ERROR_UNAVAILABLE}, /* read-only: a standby */
    {"28", ERROR_AUTH},           {"42501", ERROR_AUTH}, /* no privilege */
    {"42P01", ERROR_NOT_FOUND},                          /* table */
    {"3F000", ERROR_NOT_FOUND},                          /* schema */
    {"3D000", ERROR_NOT_FOUND},                          /* database */
    {"42883", ERROR_NOT_FOUND},                          /* function */
    {"23", ERROR_CONFLICT},                              /* constraints */
    {"FE001", ERROR_USAGE},                              /* FE…: raised by our own functions */
    {"FE002", ERROR_CONFLICT},    {"FE003", ERROR_NOT_FOUND}, {"FE004", ERROR_REJECTED},
    {"FE005", ERROR_UNAVAILABLE}, /* another job is at work: come back later */
};

enum error_kind pg_classify(const char *sqlstate)
{
    if (sqlstate == NULL || sqlstate[0] == '\0') {
        return ERROR_UNAVAILABLE; /* libpq itself speaks: the connection */
    }
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0) {
            return rules[i].kind;
        }
    }
    return ERROR_REJECTED;
}

bool pg_is_outage(const struct error *err)
{
    static const char *const of_the_server[] = {"08", "57P", "53", "58030", "25006"};

    if (err->kind != ERROR_UNAVAILABLE || err->sqlstate[0] == '\0') {
        return err->kind == ERROR_UNAVAILABLE;
    }
    for (size_t i = 0; i < ARRAY_LEN(of_the_server); i++) {
        if (strncmp(err->sqlstate, of_the_server[i], strlen(of_the_server[i])) == 0) {
            return true;
        }
    }
    return false;
}
