/*
 * ferry.conf behind the option table: where the file is looked for, and names of endpoints in the place of addresses. A name
 * brings its whole section: what variables say of that side then says nothing, and a flag still wins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/option_parts.h"

#define CONFIG_FILE   "ferry.conf"
#define CONFIG_FOLDER "chroma-ferry"

static const struct {
    const char *name;
    const char *variable;
} roles[] = {
    [SECRET_SOURCE] = {"source", "FERRY_SOURCE"},
    [SECRET_TARGET] = {"target", "FERRY_TARGET"},
};

/* What follows the side's name in a variable, and the setting of a section that it is. */
static const struct {
    const char *suffix;
    enum config_key key;
} settings[] = {
    {"", CONFIG_URL},
    {"_TENANT", CONFIG_TENANT},
    {"_DATABASE", CONFIG_DATABASE},
    {"_HEADER_FILE", CONFIG_HEADER_FILE},
    {"_PROFILE", CONFIG_PROFILE},
    {"_CLOUD", CONFIG_CLOUD},
    {"_AUTH", CONFIG_AUTH},
    {"_TOKEN", CONFIG_TOKEN_ENV},
    {"_TOKEN_FILE", CONFIG_TOKEN_FILE},
    {"_USER", CONFIG_USER},
    {"_PASSWORD", CONFIG_PASSWORD_ENV},
    {"_PASSWORD_FILE", CONFIG_PASSWORD_FILE},
    {"_CA_FILE", CONFIG_CA_FILE},
    {"_CERT_FILE", CONFIG_CERT_FILE},
    {"_KEY_FILE", CONFIG_KEY_FILE},
};

/* The first that is there; "" when none is. False: the name is too long to be anybody's. */
static bool find_file(char *out, size_t size)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    const char *below = "";
    snprintf(out, size, CONFIG_FILE);
    if (access(out, F_OK) == 0) {
        return true;
    }
    if (base == NULL || base[0] != '/') {
        base = getenv("HOME");
        below = "/.config";
    }
    int written =
        snprintf(out, size, "%s%s/" CONFIG_FOLDER "/" CONFIG_FILE, base != NULL ? base : "", below);
    if (base == NULL || base[0] == '\0' || written < 0 || (size_t)written >= size ||
        access(out, F_OK) != 0) {
        out[0] = '\0';
    }
    return out[0] != '\0';
}

void option_read_config(struct option_parser *parser, const char *named)
{
    enum option_origin origin;
    char found[1024];
    const char *path = named;
    if (path == NULL) {
        path = option_find_variable(parser->set, "FERRY_CONFIG", &origin);
    }
    if (path == NULL && find_file(found, sizeof found)) {
        path = found;
    }
    if (path != NULL && !config_read(path, &parser->set->config, parser->err)) {
        parser->problems++;
    }
}

/* No address has the form of a name, which has neither "/" nor ":". */
static bool is_name(const char *text)
{
    return text[0] != '\0' && text[strcspn(text, ":/@?#[] \t")] == '\0';
}

static void refuse_name(struct option_parser *parser, const char *where, const char *name)
{
    const struct config *config = parser->set->config;
    struct buf known;
    buf_init(&known, 512);
    for (size_t i = 0; i < config_endpoint_count(config); i++) {
        buf_printf(&known, "%s%s", i > 0 ? ", " : "", config_endpoint_at(config, i)->name);
    }
    option_report(parser, "%s: %s has no endpoint \"%.40s\"; it has %s", where, config_path(config),
                  name, known.len > 0 ? buf_cstr(&known) : "none");
    buf_deinit(&known);
}

static size_t row_of(const struct option_set *set, const char *name)
{
    size_t i = 0;
    while (i < option_count(set) && strcmp(option_at(set, i)->name, name) != 0) {
        i++;
    }
    return i;
}

void option_choose_endpoints(struct option_parser *parser)
{
    struct option_set *set = parser->set;
    for (size_t i = 0; set->config != NULL && i < ARRAY_LEN(roles); i++) {
        size_t row = row_of(set, roles[i].name);
        bool is_flag = row < option_count(set) && set->values[row].text != NULL;
        enum option_origin origin = OPTION_COMMAND_LINE;
        const char *text =
            is_flag ? set->values[row].text : option_find_variable(set, roles[i].variable, &origin);
        char where[32];
        if (text == NULL || !is_name(text)) {
            continue;
        }
        snprintf(where, sizeof where, "%s%s", is_flag ? "--" : "",
                 is_flag ? roles[i].name : roles[i].variable);
        set->sections[i] = config_endpoint_named(set->config, text);
        if (set->sections[i] == NULL) {
            refuse_name(parser, where, text);
            if (row < option_count(set)) {
                set->values[row].is_refused = true;
            }
        } else if (row < option_count(set)) {
            set->values[row].named_by = origin;
        }
    }
}

bool option_endpoint_variable(size_t at, struct option_endpoint_variable *out)
{
    size_t setting = at % ARRAY_LEN(settings);
    out->role = at / ARRAY_LEN(settings);
    if (out->role >= ARRAY_LEN(roles)) {
        return false;
    }
    out->key = settings[setting].key;
    snprintf(out->name, sizeof out->name, "%s%s", roles[out->role].variable,
             settings[setting].suffix);
    return true;
}

bool option_find_endpoint_variable(const char *name, struct option_endpoint_variable *out)
{
    size_t at = 0;
    while (option_endpoint_variable(at, out) && strcmp(out->name, name) != 0) {
        at++;
    }
    return out->role < ARRAY_LEN(roles);
}

const struct config_value *option_from_endpoint(const struct option_set *set, size_t index)
{
    const struct option_row *row = option_at(set, index);
    bool is_given = set->values[index].text != NULL;
    struct option_endpoint_variable variable;
    for (size_t i = 0; is_given && i < ARRAY_LEN(roles); i++) {
        if (strcmp(row->name, roles[i].name) == 0 && set->sections[i] != NULL) {
            return &set->sections[i]->values[CONFIG_URL]; /* what is given is its name */
        }
    }
    return !is_given && row->env != NULL && option_find_endpoint_variable(row->env, &variable) &&
                   set->sections[variable.role] != NULL
               ? &set->sections[variable.role]->values[variable.key]
               : NULL;
}

const char *option_server(const struct option_set *set, const char *role)
{
    enum option_origin origin;
    size_t row = row_of(set, role);
    if (row < option_count(set) && set->values[row].text != NULL) {
        return set->values[row].text;
    }
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(roles[i].name, role) != 0) {
            continue;
        }
        if (set->sections[i] != NULL) {
            return set->sections[i]->values[CONFIG_URL].text;
        }
        const char *text = option_find_variable(set, roles[i].variable, &origin);
        const char *chroma = set->chroma_servers[i];
        return text != NULL ? text : chroma[0] != '\0' ? chroma : NULL;
    }
    return NULL;
}

const char *option_config_path(const struct option_set *set)
{
    return set->config != NULL ? config_path(set->config) : NULL;
}

bool option_each_endpoint_setting(const struct option_set *set, option_setting_fn *fn, void *ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        for (size_t key = 0; set->sections[i] != NULL && key < CONFIG_KEYS; key++) {
            const struct config_value *value = &set->sections[i]->values[key];
            char name[48];
            snprintf(name, sizeof name, "%s %s", roles[i].name, config_key_names[key]);
            if (value->text != NULL && !fn(ctx, name, value->text, value->where)) {
                return false;
            }
        }
    }
    return true;
}

bool option_each_property(const struct option_set *set, option_property_fn *fn, void *ctx,
                          struct error *err)
{
    for (size_t i = 0; i < config_property_count(set->config); i++) {
        const struct config_value *value;
        const char *name = config_property_at(set->config, i, &value);
        if (!fn(ctx, value->where, name, value->text, err)) {
            return false;
        }
    }
    return true;
}
