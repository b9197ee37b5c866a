/*
 * What a dry run adds up: what would be left out and why, and how much would be sent. Pure but for the examples' memory.
 */
#ifndef PRODUCER_REHEARSAL_H
#define PRODUCER_REHEARSAL_H

#include <stdio.h>

#include "producer/admit.h"
#include "producer/fidelity.h"

#define REHEARSAL_EXAMPLES 10

/* Reasons that are no limit's, counted beside the rules. */
enum rehearsal_reason {
    REHEARSAL_NO_EMBEDDING,
    REHEARSAL_NOT_FINITE,
    REHEARSAL_WRONG_DIMENSION,
    REHEARSAL_TOO_LARGE,
    REHEARSAL_UNREADABLE,
    REHEARSAL_REASON_COUNT
};

struct rehearsal_row {
    int64_t records;
    int64_t worst;                           /* of a limit */
    struct buf examples[REHEARSAL_EXAMPLES]; /* ids; a very long one is cut */
};

struct rehearsal {
    struct rehearsal_row rules[QUOTA_RECORD_RULES];
    struct rehearsal_row reasons[REHEARSAL_REASON_COUNT];
    struct quota_findings collection; /* what would refuse the whole job */
    int64_t read;                     /* records that came */
    int64_t vanished, rejected, truncated, failing;
    int64_t max_rejects;   /* with more of them the job would be blocked */
    int64_t travelling;    /* records that would be sent */
    int64_t batches;       /* messages; and requests to write them */
    int64_t reads;         /* requests for records */
    int64_t message_bytes; /* compressed, as they would go through the topic */
    int64_t body_bytes;    /* of the requests that would write them */
    int64_t
        logical_bytes; /* the raw size of ids, documents, uris, metadata, and 4 bytes a component */
    int64_t elapsed_ms; /* reading and encoding */
};

void rehearsal_deinit(struct rehearsal *rehearsal);
/* The verdict about one record, counted. */
void rehearsal_count(struct rehearsal *rehearsal, const struct record *record,
                     const struct admit_verdict *verdict);
void rehearsal_count_reason(struct rehearsal *rehearsal, enum rehearsal_reason reason,
                            struct span id);
/* A batch that would be sent: how much its records are. */
void rehearsal_add_batch(struct rehearsal *rehearsal, const struct record *records, size_t count,
                         int64_t message_bytes);
const char *rehearsal_reason_name(enum rehearsal_reason reason);
int64_t rehearsal_violations(
    const struct rehearsal *rehearsal); /* records with any, and the collection's */
/* Would the job be refused, or blocked: by --on-limit fail, or by more rejects than it bears? */
bool rehearsal_is_refused(const struct rehearsal *rehearsal);

struct rehearsal_cost { /* in the profile's currency; below 0: not known */
    double written;     /* sending everything once */
    double returned;    /* reading it back once */
    double stored_per_month;
};
struct rehearsal_cost rehearsal_cost(const struct rehearsal *rehearsal,
                                     const struct quota_prices *prices);
/* Records a second, 0 when nothing was read. */
double rehearsal_rate(const struct rehearsal *rehearsal);

/* rehearsal_tell.c: for people, and as one JSON object. */
struct rehearsal_setting {
    const struct target_limits *limits;
    const char *collection, *source, *target_collection, *target;
    bool target_exists;
    int64_t concurrency;
    const struct fidelity
        *fidelity; /* settings that the target gets otherwise: for programs, people were told */
};
void rehearsal_tell(const struct rehearsal *rehearsal, const struct rehearsal_setting *setting,
                    FILE *out);
MUST_CHECK bool rehearsal_tell_json(const struct rehearsal *rehearsal,
                                    const struct rehearsal_setting *setting, FILE *out,
                                    struct error *err);

#endif
