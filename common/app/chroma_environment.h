/*
 * Chroma's own variables, as people have them set already, read as servers of ours. They describe the target; when that is
 * Chroma Cloud, a host that is set beside it (else localhost:8000) is the source. Pure: values in, values out. Who decides
 * about precedence is option.c: flag, FERRY_…, these, default.
 */
#ifndef APP_CHROMA_ENVIRONMENT_H
#define APP_CHROMA_ENVIRONMENT_H

#include "base/error.h"

#define CHROMA_CLOUD_ORIGIN "https://api.trychroma.com:443"
#define CHROMA_CLOUD_URL    "https://api.trychroma.com"

enum chroma_variable { /* in the order of chroma_variable_names */
    CHROMA_HOST,
    CHROMA_PORT,
    CHROMA_SSL,
    CHROMA_CLIENT_TYPE,
    CHROMA_API_KEY,
    CHROMA_TENANT,
    CHROMA_DATABASE,
    CHROMA_LOWER_API_KEY, /* chroma_cloud_api_key and so on: where the one above is not set */
    CHROMA_LOWER_TENANT,
    CHROMA_LOWER_DATABASE,
    CHROMA_VARIABLES
};
extern const char *const chroma_variable_names[CHROMA_VARIABLES];

enum chroma_rule {
    CHROMA_RULE_NONE,  /* they name no server */
    CHROMA_RULE_CLOUD, /* key and tenant, or the client type: the target is Chroma Cloud */
    CHROMA_RULE_HTTP,  /* a host, a port, or the client type: the target is that server */
    CHROMA_RULE_LOCAL, /* the client type names a Chroma without a server: nothing follows */
};

struct chroma_environment {
    enum chroma_rule rule;
    char why[200];      /* one line for people: which rule applied, and by which variables */
    char target[400];   /* its URL, or "" */
    char source[400];   /* of CHROMA_RULE_CLOUD: the source when none is given, else "" */
    const char *tenant; /* of the target, borrowed from the values, or NULL */
    const char *database;
    const char *key; /* a secret, borrowed, or NULL */
    /* The variable that each comes from, as a chroma_variable; CHROMA_VARIABLES: none, it is a rule's default. */
    enum chroma_variable target_from, source_from, tenant_from, database_from, key_from;
};

/* values: of each variable, NULL or "" when not set. ERROR_USAGE names the variable whose value cannot be meant. */
MUST_CHECK bool chroma_environment_read(const char *const values[CHROMA_VARIABLES],
                                        struct chroma_environment *out, struct error *err);

#endif
