/*
 * What a test knows about the bus from outside: which message was reported how, which arrived where. Used against the
 * mock cluster and against a real one. Waits as a program's loop does: on the descriptor.
 */
#ifndef SUPPORT_BUS_PROBE_H
#define SUPPORT_BUS_PROBE_H

#include "bus/bus.h"

#define PROBE_TOKENS     4096
#define PROBE_PARTITIONS 64

struct probe_report {
    unsigned times;
    enum error_kind kind;
    int partition;
    int64_t offset;
};

struct probe_reports {
    size_t count;
    struct probe_report of[PROBE_TOKENS];
};

void probe_report(void *ctx, uint64_t token, int partition, int64_t offset,
                  const struct error *err);
/* A message of len bytes that carries its token; key "job/<token>", headers "token" and "empty". */
bool probe_send(struct publisher *publisher, uint64_t token, size_t len, struct error *err);
/* Until so many reports have come. False: not within the time. */
bool probe_await_reports(struct publisher *publisher, const struct probe_reports *reports,
                         size_t count, uint32_t timeout_ms);
size_t probe_reports_of_kind(const struct probe_reports *reports, enum error_kind kind);

struct probe_member { /* one subscriber and what it saw */
    struct subscriber *subscriber;
    bool acknowledge; /* each message, at once */
    bool assigned;
    uint64_t generation;
    size_t partitions;
    unsigned revocations;
    int64_t next[PROBE_PARTITIONS]; /* of this generation; -1: nothing came yet */
    size_t messages;
    unsigned skipped; /* offsets passed over inside one generation */
    unsigned wrong;   /* content unlike what probe_send wrote, stale generations */
    uint8_t *seen;    /* by token, shared among members; how often */
    struct error err;
};

bool probe_join(struct probe_member *member, const struct bus_settings *settings, uint8_t *seen);
/* Waits for at most wait_ms, then takes all there is (want) or serves the group (not want). */
bool probe_turn(struct probe_member *member, bool want, uint32_t wait_ms);
/* Turns until so many messages came. False: not within the time, or an error. */
bool probe_await_messages(struct probe_member *member, size_t count, uint32_t timeout_ms);
bool probe_await_assignment(struct probe_member *member, uint32_t timeout_ms);
void probe_leave(struct probe_member *member);
/* Each of the tokens [from, to) was seen so often; fails the running test otherwise. */
void probe_assert_seen(const uint8_t *seen, uint64_t from, uint64_t to, unsigned least,
                       unsigned most);

#endif
