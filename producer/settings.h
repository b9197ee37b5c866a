/*
 * What a person wants of a job: its settings, which the ledger holds from the submission on. Only those that were given are
 * handed over; the ledger knows the defaults.
 */
#ifndef PRODUCER_SETTINGS_H
#define PRODUCER_SETTINGS_H

#include "app/option.h"
#include "base/bytes.h"
#include "producer/limits.h"

struct settings {
    const char
        *on_existing; /* "mirror", "skip", "fail", or NULL: not given; borrowed from the options */
    const char *max_rejects; /* "N" or "P%", or NULL: not given; borrowed from the options */
    const char *max_delete;  /* likewise */
    int64_t batch_records;
    const struct target_limits *limits; /* or NULL: not chosen yet; borrowed */
    bool catch_up, exact_target, delete_extra;
    int64_t catch_up_rounds; /* 0: not given */
};

/* ERROR_USAGE: not a value, or two that contradict each other. */
MUST_CHECK bool settings_read(struct settings *out, const struct option_set *options,
                              struct error *err);
/* How many rejected records such a job bears, of so many planned: as ferry.max_rejects() reckons. */
int64_t settings_max_rejects(const struct settings *settings, int64_t planned);
/* As the JSON object that ferry.submit takes. */
void settings_write(const struct settings *settings, struct buf *out);

#endif
