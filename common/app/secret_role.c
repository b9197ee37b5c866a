/*
 * The variables of one role, source or target: which secret they hold, and how it is to be sent. Combinations that
 * could mean two things are refused by name.
 */
#include <string.h>

#include "app/environment.h"
#include "app/secret_parts.h"

struct role {
    const char *token;
    const char *token_file;
    const char *auth;
    const char *user;
    const char *password;
    const char *password_file;
};
#define ROLE(name_)                                                                                \
    {                                                                                              \
        name_ "_TOKEN", name_ "_TOKEN_FILE", name_ "_AUTH", name_ "_USER", name_ "_PASSWORD",      \
            name_ "_PASSWORD_FILE"                                                                 \
    }
static const struct role roles[] = {
    [SECRET_SOURCE] = ROLE("FERRY_SOURCE"),
    [SECRET_TARGET] = ROLE("FERRY_TARGET"),
};

static const struct style styles[] = {
    {"x-chroma-token", "token", "X-Chroma-Token: ", false},
    {"token", "token", "X-Chroma-Token: ", false},
    {"bearer", "bearer", "Authorization: Bearer ", false},
    {"basic", "basic", "Authorization: Basic ", true},
    {"none", "none", NULL, false},
};
#define STYLE_BASIC (&styles[3])
const struct style *const secret_default_style = &styles[0];

static bool find_style(const struct option_set *options, const char *variable,
                       const struct style **out, struct error *err)
{
    const char *name = option_environment(options, variable);
    *out = &styles[0];
    if (name == NULL) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(styles); i++) {
        if (strcmp(name, styles[i].name) == 0) {
            *out = &styles[i];
            return true;
        }
    }
    return error_set(err, ERROR_USAGE, "%s must be none, x-chroma-token, bearer or basic",
                     variable);
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
static bool take_secret(const struct option_set *options, const char *variable,
                        const char *file_variable, struct secret *secret, struct error *err)
{
    const char *text = option_environment(options, variable);
    const char *path = option_environment(options, file_variable);
    if (text != NULL && path != NULL) {
        return error_set(err, ERROR_USAGE, "%s and %s are both set: unset one", variable,
                         file_variable);
    }
    if (text == NULL && path == NULL) {
        return false;
    }
    secret->where = text != NULL ? variable : file_variable;
    if (text != NULL) {
        buf_append_str(&secret->text, text);
        return true;
    }
    return load_file(file_variable, path, &secret->text, err);
}

/* user:password, for Basic only. */
static bool find_login(const struct option_set *options, const struct role *role, const char *user,
                       struct secret *secret, struct error *err)
{
    const char *auth = option_environment(options, role->auth);
    if (auth != NULL && !secret->style->is_basic) {
        return error_set(err, ERROR_USAGE, "%s is set, but %s is not basic: change one", role->user,
                         role->auth);
    }
    if (strchr(user, ':') != NULL) {
        return error_set(err, ERROR_USAGE, "%s holds a colon: no user name has one", role->user);
    }
    buf_append_str(&secret->text, user);
    buf_append_byte(&secret->text, ':');
    if (!take_secret(options, role->password, role->password_file, secret, err)) {
        return error_set(err, ERROR_USAGE, "%s is set without %s or %s", role->user, role->password,
                         role->password_file);
    }
    secret->style = STYLE_BASIC;
    return true;
}

bool secret_find_role(const struct option_set *options, enum secret_role of, struct secret *secret,
                      struct error *err)
{
    const struct role *role = &roles[of];
    const char *user = option_environment(options, role->user);
    bool has_password = option_environment(options, role->password) != NULL ||
                        option_environment(options, role->password_file) != NULL;
    bool has_token = option_environment(options, role->token) != NULL ||
                     option_environment(options, role->token_file) != NULL;
    const char *auth = option_environment(options, role->auth);
    if (auth != NULL && strcmp(auth, "none") == 0) {
        return find_style(options, role->auth, &secret->style, err);
    }
    if (user == NULL && has_password) {
        return error_set(err, ERROR_USAGE, "%s is set without %s", role->password, role->user);
    }
    if (user != NULL && has_token) {
        return error_set(err, ERROR_USAGE, "%s and %s are both set: unset one", role->token,
                         role->user);
    }
    if (user == NULL && !has_token) {
        return true;
    }
    return find_style(options, role->auth, &secret->style, err) &&
           (user != NULL ? find_login(options, role, user, secret, err)
                         : take_secret(options, role->token, role->token_file, secret, err));
}
