/* The option tables; see options.h. Everything that --help says stands here. */
#include "producer/options.h"

#include "base/limits.h"

#define TEXT(name_, env_, placeholder_, fallback_, group_, help_)                                  \
    {                                                                                              \
        .name = (name_), .env = (env_), .type = OPTION_TEXT, .placeholder = (placeholder_),        \
        .fallback = (fallback_), .group = (group_), .help = (help_)                                \
    }
#define URL(name_, env_, required_, group_, help_)                                                 \
    {                                                                                              \
        .name = (name_), .env = (env_), .type = OPTION_URL, .placeholder = "URL",                  \
        .required = (required_), .group = (group_), .help = (help_)                                \
    }

#define SOURCE_PLACE                                                                               \
    TEXT("source-tenant", "FERRY_SOURCE_TENANT", "NAME", "default_tenant", "Source",               \
         "tenant of the source"),                                                                  \
        TEXT("source-database", "FERRY_SOURCE_DATABASE", "NAME", "default_database", "Source",     \
             "database of the source")
#define TARGET_PLACE                                                                               \
    TEXT("target-tenant", "FERRY_TARGET_TENANT", "NAME", "default_tenant", "Target",               \
         "tenant of the target"),                                                                  \
        TEXT("target-database", "FERRY_TARGET_DATABASE", "NAME", "default_database", "Target",     \
             "database of the target")
#define BUS                                                                                        \
    {.name = "brokers",                                                                            \
     .env = "FERRY_KAFKA_BROKERS",                                                                 \
     .type = OPTION_TEXT,                                                                          \
     .placeholder = "HOST:PORT,…",                                                                 \
     .required = true,                                                                             \
     .group = "Kafka",                                                                             \
     .help = "bootstrap brokers"},                                                                 \
        TEXT("topic", "FERRY_TOPIC", "NAME", "ferry.batches", "Kafka", "topic of the batches")
#define LEASE                                                                                      \
    {                                                                                              \
        .name = "lease", .env = "FERRY_LEASE", .type = OPTION_DURATION, .placeholder = "TIME",     \
        .fallback = "60s", .min = 2000, .max = 3600000, .group = "Ledger",                         \
        .help = "how long a claim lives without a renewal"                                         \
    }
#define WORK                                                                                       \
    {.name = "source-concurrency",                                                                 \
     .env = "FERRY_SOURCE_CONCURRENCY",                                                            \
     .type = OPTION_NUMBER,                                                                        \
     .placeholder = "N",                                                                           \
     .fallback = "2",                                                                              \
     .min = 1,                                                                                     \
     .max = 8,                                                                                     \
     .group = "Source",                                                                            \
     .help = "batches read from the source at a time"},                                            \
    {                                                                                              \
        .name = "batch-records", .env = "FERRY_BATCH_RECORDS", .type = OPTION_NUMBER,              \
        .placeholder = "N", .fallback = "300", .min = 1, .max = LIMIT_BATCH_RECORDS,               \
        .group = "Job", .help = "records in one batch"                                             \
    }

#define ENDS                                                                                       \
    TEXT("on-existing", "FERRY_ON_EXISTING", "WHAT", NULL, "Job",                                  \
         "records that the target had before the job: mirror (the default: make them like the "    \
         "source's), skip (leave them) or fail; a job that goes on keeps its own")

static const struct option_row migrate_rows[] = {
    URL("source", "FERRY_SOURCE", true, "Source", "the Chroma to read; it is never written to"),
    SOURCE_PLACE,
    URL("target", "FERRY_TARGET", true, "Target", "the Chroma to write"),
    TARGET_PLACE,
    {.name = "collection",
     .short_name = 'c',
     .env = "FERRY_COLLECTION",
     .type = OPTION_TEXT,
     .placeholder = "NAME",
     .required = true,
     .group = "Job",
     .help = "collection to move"},
    TEXT("target-collection", "FERRY_TARGET_COLLECTION", "NAME", NULL, "Job",
         "its name at the target, if another"),
    TEXT("job", NULL, "NAME", NULL, "Job", "name of the job, else COLLECTION-YYYYMMDD-N"),
    ENDS,
    WORK,
    BUS,
    LEASE,
};

static const struct option_row resume_rows[] = {
    URL("source", NULL, false, "Source", "new address of the job's source, if it has moved"),
    SOURCE_PLACE,
    URL("target", NULL, false, "Target", "new address of the job's target, if it has moved"),
    TARGET_PLACE,
    ENDS,
    WORK,
    BUS,
    LEASE,
};

static const struct option_row retry_rows[] = {
    {.name = "rejected",
     .type = OPTION_FLAG,
     .group = "Job",
     .help = "the records that were rejected go again, as the source has them now"},
    TEXT("reason", NULL, "REASON", NULL, "Job",
         "only those rejected for this reason (ferry.rejects)"),
    URL("source", NULL, false, "Source", "new address of the job's source, if it has moved"),
    SOURCE_PLACE,
    URL("target", NULL, false, "Target", "new address of the job's target, if it has moved"),
    TARGET_PLACE,
    WORK,
    ENDS,
    BUS,
    LEASE,
};

static const struct option_row setup_rows[] = {
    BUS,
    {.name = "partitions",
     .env = "FERRY_PARTITIONS",
     .type = OPTION_NUMBER,
     .placeholder = "N",
     .fallback = "12",
     .min = 1,
     .max = 256,
     .group = "Kafka",
     .help = "partitions of the topic when it is created"},
    LEASE,
};

static const struct option_row status_rows[] = {
    {.name = "json",
     .type = OPTION_FLAG,
     .group = "Output",
     .help = "one JSON array, for programs"},
    {.name = "watch",
     .short_name = 'w',
     .type = OPTION_FLAG,
     .group = "Output",
     .help = "again every two seconds until the jobs shown have ended"},
    LEASE,
};

#define PG_ENVIRONMENT                                                                             \
    "  PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE, PGSERVICE …   the ledger, as for psql\n"  \
    "  FERRY_LOG   error, warn, info (default) or debug\n"
#define SECRET_ENVIRONMENT                                                                         \
    PG_ENVIRONMENT                                                                                 \
    "  FERRY_SOURCE_TOKEN, FERRY_TARGET_TOKEN (or …_TOKEN_FILE)   sent to that URL's origin "    \
    "only\n"                                                                                       \
    "  FERRY_SOURCE_AUTH, FERRY_TARGET_AUTH   token (default), bearer or basic\n"                  \
    "  CHROMA_API_KEY   for Chroma Cloud\n"

const struct command commands[] = {
    {"setup",
     "create the ledger's schema and the topic, or bring them up to date",
     setup_rows,
     ARRAY_LEN(setup_rows),
     0,
     {"ferry-producer setup [options]",
      "Applies the ledger migrations to PostgreSQL and creates and checks the Kafka topic. Running "
      "it again is safe.",
      "  ferry-producer setup\n", PG_ENVIRONMENT},
     command_setup},
    {"migrate",
     "move a collection and follow it to the end",
     migrate_rows,
     ARRAY_LEN(migrate_rows),
     0,
     {"ferry-producer migrate --source URL --target URL --collection NAME [options]",
      "Plans the job in the ledger, exports the collection in batches onto Kafka and follows the "
      "job until the "
      "consumers have read back and verified every record. Run again, it goes on where it was, or "
      "moves what is new.",
      "  ferry-producer migrate --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 -c "
      "docs\n",
      SECRET_ENVIRONMENT},
     command_migrate},
    {"resume",
     "go on with a job that was interrupted, paused or blocked",
     resume_rows,
     ARRAY_LEN(resume_rows),
     1,
     {"ferry-producer resume JOB [options]",
      "Goes on with a job from what the ledger holds. Source and target are the job's own; their "
      "addresses may change.",
      "  ferry-producer resume docs-20261121-1\n", SECRET_ENVIRONMENT},
     command_resume},
    {"retry",
     "send again what was rejected, and follow the job to the end",
     retry_rows,
     ARRAY_LEN(retry_rows),
     1,
     {"ferry-producer retry JOB --rejected [--reason REASON] [options]",
      "Rejected records of a job leave their batches for new ones, are read from the source again "
      "as it is now, and go "
      "the whole way once more; also when the job has ended. Repair the source, the target or the "
      "limit that they were "
      "rejected for first. The same in SQL: SELECT ferry.redrive(JOB), then resume.",
      "  ferry-producer retry docs-20261121-1 --rejected\n"
      "  ferry-producer retry docs-20261121-1 --rejected --reason no_embedding\n",
      SECRET_ENVIRONMENT},
     command_retry},
    {"status",
     "jobs, progress, rates and what they wait for",
     status_rows,
     ARRAY_LEN(status_rows),
     1,
     {"ferry-producer status [JOB] [--json] [--watch]",
      "Shows ferry.job_status: every job, or one.",
      "  ferry-producer status --watch\n  ferry-producer status docs-20261121-1 --json\n",
      PG_ENVIRONMENT},
     command_status},
    {.name = NULL},
};
