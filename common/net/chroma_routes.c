/*
 * Where things are on a server: one table, a row for each thing, a column for each version of the
 * API. Path segments and query values are percent-encoded here, because tenants, databases and
 * names are other people's strings.
 */
#include <inttypes.h>
#include <string.h>

#include "net/chroma_call.h"

enum route {
    ROUTE_VERSION,
    ROUTE_PREFLIGHT,
    ROUTE_IDENTITY,
    ROUTE_TENANTS,
    ROUTE_TENANT,
    ROUTE_DATABASES,
    ROUTE_DATABASE,
    ROUTE_COLLECTIONS,
    ROUTE_COLLECTION,
    ROUTE_RECORDS,
    ROUTE_COUNT
};

#define V2_TENANT "/api/v2/tenants/{tenant}"
#define V2_PLACE  V2_TENANT "/databases/{database}"
#define V1_PLACE  "?tenant={tenant}&database={database}"

/* API v1 knows a collection's records by its UUID alone. */
static const char *const routes[ROUTE_COUNT][CHROMA_API_COUNT] = {
    [ROUTE_VERSION] = {"/api/v2/version", "/api/v1/version"},
    [ROUTE_PREFLIGHT] = {"/api/v2/pre-flight-checks", "/api/v1/pre-flight-checks"},
    [ROUTE_IDENTITY] = {"/api/v2/auth/identity", "/api/v1/auth/identity"},
    [ROUTE_TENANTS] = {"/api/v2/tenants", "/api/v1/tenants"},
    [ROUTE_TENANT] = {V2_TENANT, "/api/v1/tenants/{tenant}"},
    [ROUTE_DATABASES] = {V2_TENANT "/databases", "/api/v1/databases?tenant={tenant}"},
    [ROUTE_DATABASE] = {V2_PLACE, "/api/v1/databases/{database}?tenant={tenant}"},
    [ROUTE_COLLECTIONS] = {V2_PLACE "/collections", "/api/v1/collections" V1_PLACE},
    [ROUTE_COLLECTION] = {V2_PLACE "/collections/{which}", "/api/v1/collections/{which}" V1_PLACE},
    [ROUTE_RECORDS] = {V2_PLACE "/collections/{which}/{verb}",
                       "/api/v1/collections/{which}/{verb}"},
};

static void encode(struct buf *url, const char *text)
{
    static const char unreserved[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (; *text; text++) {
        if (strchr(unreserved, *text)) {
            buf_append_byte(url, (uint8_t)*text);
        } else {
            buf_printf(url, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

static void append_route(struct chroma_call *call, const char *route, const char *which,
                         const char *verb)
{
    const struct {
        const char *name, *value;
    } values[] = {
        {"{tenant}", call->chroma->tenant},
        {"{database}", call->chroma->database},
        {"{which}", which},
        {"{verb}", verb},
    };

    buf_append_str(&call->url, call->chroma->address.base);
    while (*route) {
        size_t plain = strcspn(route, "{");

        buf_append(&call->url, route, plain);
        route += plain;
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            if (strncmp(route, values[i].name, strlen(values[i].name)) == 0) {
                encode(&call->url, values[i].value);
                route += strlen(values[i].name);
                break;
            }
        }
    }
}

void chroma_call_version(struct chroma_call *call, enum chroma_api api)
{
    append_route(call, routes[ROUTE_VERSION][api], "", "");
}

void chroma_call_preflight(struct chroma_call *call)
{
    append_route(call, routes[ROUTE_PREFLIGHT][call->chroma->api], "", "");
}

void chroma_call_collections(struct chroma_call *call)
{
    append_route(call, routes[ROUTE_COLLECTIONS][call->chroma->api], "", "");
}

void chroma_call_page(struct chroma_call *call, uint64_t offset, uint32_t limit)
{
    chroma_call_collections(call);
    chroma_call_add_page(call, offset, limit);
}

void chroma_call_add_page(struct chroma_call *call, uint64_t offset, uint32_t limit)
{
    buf_printf(&call->url, "%climit=%" PRIu32 "&offset=%" PRIu64,
               strchr(buf_cstr(&call->url), '?') ? '&' : '?', limit, offset);
}

void chroma_call_identity(struct chroma_call *call)
{
    append_route(call, routes[ROUTE_IDENTITY][call->chroma->api], "", "");
}

void chroma_call_place(struct chroma_call *call, bool is_database)
{
    enum route route = is_database ? ROUTE_DATABASE : ROUTE_TENANT;

    append_route(call, routes[route][call->chroma->api], "", "");
}

void chroma_call_places(struct chroma_call *call, bool is_database)
{
    enum route route = is_database ? ROUTE_DATABASES : ROUTE_TENANTS;

    append_route(call, routes[route][call->chroma->api], "", "");
}

void chroma_call_collection(struct chroma_call *call, const char *which, const char *verb)
{
    enum route route = verb ? ROUTE_RECORDS : ROUTE_COLLECTION;

    append_route(call, routes[route][call->chroma->api], which, verb ? verb : "");
}
