"""A target that holds older versions of the records, with more in them: equal afterwards, also when the consumer is killed in the
middle of a repair."""

import threading

import pytest

from ferry import DONE, INTERRUPTED, NEEDS_PERSON, corpus, load, wait_for
from proxy import Answer, Drop, Proxy

DIMENSION = 24
RECORDS = 400


def older(record):
    """The same id with other content, and with everything that a record can have too much of."""
    return {"id": record["id"], "document": "An older text.", "uri": "https://old.example/" + "x" * 5,
            "metadata": {"left over": "x", "many": [1, 2, 3], "flag": True, "title": "old"},
            "embedding": [0.5] * DIMENSION}


def records_of(count=RECORDS):
    """Every third has no document, every fifth no metadata, every fourth no uri."""
    for i, record in enumerate(corpus.records(count, DIMENSION, 77)):
        yield dict(record, document=None if i % 3 == 0 else record["document"], uri=None if i % 4 == 0 else record["uri"],
                   metadata=None if i % 5 == 0 else record["metadata"])


def fill(ferry, count=RECORDS):
    """A source; a target with older versions of every other record. Returns how many documents have to vanish."""
    records = list(records_of(count))
    light = {"ef_construction": 10, "max_neighbors": 4}
    load.put(ferry.source, load.ensure(ferry.source, ferry.name, DIMENSION, "l2", light), records)
    load.put(ferry.target, load.ensure(ferry.target, ferry.name, DIMENSION, "l2", light), [older(one) for one in records[::2]])
    return sum(1 for one in records[::2] if one["document"] is None)


class Steps:
    """A front that holds one request: the first of a verb that names ids, or (again) ids of which one has been deleted; before it
    is served or after. Of `get` it holds all of them, or the batch beside would be further than the one that is held."""

    def __init__(self, upstream, verb, again=False, after=False, answer=lambda request: None):
        self.verb, self.again, self.after, self.answer = verb, again, after, answer
        self.deleted, self.held, self.go = set(), threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.proxy = Proxy(upstream, self.handle)
        self.url = self.proxy.url

    def handle(self, request, forward):
        with self.lock:
            named = set(request.json().get("ids") or []) if request.verb else set()
            mine = (request.verb == self.verb and (self.verb == "get" or not self.held.is_set())
                    and bool(named.intersection(self.deleted) if self.again else named))
            self.deleted |= named if request.verb == "delete" else set()
        if mine and not self.after:
            self.wait()
        answer = self.answer(request) or forward(request)
        if mine and self.after:
            self.wait()
        return answer

    def wait(self):
        self.held.set()
        self.go.wait(120)

    def __enter__(self):
        self.proxy.__enter__()
        return self

    def __exit__(self, *arguments):
        self.go.set()
        self.proxy.__exit__(*arguments)


def repairs(ferry):
    (row,) = ferry.sql("SELECT count(*) AS all, count(*) FILTER (WHERE closed_at IS NULL) AS open FROM ferry.repairs")
    return row["all"], row["open"]


def equal(ferry, process, count=RECORDS):
    assert process.status == DONE, process.err
    job = ferry.job()
    assert (job["state"], job["planned"], job["verified"], job["rejected"]) == ("succeeded", count, count, 0)
    assert ferry.assert_equal().target_count == count
    assert repairs(ferry)[1] == 0


@pytest.fixture
def ready(ferry):
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.surplus = fill(ferry)
    ferry.setup()
    return ferry


def test_what_older_versions_left_is_gone_afterwards(ready):
    ready.consumers()
    done = ready.migrate(batch_records=50)
    equal(ready, done)
    assert repairs(ready) == (ready.surplus, 0) and ready.surplus > 50
    # Those batches were read once more before the end: a delete that arrives late would have been seen.
    assert ready.sql("SELECT count(*) AS n FROM ferry.batches WHERE must_reread") == [{"n": 0}]


@pytest.mark.parametrize("verb, again, after, opened", [
    ("get", False, False, False), ("delete", False, False, True), ("delete", False, True, True), ("upsert", True, False, True),
    ("upsert", True, True, True), ("get", True, True, True),
], ids=["before-noting", "before-delete", "after-delete", "before-second-upsert", "after-second-upsert", "after-second-reading"])
def test_a_consumer_killed_at_each_step_of_a_repair(ready, verb, again, after, opened):
    with Steps(ready.target.url, verb, again, after) as front:
        consumer, = ready.consumers()
        migrate = ready.start_migrate(target=front.url, batch_records=100)
        assert front.held.wait(60)
        assert (repairs(ready)[1] > 0) is opened
        consumer.kill()
        front.go.set()
        ready.consumers()
        migrate.status = migrate.wait()
    equal(ready, migrate)


def test_in_a_repair_nobody_pauses_or_cancels(ready):
    with Steps(ready.target.url, "delete") as front:
        ready.consumers()
        migrate = ready.start_migrate(target=front.url, batch_records=100, job="mending")
        assert front.held.wait(60)
        for function in ("pause", "cancel"):
            with pytest.raises(Exception, match="a repair is under way") as caught:
                ready.sql("SELECT ferry.%s('mending')" % function)
            assert caught.value.sqlstate == "FE005"
        assert ready.job()["state"] == "running"
        front.go.set()
        migrate.status = migrate.wait()
    equal(ready, migrate)
    with pytest.raises(Exception, match="has ended") as caught:
        ready.sql("SELECT ferry.cancel('mending')")
    assert caught.value.sqlstate == "FE001"


def test_a_repair_that_the_target_stops_blocks_the_job_and_is_still_finished(ready):
    """After the delete the target wants other credentials. The job is blocked; the batch is not parked; when the target
    answers again, another consumer finishes the repair although nobody has resumed the job."""
    locked = []

    def answer(request):
        if request.verb == "delete":
            locked.append(1)  # also by the batches beside
            return None
        if locked and 2 not in locked and request.verb == "upsert":
            return Answer(403, {"error": "ChromaError", "message": "the lock was changed"})
        return None
    with Steps(ready.target.url, "none", answer=answer) as front:
        consumer, = ready.consumers()
        blocked = ready.start_migrate(target=front.url, batch_records=100, job="mending")
        assert blocked.wait() == NEEDS_PERSON, blocked.err
        assert "the lock was changed" in blocked.err
        assert repairs(ready)[1] > 0
        assert "claimed" in {row["state"] for row in ready.batches()}
        consumer.kill()
        locked.append(2)
        assert ready.job()["state"] == "blocked"
        ready.consumers()
        wait_for(lambda: repairs(ready)[1] == 0, 60, "the open repair is finished")
        assert ready.job()["state"] == "blocked"
        resumed = ready.producer("resume", "mending")
    equal(ready, resumed)


def test_an_open_repair_does_not_hold_up_other_jobs_on_its_partition(ferry):
    """The target of one job goes away between the delete and the upsert. Its message stays unacknowledged. What is behind it of the same
    job is parked; far more messages of another job pass it than a consumer has in hand, and the next consumer passes over them."""
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.topic.create(1, max_message_bytes=8 << 20, retention_ms=-1)
    fill(ferry, 200)
    ferry.fill(160, name=ferry.also("other"), seed=7)
    ferry.setup()
    locked = []

    def answer(request):
        if request.verb == "delete":
            locked.append(1)
        if 2 not in locked and locked and request.verb == "upsert":
            return Answer(403, {"error": "ChromaError", "message": "the lock was changed"})
        return None
    with Steps(ferry.target.url, "none", answer=answer) as front:
        consumer, = ferry.consumers()
        blocked = ferry.start_migrate(target=front.url, batch_records=10, job="mending")
        assert blocked.wait() == NEEDS_PERSON, blocked.err
        assert repairs(ferry)[1] > 0
        other = ferry.migrate(ferry.also("other"), batch_records=2, job="passing")
        assert other.status == DONE, other.err
        ferry.assert_equal(ferry.also("other"))
        assert repairs(ferry)[1] > 0 and ferry.lag() > 80
        delivered = ferry.batches("passing")
        locked.append(2)
        assert consumer.stop() == INTERRUPTED
        ferry.consumers()
        wait_for(lambda: repairs(ferry)[1] == 0 and ferry.lag() == 0, 60, "the repair is finished, and everything acknowledged")
        assert ferry.batches("passing") == delivered
        resumed = ferry.producer("resume", "mending")
    assert resumed.status == DONE, resumed.err
    assert ferry.assert_equal().target_count == 200


def test_a_target_that_fails_during_repairs(ready):
    counts = {}

    def answer(request):
        counts[request.verb] = number = counts.get(request.verb, 0) + 1
        if request.verb == "delete" and number % 3 == 1:
            raise Drop()
        if request.verb in ("delete", "upsert") and number % 4 == 2:
            return Answer(503, {"error": "InternalError", "message": "soon"})
        return None
    with Steps(ready.target.url, "none", answer=answer) as front:
        ready.consumers()
        done = ready.migrate(target=front.url, batch_records=40)
    equal(ready, done)
    assert counts["delete"] > 10


def test_a_repair_whose_message_is_lost_is_finished_from_another_export(ready):
    """Killed after the delete, and the topic's records are gone: the sweep plans the batch again."""
    with Steps(ready.target.url, "delete", after=True) as front:
        consumer, = ready.consumers()
        migrate = ready.start_migrate(target=front.url, batch_records=100)
        assert front.held.wait(60)
        consumer.kill()
        front.go.set()
        ready.topic.forget()
        ready.consumers()
        migrate.status = migrate.wait()
    equal(ready, migrate)
    assert any(row["exports"] > 1 for row in ready.batches())
