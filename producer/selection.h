/*
 * Which of a source's records a job moves: all of them, or, in a rehearsal, a part into a collection that is made for it and
 * for nothing else. Pure but for the options.
 */
#ifndef PRODUCER_SELECTION_H
#define PRODUCER_SELECTION_H

#include "app/option.h"

struct selection {
    char text[64]; /* as the ledger has it: "all", "first 100", "sample 100 seed 7" */
    bool is_part;  /* a rehearsal */
};

/* --sample, --first, --seed; random chooses a seed that is not given. ERROR_USAGE: two that contradict each other. */
MUST_CHECK bool selection_read(struct selection *out, const struct option_set *options,
                               uint64_t random, struct error *err);
/* As the ledger has it. */
void selection_take(struct selection *out, const char *text);
/* Of the rehearsal's collection: "docs-rehearsal-1a2b3c4d", no longer than the oldest servers take. */
#define SELECTION_NAME_SIZE 64
void selection_name(const char *collection, uint64_t random, char out[SELECTION_NAME_SIZE]);

#endif
