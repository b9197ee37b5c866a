/* --exit-when-done JOB: asks the ledger once a second how far the job is, and when it has ended says with which exit
 * code the program ends: that of a producer that saw it (run/outcome.h). */
#ifndef CONSUMER_FOLLOW_H
#define CONSUMER_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "app/exit_code.h"
#include "base/error.h"
#include "store/pg.h"

struct consumer;

struct follow {
    const char *job; /* as asked for, or NULL: none to follow */
    char name[256];
    int64_t job_id;
    bool is_asking;
    int64_t next_ms;
    int64_t alone_since_ms; /* all batches final, and no producer to end the job; 0: not so */
    bool is_over;
    enum exit_code code;
};

/* Finds the job; ERROR_NOT_FOUND when there is none. */
MUST_CHECK bool follow_open(struct consumer *consumer, const char *job, struct error *err);
void follow_run(struct consumer *consumer);

#endif
