/*
 * Inside the bus only: a short-lived client that asks the brokers something and waits for the answer, until a deadline
 * that holds for everything it is asked.
 */
#ifndef BUS_ADMIN_H
#define BUS_ADMIN_H

#include <librdkafka/rdkafka.h>

#include "bus/bus.h"
#include "bus/client.h"

struct admin {
    const struct bus_settings *settings; /* borrowed */
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *answers;
    uint32_t timeout_ms;
    int64_t deadline_ms;
    bool answered; /* a broker spoke, if not about what was asked */
    struct trouble trouble;
};

MUST_CHECK bool admin_open(struct admin *admin, const struct bus_settings *settings,
                           uint32_t timeout_ms, struct error *err);
void admin_close(struct admin *admin); /* of a zeroed struct: nothing */
int admin_left_ms(const struct admin *admin);
/* As long as one look may take, so that complaints are heard in between. */
int admin_slice_ms(const struct admin *admin);

/* The topic's partitions, 0 when it does not exist. Asks again until an answer is certain. With all_led, waits for the
 * topic to exist and every partition to have a leader. */
MUST_CHECK bool admin_partitions(struct admin *admin, bool all_led, int *partitions,
                                 struct error *err);
/* The first (RD_KAFKA_OFFSET_BEGINNING) or next (RD_KAFKA_OFFSET_END) offset of each partition: out[0…partitions). Asks
 * again while leaders are not ready: a topic just created is in the metadata before its leaders serve it. */
MUST_CHECK bool admin_offsets(struct admin *admin, int partitions, int64_t edge, int64_t *out,
                              struct error *err);
/* The whole topic, each at that offset; to be destroyed by the caller. */
rd_kafka_topic_partition_list_t *admin_all_partitions(const struct admin *admin, int partitions,
                                                      int64_t offset);
/* Options with what is left of the time; to be destroyed by the caller. */
rd_kafka_AdminOptions_t *admin_options(const struct admin *admin, rd_kafka_admin_op_t op);
/* The answer to what was asked with `answers`; NULL and an error when it says so or none comes. */
rd_kafka_event_t *admin_answer(struct admin *admin, rd_kafka_event_type_t type, const char *what,
                               struct error *err);

#endif
