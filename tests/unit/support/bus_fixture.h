/*
 * A mock cluster, a publisher on it and what it reported: what most tests of the bus begin with. The functions fail the
 * running test by themselves.
 */
#ifndef SUPPORT_BUS_FIXTURE_H
#define SUPPORT_BUS_FIXTURE_H

#include "support/bus_probe.h"
#include "support/mock_bus.h"

#define TOPIC    "ferry.batches"
#define NO_ONE   "127.0.0.1:1" /* nobody listens there */
#define WAIT_MS  15000
#define CLOSE_MS 2000
/* The mock group takes as long as this for each rebalance after the first; a real one does not. It is also the longest
 * time between two calls. */
#define SESSION_MS 3000

struct fixture {
    struct mock_bus *bus;
    struct bus_settings settings;
    struct probe_reports reports;
    uint8_t seen[PROBE_TOKENS];
    struct publisher *publisher;
    struct error err;
};

int fixture_one_broker(void **state); /* four partitions */
int fixture_three_brokers(void **state);
int fixture_one_partition(void **state); /* of one broker */
int fixture_tear_down(void **state);

/* Messages with the tokens [from, to). */
void fixture_send_all(struct fixture *f, uint64_t from, uint64_t to, size_t len);
void fixture_assert_all_stored(const struct fixture *f, uint64_t from, uint64_t to);
/* `to` is also the number of reports to wait for: tokens are counted from 0 without a gap. */
void fixture_publish_and_wait(struct fixture *f, uint64_t from, uint64_t to, size_t len);
void fixture_serve(struct fixture *f, uint32_t time_ms); /* takes reports for so long */
/* Until the queue takes it. */
void fixture_send_again(struct fixture *f, uint64_t token, size_t len);

#define ON_ONE(test) cmocka_unit_test_setup_teardown(test, fixture_one_broker, fixture_tear_down)
#define ON_THREE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, fixture_three_brokers, fixture_tear_down)
#define ON_ONE_PARTITION(test)                                                                     \
    cmocka_unit_test_setup_teardown(test, fixture_one_partition, fixture_tear_down)

#endif
