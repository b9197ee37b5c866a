/*
 * librdkafka's own mock cluster, for faults that no real broker gives on demand. Real connections on loopback, no real
 * broker behind them: it shows how our side takes an error, never that Kafka behaves so.
 */
#ifndef SUPPORT_MOCK_BUS_H
#define SUPPORT_MOCK_BUS_H

#include <stdbool.h>
#include <stdint.h>

struct publisher;
struct subscriber;
struct mock_bus;

/* Ends the test program when it cannot start. The topic exists with so many partitions. */
struct mock_bus *mock_bus_start(int brokers, const char *topic, int partitions);
void mock_bus_stop(struct mock_bus *bus);
const char *mock_bus_brokers(const struct mock_bus *bus);

void mock_bus_down(struct mock_bus *bus, int broker); /* from 1 */
void mock_bus_up(struct mock_bus *bus, int broker);
void mock_bus_delay(struct mock_bus *bus, int broker, int rtt_ms);

enum mock_fault {
    MOCK_NONE,
    MOCK_DISCONNECT,
    MOCK_NOT_LEADER,
    MOCK_TOO_LARGE,
    MOCK_DUPLICATE,
    MOCK_NO_PERMISSION,
    MOCK_NOT_ENOUGH_REPLICAS,
    MOCK_OUT_OF_ORDER,
    MOCK_NOT_COORDINATOR,
    MOCK_UNKNOWN_TOPIC,
};
/* The next `times` produce requests meet the fault. */
void mock_bus_fail_produce(struct mock_bus *bus, enum mock_fault fault, int times);
/* The next `times` questions for a group's committed offsets meet the fault. */
void mock_bus_fail_committed(struct mock_bus *bus, enum mock_fault fault, int times);
/* One produce request is answered so, after rtt_ms. */
void mock_bus_answer_produce(struct mock_bus *bus, int broker, enum mock_fault fault, int rtt_ms);
void mock_bus_topic_unknown(struct mock_bus *bus, const char *topic);
void mock_bus_topic_known(struct mock_bus *bus, const char *topic);

/* The fatal state of the client inside, as 2.0.2 reaches it by itself after some disconnects. */
void mock_bus_kill_publisher(struct publisher *publisher);
/* The client goes without a word about what it had. */
void mock_bus_drop_client(struct publisher *publisher);
void mock_bus_kill_subscriber(struct subscriber *subscriber);

#endif
