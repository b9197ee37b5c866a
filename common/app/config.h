/*
 * ferry.conf: named endpoints ([endpoint NAME]) and properties of the bus's client ([kafka]). It holds no secrets, only
 * where they are: a file, or an environment variable by name. Programs ask through option.h and endpoint.h.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/origin.h"

enum config_key {
    CONFIG_URL,
    CONFIG_TENANT,
    CONFIG_DATABASE,
    CONFIG_AUTH,
    CONFIG_TOKEN_FILE,
    CONFIG_TOKEN_ENV, /* the name of the variable that holds it */
    CONFIG_USER,
    CONFIG_PASSWORD_FILE,
    CONFIG_PASSWORD_ENV,
    CONFIG_CA_FILE,
    CONFIG_CERT_FILE,
    CONFIG_KEY_FILE,
    CONFIG_HEADER_FILE,
    CONFIG_PROFILE,
    CONFIG_CLOUD, /* true: the address is Chroma Cloud's */
    CONFIG_KEYS
};
extern const char *const config_key_names[CONFIG_KEYS]; /* "url", "token_file" … */

struct config_value {
    char *
        text; /* NULL: not set. Names of files are relative to the file's folder, and written out whole */
    char *where; /* "ferry.conf, line 3 (token_file)": begins a refusal */
    size_t line;
};

struct config_endpoint { /* owned by the config */
    char name[32];
    char origin[ORIGIN_SIZE]; /* of its url */
    struct config_value values[CONFIG_KEYS];
};

struct config; /* opaque, heap */

/* ERROR_USAGE names file and line, never a value that may be a secret. */
MUST_CHECK bool config_read(const char *path, struct config **out, struct error *err);
void config_free(
    struct config *config); /* NULL is fine, here and below: then there is nothing in it */
const char *config_path(const struct config *config);
size_t config_endpoint_count(const struct config *config);
const struct config_endpoint *config_endpoint_at(const struct config *config, size_t index);
const struct config_endpoint *config_endpoint_named(const struct config *config, const char *name);
size_t config_property_count(const struct config *config);
/* The property's name, without "kafka."; its value and where it stands. */
const char *config_property_at(const struct config *config, size_t index,
                               const struct config_value **value);

#endif
