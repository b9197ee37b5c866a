/* What may stand in ferry.conf: names, values, and nothing that is a secret itself. */
#include <string.h>

#include "app/config_parts.h"
#include "base/compiler.h"

bool config_is_secret_word(const char *key)
{
    static const char *const words[] = {"token",   "password",   "api_key", "key",
                                        "api-key", "credential", "secret",  "credentials"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(key, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_variable_name(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return strchr(letters, text[0]) != NULL && text[strspn(text, all)] == '\0';
}

const char *config_value_problem(enum config_key key, const char *text)
{
    if (text[0] == '\0') {
        return "the value is empty";
    }
    if (strstr(text, " #") != NULL || strstr(text, "\t#") != NULL) {
        return "# begins no comment behind a value: give the comment a line of its own";
    }
    if ((key == CONFIG_TOKEN_ENV || key == CONFIG_PASSWORD_ENV) && !is_variable_name(text)) {
        return "expected the name of an environment variable, which holds the secret";
    }
    return NULL;
}

bool config_is_secret_property(const char *name)
{
    static const char *const words[] = {"password", "passwd", "secret", ".pem",
                                        "jaas",     "token",  "cred",   "oauthbearer.config"};
    static const char *const places[] = {".location", ".url", ".method", ".id"};
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        size_t tail = strlen(places[i]);
        if (len > tail && strcmp(name + len - tail, places[i]) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasestr(name, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

bool config_is_endpoint_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";
    size_t len = strspn(name, letters);
    return len > 0 && name[len] == '\0' && len < sizeof((struct config_endpoint *)NULL)->name;
}
