/*
 * Chroma's own variables as secrets: CHROMA_API_KEY is Chroma Cloud's, or the target's that the variables beside it name;
 * the credentials are of the server of one's own among them, and never Chroma Cloud's.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/option_parts.h"
#include "app/secret_parts.h"

/* Colons of a bare IPv6 address are no ports. */
static bool is_bare_ipv6(const char *host)
{
    const char *colon = strchr(host, ':');
    return host[0] != '[' && colon != NULL && strchr(colon + 1, ':') != NULL;
}

/* Of CHROMA_HOST, which is an address or, as Chroma's own clients take it, a bare host; that one means https. False when it
 * is neither: then it is no server's. */
bool secret_parse_origin(const char *host, char out[ORIGIN_SIZE])
{
    char url[400];
    struct error ignored = {0};
    const char *rest;
    bool is_https;
    out[0] = '\0';
    if (origin_scheme(host, &is_https) > 0) {
        return origin_parse(host, out, &rest, &ignored);
    }
    bool is_ipv6 = is_bare_ipv6(host);
    int written =
        snprintf(url, sizeof url, "https://%s%s%s", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "");
    return written > 0 && (size_t)written < sizeof url && origin_parse(url, out, &rest, &ignored);
}

static bool is_origin_of(const char *address, const char *origin)
{
    char named[ORIGIN_SIZE];
    return address != NULL && address[0] != '\0' && secret_parse_origin(address, named) &&
           strcmp(named, origin) == 0;
}

/* The default port over TLS of a host of Cloud's: where a key may go whoever asks. */
static bool is_cloud_s(const char *origin)
{
    size_t len = strlen(origin);
    return strncmp(origin, "https://", 8) == 0 && len > 4 &&
           strcmp(origin + len - 4, ":443") == 0 && chroma_environment_is_cloud(origin);
}

/* What --source-cloud says of the address beside it. */
static bool is_said_to_be_cloud(const struct option_set *options,
                                const struct secret_request *request)
{
    const char *name = request->role == SECRET_SOURCE ? "source-cloud" : "target-cloud";
    bool is_expected =
        request->expected_origin != NULL && strcmp(request->origin, request->expected_origin) == 0;
    for (size_t i = 0; is_expected && i < option_count(options); i++) {
        if (strcmp(option_at(options, i)->name, name) == 0) {
            return options->values[i].number != 0;
        }
    }
    return false;
}

/* Is this the target that Chroma's variables name, and is no other one in force? As a source it gets the key only when it is
 * said to be Cloud: an old server is none, wherever the variables beside the key point. */
static bool is_key_s_target(const struct option_set *options, const struct secret_request *request)
{
    if (request->role == SECRET_SOURCE) {
        return is_said_to_be_cloud(options, request);
    }
    return request->expected_origin == NULL ||
           strcmp(request->origin, request->expected_origin) == 0;
}

/* Of Chroma Cloud the credentials of a server of one's own are never, however it is named: not by a region's host, nor at the
 * address that the variables give it. */
static bool is_own_server(const struct chroma_environment *chroma, const char *origin, bool is_host)
{
    bool is_cloud = chroma_environment_is_cloud(origin) ||
                    (chroma->rule == CHROMA_RULE_CLOUD && is_origin_of(chroma->target, origin));
    return !is_cloud && (is_host || is_origin_of(chroma_environment_own(chroma), origin));
}

/* In its own style, but where another is said: as that, if it can be meant. */
static bool take(struct secret *secret, enum chroma_variable from, const char *text,
                 const struct style *own, struct error *err)
{
    secret->where = chroma_variable_names[from];
    buf_append_str(&secret->text, text);
    if (secret->style_where == NULL) {
        secret->style = own;
        return true;
    }
    if (secret->style->is_basic && strchr(text, ':') == NULL) {
        return error_set(err, ERROR_USAGE,
                         "%s is basic, but %s does not read user:password: change one",
                         secret->style_where, secret->where);
    }
    if (!secret->style->is_basic && own->is_basic) {
        return error_set(err, ERROR_USAGE,
                         "%s is %s, but %s reads user:password, which is for basic: change one, or "
                         "give a token as CHROMA_AUTH_TOKEN",
                         secret->style_where, secret->style->name, secret->where);
    }
    return true;
}

/* CHROMA_HOST without scheme and port may as well be meant as https. Where Cloud is the target, a CHROMA_HOST beside it is
 * the source, which gets no key: it gets the credentials of a server of one's own, and Cloud does not. */
bool secret_find_chroma(const struct option_set *options, const struct secret_request *request,
                        struct secret *secret, struct error *err)
{
    const char *values[CHROMA_VARIABLES];
    struct chroma_environment chroma;
    struct error ignored = {0};
    const char *origin = request->origin;
    option_chroma_values(options, values);
    bool is_read = chroma_environment_read(values, &chroma, &ignored);
    bool is_host = is_read && chroma.rule != CHROMA_RULE_NONE && chroma.rule != CHROMA_RULE_LOCAL &&
                   is_origin_of(values[CHROMA_HOST], origin);
    bool is_own = is_read && is_own_server(&chroma, origin, is_host);
    bool is_target = is_read && (is_origin_of(chroma.target, origin) ||
                                 (chroma.rule == CHROMA_RULE_HTTP && is_host));
    if (is_own && chroma.credentials != NULL) {
        return take(secret, chroma.credentials_from, chroma.credentials,
                    secret_style_of(chroma.credentials_style), err);
    }
    if (chroma.key != NULL &&
        (is_cloud_s(origin) || (is_target && is_key_s_target(options, request)))) {
        return take(secret, chroma.key_from, chroma.key, secret_default_style, err);
    }
    return true;
}
