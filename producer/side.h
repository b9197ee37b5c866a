/*
 * The two ends of a job, source and target: address and secret, what the server can do, and the collection. Owned by
 * the command that runs; the chroma and collection inside outlive every request made with them.
 */
#ifndef PRODUCER_SIDE_H
#define PRODUCER_SIDE_H

#include "app/option.h"
#include "net/chroma.h"
#include "run/runtime.h"

struct side {
    struct chroma chroma;
    char auth_style[16];
    struct chroma_limits limits;
    struct chroma_collection collection;
    bool has_collection;
    bool has_tenant, has_database;     /* somebody has named them: nothing is to be found out */
    bool lacks_tenant, lacks_database; /* side_look_for_place: they are to be made */
};

/* Address, tenant, database and secret from options of that role ("source", "target"). url, tenant, database override
 * the options when not NULL (a job's own, from the ledger). */
MUST_CHECK bool side_open(struct side *side, struct runtime *rt, const char *role, const char *url,
                          const char *tenant, const char *database, struct error *err);
/* Asks the server what it is and for the collection of that name. A collection that is not there: *found = false. */
MUST_CHECK bool side_resolve(struct side *side, struct runtime *rt, const char *name, bool *found,
                             struct error *err);
/* The two halves of that: the server, then one collection. */
MUST_CHECK bool side_meet(struct side *side, struct runtime *rt, struct error *err);
MUST_CHECK bool side_look_up(struct side *side, struct runtime *rt, const char *name, bool *found,
                             struct error *err);
/* Another place of a server that has been met: *out is a side of its own, to be closed. NULL: as it is in met. */
MUST_CHECK bool side_at(struct side *out, const struct side *met, const char *tenant,
                        const char *database, struct error *err);
/* The steps of it, for who looks at each; in this order. An address that is no Chroma may fail only at the second. */
MUST_CHECK bool side_identify(struct side *side, struct runtime *rt, struct error *err);
MUST_CHECK bool side_find_limits(struct side *side, struct runtime *rt, struct error *err);
/* side_place.c: of Chroma Cloud, the tenant whose key it is, where nobody has named one, and its database, if there is only
 * one. ERROR_USAGE: one must be named. Of any other server nothing is asked. */
MUST_CHECK bool side_find_place(struct side *side, struct runtime *rt, struct error *err);
MUST_CHECK bool side_look_place(struct side *side, struct runtime *rt, bool is_database,
                                struct error *err); /* else: the tenant */
MUST_CHECK bool side_find_collection(struct side *side, struct runtime *rt, const char *name,
                                     bool *found, struct error *err);
/* Records of the collection that was found. */
MUST_CHECK bool side_count(struct side *side, struct runtime *rt, uint64_t *count,
                           struct error *err);
void side_close(struct side *side); /* wipes the secret */

/* side_place.c. For a target without the collection: are there tenant and database? What is not there and may be made
 * (--create-tenant, --create-database) is left in lacks_…; else ERROR_NOT_FOUND. Writes nothing. */
MUST_CHECK bool side_look_for_place(struct side *side, struct runtime *rt, struct error *err);
/* Tells people of what side_look_for_place has left (stderr). */
void side_tell_place(const struct side *side);
/* Makes what side_look_for_place has left. */
MUST_CHECK bool side_make_place(struct side *side, struct runtime *rt, struct error *err);

/* Straight-line forms of three requests, waited for. */
MUST_CHECK bool side_create(struct side *side, struct runtime *rt, struct span body,
                            struct error *err);
MUST_CHECK bool side_delete_collection(struct side *side, struct runtime *rt, const char *name,
                                       struct error *err);
MUST_CHECK bool side_put(struct side *side, struct runtime *rt, struct span body,
                         struct error *err); /* chroma_put_collection */

#endif
