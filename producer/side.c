/* Resolving the two ends of a job; see side.h. Writes to a server only in side_create, side_put and
 * side_delete_collection. */
#include "producer/side.h"

#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "producer/side_asked.h"
#include "producer/side_probe.h"
#include "run/chroma_link.h"

void asked_finish(struct asked *asked, const struct error *err)
{
    asked->err = *err;
    asked->done = true;
}

static void on_limits(void *ctx, const struct chroma_limits *limits, const struct error *err)
{
    struct asked *asked = ctx;
    if (err->kind == ERROR_NONE) {
        asked->side->limits = *limits;
    }
    asked_finish(asked, err);
}

static void on_version(void *ctx, const struct chroma_version *version, const struct error *err)
{
    struct asked *asked = ctx;
    asked->version = *version;
    asked_finish(asked, err);
}

static void on_collection(void *ctx, struct chroma_collection *collection, const struct error *err)
{
    struct asked *asked = ctx;
    if (err->kind == ERROR_NONE) {
        if (asked->side->has_collection) {
            chroma_collection_deinit(&asked->side->collection);
        }
        asked->side->collection = *collection;
        asked->side->has_collection = true;
    }
    asked_finish(asked, err);
}

void asked_on_done(void *ctx, const struct error *err)
{
    asked_finish(ctx, err);
}

static void on_count(void *ctx, uint64_t count, const struct error *err)
{
    struct asked *asked = ctx;
    asked->count = count;
    asked_finish(asked, err);
}

bool asked_wait(struct asked *asked, struct runtime *rt, const struct http_request *request,
                struct error *err)
{
    if (request == NULL || !runtime_await(rt, &asked->done, err)) {
        return false;
    }
    if (asked->err.kind != ERROR_NONE) {
        *err = asked->err;
        return false;
    }
    return true;
}

static void role_name(const char *role, const char *what, char name[64])
{
    snprintf(name, 64, "%s%s%s", role, what[0] != '\0' ? "-" : "", what);
}

static const char *role_option(const struct option_set *options, const char *role, const char *what)
{
    char name[64];
    role_name(role, what, name);
    return option_text(options, name);
}

static bool is_given(const struct option_set *options, const char *role, const char *what)
{
    char name[64];
    role_name(role, what, name);
    return option_origin(options, name) != OPTION_DEFAULT;
}

static bool role_flag(const struct option_set *options, const char *role, const char *what)
{
    char name[64];
    role_name(role, what, name);
    return option_flag(options, name);
}

/* Is there a secret that is bound to nothing? It goes nowhere, least of all where a ledger's row points to. */
static bool is_unbound(const struct runtime *rt, const struct chroma *chroma, struct error *err)
{
    static const char *const secrets[] = {"TOKEN", "TOKEN_FILE", "USER"};
    const char *side = strcmp(chroma->role, "source") == 0 ? "SOURCE" : "TARGET";
    for (size_t i = 0; chroma->auth_header[0] == '\0' && i < ARRAY_LEN(secrets); i++) {
        char variable[40];
        snprintf(variable, sizeof variable, "FERRY_%s_%s", side, secrets[i]);
        if (option_environment(rt->options, variable) != NULL) {
            error_set(err, ERROR_USAGE,
                      "%s is set, but not for which server: set FERRY_%s or --%s to its address as "
                      "well (the job's %s is %s)",
                      variable, side, chroma->role, chroma->role, chroma->address.origin);
            return true;
        }
    }
    return false;
}

static bool find_secret(struct side *side, struct runtime *rt, struct error *err)
{
    struct chroma *chroma = &side->chroma;
    struct http_address configured = {0};
    const char *server = option_server(rt->options, chroma->role);
    bool is_warned = false;
    if (server != NULL && !http_parse_address(server, &configured, err)) {
        return error_wrap(err, "address of the %s", chroma->role);
    }
    struct secret_request request = {
        .role = strcmp(chroma->role, "source") == 0 ? SECRET_SOURCE : SECRET_TARGET,
        .origin = chroma->address.origin,
        .expected_origin = server != NULL ? configured.origin : NULL,
        .tenant = side->has_tenant ? chroma->tenant : NULL,
        .database = side->has_database ? chroma->database : NULL,
    };
    if (!secret_find(rt->options, &request, chroma->auth_header, side->auth_style, err) ||
        (server == NULL && is_unbound(rt, chroma, err)) ||
        !chroma_link(chroma, rt->options, &request,
                     role_option(rt->options, chroma->role, "header-file"), &is_warned, err)) {
        return false;
    }
    if (chroma->auth_header[0] == '\0' && chroma->headers[0] != '\0') {
        snprintf(side->auth_style, sizeof side->auth_style, SECRET_STYLE_HEADERS);
    }
    return true;
}

static bool set_place(struct side *side, const char *tenant, const char *database,
                      struct error *err)
{
    struct chroma *chroma = &side->chroma;
    if (strlen(tenant) >= sizeof chroma->tenant || strlen(database) >= sizeof chroma->database) {
        return error_set(err, ERROR_USAGE, "%s: tenant or database name is longer than %zu bytes",
                         chroma->role, sizeof chroma->tenant - 1);
    }
    snprintf(chroma->tenant, sizeof chroma->tenant, "%s", tenant);
    snprintf(chroma->database, sizeof chroma->database, "%s", database);
    return true;
}

bool side_open(struct side *side, struct runtime *rt, const char *role, const char *url,
               const char *tenant, const char *database, struct error *err)
{
    memset(side, 0, sizeof *side);
    url = url != NULL ? url : role_option(rt->options, role, "");
    side->has_tenant = tenant != NULL || is_given(rt->options, role, "tenant");
    side->has_database = database != NULL || is_given(rt->options, role, "database");
    tenant = tenant != NULL ? tenant : role_option(rt->options, role, "tenant");
    database = database != NULL ? database : role_option(rt->options, role, "database");

    struct chroma *chroma = &side->chroma;
    chroma->http = rt->http;
    snprintf(chroma->role, sizeof chroma->role, "%s", role);
    chroma->is_cloud = role_flag(rt->options, role, "cloud");
    if (!set_place(side, tenant, database, err)) {
        return false;
    }
    if (!http_parse_address(url, &chroma->address, err)) {
        return error_wrap(err, "--%s", role);
    }
    return find_secret(side, rt, err);
}

/* Has a server answered that it is something else than what was asked for? */
static bool is_another(const struct error *err)
{
    return err->kind == ERROR_NOT_FOUND || err->kind == ERROR_REJECTED || err->kind == ERROR_AUTH ||
           err->kind == ERROR_FORMAT || err->kind == ERROR_LIMIT;
}

/* What the server is decides how it is spoken to. One that tells no version is taken for a 1.x: what it answers to
 * pre-flight then says what it is. */
bool side_identify(struct side *side, struct runtime *rt, struct error *err)
{
    for (enum chroma_api api = CHROMA_API_V2; api < CHROMA_API_COUNT; api++) {
        struct asked asked = {.side = side};
        struct error why = {0};
        if (asked_wait(&asked, rt, chroma_ask_version(&side->chroma, api, on_version, &asked, &why),
                       &why)) {
            return chroma_take_version(&side->chroma, &asked.version, err);
        }
        if (!is_another(&why)) {
            *err = why;
            return false;
        }
    }
    return true;
}

bool side_find_limits(struct side *side, struct runtime *rt, struct error *err)
{
    struct asked asked = {.side = side};
    return asked_wait(&asked, rt, chroma_preflight(&side->chroma, on_limits, &asked, err), err);
}

bool side_find_collection(struct side *side, struct runtime *rt, const char *name, bool *found,
                          struct error *err)
{
    struct asked asked = {.side = side};
    struct error why = {0};
    *found = asked_wait(
        &asked, rt, chroma_get_collection(&side->chroma, name, on_collection, &asked, &why), &why);
    if (!*found && why.kind != ERROR_NOT_FOUND) {
        *err = why;
        return false;
    }
    return true;
}

bool side_look_place(struct side *side, struct runtime *rt, bool is_database, struct error *err)
{
    struct asked asked = {.side = side};
    return asked_wait(&asked, rt,
                      is_database ? chroma_look_database(&side->chroma, asked_on_done, &asked, err)
                                  : chroma_look_tenant(&side->chroma, asked_on_done, &asked, err),
                      err);
}

bool side_count(struct side *side, struct runtime *rt, uint64_t *count, struct error *err)
{
    struct asked asked = {.side = side};
    bool ok =
        asked_wait(&asked, rt,
                   chroma_count(&side->chroma, &side->collection.uuid, on_count, &asked, err), err);
    *count = asked.count;
    return ok;
}

bool side_meet(struct side *side, struct runtime *rt, struct error *err)
{
    return side_identify(side, rt, err) && side_find_limits(side, rt, err) &&
           side_find_place(side, rt, err);
}

bool side_look_up(struct side *side, struct runtime *rt, const char *name, bool *found,
                  struct error *err)
{
    if (!side_find_collection(side, rt, name, found, err)) {
        return false;
    }
    bool is_open = *found && (chroma_is_old(&side->chroma) || side->collection.is_space_doubtful);
    return !is_open || side_probe(side, rt, err);
}

bool side_resolve(struct side *side, struct runtime *rt, const char *name, bool *found,
                  struct error *err)
{
    return side_meet(side, rt, err) && side_look_up(side, rt, name, found, err);
}

bool side_at(struct side *out, const struct side *met, const char *tenant, const char *database,
             struct error *err)
{
    *out = *met;
    out->has_collection = out->lacks_tenant = out->lacks_database = false;
    memset(&out->collection, 0, sizeof out->collection);
    out->has_tenant = out->has_tenant || tenant != NULL;
    out->has_database = out->has_database || database != NULL;
    return set_place(out, tenant != NULL ? tenant : met->chroma.tenant,
                     database != NULL ? database : met->chroma.database, err);
}

bool side_create(struct side *side, struct runtime *rt, struct span body, struct error *err)
{
    struct asked asked = {.side = side};
    return asked_wait(
        &asked, rt, chroma_create_collection(&side->chroma, body, on_collection, &asked, err), err);
}

bool side_delete_collection(struct side *side, struct runtime *rt, const char *name,
                            struct error *err)
{
    struct asked asked = {.side = side};
    return asked_wait(
        &asked, rt, chroma_delete_collection(&side->chroma, name, asked_on_done, &asked, err), err);
}

bool side_put(struct side *side, struct runtime *rt, struct span body, struct error *err)
{
    struct asked asked = {.side = side};
    return asked_wait(&asked, rt,
                      chroma_put_collection(&side->chroma, &side->collection.uuid, body,
                                            asked_on_done, &asked, err),
                      err);
}

void side_close(struct side *side)
{
    if (side->has_collection) {
        chroma_collection_deinit(&side->collection);
        side->has_collection = false;
    }
    chroma_forget_secret(&side->chroma);
}
