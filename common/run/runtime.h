/*
 * What both programs stand on: the loop with the ledger connection, HTTP, signals and the worker's heartbeat attached.
 * Straight-line phases (connecting, resolving, planning) wait with runtime_await; the working phases are callbacks.
 * Thread: the loop's.
 */
#ifndef RUN_RUNTIME_H
#define RUN_RUNTIME_H

#include "app/option.h"
#include "app/stop.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/http.h"
#include "net/loop.h"
#include "store/ledger.h"

#define RUNTIME_CLAIMS 64 /* most claims that one process holds at a time */

struct runtime;
struct bus_properties;

/* Fills in what the worker holds and waits for, right before each renewal. */
struct runtime_holdings {
    int64_t job_id; /* 0: none */
    struct ledger_claim claims[RUNTIME_CLAIMS];
    size_t claim_count;
    char waits_for[256]; /* "" when it waits for nothing */
    const char *missing_secrets[8];
    size_t missing_count;
    int64_t foreign_messages;
    int64_t partitions; /* that messages are taken from; -1: not known, or no consumer */
};
typedef void runtime_holdings_fn(void *ctx, struct runtime_holdings *out);
/* A renewal that began at started_ms (clock_boottime_ms) has been answered: everything in `kept` has a full lease from
 * then on; a claim that was asked for and is not there has been lost. */
typedef void runtime_renewed_fn(void *ctx, int64_t started_ms, const struct ledger_claim *kept,
                                size_t count);

/* Nothing new may be begun from now on: requests and statements are about to be ended. */
typedef void runtime_hang_up_fn(void *ctx);

struct runtime {
    struct loop *loop;
    struct http *http;
    struct stop stop;
    struct ledger ledger;
    struct rng rng;
    const struct option_set *options;
    const char *kind; /* "producer" or "consumer" */
    int64_t lease_ms;
    bool is_registered;                    /* the worker row exists */
    struct bus_properties *bus_properties; /* once they were asked for */
    char waits_for[256];                   /* runtime_waits */
    bool is_called_off;                    /* while it waits: its job is not running any more */
    bool is_asking;
    /* heartbeat */
    runtime_holdings_fn *holdings;
    runtime_renewed_fn *renewed;
    runtime_hang_up_fn *on_hang_up; /* or NULL */
    void *ctx;
    bool renewing;
    bool must_renew; /* runtime_renew_soon, since the last one was sent */
    int64_t renew_started_ms;
    int64_t next_renewal_ms;
};

/* Opens loop, signals, HTTP and starts connecting to PostgreSQL. kind: "producer" or "consumer". */
MUST_CHECK bool runtime_open(struct runtime *rt, const struct option_set *options, const char *kind,
                             struct error *err);
/* The same for a command that needs no ledger: nothing is connected, and only runtime_await, runtime_sleep and
 * runtime_close may follow. Needs no --lease. */
MUST_CHECK bool runtime_open_without_ledger(struct runtime *rt, const struct option_set *options,
                                            const char *kind, struct error *err);
/* How much a program wants of the ledger before it begins. */
enum runtime_stage {
    RUNTIME_CONNECTED,  /* any database, for setup */
    RUNTIME_CHECKED,    /* a ledger of our schema version, for looking */
    RUNTIME_REGISTERED, /* and a worker row for us, for working */
};
/* Waits for the ledger: LIMIT_CONNECT_MS, then ERROR_UNAVAILABLE. */
MUST_CHECK bool runtime_connect(struct runtime *rt, enum runtime_stage stage, struct error *err);
/* From now on the worker's row and claims are renewed every third of a lease. renewed may be NULL. Called again:
 * somebody else's holdings. */
MUST_CHECK bool runtime_heartbeat(struct runtime *rt, runtime_holdings_fn *holdings,
                                  runtime_renewed_fn *renewed, void *ctx, struct error *err);
/* What the worker holds has changed in a way that others go by: the next renewal does not wait for its time. */
void runtime_renew_soon(struct runtime *rt);
/* For who has callbacks at work while it waits with runtime_await; ctx is the heartbeat's. */
void runtime_before_hang_up(struct runtime *rt, runtime_hang_up_fn *fn);
/* What people add to the bus's client, from file and variables (bus_environment.h); read once, borrowed until
 * runtime_close. ERROR_USAGE. */
MUST_CHECK bool runtime_bus_properties(struct runtime *rt, const struct bus_properties **out,
                                       struct error *err);
/* Ends the heartbeat, lets the ledger hear what is queued and that the worker has stopped, for at most a second. */
void runtime_close(struct runtime *rt);

/* Turns the loop until *done. ERROR_CANCELLED when a signal asks to stop and *done does not come soon: then every request
 * and statement that was under way has been answered or ended (http and, if silent, the ledger connection are gone), and
 * all that is left to do is runtime_close. */
MUST_CHECK bool runtime_await(struct runtime *rt, const bool *done, struct error *err);

/* Turns the loop for so long; ERROR_CANCELLED as above, ERROR_CONFLICT as runtime_waits says. */
MUST_CHECK bool runtime_sleep(struct runtime *rt, uint32_t wait_ms, struct error *err);

/* What a straight-line phase waits for ("": nothing any more): the heartbeat tells the ledger, unless the holdings have
 * something to tell themselves; and it looks whether the job that is held still runs: when it was paused, cancelled or
 * blocked, runtime_sleep ends with ERROR_CONFLICT. */
void runtime_waits(struct runtime *rt, const char *what);

/* One ledger statement, waited for: pass runtime_answer_fn and a zeroed answer to a ledger_… call, then await it. An
 * ERROR_UNAVAILABLE says that the connection was lost meanwhile; the caller may ask again. */
struct answer {
    bool done;
    struct error err;
    struct pg_rows *rows; /* a copy; free with answer_deinit */
};
void runtime_answer_fn(void *ctx, const struct pg_rows *rows, const struct error *err);
MUST_CHECK bool runtime_await_answer(struct runtime *rt, struct answer *answer, struct error *err);
void answer_deinit(struct answer *answer);
/* After a failure of such a statement, when it does no harm twice: true, with err cleared, when it was lost or refused by an
 * outage, and the ledger is there again; free the answer and ask again. That goes on for LIMIT_CONNECT_MS. *since_ms: 0 at first. */
MUST_CHECK bool runtime_asks_again(struct runtime *rt, int64_t *since_ms, struct error *err);
/* For LIMIT_CONNECT_MS. */
MUST_CHECK bool runtime_wait_for_ledger(struct runtime *rt, struct error *err);

/* The ledger may take so long over one statement from now on, until it is 0 again or the connection is lost: for planning
 * and ending large jobs. */
MUST_CHECK bool runtime_set_patience(struct runtime *rt, uint32_t ms, struct error *err);
/* The usual one again after what was done with more, ok or not: answers ok, with its err. A patience that was lost with the
 * connection is as good as the usual one. */
MUST_CHECK bool runtime_usual_patience(struct runtime *rt, bool ok, struct error *err);

/* Latest moment until which a request may run under a lease whose renewal began at started_ms (PROTOCOL §9). */
int64_t runtime_lease_deadline_ms(const struct runtime *rt, int64_t started_ms);

#endif
