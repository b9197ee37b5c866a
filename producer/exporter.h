/*
 * The edge around the exporting machine (export.h): carries its actions to source, ledger and bus, and brings their
 * answers back. One station per file: request.c, fetch.c, search.c (E2), letter.c (rejects), record.c (E1, E3, E5 in the
 * ledger), publish.c (E4). Thread: the loop's.
 */
#ifndef PRODUCER_EXPORTER_H
#define PRODUCER_EXPORTER_H

#include "base/limits.h"
#include "bus/bus.h"
#include "format/batch.h"
#include "producer/admit.h"
#include "producer/estimate.h"
#include "producer/export.h"
#include "producer/ids.h"
#include "producer/job.h"
#include "producer/search.h"
#include "run/letters.h"

struct line { /* of a record that was left out, in the cargo's lines */
    size_t start, len;
    enum dead_letter_value value;
};

struct cargo {         /* what one slot carries through the stations */
    struct pair *pair; /* of the job's: whose batch it is */
    int64_t batch_no, fence, rev;
    struct ids ids;
    struct http_request *request; /* under way, or NULL */
    uint8_t *value; /* the encoded batch, malloc'd, until the bus takes it; else NULL */
    struct digest sha256;
    char sha256_hex[65];
    int64_t value_bytes;
    uint32_t operations; /* records in value */
    struct ledger_left_out left_out[LIMIT_BATCH_RECORDS];
    size_t left_out_count;
    struct ledger_left_out truncated[LIMIT_BATCH_RECORDS]; /* they travel, with a cut document */
    size_t truncated_count;
    struct line line_of
        [LIMIT_BATCH_RECORDS]; /* as left_out, the first line_count; of others there is none */
    size_t line_count;
    struct buf lines;
    char (*words)[ADMIT_MESSAGE]; /* what is said of records, one each; NULL before the first */
    size_t words_count;
    char too_large[300];      /* what is said of the one record that does not fit */
    struct search *search;    /* for records that cannot be read; NULL before the first */
    int64_t failing_since_ms; /* the source answers, but not with this batch; 0: it does not so */
    int partition;            /* of the report */
    int64_t offset;
    struct error err; /* why the last step failed */
};

struct exporter {
    struct runtime *rt;
    struct job *job;
    struct publisher *publisher;
    struct export_core core;
    struct cargo cargo[EXPORT_SLOTS];
    struct letters *letters;
    struct arena arena;               /* of the answer being encoded */
    const struct record_index *index; /* its records, while it is; else NULL */
    size_t unreported_bytes;          /* handed to the bus without a report */
    uint32_t rebuilds;                /* of the bus's client, told so far */
    /* slots whose step waits for the next statement of its kind (set-wise, decision 20) */
    size_t to_record[EXPORT_SLOTS], to_record_count;
    size_t to_report[EXPORT_SLOTS], to_report_count;
    struct ledger_claim to_release[EXPORT_SLOTS * 2];
    size_t to_release_count;
    char release_cause[256];
    int64_t asked_fences[EXPORT_SLOTS]; /* of the renewal under way */
    char trouble[256];                  /* what the source is failing with, or "" */
    struct buf *
        good_ids; /* of each pair, of a record that could be read: a control for those that cannot */
    struct estimate estimate; /* of the first batches */
    int statements;           /* ledger statements under way */
    struct error failure; /* what no retry mends and no job is to blame for: the program must end */
    bool is_carrying;     /* actions are being carried out: events meanwhile add to the queue */
};

/* Leaves nothing behind when it fails. */
MUST_CHECK bool exporter_open(struct exporter *exporter, struct runtime *rt, struct job *job,
                              const struct bus_settings *bus, struct error *err);
/* Stops at once: waits a second for reports, queues what the ledger must hear of them and of the rest. Answers that come
 * later find nothing, so the memory must last until the runtime is closed. Twice is fine. */
void exporter_close(struct exporter *exporter);
/* Sends to the ledger what has gathered (set-wise, decision 20); to be called once a loop turn. */
void exporter_step(struct exporter *exporter);
void exporter_stop(struct exporter *exporter, uint32_t grace_ms);
/* What source or dead letters fail with, or "". */
const char *exporter_trouble(const struct exporter *exporter);
bool exporter_is_idle(const struct exporter *exporter);
/* For the heartbeat: the claims it holds (remembered as asked for), and what the answer says. */
size_t exporter_claims(struct exporter *exporter, struct ledger_claim *out, size_t max);
void exporter_renewed(struct exporter *exporter, int64_t started_ms,
                      const struct ledger_claim *kept, size_t count);

/* -- the stations, for exporter.c only -- */
void exporter_handle(struct exporter *exporter, const struct export_event *event);
void exporter_note_failure(struct exporter *exporter, const struct error *err);
void cargo_drop(struct cargo *cargo);
/* Keeps one such id. */
void exporter_note_good(struct exporter *exporter, const struct pair *pair, struct span id);
struct span exporter_good_id(const struct exporter *exporter,
                             const struct pair *pair);    /* or none */
void fetch_start(struct exporter *exporter, size_t slot); /* request.c */
/* Did the source fail as it does when a record is at fault: 500, or a malformed answer? */
bool fetch_is_suspicious(const struct error *err);
/* Makes a failure that has lasted too long one that needs a person (--patience). */
void fetch_judge_patience(const struct exporter *exporter, const struct cargo *cargo,
                          struct error *err);
/* The answer's records into the cargo: value, operations, left_out. ERROR_TOO_LARGE: must be split. */
MUST_CHECK bool fetch_encode(struct exporter *exporter, struct cargo *cargo, struct span answer,
                             struct error *err);
void fetch_leave_out_all(struct cargo *cargo); /* when none of them can be read */
/* A get request for the records from … from + count - 1 but the bad ones; returns how many those are. */
size_t fetch_write_get(const struct cargo *cargo, size_t from, size_t count, struct buf *out);
void record_claim(struct exporter *exporter, size_t count);
void record_flush(struct exporter *exporter); /* E3, E5 and releases that have gathered */
void record_split(struct exporter *exporter, size_t slot);
void record_block(struct exporter *exporter, size_t slot);
/* letter.c: keeps the lines of what was left out of the answer being encoded, while there is one. */
void letter_keep(const struct exporter *exporter, struct cargo *cargo);
void letter_clear(struct cargo *cargo);
size_t letter_count(const struct cargo *cargo);
MUST_CHECK bool letter_open(struct exporter *exporter, const struct bus_settings *bus,
                            struct error *err);
void publish_send(struct exporter *exporter, size_t slot);
publisher_report_fn publish_on_report;

#endif
