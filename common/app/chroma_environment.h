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
    CHROMA_ENDPOINT,   /* an address: Chroma Cloud's, or in place of host and port */
    CHROMA_AUTH_TOKEN, /* of a server of one's own, as is the next but one */
    CHROMA_AUTH_TOKEN_TRANSPORT_HEADER,
    CHROMA_CUSTOM_AUTH_CREDENTIALS, /* user:password, else a token */
    CHROMA_VARIABLES
};
extern const char *const chroma_variable_names[CHROMA_VARIABLES];

enum chroma_rule {
    CHROMA_RULE_NONE,  /* they name no server */
    CHROMA_RULE_CLOUD, /* key and tenant, or the client type: the target is Chroma Cloud */
    CHROMA_RULE_HTTP,  /* a host, a port, or the client type: the target is that server */
    CHROMA_RULE_LOCAL, /* the client type names a Chroma without a server: nothing follows */
};

enum chroma_credentials {
    CHROMA_CREDENTIALS_BEARER, /* as Chroma's own clients send a token */
    CHROMA_CREDENTIALS_X_CHROMA_TOKEN,
    CHROMA_CREDENTIALS_BASIC,
};

struct chroma_environment {
    enum chroma_rule rule;
    char why[200];      /* one line for people: which rule applied, and by which variables */
    char target[400];   /* its URL, or "" */
    char source[400];   /* of CHROMA_RULE_CLOUD: the source when none is given, else "" */
    const char *tenant; /* of the target, borrowed from the values, or NULL */
    const char *database;
    const char *key; /* a secret, borrowed, or NULL: of Chroma Cloud, or of the target */
    /* A secret of the server of one's own that is named beside it: the target, beside Chroma Cloud the source. Borrowed, or
     * NULL. */
    const char *credentials;
    enum chroma_credentials credentials_style;
    /* The variable that each comes from, as a chroma_variable; CHROMA_VARIABLES: none, it is a rule's default. */
    enum chroma_variable target_from, source_from, tenant_from, database_from, key_from,
        credentials_from;
};

/* Is the host of an address, or a bare host, one of Chroma Cloud's: api.trychroma.com or a region's? NULL: no. */
bool chroma_environment_is_cloud(const char *host);
/* The server of one's own among them, which the credentials are for: its URL, or "". */
const char *chroma_environment_own(const struct chroma_environment *environment);
/* values: of each variable, NULL or "" when not set. ERROR_USAGE names the variable whose value cannot be meant. */
MUST_CHECK bool chroma_environment_read(const char *const values[CHROMA_VARIABLES],
                                        struct chroma_environment *out, struct error *err);
/* chroma_credentials.c: the part of it that concerns credentials. */
MUST_CHECK bool chroma_credentials_read(const char *const values[CHROMA_VARIABLES],
                                        struct chroma_environment *out, struct error *err);

#endif
