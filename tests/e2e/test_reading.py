"""A source that cannot be read in one piece: records without a vector, damaged answers, and outages that look the same."""

import collections
import itertools
import json
import re

import pytest

import ferry as harness
from ferry import DONE, NEEDS_PERSON, REJECTS, last_line, load, stays, wait_for
from own_chroma import OwnChroma
from proxy import Answer, Proxy

SOON = "20s"  # --patience, whose tenth are the pauses of a search: else a minute
ORPHAN = {"error": "InternalError", "message": "Error executing plan: Internal error: Error finding id"}


def rejects(ferry):
    return {row["id"]: row for row in ferry.sql("SELECT * FROM ferry.rejects")}


def adds_up(ferry):
    job = ferry.job()
    assert job["planned"] == job["verified"] + job["rejected"] + job["vanished"], job
    return job


@pytest.fixture
def own(tmp_path):
    with OwnChroma(tmp_path / "own") as chroma:
        yield chroma


@pytest.fixture
def ready(ferry):
    """300 records at the source, ledger and topic, a consumer."""
    ferry.fill(300)
    ferry.setup()
    ferry.consumers()
    return ferry


def ids_of(ferry):
    return ferry.source.ids(ferry.source.collection(ferry.name))


# --- orphans, at a real server -----------------------------------------------------------------------------------------

def test_records_without_a_vector_are_rejected_by_name_and_the_rest_crosses(ferry, own):
    ferry.fill(700, server=own.server)
    orphans = ["orphan %d" % number for number in range(3)]
    own.orphan(own.server.collection(ferry.name), orphans)
    ferry.setup()
    ferry.consumers()
    with Proxy(own.url) as proxy:
        done = ferry.migrate(source=proxy.url, patience=SOON)
    assert done.status == REJECTS, done.err
    assert last_line(done.out).startswith("3 records were rejected")
    found = rejects(ferry)
    assert set(found) == set(orphans)
    for row in found.values():
        assert row["reason"] == "unreadable"
        assert "500" in row["message"] and "Error finding id" in row["message"]
    job = adds_up(ferry)
    assert (job["state"], job["verified"], job["rejected"]) == ("succeeded", 700, 3)
    assert len(ferry.target_ids()) == 700
    assert proxy.count("get") < 150  # each of them is asked about 30 times, with the controls


def test_a_whole_batch_of_them_is_rejected_too(ferry, own):
    """An index that lost its last thousand leaves them in a row."""
    ferry.fill(40, server=own.server)
    own.orphan(own.server.collection(ferry.name), ["orphan %d" % number for number in range(45)])
    ferry.setup()
    ferry.consumers()
    done = ferry.migrate(source=own.url, batch_records=20, max_rejects=50, patience=SOON)
    assert done.status == REJECTS, done.err
    job = adds_up(ferry)
    assert (job["state"], job["verified"], job["rejected"]) == ("succeeded", 40, 45)
    assert {row["reason"] for row in rejects(ferry).values()} == {"unreadable"}


def test_a_collection_of_nothing_else_is_no_heap_of_rejects(ferry, own):
    """No vector can be read at all: the job waits, says so, and after --patience needs a person."""
    load.ensure(own.server, ferry.name, 24, "cosine", harness.LIGHT)
    load.put(own.server, own.server.collection(ferry.name), itertools.islice(harness.corpus.records(5, 24), 5))
    collection = own.server.collection(ferry.name)
    own.server.records(collection, "delete", {"ids": own.server.ids(collection)})
    own.orphan(collection, ["orphan %d" % number for number in range(30)])
    ferry.setup()
    done = ferry.migrate(source=own.url, patience="3s")
    assert done.status == NEEDS_PERSON, done.err
    assert re.search("blocked.*no other record can be read", done.err), done.err
    assert "--patience" in done.err
    job = ferry.job()
    assert (job["state"], job["rejected"]) == ("blocked", 0)
    assert ferry.topic.count() == 0


def test_a_listing_that_a_damaged_id_makes_fail_ends_after_a_while_and_says_so(ferry, own):
    ferry.fill(20, server=own.server)
    with own.stopped() as database:
        database.execute("UPDATE embeddings SET embedding_id = CAST(x'62ff' AS TEXT) WHERE id = 5")
    ferry.setup()
    waiting = ferry.migrate(source=own.url, patience="2s")
    assert waiting.status == NEEDS_PERSON, waiting.err
    assert re.search("list the ids of the source.*patience.*500.*utf-8", waiting.err), waiting.err
    assert ferry.sql("SELECT * FROM ferry.batches") == []
    with own.stopped() as database:
        database.execute("UPDATE embeddings SET embedding_id = 'mended' WHERE id = 5")
    ferry.consumers()
    assert ferry.migrate(source=own.url).status in (DONE, REJECTS)
    assert adds_up(ferry)["planned"] == 20


# --- outages that look the same ------------------------------------------------------------------------------------------

def test_a_source_that_answers_500_to_everything_is_waited_for(ready):
    """Nothing is rejected, and it goes on when the source is well again."""
    ill, hits = [True], []

    def handle(request, forward):
        if request.verb == "get" and request.json().get("include"):
            hits.append(1)
            if ill:
                return Answer(500, ORPHAN)
        return forward(request)
    with Proxy(ready.source.url, handle) as proxy:
        migrate = ready.start_migrate(source=proxy.url, batch_records=100)
        wait_for(lambda: len(hits) > 14, what="searches")
        wait_for(lambda: (ready.job() or {}).get("waits_for", "").count("Error finding id"), what="the wait is told")
        stays(lambda: not rejects(ready))
        ill.clear()
        assert migrate.wait() == DONE, migrate.err
    assert adds_up(ready)["verified"] == 300
    ready.assert_equal()


@pytest.mark.parametrize("status", [502, 503, 504, 0])
def test_other_outages_are_never_searched(ready, status):
    hits = []

    def handle(request, forward):
        if request.verb == "get" and request.json().get("include"):
            hits.append(len(request.json()["ids"]))
            if len(hits) <= 4:
                return Answer(status, b"upstream", "text/plain") if status else Answer(429, b"", None)
        return forward(request)
    with Proxy(ready.source.url, handle) as proxy:
        done = ready.migrate(source=proxy.url)
    assert done.status == DONE, done.err
    assert set(hits) == {300} and len(hits) == 5


def test_a_source_that_falls_ill_while_it_is_searched_rejects_only_what_was_at_fault(ready):
    """From some moment on every read fails, for a while; then only the one record does."""
    bad = ids_of(ready)[123]
    reads = []

    def handle(request, forward):
        body = request.json() if request.verb == "get" else {}
        if body.get("include"):
            reads.append(1)
            if bad in (body.get("ids") or []) or 10 <= len(reads) <= 20:
                return Answer(500, ORPHAN)
        return forward(request)
    with Proxy(ready.source.url, handle) as proxy:
        done = ready.migrate(source=proxy.url, patience=SOON)
    assert done.status == REJECTS, done.err
    assert len(reads) > 20
    assert set(rejects(ready)) == {bad}
    assert adds_up(ready)["verified"] == 299


ILL_READS = 200  # the searches of all three batches begin among them


def test_a_source_that_fails_every_second_read_rejects_nothing(ready):
    """As when one of two replicas is ill for a while, and takes each second request: what fails is not the record."""
    reads, batches = [], collections.Counter()

    def handle(request, forward):
        body = request.json() if request.verb == "get" else {}
        if body.get("include"):
            if len(body.get("ids") or []) == 100:  # a whole batch: until it is searched
                first = body["ids"][0]
                batches[first] += 1
                if batches[first] <= 3:
                    return Answer(500, ORPHAN)
            reads.append(1)
            if len(reads) % 2 == 0 and len(reads) < ILL_READS:
                return Answer(500, ORPHAN)
        return forward(request)
    with Proxy(ready.source.url, handle) as proxy:
        done = ready.migrate(source=proxy.url, batch_records=100, source_concurrency=1, patience="60s")
    print("%d reads" % len(reads))
    assert done.status == DONE, done.err
    assert len(reads) >= ILL_READS  # it was ill for long enough
    assert done.err.count("event=export.searches") >= 3
    assert adds_up(ready)["verified"] == 300 and not rejects(ready)
    assert ready.dead_letters.count() == 0


# --- answers that are not as they should be ------------------------------------------------------------------------------

def damaged(ready, change):
    """Moves the collection with every answer with records changed; returns the process and the rejects."""
    def handle(request, forward):
        answer = forward(request)
        if request.verb == "get" and answer.status == 200 and request.json().get("include"):
            page = json.loads(answer.body)
            change(page)
            return Answer(200, page)
        return answer
    with Proxy(ready.source.url, handle) as proxy:
        done = ready.migrate(source=proxy.url, batch_records=100, patience=SOON)
    return done, rejects(ready)


def test_a_record_that_comes_twice_is_rejected_by_name(ready):
    twice = ids_of(ready)[42]

    def change(page):
        if twice in page["ids"]:
            at = page["ids"].index(twice)
            for field in ("ids", "embeddings", "documents", "metadatas", "uris"):
                page[field].append(page[field][at])
    done, found = damaged(ready, change)
    assert done.status == REJECTS, done.err
    assert set(found) == {twice}
    assert found[twice]["reason"] == "malformed" and "twice" in found[twice]["message"]
    assert adds_up(ready)["verified"] == 299


def test_a_missing_vector_that_shifts_the_others_is_found(ready):
    """As servers before 1.0 answer: one embedding fewer than ids."""
    bare = ids_of(ready)[217]

    def change(page):
        if bare in page["ids"]:
            del page["embeddings"][page["ids"].index(bare)]
    done, found = damaged(ready, change)
    assert done.status == REJECTS, done.err
    assert set(found) == {bare}
    assert found[bare]["reason"] == "malformed" and "1 ids but 0 embeddings" in found[bare]["message"]
    assert adds_up(ready)["verified"] == 299
    verdict = ready.judge()
    assert verdict.missing == [bare] and not verdict.different


def test_vectors_of_another_length_null_and_not_finite_ones_are_rejected_by_name(ready):
    ids = ids_of(ready)
    short, long, none, gap, whole = ids[0], ids[70], ids[150], ids[151], ids[299]

    def change(page):
        for name, vector in ((short, [1.0] * 23), (long, [1.0] * 25), (none, None), (gap, [None] + [1.0] * 23),
                             (whole, [None] * 24)):
            if name in page["ids"]:
                page["embeddings"][page["ids"].index(name)] = vector
    done, found = damaged(ready, change)
    assert done.status == REJECTS, done.err
    assert {name: row["reason"] for name, row in found.items()} == {
        short: "wrong_dimension", long: "wrong_dimension", none: "no_embedding", gap: "not_finite", whole: "not_finite"}
    assert "23" in found[short]["message"] and "24" in found[short]["message"]
    assert adds_up(ready)["verified"] == 295


def test_an_answer_that_is_no_answer_is_waited_for(ready):
    """The page of a proxy, with status 200, or nothing at all: no record is suspected for it."""
    hits = []

    def handle(request, forward):
        if request.verb == "get" and request.json().get("include"):
            hits.append(len(request.json()["ids"]))
            if len(hits) <= 5:
                return Answer(200, b"<html>back soon</html>" if len(hits) % 2 else b"", "text/html")
        return forward(request)
    with Proxy(ready.source.url, handle) as proxy:
        done = ready.migrate(source=proxy.url)
    assert done.status == DONE, done.err
    assert set(hits) == {300} and len(hits) == 6
    ready.assert_equal()


def test_an_id_that_is_listed_twice_is_one_record_and_is_told(ready):
    ids = ids_of(ready)

    def handle(request, forward):
        answer = forward(request)
        if request.verb == "get" and answer.status == 200 and not request.json()["include"]:
            page = json.loads(answer.body)
            page["ids"] += [ids[7], ids[200], ids[7]]
            return Answer(200, page)
        return answer
    with Proxy(ready.source.url, handle) as proxy:
        done = ready.migrate(source=proxy.url)
    assert done.status == DONE, done.err
    assert "listed 3 ids more than once" in done.err
    event, = ready.sql("SELECT * FROM ferry.events WHERE kind = 'plan.duplicates'")
    assert "3 ids" in event["detail"]
    assert adds_up(ready)["planned"] == 300
    ready.assert_equal()


def test_a_vector_that_overflowed_at_a_real_server_is_rejected_by_name(ferry):
    """Cosine: beyond a norm of 1.8e19 the server stores what it answers as null."""
    collection = ferry.source.create(ferry.name, "cosine")
    vectors = {"fine": [3.0, 4.0, 0.0], "huge": [2e19, 2e19, 2e19], "tiny": [1e-3, 0.0, 0.0]}
    ferry.source.records(collection, "upsert", {"ids": list(vectors), "embeddings": list(vectors.values())})
    page = ferry.source.records(collection, "get", {"ids": ["huge"], "include": ["embeddings"]})
    assert None in page["embeddings"][0]
    ferry.setup()
    ferry.consumers()
    done = ferry.migrate()
    assert done.status == REJECTS, done.err
    assert {name: row["reason"] for name, row in rejects(ferry).items()} == {"huge": "not_finite"}
    assert adds_up(ferry)["verified"] == 2
