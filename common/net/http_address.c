/*
 * The address of a server as a person types it, checked by hand: what is accepted here is what a
 * secret is bound to, so nothing may be guessed, decoded or quietly dropped. No name is looked up.
 * A refused address is shown in messages only when it cannot hold a password.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "net/http.h"

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

/* "http://" or "https://": its length, or 0. */
static size_t scheme_length(const char *url, bool *is_https)
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

/* The prefix under which a proxy serves the API: "", or "/a/b" without trailing slashes. */
static bool take_path(const char *path, size_t max, char *out, struct error *err)
{
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    if (len > max) {
        return error_set(err, ERROR_USAGE, "the URL's path is longer than %zu characters", max);
    }
    snprintf(out, max + 1, "%.*s", (int)len, path);
    for (const char *at = out; *at; at++) {
        if (!is_alnum(*at) && !strchr("/-._~!$&'()*+,;=:@%", *at)) {
            return error_set(err, ERROR_USAGE,
                             "the URL's path \"%s\" has a character that must be percent-encoded",
                             out);
        }
    }
    if (strstr(out, "//") || strstr(out, "/./") || strstr(out, "/../") ||
        (len >= 2 && strcmp(out + len - 2, "/.") == 0) ||
        (len >= 3 && strcmp(out + len - 3, "/..") == 0)) {
        return error_set(err, ERROR_USAGE, "the URL's path \"%s\" has an empty or a dot segment",
                         out);
    }
    if (strstr(out, "/api/v1") || strstr(out, "/api/v2")) {
        return error_set(err, ERROR_USAGE, "give the server's URL without \"%s\"",
                         strstr(out, "/api/v"));
    }
    return true;
}

/* What no address has; said first, because the parts behind would only be misunderstood. */
static bool check_form(const char *url, struct error *err)
{
    size_t authority;
    bool is_https;

    for (const char *at = url; *at; at++) {
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || *at == '\\' || *at == '"') {
            return error_set(err, ERROR_USAGE,
                             "the URL has a space or a character that no URL has");
        }
    }
    if (strchr(url, '@')) { /* not shown: it holds a password */
        return error_set(err, ERROR_USAGE,
                         "the URL holds a user or password; secrets are given apart from it");
    }
    if (strpbrk(url, "?#")) { /* not shown: people put keys there */
        return error_set(err, ERROR_USAGE,
                         "the URL has a query or fragment; give scheme, host, port and path only");
    }
    authority = scheme_length(url, &is_https);
    if (authority == 0) {
        return error_set(err, ERROR_USAGE,
                         strstr(url, "://")
                             ? "\"%.200s\": only http:// and https:// are known"
                             : "\"%.200s\" has no scheme; write http:// or https:// first",
                         url);
    }
    return true;
}

bool http_parse_address(const char *url, struct http_address *out, struct error *err)
{
    char host[HOST_MAX + 1];
    char path[sizeof out->base - sizeof out->origin];
    const char *rest = url;
    unsigned port;
    bool is_https;

    *out = (struct http_address){{0}, {0}};
    if (!check_form(url, err) ||
        !take_host(url + scheme_length(url, &is_https), host, &rest, err) ||
        !take_port(rest, is_https, &port, &rest, err) ||
        !take_path(rest, sizeof path - 1, path, err)) {
        return false;
    }
    snprintf(out->origin, sizeof out->origin, "%s://%s:%u", is_https ? "https" : "http", host,
             port);
    snprintf(out->base, sizeof out->base, "%s%s", out->origin, path);
    return true;
}

bool http_is_loopback(const char *url)
{
    static const char *const here[] = {"localhost", "127.", "[::1]", "[::ffff:127."};
    bool is_https;
    const char *host = url + scheme_length(url, &is_https);
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");

    if (strncmp(host, "127.", 4) == 0) { /* 127.example.org is a name like any other */
        return strspn(host, "0123456789.") == len;
    }
    for (size_t i = 0; i < ARRAY_LEN(here); i++) {
        size_t part = strlen(here[i]);
        bool is_whole = here[i][part - 1] != '.';

        if (strncasecmp(host, here[i], part) == 0 && (!is_whole || len == part)) {
            return true;
        }
    }
    return false;
}

bool http_is_in_clear(const struct http_address *address)
{
    return strncmp(address->origin, "http://", strlen("http://")) == 0 &&
           !http_is_loopback(address->origin);
}
