/*
 * Rows that stand in several option tables, of both programs: what they mean, their variables, defaults and bounds are
 * said here once. Help texts are parameters where commands say different things.
 */
#ifndef RUN_OPTION_ROWS_H
#define RUN_OPTION_ROWS_H

#include "app/option.h"

#define ROW_TEXT(name_, env_, placeholder_, fallback_, group_, help_)                              \
    {                                                                                              \
        .name = (name_), .env = (env_), .type = OPTION_TEXT, .placeholder = (placeholder_),        \
        .fallback = (fallback_), .group = (group_), .help = (help_)                                \
    }

#define ROW_HEADER_FILE(flag_, env_, group_, whose_)                                               \
    ROW_TEXT(flag_ "-header-file", env_ "_HEADER_FILE", "FILE", NULL, group_,                      \
             "\"Name: value\" lines that are sent to " whose_ " origin with every request")

#define ROW_KAFKA_CONFIG_HELP                                                                      \
    "lines PROPERTY=VALUE for the Kafka client (security.protocol=SASL_SSL …); variables "       \
    "FERRY_KAFKA_PROPERTY win over it"
#define ROWS_BUS(required_, brokers_help_, config_help_)                                           \
    {.name = "brokers",                                                                            \
     .env = "FERRY_KAFKA_BROKERS",                                                                 \
     .type = OPTION_TEXT,                                                                          \
     .placeholder = "HOST:PORT,…",                                                                 \
     .required = (required_),                                                                      \
     .group = "Kafka",                                                                             \
     .help = (brokers_help_)},                                                                     \
        ROW_TEXT("kafka-config", "FERRY_KAFKA_CONFIG", "FILE", NULL, "Kafka", config_help_),       \
        {.name = "kafka-insecure",                                                                 \
         .env = "FERRY_KAFKA_INSECURE",                                                            \
         .type = OPTION_FLAG,                                                                      \
         .group = "Kafka",                                                                         \
         .help = "properties may switch off the verification of the brokers' certificates"},       \
        ROW_TEXT("topic", "FERRY_TOPIC", "NAME", "ferry.batches", "Kafka",                         \
                 "topic of the batches"),                                                          \
        ROW_TEXT("dead-letter-topic", "FERRY_DEAD_LETTER_TOPIC", "NAME", "ferry.dead-letters",     \
                 "Kafka", "topic of rejected records and poisonous messages")

#define ROW_LEASE_HELP "how long a claim lives without a renewal"
#define ROW_LEASE_AS(help_)                                                                        \
    {                                                                                              \
        .name = "lease", .env = "FERRY_LEASE", .type = OPTION_DURATION, .placeholder = "TIME",     \
        .fallback = "60s", .min = 2000, .max = 3600000, .group = "Ledger", .help = (help_)         \
    }
#define ROW_LEASE ROW_LEASE_AS(ROW_LEASE_HELP)

/* What --help says of variables that have no flag. */
#define ENVIRONMENT_PG                                                                             \
    "  PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE, PGSERVICE …   the ledger, as for psql\n"
#define ENVIRONMENT_BUS                                                                            \
    "  FERRY_KAFKA_PROPERTY   any property of the Kafka client, dots as underscores:\n"            \
    "                         FERRY_KAFKA_SASL_PASSWORD is sasl.password\n"
#define ENVIRONMENT_LOG "  FERRY_LOG   error, warn, info (default) or debug\n"

#endif
