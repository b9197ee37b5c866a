/*
 * Exporting a job and following it to its end: the working phase of migrate and resume. Exports as long as there are
 * planned batches, tells how far the consumers are, sweeps, and ends the job when every batch is final.
 */
#ifndef PRODUCER_FOLLOW_H
#define PRODUCER_FOLLOW_H

#include "bus/bus.h"
#include "producer/exporter.h"
#include "producer/progress.h"

/* Heartbeat callbacks while no exporter is at work yet: the job alone is held. */
struct follower {
    struct runtime *rt;
    struct job *job;
    struct exporter exporter;
    bool is_exporting;
    struct progress progress;
    struct progress_lines lines;
    struct estimate_rest to_send; /* when we began; batches below 0: not known yet */
    struct answer asked;          /* the progress statement under way */
    bool is_asking;
    int64_t next_ask_ms;
    int64_t next_sweep_ms;
    int64_t next_end_ms;
    int ends_refused; /* in a row */
    bool is_fresh;    /* a progress answer has come since the last look */
};

runtime_holdings_fn follower_holdings;
runtime_renewed_fn follower_renewed;
runtime_hang_up_fn follower_hang_up;

/* Runs until the job is final, blocked, paused or cancelled, or a signal stops it. *out_code as design §7. */
MUST_CHECK bool follow_run(struct follower *follower, const struct bus_settings *bus,
                           enum exit_code *out_code, struct error *err);

#endif
