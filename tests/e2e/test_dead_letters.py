"""What is rejected is among the dead letters before the ledger says so, in the form of schemas/dead-letter; without them nothing
goes on."""

import base64
import gzip
import json
import random

import pytest

from ferry import DONE, LIGHT, MISMATCH, REJECTS, USAGE, corpus, encode, headers_for, load, stays, wait_for
from proxy import Answer, Gate, Proxy, flip_largest

RECORDS = 90
IDS = [record["id"] for record in corpus.records(RECORDS, 24)]
WRONG = [IDS[7], IDS[50], IDS[51]]


def flips(request, forward):
    if request.verb == "upsert":
        body = request.json()
        for index, name in enumerate(body["ids"]):
            if name in WRONG:
                body["embeddings"][index] = flip_largest(body["embeddings"][index])
        request.set_json(body)
    return forward(request)


def lines_of(message):
    """{id: the line as it travelled} of a batch's message."""
    lines = gzip.decompress(message.value).splitlines(True)[1:]
    return {json.loads(line)["id"]: line for line in lines}


def text_headers(letter):
    return {name: value.decode() for name, value in letter.headers}


def test_a_rejected_record_is_a_letter_as_documented(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    with Proxy(ferry.target.url, flips) as proxy:
        ferry.consumers()
        assert ferry.migrate(target=proxy.url, batch_records=30).status == MISMATCH
    letters = {letter.key: letter for letter in ferry.dead_letters.messages()}
    rows = ferry.sql("SELECT j.job_id, r.* FROM ferry.rejects r JOIN ferry.jobs j ON j.name = r.job")
    assert len(rows) == len(letters) == 3
    batches = {message.key.rsplit(b"/", 1)[0]: message for message in ferry.topic.messages()}  # without the rev
    for row in rows:
        letter = letters[b"%d/%d/%s" % (row["job_id"], row["batch"], row["id"].encode())]
        batch = batches[b"%d/%d" % (row["job_id"], row["batch"])]
        assert letter.value == lines_of(batch)[row["id"]]
        headers = text_headers(letter)
        assert headers.pop("__connect.errors.exception.message") == row["message"]
        assert headers == {
            "__connect.errors.topic": ferry.topic.name, "__connect.errors.partition": str(batch.partition),
            "__connect.errors.offset": str(batch.offset),
            "__connect.errors.connector.name": "ferry." + ferry.ledger_uuid(),
            "__connect.errors.stage": "delivery", "__connect.errors.class.name": "ferry-consumer",
            "__connect.errors.exception.class.name": "mismatch", "ferry-letter": "1", "ferry-kind": "record",
            "ferry-reason": "mismatch", "ferry-attempts": "2", "ferry-ledger": ferry.ledger_uuid(),
            "ferry-job": str(row["job_id"]), "ferry-batch": str(row["batch"]), "ferry-rev": "1", "ferry-value": "whole"}


def test_a_poisonous_message_is_a_letter_as_it_came(ferry):
    ferry.setup()
    consumer, = ferry.consumers()
    head = {"target": ferry.ledger_uuid(), "ledger": ferry.ledger_uuid(), "job": 1, "batch": 1, "rev": 1, "records": 1}
    unknown = encode([head, {"op": "upsert"}])
    sent = [(b"garbage", [("a", b"\xff\x00"), ("ferry-job", None), ("a", b"")], b"\x00key\xff"),
            (b"", [], b"k"), (None, [("x", b"y")], None),
            (unknown, headers_for(head, unknown), b"1/1")]
    for value, headers, key in sent:
        ferry.topic.produce(value, headers, key, partition=5)
    wait_for(lambda: ferry.lag() == 0, 30, "all acknowledged")
    letters = {letter.key.decode(): letter for letter in ferry.dead_letters.messages()}
    assert sorted(letters) == ["%s/5/%d" % (ferry.topic.name, offset) for offset in range(4)]
    for offset, (value, headers, key) in enumerate(sent):
        letter = letters["%s/5/%d" % (ferry.topic.name, offset)]
        assert letter.value == value, offset
        assert letter.headers[:len(headers)] == headers
        ours = dict(letter.headers[len(headers):])
        assert ours.get("ferry-original-key") == key
        assert (ours["ferry-kind"], ours["ferry-reason"], ours["ferry-value"]) == (b"message", b"poison", b"whole")
        assert ours["__connect.errors.stage"] == b"intake" and ours["__connect.errors.offset"] == b"%d" % offset
    message = dict(letters["%s/5/3" % ferry.topic.name].headers)["__connect.errors.exception.message"]
    assert message == b"the ledger knows no such batch"
    assert len(ferry.sql("SELECT * FROM ferry.events WHERE kind = 'message.poison'")) == 4
    assert consumer.stop() == DONE


def test_a_letter_too_large_for_its_topic_comes_without_its_value(ferry):
    ferry.setup()
    consumer, = ferry.consumers()
    wait_for(lambda: "bus.assigned" in consumer.err, 30, "assigned")
    ferry.dead_letters.alter("max.message.bytes", 20000)
    ferry.topic.produce(bytes(100_000), [("small", b"1")], b"k", partition=0)
    ferry.topic.produce(b"small", [("large", bytes(100_000))], b"k", partition=0)
    ferry.topic.produce(bytes(100_000), [("large", bytes(100_000))], b"k" * 50_000, partition=0)
    wait_for(lambda: ferry.lag() == 0, 60, "all acknowledged")
    first, second, third = sorted(ferry.dead_letters.messages(), key=lambda letter: letter.key)
    assert (first.value, dict(first.headers)["small"]) == (None, b"1")
    assert dict(first.headers)["ferry-value"] == b"omitted, too large: 100000 bytes"
    for letter in (second, third):
        assert letter.value is None and "large" not in dict(letter.headers)
        assert dict(letter.headers)["ferry-value"].startswith(b"omitted")


def test_without_the_dead_letters_nothing_is_acknowledged_and_it_says_why(ferry):
    """A topic that goes away in the middle is an outage: waited for, and over when it is there again."""
    ferry.fill(RECORDS)
    ferry.setup()
    with Proxy(ferry.target.url, flips) as proxy:
        consumer, = ferry.consumers()
        wait_for(lambda: "bus.assigned" in consumer.err, 30, "assigned")
        ferry.dead_letters.delete()
        ferry.topic.produce(b"garbage", [], b"k", partition=3)
        going = ferry.start_migrate(target=proxy.url, batch_records=30)
        # The producer looks for the topic at its start, so it says what to do; the consumer waits.
        assert going.wait(40) == USAGE and "ferry-producer setup" in going.err and ferry.dead_letters.name in going.err
        waits = wait_for(lambda: [row["waits_for"] for row in ferry.sql(
            "SELECT waits_for FROM ferry.worker_status WHERE kind = 'consumer' AND waits_for <> ''")], 60, "told")
        assert "dead letters" in waits[0], waits
        stays(lambda: ferry.lag() == 1 and consumer.alive, 3, "not acknowledged")
        assert ferry.sql("SELECT * FROM ferry.events WHERE kind = 'message.poison'") == []
        ferry.setup()
        wait_for(lambda: ferry.lag() == 0, 60, "acknowledged")
        assert [letter.value for letter in ferry.dead_letters.messages()] == [b"garbage"]
        assert ferry.migrate(target=proxy.url, batch_records=30).status == MISMATCH
    assert len(ferry.dead_letters.messages()) == 4


@pytest.mark.slow
def test_stopping_does_not_wait_for_the_dead_letters(ferry):
    ferry.setup()
    consumer, = ferry.consumers()
    wait_for(lambda: "bus.assigned" in consumer.err, 30, "assigned")
    ferry.dead_letters.delete()
    ferry.topic.produce(b"garbage", [], b"k", partition=3)
    wait_for(lambda: "letters.waiting" in consumer.err, 60, "an outage")
    consumer.stop(25)
    assert ferry.lag() == 1
    ferry.setup()
    ferry.consumers()
    wait_for(lambda: ferry.lag() == 0, 60, "acknowledged by the next one")
    assert [letter.value for letter in ferry.dead_letters.messages()] == [b"garbage"]


def test_a_missing_topic_says_to_run_setup(ferry):
    ferry.setup()
    consumer = ferry.start("ferry-consumer", env={"FERRY_DEAD_LETTER_TOPIC": "no.such.letters"})
    assert consumer.wait(40) == USAGE
    assert "no.such.letters" in consumer.err and "ferry-producer setup" in consumer.err
    text = ferry.producer("setup").out
    assert ferry.dead_letters.name in text and "checked" in text


HOLDING = """
CREATE FUNCTION ferry.hold_rejects() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
CREATE TRIGGER hold_rejects BEFORE INSERT ON ferry.rejected_records FOR EACH ROW EXECUTE FUNCTION ferry.hold_rejects()"""
HELD = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"


def test_a_claim_that_is_lost_over_its_letters_leaves_them_twice_at_most(ferry):
    """Killed after the letters and in its mark, which is held: the next consumer writes them again. One of each counts."""
    ferry.env["FERRY_LEASE"] = "2s"
    ferry.fill(RECORDS)
    ferry.setup()
    ferry.sql(HOLDING)
    with Proxy(ferry.target.url, flips) as proxy:
        with ferry.connect(user="postgres") as holder:
            holder.execute("SELECT pg_advisory_lock(4711)")
            first, = ferry.consumers()
            going = ferry.start_migrate(target=proxy.url, batch_records=30)
            wait_for(lambda: ferry.sql("SELECT pid " + HELD), 60, "a mark that is held")
            first.kill()
            ferry.sql("SELECT pg_terminate_backend(pid, 5000) " + HELD)  # or it would mark all the same, for nobody
            assert ferry.dead_letters.count() > 0 and ferry.sql("SELECT * FROM ferry.rejects") == []
        ferry.consumers()
        assert going.wait(90) == MISMATCH
    letters = ferry.dead_letters.messages()
    rows = ferry.sql("SELECT j.job_id, r.* FROM ferry.rejects r JOIN ferry.jobs j ON j.name = r.job")
    assert {letter.key for letter in letters} == {b"%d/%d/%s" % (row["job_id"], row["batch"], row["id"].encode()) for row in rows}
    assert 3 < len(letters) <= 6


def spoils_vectors(request, forward):
    """One has none, of another a component is not a number."""
    answer = forward(request)
    if request.verb == "get" and answer.status == 200:
        body = json.loads(answer.body)
        for index, name in enumerate(body["ids"]):
            if body.get("embeddings") and name in WRONG[:2]:
                body["embeddings"][index] = None if name == WRONG[0] else [None] + body["embeddings"][index][1:]
        answer = Answer(200, body)
    return answer


def test_what_the_producer_rejects_is_a_letter_before_the_ledger_says_so(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    with Proxy(ferry.source.url, spoils_vectors) as proxy:
        ferry.consumers()
        assert ferry.migrate(source=proxy.url, batch_records=30).status == REJECTS
    letters = {letter.key.decode().split("/", 2)[2]: letter for letter in ferry.dead_letters.messages()}
    rows = {row["id"]: row for row in ferry.sql("SELECT * FROM ferry.rejects")}
    assert set(letters) == set(rows) == set(WRONG[:2])
    documents = {record["id"]: record["document"] for record in corpus.records(RECORDS, 24)}
    for name, letter in letters.items():
        headers = text_headers(letter)
        assert (headers["__connect.errors.stage"], headers["__connect.errors.class.name"]) == ("export", "ferry-producer")
        assert headers["ferry-reason"] == rows[name]["reason"] == ("no_embedding" if name == WRONG[0] else "not_finite")
        assert headers["__connect.errors.exception.message"] == rows[name]["message"]
        assert "__connect.errors.topic" not in headers and headers["ferry-value"] == "whole"
        line = json.loads(letter.value)
        assert (line["id"], line["embedding"], line["document"]) == (name, None, documents[name])


@pytest.mark.slow
def test_a_record_larger_than_a_letter_comes_without_its_line(ferry):
    """Larger than a message may be, and larger than a letter."""
    generator = random.Random(11)
    texts = {name: base64.b64encode(generator.randbytes(size)).decode() for name, size in
             (("small", 100), ("too large", 4_400_000), ("much too large", 7_200_000))}
    collection = load.ensure(ferry.source, ferry.name, 3, "l2", LIGHT)
    load.put(ferry.source, collection, [{"id": name, "embedding": [1.0, 2.0, 3.0], "document": text, "metadata": None, "uri": None}
                                        for name, text in texts.items()])
    ferry.setup()
    ferry.consumers()
    done = ferry.migrate()
    assert done.status == REJECTS, done.err
    letters = {letter.key.decode().split("/", 2)[2]: letter for letter in ferry.dead_letters.messages()}
    assert set(letters) == {"too large", "much too large"}
    assert all(text_headers(letter)["ferry-reason"] == "record_too_large" for letter in letters.values())
    assert json.loads(letters["too large"].value)["document"] == texts["too large"]
    assert letters["much too large"].value is None
    assert text_headers(letters["much too large"])["ferry-value"].startswith("omitted, too large: 9600")


def test_the_producer_waits_for_the_dead_letters(ferry):
    """The topic goes away after the producer has looked for it: no reject is in the ledger before it is back."""
    ferry.fill(RECORDS)
    ferry.setup()
    gate = Gate()
    gate.close()

    def handle(request, forward):
        if request.verb == "get" and "embeddings" in request.json().get("include", []):
            gate.pass_through()
        return spoils_vectors(request, forward)
    with Proxy(ferry.source.url, handle) as proxy:
        going = ferry.start_migrate(source=proxy.url, batch_records=30)
        wait_for(lambda: gate.waiting > 0, 60, "reading")
        ferry.dead_letters.delete()
        gate.open()
        waits = wait_for(lambda: [row["waits_for"] for row in ferry.sql(
            "SELECT waits_for FROM ferry.worker_status WHERE kind = 'producer' AND waits_for <> ''")], 60, "told")
        assert waits and going.alive
        assert ferry.sql("SELECT * FROM ferry.rejects") == []
        ferry.dead_letters.create(1, max_message_bytes=9 << 20, retention_ms=-1)
        wait_for(lambda: len(ferry.sql("SELECT * FROM ferry.rejects")) == 2, 90, "rejected")
        assert ferry.dead_letters.count() >= 2
        ferry.consumers()
        assert going.wait(90) == REJECTS
