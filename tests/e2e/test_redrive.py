"""What was rejected goes again when its cause has been mended: `retry JOB --rejected`, and ferry.redrive in SQL."""

import json

from ferry import DONE, MISMATCH, REJECTS, USAGE, corpus, last_line, load, wait_for
from proxy import Answer, Proxy, flip_largest

RECORDS = 120
IDS = [record["id"] for record in corpus.records(RECORDS, 24)]
WRONG = {IDS[7], IDS[55], IDS[56], IDS[119]}


class Front:
    """Damages what it is told to until it is repaired."""

    def __init__(self, damage):
        self.damage, self.is_broken = damage, True

    def __call__(self, request, forward):
        return self.damage(request, forward) if self.is_broken else forward(request)


def flips(request, forward):
    if request.verb == "upsert":
        body = request.json()
        for index, name in enumerate(body["ids"]):
            if name in WRONG:
                body["embeddings"][index] = flip_largest(body["embeddings"][index])
        request.set_json(body)
    return forward(request)


def spoils_vectors(request, forward):
    """One has none, of the others a component is not a number."""
    answer = forward(request)
    if request.verb == "get" and answer.status == 200:
        body = json.loads(answer.body)
        for index, name in enumerate(body["ids"]):
            if name in WRONG and body.get("embeddings"):
                if name == IDS[7]:
                    body["embeddings"][index] = None
                else:
                    body["embeddings"][index][3] = None
        answer = Answer(200, body)
    return answer


def counts(job):
    return job["state"], job["planned"], job["verified"], job["rejected"]


def retry(ferry, *arguments, **options):
    return ferry.producer("retry", *arguments, **options)


def test_mismatches_go_again_when_the_target_keeps_what_it_is_given(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    front = Front(flips)
    with Proxy(ferry.target.url, front) as proxy:
        ferry.consumers()
        assert ferry.migrate(target=proxy.url, batch_records=30).status == MISMATCH
        job = ferry.job()
        assert counts(job) == ("failed", RECORDS, RECORDS - 4, 4)
        assert {row["id"] for row in ferry.sql("SELECT * FROM ferry.rejects")} == WRONG
        again = retry(ferry, job["job"], "--rejected")
        assert again.status == MISMATCH, "nothing was mended"
        assert {(row["id"], row["redriven"]) for row in ferry.sql("SELECT * FROM ferry.rejects")} == {(one, 1) for one in WRONG}
        front.is_broken = False
        done = retry(ferry, job["job"], "--rejected")
    assert done.status == DONE, done.err
    assert "4 rejected records go again" in done.err
    assert last_line(done.out) == "%d of %d records verified" % (RECORDS, RECORDS)
    assert counts(ferry.job()) == ("succeeded", RECORDS, RECORDS, 0)
    assert len(ferry.jobs()) == 1 and ferry.sql("SELECT * FROM ferry.rejects") == []
    ferry.assert_equal()


def test_vectors_mended_at_the_source_go_again_as_they_are_then(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    front = Front(spoils_vectors)
    with Proxy(ferry.source.url, front) as proxy:
        ferry.consumers()
        done = ferry.migrate(source=proxy.url, batch_records=30)
        job = ferry.job()
        assert done.status == REJECTS, done.err
        assert counts(job) == ("succeeded", RECORDS, RECORDS - 4, 4)
        reasons = {row["id"]: row["reason"] for row in ferry.sql("SELECT * FROM ferry.rejects")}
        assert reasons == dict({one: "not_finite" for one in WRONG}, **{IDS[7]: "no_embedding"})
        front.is_broken = False
        done = retry(ferry, job["job"], "--rejected", "--reason", "no_embedding")
        assert done.status == REJECTS and counts(ferry.job()) == ("succeeded", RECORDS, RECORDS - 3, 3)
        done = retry(ferry, job["job"], "--rejected")
        assert done.status == DONE, done.err
        assert counts(ferry.job()) == ("succeeded", RECORDS, RECORDS, 0)
        ferry.assert_equal()
        none = retry(ferry, job["job"], "--rejected")
        assert none.status == DONE and last_line(none.out) == "0 records to send"
        assert counts(ferry.job()) == ("succeeded", RECORDS, RECORDS, 0)


def ends_with(ferry, job):
    """The exit code of a consumer that follows a job which has ended."""
    return ferry.start("ferry-consumer", "--exit-when-done", job).wait(60)


def test_what_has_nothing_left_to_send_ends_as_its_job_did(ferry):
    """By the same rule: migrate, a retry of nothing, and a consumer that ends with the job."""
    ferry.fill(30, arrays=False)
    ferry.setup()
    ferry.consumers()
    seen = []

    def handle(request, forward):
        if request.verb == "get" and "ids" not in request.json():
            seen.append(request)
            if len(seen) == 2:  # the end's listing: five that were verified have gone
                collection = ferry.target.collection(ferry.name)
                ferry.target.records(collection, "delete", {"ids": ferry.target.ids(collection)[:5]})
        return forward(request)
    with Proxy(ferry.target.url, handle) as proxy:
        assert ferry.migrate(target=proxy.url, job="failed").status == MISMATCH
        none = retry(ferry, "failed", "--rejected")
    assert none.status == MISMATCH and last_line(none.out) == "0 records to send", none.err
    assert "job failed failed: 5 verified records are not at the target any more" in none.err
    assert ends_with(ferry, "failed") == MISMATCH
    front = Front(spoils_vectors)
    load.put(ferry.source, ferry.source.collection(ferry.name), [
        record for record in corpus.records(RECORDS, 24, arrays=False) if record["id"] in WRONG])
    with Proxy(ferry.source.url, front) as proxy:
        assert ferry.migrate(source=proxy.url, job="rejects").status == REJECTS
        none = retry(ferry, "rejects", "--rejected", "--reason", "not_finit")
    assert none.status == REJECTS and last_line(none.out) == "0 records to send", none.err
    assert 'job rejects: no rejected record has the reason "not_finit"' in none.err
    assert ends_with(ferry, "rejects") == REJECTS


def test_redriven_in_sql_and_resumed(ferry):
    """Whoever has no shell on that machine redrives; whoever has one resumes."""
    ferry.fill(RECORDS)
    ferry.setup()
    front = Front(spoils_vectors)
    with Proxy(ferry.source.url, front) as proxy:
        ferry.consumers()
        assert ferry.migrate(source=proxy.url, batch_records=30).status == REJECTS
        front.is_broken = False
        name = ferry.job()["job"]
        rows = ferry.sql("SELECT ferry.redrive(job, array_agg(id_bytes)) AS n FROM ferry.rejects WHERE id <> %s GROUP BY job",
                         IDS[7], user="ferry")
        assert rows == [{"n": 3}]
        assert ferry.job()["state"] == "running" and "resume" in ferry.job()["waits_for"]
        done = ferry.producer("resume", name)
        assert done.status == REJECTS and counts(ferry.job()) == ("succeeded", RECORDS, RECORDS - 1, 1), done.err


def test_a_retry_that_is_killed_is_resumed(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    front = Front(spoils_vectors)
    with Proxy(ferry.source.url, front) as proxy:
        consumer, = ferry.consumers()
        assert ferry.migrate(source=proxy.url, batch_records=30).status == REJECTS
        front.is_broken = False
        consumer.stop()
        name = ferry.job()["job"]
        going = ferry.start("ferry-producer", "retry", name, "--rejected")
        wait_for(lambda: [row["state"] for row in ferry.batches()].count("published") == 3, 60, "all published again")
        going.kill()
        ferry.consumers()
        done = ferry.producer("resume", name)
    assert done.status == DONE, done.err
    assert counts(ferry.job()) == ("succeeded", RECORDS, RECORDS, 0)
    ferry.assert_equal()


def test_what_cannot_be_retried_is_said(ferry):
    ferry.fill(20)
    ferry.setup()
    ferry.consumers()
    assert ferry.migrate().status == DONE
    name = ferry.job()["job"]
    for arguments, said in (([], "--rejected"), ([name], "--rejected"), (["nobody", "--rejected"], "nobody")):
        refused = retry(ferry, *arguments, seconds=20)
        assert refused.status == USAGE and said in refused.err and refused.out == "", refused.err
    assert retry(ferry, name, "--rejected").status == DONE
    ended = ferry.producer("resume", name)
    assert ended.status == USAGE and "retry" in ended.err
