/*
 * The tenant and the database of a side; see side.h. Chroma Cloud knows whose key it is; of any other server people name
 * them, or mean the default ones. Writes to a server only in side_make_place.
 */
#include <stdio.h>

#include "producer/side_asked.h"

static void on_identity(void *ctx, const struct chroma_identity *identity, const struct error *err)
{
    struct asked *asked = ctx;
    asked->identity = *identity;
    asked_finish(asked, err);
}

static bool ask_identity(struct side *side, struct runtime *rt, struct chroma_identity *out,
                         struct error *err)
{
    struct asked asked = {.side = side};
    bool ok =
        asked_wait(&asked, rt, chroma_ask_identity(&side->chroma, on_identity, &asked, err), err);
    *out = asked.identity;
    return ok;
}

static bool refuse_database(const struct chroma *chroma, const struct chroma_identity *identity,
                            struct error *err)
{
    const char *role = chroma->role;
    if (identity->is_for_all) {
        return error_set(err, ERROR_USAGE,
                         "%s %s: the key is for every database of its tenant: name one with "
                         "--%s-database",
                         role, chroma->address.base, role);
    }
    if (identity->database_count == 0) {
        return error_set(err, ERROR_USAGE,
                         "%s %s: the key is for no database: make one there, or name one with "
                         "--%s-database",
                         role, chroma->address.base, role);
    }
    return error_set(err, ERROR_USAGE,
                     "%s %s: the key is for %zu databases (%s): name one with --%s-database", role,
                     chroma->address.base, identity->database_count, identity->databases, role);
}

bool side_find_place(struct side *side, struct runtime *rt, struct error *err)
{
    struct chroma *chroma = &side->chroma;
    struct chroma_identity identity;
    if (!chroma_is_cloud(chroma) || (side->has_tenant && side->has_database)) {
        return true;
    }
    if (!ask_identity(side, rt, &identity, err)) {
        return false;
    }
    if (!side->has_tenant) {
        if (identity.tenant[0] == '\0') {
            return error_set(err, ERROR_USAGE,
                             "%s %s: the key is for no single tenant: name it with --%s-tenant",
                             chroma->role, chroma->address.base, chroma->role);
        }
        snprintf(chroma->tenant, sizeof chroma->tenant, "%s", identity.tenant);
        side->has_tenant = true;
    }
    if (!side->has_database) {
        if (identity.database[0] == '\0') {
            return refuse_database(chroma, &identity, err);
        }
        snprintf(chroma->database, sizeof chroma->database, "%s", identity.database);
        side->has_database = true;
    }
    return true;
}

/* *is_there; false is an error of another kind. Old servers say 500 of what is not there. */
static bool look(struct side *side, struct runtime *rt, bool is_database, bool *is_there,
                 struct error *err)
{
    struct error why = {0};
    *is_there = side_look_place(side, rt, is_database, &why);
    bool is_missing =
        why.kind == ERROR_NOT_FOUND || (chroma_is_old(&side->chroma) && why.native == 500);
    if (!*is_there && !is_missing) {
        *err = why;
        return false;
    }
    return true;
}

static bool may_make(const struct side *side, const struct runtime *rt, const char *flag,
                     const char *what, const char *name, struct error *err)
{
    return option_flag(rt->options, flag) ||
           error_set(err, ERROR_NOT_FOUND,
                     "%s %s: %s \"%.100s\" does not exist: correct --%s-%s, make it there, or give "
                     "--%s",
                     side->chroma.role, side->chroma.address.base, what, name, side->chroma.role,
                     what, flag);
}

bool side_look_for_place(struct side *side, struct runtime *rt, struct error *err)
{
    const struct chroma *chroma = &side->chroma;
    bool is_there = false;
    if (!look(side, rt, true, &is_there, err) || is_there) {
        return is_there;
    }
    if (!look(side, rt, false, &is_there, err)) {
        return false;
    }
    if (!is_there) {
        if (chroma_is_cloud(chroma)) { /* it makes them itself */
            return error_set(err, ERROR_NOT_FOUND,
                             "%s %s: there is no tenant \"%.100s\", or the key is another one's",
                             chroma->role, chroma->address.base, chroma->tenant);
        }
        if (!may_make(side, rt, "create-tenant", "tenant", chroma->tenant, err)) {
            return false;
        }
        side->lacks_tenant = true;
    }
    side->lacks_database = may_make(side, rt, "create-database", "database", chroma->database, err);
    return side->lacks_database;
}

static void tell(const struct side *side, const char *what, const char *name)
{
    fprintf(stderr, "%s %s: %s \"%s\" does not exist, and is made (--create-%s)\n",
            side->chroma.role, side->chroma.address.base, what, name, what);
}

void side_tell_place(const struct side *side)
{
    if (side->lacks_tenant) {
        tell(side, "tenant", side->chroma.tenant);
    }
    if (side->lacks_database) {
        tell(side, "database", side->chroma.database);
    }
}

/* Another one may have made it meanwhile. */
static bool is_made(const struct error *why, struct error *err)
{
    if (why->kind != ERROR_NONE && why->kind != ERROR_CONFLICT) {
        *err = *why;
        return false;
    }
    return true;
}

bool side_make_place(struct side *side, struct runtime *rt, struct error *err)
{
    struct chroma *chroma = &side->chroma;
    if (side->lacks_tenant) {
        struct asked asked = {.side = side};
        struct error why = {0};
        (void)!asked_wait(&asked, rt, chroma_create_tenant(chroma, asked_on_done, &asked, &why),
                          &why); /* is_made looks at it */
        if (!is_made(&why, err)) {
            return error_wrap(err, "tenant \"%.100s\"", chroma->tenant);
        }
        side->lacks_tenant = false;
    }
    if (side->lacks_database) {
        struct asked asked = {.side = side};
        struct error why = {0};
        (void)!asked_wait(&asked, rt, chroma_create_database(chroma, asked_on_done, &asked, &why),
                          &why);
        if (!is_made(&why, err)) {
            return error_wrap(err, "database \"%.100s\"", chroma->database);
        }
        side->lacks_database = false;
    }
    return true;
}
