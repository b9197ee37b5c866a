"""A source that changes while its records are moved, and a target that holds more than it should: --catch-up, --exact-target and
--delete-extra. The source's listing at the end is held where a moment must be hit exactly."""

import json
import threading

import pytest

from ferry import DONE, INTERRUPTED, MISMATCH, NEEDS_PERSON, USAGE, corpus, last_line, load, wait_for
from proxy import Answer, Proxy
from test_kill import Held

RECORDS = 90


@pytest.fixture
def ready(ferry):
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.fill(RECORDS, arrays=False)
    ferry.setup()
    return ferry


def test_a_comparison_that_failed_leaves_no_patience_behind(ready):
    """Millions of ids take their time; but a ledger that is silent afterwards is to be noticed as soon as ever."""
    ready.note_timeouts("finish_owner")
    is_held, goes_on = threading.Event(), threading.Event()

    def at_the_end(request, forward):
        if request.verb == "get" and not request.json().get("ids") and ready.timeouts():
            is_held.set()
            goes_on.wait(60)
        return forward(request)
    with Proxy(ready.source.url, at_the_end) as front:
        ready.consumers()
        migrate = ready.start_migrate(source=front.url)
        assert is_held.wait(60)
        with ready.connect(user="postgres") as other, other.transaction():
            other.execute("SELECT FROM ferry.job_collections FOR UPDATE")
            goes_on.set()
            wait_for(lambda: "finish.postponed" in migrate.err, what="it waits for this row in vain")
        assert migrate.wait() == DONE, migrate.err
    assert len(ready.timeouts()) >= 2 and {row["most"] for row in ready.timeouts()} == {"15s"}


def more(ferry, prefix, count=5, server=None, seed=99):
    """Adds so many records of other ids; returns the ids."""
    server = server or ferry.source
    listed = [dict(record, id="%s %s" % (prefix, record["id"])) for record in corpus.records(count, 24, seed, arrays=False)]
    load.put(server, server.collection(ferry.name), listed)
    return {record["id"] for record in listed}


def less(ferry, count=5, server=None, start=0):
    """Deletes so many of the first records; returns their ids."""
    server = server or ferry.source
    collection = server.collection(ferry.name)
    listed = sorted(server.ids(collection))[start:start + count]
    server.records(collection, "delete", {"ids": listed})
    return set(listed)


class Listings:
    """A proxy before a server that does something when its ids are listed: actions[n]() comes before the nth listing."""

    def __init__(self, upstream, *actions):
        self.actions, self.seen = actions, 0
        self.proxy = Proxy(upstream, self.handle)

    def handle(self, request, forward):
        if request.verb == "get" and "ids" not in json.loads(request.body):
            self.seen += 1
            if self.seen <= len(self.actions) and self.actions[self.seen - 1]:
                self.actions[self.seen - 1]()
        return forward(request)

    def __enter__(self):
        self.proxy.__enter__()
        return self.proxy

    def __exit__(self, *_):
        self.proxy.__exit__()


def adds_up(ferry):
    job = ferry.job()
    assert job["planned"] == job["verified"] + job["rejected"] + job["vanished"]
    for row in ferry.batches():
        assert row["records"] == row["verified"] + row["rejected"] + row["vanished"], row
    return job


# --- catching up -----------------------------------------------------------------------------------------------------

def test_without_catch_up_drift_is_told(ready):
    ready.consumers()
    with Listings(ready.source.url, None, lambda: (more(ready, "new"), less(ready, 3))) as proxy:
        done = ready.migrate(source=proxy.url, batch_records=20)
    assert done.status == DONE, done.err
    assert "5 records were added to the source and 3 deleted from it" in done.out
    verdict = ready.judge()
    assert len(verdict.missing) == 5 and len(verdict.extra) == 3


def test_catch_up_copies_and_deletes_until_nothing_is_new(ready):
    """Twice, so that the second round finds what came during the first."""
    ready.consumers()
    with Listings(ready.source.url, None, lambda: (more(ready, "new"), less(ready, 3)),
                  lambda: (more(ready, "newer", 2), less(ready, 1))) as proxy:
        done = ready.producer(*ready.migrate_arguments(source=proxy.url, batch_records=20), "--catch-up")
    assert done.status == DONE, done.err
    assert "in 2 rounds: 7 records that were added to it were copied, 4 that were deleted" in done.out
    assert "5 records were added to the source and are copied, 3 are to be deleted" in done.err
    ready.assert_equal()
    job = adds_up(ready)
    assert (job["state"], job["planned"], job["verified"], job["vanished"]) == ("succeeded", RECORDS + 7, RECORDS + 3, 4)
    again = ready.producer(*ready.migrate_arguments(), "--catch-up")
    assert again.status == DONE and last_line(again.out) == "0 of 0 records verified", again.err


def test_a_source_emptied_meanwhile_empties_no_target(ready):
    ready.consumers()
    with Listings(ready.source.url, None, lambda: less(ready, RECORDS)) as source, Proxy(ready.target.url) as target:
        blocked = ready.producer(*ready.migrate_arguments(source=source.url, target=target.url, job="emptied"), "--catch-up")
        assert blocked.status == NEEDS_PERSON, blocked.err
        assert "is blocked: the source lists no ids any more, and 90 of 90 records at the target would be deleted" in last_line(blocked.err)
        assert "resume emptied --max-delete 90 deletes them" in last_line(blocked.err)
        assert "finish.postponed" not in blocked.err
        assert target.count("delete") == 0 and len(ready.target_ids()) == RECORDS
        job = adds_up(ready)
        assert (job["state"], job["verified"], job["vanished"]) == ("blocked", RECORDS, 0)
        again = ready.producer("resume", "emptied", "--max-delete", "89")
        assert again.status == NEEDS_PERSON and "more than the 89 allowed" in last_line(again.err)
        assert target.count("delete") == 0
        done = ready.producer("resume", "emptied", "--max-delete", "90")
    assert done.status == DONE, done.err
    assert ready.target_ids() == set() and adds_up(ready)["vanished"] == RECORDS


def test_rounds_that_are_used_up_are_told(ready):
    ready.consumers()
    with Listings(ready.source.url, None, lambda: more(ready, "a", 1), lambda: more(ready, "b", 1), lambda: more(ready, "c", 1)) as proxy:
        done = ready.producer(*ready.migrate_arguments(source=proxy.url, catch_up_rounds=2), "--catch-up")
    assert done.status == INTERRUPTED, done.err
    assert "1 records are still to be copied or deleted after the 2 rounds that its end may take (--catch-up-rounds): run again" in done.err
    assert "in 2 rounds: 2 records" in done.out and "1 records were added to the source and 0 deleted" in done.out
    assert len(ready.judge().missing) == 1
    again = ready.producer(*ready.migrate_arguments(), "--catch-up")
    assert again.status == DONE, again.err
    ready.assert_equal()


@pytest.mark.parametrize("policy", ["mirror", "skip"])
def test_a_record_that_one_answer_leaves_out_is_read_again(ready, policy):
    """It is at the source all the time. Under skip it is left alone where somebody else has put it into the target meanwhile."""
    left_out, lock = [], threading.Lock()

    def handle(request, forward):
        with lock:
            if request.verb == "get" and len(request.json().get("ids", [])) > 2 and len(left_out) < 2:
                body = request.json()
                left_out.append(body["ids"].pop())
                request.set_json(body)
                if policy == "skip" and len(left_out) == 2:
                    load.put(ready.target, ready.target.collection(ready.name), [
                        dict(record, document="the application's own") for record in corpus.records(RECORDS, 24, arrays=False)
                        if record["id"] == left_out[0]])
        return forward(request)
    ready.consumers()
    with Proxy(ready.source.url, handle) as source:
        done = ready.migrate(source=source.url, batch_records=20, on_existing=policy)
    assert done.status == DONE, done.err
    sent = 2 if policy == "mirror" else 1
    assert "%d records did not come when they were read, are at the source, and are read again" % (
        2 if policy == "mirror" else 1) in done.err
    assert "2 records vanished from the source after they were listed; %d were there again at the end" % sent in done.out
    assert {name for name, _ in ready.judge().different} == (set() if policy == "mirror" else {left_out[0]})
    assert not ready.judge().missing


def test_a_later_run_deletes_what_went_since_the_one_before(ready):
    ready.consumers()
    assert ready.migrate().status == DONE
    gone = less(ready, 4)
    own = more(ready, "of its own", 2, ready.target)
    done = ready.producer(*ready.migrate_arguments(), "--catch-up")
    assert done.status == DONE, done.err
    assert not gone & ready.target_ids() and own <= ready.target_ids(), "only what the ferry wrote is deleted"
    assert "the target holds 2 records that are not of this job" in done.out
    assert "4 that were deleted from it were deleted at the target" in done.out


@pytest.mark.parametrize("after", [False, True], ids=["before-delete", "after-delete"])
def test_a_producer_killed_while_it_deletes_is_gone_on_for(ready, after):
    ready.consumers()
    with Listings(ready.source.url, None, lambda: (more(ready, "new"), less(ready, 30))) as source, \
            Held(ready.target.url, "delete", after=after) as held:
        migrate = ready.start("ferry-producer", *ready.migrate_arguments(
            source=source.url, target=held.proxy.url, batch_records=20, job="killed"), "--catch-up")
        held.wait()
        migrate.kill()
        held.gate.open()
        resumed = ready.producer("resume", "killed")
    assert resumed.status == DONE, resumed.err
    ready.assert_equal()
    job = adds_up(ready)
    assert (job["state"], job["verified"], job["vanished"]) == ("succeeded", RECORDS - 30 + 5, 30)
    assert ready.sql("SELECT count(*) AS n FROM ferry.deletions WHERE deleted_at IS NOT NULL")[0]["n"] == 30


def test_a_consumer_killed_while_it_catches_up(ready):
    with Listings(ready.source.url, None, lambda: (more(ready, "new", 20), less(ready, 3))) as source, \
            Held(ready.target.url, "upsert", first=5, after=True) as held:
        consumer, = ready.consumers()
        migrate = ready.start("ferry-producer", *ready.migrate_arguments(
            source=source.url, target=held.proxy.url, batch_records=20), "--catch-up")
        held.wait()
        consumer.kill()
        held.gate.open()
        ready.consumers()
        assert migrate.wait() == DONE, migrate.err
    ready.assert_equal()
    adds_up(ready)


def test_a_delete_without_an_answer_is_repeated(ready):
    failing = [True]

    def handle(request, forward):
        if request.verb == "delete" and failing[0]:
            failing[0] = False
            return Answer(503, {"error": "ServiceUnavailable", "message": "later"})
        return forward(request)
    ready.consumers()
    with Listings(ready.source.url, None, lambda: less(ready, 3)) as source, Proxy(ready.target.url, handle) as target:
        done = ready.producer(*ready.migrate_arguments(source=source.url, target=target.url), "--catch-up")
    assert done.status == DONE, done.err
    assert "deleting.waits" in done.err and target.count("delete") == 2
    ready.assert_equal()


def test_a_target_that_refuses_to_delete_blocks_the_job(ready):
    refusing = [True]

    def handle(request, forward):
        if request.verb == "delete" and refusing[0]:
            return Answer(403, {"error": "Forbidden", "message": "no deletes for you"})
        return forward(request)
    ready.consumers()
    with Listings(ready.source.url, None, lambda: less(ready, 3)) as source, Proxy(ready.target.url, handle) as target:
        blocked = ready.producer(*ready.migrate_arguments(source=source.url, target=target.url, job="b"), "--catch-up")
        assert blocked.status == NEEDS_PERSON and "no deletes for you" in last_line(blocked.err)
        assert ready.job()["state"] == "blocked" and "no deletes for you" in ready.job()["last_error"]
        refusing[0] = False
        resumed = ready.producer("resume", "b")
    assert resumed.status == DONE, resumed.err
    ready.assert_equal()


# --- an exact target -------------------------------------------------------------------------------------------------

@pytest.fixture
def fuller(ready):
    """The target holds five records of its own."""
    load.ensure(ready.target, ready.name, 24, "cosine")
    ready.own = more(ready, "own", 5, ready.target)
    ready.consumers()
    return ready


def test_extra_records_are_named_and_stay(fuller):
    done = fuller.migrate()
    assert done.status == DONE, done.err
    assert "the target holds 5 records that are not of this job: " in done.out
    assert any('"%s"' % name in done.out for name in fuller.own) and fuller.own <= fuller.target_ids()


def test_exact_target_fails_with_extra_records(fuller):
    failed = fuller.producer(*fuller.migrate_arguments(), "--exact-target")
    assert failed.status == MISMATCH
    assert "the target holds 5 records that are not of this job; first: id " in failed.err
    assert any('"%s"' % name in failed.err for name in fuller.own)
    assert fuller.job()["state"] == "failed" and fuller.own <= fuller.target_ids()
    detail, = fuller.sql("SELECT detail FROM ferry.events WHERE kind = 'job.extra'")
    assert any('"%s"' % name in detail["detail"] for name in fuller.own)


def test_delete_extra_makes_a_mirror_and_says_how_many(fuller):
    blocked = fuller.producer(*fuller.migrate_arguments(job="mirror"), "--delete-extra")
    assert blocked.status == NEEDS_PERSON and fuller.own <= fuller.target_ids(), "it was all that the target held"
    assert "is blocked: 5 records at the target would be deleted that the job has not copied, of the 5 that" in last_line(blocked.err)
    done = fuller.producer("resume", "mirror", "--max-delete", "5")
    assert done.status == DONE, done.err
    assert "5 are to be deleted at the target" in done.err and "5 records deleted at the target" in done.err
    assert "5 records that were not of this job were deleted at the target" in done.out
    fuller.assert_equal()
    later = more(fuller, "later", 2, fuller.target)
    again = fuller.producer(*fuller.migrate_arguments(), "--delete-extra")
    assert again.status == DONE and not later & fuller.target_ids(), again.err


@pytest.mark.parametrize("after", [False, True], ids=["before-delete", "after-delete"])
def test_delete_extra_killed_while_it_deletes(fuller, after):
    with Held(fuller.target.url, "delete", after=after) as held:
        migrate = fuller.start("ferry-producer", *fuller.migrate_arguments(target=held.proxy.url, job="k", max_delete=5),
                               "--delete-extra")
        held.wait()
        migrate.kill()
        held.gate.open()
        resumed = fuller.producer("resume", "k")
    assert resumed.status == DONE, resumed.err
    fuller.assert_equal()


def test_delete_extra_that_does_not_delete_fails(fuller):
    def handle(request, forward):
        return Answer(200, {"deleted": 5}) if request.verb == "delete" else forward(request)
    with Proxy(fuller.target.url, handle) as proxy:
        failed = fuller.producer(*fuller.migrate_arguments(target=proxy.url, max_delete=5), "--delete-extra")
    assert failed.status == MISMATCH and "5 records that are not of this job" in failed.err
    assert proxy.count("delete") == 5, "one for each round"


def test_delete_extra_is_refused_together_with_skip(ready):
    refused = ready.producer(*ready.migrate_arguments(on_existing="skip"), "--delete-extra")
    assert refused.status == USAGE and "choose one" in refused.err
    assert ready.jobs() == []
