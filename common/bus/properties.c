/*
 * The client's properties that people add. Each is judged when it is added and when it is given to the library; what the
 * library says of a value is repeated only where the value can be no secret. Copies are wiped.
 */
#include "bus/properties.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "bus/client.h"
#include "bus/settings.h"

#define TRIAL_MS 1000u

struct property {
    char *name;
    char *value;
    char *where;
};

struct bus_properties {
    struct property list[LIMIT_BUS_PROPERTIES];
    size_t count;
    bool may_be_insecure;
    const char *insecure; /* the first that is, of list */
};

struct bus_properties *bus_properties_new(bool may_be_insecure, struct error *err)
{
    struct bus_properties *properties = calloc(1, sizeof *properties);

    if (properties == NULL) {
        error_set(err, ERROR_NOMEM, "out of memory for the Kafka properties");
        return NULL;
    }
    properties->may_be_insecure = may_be_insecure;
    return properties;
}

static void property_clear(struct property *property)
{
    if (property->value != NULL) {
        explicit_bzero(property->value, strlen(property->value));
    }
    free(property->name);
    free(property->value);
    free(property->where);
    *property = (struct property){0};
}

void bus_properties_free(struct bus_properties *properties)
{
    for (size_t i = 0; properties != NULL && i < properties->count; i++) {
        property_clear(&properties->list[i]);
    }
    free(properties);
}

/* A line break is part of nothing but a certificate or a key. */
static bool is_text(const char *name, const char *value)
{
    size_t len = strlen(name);
    bool is_pem = len > 4 && strcmp(name + len - 4, ".pem") == 0;

    for (; *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;
        if ((byte < ' ' || byte == 0x7f) && !(is_pem && (byte == '\n' || byte == '\r'))) {
            return false;
        }
    }
    return true;
}

static bool judge(const struct bus_properties *properties, const char *where, const char *name,
                  const char *value, struct error *err)
{
    const char *reason;

    if (!is_text(name, value)) {
        return error_set(err, ERROR_USAGE, "%s: %s holds a line break or another control character",
                         where, name);
    }
    switch (property_classify(name, value, &reason)) {
    case PROPERTY_FREE:
        return true;
    case PROPERTY_OWNED:
        return error_set(err, ERROR_USAGE, "%s: %s is not to be set: %s", where, name, reason);
    case PROPERTY_CODE:
        return error_set(err, ERROR_USAGE, "%s: %s is refused, it runs code: %s", where, name,
                         reason);
    case PROPERTY_CHECK:
        break;
    }
    return properties->may_be_insecure ||
           error_set(err, ERROR_USAGE,
                     "%s: %s is refused, it switches a check off: %s (to have it so all the same: "
                     "--kafka-insecure or FERRY_KAFKA_INSECURE=true)",
                     where, name, reason);
}

/* One into a configuration. */
static bool give(rd_kafka_conf_t *conf, const struct property *property, struct error *err)
{
    char said[256];
    rd_kafka_conf_res_t result =
        rd_kafka_conf_set(conf, property->name, property->value, said, sizeof said);

    if (result == RD_KAFKA_CONF_OK) {
        return true;
    }
    if (result != RD_KAFKA_CONF_UNKNOWN && property_is_secret(property->name)) {
        return error_set(err, ERROR_USAGE,
                         "%s: the value of %s is not accepted (it may be a secret and is not "
                         "shown, nor what was said of it)",
                         property->where, property->name);
    }
    bool is_named = strstr(said, property->name) != NULL;
    return error_set(err, ERROR_USAGE, "%s: %s%s%s", property->where,
                     is_named ? "" : property->name, is_named ? "" : ": ", said);
}

static bool try_alone(const struct property *property, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool is_taken = give(conf, property, err);

    rd_kafka_conf_destroy(conf);
    return is_taken;
}

static struct property *find_or_add(struct bus_properties *properties, const char *name,
                                    const char *where, struct error *err)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->list[i].name, name) == 0) {
            return &properties->list[i];
        }
    }
    if (properties->count == LIMIT_BUS_PROPERTIES) {
        error_set(err, ERROR_USAGE, "%s: more than %u Kafka properties", where,
                  LIMIT_BUS_PROPERTIES);
        return NULL;
    }
    return &properties->list[properties->count++];
}

bool bus_properties_set(struct bus_properties *properties, const char *where, const char *name,
                        const char *value, struct error *err)
{
    struct property made = {strdup(name), strdup(value), strdup(where)};
    struct property *place = NULL;
    const char *reason;

    if (made.name == NULL || made.value == NULL || made.where == NULL) {
        error_set(err, ERROR_NOMEM, "out of memory for the Kafka properties");
    } else if (judge(properties, where, name, value, err) && try_alone(&made, err)) {
        place = find_or_add(properties, name, where, err);
    }
    if (place == NULL) {
        property_clear(&made);
        return false;
    }
    property_clear(place);
    *place = made;
    properties->insecure = NULL;
    for (size_t i = 0; i < properties->count && properties->insecure == NULL; i++) {
        const struct property *each = &properties->list[i];
        if (property_classify(each->name, each->value, &reason) == PROPERTY_CHECK) {
            properties->insecure = each->name;
        }
    }
    return true;
}

bool properties_apply(const struct bus_properties *properties, rd_kafka_conf_t *conf,
                      struct error *err)
{
    for (size_t i = 0; properties != NULL && i < properties->count; i++) {
        if (!give(conf, &properties->list[i], err)) {
            return false;
        }
    }
    return true;
}

/* The library does not say which file it cannot read, nor why. */
static bool check_files(const struct bus_properties *properties, struct error *err)
{
    static const char *const files[] = {"ssl.ca.location",       "ssl.certificate.location",
                                        "ssl.key.location",      "ssl.crl.location",
                                        "ssl.keystore.location", "sasl.kerberos.keytab"};

    for (size_t i = 0; i < properties->count; i++) {
        const struct property *each = &properties->list[i];

        for (size_t f = 0; f < ARRAY_LEN(files); f++) {
            if (strcmp(each->name, files[f]) == 0 && strcmp(each->value, "probe") != 0 &&
                access(each->value, R_OK) != 0) {
                return error_set(err, ERROR_USAGE, "%s: %s: cannot read %s: %s", each->where,
                                 each->name, each->value, strerror(errno));
            }
        }
    }
    return true;
}

bool bus_properties_check(const struct bus_properties *properties, struct error *err)
{
    char said[512];
    rd_kafka_conf_t *conf;
    rd_kafka_t *client;

    if (properties->count == 0 || !check_files(properties, err)) {
        return properties->count == 0;
    }
    conf = settings_conf_bare();
    if (!properties_apply(properties, conf, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, said, sizeof said);
    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERROR_USAGE, "the Kafka properties do not go together: %s", said);
    }
    client_destroy(client, TRIAL_MS);
    return true;
}

const char *bus_properties_insecure(const struct bus_properties *properties)
{
    return properties->insecure;
}
