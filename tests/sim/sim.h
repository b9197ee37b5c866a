/*
 * The whole protocol in one program: the two deciding cores as they are, N producers and M consumers, around models of the
 * ledger, the bus, the target and the source. Time is simulated, everything that happens comes from one seed. Who is who:
 * world.c (time, chance, trace), process.c (crashes, pauses, connections), ledger*.c, kafka.c, target.c, producer*.c,
 * consumer*.c (the edges), schedule.c (what happens to all of them, and what must hold in the end).
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "bus/bus.h"
#include "consumer/delivery.h"
#include "consumer/watermark.h"
#include "producer/export.h"

#define PRODUCERS   2
#define CONSUMERS   3
#define PROCESSES   (PRODUCERS + CONSUMERS)
#define BATCHES     8 /* 4 planned, and what splitting makes of them */
#define RECORDS     3 /* of a batch */
#define IDS         16
#define KEYS        2
#define PARTITIONS  2
#define LOG_MAX     256
#define SLOTS_MAX   10
#define LEASE       3000
#define MARGIN      (LEASE / 4)
#define SETTLE_TIME 240000 /* after the last fault, for everything that is left to do */

/* ---- world.c ---- */

struct content { /* of a record; 0: not there */
    bool exists;
    uint8_t keys[KEYS], doc;
    uint8_t nulls; /* of an upsert: keys to be cleared */
};

enum outage {
    AWAY_LEDGER,
    AWAY_BUS,
    AWAY_TARGET,
    AWAY_SOURCE,
    AWAY_COUNT
};

enum statement_kind {
    DB_CLAIM_EXPORTS,
    DB_RECORD,
    DB_REPORT,
    DB_RELEASE_EXPORT,
    DB_SPLIT,
    DB_CLAIM,
    DB_PARK,
    DB_REFUSE,
    DB_BLOCK,
    DB_REPAIR,
    DB_FINISH,
    DB_RELEASE,
    DB_NOTE,
    DB_RENEW,
    DB_PROGRESS,
    DB_TAKE, /* the finish lease */
    DB_CANDIDATES,
    DB_REPLAN,
    DB_REREAD_NEXT,
    DB_REREAD_SETTLE,
    DB_END,
    DB_KINDS
};

#define HELD_MAX EXPORT_SLOTS

struct held { /* a claim, or a batch of an answer */
    int64_t batch, fence, rev;
};

struct statement { /* and its answer */
    enum statement_kind kind;
    int64_t worker;
    size_t slot;
    uint32_t errand;
    int64_t batch, rev, fence;
    uint64_t sha;
    int64_t started_ms;
    bool sent, doubtful, is_same, has_operations;
    uint8_t left_out, verified, rejected, mismatched; /* records, as bits */
    uint64_t readback;
    int partition;
    int64_t offset;
    int64_t wait_ms, quiet_ms;
    size_t count;
    struct held held[HELD_MAX];
    /* of the answer */
    enum error_kind error;
    bool matched, is_final, is_repairing, is_quiet;
    enum delivery_claim outcome;
    uint32_t records;
    size_t open;
    int job_state;
};

enum request_kind {
    HTTP_UPSERT,
    HTTP_READ,
    HTTP_DELETE,
    HTTP_KNOCK,
    HTTP_LIST /* of the whole target, or of a batch to be read again */
};

struct request {
    enum request_kind kind;
    size_t slot;
    uint32_t errand;
    int64_t batch, fence, deadline_ms;
    size_t count;
    uint8_t ids[RECORDS];
    struct content contents[RECORDS]; /* to be written, or as read */
    enum error_kind error;
    int status;
    uint32_t retry_after_ms;
    bool may_be_applied, is_lost;
};

struct happening {
    void (*fn)(struct happening *happening);
    int process; /* -1: nobody's; else dropped when that life is over, and put off while it is paused */
    uint32_t life;
    int64_t a, b, c;
    union {
        struct statement statement;
        struct request request;
        struct export_event export_event;
    } u;
};

extern struct rng sim_rng;
extern int64_t sim_now;
extern uint64_t sim_seed;
extern bool sim_is_traced;
extern bool sim_is_calm; /* no further faults */
extern int64_t sim_away_until[AWAY_COUNT];
extern uint32_t sim_storm[AWAY_COUNT]; /* how bad it is in this schedule; 1 is usual */

void world_begin(uint64_t seed, bool is_traced);
/* To be filled in before the next one is asked for. */
struct happening *world_after(int64_t wait_ms, void (*fn)(struct happening *), int process);
bool world_turn(void); /* false: nothing will ever happen again */
size_t world_pending(void);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A rule is broken: says so, with the seed, and ends the program. */
_Noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            broken(__VA_ARGS__);                                                                   \
        }                                                                                          \
    } while (0)
static inline bool chance(uint32_t permille)
{
    return rng_below(&sim_rng, 1000) < permille;
}
static inline bool fault(uint32_t permille)
{
    return !sim_is_calm && chance(permille);
}
/* At what, and how often. */
static inline bool fault_of(enum outage what, uint32_t permille)
{
    return fault(permille * sim_storm[what]);
}
static inline int64_t between(int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&sim_rng, (uint64_t)(high - low + 1));
}
static inline bool is_away(enum outage what)
{
    return sim_now < sim_away_until[what];
}

/* ---- process.c ---- */

struct parcel {      /* what a slot of a consumer holds */
    int64_t message; /* in kafka's store */
    uint32_t errand; /* of the present request; 0: none */
    bool is_lettering;
    size_t at, in_piece;
    uint32_t parts;
    int64_t started_ms;
    uint8_t nulls[RECORDS];
    uint8_t surplus, verified, mismatched, refused;
    uint64_t readback;
    bool was_read; /* since the last write of this claim */
    int64_t read_fence;
};

struct cargo { /* what a slot of a producer holds */
    uint32_t errand;
    struct content contents[RECORDS];
    uint8_t left_out;
    uint64_t sha;
    int partition;
    int64_t offset;
};

struct process {
    int index;
    bool is_producer, is_up, is_stopping, is_dying;
    uint32_t life;
    int64_t worker;
    int64_t paused_until;
    int64_t executed_until, answered_until; /* the ledger connection works in order */
    uint32_t errands;
    bool is_carrying;
    int64_t asked[HELD_MAX];
    int64_t stops_by;
    /* consumer */
    struct delivery_core delivery;
    struct watermark *watermark;
    struct parcel parcels[DELIVERY_SLOTS];
    uint64_t generation; /* newest assignment; 0: none */
    bool is_member, is_fetching;
    bool owns[PARTITIONS];
    int64_t position[PARTITIONS], stored[PARTITIONS];
    uint32_t epoch[PARTITIONS]; /* of the log, when assigned */
    /* producer */
    struct export_core export_core;
    struct cargo cargo[EXPORT_SLOTS];
    bool is_finishing;
    int64_t next_sweep_ms, next_end_ms;
};

extern struct process processes[PROCESSES];
extern int process_count, producer_count;

void processes_begin(void);
void process_start(struct process *process);
void process_crash(struct process *process);
void process_stop(struct process *process);
/* The answer comes as a happening of the process with fn. */
void process_submit(struct process *process, const struct statement *statement,
                    void (*fn)(struct happening *));
/* False: this process has just died in the middle of what it did. */
bool process_lives_on(struct process *process);

/* ---- ledger.c, ledger_export.c, ledger_delivery.c, ledger_finish.c: schemas/ledger/000N_*.sql as a model ---- */

enum row_state {
    ROW_PLANNED,
    ROW_PUBLISHED,
    ROW_CLAIMED,
    ROW_VERIFIED,
    ROW_REJECTED,
    ROW_SUPERSEDED
};

enum job_state {
    JOB_RUNS,
    JOB_PAUSED,
    JOB_BLOCKED,
    JOB_SUCCEEDED,
    JOB_FAILED
};

struct row {
    enum row_state state;
    uint8_t ids[RECORDS];
    size_t n_records;
    int64_t rev;
    uint64_t sha; /* 0: null */
    int64_t worker, fence, lease_until, quiet_until;
    int partition;
    int64_t offset;
    bool must_reread;
    bool is_repairing; /* ferry.repairs has an open row */
    uint8_t rejected, vanished, verified, mismatched;
    uint64_t readback;
    int64_t from_ms; /* not exported earlier, so that jobs last longer than a moment */
    /* Not the ledger's: what the checks go by. */
    int64_t holder; /* the claim that holds it by the rules, whatever the code above says */
    struct content exported[RECORDS]; /* by this rev */
    int64_t verified_rev;
};

struct slot {
    int64_t worker, fence, lease_until;
};

struct ledger {
    struct row rows[BATCHES];
    size_t count;
    int64_t fences;
    struct slot slots[SLOTS_MAX];
    size_t slot_count;
    enum job_state job;
    int64_t finish_worker, finish_lease_until;
    int64_t retry_at; /* 0: null */
    int64_t stopped_worker[PROCESSES];
};

extern struct ledger ledger;

void ledger_begin(void);
void ledger_run(struct statement *statement); /* one statement, at once */
void ledger_export_run(struct statement *statement);
void ledger_delivery_run(struct statement *statement);
void ledger_finish_run(struct statement *statement);
void ledger_free_slot(int64_t fence);
void ledger_irregular(struct row *row, bool is_irregular);
bool ledger_is_final(const struct row *row);
bool ledger_is_over(void);
/* May a message of this batch and rev be forgotten by the bus? */
bool ledger_is_settled(int64_t batch, int64_t rev);

/* ---- kafka.c ---- */

enum nature {
    MESSAGE_GOOD,
    MESSAGE_OTHER_DIGEST, /* the row's rev, another content */
    MESSAGE_NEWER,
    MESSAGE_UNKNOWN,
    MESSAGE_UNREADABLE
};

struct message {
    enum nature nature;
    int64_t batch, rev;
    uint64_t sha;
    size_t count;
    uint8_t ids[RECORDS];
    struct content contents[RECORDS];
    bool is_noted; /* poison, and the ledger knows */
};

void kafka_begin(void);
const struct message *kafka_message(int64_t serial);
void kafka_note(int64_t serial);
void kafka_send(struct process *producer, size_t slot, const struct message *message);
void kafka_forge(void);
void kafka_lose_tail(void);
void kafka_rewind(void);
void kafka_join(struct process *consumer);
void kafka_leave(struct process *consumer, bool is_orderly);
void kafka_rebalance(void);
void kafka_fetch(struct process *consumer);
void kafka_store(struct process *consumer, int partition, int64_t next);
size_t kafka_positions(struct bus_position *out);
/* Its place has not been passed by the group. */
bool kafka_may_come(int64_t batch, int64_t rev, int partition, int64_t offset);

/* ---- target.c: the target, and the source ---- */

extern struct content source[IDS], target[IDS];
extern bool source_changed[IDS];                   /* since the beginning */
extern bool target_refuses[IDS], target_is_mended; /* by a person: then it refuses none of them */

void target_begin(void);
void source_change(void);
bool content_equal(const struct content *a, const struct content *b);
uint64_t content_digest(uint64_t start, const struct content *contents, size_t count, uint8_t mask);
/* The answer comes as a happening of the process with fn. */
void target_request(struct process *process, const struct request *request,
                    void (*fn)(struct happening *));
/* Writes that their clients have not given up. */
void target_forget(const struct process *process, uint32_t errand);

/* ---- producer.c, consumer.c, requests.c: the edges ---- */

void producer_start(struct process *process);
void producer_stop(struct process *process, uint32_t grace_ms);
void producer_tell(struct process *process, const struct export_event *event);
void producer_report(struct happening *happening); /* of kafka_send */
void producer_follow(struct happening *happening);
void consumer_start(struct process *process);
void consumer_stop(struct process *process, uint32_t grace_ms);
void consumer_tell(struct process *process, const struct delivery_event *event);
void consumer_take(struct process *process, int64_t serial, int partition, int64_t offset);
void errand_knock(struct process *process, size_t slot);
void errand_upsert(struct process *process, size_t slot, uint32_t parts);
void errand_read(struct process *process, size_t slot);
void errand_delete(struct process *process, size_t slot);
void errand_abandon(struct process *process, size_t slot);

/* ---- schedule.c ---- */

struct tally { /* so that a schedule in which nothing happens is noticed */
    uint64_t schedules, succeeded, failed, crashes, pauses, takeovers, parks, repairs, rereads,
        reopened, sweeps, rebalances, lost_tails, late_writes, rejects, splits, holds, busy, knocks,
        poison, late_reports, happenings, longest_ms;
};

extern struct tally tally;

void schedule_run(uint64_t seed, bool is_traced);

#endif
