/* Rows that stand in several of ferry-producer's option tables; those of both programs are in run/option_rows.h. */
#ifndef PRODUCER_OPTION_ROWS_H
#define PRODUCER_OPTION_ROWS_H

#include "run/option_rows.h"

#define ROW_URL(name_, env_, required_, group_, help_)                                             \
    {                                                                                              \
        .name = (name_), .env = (env_), .type = OPTION_URL, .placeholder = "URL",                  \
        .required = (required_), .group = (group_), .help = (help_)                                \
    }
#define ROW_FLAG(name_, env_, group_, help_)                                                       \
    {                                                                                              \
        .name = (name_), .env = (env_), .type = OPTION_FLAG, .group = (group_), .help = (help_)    \
    }
#define ROWS_PLACE(side_, env_, group_)                                                            \
    ROW_TEXT(side_ "-tenant", env_ "_TENANT", "NAME", "default_tenant", group_,                    \
             "tenant of the " side_),                                                              \
        ROW_TEXT(side_ "-database", env_ "_DATABASE", "NAME", "default_database", group_,          \
                 "database of the " side_),                                                        \
        ROW_HEADER_FILE(side_, env_, group_, "the " side_ "'s"),                                   \
        ROW_FLAG(side_ "-cloud", env_ "_CLOUD", group_,                                            \
                 "this address is Chroma Cloud's, though its host has another name (a gateway, "   \
                 "a cloud of one's own)")
#define LIST(name_, env_, placeholder_, group_, help_)                                             \
    {                                                                                              \
        .name = (name_), .env = (env_), .type = OPTION_LIST, .placeholder = (placeholder_),        \
        .group = (group_), .help = (help_)                                                         \
    }
#define SOURCE_PLACE ROWS_PLACE("source", "FERRY_SOURCE", "Source")
#define TARGET_PLACE ROWS_PLACE("target", "FERRY_TARGET", "Target")

#define ROWS_COLLECTION(required_, group_, help_)                                                  \
    {.name = "collection",                                                                         \
     .short_name = 'c',                                                                            \
     .env = "FERRY_COLLECTION",                                                                    \
     .type = OPTION_TEXT,                                                                          \
     .placeholder = "NAME",                                                                        \
     .required = (required_),                                                                      \
     .group = (group_),                                                                            \
     .help = (help_)},                                                                             \
        ROW_TEXT("target-collection", "FERRY_TARGET_COLLECTION", "NAME", NULL, group_,             \
                 "its name at the target, if another")

/* Which collections, and where to: choice.h. what_: of a collection, "to move". */
#define CHOICE(what_)                                                                              \
    {.name = "collection",                                                                         \
     .short_name = 'c',                                                                            \
     .env = "FERRY_COLLECTION",                                                                    \
     .type = OPTION_LIST,                                                                          \
     .placeholder = "NAME,…",                                                                      \
     .group = "Collections",                                                                       \
     .help = "collection " what_ "; several by commas, or given several times; * and ? stand for " \
             "any characters, any one"},                                                           \
        ROW_FLAG("all", NULL, "Collections", "every collection of the source's database"),         \
        LIST("exclude", "FERRY_EXCLUDE", "NAME,…", "Collections",                                  \
             "but not these; with * and ? as well"),                                               \
        LIST("map", "FERRY_MAP", "FROM=TO,…", "Collections",                                       \
             "where collections go: [[TENANT/]DATABASE/]NAME=[[TENANT/]DATABASE/]NAME, the * of "  \
             "the right is what that of the left stood for; the first that fits decides. Without " \
             "--collection and --all it also says which ones"),                                    \
        ROW_TEXT("target-prefix", "FERRY_TARGET_PREFIX", "TEXT", NULL, "Collections",              \
                 "put before every name at the target"),                                           \
        ROW_TEXT("target-collection", "FERRY_TARGET_COLLECTION", "NAME", NULL, "Collections",      \
                 "name of the one collection at the target, if another")

#define ROW_JSON(group_, help_)                                                                    \
    {                                                                                              \
        .name = "json", .type = OPTION_FLAG, .group = (group_), .help = (help_)                    \
    }

#endif
