/* The mock cluster lives inside a client handle that does nothing else. */
#include "support/mock_bus.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "bus/publisher.h"
#include "bus/subscriber.h"

/* the protocol's numbers for them */
#define PRODUCE      0
#define OFFSET_FETCH 9

struct mock_bus {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "mock bus: %s failed\n", what);
        abort();
    }
}

struct mock_bus *mock_bus_start(int brokers, const char *topic, int partitions)
{
    struct mock_bus *bus = calloc(1, sizeof *bus);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[256];

    must(bus != NULL, "memory");
    rd_kafka_conf_set(conf, "log_level", "0", reason,
                      sizeof reason); /* it warns of having no brokers */
    bus->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    must(bus->host != NULL, "a handle");
    bus->cluster = rd_kafka_mock_cluster_new(bus->host, brokers);
    must(bus->cluster != NULL, "a cluster");
    must(rd_kafka_mock_topic_create(bus->cluster, topic, partitions, 1) ==
             RD_KAFKA_RESP_ERR_NO_ERROR,
         "a topic");
    return bus;
}

void mock_bus_stop(struct mock_bus *bus)
{
    rd_kafka_mock_cluster_destroy(bus->cluster);
    rd_kafka_destroy(bus->host);
    free(bus);
}

const char *mock_bus_brokers(const struct mock_bus *bus)
{
    return rd_kafka_mock_cluster_bootstraps(bus->cluster);
}

void mock_bus_down(struct mock_bus *bus, int broker)
{
    must(!rd_kafka_mock_broker_set_down(bus->cluster, broker), "set_down");
}

void mock_bus_up(struct mock_bus *bus, int broker)
{
    must(!rd_kafka_mock_broker_set_up(bus->cluster, broker), "set_up");
}

void mock_bus_delay(struct mock_bus *bus, int broker, int rtt_ms)
{
    must(!rd_kafka_mock_broker_set_rtt(bus->cluster, broker, rtt_ms), "set_rtt");
}

static const rd_kafka_resp_err_t CODES[] = {
    [MOCK_NONE] = RD_KAFKA_RESP_ERR_NO_ERROR,
    [MOCK_DISCONNECT] = RD_KAFKA_RESP_ERR__TRANSPORT,
    [MOCK_NOT_LEADER] = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    [MOCK_TOO_LARGE] = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
    [MOCK_DUPLICATE] = RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER,
    [MOCK_NO_PERMISSION] = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    [MOCK_NOT_ENOUGH_REPLICAS] = RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    [MOCK_OUT_OF_ORDER] = RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
    [MOCK_NOT_COORDINATOR] = RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    [MOCK_UNKNOWN_TOPIC] = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
};

void mock_bus_fail_produce(struct mock_bus *bus, enum mock_fault fault, int times)
{
    for (int i = 0; i < times; i++) {
        rd_kafka_mock_push_request_errors(bus->cluster, PRODUCE, 1, CODES[fault]);
    }
}

void mock_bus_fail_committed(struct mock_bus *bus, enum mock_fault fault, int times)
{
    for (int i = 0; i < times; i++) {
        rd_kafka_mock_push_request_errors(bus->cluster, OFFSET_FETCH, 1, CODES[fault]);
    }
}

void mock_bus_answer_produce(struct mock_bus *bus, int broker, enum mock_fault fault, int rtt_ms)
{
    must(!rd_kafka_mock_broker_push_request_error_rtts(bus->cluster, broker, PRODUCE, 1,
                                                       CODES[fault], rtt_ms),
         "push_request_error_rtts");
}

void mock_bus_topic_unknown(struct mock_bus *bus, const char *topic)
{
    rd_kafka_mock_topic_set_error(bus->cluster, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

void mock_bus_topic_known(struct mock_bus *bus, const char *topic)
{
    rd_kafka_mock_topic_set_error(bus->cluster, topic, RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_bus_kill_publisher(struct publisher *publisher)
{
    rd_kafka_test_fatal_error(publisher->client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                              "a test did it");
}

void mock_bus_drop_client(struct publisher *publisher)
{
    publisher_client_end(publisher, 0, ERROR_UNAVAILABLE);
}

void mock_bus_kill_subscriber(struct subscriber *subscriber)
{
    rd_kafka_test_fatal_error(subscriber->client, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
                              "a test did it");
}
