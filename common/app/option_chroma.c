/*
 * Chroma's own variables for options that nothing else sets; the rules are chroma_environment.c's. A tenant and a database
 * belong to the server that is named beside them: for a target of another origin they say nothing.
 */
#include <stdio.h>
#include <string.h>

#include "app/chroma_environment.h"
#include "app/option_parts.h"
#include "app/secret_parts.h"

void option_chroma_values(const struct option_set *set, const char *values[])
{
    for (size_t i = 0; i < CHROMA_VARIABLES; i++) {
        values[i] = option_environment(set, chroma_variable_names[i]);
    }
}

void option_note_chroma_servers(struct option_set *set)
{
    const char *values[CHROMA_VARIABLES];
    struct chroma_environment chroma;
    struct error ignored = {0};
    option_chroma_values(set, values);
    if (chroma_environment_read(values, &chroma, &ignored)) {
        snprintf(set->chroma_servers[SECRET_SOURCE], sizeof *set->chroma_servers, "%s",
                 chroma.source);
        snprintf(set->chroma_servers[SECRET_TARGET], sizeof *set->chroma_servers, "%s",
                 chroma.target);
    }
}

static const char *target_of(const struct option_set *set)
{
    for (size_t i = 0; i < option_count(set); i++) {
        if (strcmp(option_at(set, i)->name, "target") == 0) {
            return set->values[i].text;
        }
    }
    return NULL;
}

static bool describes_target(const struct option_set *set, const struct chroma_environment *chroma)
{
    char given[ORIGIN_SIZE];
    char described[ORIGIN_SIZE];
    const char *target = target_of(set);
    if (target == NULL || chroma->rule == CHROMA_RULE_LOCAL) {
        return false;
    }
    return chroma->rule == CHROMA_RULE_NONE ||
           (secret_parse_origin(target, given) && secret_parse_origin(chroma->target, described) &&
            strcmp(given, described) == 0);
}

/* Is another target given than the one these variables name? Then they say nothing of a source beside it. The target's
 * row may not be settled yet. */
static bool has_other_target(const struct option_set *set, const struct chroma_environment *chroma)
{
    enum option_origin origin;
    char given[ORIGIN_SIZE];
    char described[ORIGIN_SIZE];
    const char *target = target_of(set);
    target = target != NULL ? target : option_find_variable(set, "FERRY_TARGET", &origin);
    return target != NULL &&
           (!secret_parse_origin(target, given) ||
            !secret_parse_origin(chroma->target, described) || strcmp(given, described) != 0);
}

static const char *choose(const struct option_set *set, const char *env,
                          const struct chroma_environment *chroma, enum chroma_variable *from)
{
    *from = CHROMA_VARIABLES;
    if (strcmp(env, "FERRY_TARGET") == 0 && chroma->target[0] != '\0') {
        *from = chroma->target_from;
        return chroma->target;
    }
    if (strcmp(env, "FERRY_SOURCE") == 0 && chroma->source[0] != '\0' &&
        !has_other_target(set, chroma)) {
        *from = chroma->source_from;
        return chroma->source;
    }
    if (strcmp(env, "FERRY_TARGET_TENANT") == 0 && describes_target(set, chroma)) {
        *from = chroma->tenant_from;
        return chroma->tenant;
    }
    if (strcmp(env, "FERRY_TARGET_CLOUD") == 0 && chroma->rule == CHROMA_RULE_CLOUD &&
        describes_target(set, chroma)) {
        *from = chroma->target_from;
        return "true";
    }
    if (strcmp(env, "FERRY_TARGET_DATABASE") == 0 && describes_target(set, chroma)) {
        *from = chroma->database_from;
        return chroma->database;
    }
    return NULL;
}

const char *option_from_chroma(struct option_parser *parser, const struct option_row *row,
                               const char **variable, enum option_origin *origin)
{
    static const char *const known[] = {"FERRY_SOURCE", "FERRY_TARGET", "FERRY_TARGET_TENANT",
                                        "FERRY_TARGET_DATABASE", "FERRY_TARGET_CLOUD"};
    const char *values[CHROMA_VARIABLES];
    struct chroma_environment *chroma = &parser->chroma;
    bool is_known = false;
    *origin = OPTION_DEFAULT;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        is_known = is_known || strcmp(row->env, known[i]) == 0;
    }
    if (!is_known || parser->set->environment == NULL) {
        return NULL;
    }
    option_chroma_values(parser->set, values);
    struct error why = {0};
    if (!chroma_environment_read(values, chroma, &why)) {
        bool matters = strcmp(row->env, "FERRY_TARGET_CLOUD") != 0; /* its target's row says it */
        if (matters && !parser->is_chroma_refused) {
            option_report(parser, "%s", why.message);
        }
        parser->is_chroma_refused = parser->is_chroma_refused || matters;
        return NULL;
    }
    enum chroma_variable from;
    const char *text = choose(parser->set, row->env, chroma, &from);
    if (text != NULL && from != CHROMA_VARIABLES) {
        *variable = chroma_variable_names[from];
        (void)option_find_variable(parser->set, *variable, origin);
    }
    return text;
}

/* A tenant of the upper-case name is common for servers of one's own. */
void option_chroma_hint(const struct option_parser *parser, const struct option_row *row, char *out,
                        size_t size)
{
    const struct chroma_environment *chroma = &parser->chroma;
    bool is_asked = strcmp(row->name, "target") == 0 || strcmp(row->name, "source") == 0;
    out[0] = '\0';
    if (!is_asked || chroma->rule != CHROMA_RULE_NONE || has_other_target(parser->set, chroma)) {
        return;
    }
    if (chroma->key != NULL && chroma->tenant == NULL) {
        snprintf(out, size,
                 "; %s is set, but no tenant: with CHROMA_TENANT or chroma_cloud_tenant_id beside "
                 "it, or CHROMA_CLIENT_TYPE=cloud, the target is Chroma Cloud",
                 chroma_variable_names[chroma->key_from]);
    } else if (chroma->key == NULL && chroma->tenant_from == CHROMA_LOWER_TENANT) {
        snprintf(out, size,
                 "; %s is set, but no key: with chroma_cloud_api_key or CHROMA_API_KEY beside it "
                 "the target is Chroma Cloud",
                 chroma_variable_names[chroma->tenant_from]);
    }
}
