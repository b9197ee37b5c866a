/* Rows that stand in several of ferry-producer's option tables; those of both programs are in run/option_rows.h. */
#ifndef PRODUCER_OPTION_ROWS_H
#define PRODUCER_OPTION_ROWS_H

#include "base/limits.h"
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

/* What commands that move something need; doctor takes the same. */
#define READING(help_)                                                                             \
    {                                                                                              \
        .name = "source-concurrency", .env = "FERRY_SOURCE_CONCURRENCY", .type = OPTION_NUMBER,    \
        .placeholder = "N", .fallback = "2", .min = 1, .max = 8, .group = "Source",                \
        .help = (help_)                                                                            \
    }
#define PATIENCE                                                                                   \
    {                                                                                              \
        .name = "patience", .env = "FERRY_PATIENCE", .type = OPTION_DURATION,                      \
        .placeholder = "TIME", .fallback = "10m", .min = 1000, .max = 86400000, .group = "Source", \
        .help = "how long a server is waited for that answers, but with errors (500) only"         \
    }
#define LIMITS                                                                                     \
    ROW_TEXT("target-profile", "FERRY_TARGET_PROFILE", "NAME|FILE", NULL, "Limits",                \
             "what the target accepts: none, chroma-cloud, or a file of the same form; by itself " \
             "chroma-cloud for Chroma Cloud, chroma-before-1 for a server before 1.0, else none. " \
             "Records "                                                                            \
             "are checked before they are sent"),                                                  \
        LIST("limit", "FERRY_LIMITS", "NAME=N,…", "Limits",                                        \
             "another value for a limit, or none; may be given several times"),                    \
        LIST("on-limit", "FERRY_ON_LIMIT", "POLICY,…", "Limits",                                   \
             "what becomes of a record that breaks one: reject (the default; ferry.rejects "       \
             "names it) or fail (blocks the job), for one limit as NAME=POLICY; "                  \
             "truncate-document cuts documents. A job that goes on keeps its limits; what is "     \
             "given again changes them")
#define WORK                                                                                       \
    READING("batches read from the source at a time"), PATIENCE, LIMITS,                           \
    {                                                                                              \
        .name = "batch-records", .env = "FERRY_BATCH_RECORDS", .type = OPTION_NUMBER,              \
        .placeholder = "N", .fallback = "300", .min = 1, .max = LIMIT_BATCH_RECORDS,               \
        .group = "Job", .help = "records in one batch"                                             \
    }

#define ENDS                                                                                       \
    ROW_TEXT(                                                                                      \
        "on-existing", "FERRY_ON_EXISTING", "WHAT", NULL, "Job",                                   \
        "records that the target had before the job: mirror (the default: make them like the "     \
        "source's), skip (leave them) or fail; a job that goes on keeps its own"),                 \
        ROW_TEXT(                                                                                  \
            "max-rejects", "FERRY_MAX_REJECTS", "N|P%", NULL, "Job",                               \
            "with more rejected records than this the job is blocked: N, or P% of those planned, " \
            "but then never less than 20 (default: 1%); given again, it changes a job's own"),     \
        {.name = "catch-up",                                                                       \
         .env = "FERRY_CATCH_UP",                                                                  \
         .type = OPTION_FLAG,                                                                      \
         .group = "End",                                                                           \
         .help = "copy what was added to the source meanwhile, and delete at the target what was " \
                 "deleted from it after it was copied, until nothing is new"},                     \
        {.name = "catch-up-rounds",                                                                \
         .env = "FERRY_CATCH_UP_ROUNDS",                                                           \
         .type = OPTION_NUMBER,                                                                    \
         .placeholder = "N",                                                                       \
         .min = 1,                                                                                 \
         .max = 1000,                                                                              \
         .group = "End",                                                                           \
         .help = "rounds of it at most (5); what is new then is only reported"},                   \
        {.name = "exact-target",                                                                   \
         .env = "FERRY_EXACT_TARGET",                                                              \
         .type = OPTION_FLAG,                                                                      \
         .group = "End",                                                                           \
         .help = "fail, exit 5, when the target holds records that are not of the job"},           \
        {.name = "delete-extra",                                                                   \
         .type = OPTION_FLAG,                                                                      \
         .group = "End",                                                                           \
         .help = "delete those at the target: makes it a mirror; not with --on-existing skip"},    \
        ROW_TEXT(                                                                                  \
            "max-delete", "FERRY_MAX_DELETE", "N|P%", NULL, "End",                                 \
            "where the end of the job would delete more than this at the target, it deletes "      \
            "nothing and the job is blocked: N, or P% of the target's ids, and of those that it "  \
            "held when the job was planned (default: 50%, but nothing where the source lists no "  \
            "ids any more); given again, it changes a job's own")
#define PLACE_MAKING                                                                               \
    ROW_FLAG("create-tenant", "FERRY_CREATE_TENANT", "Target",                                     \
             "make the target's tenant when there is none of that name"),                          \
        ROW_FLAG("create-database", "FERRY_CREATE_DATABASE", "Target",                             \
                 "make the target's database when there is none of that name")
#define JOB_NAME                                                                                   \
    ROW_TEXT(                                                                                      \
        "job", NULL, "NAME", NULL, "Job",                                                          \
        "name of the job, not of digits only; else COLLECTION-YYYYMMDD-N, or all-YYYYMMDD-N"),     \
        ROW_FLAG("queue", "FERRY_QUEUE", "Job",                                                    \
                 "where another job is writing into the target collection, wait for its end; "     \
                 "else that ends with 3")
#define REHEARSAL                                                                                  \
    {.name = "sample",                                                                             \
     .type = OPTION_NUMBER,                                                                        \
     .placeholder = "N",                                                                           \
     .min = 1,                                                                                     \
     .max = 1000000000,                                                                            \
     .group = "Rehearsal",                                                                         \
     .help =                                                                                       \
         "move only N records, chosen at random, into a collection that is made for them (its "    \
         "name is told, or that of --target-collection); all else is as in a real run, which "     \
         "it changes nothing for"},                                                                \
        {.name = "first",                                                                          \
         .type = OPTION_NUMBER,                                                                    \
         .placeholder = "N",                                                                       \
         .min = 1,                                                                                 \
         .max = 1000000000,                                                                        \
         .group = "Rehearsal",                                                                     \
         .help = "the same with the first N that the source lists"},                               \
        {.name = "seed",                                                                           \
         .type = OPTION_NUMBER,                                                                    \
         .placeholder = "N",                                                                       \
         .group = "Rehearsal",                                                                     \
         .help = "choose the sample as an earlier run did, which told its seed"},                  \
        ROW_FLAG(                                                                                  \
            "remove-after", NULL, "Rehearsal",                                                     \
            "remove its collection when it has succeeded; later, ferry-producer drop-rehearsal"),  \
    {                                                                                              \
        .name = "dry-run", .short_name = 'n', .type = OPTION_FLAG, .group = "Dry run",             \
        .help =                                                                                    \
            "read everything, send nothing: what would be rejected and why, how much would be "    \
            "sent, "                                                                               \
            "requests, time, cost; needs neither ledger nor Kafka. Ends with 0, 1 where a record " \
            "breaks a limit or could not travel, 4 where the job would be refused or blocked"      \
    }

#define ROW_JSON(group_, help_)                                                                    \
    {                                                                                              \
        .name = "json", .type = OPTION_FLAG, .group = (group_), .help = (help_)                    \
    }

#endif
