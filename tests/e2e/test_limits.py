"""The target's limits: forty records of eight kinds that break one, among twelve thousand. They are rejected before they are
published, each with its reason; a dry run names the same and writes nothing; values and policies can be changed, and a job
that goes on keeps them."""

import json
import random
import re

import pytest

import load
from ferry import DONE, LIGHT, NEEDS_PERSON, REJECTS, UNAVAILABLE, USAGE, corpus, last_line, wait_for
from proxy import Answer, Gate, Proxy

DIMENSION = 4
SEED = 4242
CLOUD = {"target_profile": "chroma-cloud"}

# kind: (reason, how a good record becomes one of it). The last two are beyond what a server would store: the front makes them.
KINDS = {
    "id": ("quota_id_bytes", lambda record: record.update(id="é" * 61 + record["id"])),  # fewer than 128 characters
    "document": ("quota_document_bytes", lambda record: record.update(document="ä" * 8192 + "x")),
    "uri": ("quota_uri_bytes", lambda record: record.update(uri="s3://" + "x" * 252)),
    "keys": ("quota_metadata_keys", lambda record: record.update(metadata={"k%d" % i: i for i in range(33)})),
    "key": ("quota_metadata_key_bytes", lambda record: record.update(metadata={"€" * 12 + "x": 1})),
    "value": ("quota_metadata_value_bytes", lambda record: record.update(metadata={"v": "y" * 8183})),
    "reserved": ("quota_metadata_reserved_keys", lambda record: record.update(metadata={"becomes-reserved": 1})),
    "infinite": ("not_finite", lambda record: record.update(metadata={"becomes-infinite": 1})),
}


def records(count, bad_of_each=5, seed=SEED):
    """(all records, {id: reason} of those that break a limit); some of the good ones are exactly at one."""
    dice = random.Random(seed)
    made = [{"id": "r-%05d" % number, "document": "text %d" % number, "uri": None, "metadata": {"n": number},
             "embedding": [dice.uniform(-1, 1) for _ in range(DIMENSION)]} for number in range(count)]
    bad = {}
    picked = dice.sample(range(count), bad_of_each * len(KINDS) + 5)
    for name, (reason, spoil) in KINDS.items():
        for _ in range(bad_of_each):
            record = made[picked.pop()]
            spoil(record)
            bad[record["id"]] = reason
    edge = [made[number] for number in picked]
    edge[0]["id"] = "é" * 64
    edge[1]["document"] = "ä" * 8192
    edge[2]["uri"] = "u" * 256
    edge[3]["metadata"] = {"k%d" % i: i for i in range(32)}
    edge[4]["metadata"] = {"€" * 12: "ü" * 4091}
    return made, bad


def spoil_answer(request, forward):
    """The source as an old server might be: reserved keys, and a vector that is not finite."""
    answer = forward(request)
    if request.verb == "get" and b"becomes-" in answer.body:
        body = json.loads(answer.body)
        for index, metadata in enumerate(body["metadatas"] or []):
            if metadata and "becomes-reserved" in metadata:
                body["metadatas"][index] = {"#reserved": 1}
            if metadata and "becomes-infinite" in metadata:
                body["embeddings"][index][0] = None
        answer = Answer(answer.status, body)
    return answer


def fill(ferry, made, name=None):
    collection = load.ensure(ferry.source, name or ferry.name, DIMENSION, "l2", LIGHT)
    load.put(ferry.source, collection, made)


def rejects(ferry, job=None):
    return {row["id"]: row for row in ferry.sql("SELECT * FROM ferry.rejects") if job in (None, row["job"])}


@pytest.fixture(scope="module")
def world(module_ferry):
    """Twelve thousand records behind the front."""
    made, bad = records(12000)
    print("seed", SEED)
    fill(module_ferry, made)
    with Proxy(module_ferry.source.url, spoil_answer) as front:
        module_ferry.made, module_ferry.bad, module_ferry.front = made, bad, front
        yield module_ferry


# The order of these two matters: the dry run comes first, when there is neither ledger nor topic nor target collection.

def test_bad_records_are_rejected_before_they_are_published(world):
    world.setup()
    world.consumers()
    done = world.migrate(source=world.front.url, **CLOUD)
    assert done.status == REJECTS, done.err
    assert "11960 of 12000 records verified" in done.out
    found = rejects(world)
    assert {name: row["reason"] for name, row in found.items()} == world.bad
    assert all(row["stage"] == "export" for row in found.values())
    by_reason = {row["reason"]: row["message"] for row in found.values()}
    assert re.search(r"a document of 16385 bytes, where the target takes 16384 \(limit document_bytes\)",
                     by_reason["quota_document_bytes"])
    assert "an id of 129 bytes, where the target takes 128 (" in by_reason["quota_id_bytes"]
    job = world.job()
    assert (job["planned"], job["verified"], job["rejected"]) == (12000, 11960, 40)
    sent = {line["id"] for message in world.topic.messages(60) for line in message.lines()[1:]}
    assert len(sent) == 11960 and not sent & set(world.bad)
    assert world.target_ids() == {record["id"] for record in world.made} - set(world.bad)
    settings = world.sql("SELECT settings FROM ferry.jobs")[0]["settings"]
    assert settings["limits"]["profile"] == "chroma-cloud" and settings["limits"]["most"]["document_bytes"] == 16384


def test_how_much_will_go_over_the_bus_is_said_once(world):
    said = [line for process in world.processes for line in process.err.splitlines() if "will go through the topic" in line]
    assert len(said) == 1, said
    megabytes = float(re.search(r"about ([\d.]+) kB", said[0]).group(1)) / 1000
    stored = sum(row["payload_bytes"] or 0 for row in world.sql("SELECT payload_bytes FROM ferry.batches")) / 1e6
    assert stored / 2 < megabytes < stored * 2, (said, stored)


# --- choosing, overriding, policies ----------------------------------------------------------------------------------

LONG = "ä" * 10  # 20 bytes


def few(ferry, count=30, **changes):
    """A small collection of which one record has something else."""
    made, _ = records(60, 0)
    made = [dict(record, id="r-%05d" % number, document="text", uri=None, metadata={"n": 1})
            for number, record in enumerate(made[:count])]
    made[7].update(changes)
    fill(ferry, made)
    ferry.setup()
    return made


def test_without_a_profile_a_target_that_is_not_the_cloud_is_not_checked(ferry):
    few(ferry, document="x" * 20000)
    ferry.consumers()
    assert ferry.migrate().status == DONE
    ferry.assert_equal()
    assert ferry.sql("SELECT settings FROM ferry.jobs")[0]["settings"]["limits"]["profile"] == "none"


def test_values_are_overridden_by_flag_variable_and_file(ferry):
    made = few(ferry, document=LONG, uri="u" * 30)
    (ferry.folder / "mine.json").write_text(json.dumps(
        {"format": 1, "profile": "mine", "version": 7, "limits": {"document_bytes": 19, "uri_bytes": 30}}))
    ferry.consumers()
    assert ferry.migrate(target_profile="mine.json").status == REJECTS
    assert {name: row["reason"] for name, row in rejects(ferry).items()} == {made[7]["id"]: "quota_document_bytes"}
    assert ferry.migrate(target_profile="mine.json", limit="document_bytes=20", target_collection=ferry.also("flag")).status == DONE
    done = ferry.migrate(target_collection=ferry.also("env"), env={"FERRY_LIMITS": "uri_bytes=29, write_records=10"})
    assert done.status == REJECTS
    job = ferry.job()
    assert {name: row["reason"] for name, row in rejects(ferry, job["job"]).items()} == {made[7]["id"]: "quota_uri_bytes"}
    assert sorted(batch["records"] for batch in ferry.batches(job["job"])) == [10, 10, 10]


@pytest.mark.parametrize("options, names", [
    ({"limit": "document_byte=5"}, ["document_byte", "known are id_bytes", "document_bytes"]),
    ({"limit": "document_bytes=few"}, ["document_bytes=few"]),
    ({"on_limit": "ignore"}, ["ignore", "truncate-document"]),
    ({"on_limit": "uri_bytes=truncate-document"}, ["uri_bytes"]),
    ({"target_profile": "chroma-clod"}, ["chroma-clod", "chroma-cloud"]),
])
def test_what_is_not_known_is_named_with_what_is(ferry, options, names):
    done = ferry.migrate(**options, seconds=10)
    assert done.status == USAGE and all(name in done.err for name in names), done.err


def test_fail_holds_the_job_and_names_record_and_rule(ferry):
    made = few(ferry, document=LONG)
    ferry.consumers()
    done = ferry.migrate(limit="document_bytes=19", on_limit="fail", batch_records=10)
    assert done.status == NEEDS_PERSON, done.err
    job = ferry.job()
    assert job["state"] == "blocked"
    for name in (made[7]["id"], "document of 20 bytes", "document_bytes"):
        assert name in job["last_error"] and name in done.err
    assert rejects(ferry) == {}
    again = ferry.producer("resume", job["job"])  # nothing was given, nothing has changed
    assert again.status == NEEDS_PERSON and made[7]["id"] in again.err
    done = ferry.producer("resume", job["job"], "--on-limit", "document_bytes=reject")
    assert done.status == REJECTS, done.err
    assert list(rejects(ferry)) == [made[7]["id"]]
    sent = {line["id"] for message in ferry.topic.messages() for line in message.lines()[1:]}
    assert made[7]["id"] not in sent


def test_documents_are_cut_only_by_name_and_compared_as_cut(ferry):
    made = few(ferry, document="ab" + LONG)
    ferry.consumers()
    done = ferry.migrate(limit="document_bytes=19", on_limit="truncate-document")
    assert done.status == DONE, done.err
    assert "30 of 30 records verified" in done.out and "ferry.truncated" in done.out
    verdict = ferry.judge()
    assert [name for name, _ in verdict.different] == [made[7]["id"]] and not verdict.missing and not verdict.extra
    target = ferry.target.collection(ferry.name)
    assert ferry.target.records(target, "get", {"ids": [made[7]["id"]]})["documents"] == ["ab" + "ä" * 8]
    [row] = ferry.sql("SELECT * FROM ferry.truncated")
    assert row["id"] == made[7]["id"] and "22 bytes was cut to 18" in row["message"]
    assert ferry.job()["truncated"] == 1 and rejects(ferry) == {}
    again = ferry.migrate(limit="document_bytes=19", on_limit="truncate-document")
    assert again.status == DONE and "0 records to send" in again.out


def test_a_collection_that_the_target_would_not_take_is_refused_before_anything_is_written(ferry):
    few(ferry)
    for limit, words in (("dimension=3", "vector of 4 components"), ("collection_records=29", "collection of 30 records"),
                         ("collection_name_bytes=5", "collection name of"), ("database_name_bytes=5", "database name of"),
                         ("collection_metadata_keys=1", "collection metadata of 2 keys"),
                         ("collection_metadata_value_bytes=5", "of the collection's metadata of")):
        done = ferry.migrate(limit=limit)
        assert done.status == NEEDS_PERSON and words in done.err and limit.split("=")[0] in done.err, done.err
    assert ferry.jobs() == [] and ferry.target.collection(ferry.name) is None and ferry.topic.count() == 0


def test_a_job_that_goes_on_keeps_its_limits(ferry):
    """The first producer is killed before it has read a record; the next one gets no limits at all."""
    made = few(ferry, document=LONG)
    ferry.consumers()
    gate = Gate()
    gate.close()

    def handle(request, forward):
        if request.verb == "get" and request.json().get("ids"):
            gate.pass_through()
        return forward(request)
    with Proxy(ferry.source.url, handle) as proxy:
        first = ferry.start_migrate(source=proxy.url, limit="document_bytes=19", batch_records=10)
        wait_for(lambda: gate.waiting, what="a read")
        first.kill()
        gate.open()
    job = ferry.job()["job"]
    done = ferry.producer("resume", job, "--source", ferry.source.url)
    assert done.status == REJECTS, done.err
    assert {name: row["reason"] for name, row in rejects(ferry).items()} == {made[7]["id"]: "quota_document_bytes"}
    [row] = ferry.sql("SELECT settings FROM ferry.jobs")
    assert row["settings"]["limits"]["overridden"] == ["document_bytes"]
    assert ferry.sql("SELECT 1 FROM ferry.events WHERE kind = 'job.settings'") == []
