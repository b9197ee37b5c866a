/* Everything that --help says stands here. */
#include "consumer/options.h"

#include "base/compiler.h"
#include "base/limits.h"
#include "run/option_rows.h"

const struct option_row consumer_rows[] = {
    ROWS_BUS(true, "bootstrap brokers", ROW_KAFKA_CONFIG_HELP),
    ROW_LEASE,
    ROW_HEADER_FILE("target", "FERRY_TARGET", "Target", "FERRY_TARGET's"),
    {.name = "request-timeout",
     .env = "FERRY_REQUEST_TIMEOUT",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "300s",
     .min = 1000,
     .max = 3600000,
     .group = "Target",
     .help = "longest time for one request to the target"},
    {.name = "write-limit",
     .env = "FERRY_WRITE_LIMIT",
     .type = OPTION_NUMBER,
     .placeholder = "N",
     .fallback = "10",
     .min = 1,
     .max = LIMIT_WRITES_PER_TARGET,
     .group = "Target",
     .help = "most writes at a time into one collection, 1 to 10; how many are best is found out"},
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
    .environment = ENVIRONMENT_PG ENVIRONMENT_BUS
    "  FERRY_TARGET   address of the target that the secret below belongs to\n"
    "  FERRY_TARGET_TOKEN (or FERRY_TARGET_TOKEN_FILE)   sent to that origin only\n"
    "  FERRY_TARGET_AUTH   x-chroma-token (default), bearer, basic or none\n"
    "  FERRY_TARGET_USER, FERRY_TARGET_PASSWORD (or FERRY_TARGET_PASSWORD_FILE)   basic\n"
    "  FERRY_TARGET_CA_FILE, FERRY_TARGET_CERT_FILE, FERRY_TARGET_KEY_FILE   TLS, PEM\n"
    "  CHROMA_API_KEY   for Chroma Cloud, or for CHROMA_HOST\n"
    "  CHROMA_AUTH_TOKEN, CHROMA_CUSTOM_AUTH_CREDENTIALS   for CHROMA_HOST\n" ENVIRONMENT_LOG,
};
