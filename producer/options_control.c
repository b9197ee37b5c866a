/* The option tables of the commands that stop a job or forget its lists; see options.h. */
#include "producer/options.h"

#include "producer/option_rows.h"

#define PG_ENVIRONMENT ENVIRONMENT_PG ENVIRONMENT_LOG

static const struct option_row stop_rows[] = {
    {.name = "no-wait",
     .type = OPTION_FLAG,
     .group = "Waiting",
     .help = "do not wait until nothing of the job is claimed any more"},
    {.name = "wait",
     .env = "FERRY_STOP_WAIT",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "2m",
     .min = 1000,
     .max = 3600000,
     .group = "Waiting",
     .help = "how long to wait for that, and to try again while a repair is open; then exit 3"},
    ROW_LEASE,
};

static const struct option_row purge_rows[] = {ROW_LEASE};

static const struct option_row drop_rows[] = {
    ROW_URL("target", NULL, false, "Target", "new address of the job's target, if it has moved"),
    TARGET_PLACE,
    {.name = "patience",
     .env = "FERRY_PATIENCE",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "10m",
     .min = 1000,
     .max = 86400000,
     .group = "Target",
     .help = "how long a server is waited for that answers, but with errors (500) only"},
    ROW_LEASE,
};

const struct command control_commands[] = {
    {"pause",
     "stop a running job until it is resumed",
     stop_rows,
     ARRAY_LEN(stop_rows),
     1,
     {"ferry-producer pause JOB [--no-wait] [--wait TIME]",
      "The producers of the job end with 6, consumers put its batches back, other jobs go on. "
      "Waits "
      "until nothing of it is claimed any more. Refused between the two halves of a repair, when a "
      "record is missing at the target: tried again then. The same in SQL: SELECT "
      "ferry.pause(JOB).",
      "  ferry-producer pause docs-20261121-1\n", PG_ENVIRONMENT},
     command_pause},
    {"cancel",
     "end a job for good; nothing is undone",
     stop_rows,
     ARRAY_LEN(stop_rows),
     1,
     {"ferry-producer cancel JOB [--no-wait] [--wait TIME]",
      "The job ends as it is, its producers with 4; what is at the target stays there, and is "
      "told: "
      "records that were verified, and those that were sent and not verified. Waits until nothing "
      "of it is claimed any more. migrate starts anew. The same in SQL: SELECT ferry.cancel(JOB).",
      "  ferry-producer cancel docs-20261121-1\n", PG_ENVIRONMENT},
     command_cancel},
    {"purge",
     "remove the lists of ids of a job that has ended",
     purge_rows,
     ARRAY_LEN(purge_rows),
     1,
     {"ferry-producer purge JOB",
      "Removes the ids that the job planned, skipped and missed from the ledger. Its counts, "
      "rejects, cut documents and removals stay. From then on migrate of the same pair moves only "
      "what is absent at the target, and says so; rejected records of the job are not sent again "
      "by retry. The same in SQL: SELECT ferry.purge(JOB).",
      "  ferry-producer purge docs-20261121-1\n", PG_ENVIRONMENT},
     command_purge},
    {"drop-rehearsal",
     "remove the collection of a rehearsal",
     drop_rows,
     ARRAY_LEN(drop_rows),
     1,
     {"ferry-producer drop-rehearsal JOB [options]",
      "Deletes at the target the collection that migrate --sample or --first has made for JOB, "
      "which must have ended. The ledger knows which one that is; any other is refused, whatever "
      "its name, and so is one that was recreated since, or that holds a record which is not of "
      "the job. The job stays in the ledger.",
      "  ferry-producer drop-rehearsal docs-rehearsal-20261121-1\n",
      PG_ENVIRONMENT "  FERRY_TARGET_TOKEN and its like   as for migrate\n"},
     command_drop_rehearsal},
    {.name = NULL},
};
