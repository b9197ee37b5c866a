"""A whole collection crosses, looked at from several sides; then what a second run of the same command does."""

import json
import subprocess
import sys
import time

import pytest

import ferry as harness
from ferry import DONE, INTERRUPTED, corpus, last_line, load, stays, wait_for
from test_kill import Held

RECORDS = corpus.RECORDS


class Crossing:
    """The sample, moved once with two consumers."""

    def __init__(self, ferry):
        self.ferry = ferry
        ferry.env["FERRY_LEASE"] = "20s"  # that none is lost on a busy machine: each batch is delivered once
        load.load(ferry.source, ferry.name)
        ferry.setup()
        self.consumers = ferry.consumers(2)
        self.migrate = ferry.migrate()
        self.job = ferry.job()


@pytest.fixture(scope="module")
def crossing(module_ferry):
    return Crossing(module_ferry)


# --- one crossing ----------------------------------------------------------------------------------------------------

def test_all_records_arrive_and_the_program_says_so(crossing):
    assert crossing.migrate.status == DONE, crossing.migrate.err
    assert last_line(crossing.migrate.out) == "2213 of 2213 records verified"


def test_the_judge_finds_both_sides_equal(crossing):
    verdict = crossing.ferry.assert_equal()
    assert verdict.source_count == verdict.target_count == RECORDS


def test_source_and_target_answer_the_same_queries(crossing):
    ferry = crossing.ferry
    result = subprocess.run(
        [sys.executable, "-B", str(harness.REPO / "compose/sample/queries.py"), "--source", ferry.source.url,
         "--target", ferry.target.url, "--collection", ferry.name], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_target_collection_is_made_like_its_source(crossing):
    source, target = (server.collection(crossing.ferry.name) for server in (crossing.ferry.source, crossing.ferry.target))
    for field in ("metadata", "dimension", "configuration_json"):
        assert target[field] == source[field], field
    assert target["id"] != source["id"]


def test_the_job_is_in_the_view(crossing):
    job = crossing.job
    assert job["state"] == "succeeded" and job["collection"] == crossing.ferry.name
    assert (job["planned"], job["published"], job["verified"], job["rejected"], job["vanished"]) == (RECORDS, RECORDS, RECORDS, 0, 0)
    assert job["percent"] == 100 and job["rate"] > 0
    assert job["eta"] is None and job["oldest_unverified"] is None
    assert (job["waits_for"], job["last_error"]) == ("", "")
    assert job["job"].startswith(crossing.ferry.name + "-20")


def test_every_batch_is_verified_and_the_numbers_add_up(crossing):
    batches = crossing.ferry.batches()
    assert {row["state"] for row in batches} == {"verified"}
    assert sum(row["records"] for row in batches) == sum(row["verified"] for row in batches) == RECORDS
    assert all(row["records"] <= 300 for row in batches)
    assert all((row["exports"], row["deliveries"], row["must_reread"]) == (1, 1, False) for row in batches)
    assert crossing.ferry.sql("SELECT * FROM ferry.rejects") == []


def test_the_topic_holds_what_the_ledger_says_was_acknowledged(crossing):
    acknowledged = {(row["partition"], row["message_offset"]): row for row in crossing.ferry.batches()}
    messages = crossing.ferry.topic.messages()
    assert crossing.ferry.topic.count() == len(messages) == len(acknowledged)
    assert {(message.partition, message.offset) for message in messages} == set(acknowledged)
    job = crossing.job["job_id"]
    for message in messages:
        row = acknowledged[message.partition, message.offset]
        assert message.key.decode() == "%d/%d/%d" % (job, row["batch"], row["export_rev"])
        assert len(message.value) == row["payload_bytes"]


def test_the_messages_are_what_the_format_says(crossing):
    ferry, ids = crossing.ferry, set()
    target = ferry.target.collection(ferry.name)["id"]
    for message in ferry.topic.messages():
        head, *operations = message.lines()
        assert head["ferry_batch"] == 1 and head["target"] == target and head["ledger"] == ferry.ledger_uuid()
        assert head["records"] == len(operations)
        assert dict(message.headers) == dict(harness.headers_for(head, message.value))
        ids.update(operation["id"] for operation in operations)
        assert {operation["op"] for operation in operations} == {"upsert"}
    assert ids == set(ferry.source.ids(ferry.source.collection(ferry.name)))


def test_a_message_can_be_read_with_kcat_zcat_and_jq(crossing):
    topic = crossing.ferry.topic
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", "kcat -b %s -t %s -C -e -q -f '%%s' | zcat | jq -r 'select(.op) | .op'"
         % (topic.brokers, topic.name)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["upsert"] * RECORDS


def test_the_consumers_have_acknowledged_everything(crossing):
    wait_for(lambda: crossing.ferry.lag() == 0, 10, "no lag")


def test_status_shows_the_job(crossing):
    ferry = crossing.ferry
    text = ferry.producer("status")
    assert text.status == DONE and crossing.job["job"] in text.out and "succeeded" in text.out
    as_json = ferry.producer("status", crossing.job["job"], "--json")
    assert as_json.status == DONE
    found = json.loads(as_json.out)
    row = found[0] if isinstance(found, list) else found
    assert (row["job"], row["state"], row["verified"]) == (crossing.job["job"], "succeeded", RECORDS)


def test_two_workers_are_known(crossing):
    def pids():
        return {row["pid"] for row in crossing.ferry.sql("SELECT pid FROM ferry.worker_status WHERE kind = 'consumer'")}
    wait_for(lambda: pids() == {consumer.pid for consumer in crossing.consumers}, 30, "both, also where one of them was late")


def test_an_idle_consumer_ends_with_0_and_a_second_run_sends_nothing(crossing):
    ferry = crossing.ferry
    assert [consumer.stop() for consumer in crossing.consumers] == [DONE, DONE]
    before = ferry.topic.count(), ferry.everything(), ferry.jobs()
    again = ferry.migrate()  # with no consumer
    assert again.status == DONE, again.err
    assert "0 records to send" in again.out
    assert (ferry.topic.count(), ferry.everything(), ferry.jobs()) == before


# --- what a second run finds -----------------------------------------------------------------------------------------

@pytest.fixture
def moved(ferry):
    """A small collection that has crossed, and a consumer that waits for more."""
    ferry.fill(300, arrays=False)  # no arrays, because a target collection is deleted here; see Ferry.end
    ferry.setup()
    ferry.consumers()
    done = ferry.migrate(batch_records=50)
    assert done.status == DONE, done.err
    assert ferry.topic.count() == 6
    return ferry


def test_five_new_records_are_five_records_sent(moved):
    load.put(moved.source, moved.source.collection(moved.name),
             [dict(record, id="new " + record["id"]) for record in corpus.records(5, 24, 99, arrays=False)])
    done = moved.migrate(batch_records=50)
    assert done.status == DONE and last_line(done.out) == "5 of 5 records verified", done.err
    assert moved.job()["planned"] == 5
    assert moved.topic.count() == 7
    assert moved.assert_equal().target_count == 305


def test_an_emptied_target_gets_everything_again(moved):
    target = moved.target.collection(moved.name)
    moved.target.records(target, "delete", {"ids": moved.target.ids(target)})
    assert moved.target_ids() == set()
    done = moved.migrate(batch_records=50)
    assert done.status == DONE and last_line(done.out) == "300 of 300 records verified", done.err
    moved.assert_equal()


def test_a_deleted_target_collection_gets_everything_again(moved):
    moved.target.drop(moved.name)
    done = moved.migrate(batch_records=50)
    assert done.status == DONE and last_line(done.out) == "300 of 300 records verified", done.err
    moved.assert_equal()


def test_records_missing_at_the_target_are_sent_again(moved):
    target = moved.target.collection(moved.name)
    gone = sorted(moved.target_ids())[:7]
    moved.target.records(target, "delete", {"ids": gone})
    done = moved.migrate(batch_records=50)
    assert done.status == DONE and last_line(done.out) == "7 of 7 records verified", done.err
    moved.assert_equal()


def test_records_that_only_the_target_has_stay(moved):
    target = moved.target.collection(moved.name)
    load.put(moved.target, target, [{"id": "of its own", "document": "x", "uri": None, "metadata": None, "embedding": [0.5] * 24}])
    done = moved.migrate(batch_records=50)
    assert done.status == DONE and "0 records to send" in done.out
    verdict = moved.judge()
    assert verdict.extra == ["of its own"] and not verdict.missing and not verdict.different


# --- other names, spaces and sizes -----------------------------------------------------------------------------------

@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_each_space_crosses_under_another_name(ferry, space):
    ferry.fill(90, space=space)
    other = ferry.also("copy")
    ferry.setup()
    ferry.consumers()
    done = ferry.migrate(target_collection=other, batch_records=40, job="copy-" + space)
    assert done.status == DONE, done.err
    ferry.assert_equal(target_collection=other)
    assert ferry.job()["job"] == "copy-" + space
    assert ferry.target.collection(ferry.name) is None


def test_an_empty_collection_is_created_and_nothing_sent(ferry):
    load.ensure(ferry.source, ferry.name, 24, "ip", harness.LIGHT)
    ferry.setup()
    done = ferry.migrate()
    assert done.status == DONE and last_line(done.out) in ("0 records to send", "0 of 0 records verified"), done.err
    assert ferry.target.collection(ferry.name)["configuration_json"]["hnsw"]["space"] == "ip"
    assert ferry.topic.count() == 0


def test_a_consumer_may_end_with_its_job(ferry):
    ferry.fill(60)
    ferry.setup()
    migrate = ferry.start_migrate(job="both")
    wait_for(lambda: ferry.job("both"), 30, "the job is there")
    consumer = ferry.start("ferry-consumer", "--exit-when-done", "both")
    assert migrate.wait() == DONE, migrate.err
    assert consumer.wait(30) == DONE, consumer.err


def test_migrate_says_when_no_consumer_runs_and_ends_with_6_on_sigterm(ferry):
    ferry.fill(60)
    ferry.setup()
    migrate = ferry.start_migrate()
    wait_for(lambda: "consumer" in migrate.out + migrate.err, 30, "it says that no consumer is running")
    wait_for(lambda: "a consumer" in ferry.job()["waits_for"], 10, "the view says so too")
    assert ferry.target_ids() == set()
    assert migrate.stop() == INTERRUPTED, migrate.err
    assert "a producer" in ferry.job()["waits_for"]
    ferry.consumers()
    resumed = ferry.producer("resume", ferry.job()["job"])
    assert resumed.status == DONE and last_line(resumed.out) == "60 of 60 records verified", resumed.err
    ferry.assert_equal()


def test_statistics_of_empty_tables_slow_nothing_down(ferry):
    """Autovacuum may look at the ledger between two jobs, when the staging tables are empty."""
    ferry.fill(4000, dimension=8, arrays=False)
    ferry.setup()
    ferry.sql("ANALYZE")
    ferry.consumers()
    began = time.monotonic()
    first = ferry.migrate()
    assert first.status == DONE, first.err
    moved = time.monotonic()
    ferry.sql("ANALYZE")
    again = ferry.migrate()
    assert again.status == DONE and "0 records to send" in again.out, again.err
    assert time.monotonic() - moved < max(5, moved - began), "on a slow machine at least less than it took to move them"


# --- without Kafka ---------------------------------------------------------------------------------------------------

def settled(ferry):
    """The number of verified records, once it has not changed for two seconds."""
    arrived, since = ferry.job()["verified"], time.monotonic()
    while time.monotonic() - since < 2:
        now = ferry.job()["verified"]
        if now != arrived:
            arrived, since = now, time.monotonic()
        time.sleep(0.1)
    return arrived


@pytest.mark.alone
def test_with_kafka_stopped_nothing_arrives_and_the_job_waits(ferry):
    """The source gives 20 batches and no more before Kafka is gone, so that the job is in its middle then."""
    ferry.fill(600)
    ferry.setup()
    with Held(ferry.source.url, "get", first=21) as held:  # the first one lists
        consumer, = ferry.consumers()
        migrate = ferry.start_migrate(source=held.proxy.url, batch_records=10)
        ferry.wait_for_verified(50)
        held.wait()
        harness.compose_local("down", "kafka")
        held.gate.open()
        try:
            arrived = settled(ferry)  # what the consumer has fetched already may still be delivered
            assert arrived < 600
            stays(lambda: ferry.job()["verified"] == arrived and migrate.alive and consumer.alive, 5, "waits")
            assert ferry.job()["state"] == "running" and ferry.job()["waits_for"] != ""
            assert len(ferry.target_ids()) >= arrived
        finally:
            harness.compose_local("up", "kafka")
        assert migrate.wait() == DONE, migrate.err
    assert last_line(migrate.out) == "600 of 600 records verified"
    assert ferry.assert_equal().target_count == 600
    assert consumer.stop() == DONE
