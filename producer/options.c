/* The option tables; see options.h. Everything that --help says stands here. */
#include "producer/options.h"

#include "base/limits.h"
#include "producer/option_rows.h"

#define BUS ROWS_BUS(true, "bootstrap brokers", ROW_KAFKA_CONFIG_HELP)

static const struct option_row migrate_rows[] = {
    ROW_URL("source", "FERRY_SOURCE", true, "Source", "the Chroma to read; it is never written to"),
    SOURCE_PLACE,
    ROW_URL("target", "FERRY_TARGET", true, "Target", "the Chroma to write"),
    TARGET_PLACE,
    PLACE_MAKING,
    CHOICE("to move"),
    JOB_NAME,
    ENDS,
    WORK,
    ROWS_BUS(false, "bootstrap brokers; required, but for --dry-run", ROW_KAFKA_CONFIG_HELP),
    ROW_LEASE,
    REHEARSAL,
    ROW_JSON("Dry run", "its result as one JSON object, for programs"),
};

static const struct option_row resume_rows[] = {
    ROW_URL("source", NULL, false, "Source", "new address of the job's source, if it has moved"),
    SOURCE_PLACE,
    ROW_URL("target", NULL, false, "Target", "new address of the job's target, if it has moved"),
    TARGET_PLACE,
    ENDS,
    WORK,
    BUS,
    ROW_LEASE,
};

static const struct option_row retry_rows[] = {
    {.name = "rejected",
     .type = OPTION_FLAG,
     .group = "Job",
     .help = "the records that were rejected go again, as the source has them now"},
    ROW_TEXT("reason", NULL, "REASON", NULL, "Job",
             "only those rejected for this reason (ferry.rejects)"),
    ROW_URL("source", NULL, false, "Source", "new address of the job's source, if it has moved"),
    SOURCE_PLACE,
    ROW_URL("target", NULL, false, "Target", "new address of the job's target, if it has moved"),
    TARGET_PLACE,
    WORK,
    ENDS,
    BUS,
    ROW_LEASE,
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
     .help = "partitions of the batches' topic when it is created; the dead letters have one"},
    ROW_LEASE,
};

static const struct option_row status_rows[] = {
    ROW_JSON("Output", "one JSON array, for programs"),
    {.name = "watch",
     .short_name = 'w',
     .type = OPTION_FLAG,
     .group = "Output",
     .help = "again every two seconds until the jobs shown have ended"},
    ROW_LEASE,
};

static const struct option_row verify_rows[] = {
    ROW_URL("source", "FERRY_SOURCE", true, "Source",
            "the Chroma that is to be matched; only read"),
    SOURCE_PLACE,
    READING("requests to each side at a time"),
    ROW_URL("target", "FERRY_TARGET", true, "Target", "the Chroma that is checked; only read"),
    TARGET_PLACE,
    CHOICE("to compare"),
    ROW_TEXT(
        "sample", NULL, "P%|N", NULL, "Comparison",
        "compare the content of so many records only, chosen at random; ids are always compared "
        "in full"),
    {.name = "queries",
     .type = OPTION_NUMBER,
     .placeholder = "N",
     .fallback = "0",
     .max = 1000,
     .group = "Comparison",
     .help = "ask both sides for the 10 nearest neighbours of N vectors of the source, and tell "
             "recall against exact search, distances and response times"},
    ROW_TEXT("min-recall", NULL, "0…1", NULL, "Comparison",
             "a recall@10 of the target below this is a mismatch, exit 5; without it queries only "
             "inform"),
    {.name = "seed",
     .type = OPTION_NUMBER,
     .placeholder = "N",
     .group = "Comparison",
     .help = "choose sample and queries as an earlier run did, which told its seed"},
    {.name = "patience",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "60s",
     .max = 86400000,
     .group = "Comparison",
     .help = "how long a server that fails on the way is asked again"},
    ROW_TEXT(
        "combined", NULL, "FILE", NULL, "Output",
        "one line per id: = equal, - missing at the target, + extra at the target, * different, "
        "! could not be compared; - is standard output, the summary then goes to standard error"),
    ROW_JSON("Output",
             "the result as one JSON object, for programs; of several collections an array"),
};

#define PG_ENVIRONMENT ENVIRONMENT_PG ENVIRONMENT_LOG
#define TOKEN_ENVIRONMENT                                                                            \
    "  FERRY_SOURCE_TOKEN, FERRY_TARGET_TOKEN (or …_TOKEN_FILE)   sent to that URL's origin "      \
    "only\n"                                                                                         \
    "  FERRY_SOURCE_AUTH, FERRY_TARGET_AUTH   x-chroma-token (default), bearer, basic or none\n"     \
    "  FERRY_SOURCE_USER, FERRY_SOURCE_PASSWORD (or …_PASSWORD_FILE), and so for TARGET   basic\n" \
    "  FERRY_SOURCE_CA_FILE, FERRY_SOURCE_CERT_FILE, FERRY_SOURCE_KEY_FILE, and so for TARGET   "    \
    "TLS, PEM files\n"                                                                               \
    "  CHROMA_API_KEY, CHROMA_TENANT, CHROMA_DATABASE (or chroma_cloud_api_key, …_tenant_id, "     \
    "…_database)\n"                                                                                \
    "    Chroma Cloud as the target; CHROMA_HOST and CHROMA_PORT, else localhost:8000, are then "    \
    "the source\n"                                                                                   \
    "  CHROMA_HOST, CHROMA_PORT, CHROMA_SSL   without those: the target. CHROMA_CLIENT_TYPE "        \
    "decides (cloud or http);\n"                                                                     \
    "    FERRY_… and flags win\n"                                                                  \
    "  CHROMA_ENDPOINT   another address of Chroma Cloud, or in place of CHROMA_HOST\n"              \
    "  CHROMA_AUTH_TOKEN (CHROMA_AUTH_TOKEN_TRANSPORT_HEADER), CHROMA_CUSTOM_AUTH_CREDENTIALS   "    \
    "for CHROMA_HOST\n"
#define SECRET_ENVIRONMENT PG_ENVIRONMENT ENVIRONMENT_BUS TOKEN_ENVIRONMENT

const struct command commands[] = {
    {"setup",
     "create the ledger's schema and the topics, or bring them up to date",
     setup_rows,
     ARRAY_LEN(setup_rows),
     0,
     {"ferry-producer setup [options]",
      "Applies the ledger migrations to PostgreSQL and creates and checks the Kafka topics. "
      "Running "
      "it again is safe.",
      "  ferry-producer setup\n", PG_ENVIRONMENT ENVIRONMENT_BUS},
     command_setup},
    {"migrate",
     "move collections and follow them to the end",
     migrate_rows,
     ARRAY_LEN(migrate_rows),
     0,
     {"ferry-producer migrate --source URL --target URL --collection NAME [options]",
      "Plans the job in the ledger, exports its collections in batches onto Kafka and follows the "
      "job until the "
      "consumers have read back and verified every record. Run again, it goes on where it was, or "
      "moves what is new.",
      "  ferry-producer migrate --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 -c "
      "docs\n"
      "  ferry-producer migrate --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 "
      "--all "
      "--exclude 'test-*'\n"
      "  ferry-producer migrate --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 \\\n"
      "      --map 'default_tenant/*/*=acme/*/*' --create-tenant --create-database\n"
      "  ferry-producer migrate --dry-run --source http://127.0.0.1:8000 --target "
      "https://api.trychroma.com -c docs\n",
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
      "rejected for first. The job's --catch-up and --delete-extra hold no more, unless they are "
      "given again. The same in SQL: SELECT ferry.retry(JOB), then resume.",
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
    {"verify",
     "compare collections now, record by record",
     verify_rows,
     ARRAY_LEN(verify_rows),
     0,
     {"ferry-producer verify --source URL --target URL --collection NAME | --all | --map FROM=TO "
      "[options]",
      "Reads both collections and compares ids and content, by the rules of delivery: ends with 0 "
      "when they are equal and with 5 when they are not. Needs neither Kafka nor the ledger, "
      "writes to neither server, and takes no more memory for many records than for few; lists of "
      "ids go to an unlinked file in TMPDIR. Several collections, chosen as for migrate, are "
      "compared one after the other, and a summary names those that are not equal. One that the "
      "target does not have is a difference; one that cannot be compared keeps no other one from "
      "it, and the worst of all is the exit status.",
      "  ferry-producer verify --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 -c "
      "docs --combined docs.txt\n"
      "  ferry-producer verify --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 -c "
      "docs --sample 5% --queries 100 --json\n"
      "  ferry-producer verify --source http://127.0.0.1:8000 --target http://127.0.0.1:8001 \\\n"
      "      --map 'default_tenant/*/*=acme/*/*'\n"
      "\nLines of --combined:\n"
      "  An id with control or line separating characters, or that begins with a double quote,\n"
      "  is written as a JSON string: a line whose third character is \" is to be decoded.\n"
      "  With --sample, ids that both sides have and that are not in the sample have no line.\n"
      "  Of several collections, a line \"# SOURCE -> TARGET\" stands before those of each; "
      "another\n"
      "  one with # follows where the target has no such collection, or the comparison broke "
      "off.\n",
      TOKEN_ENVIRONMENT "  TMPDIR   where the lists of ids are kept (/tmp)\n" ENVIRONMENT_LOG},
     command_verify},
    {.name = NULL},
};
