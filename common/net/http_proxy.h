/*
 * Proxies as the environment names them, in curl's way: http_proxy (small letters only, because a web server sets
 * HTTP_PROXY from a request), https_proxy or HTTPS_PROXY, else all_proxy or ALL_PROXY; and no_proxy or NO_PROXY, which curl
 * itself looks at. Servers on this machine are asked directly, whatever is set: no proxy reaches them, and a token would leave it.
 */
#ifndef NET_HTTP_PROXY_H
#define NET_HTTP_PROXY_H

#include <stdbool.h>

#include "base/error.h"

struct http_proxy {
    const char *variable; /* static; NULL: none for this address */
    const char *value;    /* of it, from the environment; may hold a password */
    char name[300];       /* "proxy.corp:3128", without it: for messages */
    char host[256];
    unsigned port;
};

/* url: of a server. ERROR_USAGE: what is set is no proxy's address; it is not repeated. */
MUST_CHECK bool http_proxy_find(const char *url, struct http_proxy *out, struct error *err);

#endif
