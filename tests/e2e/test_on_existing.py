"""Records that the target had before the job: --on-existing mirror, skip and fail, also with a consumer killed between its
upsert and its mark."""

import pytest

from ferry import DONE, NEEDS_PERSON, REJECTS, USAGE, corpus, last_line, load, wait_for
from proxy import Answer, Proxy
from test_kill import Held

RECORDS = 120
OLDER = 40     # of them at the target already, with other content


@pytest.fixture
def ready(ferry):
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.fill(RECORDS, arrays=False)
    ferry.setup()
    return ferry


def older(ferry, count=OLDER):
    """Puts older versions of the first records that have a document into the target; returns their ids."""
    collection = load.ensure(ferry.target, ferry.name, 24, "cosine")
    names = [record["id"] for record in corpus.records(RECORDS, 24, arrays=False) if record["document"] is not None][:count]
    load.put(ferry.target, collection, [
        {"id": name, "document": "an older version", "uri": None, "metadata": {"older": True}, "embedding": [0.5] * 24}
        for name in names])
    return set(names)


def killed_after_upsert(ferry, **options):
    """Runs migrate to its end; a consumer dies after an upsert and before it could mark it, and another one follows."""
    with Held(ferry.target.url, "get", first=2) as held:
        consumer, = ferry.consumers()
        migrate = ferry.start_migrate(target=held.proxy.url, batch_records=20, **options)
        held.wait()  # a read-back; the listing of the plan is the first get
        assert held.proxy.count("upsert") > 0
        consumer.kill()
        held.gate.open()
        ferry.consumers()
        migrate.status = migrate.wait()
    assert any(row["deliveries"] > 1 for row in ferry.batches())
    return migrate


def changed(ferry):
    verdict = ferry.judge()
    assert not verdict.missing and not verdict.extra
    return {name for name, _ in verdict.different}


@pytest.mark.parametrize("kill", [False, True], ids=["", "killed"])
def test_mirror_makes_them_like_the_source(ready, kill):
    older(ready)
    if kill:
        done = killed_after_upsert(ready, on_existing="mirror")
    else:
        ready.consumers()
        done = ready.migrate(batch_records=20)
    assert done.status == DONE and last_line(done.out) == "%d of %d records verified" % (RECORDS, RECORDS), done.err
    ready.assert_equal()


@pytest.mark.parametrize("kill", [False, True], ids=["", "killed"])
def test_skip_leaves_them_and_says_how_many(ready, kill):
    names = older(ready)
    if kill:
        done = killed_after_upsert(ready, on_existing="skip")
    else:
        ready.consumers()
        done = ready.migrate(batch_records=20, on_existing="skip")
    assert done.status == DONE, done.err
    assert "%d of %d records verified" % (RECORDS - OLDER, RECORDS - OLDER) in done.out
    assert "%d records were skipped" % OLDER in done.out and "not of this job" not in done.out
    assert changed(ready) == names
    job = ready.job()
    assert (job["state"], job["planned"], job["verified"], job["skipped"]) == ("succeeded", RECORDS - OLDER, RECORDS - OLDER, OLDER)
    again = ready.migrate(batch_records=20, on_existing="skip")
    assert again.status == DONE and "0 records to send" in again.out and "%d were skipped" % OLDER in again.out
    assert changed(ready) == names


def test_a_resumed_job_keeps_its_policy_and_says_so(ready):
    names = older(ready)
    with Held(ready.target.url, "upsert", first=1) as held:
        ready.consumers()
        migrate = ready.start_migrate(target=held.proxy.url, batch_records=20, on_existing="skip", job="kept")
        held.wait()
        migrate.kill()
        held.gate.open()
        again = ready.migrate(batch_records=20, on_existing="mirror")
    assert again.status == DONE, again.err
    assert "job kept was planned with --on-existing skip, and that holds; --on-existing mirror is not taken" in again.err
    assert changed(ready) == names


def test_fail_writes_nothing_and_names_some(ready):
    names = older(ready)
    before = ready.target_ids()
    ready.consumers()
    refused = ready.migrate(on_existing="fail", job="refused")
    assert refused.status == NEEDS_PERSON
    line = last_line(refused.err)
    assert "%d of the records to move exist at the target already" % OLDER in line
    assert any('"%s"' % name in line for name in names)
    job = ready.job()
    assert job["state"] == "failed" and "exist at the target already" in job["last_error"] and job["planned"] == 0
    assert ready.target_ids() == before and ready.topic.count() == 0
    assert {name for name, _ in ready.judge().different} == names
    done = ready.migrate(env={"FERRY_ON_EXISTING": "mirror"})
    assert done.status == DONE, done.err
    ready.assert_equal()


def test_fail_does_not_take_its_own_writes_for_older_ones(ready):
    done = killed_after_upsert(ready, on_existing="fail")
    assert done.status == DONE and last_line(done.out) == "%d of %d records verified" % (RECORDS, RECORDS), done.err
    ready.assert_equal()
    again = ready.migrate(on_existing="fail")
    assert again.status == DONE and "0 records to send" in again.out, again.err


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_what_a_cancelled_job_left_behind_is_moved(ready, policy):
    """Its records are at the target, unread; another job of the pair neither leaves them nor fails over them."""
    with Held(ready.target.url, "get", first=1) as held:
        consumer, = ready.consumers()
        migrate = ready.start_migrate(target=held.proxy.url, batch_records=20, job="first", on_existing=policy)
        held.wait()
        consumer.kill()
        migrate.kill()
    assert ready.target_ids()
    ready.sql("SELECT ferry.cancel('first')")
    ready.consumers()
    done = ready.migrate(batch_records=20, on_existing=policy)
    assert done.status == DONE and last_line(done.out) == "%d of %d records verified" % (RECORDS, RECORDS), done.err
    ready.assert_equal()


def own(ferry, name):
    """An application writes that record into the target."""
    collection = ferry.target.collection(ferry.name)
    ferry.target.records(collection, "upsert", {"ids": [name], "embeddings": [[0.5] * 24], "documents": ["the application's own"],
                                                "metadatas": [{"by": "app"}]})


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_what_a_cancelled_job_never_wrote_is_somebody_elses(ready, policy):
    """It had it in hand, and each upsert was refused; then an application wrote one of them."""
    refuses = []

    def handle(request, forward):
        if request.verb == "upsert" and not refuses:
            return Answer(503, {"error": "busy"})
        return forward(request)
    name = sorted(ready.source.ids(ready.source.collection(ready.name)))[3]
    with Proxy(ready.target.url, handle) as target:
        ready.consumers()
        migrate = ready.start_migrate(target=target.url, on_existing=policy, job="first")
        wait_for(lambda: ("upsert", 503) in target.requests, 60, "an upsert is refused")
        ready.producer("cancel", "first")
        assert migrate.wait() == NEEDS_PERSON and not ready.target_ids()
        own(ready, name)
        refuses.append("no more")
        done = ready.migrate(target=target.url, on_existing=policy)
    assert "1 records at the target may be an earlier job's, which did not read them back; 0 are what the source has" in done.err
    if policy == "skip":
        assert done.status == DONE and "1 records were skipped" in done.out, done.err
        assert changed(ready) == {name}
    else:
        assert done.status == NEEDS_PERSON and '1 of the records to move exist at the target already; first: id "%s"' % name in done.err
        assert ready.target_ids() == {name}


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_what_is_redriven_is_looked_for_at_the_target_first(ready, policy):
    """Also when it was redriven in SQL. An application has written a rejected record itself."""
    ready.consumers()
    done = ready.migrate(limit="document_bytes=200", max_rejects=RECORDS, on_existing=policy, job="rejects")
    assert done.status == REJECTS, done.err
    names = sorted(row["id"] for row in ready.sql("SELECT id FROM ferry.rejects"))
    own(ready, names[0])
    if policy == "skip":
        ready.sql("SELECT ferry.redrive('rejects')", user="ferry")
        done = ready.producer("resume", "rejects", "--limit", "document_bytes=none")
    else:
        blocked = ready.producer("retry", "rejects", "--rejected", "--limit", "document_bytes=none")
        assert blocked.status == NEEDS_PERSON and 'first: id "%s"; none of them was written' % names[0] in last_line(blocked.err)
        assert not set(names[1:]) & ready.target_ids()
        collection = ready.target.collection(ready.name)
        ready.target.records(collection, "delete", {"ids": names[:1]})
        done = ready.producer("resume", "rejects")
    assert done.status == DONE, done.err
    assert changed(ready) == (set(names[:1]) if policy == "skip" else set())
    assert ready.job()["skipped"] == (1 if policy == "skip" else 0)


def test_another_word_is_refused_before_anything_happens(ready):
    refused = ready.migrate(on_existing="merge")
    assert refused.status == USAGE and '--on-existing must be mirror, skip or fail, not "merge"' in refused.err
    assert ready.jobs() == [] and ready.target.collection(ready.name) is None
