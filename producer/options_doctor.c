/* The option tables of the commands that only look: collections and doctor. See options.h. */
#include "producer/options.h"

#include "base/limits.h"

#define TEXT(name_, env_, fallback_, group_, help_)                                                \
    {                                                                                              \
        .name = (name_), .env = (env_), .type = OPTION_TEXT, .placeholder = "NAME",                \
        .fallback = (fallback_), .group = (group_), .help = (help_)                                \
    }
#define SIDE(flag_, env_, group_, help_)                                                           \
    {.name = (flag_),                                                                              \
     .env = (env_),                                                                                \
     .type = OPTION_URL,                                                                           \
     .placeholder = "URL",                                                                         \
     .group = (group_),                                                                            \
     .help = (help_)},                                                                             \
        TEXT(flag_ "-tenant", env_ "_TENANT", "default_tenant", group_, "tenant of the " flag_),   \
        TEXT(flag_ "-database", env_ "_DATABASE", "default_database", group_,                      \
             "database of the " flag_),                                                            \
    {                                                                                              \
        .name = flag_ "-header-file", .env = env_ "_HEADER_FILE", .type = OPTION_TEXT,             \
        .placeholder = "FILE", .group = (group_),                                                  \
        .help = "\"Name: value\" lines that are sent to the " flag_ "'s origin with every request" \
    }
#define JSON(help_)                                                                                \
    {                                                                                              \
        .name = "json", .type = OPTION_FLAG, .group = "Output", .help = (help_)                    \
    }

static const struct option_row collections_rows[] = {
    SIDE("source", "FERRY_SOURCE", "Source", "list this Chroma's; given alone, only this one's"),
    SIDE("target", "FERRY_TARGET", "Target", "the same of the target"),
    JSON("one JSON array, for programs"),
};

const struct option_row doctor_rows[] = {
    SIDE("source", "FERRY_SOURCE", "Source", "the Chroma to be read"),
    SIDE("target", "FERRY_TARGET", "Target", "the Chroma to be written"),
    {.name = "collection",
     .short_name = 'c',
     .env = "FERRY_COLLECTION",
     .type = OPTION_TEXT,
     .placeholder = "NAME",
     .group = "Collection",
     .help = "look at this collection too, on both sides"},
    TEXT("target-collection", "FERRY_TARGET_COLLECTION", NULL, "Collection",
         "its name at the target, if another"),
    {.name = "brokers",
     .env = "FERRY_KAFKA_BROKERS",
     .type = OPTION_TEXT,
     .placeholder = "HOST:PORT,…",
     .group = "Kafka",
     .help = "bootstrap brokers"},
    {.name = "kafka-config",
     .env = "FERRY_KAFKA_CONFIG",
     .type = OPTION_TEXT,
     .placeholder = "FILE",
     .group = "Kafka",
     .help = "lines PROPERTY=VALUE for the Kafka client"},
    {.name = "kafka-insecure",
     .env = "FERRY_KAFKA_INSECURE",
     .type = OPTION_FLAG,
     .group = "Kafka",
     .help = "properties may switch off the verification of the brokers' certificates"},
    TEXT("topic", "FERRY_TOPIC", "ferry.batches", "Kafka", "topic of the batches"),
    TEXT("dead-letter-topic", "FERRY_DEAD_LETTER_TOPIC", "ferry.dead-letters", "Kafka",
         "topic of rejected records and poisonous messages"),
    {.name = "lease",
     .env = "FERRY_LEASE",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "60s",
     .min = 2000,
     .max = 3600000,
     .group = "Ledger",
     .help = "how long a claim lives without a renewal; only shown"},
    JSON("checks, settings and exit code as one JSON object, for programs"),
};
const size_t doctor_row_count = ARRAY_LEN(doctor_rows);

#define SERVER_ENVIRONMENT                                                                         \
    "  FERRY_SOURCE_TOKEN, FERRY_TARGET_TOKEN and their like   as for migrate\n"                   \
    "  FERRY_LOG   error, warn, info (default) or debug\n"

const struct command commands_to_look[] = {
    {"collections",
     "what a server holds: names, records, dimensions",
     collections_rows,
     ARRAY_LEN(collections_rows),
     0,
     {"ferry-producer collections --source URL | --target URL [options]",
      "Lists the collections of a database with their records, dimension, distance space, "
      "embedding "
      "function and the size of their own metadata. Needs neither ledger nor Kafka and writes "
      "nothing. With both sides set in the environment, both are listed.",
      "  ferry-producer collections --source http://127.0.0.1:8000\n"
      "  ferry-producer collections --target https://api.trychroma.com --target-tenant TENANT-UUID "
      "--target-database docs --json\n",
      SERVER_ENVIRONMENT},
     command_collections},
    {"doctor",
     "check every connection, setting and limit",
     doctor_rows,
     ARRAY_LEN(doctor_rows),
     0,
     {"ferry-producer doctor [--source URL] [--target URL] [--collection NAME] [options]",
      "One line for each check: ok, warning, fail or skipped, what was found and what to do; then "
      "every setting and where it was set, secrets masked. Goes on after a fail, and writes "
      "nothing "
      "to any server. Ends with 0 when nothing fails, else with 2, 3 or 4 by the worst.",
      "  ferry-producer doctor\n"
      "  ferry-producer doctor --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 -c "
      "docs --json\n",
      "  PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE, PGSERVICE …   the ledger, as for "
      "psql\n"
      "  FERRY_KAFKA_PROPERTY   any property of the Kafka client, as for "
      "migrate\n" SERVER_ENVIRONMENT},
     command_doctor},
    {.name = NULL},
};
