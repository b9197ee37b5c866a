/*
 * Where what a server refused was set, and what would set it otherwise. It holds for that server: variables that are about
 * another one are not named without the address that makes them its own.
 */
#include <stdio.h>
#include <string.h>

#include "app/secret_parts.h"
#include "base/limits.h"

static void write_endpoint(const struct endpoint *from, struct secret_advice *out)
{
    const char *role = from->role == SECRET_SOURCE ? "SOURCE" : "TARGET";
    if (from->section != NULL) {
        snprintf(out->token, sizeof out->token, "token_file or token_env of [endpoint %s]",
                 from->section->name);
        snprintf(out->style, sizeof out->style, "auth of [endpoint %s]", from->section->name);
        return;
    }
    snprintf(out->token, sizeof out->token, "%s", endpoint_where(from, ENDPOINT_TOKEN));
    snprintf(out->style, sizeof out->style, "%s", endpoint_where(from, ENDPOINT_AUTH));
    if (from->is_none) {
        snprintf(out->address, sizeof out->address, "FERRY_%s to its address, and ", role);
    }
}

void secret_advise(const struct option_set *options, const struct secret_request *request,
                   struct secret_advice *out)
{
    struct secret secret = {.style = secret_default_style};
    struct endpoint from;
    struct error ignored = {0};
    *out = (struct secret_advice){.is_none = false};
    buf_init(&secret.text, LIMIT_SECRET);
    /* As in secret_find. */
    if (buf_reserve(&secret.text, LIMIT_SECRET) == NULL) {
        return;
    }
    if (secret_look(options, request, &from, &secret, &ignored)) {
        write_endpoint(&from, out);
        out->is_none = secret.style->header == NULL;
        if (secret.user_where != NULL) {
            snprintf(out->sent, sizeof out->sent, "%.110s and %.110s", secret.user_where,
                     secret.where);
        } else if (secret.where != NULL) {
            snprintf(out->sent, sizeof out->sent, "%s", secret.where);
        }
    }
    explicit_bzero(secret.text.ptr, secret.text.cap);
    buf_deinit(&secret.text);
}
