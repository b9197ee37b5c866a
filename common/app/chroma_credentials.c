/* The credentials of a Chroma of one's own, by the variables of its clients; see chroma_environment.h. */
#include <string.h>
#include <strings.h>

#include "app/chroma_environment.h"

static bool is_set(const char *value)
{
    return value != NULL && value[0] != '\0';
}

/* Versions write X-Chroma-Token or X_CHROMA_TOKEN, Authorization or AUTHORIZATION. */
static bool is_header(const char *text, const char *name)
{
    for (; *text != '\0' && *name != '\0'; text++, name++) {
        char a[2] = {(char)(*text == '_' ? '-' : *text), '\0'};
        char b[2] = {*name, '\0'};
        if (strcasecmp(a, b) != 0) {
            return false;
        }
    }
    return *text == *name;
}

static bool read_header(const char *text, enum chroma_credentials *out, struct error *err)
{
    if (is_header(text, "Authorization")) {
        *out = CHROMA_CREDENTIALS_BEARER;
        return true;
    }
    if (is_header(text, "X-Chroma-Token")) {
        *out = CHROMA_CREDENTIALS_X_CHROMA_TOKEN;
        return true;
    }
    return error_set(err, ERROR_USAGE,
                     "CHROMA_AUTH_TOKEN_TRANSPORT_HEADER must be Authorization or X-Chroma-Token");
}

/* A token in the header that is named, else as bearer; of the other variable, what reads user:password is for Basic. */
bool chroma_credentials_read(const char *const values[CHROMA_VARIABLES],
                             struct chroma_environment *out, struct error *err)
{
    const char *token = values[CHROMA_AUTH_TOKEN];
    const char *custom = values[CHROMA_CUSTOM_AUTH_CREDENTIALS];
    const char *header = values[CHROMA_AUTH_TOKEN_TRANSPORT_HEADER];
    out->credentials_from = CHROMA_VARIABLES;
    out->credentials_style = CHROMA_CREDENTIALS_BEARER;
    if (is_set(header) && !read_header(header, &out->credentials_style, err)) {
        return false;
    }
    if (is_set(token) && is_set(custom) && strcmp(token, custom) != 0) {
        return error_set(err, ERROR_USAGE,
                         "CHROMA_AUTH_TOKEN and CHROMA_CUSTOM_AUTH_CREDENTIALS are both set and "
                         "differ: unset one");
    }
    if (is_set(token)) {
        out->credentials = token;
        out->credentials_from = CHROMA_AUTH_TOKEN;
    } else if (is_set(custom)) {
        out->credentials = custom;
        out->credentials_from = CHROMA_CUSTOM_AUTH_CREDENTIALS;
        if (!is_set(header) && strchr(custom, ':') != NULL) {
            out->credentials_style = CHROMA_CREDENTIALS_BASIC;
        }
    }
    return true;
}

const char *chroma_environment_own(const struct chroma_environment *environment)
{
    return environment->rule == CHROMA_RULE_CLOUD ? environment->source : environment->target;
}
