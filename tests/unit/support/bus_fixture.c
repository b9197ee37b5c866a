/* A mock cluster, a publisher on it and what it reported: what most tests of the bus begin with. */
#include "support/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"

static struct fixture *fixture_new(int brokers, int partitions)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->bus = mock_bus_start(brokers, TOPIC, partitions);
    f->settings = (struct bus_settings){.brokers = mock_bus_brokers(f->bus),
                                        .topic = TOPIC,
                                        .client_id = "test",
                                        .group = "ferry.test",
                                        .session_timeout_ms = SESSION_MS};
    f->publisher = publisher_open(&f->settings, probe_report, &f->reports, &f->err);
    assert_non_null(f->publisher);
    return f;
}

static void fixture_free(struct fixture *f)
{
    publisher_close(f->publisher, CLOSE_MS);
    mock_bus_stop(f->bus);
    free(f);
}

int fixture_one_broker(void **state)
{
    *state = fixture_new(1, 4);
    return 0;
}

int fixture_three_brokers(void **state)
{
    *state = fixture_new(3, 4);
    return 0;
}

int fixture_one_partition(void **state)
{
    *state = fixture_new(1, 1);
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_free(*state);
    return 0;
}

void fixture_send_all(struct fixture *f, uint64_t from, uint64_t to, size_t len)
{
    for (uint64_t token = from; token < to; token++) {
        struct error err = {0};

        if (!probe_send(f->publisher, token, len, &err)) {
            fail_msg("token %u: %s", (unsigned)token, err.message);
        }
    }
}

void fixture_assert_all_stored(const struct fixture *f, uint64_t from, uint64_t to)
{
    for (uint64_t token = from; token < to; token++) {
        assert_int_equal(f->reports.of[token].times, 1);
        assert_int_equal(f->reports.of[token].kind, ERROR_NONE);
    }
}

void fixture_publish_and_wait(struct fixture *f, uint64_t from, uint64_t to, size_t len)
{
    fixture_send_all(f, from, to, len);
    assert_true(probe_await_reports(f->publisher, &f->reports, to, WAIT_MS));
    fixture_assert_all_stored(f, from, to);
}

void fixture_serve(struct fixture *f, uint32_t time_ms)
{
    probe_await_reports(f->publisher, &f->reports, SIZE_MAX, time_ms);
}

void fixture_send_again(struct fixture *f, uint64_t token, size_t len)
{
    int64_t until = clock_boottime_ms() + WAIT_MS;
    struct error err = {0};

    while (!probe_send(f->publisher, token, len, &err)) {
        assert_int_equal(err.kind, ERROR_THROTTLED);
        assert_true(clock_boottime_ms() < until);
        error_clear(&err);
        fixture_serve(f, 20);
    }
}
