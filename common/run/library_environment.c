/*
 * Libraries read their settings from the process environment only; a .env file reaches them through here. What the process
 * environment has, also as an empty variable, wins, as it does for our own options.
 */
#include "run/library_environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const variables[] = {
    /* Proxies, for HTTP; not HTTP_PROXY, which is nobody's. */
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    /* What libpq looks at, up to version 18. */
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGREQUIREAUTH",
    "PGCHANNELBINDING",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGOPTIONS",
    "PGAPPNAME",
    "PGSSLMODE",
    "PGREQUIRESSL",
    "PGSSLNEGOTIATION",
    "PGSSLCOMPRESSION",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCERTMODE",
    "PGSSLROOTCERT",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLSNI",
    "PGSSLKEYLOGFILE",
    "PGREQUIREPEER",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLMAXPROTOCOLVERSION",
    "PGMINPROTOCOLVERSION",
    "PGMAXPROTOCOLVERSION",
    "PGGSSENCMODE",
    "PGKRBSRVNAME",
    "PGGSSLIB",
    "PGGSSDELEGATION",
    "PGCONNECT_TIMEOUT",
    "PGCLIENTENCODING",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
    "PGDATESTYLE",
    "PGTZ",
    "PGGEQO",
    "PGSYSCONFDIR",
    "PGLOCALEDIR",
};

const char *library_environment_name(size_t at)
{
    return at < ARRAY_LEN(variables) ? variables[at] : NULL;
}

bool library_environment_fill(const struct option_set *options, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const char *value = option_environment(options, variables[i]);
        /* What a library makes of it nobody knows, and its message may show the value. */
        if (value != NULL && strpbrk(value, "\r\n") != NULL) {
            return error_set(err, ERROR_USAGE, "%s: a line break in the value", variables[i]);
        }
        if (value != NULL && setenv(variables[i], value, 0) != 0) {
            return error_set(err, ERROR_NOMEM, "%s could not be set: %s", variables[i],
                             strerror(errno));
        }
    }
    return true;
}
