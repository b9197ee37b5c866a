/*
 * The server of an address, read by hand: what is accepted here is what a secret is bound to, so nothing may be guessed or
 * decoded. No name is looked up.
 */
#include "base/origin.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/number.h"

#define HOST_MAX 253u

/* Letters are ASCII letters here, whatever the locale. */
static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void lower(char *text)
{
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z') {
            *text = (char)(*text - 'A' + 'a');
        }
    }
}

size_t origin_scheme(const char *url, bool *is_https)
{
    *is_https = strncasecmp(url, "https://", 8) == 0;
    if (*is_https) {
        return 8;
    }
    return strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
}

static bool check_host(const char *host, struct error *err)
{
    size_t len = strlen(host);

    if (len == 0) {
        return error_set(err, ERROR_USAGE, "the URL names no host");
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(host[i]) && !strchr(".-_", host[i])) {
            return error_set(err, ERROR_USAGE,
                             "the URL's host \"%s\" has a character that no host name has", host);
        }
    }
    if (host[0] == '.' || host[0] == '-' || strstr(host, "..")) {
        return error_set(err, ERROR_USAGE, "\"%s\" is not a host name", host);
    }
    return true;
}

/* [::1], in brackets; rewritten in its one canonical form, so that one server has one origin. */
static bool take_ipv6(const char *authority, char host[HOST_MAX + 1], const char **rest,
                      struct error *err)
{
    const char *closing = strchr(authority, ']');
    char text[INET6_ADDRSTRLEN];
    char canonical[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t len;

    if (!closing) {
        return error_set(err, ERROR_USAGE, "the URL's IPv6 address has no closing bracket");
    }
    len = (size_t)(closing - authority - 1);
    if (len < sizeof text) {
        memcpy(text, authority + 1, len);
        text[len] = '\0';
    }
    if (len >= sizeof text || inet_pton(AF_INET6, text, &address) != 1 ||
        !inet_ntop(AF_INET6, &address, canonical, sizeof canonical)) {
        return error_set(err, ERROR_USAGE, "the URL's brackets hold no IPv6 address");
    }
    snprintf(host, HOST_MAX + 1, "[%s]", canonical);
    *rest = closing + 1;
    return true;
}

static bool take_host(const char *authority, char host[HOST_MAX + 1], const char **rest,
                      struct error *err)
{
    size_t len;

    if (authority[0] == '[') {
        return take_ipv6(authority, host, rest, err);
    }
    len = strcspn(authority, ":/");
    if (len > HOST_MAX) {
        return error_set(err, ERROR_USAGE, "the URL's host is longer than %u characters", HOST_MAX);
    }
    memcpy(host, authority, len);
    host[len] = '\0';
    lower(host);
    *rest = authority + len;
    return check_host(host, err);
}

/* ":8000" or nothing, up to the path. */
static bool take_port(const char *text, bool is_https, unsigned *port, const char **rest,
                      struct error *err)
{
    size_t len = strcspn(text, "/");
    uint64_t number;

    *rest = text + len;
    *port = is_https ? 443 : 80;
    if (len == 0) {
        return true;
    }
    if (text[0] != ':' ||
        !number_parse_u64((struct span){(const uint8_t *)text + 1, len - 1}, &number) ||
        number == 0 || number > 65535) {
        return error_set(err, ERROR_USAGE, "the URL's port is not a number from 1 to 65535");
    }
    *port = (unsigned)number;
    return true;
}

bool origin_parse(const char *url, char out[ORIGIN_SIZE], const char **rest, struct error *err)
{
    char host[HOST_MAX + 1];
    unsigned port;
    bool is_https;
    size_t scheme = origin_scheme(url, &is_https);

    out[0] = '\0';
    *rest = url;
    if (strpbrk(url, "@?#") != NULL) { /* not shown: people put passwords and keys there */
        return error_set(err, ERROR_USAGE,
                         "the URL has a user, a password, a query or a fragment; give scheme, "
                         "host, port and path only");
    }
    if (scheme == 0) {
        return error_set(err, ERROR_USAGE,
                         "the URL has no scheme; write http:// or https:// first");
    }
    if (!take_host(url + scheme, host, rest, err) ||
        !take_port(*rest, is_https, &port, rest, err)) {
        return false;
    }
    snprintf(out, ORIGIN_SIZE, "%s://%s:%u", is_https ? "https" : "http", host, port);
    return true;
}
