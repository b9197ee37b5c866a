"""A target that does not keep what it was given, on every attempt: the job fails, and the record is named."""

import re
import threading

import pytest

from ferry import DONE, MISMATCH, corpus, last_line
from proxy import Drop, Proxy, flip_largest

RECORDS = 90
WRONG = [record["id"] for record in corpus.records(RECORDS, 24)][50]


def flipped(body, index):
    body["embeddings"][index] = flip_largest(body["embeddings"][index])


def reworded(body, index):
    body["documents"][index] = "something else"


def retyped(body, index):
    body["metadatas"][index]["page"] = float(body["metadatas"][index]["page"])


def lost(body, index):
    for field in ("ids", "embeddings", "documents", "metadatas", "uris"):
        if body.get(field):
            del body[field][index]


@pytest.mark.parametrize("space, damage, field", [
    ("cosine", flipped, "embedding"), ("l2", flipped, "embedding"), ("cosine", reworded, "document"),
    ("cosine", retyped, "metadata"), ("cosine", lost, ""),
])
def test_a_damaged_record_fails_the_job_and_is_named(ferry, space, damage, field):
    ferry.fill(RECORDS, space=space)
    ferry.setup()
    damaged = []

    def handle(request, forward):
        if request.verb == "upsert":
            body = request.json()
            if WRONG in body["ids"]:
                damage(body, body["ids"].index(WRONG))
                damaged.append(1)
                request.set_json(body)
        return forward(request)
    with Proxy(ferry.target.url, handle) as proxy:
        ferry.consumers()
        done = ferry.migrate(target=proxy.url, batch_records=30)
    assert damaged
    assert done.status == MISMATCH, done.err
    assert WRONG in done.err
    assert "verified" not in last_line(done.out) or "89 of 90" in last_line(done.out)
    [reject] = ferry.sql("SELECT * FROM ferry.rejects")
    assert (reject["id"], reject["reason"]) == (WRONG, "mismatch") and field in reject["message"]
    sent, read = re.search(r"\(digest sent ([0-9a-f]{16}), read back ([0-9a-f]{16}|nothing)\)$", reject["message"]).groups()
    assert sent != read
    job = ferry.job()
    assert job["state"] == "failed" and WRONG in job["last_error"]
    assert (job["planned"], job["verified"], job["rejected"]) == (RECORDS, RECORDS - 1, 1)
    verdict = ferry.judge()
    assert verdict.missing + [name for name, _ in verdict.different] == [WRONG]


def test_after_a_failed_job_the_next_one_sends_everything_again(ferry):
    """No job of this pair has succeeded, so nothing counts as verified."""
    ferry.fill(RECORDS)
    ferry.setup()
    ferry.consumers()

    def handle(request, forward):
        if request.verb == "upsert":
            body = request.json()
            if WRONG in body["ids"]:
                flipped(body, body["ids"].index(WRONG))
                request.set_json(body)
        return forward(request)
    with Proxy(ferry.target.url, handle) as proxy:
        assert ferry.migrate(target=proxy.url, batch_records=30).status == MISMATCH
    done = ferry.migrate(batch_records=30)
    assert done.status == DONE and last_line(done.out) == "90 of 90 records verified", done.err
    ferry.assert_equal()


def test_a_write_that_arrives_late_is_found_before_the_end(ferry):
    """The answer of an upsert is lost, so that nobody knows whether it is still on its way: it comes after the batch was verified."""
    ferry.fill(RECORDS)
    ferry.setup()
    lost, arrived = [], threading.Event()

    def handle(request, forward):
        if request.verb == "upsert" and WRONG in request.json()["ids"] and not lost:
            lost.append(1)
            raise Drop()
        if request.verb == "get" and WRONG in (request.json().get("ids") or []) and ferry.job()["verified"] == RECORDS:
            assert arrived.wait(60)  # the producer's reading before the end: not before there is something to be found
        return forward(request)
    with Proxy(ferry.target.url, handle) as proxy:
        ferry.consumers()
        migrate = ferry.start_migrate(target=proxy.url, batch_records=30)
        ferry.wait_for_verified(RECORDS)
        [doubted] = ferry.sql("SELECT batch_no, state FROM ferry.batches WHERE must_reread")
        assert doubted["state"] == "verified" and migrate.alive
        target = ferry.target.collection(ferry.name)
        ferry.target.records(target, "update", {"ids": [WRONG], "documents": ["what an older request held"]})
        arrived.set()
        assert migrate.wait() == DONE, migrate.err
    assert lost
    assert last_line(migrate.out) == "90 of 90 records verified"
    ferry.assert_equal()
    assert ferry.sql("SELECT batch_no FROM ferry.batches WHERE exports > 1") == [{"batch_no": doubted["batch_no"]}]
