/*
 * The targets that this consumer has claimed batches for, as the ledger describes them, and the secrets it has for
 * their origins (decision 22). A target comes from the ledger, never from a message; a secret goes to its origin
 * only.
 */
#ifndef CONSUMER_TARGETS_H
#define CONSUMER_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/option.h"
#include "consumer/body_limit.h"
#include "net/chroma.h"
#include "store/pg.h"

#define TARGETS_ORIGINS 8 /* remembered of each kind; the oldest goes first */

struct target {
    struct target *next;
    struct uuid uuid;
    char name[520];
    struct chroma chroma;
    enum space space;
    bool takes_base64;
    int64_t max_request_bytes; /* 0: not known */
    struct body_limit body_limit;
    bool is_warned; /* that its secret travels in clear */
};

struct origins {
    char text[TARGETS_ORIGINS][300];
    const char *list[TARGETS_ORIGINS]; /* for the ledger; the first `count` are valid */
    size_t count;
    size_t oldest;
};

struct targets {
    const struct option_set *options;
    struct http *http;
    char expected_origin[300]; /* of FERRY_TARGET, or what Chroma's variables name, or "" */
    struct target *first;      /* owned */
    struct origins with_secret;
    struct origins without_secret;
};

MUST_CHECK bool targets_open(struct targets *targets, const struct option_set *options,
                             struct http *http, struct error *err);
void targets_close(struct targets *targets); /* wipes the secrets */
/* The target of a claimed row of ferry.claim_batches, brought up to date. Its address never changes. NULL on
 * failure. */
struct target *targets_take(struct targets *targets, const struct pg_rows *rows, int row,
                            struct error *err);
/* It has been looked for in vain. */
bool targets_lack_secret(const struct targets *targets, const char *origin);
/* Looks for a secret for the origin, of the ledger's style, and remembers what came of it. False with *err: there is none,
 * or none that can be used; then what to set. */
MUST_CHECK bool targets_find_secret(struct targets *targets, const char *origin, const char *style,
                                    struct error *err);

#endif
