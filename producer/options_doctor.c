/* The option tables of the commands that only look: collections and doctor. See options.h. */
#include "producer/options.h"

#include "producer/option_rows.h"

static const struct option_row collections_rows[] = {
    ROW_URL("source", "FERRY_SOURCE", false, "Source",
            "list this Chroma's; given alone, only this one's"),
    SOURCE_PLACE,
    ROW_URL("target", "FERRY_TARGET", false, "Target", "the same of the target"),
    TARGET_PLACE,
    CHOICE("to move"),
    ROW_JSON("Output", "one JSON array, for programs"),
};

const struct option_row doctor_rows[] = {
    ROW_URL("source", "FERRY_SOURCE", false, "Source", "the Chroma to be read"),
    SOURCE_PLACE,
    ROW_URL("target", "FERRY_TARGET", false, "Target", "the Chroma to be written"),
    TARGET_PLACE,
    PLACE_MAKING,
    CHOICE("to move: looked at too, on both sides"),
    JOB_NAME,
    ENDS,
    WORK,
    REHEARSAL,
    ROWS_BUS(false, "bootstrap brokers", "lines PROPERTY=VALUE for the Kafka client"),
    ROW_FLAG(
        "deep", NULL, "Kafka",
        "send a message of 4 MiB through a topic that is made for it, read it back, and delete "
        "that topic; without it nothing is written anywhere"),
    ROW_LEASE_AS(ROW_LEASE_HELP "; only shown"),
    ROW_JSON("Output", "checks, settings and exit code as one JSON object, for programs"),
};
const size_t doctor_row_count = ARRAY_LEN(doctor_rows);

#define SERVER_ENVIRONMENT                                                                         \
    "  FERRY_SOURCE_TOKEN, FERRY_TARGET_TOKEN and their like   as for migrate\n" ENVIRONMENT_LOG

const struct command commands_to_look[] = {
    {"collections",
     "what a server holds: names, records, dimensions",
     collections_rows,
     ARRAY_LEN(collections_rows),
     0,
     {"ferry-producer collections --source URL | --target URL [options]\n"
      "       ferry-producer collections --source URL --target URL --collection NAME | --all | "
      "--map "
      "FROM=TO [options]",
      "Lists the collections of a database with their records, dimension, distance space, "
      "embedding "
      "function and the size of their own metadata. Needs neither ledger nor Kafka and writes "
      "nothing. With both sides set in the environment, both are listed. With options that choose "
      "collections it tells instead which ones migrate would move with them, and where to.",
      "  ferry-producer collections --source http://127.0.0.1:8000\n"
      "  ferry-producer collections --target https://api.trychroma.com --target-tenant TENANT-UUID "
      "--target-database docs --json\n"
      "  ferry-producer collections --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 "
      "--map 'default_tenant/*/*=acme/*/*'\n",
      SERVER_ENVIRONMENT},
     command_collections},
    {"doctor",
     "check every connection, setting and limit",
     doctor_rows,
     ARRAY_LEN(doctor_rows),
     0,
     {"ferry-producer doctor [--source URL] [--target URL] [--collection NAME | --all | --map "
      "FROM=TO] "
      "[options]",
      "One line for each check: ok, warning, fail or skipped, what was found and what to do; then "
      "every setting and where it was set, secrets masked. Goes on after a fail, and writes "
      "nothing "
      "to any server, unless --deep is given. Takes what migrate takes, so that a line for that "
      "one "
      "can be tried; what only says how to move is checked and shown. Ends with 0 when nothing "
      "fails, else with 2, 3 or 4 by the worst.",
      "  ferry-producer doctor\n"
      "  ferry-producer doctor --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 -c "
      "docs --json\n"
      "  ferry-producer doctor --all --exclude 'test-*' --target-profile chroma-cloud\n",
      ENVIRONMENT_PG "  FERRY_KAFKA_PROPERTY   any property of the Kafka client, as for "
                     "migrate\n" SERVER_ENVIRONMENT},
     command_doctor},
    {.name = NULL},
};
