"""How many writes at a time a target gets: found by the consumer, and never more than it bears or than was allowed."""

import email.utils
import threading
import time

import pytest

from ferry import DONE, last_line, wait_for
from proxy import Answer, Proxy

RECORDS = 900


class Crowd:
    """Lets every upsert last, and counts how many are under way."""

    def __init__(self, upstream, seconds):
        self.seconds, self.lock = seconds, threading.Lock()
        self.now = self.most = self.total = self.beside = 0
        self.proxy = Proxy(upstream, self.handle)

    def handle(self, request, forward):
        if request.verb != "upsert":
            return forward(request)
        with self.lock:
            self.total += 1
            self.beside += self.now > 0
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        try:
            return forward(request)
        finally:
            with self.lock:
                self.now -= 1


def crossing(ferry, limit, seconds=0.2, batch_records=10, **options):
    """Moves the collection through a target with latency; returns what was seen there."""
    crowd = Crowd(ferry.target.url, seconds)
    with crowd.proxy:
        consumer, = ferry.consumers(env={"FERRY_WRITE_LIMIT": str(limit)} if limit else None)
        done = ferry.migrate(target=crowd.proxy.url, batch_records=batch_records, **options)
        assert done.status == DONE, done.err
        assert last_line(done.out) == "%d of %d records verified" % (RECORDS, RECORDS)
        assert consumer.stop() == DONE
    return crowd


def test_a_target_far_away_gets_several_writes_at_a_time(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    alone = crossing(ferry, 1, batch_records=30, target_collection=ferry.also("alone"))
    assert (alone.most, alone.beside) == (1, 0)
    three = crossing(ferry, 3, target_collection=ferry.also("three"))
    assert 1 < three.most <= 3
    free = crossing(ferry, None, seconds=0.5)  # beside so much a busy machine's own doing is little: what a writer more brings is seen
    assert 2 < free.most <= 10
    assert free.beside > free.total / 4, "a good part of them was under way with another, also where the machine has other work"
    ferry.assert_equal()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_target_is_left_alone_as_long_as_it_asks(ferry, form):
    ferry.fill(RECORDS)
    ferry.setup()
    asked, arrivals, lock = [], [], threading.Lock()

    def handle(request, forward):
        with lock:
            arrivals.append(time.monotonic())
            if request.verb == "upsert" and len(arrivals) > 30 and not asked:
                asked.append(time.monotonic())
                until = "8" if form == "seconds" else email.utils.formatdate(time.time() + 8, usegmt=True)
                return Answer(429, {"error": "ChromaError", "message": "Too many requests; backoff and try again"},
                              headers={"Retry-After": until})
        return forward(request)

    with Proxy(ferry.target.url, handle) as proxy:
        consumer, = ferry.consumers()
        migrate = ferry.start_migrate(target=proxy.url, batch_records=10)
        waits = wait_for(lambda: [row["waits_for"] for row in ferry.sql(
            "SELECT waits_for FROM ferry.worker_status WHERE kind = 'consumer' AND waits_for LIKE '%%429%%'")], 60, "told")
        assert "Too many requests" in waits[0] and ", retry in " in waits[0] and ", limit now " in waits[0], waits
        assert migrate.wait() == DONE, migrate.err
    start, = asked
    # What was on its way already may still come; a date has whole seconds only.
    assert [at - start for at in arrivals if start + 1 < at < start + 6.5] == []
    assert any(at > start + 6.5 for at in arrivals)
    ferry.assert_equal()


def test_a_target_that_is_down_is_asked_first_whether_it_is_there(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    refused, lock = [], threading.Lock()

    def handle(request, forward):
        """Down from the first upsert on, until it was asked three times whether it is there."""
        what = "knock" if "pre-flight" in request.path else request.verb
        with lock:
            if (what == "upsert" or refused) and refused.count("knock") < 3:
                refused.append(what)
                return Answer(503, b"no healthy upstream", kind="text/plain")
        return forward(request)

    with Proxy(ferry.target.url, handle) as proxy:
        ferry.consumers()
        done = ferry.migrate(target=proxy.url, batch_records=100)
        assert done.status == DONE, done.err
    assert 3 <= refused.count("upsert") <= 4 and refused[-2:] == ["knock", "knock"], refused
    ferry.assert_equal()
