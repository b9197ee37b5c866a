/*
 * The parts of the check-up, each of which looks at one thing and adds its findings; nothing is written anywhere. Every
 * part goes on as far as it can: what an earlier finding makes impossible is added as skipped.
 */
#ifndef PRODUCER_DOCTOR_H
#define PRODUCER_DOCTOR_H

#include "producer/checkup.h"
#include "producer/job.h"
#include "producer/mapping.h"

struct doctor {
    struct runtime rt;
    const struct option_set *options;
    struct checkup checkup;
    struct job job; /* its two servers, and the pairs that are chosen; never submitted */
    struct mapping mapping;
    const char *no_choice;       /* why it is not known which collections are chosen; NULL: it is */
    struct error ledger_refused; /* kind NONE: a connection to the ledger was begun */
};

/* doctor_job.c: what is given, by itself; to be asked first. */
void doctor_job(struct doctor *doctor);
/* doctor_side.c: one server; source is to be looked at first, because the target is compared with it. */
void doctor_side(struct doctor *doctor, const char *role);
/* doctor_bus.c: brokers and topics. Blocks for at most LIMIT_CONNECT_MS each. */
void doctor_bus(struct doctor *doctor);
/* doctor_ledger.c: waits for the connection that runtime_open began. */
void doctor_ledger(struct doctor *doctor);
/* doctor_machine.c: this machine and this process. */
void doctor_machine(struct doctor *doctor);
enum check_state doctor_judge_disk(uint64_t left_bytes); /* of it; pure */
/* doctor_net.c, blocking: resolves and connects; *address gets what was connected to or resolved, "127.0.0.1:8000, [::1]:8000". */
MUST_CHECK bool doctor_resolve(const char *origin, struct buf *addresses, struct error *err);
MUST_CHECK bool doctor_connect(const char *origin, struct error *err);

/* doctor_settings.c: where each setting comes from. To be asked before runtime_open, which copies variables. */
MUST_CHECK bool doctor_settings(const struct option_set *options, const struct option_row *rows,
                                size_t count, bool as_json, struct buf *out, struct error *err);

#endif
