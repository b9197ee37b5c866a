/*
 * Inside the bus only: what publisher, subscriber and topics share over a librdkafka handle. Its errors in our kinds,
 * the text that says why nothing moves, the descriptor a loop can watch, and an end that never hangs.
 */
#ifndef BUS_CLIENT_H
#define BUS_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "base/error.h"

enum error_kind client_error_kind(rd_kafka_resp_err_t code);
/* "<context>: <reason>"; reason may be NULL or empty (then the code's own text). Always false. */
bool client_error_set(struct error *err, rd_kafka_resp_err_t code, const char *reason,
                      const char *context, ...) PRINTF_LIKE(4, 5);

/* Why nothing moves. Set by the error callback, and by statistics that show a broker which does not answer; ends when
 * something moves, or when the statistics say that brokers are connected and none is being tried. */
struct trouble {
    struct error last;
    int64_t at_ms;
    bool is_silence; /* of the last, nobody complained */
};
void trouble_note(struct trouble *trouble, rd_kafka_resp_err_t code, const char *reason);
void trouble_review(struct trouble *trouble, const char *statistics);
void trouble_clear(struct trouble *trouble);
/* The topic was there and is gone: no fault of anybody's work, but an outage that a person ends. */
void trouble_note_missing(struct trouble *trouble, rd_kafka_resp_err_t code, const char *topic);
/* The first broker that owes an answer and has sent nothing for ten seconds. Pure. */
bool trouble_find_silence(const char *statistics, char *who, size_t size, int64_t *out_ms);

/* An eventfd that librdkafka's queues write to. */
int wake_open(struct error *err); /* -1 on failure */
void wake_raise(int fd);
void wake_drain(int fd);
void wake_attach(rd_kafka_queue_t *queue, int fd); /* fd -1: detach */

bool client_topic_is_led(const struct rd_kafka_metadata_topic *topic); /* every partition */

enum topic_presence {
    TOPIC_UNSURE,
    TOPIC_MISSING,
    TOPIC_THERE
};
/* Asks, for at most timeout_ms. There: with a leader for every partition. Unsure: nobody answers, or not for certain. The
 * client's own idea of the topic follows the answer, which else it would for minutes not. */
enum topic_presence client_find_topic(rd_kafka_t *client, const char *topic, int timeout_ms,
                                      rd_kafka_resp_err_t *code);

/* Destroys the handle on a thread of its own and waits for at most timeout_ms: name resolution, a lost coordinator or a
 * known defect of 2.0.2 can make it wait for minutes. False: it goes on in the background, or ends with the process;
 * no callback comes any more in either case. */
bool client_destroy(rd_kafka_t *client, uint32_t timeout_ms);

#endif
