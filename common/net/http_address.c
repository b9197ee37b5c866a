/*
 * The address of a server as a person types it, checked by hand like the origin in it (base/origin.h): nothing is guessed,
 * decoded or quietly dropped.
 * A refused address is shown in messages only when it cannot hold a password.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/origin.h"
#include "net/http.h"

/* Letters are ASCII letters here, whatever the locale. */
static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
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
    authority = origin_scheme(url, &is_https);
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
    char path[sizeof out->base - sizeof out->origin];
    char origin[ORIGIN_SIZE];
    const char *rest;

    _Static_assert(sizeof out->origin == ORIGIN_SIZE, "it is one");
    *out = (struct http_address){{0}, {0}};
    if (!check_form(url, err) || !origin_parse(url, origin, &rest, err) ||
        !take_path(rest, sizeof path - 1, path, err)) {
        return false;
    }
    snprintf(out->origin, sizeof out->origin, "%s", origin);
    snprintf(out->base, sizeof out->base, "%s%s", out->origin, path);
    return true;
}

bool http_is_loopback(const char *url)
{
    static const char *const here[] = {"localhost", "127.", "[::1]", "[::ffff:127."};
    bool is_https;
    const char *host = url + origin_scheme(url, &is_https);
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
