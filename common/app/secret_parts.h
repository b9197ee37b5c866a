/* Shared by app/secret*.c only: a secret on its way to a header line. */
#ifndef APP_SECRET_PARTS_H
#define APP_SECRET_PARTS_H

#include "app/chroma_environment.h"
#include "app/endpoint.h"
#include "app/secret.h"
#include "base/bytes.h"
#include "base/origin.h"

struct style {
    const char *name;   /* as people write it, and as the ledger has it */
    const char *header; /* what stands before the secret; NULL: nothing is sent */
    bool is_basic;
};
extern const struct style *const secret_default_style;

struct secret {
    struct buf text;        /* empty: none */
    const char *where;      /* the variable it comes from, for messages */
    const char *user_where; /* of a login, whose password stands in where; else NULL */
    const struct style *style;
    const char *style_where; /* what says how it is sent; NULL: nothing, it follows from where */
};

/* -- secret.c -- */
/* All that is set for that server, and where it would stand. `secret`: empty, of the default style. */
MUST_CHECK bool secret_look(const struct option_set *options, const struct secret_request *request,
                            struct endpoint *from, struct secret *secret, struct error *err);
/* -- secret_chroma.c -- */
/* Of an address; a bare host means https. False: it is none. */
bool secret_parse_origin(const char *host, char out[ORIGIN_SIZE]);
/* What Chroma's own variables say for a server; nothing is no error. `secret`: empty, and of the style that was said of that
 * server, which wins over theirs. ERROR_USAGE: it cannot be sent so. */
MUST_CHECK bool secret_find_chroma(const struct option_set *options,
                                   const struct secret_request *request, struct secret *secret,
                                   struct error *err);
/* -- secret_role.c -- */
/* What is set for a server; nothing is no error, and leaves the style that is said. `secret`: empty, of the default style. */
MUST_CHECK bool secret_find_role(const struct endpoint *from, struct secret *secret,
                                 struct error *err);
const struct style *secret_style_of(enum chroma_credentials credentials);

#endif
