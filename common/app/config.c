/* ferry.conf as it was read, and finding things in it; see config.h. */
#include <stdlib.h>
#include <string.h>

#include "app/config_parts.h"
#include "app/environment.h"
#include "base/limits.h"

const char *const config_key_names[CONFIG_KEYS] = {
    [CONFIG_URL] = "url",
    [CONFIG_TENANT] = "tenant",
    [CONFIG_DATABASE] = "database",
    [CONFIG_AUTH] = "auth",
    [CONFIG_TOKEN_FILE] = "token_file",
    [CONFIG_TOKEN_ENV] = "token_env",
    [CONFIG_USER] = "user",
    [CONFIG_PASSWORD_FILE] = "password_file",
    [CONFIG_PASSWORD_ENV] = "password_env",
    [CONFIG_CA_FILE] = "ca_file",
    [CONFIG_CERT_FILE] = "cert_file",
    [CONFIG_KEY_FILE] = "key_file",
    [CONFIG_HEADER_FILE] = "header_file",
    [CONFIG_PROFILE] = "profile",
    [CONFIG_CLOUD] = "cloud",
};

bool config_read(const char *path, struct config **out, struct error *err)
{
    struct buf text;
    bool exists = false;
    struct config *config = calloc(1, sizeof *config);
    buf_init(&text, LIMIT_ENV_FILE);
    if (config == NULL || (config->path = strdup(path)) == NULL ||
        buf_reserve(&text, LIMIT_ENV_FILE) == NULL) {
        error_set(err, ERROR_NOMEM, "no memory for %s", path);
        goto failed;
    }
    const char *slash = strrchr(path, '/');
    config->folder_len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (!environment_load(path, &text, &exists, err)) {
        goto failed;
    }
    if (!exists) {
        error_set(err, ERROR_USAGE, "there is no file %s", path);
        goto failed;
    }
    if (!config_parse(config, buf_span(&text), err)) {
        goto failed;
    }
    explicit_bzero(text.ptr, text.cap); /* someone may have put a secret into it */
    buf_deinit(&text);
    *out = config;
    return true;
failed:
    if (text.ptr != NULL) {
        explicit_bzero(text.ptr, text.cap);
    }
    buf_deinit(&text);
    config_free(config);
    return false;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        for (size_t key = 0; key < CONFIG_KEYS; key++) {
            free(config->endpoints[i].values[key].text);
            free(config->endpoints[i].values[key].where);
        }
    }
    for (size_t i = 0; i < config->property_count; i++) {
        free(config->properties[i].name);
        free(config->properties[i].value.text);
        free(config->properties[i].value.where);
    }
    free(config->endpoints);
    free(config->properties);
    free(config->path);
    free(config);
}

const char *config_path(const struct config *config)
{
    return config->path;
}

size_t config_endpoint_count(const struct config *config)
{
    return config != NULL ? config->endpoint_count : 0;
}

const struct config_endpoint *config_endpoint_at(const struct config *config, size_t index)
{
    return &config->endpoints[index];
}

const struct config_endpoint *config_endpoint_named(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config_endpoint_count(config); i++) {
        if (strcmp(config->endpoints[i].name, name) == 0) {
            return &config->endpoints[i];
        }
    }
    return NULL;
}

size_t config_property_count(const struct config *config)
{
    return config != NULL ? config->property_count : 0;
}

const char *config_property_at(const struct config *config, size_t index,
                               const struct config_value **value)
{
    *value = &config->properties[index].value;
    return config->properties[index].name;
}
