"""A target that refuses records as Chroma Cloud does, naming a rule and never a record: each is found, named and left out, and
everything else arrives. What it refuses on everything blocks the job."""

import collections
import random
import threading

import pytest

from ferry import DONE, NEEDS_PERSON, REJECTS, USAGE, corpus, last_line, load, wait_for
from proxy import Answer, Drop, Proxy

DIMENSION = 4
MOST = 18  # requests for one bad record in a batch


def quota(name, usage, limit):
    return 422, "Quota exceeded: '%s' exceeded quota limit for action 'Upsert': current usage of %d exceeds limit of %d" % (
        name, usage, limit)


# Eight rules: how a record breaks it, and what the server says then.

def long_document(record):
    record["document"] = "x" * 16_385


def long_uri(record):
    record["uri"] = "https://example.org/" + "u" * 300


def long_id(record):
    record["id"] += "-" + "i" * 128


def long_value(record):
    record["metadata"]["notes"] = "v" * 8_183


def long_key(record):
    record["metadata"]["k" * 37] = 1


def many_keys(record):
    record["metadata"].update({"key%d" % i: i for i in range(33)})


def nul_in_document(record):
    record["document"] = "before\0after"


def shouting(record):
    record["document"] = "MODERATED"


KINDS = [long_document, long_uri, long_id, long_value, long_key, many_keys, nul_in_document, shouting]


def size(text):
    return len((text or "").encode())


def verdict(name, document, uri, metadata):
    """(status, message), or None: it is taken."""
    metadata = metadata or {}
    if size(name) > 128:
        return quota("ID size (bytes)", size(name), 128)
    if size(document) > 16_384:
        return quota("Document size (bytes)", size(document), 16_384)
    if size(uri) > 256:
        return quota("URI size (bytes)", size(uri), 256)
    if len(metadata) > 32:
        return quota("Number of metadata dictionary entries", len(metadata), 32)
    for key, value in metadata.items():
        if size(key) > 36:
            return quota("Size of metadata dictionary key (bytes)", size(key), 36)
        if isinstance(value, str) and size(value) > 8_182:
            return quota("Size of metadata dictionary value (bytes)", size(value), 8_182)
    if "\0" in (document or ""):
        return 400, "Document of record '%s' contains a NUL" % name
    if document == "MODERATED":
        return 400, "This document is not acceptable"
    return None


def refusal(body):
    """Of a whole request: the first bad record's."""
    empty = [None] * len(body["ids"])
    for one in zip(body["ids"], body.get("documents") or empty, body.get("uris") or empty, body.get("metadatas") or empty):
        found = verdict(*one)
        if found:
            return found
    return None


class Cloud:
    """The front. Remembers the ids of every upsert."""

    def __init__(self, upstream, also=lambda request: None):
        self.upserts, self.also, self.lock = [], also, threading.Lock()
        self.has_quotas = True
        self.proxy = Proxy(upstream, self.handle)
        self.url = self.proxy.url

    def handle(self, request, forward):
        if request.verb == "upsert":
            body = request.json()
            with self.lock:
                self.upserts.append(body["ids"])
            found = self.also(request) or refusal(body)
            if found and (found[0] != 422 or self.has_quotas):
                return Answer(found[0], {"error": "ChromaError", "message": found[1]})
        return forward(request)

    def __enter__(self):
        self.proxy.__enter__()
        return self

    def __exit__(self, *arguments):
        self.proxy.__exit__(*arguments)

    def requests_with(self, ids):
        ids = set(ids)
        return sum(1 for sent in self.upserts if ids.intersection(sent))


def fill(ferry, count, bad, seed=11):
    """Plain records, of which those at the places of `bad` (place: kind) break a rule; returns {id: kind}."""
    records, broken = list(corpus.plain_records(count, DIMENSION, seed)), {}
    for place, kind in bad.items():
        records[place]["metadata"] = dict(records[place]["metadata"] or {})
        kind(records[place])
        broken[records[place]["id"]] = kind
    collection = load.ensure(ferry.source, ferry.name, DIMENSION, "l2", {"ef_construction": 10, "max_neighbors": 4})
    load.put(ferry.source, collection, records)
    return broken


def rejects(ferry):
    return {row["id"]: row for row in ferry.sql("SELECT * FROM ferry.rejects")}


def batches_with(ferry, ids):
    """[(ids of the batch, how many of them are among `ids`)] for the batches that hold any."""
    found = []
    for row in ferry.sql("SELECT ids FROM ferry.batch_ids"):
        names = [bytes(one).decode() for one in row["ids"]]
        count = sum(1 for name in names if name in ids)
        if count:
            found.append((names, count))
    return found


def look_at_rejects(ferry, cloud, bad):
    job = ferry.job()
    assert (job["state"], job["planned"], job["verified"], job["rejected"]) == ("succeeded", 12_000, 11_960, 40)
    named = rejects(ferry)
    assert set(named) == set(bad)
    words = {long_document: "Document size", long_uri: "URI size", long_id: "ID size", long_value: "dictionary value",
             long_key: "dictionary key", many_keys: "dictionary entries", nul_in_document: "contains a NUL",
             shouting: "not acceptable"}
    for name, kind in bad.items():
        row = named[name]
        assert words[kind] in row["message"] and row["reason"] == "refused" and row["stage"] == "delivery", row
        assert row["status"] == (400 if kind in (nul_in_document, shouting) else 422) and row["attempts"] >= 1
    verdict_ = ferry.judge()
    assert (set(verdict_.missing), verdict_.extra, verdict_.different) == (set(bad), [], [])
    lone = [names for names, count in batches_with(ferry, bad) if count == 1]
    assert len(lone) >= 10
    cost = [cloud.requests_with(names) for names in lone]
    assert max(cost) <= MOST, collections.Counter(cost)


def test_40_bad_records_of_8_kinds_among_12000_are_named_and_go_when_repaired(ferry, score):
    dice = random.Random(20)
    bad = fill(ferry, 12_000, dict(zip(dice.sample(range(12_000), 40), KINDS * 5)))
    ferry.setup()
    with Cloud(ferry.target.url) as cloud:
        ferry.consumers()
        done = ferry.migrate(target=cloud.url, seconds=240)
        job, named = ferry.job(), {name for name, row in rejects(ferry).items() if row["message"]}
        score(12, "refused by the target: %d of %d records verified, %d rejected, %d of them with the target's reason" % (
            job["verified"], job["planned"], job["rejected"], len(named)), "exactly 40 rejects with their reason, 11960 verified",
            (job["planned"], job["verified"], job["rejected"]) == (12_000, 11_960, 40) and named == set(bad))
        assert done.status == REJECTS, done.err
        look_at_rejects(ferry, cloud, bad)
        cloud.has_quotas = False  # more was bought; the others are mended at the source
        collection = ferry.source.collection(ferry.name)
        mended = [name for name, kind in bad.items() if kind in (nul_in_document, shouting)]
        ferry.source.records(collection, "update", {"ids": mended, "documents": ["mended"] * len(mended)})
        again = ferry.producer("retry", ferry.job()["job"], "--rejected")
    assert again.status == DONE, again.err
    assert last_line(again.out) == "12000 of 12000 records verified"
    job = ferry.job()
    assert (job["state"], job["planned"], job["verified"], job["rejected"]) == ("succeeded", 12_000, 12_000, 0)
    assert rejects(ferry) == {}
    ferry.assert_equal()


def test_the_same_refusal_of_every_record_blocks_after_12_requests(ferry):
    """A wrong dimension that nobody knew of beforehand."""
    fill(ferry, 2_000, {})
    ferry.setup()
    saying_no = [True]

    def wrong_dimension(request):
        return (400, "Collection expecting embedding with dimension of 8, got %d" % DIMENSION) if saying_no[0] else None
    with Cloud(ferry.target.url, wrong_dimension) as cloud:
        ferry.consumers()
        done = ferry.migrate(target=cloud.url, job="wrong")
        assert done.status == NEEDS_PERSON, done.err
        assert len(cloud.upserts) <= 12
        assert "expecting embedding with dimension of 8, got 4" in last_line(done.err) and "8 of 8" in last_line(done.err)
        job = ferry.job()
        assert (job["state"], job["verified"], job["rejected"]) == ("blocked", 0, 0) and rejects(ferry) == {}
        saying_no[0] = False
        resumed = ferry.producer("resume", "wrong")
    assert resumed.status == DONE, resumed.err
    ferry.assert_equal()


def test_a_batch_of_one_bad_record_and_one_of_which_all_are_bad_differently(ferry):
    bad = fill(ferry, 41, {0: long_document, 1: long_uri, 2: nul_in_document, 3: shouting, 40: long_id})
    ferry.setup()
    with Cloud(ferry.target.url) as cloud:
        ferry.consumers()
        done = ferry.migrate(target=cloud.url, batch_records=4)
    assert done.status == REJECTS, done.err
    assert set(rejects(ferry)) == set(bad)
    states = sorted(row["state"] for row in ferry.batches())
    assert states == ["rejected"] * 2 + ["verified"] * 9
    assert ferry.target_ids().isdisjoint(bad) and len(ferry.target_ids()) == 36


def test_a_refusal_that_does_not_last_rejects_nothing(ferry):
    """The target refuses three good records, alone too, and takes each when it is asked for it alone once more."""
    fill(ferry, 300, {})
    ferry.setup()
    cross, alone = set(), []

    def cross_for_a_moment(request):
        ids = request.json()["ids"]
        if not cross:
            cross.update(ids[at] for at in (7, 8, 200))
        if len(ids) == 1 and ids[0] in cross:
            alone.append(ids[0])
            cross.discard(ids[0])
            cross.add(None)  # never empty again
            return 400, "no such luck"
        return (400, "no such luck") if cross.intersection(ids) else None
    with Cloud(ferry.target.url, cross_for_a_moment) as cloud:
        ferry.consumers()
        done = ferry.migrate(target=cloud.url)
    assert done.status == DONE, done.err
    assert len(alone) == 3
    assert rejects(ferry) == {} and ferry.job()["verified"] == 300
    ferry.assert_equal()


def test_an_unreliable_target_does_not_make_more_or_fewer_rejects(ferry):
    """503, 429 and lost connections in the middle of the search."""
    dice = random.Random(7)
    bad = fill(ferry, 900, {17: long_document, 300: shouting, 301: shouting, 899: long_id})
    ferry.setup()

    def moody(_):
        mood = dice.random()
        if mood < 0.15:
            return 503, "unavailable"
        if mood < 0.25:
            return 429, "Too many requests; backoff and try again"
        if mood < 0.3:
            raise Drop()
        return None
    with Cloud(ferry.target.url, moody) as cloud:
        ferry.consumers()
        done = ferry.migrate(target=cloud.url)
    assert done.status == REJECTS, done.err
    assert set(rejects(ferry)) == set(bad)
    assert set(ferry.judge().missing) == set(bad)


def test_a_record_too_large_for_the_target_is_named_with_its_bytes_and_the_others_arrive(ferry):
    """413, also where one record alone is above the limit; in what the search sends, too."""
    bad = fill(ferry, 100, {50: shouting, 60: lambda record: record.update(document="y" * 160_000)})
    ferry.setup()

    def narrow(request):
        return (413, "Payload too large") if len(request.body) > 100_000 else None
    with Cloud(ferry.target.url, narrow) as cloud:
        ferry.consumers()
        done = ferry.migrate(target=cloud.url)
    assert done.status == REJECTS, done.err
    named = rejects(ferry)
    assert set(named) == set(bad)
    too_large = [row for row in named.values() if row["reason"] == "record_too_large"]
    assert len(too_large) == 1 and "bytes" in too_large[0]["message"] and too_large[0]["status"] == 413
    assert set(ferry.judge().missing) == set(bad)


def test_a_moment_of_413_for_small_requests_is_an_outage(ferry):
    """A gateway that takes no bodies for a moment: nothing is rejected, and no limit is learnt."""
    fill(ferry, 300, {})
    ferry.setup()
    sizes = []

    def no_bodies(request):
        sizes.append(len(request.body))
        return (413, "Payload too large") if len(sizes) <= 10 else None
    with Cloud(ferry.target.url, no_bodies) as cloud:
        ferry.consumers()
        done = ferry.migrate(target=cloud.url, batch_records=100)
    assert done.status == DONE, done.err
    assert max(sizes) < 65_536
    assert ferry.sql("SELECT max_request_bytes FROM ferry.target_collections") == [{"max_request_bytes": None}]
    assert [len(ids) for ids in cloud.upserts] == [100] * 13  # never in pieces
    ferry.assert_equal()


@pytest.mark.parametrize("after", [3, 9])
def test_a_consumer_killed_in_the_middle_of_a_search(ferry, after):
    bad = fill(ferry, 300, {123: long_document, 200: shouting})
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.setup()
    hold, seen = threading.Event(), []

    def held(_):
        seen.append(1)
        if len(seen) == after:
            hold.wait(60)
        return None
    with Cloud(ferry.target.url, held) as cloud:
        consumer, = ferry.consumers()
        migrate = ferry.start_migrate(target=cloud.url)
        wait_for(lambda: len(seen) >= after, 60, "a held upsert")
        consumer.kill()
        hold.set()
        ferry.consumers()
        assert migrate.wait() == REJECTS, migrate.err
    assert set(rejects(ferry)) == set(bad)
    assert set(ferry.judge().missing) == set(bad)


# --- how many rejects a job bears ------------------------------------------------------------------------------------

def test_a_job_is_not_drained_into_the_rejects(ferry):
    """More than 20 and 1 % are bad: blocked, with what is verified kept; a higher limit goes on."""
    dice = random.Random(3)
    bad = fill(ferry, 1_000, dict(zip(dice.sample(range(1_000), 40), KINDS * 5)))
    ferry.setup()
    with Cloud(ferry.target.url) as cloud:
        ferry.consumers(env={"FERRY_WRITE_LIMIT": "1"})  # so that few are in its hands when it is blocked
        done = ferry.migrate(target=cloud.url, batch_records=50, job="poor")
        assert done.status == NEEDS_PERSON, done.err
        assert "of 1000 records were rejected, more than the 20 allowed" in last_line(done.err)
        assert "--max-rejects" in last_line(done.err) and "as refused, such as: target" in last_line(done.err)
        job = ferry.job()
        assert job["state"] == "blocked" and 20 < job["rejected"] < 40
        again = ferry.producer("resume", "poor", "--max-rejects", "30")
        assert again.status == NEEDS_PERSON and "more than the 30 allowed" in last_line(again.err), again.err
        again = ferry.producer("resume", "poor", "--max-rejects", "4%")
    assert again.status == REJECTS, again.err
    assert set(rejects(ferry)) == set(bad)
    job = ferry.job()
    assert (job["state"], job["verified"], job["rejected"]) == ("succeeded", 960, 40)
    assert set(ferry.judge().missing) == set(bad)


def test_the_limit_is_said_when_the_job_is_submitted(ferry):
    fill(ferry, 100, {7: shouting, 60: shouting})
    ferry.setup()
    with Cloud(ferry.target.url) as cloud:
        ferry.consumers()
        wrong = ferry.migrate(target=cloud.url, max_rejects="some")
        assert wrong.status == USAGE and "--max-rejects" in wrong.err
        done = ferry.migrate(target=cloud.url, batch_records=50, env={"FERRY_MAX_REJECTS": "1"})
        assert done.status == NEEDS_PERSON and "2 of 100 records were rejected, more than the 1 allowed" in done.err, done.err
