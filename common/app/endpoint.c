/* See endpoint.h. */
#include "app/endpoint.h"

#include <ctype.h>
#include <string.h>

#include "app/option_parts.h"

#define NAMES(role_)                                                                               \
    {                                                                                              \
        [ENDPOINT_AUTH] = role_ "_AUTH", [ENDPOINT_TOKEN] = role_ "_TOKEN",                        \
        [ENDPOINT_TOKEN_FILE] = role_ "_TOKEN_FILE", [ENDPOINT_USER] = role_ "_USER",              \
        [ENDPOINT_PASSWORD] = role_ "_PASSWORD",                                                   \
        [ENDPOINT_PASSWORD_FILE] = role_ "_PASSWORD_FILE", [ENDPOINT_CA_FILE] = role_ "_CA_FILE",  \
        [ENDPOINT_CERT_FILE] = role_ "_CERT_FILE", [ENDPOINT_KEY_FILE] = role_ "_KEY_FILE",        \
        [ENDPOINT_HEADER_FILE] = role_ "_HEADER_FILE"                                              \
    }
static const char *const variables[][ENDPOINT_SETTINGS] = {
    [SECRET_SOURCE] = NAMES("FERRY_SOURCE"),
    [SECRET_TARGET] = NAMES("FERRY_TARGET"),
};

static const enum config_key keys[ENDPOINT_SETTINGS] = {
    [ENDPOINT_AUTH] = CONFIG_AUTH,
    [ENDPOINT_TOKEN] = CONFIG_TOKEN_ENV,
    [ENDPOINT_TOKEN_FILE] = CONFIG_TOKEN_FILE,
    [ENDPOINT_USER] = CONFIG_USER,
    [ENDPOINT_PASSWORD] = CONFIG_PASSWORD_ENV,
    [ENDPOINT_PASSWORD_FILE] = CONFIG_PASSWORD_FILE,
    [ENDPOINT_CA_FILE] = CONFIG_CA_FILE,
    [ENDPOINT_CERT_FILE] = CONFIG_CERT_FILE,
    [ENDPOINT_KEY_FILE] = CONFIG_KEY_FILE,
    [ENDPOINT_HEADER_FILE] = CONFIG_HEADER_FILE,
};

static bool is_variable(enum endpoint_setting setting)
{
    return setting == ENDPOINT_TOKEN || setting == ENDPOINT_PASSWORD;
}

/* What is not said on either side is no difference. */
static bool agree(const char *said, const char *wanted)
{
    return said == NULL || wanted == NULL || strcmp(said, wanted) == 0;
}

static bool fits(const struct config_endpoint *section, const struct secret_request *request)
{
    return agree(section->values[CONFIG_TENANT].text, request->tenant) &&
           agree(section->values[CONFIG_DATABASE].text, request->database);
}

/* How much of the place it names: the one that says more is meant. */
static int places(const struct config_endpoint *section)
{
    return (section->values[CONFIG_TENANT].text != NULL) +
           (section->values[CONFIG_DATABASE].text != NULL);
}

static bool find_section(const struct option_set *options, const struct secret_request *request,
                         const struct config_endpoint **out, struct error *err)
{
    const struct config *config = options->config;
    const struct config_endpoint *found = NULL;
    const struct config_endpoint *other = NULL;
    for (size_t i = 0; i < config_endpoint_count(config); i++) {
        const struct config_endpoint *section = config_endpoint_at(config, i);
        if (strcmp(section->origin, request->origin) != 0 || !fits(section, request)) {
            continue;
        }
        if (found == NULL || places(section) > places(found)) {
            found = section;
            other = NULL;
        } else if (places(section) == places(found)) {
            other = section;
        }
    }
    if (other != NULL && request->tenant != NULL) {
        const char *role = request->role == SECRET_SOURCE ? "source" : "target";
        return error_set(err, ERROR_USAGE,
                         "%s: endpoints %s and %s are both at %s: say which is meant, with --%s "
                         "NAME or FERRY_%s=NAME",
                         config_path(config), found->name, other->name, request->origin, role,
                         request->role == SECRET_SOURCE ? "SOURCE" : "TARGET");
    }
    *out = found;
    return true;
}

static bool has_variables(const struct endpoint *endpoint)
{
    for (size_t i = 0; i < ENDPOINT_SETTINGS; i++) {
        if (option_environment(endpoint->options, variables[endpoint->role][i]) != NULL) {
            return true;
        }
    }
    return false;
}

bool endpoint_choose(const struct option_set *options, const struct secret_request *request,
                     struct endpoint *out, struct error *err)
{
    const struct config_endpoint *named = options->sections[request->role];
    bool is_expected =
        request->expected_origin != NULL && strcmp(request->origin, request->expected_origin) == 0;
    bool is_elsewhere = options->is_elsewhere[request->role];
    *out = (struct endpoint){.options = options, .role = request->role};
    if (is_expected && named != NULL && fits(named, request)) {
        out->section = named;
        return true;
    }
    if (is_expected && named == NULL && !is_elsewhere && has_variables(out)) {
        return true;
    }
    if (!find_section(options, request, &out->section, err)) {
        return false;
    }
    if (out->section == NULL && is_expected) {
        out->section = named;
    }
    out->is_none = out->section == NULL && (!is_expected || is_elsewhere);
    return true;
}

const char *endpoint_value(const struct endpoint *endpoint, enum endpoint_setting setting)
{
    if (endpoint->is_none) {
        return NULL;
    }
    if (endpoint->section == NULL) {
        return option_environment(endpoint->options, variables[endpoint->role][setting]);
    }
    const char *text = endpoint->section->values[keys[setting]].text;
    return text != NULL && is_variable(setting) ? option_environment(endpoint->options, text)
                                                : text;
}

const char *endpoint_where(const struct endpoint *endpoint, enum endpoint_setting setting)
{
    if (endpoint->section == NULL) {
        return variables[endpoint->role][setting];
    }
    const struct config_value *value = &endpoint->section->values[keys[setting]];
    return value->where != NULL ? value->where : config_key_names[keys[setting]];
}

/* A token that was put there by mistake is hardly ever all capitals. */
static bool may_be_shown(const char *name)
{
    while (isupper((unsigned char)*name) || isdigit((unsigned char)*name) || *name == '_') {
        name++;
    }
    return *name == '\0';
}

bool endpoint_check(const struct endpoint *endpoint, struct error *err)
{
    static const enum endpoint_setting named[] = {ENDPOINT_TOKEN, ENDPOINT_PASSWORD};
    for (size_t i = 0; endpoint->section != NULL && i < ARRAY_LEN(named); i++) {
        const struct config_value *value = &endpoint->section->values[keys[named[i]]];
        if (value->text != NULL && endpoint_value(endpoint, named[i]) == NULL) {
            return error_set(err, ERROR_USAGE, "%s: the variable %s is not set", value->where,
                             may_be_shown(value->text) ? value->text : "that it names");
        }
    }
    return true;
}
