/*
 * One run of ferry-producer verify: two collections read side by side and compared, or one such pair after the other.
 * Neither ledger nor bus; nothing is written to a server. command_verify.c opens and ends it, verify_pair.c finds the two
 * collections and verify_many.c goes from pair to pair, verify_compare.c walks, verify_tell.c tells.
 */
#ifndef PRODUCER_VERIFY_H
#define PRODUCER_VERIFY_H

#include "app/exit_code.h"
#include "producer/job.h"
#include "producer/verify_queries.h"
#include "producer/verify_report.h"
#include "producer/verify_sample.h"
#include "producer/verify_spool.h"

struct verify_settings {
    bool is_sampled;
    struct verify_sample_size sample;
    const char *sample_text; /* "5%" */
    uint64_t seed;
    size_t queries;
    double min_recall; /* negative: none */
    int64_t patience_ms;
    size_t in_flight;
};

struct verify_progress { /* one line every two seconds */
    const char *doing;   /* "ids compared"; NULL: nothing worth a line */
    uint64_t done;
    uint64_t total; /* 0: not known */
    int64_t started_ms;
};

#define VERIFY_WHERE 4096 /* room for two places, escaped */

struct verify { /* on the heap: callbacks point into it */
    struct runtime rt;
    struct verify_settings settings;
    /* of the pair under way; verify_pair_begin */
    size_t number, of; /* which pair; of 1: the only one */
    char where
        [VERIFY_WHERE]; /* of several: "TENANT/DATABASE/NAME -> TENANT/DATABASE/NAME", one line; else "" */
    struct side sides[VERIFY_SIDES];
    struct verify_spool ids[VERIFY_SIDES]; /* as listed at the start */
    enum space space;                      /* that vectors are compared by */
    uint64_t sampled;                      /* source ids whose content is compared */
    uint64_t vanished;                     /* listed at the source, gone when they were read */
    struct verify_report report;
    struct verify_queries queries;
    struct verify_progress progress;
    int64_t started_ms;
    /* of the pass under way */
    struct verify_spool *reading;
    struct verify_sampler sampler;
    bool is_filtered;
    bool wants_sampled; /* the filter's: those in the sample, or all others */
};

/* Lists, compares, asks. What differs is in the report; false: it could not be found out. */
MUST_CHECK bool verify_compare(struct verify *verify, struct error *err);

/* Do the collections themselves agree, in space and dimension? */
bool verify_is_same_shape(const struct verify *verify);
bool verify_is_recall_enough(const struct verify *verify);
/* The result, for people or as one JSON object. */
void verify_tell(const struct verify *verify, FILE *out);
MUST_CHECK bool verify_tell_json(const struct verify *verify, FILE *out, struct error *err);
/* In place of that, of a pair that was not compared to the end. is_absent: because the target has no such collection. */
MUST_CHECK bool verify_tell_json_why(const struct pair *pair, bool is_absent, const char *why,
                                     enum exit_code code, FILE *out, struct error *err);
void verify_say_progress(const struct verify *verify, int64_t now_ms); /* on stderr */

#endif
