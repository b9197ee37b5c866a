/* See chroma_environment.h. An address that is made here is checked by its reader, as one that a person typed. */
#include "app/chroma_environment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/number.h"

#define DEFAULT_HOST "localhost"
#define DEFAULT_PORT "8000"

const char *const chroma_variable_names[CHROMA_VARIABLES] = {
    [CHROMA_HOST] = "CHROMA_HOST",
    [CHROMA_PORT] = "CHROMA_PORT",
    [CHROMA_SSL] = "CHROMA_SSL",
    [CHROMA_CLIENT_TYPE] = "CHROMA_CLIENT_TYPE",
    [CHROMA_API_KEY] = "CHROMA_API_KEY",
    [CHROMA_TENANT] = "CHROMA_TENANT",
    [CHROMA_DATABASE] = "CHROMA_DATABASE",
    [CHROMA_LOWER_API_KEY] = "chroma_cloud_api_key",
    [CHROMA_LOWER_TENANT] = "chroma_cloud_tenant_id",
    [CHROMA_LOWER_DATABASE] = "chroma_cloud_database",
    [CHROMA_ENDPOINT] = "CHROMA_ENDPOINT",
    [CHROMA_AUTH_TOKEN] = "CHROMA_AUTH_TOKEN",
    [CHROMA_AUTH_TOKEN_TRANSPORT_HEADER] = "CHROMA_AUTH_TOKEN_TRANSPORT_HEADER",
    [CHROMA_CUSTOM_AUTH_CREDENTIALS] = "CHROMA_CUSTOM_AUTH_CREDENTIALS",
};

static bool is_set(const char *value)
{
    return value != NULL && value[0] != '\0';
}

/* The upper-case variable, else its lower-case fellow. */
static const char *either(const char *const values[], enum chroma_variable upper,
                          enum chroma_variable lower, enum chroma_variable *from)
{
    *from = is_set(values[upper]) ? upper : is_set(values[lower]) ? lower : CHROMA_VARIABLES;
    return *from == CHROMA_VARIABLES ? NULL : values[*from];
}

static bool read_ssl(const char *text, bool *is_ssl, struct error *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1", "off", "on"};
    *is_ssl = false;
    if (!is_set(text)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *is_ssl = i % 2 == 1;
            return true;
        }
    }
    return error_set(err, ERROR_USAGE, "CHROMA_SSL must be true or false");
}

static bool has_scheme(const char *host)
{
    return strncasecmp(host, "http://", 7) == 0 || strncasecmp(host, "https://", 8) == 0;
}

/* A port of its own, behind the host or the bracket of an IPv6 address. */
static bool has_port(const char *host)
{
    const char *scheme_end = strstr(host, "://");
    const char *at = scheme_end != NULL ? scheme_end + 3 : host;
    if (at[0] == '[') {
        at += strcspn(at, "]");
    }
    at += strcspn(at, ":/");
    return *at == ':';
}

static bool check_port(const char *port, struct error *err)
{
    int64_t number = 0;
    if (!is_set(port) ||
        (number_parse_i64(span_from_str(port), &number) && number > 0 && number <= 65535)) {
        return true;
    }
    return error_set(err, ERROR_USAGE, "CHROMA_PORT must be a number from 1 to 65535");
}

/* Colons of a bare IPv6 address are no ports. */
static bool is_bare_ipv6(const char *host)
{
    const char *colon = strchr(host, ':');
    return !has_scheme(host) && host[0] != '[' && colon != NULL && strchr(colon + 1, ':') != NULL;
}

/* The server of CHROMA_HOST, CHROMA_PORT and CHROMA_SSL, where what is missing is localhost, 8000 and no TLS. A host that
 * is an address with a scheme keeps it, and its scheme's port. */
static bool write_host(const char *const values[], char *out, size_t size, struct error *err)
{
    const char *host = is_set(values[CHROMA_HOST]) ? values[CHROMA_HOST] : DEFAULT_HOST;
    const char *port = values[CHROMA_PORT];
    bool is_ssl = false;
    if (!check_port(port, err) || !read_ssl(values[CHROMA_SSL], &is_ssl, err)) {
        return false;
    }
    if (strchr(host, '@') != NULL) { /* not repeated: it may hold a password */
        return error_set(err, ERROR_USAGE,
                         "CHROMA_HOST holds a user or a password; secrets have "
                         "variables of their own");
    }
    bool is_complete = has_scheme(host);
    bool is_ipv6 = is_bare_ipv6(host);
    size_t name_len = strlen(host);
    while (name_len > 0 && host[name_len - 1] == '/') {
        name_len--;
    }
    bool takes_port = is_ipv6 || !has_port(host);
    if (is_complete && (!is_set(port) || strchr(strstr(host, "://") + 3, '/') != NULL)) {
        takes_port = false; /* the scheme's own, or a path stands in its place */
    }
    int written =
        snprintf(out, size, "%s%s%.*s%s%s%s",
                 is_complete ? ""
                 : is_ssl    ? "https://"
                             : "http://",
                 is_ipv6 ? "[" : "", (int)name_len, host, is_ipv6 ? "]" : "", takes_port ? ":" : "",
                 !takes_port    ? ""
                 : is_set(port) ? port
                                : DEFAULT_PORT);
    if (written < 0 || (size_t)written >= size) {
        return error_set(err, ERROR_USAGE, "CHROMA_HOST is too long for a host name");
    }
    return true;
}

bool chroma_environment_is_cloud(const char *host)
{
    static const char domain[] = ".trychroma.com";
    if (!is_set(host)) {
        return false;
    }
    const char *scheme_end = strstr(host, "://");
    const char *name = scheme_end != NULL ? scheme_end + 3 : host;
    size_t len = strcspn(name, ":/?#");
    len -= len > 0 && name[len - 1] == '.'; /* the root of all names */
    return len >= sizeof(domain) &&
           strncasecmp(name + len - (sizeof(domain) - 1), domain, sizeof(domain) - 1) == 0;
}

static enum chroma_variable host_from(const char *const values[])
{
    return is_set(values[CHROMA_ENDPOINT]) ? CHROMA_ENDPOINT
           : is_set(values[CHROMA_HOST])   ? CHROMA_HOST
           : is_set(values[CHROMA_PORT])   ? CHROMA_PORT
                                           : CHROMA_VARIABLES;
}

/* Of a server of one's own. */
static bool write_endpoint(const char *const values[], char *out, size_t size, struct error *err)
{
    const char *endpoint = values[CHROMA_ENDPOINT];
    if (!has_scheme(endpoint) || strchr(endpoint, '@') != NULL || strlen(endpoint) >= size) {
        return error_set(err, ERROR_USAGE,
                         "CHROMA_ENDPOINT must be an address like https://host:8000, without user "
                         "and password");
    }
    if (is_set(values[CHROMA_HOST])) {
        return error_set(err, ERROR_USAGE,
                         "CHROMA_ENDPOINT and CHROMA_HOST both name a server: unset one");
    }
    snprintf(out, size, "%s", endpoint);
    return true;
}

static bool choose(const char *const values[], struct chroma_environment *out, struct error *err)
{
    const char *type = is_set(values[CHROMA_CLIENT_TYPE]) ? values[CHROMA_CLIENT_TYPE] : "";
    bool has_host = host_from(values) != CHROMA_VARIABLES;
    if (strcasecmp(type, "cloud") == 0) {
        out->rule = CHROMA_RULE_CLOUD;
        snprintf(out->why, sizeof out->why, "CHROMA_CLIENT_TYPE: the target is Chroma Cloud");
    } else if (strcasecmp(type, "http") == 0) {
        out->rule = CHROMA_RULE_HTTP;
        snprintf(out->why, sizeof out->why, "CHROMA_CLIENT_TYPE: the target is the server of %s",
                 !has_host                         ? DEFAULT_HOST ":" DEFAULT_PORT
                 : is_set(values[CHROMA_ENDPOINT]) ? "CHROMA_ENDPOINT"
                                                   : "CHROMA_HOST and CHROMA_PORT");
    } else if (strcasecmp(type, "persistent") == 0 || strcasecmp(type, "ephemeral") == 0) {
        out->rule = CHROMA_RULE_LOCAL;
        snprintf(out->why, sizeof out->why,
                 "CHROMA_CLIENT_TYPE names a Chroma inside another program, not a server: name "
                 "source and target yourself");
    } else if (type[0] != '\0') {
        return error_set(err, ERROR_USAGE,
                         "CHROMA_CLIENT_TYPE must be cloud, http, persistent or ephemeral");
    } else if (chroma_environment_is_cloud(values[CHROMA_ENDPOINT]) ||
               chroma_environment_is_cloud(values[CHROMA_HOST])) {
        out->rule = CHROMA_RULE_CLOUD;
        snprintf(out->why, sizeof out->why, "%s is Chroma Cloud's: it is the target",
                 chroma_environment_is_cloud(values[CHROMA_ENDPOINT]) ? "CHROMA_ENDPOINT"
                                                                      : "CHROMA_HOST");
    } else if (out->key != NULL && out->tenant != NULL) {
        out->rule = CHROMA_RULE_CLOUD;
        snprintf(out->why, sizeof out->why, "%s and %s are set: the target is Chroma Cloud",
                 chroma_variable_names[out->key_from], chroma_variable_names[out->tenant_from]);
    } else if (has_host) {
        out->rule = CHROMA_RULE_HTTP;
        snprintf(out->why, sizeof out->why, "%s is set: the target is that server",
                 chroma_variable_names[host_from(values)]);
    }
    return true;
}

/* The address by which Chroma Cloud is reached: its own, or the one that CHROMA_ENDPOINT gives it. */
static bool write_cloud_address(const char *const values[], struct chroma_environment *out,
                                struct error *err)
{
    const char *endpoint = is_set(values[CHROMA_ENDPOINT]) ? values[CHROMA_ENDPOINT] : NULL;
    const char *host = endpoint != NULL                                   ? endpoint
                       : chroma_environment_is_cloud(values[CHROMA_HOST]) ? values[CHROMA_HOST]
                                                                          : CHROMA_CLOUD_URL;
    int written =
        snprintf(out->target, sizeof out->target, "%s%s", has_scheme(host) ? "" : "https://", host);
    if (written < 0 || (size_t)written >= sizeof out->target || strchr(host, '@') != NULL) {
        return error_set(err, ERROR_USAGE, "%s is not a host name",
                         endpoint != NULL ? "CHROMA_ENDPOINT" : "CHROMA_HOST");
    }
    if (endpoint != NULL && strncasecmp(out->target, "https://", 8) != 0) {
        return error_set(err, ERROR_USAGE,
                         "CHROMA_ENDPOINT is no https:// address, but Chroma Cloud is the target: "
                         "unset it, or name --source and --target");
    }
    return true;
}

/* Where the host is Cloud's own, nothing is said of a source but the default. */
static bool write_cloud(const char *const values[], struct chroma_environment *out,
                        struct error *err)
{
    static const char *const nothing[CHROMA_VARIABLES] = {NULL};
    bool is_host = chroma_environment_is_cloud(values[CHROMA_HOST]);
    if (!write_cloud_address(values, out, err)) {
        return false;
    }
    out->target_from = is_set(values[CHROMA_ENDPOINT])      ? CHROMA_ENDPOINT
                       : is_host                            ? CHROMA_HOST
                       : is_set(values[CHROMA_CLIENT_TYPE]) ? CHROMA_CLIENT_TYPE
                                                            : out->key_from;
    out->source_from = is_host                       ? CHROMA_VARIABLES
                       : is_set(values[CHROMA_HOST]) ? CHROMA_HOST
                       : is_set(values[CHROMA_PORT]) ? CHROMA_PORT
                                                     : CHROMA_VARIABLES;
    return write_host(is_host ? nothing : values, out->source, sizeof out->source, err);
}

bool chroma_environment_read(const char *const values[CHROMA_VARIABLES],
                             struct chroma_environment *out, struct error *err)
{
    *out = (struct chroma_environment){
        .why = "none of them names a server",
        .target_from = CHROMA_VARIABLES,
        .source_from = CHROMA_VARIABLES,
    };
    out->key = either(values, CHROMA_API_KEY, CHROMA_LOWER_API_KEY, &out->key_from);
    out->tenant = either(values, CHROMA_TENANT, CHROMA_LOWER_TENANT, &out->tenant_from);
    out->database = either(values, CHROMA_DATABASE, CHROMA_LOWER_DATABASE, &out->database_from);
    if (!chroma_credentials_read(values, out, err) || !choose(values, out, err)) {
        return false;
    }
    if (out->rule == CHROMA_RULE_HTTP) {
        out->target_from = host_from(values);
        return is_set(values[CHROMA_ENDPOINT])
                   ? write_endpoint(values, out->target, sizeof out->target, err)
                   : write_host(values, out->target, sizeof out->target, err);
    }
    return out->rule != CHROMA_RULE_CLOUD || write_cloud(values, out, err);
}
