/*
 * From the options to a job's pairs: asks the source what it holds where patterns, maps or --all stand for it, and lets
 * choice.h choose. Reads only.
 */
#ifndef PRODUCER_MAPPING_H
#define PRODUCER_MAPPING_H

#include <stdio.h>

#include "producer/choice.h"
#include "producer/job.h"

struct mapping {
    struct arena arena;
    struct choice choice;
};

/* The options, before any server is asked. To be closed in any case. */
MUST_CHECK bool mapping_read(struct mapping *out, const struct option_set *options,
                             struct error *err);
/* Both sides of the job are open. Its pairs: names, and the source's side of each, met but not looked up. */
MUST_CHECK bool mapping_find(struct mapping *mapping, struct job *job, struct runtime *rt,
                             struct error *err);
/* The parts of both, for who meets the servers himself: which places are meant; choosing, when the source has been met (of one
 * name only it need not); the targets' sides, when the target has been, which may show that two go to one after all. */
void mapping_at(struct mapping *mapping, const struct job *job);
MUST_CHECK bool mapping_choose(struct mapping *mapping, struct job *job, struct runtime *rt,
                               struct error *err);
MUST_CHECK bool mapping_settle(struct mapping *mapping, struct job *job, struct error *err);
/* The target's side of each; meets the target, if it has not been. */
MUST_CHECK bool mapping_place(struct mapping *mapping, struct job *job, struct runtime *rt,
                              struct error *err);
/* Which collection goes where, a line each. */
void mapping_tell(const struct job *job, FILE *out);
void mapping_close(struct mapping *mapping);

#endif
