"""Rehearsals: part of a collection into one that is made for it, verified as ever, and removed, it alone, on request."""

import pytest

from ferry import DONE, INTERRUPTED, LIGHT, NEEDS_PERSON, REJECTS, UNAVAILABLE, USAGE, corpus, last_line, load, wait_for
from proxy import Answer, Drop, Proxy


def rehearse(ferry, *arguments, env=None, start=False):
    command = ["migrate", "--collection", ferry.name, *arguments]
    return ferry.start("ferry-producer", *command, env=env) if start else ferry.producer(*command, env=env)


def scratch_of(ferry, process):
    """(job, collection) as it was told."""
    line = [line for line in process.err.splitlines() if line.startswith("the rehearsal's collection")][0]
    return ferry.job()["job"], line.split('"')[1]


@pytest.fixture
def filled(ferry):
    ferry.fill(300, arrays=False)  # what lists of a removed collection leave behind is Chroma's own
    ferry.setup()
    ferry.consumers()
    return ferry


def test_rehearse_and_then_really(filled):
    ferry = filled
    process = rehearse(ferry, "--sample", "40", "--seed", "7", "--remove-after")
    assert process.status == DONE, process.err
    assert "rehearsal: 40 of 300 records (sample 40 seed 7)" in process.err and "removed collection" in process.out
    row = ferry.job()
    assert (row["planned"], row["verified"], row["state"]) == (40, 40, "succeeded")
    first = process.out.split('removed collection "')[1].split('"')[0]
    assert "-rehearsal-" in first and not ferry.target.collection(first) and not ferry.target.collection(ferry.name)

    process = rehearse(ferry, "--first", "30")
    assert process.status == DONE, process.err
    job, scratch = scratch_of(ferry, process)
    assert job.startswith(ferry.name + "-rehearsal-") and scratch.startswith(ferry.name[:20])
    assert len(ferry.target_ids(scratch)) == 30
    process = ferry.migrate()
    assert process.status == DONE and "300 of 300 records verified" in process.out + process.err, process.err
    ferry.assert_equal()
    assert len(ferry.target_ids(scratch)) == 30
    process = ferry.producer("drop-rehearsal", job)
    assert process.status == DONE and 'removed collection "%s"' % scratch in process.out, process.err
    assert not ferry.target.collection(scratch) and ferry.target.collection(ferry.name)
    process = ferry.producer("drop-rehearsal", job)
    assert process.status == DONE and "was removed before" in process.out
    ferry.assert_equal()


def test_nothing_else_is_ever_removed(filled):
    ferry = filled
    assert ferry.migrate().status == DONE
    real = ferry.job()["job"]
    process = ferry.producer("drop-rehearsal", real)
    assert process.status == USAGE and "is no rehearsal" in process.err and ferry.target.collection(ferry.name)

    # a collection that exists is nobody's rehearsal, whoever asks
    load.ensure(ferry.target, ferry.also("mine"), 24, "cosine", LIGHT)
    process = rehearse(ferry, "--first", "3", "--target-collection", ferry.also("mine"))
    assert process.status == USAGE and "a rehearsal makes one of its own" in process.err, process.err
    assert ferry.job()["job"] == real

    # one that was recreated under the rehearsal's name is another
    process = rehearse(ferry, "--first", "3", "--target-collection", ferry.also("tried"))
    assert process.status == DONE, process.err
    job, scratch = scratch_of(ferry, process)
    assert scratch == ferry.also("tried")
    process = ferry.migrate(target_collection=scratch)
    assert process.status == USAGE and "may be removed with the rehearsal" in process.err, process.err
    ferry.target.drop(scratch)
    load.ensure(ferry.target, scratch, 24, "cosine", LIGHT)
    process = ferry.producer("drop-rehearsal", job)
    assert process.status not in (DONE, USAGE) and "nothing was removed" in process.err, process.err
    assert ferry.target.collection(scratch)


def put_others(ferry, name, count):
    """As an application does that has taken the collection for its own."""
    others = [dict(record, id="mine-" + record["id"]) for record in corpus.records(count, 24, 5, False)]
    load.put(ferry.target, ferry.target.collection(name), others)


def test_a_collection_that_others_write_to_stays(ferry):
    """Whether they came while the rehearsal ran, or later; and once nobody knows any more which records it had."""
    ferry.fill(300, arrays=False)
    ferry.setup()
    process = rehearse(ferry, "--first", "3", "--remove-after", "--target-collection", ferry.also("used"), start=True)
    wait_for(lambda: ferry.target.collection(ferry.also("used")), what="the rehearsal's collection")
    put_others(ferry, ferry.also("used"), 40)
    ferry.consumers()
    assert process.wait() == NEEDS_PERSON, process.err
    job = ferry.job()["job"]
    again = ferry.producer("drop-rehearsal", job)
    for said in (process, again):
        line = last_line(said.err)
        assert all(word in line for word in (ferry.also("used"), "40 records", job, "mine-", "delete it yourself")), line
        assert "removed collection" not in said.out
    assert again.status == NEEDS_PERSON and len(ferry.target_ids(ferry.also("used"))) == 43

    process = rehearse(ferry, "--first", "3")
    assert process.status == DONE, process.err
    job, scratch = scratch_of(ferry, process)
    assert ferry.producer("purge", job).status == DONE
    process = ferry.producer("drop-rehearsal", job)
    assert process.status == NEEDS_PERSON and "3 records" in process.err and "purged" in process.err, process.err
    scratch = ferry.target.collection(scratch)
    ferry.target.records(scratch, "delete", {"ids": ferry.target.ids(scratch)})
    process = ferry.producer("drop-rehearsal", job)
    assert process.status == DONE and "removed collection" in process.out, process.err


class Removal:
    """A rehearsal of three records, and a proxy before the target in which something happens while it is removed."""

    def __init__(self, ferry, method, happens):
        process = rehearse(ferry, "--first", "3")
        assert process.status == DONE, process.err
        self.ferry, (self.job, self.name) = ferry, scratch_of(ferry, process)
        self.uuid = ferry.target.collection(self.name)["id"]
        self.away = "removing-" + self.uuid

        def handler(request, forward):
            return happens(self, request, forward) if request.method == method else forward(request)

        with Proxy(ferry.target.url, handler) as target:
            self.process = self.drop("--target", target.url)

    def drop(self, *arguments):
        return self.ferry.producer("drop-rehearsal", self.job, *arguments)

    def assert_removed(self, process):
        assert process.status == DONE and 'removed collection "%s"' % self.name in process.out, process.err
        assert not self.ferry.target.collection(self.away)


@pytest.fixture(scope="module")
def rehearsed(module_ferry):
    module_ferry.fill(30, arrays=False)
    module_ferry.setup()
    module_ferry.consumers()
    return module_ferry


def test_what_comes_under_its_name_while_it_is_removed_stays(rehearsed):
    def recreate(removal, request, forward):
        if ferry.target.collection(removal.name):
            ferry.target.drop(removal.name)
        ferry.fill(50, removal.name, server=ferry.target, arrays=False)
        return forward(request)

    ferry = rehearsed
    removal = Removal(ferry, "DELETE", recreate)
    removal.assert_removed(removal.process)
    assert len(ferry.target_ids(removal.name)) == 50
    assert "was removed before" in removal.drop().out


def test_a_removal_that_is_cut_short_is_found_again(rehearsed):
    def lose(_removal, _request, _forward):
        raise Drop()

    removal = Removal(rehearsed, "DELETE", lose)
    assert removal.process.status == UNAVAILABLE and removal.away in removal.process.err, removal.process.err
    assert not rehearsed.target.collection(removal.name) and rehearsed.target.collection(removal.away)["id"] == removal.uuid
    load.ensure(rehearsed.target, removal.name, 24, "cosine", LIGHT)  # by now another one bears its name
    removal.assert_removed(removal.drop())
    assert rehearsed.target.collection(removal.name)


def test_who_writes_while_it_is_removed_keeps_it_under_its_name(rehearsed):
    def write(removal, request, forward):
        answer = forward(request)
        if rehearsed.target.collection(removal.away):
            put_others(rehearsed, removal.away, 7)
        return answer

    removal = Removal(rehearsed, "PUT", write)
    assert removal.process.status == NEEDS_PERSON and "holds 7 records" in removal.process.err, removal.process.err
    assert rehearsed.target.collection(removal.name)["id"] == removal.uuid and len(rehearsed.target_ids(removal.name)) == 10


def test_where_nothing_can_be_renamed_it_is_removed_by_its_name(rehearsed):
    def refuse(_removal, _request, _forward):
        return Answer(405, b"", "text/plain")

    removal = Removal(rehearsed, "PUT", refuse)
    assert "PUT" not in removal.process.err and not rehearsed.target.collection(removal.name)
    removal.assert_removed(removal.process)


def test_what_is_not_found_is_not_taken_for_removed(filled):
    """Neither where somebody names another server, nor where a gateway says 404."""
    ferry = filled
    process = rehearse(ferry, "--first", "3")
    assert process.status == DONE, process.err
    job, scratch = scratch_of(ferry, process)
    for arguments, words in [(["--target", ferry.source.url], [scratch, job, ferry.target.url, "another server"]),
                             (["--target-database", "main"], ["--target-database main", job, "default_database"])]:
        process = ferry.producer("drop-rehearsal", job, *arguments)
        assert process.status == USAGE and all(word in process.err for word in words), process.err
        assert "removed" not in process.out and ferry.target.collection(scratch)

    def handler(request, forward):
        return Answer(404, {"error": "NotFoundError"}) if request.path.endswith("/" + scratch) else forward(request)

    with Proxy(ferry.target.url, handler) as gateway:
        process = ferry.producer("drop-rehearsal", job, "--target", gateway.url)
        assert process.status == USAGE and "there is no collection" in process.err, process.err
        ferry.sql("UPDATE ferry.endpoints SET url = %s WHERE url = %s", gateway.url, ferry.target.url)
        process = ferry.producer("drop-rehearsal", job)
        assert process.status == DONE and "rehearsal.missing" in process.err, process.err
        assert "removed" not in process.out and ferry.target.collection(scratch)
    process = ferry.producer("drop-rehearsal", job, "--target", ferry.target.url)
    assert process.status == DONE and "removed collection" in process.out, process.err
    assert not ferry.target.collection(scratch)


def test_a_variable_for_the_real_run_does_not_name_it(filled):
    ferry = filled
    process = rehearse(ferry, "--first", "3", env={"FERRY_TARGET_COLLECTION": ferry.also("real")})
    assert process.status == DONE, process.err
    assert "-rehearsal-" in scratch_of(ferry, process)[1] and not ferry.target.collection(ferry.also("real"))


def test_one_that_was_interrupted_goes_on_and_one_that_runs_is_not_removed(ferry):
    ferry.fill(100, arrays=False)
    ferry.setup()
    process = rehearse(ferry, "--sample", "50", "--remove-after", start=True)
    wait_for(lambda: ferry.jobs() and ferry.job()["published"] == 50, what="all published")
    assert process.stop() == INTERRUPTED, process.err
    job, scratch = scratch_of(ferry, process)
    refused = ferry.producer("drop-rehearsal", job)
    assert refused.status != DONE and "ferry-producer cancel" in refused.err, refused.err
    ferry.consumers()
    process = ferry.producer("resume", job)
    assert process.status == DONE, process.err
    assert len(ferry.target_ids(scratch)) == 50
    assert ferry.producer("drop-rehearsal", job).status == DONE
    assert not ferry.target.collection(scratch)


def test_refused_records_are_named_and_the_token_goes_along(ferry):
    """As in a real run; and removing asks with the same credentials."""
    ferry.fill(300, arrays=False)
    ferry.setup()

    def handler(request, forward):
        if request.headers.get("X-Chroma-Token") != "right":
            return Answer(401, {"error": "Unauthorized"})
        return forward(request)

    with Proxy(ferry.target.url, handler) as target:
        env = {"FERRY_TARGET": target.url, "FERRY_TARGET_TOKEN": "right"}
        ferry.consumers(env=env)
        process = rehearse(ferry, "--sample", "60", "--limit", "document_bytes=120", "--max-rejects", "60", env=env)
        assert process.status == REJECTS, process.err
        job, scratch = scratch_of(ferry, process)
        assert ferry.job()["verified"] + ferry.job()["rejected"] == 60
        assert len(ferry.target_ids(scratch)) == ferry.job()["verified"]
        refused = ferry.producer("drop-rehearsal", job, env=dict(env, FERRY_TARGET_TOKEN="wrong"))
        assert refused.status == USAGE and "401" in refused.err and ferry.target.collection(scratch)
        assert ferry.producer("drop-rehearsal", job, env=env).status == DONE and not ferry.target.collection(scratch)


def made(ferry):
    """The target's collections of this test."""
    return {collection["name"] for collection in ferry.target.ask("GET", ferry.target.base) if collection["name"].startswith(ferry.name)}


def test_what_is_refused_leaves_no_collection_behind(filled):
    """Neither a rehearsal's nor a real one's: the ledger is asked before, and once more when they are there."""
    ferry = filled
    assert ferry.migrate(job="taken", target_collection=ferry.also("first")).status == DONE
    for arguments in (["--sample", "3", "--remove-after"], []):
        process = rehearse(ferry, *arguments, "--job", "taken")
        assert process.status == USAGE and "a job named taken exists" in process.err, process.err
        assert made(ferry) == {ferry.also("first")} and len(ferry.jobs()) == 1

    def take_the_name(request, forward):
        answer = forward(request)
        if request.method == "POST" and request.path.endswith("/collections"):
            ferry.sql("INSERT INTO ferry.jobs (name, state, finished_at) VALUES ('late', 'cancelled', now()) ON CONFLICT DO NOTHING")
            if spoiled:
                put_others(ferry, request.json()["name"], 2)
        return answer

    for spoiled, told in ((False, "is removed again"), (True, "stays: it holds 2 records")):
        ferry.sql("DELETE FROM ferry.jobs WHERE name = 'late'")
        with Proxy(ferry.target.url, take_the_name) as target:
            process = rehearse(ferry, "--target", target.url, "--job", "late")
        assert process.status == USAGE and "a job named late exists" in process.err and told in process.err, process.err
        assert (ferry.name in made(ferry)) == spoiled and not [name for name in made(ferry) if "removing" in name]


def test_options_that_do_not_go_together(ferry):
    process = rehearse(ferry, "--first", "3", "--catch-up")
    assert process.status == USAGE and "--catch-up is about all records" in process.err
