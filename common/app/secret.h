/*
 * Secrets are bound to an origin (decision 22): found in the program's own surroundings, handed out for exactly one
 * scheme://host:port, never printed. Style "x-chroma-token" (or "token") sends X-Chroma-Token, "bearer" Authorization:
 * Bearer, "basic" Authorization: Basic, "none" nothing, whatever else is set.
 */
#ifndef APP_SECRET_H
#define APP_SECRET_H

#include "app/option.h"
#include "base/error.h"

#define SECRET_STYLE_HEADERS "headers" /* in the ledger: no secret, but header lines (link.h) */

enum secret_role {
    SECRET_SOURCE,
    SECRET_TARGET
};

struct secret_request {
    enum secret_role role;
    const char *origin;            /* the server that is about to be asked */
    const char *expected_origin;   /* origin of the URL configured beside the secret, or NULL */
    const char *tenant, *database; /* that are about to be asked for, or NULL: not known */
};

/* Looks for FERRY_SOURCE_TOKEN / FERRY_TARGET_TOKEN (or …_TOKEN_FILE), FERRY_…_AUTH = none|x-chroma-token|bearer|basic,
 * or FERRY_…_USER and FERRY_…_PASSWORD (or …_PASSWORD_FILE), which mean basic; then CHROMA_AUTH_TOKEN or
 * CHROMA_CUSTOM_AUTH_CREDENTIALS for the server of one's own that Chroma's variables name, and CHROMA_API_KEY (or
 * chroma_cloud_api_key) for Chroma Cloud's hosts, and for the target that those variables name: not where another one is expected,
 * and as a source only where --source-cloud says that it is Cloud. A style that is said of the server (FERRY_…_AUTH) is
 * theirs too; ERROR_USAGE where it cannot be. A role's token goes to expected_origin
 * only; for any other origin there is no secret, and no error even if the token is malformed. A file's line end at its end
 * is dropped; a token for basic reads user:password. ERROR_USAGE names the variable, never the value.
 * Writes a whole header line ("X-Chroma-Token: …") or "" when there is no secret for this origin, and the style
 * ("none", "x-chroma-token", "bearer", "basic") for the ledger. */
MUST_CHECK bool secret_find(const struct option_set *options, const struct secret_request *request,
                            char header[512], char style[16], struct error *err);

/* For who is refused: where settings stand, never what they hold. */
struct secret_advice {
    char sent[240];   /* where the secret stands that secret_find finds, or "" */
    char address[64]; /* what else is to be set, and first: "FERRY_TARGET to its address, and " */
    char token[160];  /* where a token for that server goes */
    char style[160];  /* what says how a secret is sent there */
    bool is_none;     /* it says: not at all */
};

/* Of a request that secret_find refuses, all of it is "". */
void secret_advise(const struct option_set *options, const struct secret_request *request,
                   struct secret_advice *out);

#endif
