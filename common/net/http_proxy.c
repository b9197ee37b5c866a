/* See http_proxy.h; and what a proxy says or does instead of the server, told as the proxy's. */
#include "net/http_proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_internal.h"

#define DEFAULT_PORT "1080" /* curl's, where a proxy's address has none */

static const char *find_variable(bool is_https)
{
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    const char *const *names = is_https ? secure : plain;
    size_t count = is_https ? ARRAY_LEN(secure) : ARRAY_LEN(plain);

    for (size_t i = 0; i < count; i++) {
        const char *value = getenv(names[i]);

        if (value && value[0]) {
            return names[i];
        }
    }
    return NULL;
}

static bool has_known_scheme(const char *value)
{
    static const char *const known[] = {"http://",    "https://",  "socks4://",
                                        "socks4a://", "socks5://", "socks5h://"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strncasecmp(value, known[i], strlen(known[i])) == 0) {
            return true;
        }
    }
    return !strstr(value, "://");
}

static bool take_parts(CURLU *parts, struct http_proxy *out)
{
    char *host = NULL;
    char *port = NULL;
    bool is_fine = false;

    if (has_known_scheme(out->value) && !strpbrk(out->value, " \t\r\n") &&
        curl_url_set(parts, CURLUPART_URL, out->value,
                     CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool has_port = curl_url_get(parts, CURLUPART_PORT, &port, 0) == CURLUE_OK;
        const char *shown = has_port                                      ? port
                            : strncasecmp(out->value, "https://", 8) == 0 ? "443"
                                                                          : DEFAULT_PORT;
        snprintf(out->host, sizeof out->host, "%s", host);
        snprintf(out->name, sizeof out->name, "%s:%s", out->host, shown);
        out->port = (unsigned)strtoul(shown, NULL, 10);
        is_fine = true;
    }
    curl_free(host);
    curl_free(port);
    return is_fine;
}

bool http_proxy_find(const char *url, struct http_proxy *out, struct error *err)
{
    bool is_fine;
    CURLU *parts;

    *out = (struct http_proxy){.variable = NULL};
    if (http_is_loopback(url)) {
        return true;
    }
    out->variable = find_variable(strncasecmp(url, "https://", 8) == 0);
    if (!out->variable) {
        return true;
    }
    out->value = getenv(out->variable);
    parts = curl_url();
    if (!parts) {
        return error_set(err, ERROR_NOMEM, "out of memory for a request");
    }
    is_fine = take_parts(parts, out);
    curl_url_cleanup(parts);
    return is_fine ||
           error_set(err, ERROR_USAGE,
                     "%s is set, but is no address of a proxy like http://HOST:PORT (http, https, "
                     "socks4, socks5; it is not shown, because it may hold a password)",
                     out->variable);
}

/* Through a tunnel, or SOCKS, it is the server's. Curl tells which way it took since 8.7 only, so this goes by what it
 * connected to; where both have the same port nobody can tell. */
const char *http_proxy_may_speak(const struct http_request *request)
{
    const struct http_proxy *proxy = &request->proxy;
    const char *own_port = strrchr(request->peer, ':');
    long status = 0;
    long port = 0;

    if (!proxy->variable || strncasecmp(proxy->value, "socks", 5) == 0 || !own_port ||
        curl_easy_getinfo(request->easy, CURLINFO_HTTP_CONNECTCODE, &status) != CURLE_OK ||
        curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_PORT, &port) != CURLE_OK) {
        return NULL;
    }
    return status == 0 && port == (long)proxy->port &&
                   strtoul(own_port + 1, NULL, 10) != proxy->port
               ? proxy->name
               : NULL;
}

/* The tunnel was refused: by the proxy, before anything was sent to the server. */
static bool explain_tunnel(const struct http_request *request, long status, struct error *err)
{
    const struct http_proxy *proxy = &request->proxy;

    if (status == 407) {
        error_set(err, ERROR_AUTH,
                  "%s: the proxy %s asks for credentials, or refused those that %s holds "
                  "(http://USER:PASSWORD@HOST:PORT)",
                  request->peer, proxy->name, proxy->variable);
    } else {
        error_set(err, status >= 500 ? ERROR_UNAVAILABLE : ERROR_AUTH,
                  "%s: the proxy %s (%s) refuses to connect to it: %ld", request->peer, proxy->name,
                  proxy->variable, status);
    }
    err->native = CURLE_COULDNT_CONNECT; /* nothing was sent */
    return true;
}

bool http_proxy_explain(const struct http_request *request, struct error *err)
{
    const struct http_proxy *proxy = &request->proxy;
    char words[40];
    long status = 0;

    if (!proxy->variable) {
        return false;
    }
    curl_easy_getinfo(request->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (status >= 300) {
        return explain_tunnel(request, status, err);
    }
    snprintf(words, sizeof words, " port %u ", proxy->port);
    if (request->code == CURLE_COULDNT_RESOLVE_PROXY) {
        error_set(err, ERROR_UNAVAILABLE, "%s: the name of the proxy %s (%s) cannot be resolved",
                  request->peer, proxy->name, proxy->variable);
    } else if (request->code == CURLE_PROXY ||
               (request->code == CURLE_COULDNT_CONNECT && strstr(request->curl_text, words) &&
                strstr(request->curl_text, proxy->host))) {
        error_set(err, ERROR_UNAVAILABLE, "%s: no connection to the proxy %s (%s)", request->peer,
                  proxy->name, proxy->variable);
    } else {
        return false;
    }
    err->native = (int32_t)request->code;
    return true;
}
