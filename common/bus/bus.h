/*
 * The seam for the message bus (decision 24): publish with a report, subscribe with positions and acknowledgements,
 * and the topics. Kafka (librdkafka, floor 2.0.2) is inside this folder and nowhere else. Everything here is called
 * from the loop thread; librdkafka's own threads stay inside.
 *
 * Settings come as bus_settings; secrets among them are read from the environment by the caller, never from flags.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/uuid.h"

struct bus_settings {
    const char *brokers;   /* "host:port,…" */
    const char *topic;     /* ferry.batches */
    const char *client_id; /* program-pid */
    const char *group;     /* consumers and the sweep: ferry.<ledger uuid> */
    /* Subscribers only; 0 = default (45 s). How soon a member that died loses its partitions. When set it is also the
     * longest time between two calls of subscriber_next (default 300 s); for tests, which cannot wait. */
    uint32_t session_timeout_ms;
    uint32_t message_bytes;                  /* largest message to be sent; 0: LIMIT_MESSAGE_WIRE */
    const struct bus_properties *properties; /* or NULL; outlives all that is opened with it */
};

/* Properties of the Kafka client that people add to ours, by its names for them. May hold secrets: wiped when freed. */
struct bus_properties; /* opaque, heap */

struct bus_properties *bus_properties_new(bool may_be_insecure, struct error *err);
void bus_properties_free(struct bus_properties *properties); /* NULL is fine */
/* where ("FERRY_KAFKA_LINGER_MS", "FILE, line 3") begins the message. Set again: the last one holds. ERROR_USAGE names
 * property and reason: one that is ours, runs code, switches a check off (unless that was asked for), is unknown or has
 * a value the client does not take. No message repeats a value that may be a secret. */
MUST_CHECK bool bus_properties_set(struct bus_properties *properties, const char *where,
                                   const char *name, const char *value, struct error *err);
/* Do they go together, and can their files be read? Opens nothing. ERROR_USAGE. */
MUST_CHECK bool bus_properties_check(const struct bus_properties *properties, struct error *err);
/* The first that switches a check off, or NULL. Borrowed. */
const char *bus_properties_insecure(const struct bus_properties *properties);

struct bus_header {
    const char *name;
    const char *value; /* text, or bytes: */
    size_t len;        /* of the value, 0: up to its NUL */
};

struct bus_message;

#define BUS_NO_OFFSET (-1)

/* ---- publishing ---- */

struct publisher;

/* report: the only proof that a message is stored. err kind NONE: stored, partition and offset are valid. Any other:
 * not proven; it may still be there (then a message sent again is a duplicate). An acknowledgement without an offset
 * comes as ERROR_UNAVAILABLE: librdkafka infers it from a later message, and that was seen to be wrong. So does a topic that
 * is gone; sends are throttled then, until it is there again.
 * token: as given to publisher_send. Must not step or close the publisher. */
typedef void publisher_report_fn(void *ctx, uint64_t token, int partition, int64_t offset,
                                 const struct error *err);

struct publisher *publisher_open(const struct bus_settings *settings, publisher_report_fn *fn,
                                 void *ctx, struct error *err);
/* Flushes for at most flush_ms, purges the rest (their reports come with CANCELLED), closes. NULL is fine. */
void publisher_close(struct publisher *publisher, uint32_t flush_ms);
int publisher_fd(void *publisher);
short publisher_wants(void *publisher);
void publisher_step(void *publisher,
                    short got); /* serves reports; call when ready and at least every 100 ms */

/* Takes `value` (malloc'd) on success only. ERROR_THROTTLED: the local queue is full, or the topic is gone and publisher_trouble
 * says so; try again after a step.
 * ERROR_TOO_LARGE: larger than the wire limit. A fatal client error rebuilds the handle inside; messages without a
 * report get one with ERROR_UNAVAILABLE. */
MUST_CHECK bool publisher_send(struct publisher *publisher, const char *key,
                               const struct bus_header *headers, size_t header_count,
                               uint8_t *value, size_t len, uint64_t token, struct error *err);
/* For what the caller keeps: everything is copied. */
struct bus_copy {
    struct span key; /* any bytes */
    const struct bus_header *headers;
    size_t header_count;
    const struct bus_message
        *headers_of; /* a message whose headers come first, as they are; or NULL */
    struct span value;
    bool has_value; /* false: a message without one */
};
MUST_CHECK bool publisher_send_copy(struct publisher *publisher, const struct bus_copy *copy,
                                    uint64_t token, struct error *err);
/* Somebody else was told that the topic does not exist (topic_positions: ERROR_NOT_FOUND). */
void publisher_miss_topic(struct publisher *publisher);
size_t publisher_pending(const struct publisher *publisher); /* sent, not reported */
/* How often the client had to be made anew, after an error that it does not survive. */
uint32_t publisher_rebuilds(const struct publisher *publisher);
/* Why nothing moves ("127.0.0.1:9092: Connection refused"), or "". */
const char *publisher_trouble(const struct publisher *publisher);

/* ---- subscribing ---- */

struct subscriber;

struct bus_message {
    int partition;
    int64_t offset;
    uint64_t generation; /* of the assignment it came with */
    struct span key;     /* borrowed until bus_message_free, as is value */
    struct span value;
    bool has_value; /* else it came without one, which is not the same as an empty one */
    void *handle;
};
struct span bus_message_header(const struct bus_message *message, const char *name, bool *found);
void bus_message_free(struct bus_message *message); /* idempotent */

/* The partitions of a generation begin or end (eager: all at once). After `lost`, acknowledgements of older generations
 * are ignored. Called from inside subscriber_next. */
typedef void subscriber_assigned_fn(void *ctx, uint64_t generation, const int *partitions,
                                    size_t count);
typedef void subscriber_revoked_fn(void *ctx, uint64_t generation);

struct subscriber *subscriber_open(const struct bus_settings *settings,
                                   subscriber_assigned_fn *on_assigned,
                                   subscriber_revoked_fn *on_revoked, void *ctx, struct error *err);
/* Commits what was acknowledged and leaves the group; bounded by timeout_ms. NULL is fine. */
void subscriber_close(struct subscriber *subscriber, uint32_t timeout_ms);
int subscriber_fd(void *subscriber);
short subscriber_wants(void *subscriber);
/* Next message without waiting; *got = false: none now. To be called when ready and at least every second, with
 * want = false when the caller can hold no more (then only group events are served, no message is returned; the
 * subscription stays alive however long that takes). The descriptor stays ready while more may be there, until a call
 * with want = false; when room comes back, call at once, nothing else will tell. An error ends the subscription: close
 * it and open another. */
MUST_CHECK bool subscriber_next(struct subscriber *subscriber, bool want, struct bus_message *out,
                                bool *got, struct error *err);
/* Everything below next_offset of that partition is done: stored, committed in the background every second.
 * A generation that is not current any more: ignored. */
void subscriber_acknowledge(struct subscriber *subscriber, uint64_t generation, int partition,
                            int64_t next_offset);
const char *subscriber_trouble(const struct subscriber *subscriber);

/* ---- topics and positions (both wait, bounded by timeout_ms) ---- */

struct topic_wishes {
    int partitions;        /* when created */
    int64_t message_bytes; /* max.message.bytes when created, and the least that is accepted */
    int64_t
        retention_ms; /* when created: -1 = for ever; least accepted when present; no size ends it */
};
/* Creates the topic when it is not there (created = true); otherwise checks message size, retention and that it is not
 * compacted. ERROR_USAGE names setting, value, and what to do. ERROR_UNAVAILABLE: no broker answers. */
MUST_CHECK bool topic_ensure(const struct bus_settings *settings, const struct topic_wishes *wishes,
                             bool may_create, bool *created, uint32_t timeout_ms,
                             struct error *err);

struct bus_position {  /* of the sweep's question: can this message still come? */
    int partition;     /* in */
    int64_t low, high; /* out: offsets in [low, high) exist */
    int64_t committed; /* out: the group's next offset, BUS_NO_OFFSET when none */
};
/* Fills positions for every partition of the topic: out[0…count). */
MUST_CHECK bool topic_positions(const struct bus_settings *settings, struct bus_position *out,
                                size_t max, size_t *count, uint32_t timeout_ms, struct error *err);

struct bus_about {
    int brokers;
    char version[40]; /* "3.9"; "": not told */
};
MUST_CHECK bool bus_look(const struct bus_settings *settings, uint32_t timeout_ms,
                         struct bus_about *out, struct error *err);

struct bus_trip {
    char topic[300]; /* of its own: settings->topic and a random number */
    int64_t took_ms; /* until it was back */
    char left[512];  /* why that topic could not be deleted, or "": it is gone */
};
/* Makes a topic, sends a message of so many bytes that no compression makes smaller, reads it back, deletes the topic.
 * timeout_ms: of each of these. False: it did not come back whole; *out is valid all the same. */
MUST_CHECK bool bus_round_trip(const struct bus_settings *settings, size_t bytes,
                               uint32_t timeout_ms, struct bus_trip *out, struct error *err);

const char *bus_library_version(void);
bool bus_check_brokers(const char *brokers,
                       struct error *err); /* "host:port[,…]" well-formed: ERROR_USAGE */

#endif
