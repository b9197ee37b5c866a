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
    {.name = NULL},
};
