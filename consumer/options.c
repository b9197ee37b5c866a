/* Everything that --help says stands here. */
#include "consumer/options.h"

#include "base/compiler.h"

const struct option_row consumer_rows[] = {
    {.name = "brokers",
     .env = "FERRY_KAFKA_BROKERS",
     .type = OPTION_TEXT,
     .placeholder = "HOST:PORT,…",
     .required = true,
     .group = "Kafka",
     .help = "bootstrap brokers"},
    {.name = "kafka-config",
     .env = "FERRY_KAFKA_CONFIG",
     .type = OPTION_TEXT,
     .placeholder = "FILE",
     .group = "Kafka",
     .help = "lines PROPERTY=VALUE for the Kafka client (security.protocol=SASL_SSL …); variables "
             "FERRY_KAFKA_PROPERTY win over it"},
    {.name = "kafka-insecure",
     .env = "FERRY_KAFKA_INSECURE",
     .type = OPTION_FLAG,
     .group = "Kafka",
     .help = "properties may switch off the verification of the brokers' certificates"},
    {.name = "topic",
     .env = "FERRY_TOPIC",
     .type = OPTION_TEXT,
     .placeholder = "NAME",
     .fallback = "ferry.batches",
     .group = "Kafka",
     .help = "topic of the batches"},
    {.name = "dead-letter-topic",
     .env = "FERRY_DEAD_LETTER_TOPIC",
     .type = OPTION_TEXT,
     .placeholder = "NAME",
     .fallback = "ferry.dead-letters",
     .group = "Kafka",
     .help = "topic of rejected records and poisonous messages"},
    {.name = "lease",
     .env = "FERRY_LEASE",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "60s",
     .min = 2000,
     .max = 3600000,
     .group = "Ledger",
     .help = "how long a claim lives without a renewal"},
    {.name = "target-header-file",
     .env = "FERRY_TARGET_HEADER_FILE",
     .type = OPTION_TEXT,
     .placeholder = "FILE",
     .group = "Target",
     .help = "\"Name: value\" lines that are sent to FERRY_TARGET's origin with every request"},
    {.name = "request-timeout",
     .env = "FERRY_REQUEST_TIMEOUT",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "300s",
     .min = 1000,
     .max = 3600000,
     .group = "Target",
     .help = "longest time for one request to the target"},
    {.name = "exit-when-done",
     .type = OPTION_TEXT,
     .placeholder = "JOB",
     .group = "Job",
     .help = "end when this job, a name or number, has ended"},
    {.name = "version",
     .type = OPTION_FLAG,
     .group = "Other",
     .help = "versions of the program and its libraries"},
};

const size_t consumer_row_count = ARRAY_LEN(consumer_rows);

const struct option_help consumer_help = {
    .usage = "ferry-consumer [options]",
    .what = "Takes batches from Kafka, writes them to their target Chroma, reads them back and "
            "compares, and says so in "
            "the ledger. Runs until it is stopped; any number may run at a time.",
    .examples = "  ferry-consumer --brokers 127.0.0.1:9092\n"
                "  ferry-consumer --exit-when-done docs-20261121-1\n",
    .environment =
        "  PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE, PGSERVICE …   the ledger, as for psql\n"
        "  FERRY_KAFKA_PROPERTY   any property of the Kafka client, dots as underscores:\n"
        "                         FERRY_KAFKA_SASL_PASSWORD is sasl.password\n"
        "  FERRY_TARGET   address of the target that the secret below belongs to\n"
        "  FERRY_TARGET_TOKEN (or FERRY_TARGET_TOKEN_FILE)   sent to that origin only\n"
        "  FERRY_TARGET_AUTH   x-chroma-token (default), bearer, basic or none\n"
        "  FERRY_TARGET_USER, FERRY_TARGET_PASSWORD (or FERRY_TARGET_PASSWORD_FILE)   basic\n"
        "  FERRY_TARGET_CA_FILE, FERRY_TARGET_CERT_FILE, FERRY_TARGET_KEY_FILE   TLS, PEM\n"
        "  CHROMA_API_KEY   for Chroma Cloud, or for CHROMA_HOST\n"
        "  FERRY_LOG   error, warn, info (default) or debug\n",
};
