/*
 * What is set for one server, by its role's variables or its section of ferry.conf: which secret, and how it is to be sent.
 * Combinations that could mean two things are refused by name.
 */
#include <string.h>

#include "app/environment.h"
#include "app/secret_parts.h"

static const struct style styles[] = {
    {"x-chroma-token", "X-Chroma-Token: ", false},
    {"bearer", "Authorization: Bearer ", false},
    {"basic", "Authorization: Basic ", true},
    {"none", NULL, false},
};
#define STYLE_BASIC (&styles[2])
const struct style *const secret_default_style = &styles[0];

const struct style *secret_style_of(enum chroma_credentials credentials)
{
    switch (credentials) {
    case CHROMA_CREDENTIALS_X_CHROMA_TOKEN:
        break;
    case CHROMA_CREDENTIALS_BEARER:
        return &styles[1];
    case CHROMA_CREDENTIALS_BASIC:
        return STYLE_BASIC;
    }
    return secret_default_style;
}

/* What is said of it: for a token of Chroma's own variables too. Nothing said leaves the default. */
static bool find_style(const struct endpoint *from, struct secret *secret, struct error *err)
{
    const char *name = endpoint_value(from, ENDPOINT_AUTH);
    if (name == NULL) {
        return true;
    }
    secret->style_where = endpoint_where(from, ENDPOINT_AUTH);
    if (strcmp(name, "token") == 0) { /* a short name of the default */
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(styles); i++) {
        if (strcmp(name, styles[i].name) == 0) {
            secret->style = &styles[i];
            return true;
        }
    }
    return error_set(err, ERROR_USAGE, "%s must be none, x-chroma-token, bearer or basic",
                     secret->style_where);
}

/* Appends the file without line ends at its end. */
static bool load_file(const char *variable, const char *path, struct buf *out, struct error *err)
{
    bool exists = false;
    size_t start = out->len;
    if (!environment_load(path, out, &exists, err)) {
        return error_wrap(err, "%s", variable);
    }
    if (!exists) {
        return error_set(err, ERROR_USAGE, "%s: there is no file %s", variable, path);
    }
    while (out->len > start && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r')) {
        out->len--;
    }
    if (out->len == start) {
        return error_set(err, ERROR_USAGE, "%s: %s is empty", variable, path);
    }
    return true;
}

/* One secret from a variable or from a file, appended. False with err empty: neither is set. */
static bool take_secret(const struct endpoint *from, enum endpoint_setting setting,
                        enum endpoint_setting file, struct secret *secret, struct error *err)
{
    const char *text = endpoint_value(from, setting);
    const char *path = endpoint_value(from, file);
    if (text != NULL && path != NULL) {
        return error_set(err, ERROR_USAGE, "%s and %s are both set: unset one",
                         endpoint_where(from, setting), endpoint_where(from, file));
    }
    if (text == NULL && path == NULL) {
        return false;
    }
    secret->where = endpoint_where(from, text != NULL ? setting : file);
    if (text != NULL) {
        buf_append_str(&secret->text, text);
        return true;
    }
    return load_file(secret->where, path, &secret->text, err);
}

/* user:password, for Basic only. */
static bool find_login(const struct endpoint *from, const char *user, struct secret *secret,
                       struct error *err)
{
    const char *where = endpoint_where(from, ENDPOINT_USER);
    if (secret->style_where != NULL && !secret->style->is_basic) {
        return error_set(err, ERROR_USAGE, "%s is set, but %s is not basic: change one", where,
                         secret->style_where);
    }
    if (strchr(user, ':') != NULL) {
        return error_set(err, ERROR_USAGE, "%s holds a colon: no user name has one", where);
    }
    buf_append_str(&secret->text, user);
    buf_append_byte(&secret->text, ':');
    if (!take_secret(from, ENDPOINT_PASSWORD, ENDPOINT_PASSWORD_FILE, secret, err)) {
        return error_set(err, ERROR_USAGE, "%s is set without %s or %s", where,
                         endpoint_where(from, ENDPOINT_PASSWORD),
                         endpoint_where(from, ENDPOINT_PASSWORD_FILE));
    }
    secret->style = STYLE_BASIC;
    secret->user_where = where;
    return true;
}

bool secret_find_role(const struct endpoint *from, struct secret *secret, struct error *err)
{
    const char *user = endpoint_value(from, ENDPOINT_USER);
    const char *password = endpoint_value(from, ENDPOINT_PASSWORD);
    bool has_token = endpoint_value(from, ENDPOINT_TOKEN) != NULL ||
                     endpoint_value(from, ENDPOINT_TOKEN_FILE) != NULL;
    if (!find_style(from, secret, err)) {
        return false;
    }
    if (secret->style->header == NULL) {
        return true;
    }
    if (!endpoint_check(from, err)) {
        return false;
    }
    if (user == NULL &&
        (password != NULL || endpoint_value(from, ENDPOINT_PASSWORD_FILE) != NULL)) {
        return error_set(err, ERROR_USAGE, "%s is set without %s",
                         endpoint_where(from, ENDPOINT_PASSWORD),
                         endpoint_where(from, ENDPOINT_USER));
    }
    if (user != NULL && has_token) {
        return error_set(err, ERROR_USAGE, "%s and %s are both set: unset one",
                         endpoint_where(from, ENDPOINT_TOKEN), endpoint_where(from, ENDPOINT_USER));
    }
    if (user == NULL && !has_token) {
        return true;
    }
    return user != NULL ? find_login(from, user, secret, err)
                        : take_secret(from, ENDPOINT_TOKEN, ENDPOINT_TOKEN_FILE, secret, err);
}
