/*
 * What is set for one server beside its address: secret, certificates, header lines. It comes whole from one place, an
 * [endpoint] of ferry.conf or a role's variables, so that no server gets what was set for another. Internal to app.
 */
#ifndef APP_ENDPOINT_H
#define APP_ENDPOINT_H

#include "app/config.h"
#include "app/option.h"
#include "app/secret.h"

enum endpoint_setting {
    ENDPOINT_AUTH,
    ENDPOINT_TOKEN,
    ENDPOINT_TOKEN_FILE,
    ENDPOINT_USER,
    ENDPOINT_PASSWORD,
    ENDPOINT_PASSWORD_FILE,
    ENDPOINT_CA_FILE,
    ENDPOINT_CERT_FILE,
    ENDPOINT_KEY_FILE,
    ENDPOINT_HEADER_FILE,
    ENDPOINT_SETTINGS
};

struct endpoint {
    const struct option_set *options;
    enum secret_role role;
    const struct config_endpoint *section; /* NULL: the role's variables */
    bool is_none;                          /* nothing is set for that server */
};

/* For request->origin: the role's own when that is request->expected_origin (the named endpoint, else its variables, but
 * where they stand beside the address of another server), else the endpoint of ferry.conf that has this origin, and tenant and
 * database as far as both say. ERROR_USAGE: two have it. */
MUST_CHECK bool endpoint_choose(const struct option_set *options,
                                const struct secret_request *request, struct endpoint *out,
                                struct error *err);
/* NULL: not set. Of a token or password that a section names a variable for: that variable's value. */
const char *endpoint_value(const struct endpoint *endpoint, enum endpoint_setting setting);
/* "FERRY_SOURCE_TOKEN", "ferry.conf, line 3 (token_env)": begins a refusal. As long as the options live. */
const char *endpoint_where(const struct endpoint *endpoint, enum endpoint_setting setting);
/* A section names a variable that is not set: false, ERROR_USAGE. */
MUST_CHECK bool endpoint_check(const struct endpoint *endpoint, struct error *err);

#endif
