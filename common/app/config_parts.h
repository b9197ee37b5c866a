/* What the files of config share. Internal to app/config*.c. */
#ifndef APP_CONFIG_PARTS_H
#define APP_CONFIG_PARTS_H

#include "app/config.h"
#include "base/bytes.h"

struct property {
    char *name;
    struct config_value value;
};

struct config {
    char *path;
    size_t folder_len; /* of path, with the slash */
    struct config_endpoint *endpoints;
    size_t endpoint_count;
    struct property *properties;
    size_t property_count;
};

/* config_parse.c */
MUST_CHECK bool config_parse(struct config *config, struct span text, struct error *err);

/* config_rules.c */
bool config_is_secret_word(const char *key); /* what people call a secret */
/* Is the value of such a property the secret itself? By the words in its name; those that say where it is are none. */
bool config_is_secret_property(const char *name);
bool config_is_endpoint_name(const char *name);
/* What is wrong with a value, or NULL; never with the value in it. */
const char *config_value_problem(enum config_key key, const char *text);

#endif
