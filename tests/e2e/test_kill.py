"""kill -9 of either program at chosen moments, stops by signal, several of each, and jobs that stand in each other's way.
A proxy holds requests where a moment must be hit exactly."""

import random
import signal
import threading
import time

import pytest

from ferry import DONE, INTERRUPTED, NEEDS_PERSON, last_line, stays, wait_for
from proxy import Answer, Gate, Proxy


class Held:
    """A proxy that lets `first` requests of one verb pass and holds all later ones, before or after they were served."""

    def __init__(self, upstream, verb, first=0, after=False):
        self.gate, self.verb, self.first, self.after = Gate(), verb, first, after
        self.seen, self.lock = 0, threading.Lock()
        self.proxy = Proxy(upstream, self.handle)

    def handle(self, request, forward):
        mine = request.verb == self.verb
        if mine:
            with self.lock:
                self.seen += 1
                if self.seen == self.first + 1:
                    self.gate.close()
            if not self.after:
                self.gate.pass_through()
        answer = forward(request)
        if mine and self.after:
            self.gate.pass_through()
        return answer

    def __enter__(self):
        self.proxy.__enter__()
        return self

    def __exit__(self, *_):
        self.gate.open()
        self.proxy.__exit__()

    def wait(self):
        wait_for(lambda: self.gate.waiting, 120, "a held %s" % self.verb)


def finished(ferry, process, records, job=None):
    assert process.status == DONE, process.err
    assert last_line(process.out) == "%d of %d records verified" % (records, records)
    row = ferry.job(job)
    assert (row["state"], row["planned"], row["verified"], row["rejected"]) == ("succeeded", records, records, 0)
    assert ferry.assert_equal().target_count == records


def consistent(ferry):
    """The ledger's own sums, and not more messages than exports."""
    for row in ferry.batches():
        assert row["state"] in ("verified", "superseded"), row
        assert row["exports"] >= 1 and row["deliveries"] >= 1
    assert ferry.topic.count() <= sum(row["exports"] for row in ferry.batches())
    wait_for(lambda: ferry.lag() == 0, 20, "everything acknowledged")


@pytest.fixture
def ready(ferry):
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.fill(400)
    ferry.setup()
    return ferry


# --- kill -9 ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("verb, after", [("upsert", False), ("upsert", True), ("get", False)],
                         ids=["before-upsert", "after-upsert", "before-read-back"])
def test_a_consumer_killed_with_a_batch_in_its_hands(ready, verb, after):
    with Held(ready.target.url, verb, first=3, after=after) as held:
        consumer, = ready.consumers()
        migrate = ready.start_migrate(target=held.proxy.url, batch_records=20)
        held.wait()
        consumer.kill()
        held.gate.open()
        ready.consumers()
        migrate.status = migrate.wait()
        finished(ready, migrate, 400)
        assert any(row["deliveries"] > 1 for row in ready.batches())
        consistent(ready)


@pytest.mark.parametrize("verb, first", [("get", 0), ("get", 6)], ids=["while-planning", "while-exporting"])
def test_a_producer_killed_and_started_again(ready, verb, first):
    ready.consumers()
    with Held(ready.source.url, verb, first=first) as held:
        migrate = ready.start_migrate(source=held.proxy.url, batch_records=20)
        held.wait()
        migrate.kill()
        held.gate.open()
        again = ready.migrate(source=held.proxy.url, batch_records=20)
    finished(ready, again, 400)
    assert len(ready.jobs()) == 1
    consistent(ready)


def test_a_killed_producers_job_is_resumed_by_name_from_another_address(ready):
    ready.consumers()
    with Held(ready.source.url, "get", first=6) as held:
        migrate = ready.start_migrate(source=held.proxy.url, batch_records=20, job="moving")
        held.wait()
        assert ready.job()["planned"] == 400
        migrate.kill()
    # The proxy is gone, and with it the source's address; migrate finds the job by its collections.
    again = ready.migrate(batch_records=20)
    finished(ready, again, 400, "moving")
    consistent(ready)


def test_both_programs_killed_at_once(ready):
    with Held(ready.target.url, "upsert", first=4) as held:
        consumer, = ready.consumers()
        migrate = ready.start_migrate(target=held.proxy.url, batch_records=20, job="both")
        held.wait()
        migrate.kill()
        consumer.kill()
        held.gate.open()
        ready.consumers()
        resumed = ready.producer("resume", "both")
        finished(ready, resumed, 400)
        consistent(ready)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again(ferry, seed):
    """Two of each; one of them is killed every second, and another one started."""
    dice = random.Random(seed)
    ferry.fill(2000)
    ferry.setup()
    consumers = ferry.consumers(2)
    producers = [ferry.start_migrate(batch_records=10) for _ in range(2)]
    for _ in range(8):
        end = ferry.job()
        if end and end["state"] == "succeeded":
            break
        victims, start = dice.choice([(consumers, ferry.consumers), (producers, None)])
        index = dice.randrange(2)
        if victims[index].alive:
            victims[index].kill()
        victims[index] = start()[0] if start else ferry.start_migrate(batch_records=10)
        time.sleep(dice.uniform(0.2, 1.5))
    last = ferry.migrate(batch_records=10)
    assert last.status == DONE, last.err
    assert ferry.assert_equal().target_count == 2000
    assert sum(row["verified"] for row in ferry.batches()) == 2000
    consistent(ferry)


# --- stopped by signal -----------------------------------------------------------------------------------------------

def test_a_consumer_stopped_in_the_middle_leaves_work_for_the_next(ready):
    with Held(ready.target.url, "upsert", first=3) as held:
        consumer, = ready.consumers()
        migrate = ready.start_migrate(target=held.proxy.url, batch_records=20)
        held.wait()
        consumer.popen.send_signal(signal.SIGTERM)
        held.gate.open()
        assert consumer.wait(60) in (DONE, INTERRUPTED), consumer.err
        assert all(row["state"] != "claimed" or row["worker_id"] is None for row in ready.batches())
        ready.consumers()
        migrate.status = migrate.wait()
        finished(ready, migrate, 400)
        consistent(ready)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_producer_stopped_in_the_middle_says_how_to_go_on(ready, signum):
    ready.consumers()
    with Held(ready.source.url, "get", first=6) as held:
        migrate = ready.start_migrate(source=held.proxy.url, batch_records=20, job="stopped")
        held.wait()
        assert migrate.stop(30, signum) == INTERRUPTED, migrate.err
        assert "ferry-producer resume stopped" in migrate.err + migrate.out
        held.gate.open()
        resumed = ready.producer("resume", "stopped")
    finished(ready, resumed, 400)
    consistent(ready)


# --- several of each -------------------------------------------------------------------------------------------------

def workers(ferry):
    return ferry.sql("SELECT count(DISTINCT pid) AS n FROM ferry.worker_status")[0]["n"]


def test_two_producers_and_two_consumers_share_one_job(ferry):
    ferry.env["FERRY_LEASE"] = "20s"  # that none is lost on a busy machine: each batch is exported and delivered once
    ferry.fill(1200)
    ferry.setup()
    ferry.consumers(2)
    with Held(ferry.source.url, "get", first=1) as held:  # the listing; no record is read before all four are there
        producers = [ferry.start_migrate(source=held.proxy.url, batch_records=10) for _ in range(2)]
        held.wait()
        wait_for(lambda: workers(ferry) == 4, what="two of each")
        held.gate.open()
        for producer in producers:
            producer.status = producer.wait()
    for producer in producers:
        assert producer.status == DONE, producer.err
        assert last_line(producer.out) == "1200 of 1200 records verified"
    assert len(ferry.jobs()) == 1
    assert ferry.assert_equal().target_count == 1200
    assert all((row["exports"], row["deliveries"]) == (1, 1) for row in ferry.batches())
    assert ferry.topic.count() == len(ferry.batches()) == 120


def test_two_jobs_at_once(ready):
    other = ready.fill(400, ready.also("other"), dimension=16, space="l2", seed=5)
    ready.consumers(2)
    first, second = ready.start_migrate(batch_records=20), ready.start_migrate(other, batch_records=20)
    assert (first.wait(), second.wait()) == (DONE, DONE)
    ready.assert_equal()
    ready.assert_equal(other)
    assert {row["state"] for row in ready.jobs()} == {"succeeded"}


# --- a job that cannot go on -----------------------------------------------------------------------------------------

def test_a_blocked_job_stops_nobody_and_goes_on_when_resumed(ready):
    """Two jobs on the same partitions, to targets of their own; one target says no to everything."""
    other = ready.fill(400, ready.also("other"), seed=5)
    saying_no = [True]

    def handle(request, forward):
        if request.verb == "upsert" and saying_no[0]:
            return Answer(400, {"error": "InvalidArgumentError", "message": "the moon is in the wrong house"})
        return forward(request)
    with Proxy(ready.target.url, handle) as proxy:
        ready.consumers()
        blocked = ready.start_migrate(target=proxy.url, batch_records=20, job="blocked-one")
        wait_for(lambda: blocked.alive is False or (ready.job("blocked-one") or {}).get("published", 0) > 0, 30, "published")
        free = ready.migrate(other, batch_records=20, job="free-one")
        assert free.status == DONE, free.err
        ready.assert_equal(other)
        assert blocked.wait(60) == NEEDS_PERSON, blocked.err
        assert "the moon is in the wrong house" in last_line(blocked.err)
        row = ready.job("blocked-one")
        assert row["state"] == "blocked" and "the moon is in the wrong house" in row["last_error"]
        assert "resume" in row["waits_for"]
        assert row["verified"] == 0 and ready.target_ids() == set()
        assert ready.sql("SELECT * FROM ferry.rejects") == []
        wait_for(lambda: ready.lag() == 0, 20, "the blocked job's messages are acknowledged")
        saying_no[0] = False
        resumed = ready.producer("resume", "blocked-one")
        finished(ready, resumed, 400, "blocked-one")
        consistent(ready)


@pytest.mark.slow  # the refused batches are parked after a minute
def test_a_target_that_is_down_is_waited_for_and_stops_nobody(ready):
    other = ready.fill(200, ready.also("other"), seed=5)
    down = [True]

    def handle(request, forward):
        if request.verb == "upsert" and down[0]:
            return Answer(503, b"<html>no backend</html>", "text/html")
        return forward(request)
    with Proxy(ready.target.url, handle) as proxy:
        ready.consumers()
        waiting = ready.start_migrate(target=proxy.url, batch_records=20, job="waiting-one")
        wait_for(lambda: proxy.count("upsert") > 0, 30, "a refused upsert")
        free = ready.migrate(other, batch_records=20, job="free-one")
        assert free.status == DONE, free.err
        stays(lambda: waiting.alive and ready.job("waiting-one")["state"] == "running", 2)
        assert "503" in ready.job("waiting-one")["waits_for"] + ready.job("waiting-one")["last_error"]
        down[0] = False
        waiting.status = waiting.wait(120)
        finished(ready, waiting, 400, "waiting-one")
        assert ready.sql("SELECT * FROM ferry.rejects") == []
        consistent(ready)
