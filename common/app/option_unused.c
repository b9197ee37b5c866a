/*
 * Variables that are set and say nothing, because they are about another server than the one that is asked. What a role's
 * variables hold for the address beside them goes to that address: not to the one of a flag, when that is another server's.
 */
#include <string.h>

#include "app/option_parts.h"
#include "app/secret_parts.h"

static const char *const addresses[] = {
    [SECRET_SOURCE] = "source",
    [SECRET_TARGET] = "target",
};

/* The origin of what FERRY_SOURCE holds: an address, or the name of an endpoint. */
static bool find_origin(const struct option_set *set, const char *text, char out[ORIGIN_SIZE])
{
    const struct config_endpoint *section =
        set->config != NULL ? config_endpoint_named(set->config, text) : NULL;
    return secret_parse_origin(section != NULL ? section->values[CONFIG_URL].text : text, out);
}

void option_note_elsewhere(struct option_set *set)
{
    struct option_endpoint_variable variable;
    for (size_t at = 0; option_endpoint_variable(at, &variable); at++) {
        enum option_origin origin;
        char flag_s[ORIGIN_SIZE];
        char own[ORIGIN_SIZE];
        const char *flag = NULL;
        for (size_t i = 0; variable.key == CONFIG_URL && i < option_count(set); i++) {
            if (strcmp(option_at(set, i)->name, addresses[variable.role]) == 0) {
                flag = set->values[i].text; /* only flags are there as yet */
            }
        }
        if (flag == NULL || set->sections[variable.role] != NULL) {
            continue;
        }
        const char *text = option_find_variable(set, variable.name, &origin);
        set->is_elsewhere[variable.role] =
            text != NULL && (!secret_parse_origin(flag, flag_s) || !find_origin(set, text, own) ||
                             strcmp(flag_s, own) != 0);
    }
}

/* The rest is no secret, and no way to one. */
static bool is_bound(enum config_key key)
{
    return key != CONFIG_URL && key != CONFIG_TENANT && key != CONFIG_DATABASE &&
           key != CONFIG_PROFILE;
}

bool option_is_elsewhere(const struct option_set *set, const char *name)
{
    struct option_endpoint_variable variable;
    return option_find_endpoint_variable(name, &variable) && is_bound(variable.key) &&
           set->is_elsewhere[variable.role];
}

const char *option_unused_variable(const struct option_set *set, size_t *at, const char **why)
{
    static struct option_endpoint_variable variable;
    while (option_endpoint_variable((*at)++, &variable)) {
        enum option_origin origin;
        bool is_named = set->sections[variable.role] != NULL && variable.key != CONFIG_URL;
        if ((is_named || option_is_elsewhere(set, variable.name)) &&
            option_find_variable(set, variable.name, &origin) != NULL) {
            *why = is_named ? "an endpoint is named for that side, and says all of it"
                   : variable.role == SECRET_SOURCE
                       ? "--source is another server than FERRY_SOURCE, which it belongs to"
                       : "--target is another server than FERRY_TARGET, which it belongs to";
            return variable.name;
        }
    }
    return NULL;
}
