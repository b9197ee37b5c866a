/* See chroma_link.h. */
#include "run/chroma_link.h"

#include <stdio.h>
#include <string.h>

#include "app/link.h"
#include "app/log.h"

static void warn_in_clear(const struct chroma *chroma, bool *is_warned)
{
    bool has_secret = chroma->auth_header[0] != '\0' || chroma->headers[0] != '\0';

    if (*is_warned || !has_secret || !http_is_in_clear(&chroma->address)) {
        return;
    }
    *is_warned = true;
    log_event(LOG_WARN, "secret.in_clear", LOG_TEXT("role", chroma->role),
              LOG_TEXT("origin", chroma->address.origin),
              LOG_TEXT("reason", "http:// shows the token to everyone on the way"));
}

bool chroma_link(struct chroma *chroma, const struct option_set *options,
                 const struct secret_request *request, const char *header_file, bool *is_warned,
                 struct error *err)
{
    struct secret_advice advice;
    struct link link;

    secret_advise(options, request, &advice);
    chroma->advice.is_none = advice.is_none;
    snprintf(chroma->advice.sent, sizeof chroma->advice.sent, "%s", advice.sent);
    snprintf(chroma->advice.address, sizeof chroma->advice.address, "%s", advice.address);
    snprintf(chroma->advice.token, sizeof chroma->advice.token, "%s", advice.token);
    snprintf(chroma->advice.style, sizeof chroma->advice.style, "%s", advice.style);
    if (!link_find(options, request, header_file, chroma->auth_header, &link, err)) {
        return false;
    }
    chroma->tls = (struct http_tls){link.ca_file, link.cert_file, link.key_file};
    _Static_assert(sizeof chroma->headers == sizeof link.headers, "all of them");
    memcpy(chroma->headers, link.headers, sizeof chroma->headers);
    explicit_bzero(link.headers, sizeof link.headers);
    warn_in_clear(chroma, is_warned);
    return true;
}
