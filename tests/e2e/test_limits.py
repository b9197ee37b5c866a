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


NOWHERE = {"PGHOST": "127.0.0.1", "PGPORT": "9", "FERRY_KAFKA_BROKERS": None, "FERRY_TOPIC": None}


def dry_run(ferry, *flags, env=NOWHERE, **options):
    process = ferry.start("ferry-producer", *ferry.migrate_arguments(**options), "--dry-run", *flags, env=env)
    process.status = process.wait(90)
    return process


def untouched(ferry, name=None):
    assert ferry.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'ferry'") == [] or ferry.jobs() == []
    assert ferry.topic.partitions() == [] or ferry.topic.count() == 0
    assert ferry.target.collection(name or ferry.name) is None


# The order of these matters: the dry run comes first, when there is neither ledger nor topic nor target collection.

def test_a_dry_run_names_the_same_and_writes_nothing(world):
    """Without any ledger or broker that could be reached."""
    writes = []

    def watch(request, forward):
        if request.method != "GET":
            writes.append(request.path)
        return forward(request)
    with Proxy(world.target.url, watch) as target:
        told = dry_run(world, "--json", source=world.front.url, target=target.url, **CLOUD)
    assert told.status == REJECTS, told.err
    found = json.loads(told.out)
    named = {example: row["rule"] for row in found["violations"] for example in row["examples"]}
    assert named == {name: reason.replace("quota_", "") for name, reason in world.bad.items()}
    assert {row["rule"]: row["records"] for row in found["violations"]} == {
        reason.replace("quota_", ""): 5 for reason, _ in KINDS.values()}
    assert (found["read"], found["travelling"], found["rejected"], found["truncated"]) == (12000, 11960, 40, 0)
    assert found["requests"] == {"read": 40, "write": 40, "read_back": 40} and not found["target_exists"]
    good = [record for record in world.made if record["id"] not in world.bad]
    logical = sum(len(record["id"].encode()) + len((record["document"] or "").encode()) + len((record["uri"] or "").encode())
                  + 4 * DIMENSION + len(json.dumps(record["metadata"], ensure_ascii=False, separators=(",", ":")).encode())
                  for record in good)
    assert abs(found["logical_bytes"] - logical) <= 0.01 * logical  # the front writes JSON with spaces
    assert found["cost"]["writing"] == pytest.approx(found["logical_bytes"] / 2**30 * 2.5, abs=1e-6)
    assert found["cost"]["currency"] == "USD" and found["cost"]["prices_as_of"] == "2026-03-11"
    assert writes == []
    untouched(world)
    world.dry = found


def test_a_dry_run_is_told_to_people_too(world):
    told = dry_run(world, source=world.front.url, **CLOUD)
    assert told.status == REJECTS, told.err
    for line in (r"limits: profile chroma-cloud, version 1 of 2026-03-11", r"document_bytes +16384 +5 +16385 +reject +\S+, \S+, \S+, …",
                 r"not_finite +5 +reject", r"12000 records read: 11960 would travel .* 40 be rejected", r"through the topic +[\d.]+ kB",
                 r"cost, by the prices of 2026-03-11", r"nothing was written"):
        assert re.search(line, told.out), (line, told.out)
    untouched(world)


def test_bad_records_are_rejected_before_they_are_published(world, score):
    world.setup()
    world.consumers()
    done = world.migrate(source=world.front.url, **CLOUD)
    job, named = world.job(), {name: row["reason"] for name, row in rejects(world).items()}
    score(12, "beyond the target's limits: %d of %d records verified, %d rejected, %d of them with the right reason" % (
        job["verified"], job["planned"], job["rejected"], len(set(named.items()) & set(world.bad.items()))),
        "exactly 40 rejects with their reason, 11960 verified", job["verified"] == 11960 and named == world.bad)
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
    stored = sum(row["payload_bytes"] or 0 for row in world.sql("SELECT payload_bytes FROM ferry.batches"))
    assert world.dry["message_bytes"] == pytest.approx(stored, rel=0.02)
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
    assert "1 with a document that was cut" in ferry.producer("status").out
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


def planned_and_killed(ferry, **options):
    """A job whose producer was killed before it had read a record."""
    gate = Gate()
    gate.close()

    def handle(request, forward):
        if request.verb == "get" and request.json().get("ids"):
            gate.pass_through()
        return forward(request)
    with Proxy(ferry.source.url, handle) as proxy:
        first = ferry.start_migrate(source=proxy.url, batch_records=10, **options)
        wait_for(lambda: gate.waiting, what="a read")
        first.kill()
        gate.open()
    return ferry.job()["job"]


def test_batches_planned_before_the_target_took_fewer_are_split(ferry):
    few(ferry)
    ferry.consumers()
    job = planned_and_killed(ferry)
    done = ferry.producer("resume", job, "--source", ferry.source.url, "--limit", "write_records=4")
    assert done.status == DONE, done.err
    assert sorted(len(message.lines()) - 1 for message in ferry.topic.messages()) == [2] * 6 + [3] * 6
    ferry.assert_equal()


def test_a_limit_that_was_raised_lets_rejects_go_again(ferry):
    made = few(ferry, document=LONG)
    ferry.consumers()
    assert ferry.migrate(limit="document_bytes=19").status == REJECTS
    job = ferry.job()["job"]
    again = ferry.producer("retry", job, "--rejected")
    assert again.status == REJECTS and list(rejects(ferry)) == [made[7]["id"]], again.err
    done = ferry.producer("retry", job, "--rejected", "--limit", "document_bytes=20")
    assert done.status == DONE, done.err
    assert "30 of 30 records verified" in done.out and rejects(ferry) == {}
    ferry.assert_equal()


def test_a_job_that_goes_on_keeps_its_limits(ferry):
    """The next producer gets no limits at all."""
    made = few(ferry, document=LONG)
    ferry.consumers()
    job = planned_and_killed(ferry, limit="document_bytes=19")
    done = ferry.producer("resume", job, "--source", ferry.source.url)
    assert done.status == REJECTS, done.err
    assert {name: row["reason"] for name, row in rejects(ferry).items()} == {made[7]["id"]: "quota_document_bytes"}
    [row] = ferry.sql("SELECT settings FROM ferry.jobs")
    assert row["settings"]["limits"]["overridden"] == ["document_bytes"]
    assert ferry.sql("SELECT 1 FROM ferry.events WHERE kind = 'job.settings'") == []


# --- other dry runs --------------------------------------------------------------------------------------------------

def test_a_dry_run_without_violations_ends_with_0(ferry):
    few(ferry)
    told = dry_run(ferry, "--json")
    assert told.status == DONE, told.err
    found = json.loads(told.out)
    assert found["violations"] == [] and found["travelling"] == 30 and found["limits"]["profile"] == "none"
    assert found["cost"]["writing"] is None, "no price is known, and none is invented"
    assert "cost: unknown" in dry_run(ferry).out
    untouched(ferry)


def test_a_dry_run_says_what_would_hold_or_refuse_the_job(ferry):
    made = few(ferry, document=LONG)
    told = dry_run(ferry, "--json", limit="document_bytes=19", on_limit="fail")
    assert told.status == NEEDS_PERSON
    assert [(row["rule"], row["policy"], row["examples"]) for row in json.loads(told.out)["violations"]] == [
        ("document_bytes", "fail", [made[7]["id"]])]
    told = dry_run(ferry, limit="document_bytes=19", max_rejects=0)
    assert told.status == NEEDS_PERSON and "so many rejects would block the job, which bears 0" in told.out
    told = dry_run(ferry, "--json", limit="collection_records=29")
    assert told.status == NEEDS_PERSON
    assert [(row["rule"], row["limit"], row["worst"]) for row in json.loads(told.out)["violations"]] == [("collection_records", 29, 30)]
    told = dry_run(ferry, "--json", limit="document_bytes=19", on_limit="truncate-document")
    found = json.loads(told.out)
    assert told.status == REJECTS and (found["truncated"], found["travelling"], found["rejected"]) == (1, 30, 0)
    untouched(ferry)


def test_a_dry_run_finds_records_that_cannot_be_read(ferry):
    """A record without its vector makes the source answer 500 to whatever names it."""
    made = few(ferry)
    orphan = made[17]["id"]

    def handle(request, forward):
        if request.verb == "get" and orphan in (request.json().get("ids") or []):
            return Answer(500, {"error": "InternalError", "message": "Error finding id"})
        return forward(request)
    with Proxy(ferry.source.url, handle) as front:
        told = dry_run(ferry, "--json", source=front.url)
    found = json.loads(told.out)
    assert told.status == REJECTS and found["travelling"] == 29
    assert [(row["rule"], row["examples"]) for row in found["violations"]] == [("unreadable", [orphan])]


def test_a_dry_run_ends_as_usual_where_it_cannot_run(ferry):
    few(ferry)
    assert dry_run(ferry, source="http://127.0.0.1:9").status == UNAVAILABLE
    assert dry_run(ferry, target="http://127.0.0.1:9").status == UNAVAILABLE
    assert dry_run(ferry, collection="no-such-collection").status == USAGE
    assert dry_run(ferry, target=ferry.source.url).status == USAGE
    load.ensure(ferry.target, ferry.name, DIMENSION, "cosine", LIGHT)
    wrong = dry_run(ferry)
    assert wrong.status == NEEDS_PERSON and "cosine" in wrong.err
    assert ferry.target.ids(ferry.target.collection(ferry.name)) == []


def test_what_goes_with_a_dry_run_only_is_refused_without(ferry):
    few(ferry)
    done = ferry.start("ferry-producer", *ferry.migrate_arguments(), "--json")
    assert done.wait(20) == USAGE and "--dry-run" in done.err
    done = ferry.migrate(env={"FERRY_KAFKA_BROKERS": None})
    assert done.status == USAGE and "missing --brokers" in done.err
    untouched(ferry)
