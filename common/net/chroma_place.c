/*
 * The calls that concern what collections live in: tenant and database, and whose the credentials are.
 */
#include <stdio.h>
#include <string.h>

#include "format/json_write.h"
#include "net/chroma_call.h"
#include "net/chroma_internal.h"

#define ALL                     "*"
#define FIRST_TO_LIST_DATABASES 6003 /* 0.6.3 */

static struct http_request *look(struct chroma *chroma, bool is_database, chroma_done_fn *fn,
                                 void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_done;
    call->fn.done = fn;
    chroma_call_place(call, is_database);
    return chroma_call_ask(call, err);
}

struct http_request *chroma_look_tenant(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                        struct error *err)
{
    return look(chroma, false, fn, ctx, err);
}

struct http_request *chroma_look_database(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                          struct error *err)
{
    return look(chroma, true, fn, ctx, err);
}

struct http_request *chroma_list_databases(struct chroma *chroma, uint64_t offset, uint32_t limit,
                                           chroma_answer_fn *fn, void *ctx, struct error *err)
{
    if (chroma->api == CHROMA_API_V1 ||
        (chroma->version.number != 0 && chroma->version.number < FIRST_TO_LIST_DATABASES)) {
        error_set(err, ERROR_USAGE, "%s %s: Chroma %s does not list its databases: name each",
                  chroma->role, chroma->address.base, chroma->version.text);
        return NULL;
    }
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_answer;
    call->fn.answer = fn;
    chroma_call_places(call, true);
    chroma_call_add_page(call, offset, limit);
    return chroma_call_ask(call, err);
}

static struct http_request *create(struct chroma *chroma, bool is_database, chroma_done_fn *fn,
                                   void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = chroma_call_finish_done;
    call->fn.done = fn;
    chroma_call_places(call, is_database);
    buf_append_str(&call->body, "{\"name\":");
    json_write_string(&call->body, span_from_str(is_database ? chroma->database : chroma->tenant));
    buf_append_byte(&call->body, '}');
    return chroma_call_send(
        call, (struct http_call){.method = "POST", .body = buf_span(&call->body)}, err);
}

struct http_request *chroma_create_tenant(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                          struct error *err)
{
    return create(chroma, false, fn, ctx, err);
}

struct http_request *chroma_create_database(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                            struct error *err)
{
    return create(chroma, true, fn, ctx, err);
}

/* "a, b and 3 more"; what does not fit is counted. */
static void write_names(const struct document *databases, char *out, size_t size)
{
    int length = document_length(databases);
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; i < length; i++) {
        const char *name = document_string(document_at(databases, i), "?");
        size_t needed = strlen(name) + (i > 0 ? 2 : 0);

        if (used + needed + sizeof " and 1000000000 more" > size) {
            snprintf(out + used, size - used, "%s%d more", i > 0 ? " and " : "", length - i);
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", name);
    }
}

static bool take_name(const char *name, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s", strcmp(name, ALL) == 0 ? "" : name) < size;
}

bool chroma_read_identity(struct span body, struct chroma_identity *out, struct error *err)
{
    struct document *json = NULL;
    bool ok = false;

    *out = (struct chroma_identity){.tenant = ""};
    if (!document_parse(body, &json, err)) {
        return error_wrap(err, "the answer to whose the credentials are");
    }
    const char *tenant = document_string(document_get(json, "tenant"), "");
    const struct document *databases = document_get(json, "databases");
    const char *first = document_string(document_at(databases, 0), "");

    out->database_count = (size_t)document_length(databases);
    for (int i = 0; i < document_length(databases); i++) {
        const char *name = document_string(document_at(databases, i), "");
        out->is_for_all = out->is_for_all || strcmp(name, ALL) == 0;
    }
    ok = take_name(tenant, out->tenant, sizeof out->tenant) &&
         (out->database_count != 1 || take_name(first, out->database, sizeof out->database));
    write_names(databases, out->databases, sizeof out->databases);
    document_free(json);
    return ok || error_set(err, ERROR_FORMAT,
                           "the name of the credentials' tenant or database is "
                           "too long");
}

static void finish_identity(struct chroma_call *call, const struct http_answer *answer,
                            struct error *err)
{
    struct chroma_identity identity = {.tenant = ""};

    if (chroma_check_told(call->chroma, answer, err) &&
        !chroma_read_identity(answer->body, &identity, err)) {
        chroma_name_server(call->chroma, err);
    }
    call->fn.identity(call->ctx, &identity, err);
}

struct http_request *chroma_ask_identity(struct chroma *chroma, chroma_identity_fn *fn, void *ctx,
                                         struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = finish_identity;
    call->fn.identity = fn;
    chroma_call_identity(call);
    return chroma_call_ask(call, err);
}
