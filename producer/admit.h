/*
 * What of a planned record travels: pure. A record that no target could take, or that this target does not accept, is
 * left out with a reason before it is published; a document may be cut if that was asked for by name.
 */
#ifndef PRODUCER_ADMIT_H
#define PRODUCER_ADMIT_H

#include "format/record.h"
#include "producer/limits.h"

#define ADMIT_MESSAGE 240

enum admit_outcome {
    ADMIT_TRAVELS,
    ADMIT_TRUNCATED, /* travels, with a shorter document; message says from what to what */
    ADMIT_LEFT_OUT,  /* a reject: reason, message */
    ADMIT_FAILS,     /* the job is to be blocked: reason, message */
};

struct admit_verdict {
    enum admit_outcome outcome;
    const char *reason; /* of a reject, or NULL; a constant */
    char message[ADMIT_MESSAGE];
    struct quota_findings
        findings; /* all limits that it breaks, also when its document was cut for one */
};

/* dimension: the collection's, 0 when not known. The record's document is replaced (text in the arena) when it is cut.
 * ERROR_NOMEM, or ERROR_FORMAT for what never went through the scanner. */
MUST_CHECK bool admit_record(const struct target_limits *limits, uint32_t dimension,
                             struct arena *arena, struct record *record, struct admit_verdict *out,
                             struct error *err);

#endif
