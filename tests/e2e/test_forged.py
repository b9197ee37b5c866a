"""Messages on the topic that nobody of ours wrote: they change nothing, stop nothing, and are acknowledged."""

import gzip

import pytest

from ferry import DONE, LIGHT, encode, fresh_uuid, headers_for, last_line, load, wait_for

RECORDS = 120


class Waiting:
    """A job whose batches are all published and not yet delivered, for no consumer has run yet."""

    def __init__(self, ferry):
        self.ferry = ferry
        ferry.env["FERRY_LEASE"] = "20s"  # that none is lost on a busy machine: each batch is delivered once
        ferry.fill(RECORDS)
        ferry.setup()
        self.victim = load.ensure(ferry.target, ferry.also("victim"), 24, "cosine", LIGHT)
        self.migrate = ferry.start_migrate(batch_records=20)
        wait_for(lambda: (ferry.job() or {}).get("published") == RECORDS, 60, "all published")
        self.honest = ferry.topic.messages()

    def forge(self, head=None, value=None, headers=None, **changes):
        """An honest batch's message with one more record in it, and with other changes."""
        honest = self.honest[0]
        first, *operations = honest.lines()
        operations[-1] = dict(operations[-1], id="forged", document="forged")
        first.update(head or {})
        if value is None:
            value = encode([first] + operations)
        if headers is None:
            headers = headers_for(first, value, **changes)
        for partition in self.ferry.topic.partitions()[:3]:
            self.ferry.topic.produce(value, headers, honest.key, partition)


def forgeries(waiting):
    honest = waiting.honest[0]
    head = honest.lines()[0]
    text = gzip.decompress(honest.value)
    return {
        "unknown batch": lambda: waiting.forge({"batch": 4711}),
        "unknown job": lambda: waiting.forge({"job": 4711}),
        "other target": lambda: waiting.forge({"target": waiting.victim["id"]}),
        "other content, its own digest": waiting.forge,
        "other content, the honest digest": lambda: waiting.forge(
            headers=honest.headers, value=encode([head] + [dict(line, id="forged") for line in honest.lines()[1:]])),
        "honest content, another digest": lambda: waiting.forge(
            value=honest.value, headers=headers_for(head, honest.value, ferry_payload_sha256="0" * 64)),
        "same lines, compressed otherwise": lambda: waiting.forge(
            value=gzip.compress(text, 1, mtime=0), headers=headers_for(head, gzip.compress(text, 1, mtime=0))),
        "newer rev": lambda: waiting.forge({"rev": head["rev"] + 7}),
        "another ledger": lambda: waiting.forge({"ledger": fresh_uuid()}),
        "another version": lambda: waiting.forge(ferry_format="2"),
        "garbage": lambda: waiting.forge(value=b"\x1f\x8b not gzip", headers=honest.headers),
        "cut off": lambda: waiting.forge(value=honest.value[:-20], headers=honest.headers),
        "no headers": lambda: waiting.forge(value=honest.value, headers=[]),
        "nonsense headers": lambda: waiting.forge(ferry_job="-1", ferry_batch="9" * 40, ferry_ledger="'; DROP TABLE"),
        "empty": lambda: waiting.forge(value=b"", headers=honest.headers),
        "no value": lambda: [waiting.ferry.topic.produce(None, honest.headers, honest.key, 0)],
        "bomb": lambda: waiting.forge(value=gzip.compress(bytes(200_000_000), 9), headers=honest.headers),
        "the honest one again": lambda: waiting.forge(value=honest.value, headers=honest.headers),
    }


@pytest.fixture(scope="module")
def delivered(module_ferry):
    """All forgeries on the topic, and then the consumer."""
    waiting = Waiting(module_ferry)
    for forge in forgeries(waiting).values():
        forge()
    waiting.consumer, = module_ferry.consumers()
    waiting.migrate.status = waiting.migrate.wait()
    return waiting


def test_the_job_succeeds_all_the_same(delivered):
    assert delivered.migrate.status == DONE, delivered.migrate.err
    assert last_line(delivered.migrate.out) == "%d of %d records verified" % (RECORDS, RECORDS)
    delivered.ferry.assert_equal()


def test_nothing_forged_arrived_anywhere(delivered):
    ferry = delivered.ferry
    assert "forged" not in ferry.target_ids()
    assert ferry.target.ids(delivered.victim) == []


def test_the_ledger_is_as_if_they_had_not_been(delivered):
    rows = delivered.ferry.batches()
    assert len(rows) == RECORDS // 20
    assert all((row["state"], row["deliveries"], row["exports"], row["export_rev"], row["last_error"])
               == ("verified", 1, 1, 1, "") for row in rows), rows
    assert {(row["partition"], row["message_offset"]) for row in rows} == {(m.partition, m.offset) for m in delivered.honest}
    assert delivered.ferry.sql("SELECT * FROM ferry.rejects") == []
    assert len(delivered.ferry.jobs()) == 1


def test_they_are_acknowledged_and_the_consumer_lives(delivered):
    wait_for(lambda: delivered.ferry.lag() == 0, 30, "no lag")
    assert delivered.consumer.alive


def test_the_poisoned_ones_are_noted_and_foreign_ones_counted(delivered):
    ferry = delivered.ferry
    events = ferry.sql("SELECT * FROM ferry.events WHERE kind = 'message.poison'")
    assert len(events) >= 3 * 8
    wait_for(lambda: ferry.sql("SELECT max(foreign_messages) AS n FROM ferry.worker_status")[0]["n"] >= 3, 30, "counted")


def test_the_consumer_took_no_more_memory_for_a_bomb(delivered):
    assert delivered.consumer.peak_bytes < 400_000_000


def test_forged_after_the_end_they_change_nothing_either(delivered):
    ferry = delivered.ferry
    before = ferry.everything(), ferry.jobs()
    for name, forge in forgeries(delivered).items():
        if name != "bomb":
            forge()
    wait_for(lambda: ferry.lag() == 0, 30, "no lag")
    assert (ferry.everything(), ferry.jobs()) == before
    ferry.assert_equal()
    assert ferry.target.ids(delivered.victim) == []
    assert delivered.consumer.stop() == DONE
