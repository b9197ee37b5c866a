"""The check itself: it passes a world in which all is well, and names what is wrong in one that was doctored. One small job is
moved honestly; then, one at a time, what it left behind is changed, looked at, and put back."""

import base64
import contextlib
import gzip
import json
import subprocess
import sys
import time

import pytest

import check
from world import DONE, HERE, wait_for

RECORDS, BATCH = 60, 20


@pytest.fixture(scope="module")
def moved(module_world):
    world = module_world
    world.fill(RECORDS, space="l2")
    world.setup()
    world.consumers()
    world.faults_end(within=60)
    done = world.migrate(batch_records=BATCH)
    assert done.status == DONE, done.err
    wait_for(lambda: world.lag() == 0, 30, "everything acknowledged")
    return world


def look(world, invariant, **changes):
    finding, = check.findings(world.where(**changes), [invariant])
    print(finding)
    return finding


def broken(world, invariant, words, **changes):
    finding = look(world, invariant, **changes)
    assert not finding.holds and words in str(finding), finding


@contextlib.contextmanager
def doctored(world, statement, undo):
    """As nobody's statement could: no trigger sees it."""
    with world.connect(user="postgres") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)
        try:
            yield
        finally:
            connection.execute(undo)


@contextlib.contextmanager
def altered(world, name, **changes):
    """A record of the target, otherwise than the source's."""
    collection = world.target.collection(world.name)
    was = check.Chroma(world.target.url).records(collection, [name])[name]

    def put(record):
        world.target.records(collection, "delete", {"ids": [name]})
        if record:
            world.target.records(collection, "upsert", {
                "ids": [name], "embeddings": [record["embedding"]], "documents": [record["document"]],
                "metadatas": [record["metadata"]], "uris": [record["uri"]]})
    put(dict(was, **changes) if changes else None)
    try:
        yield
    finally:
        put(was)


def test_an_honest_world_passes(moved):
    found = check.everything(moved)
    assert [finding.name for finding in found] == ["I%d" % n for n in range(1, 8)]
    assert all(finding.looked for finding in found)


def test_i1_names_a_record_that_is_missing_different_or_too_many(moved):
    victim = sorted(moved.target_ids())[7]
    with altered(moved, victim):
        broken(moved, check.i1, "%r is missing" % victim)
        with doctored(moved, "INSERT INTO ferry.rejected_records (job_id, batch_no, id, reason, message, stage, export_rev) "
                      "VALUES (1, 1, '\\x%s', 'refused', '', 'delivery', 1)" % victim.encode().hex(),
                      "DELETE FROM ferry.rejected_records"):
            assert look(moved, check.i1).holds, "a record in the rejects is excused"
            broken(moved, check.i5, "n_rejected is 0, rejected_records has 1")
    for change, words in (({"document": "another"}, "document"), ({"metadata": {"n": 1.5, "one more": True}}, "metadata"),
                          ({"uri": "file:///elsewhere"}, "uri"), ({"embedding": [0.5] * 24}, "embedding")):
        with altered(moved, victim, **change):
            broken(moved, check.i1, "%r differs: %s" % (victim, words))
    collection = moved.target.collection(moved.name)
    moved.target.records(collection, "upsert", {"ids": ["one more"], "embeddings": [[1.0] * 24]})
    try:
        broken(moved, check.i1, "1 more at the target, first 'one more'")
        assert look(moved, check.i1, extra=True).holds
    finally:
        moved.target.records(collection, "delete", {"ids": ["one more"]})


def test_i2_names_a_batch_that_was_verified_twice_or_by_an_old_fence(moved):
    copy = "INSERT INTO faults.trail (job_id, batch_no, was, state, export_rev, fence, exports, deliveries, by_fence) VALUES "
    undo = "DELETE FROM faults.trail WHERE exports = 99"
    with doctored(moved, copy + "(1, 2, 'claimed', 'verified', 1, 999, 99, 1, 999)", undo):
        broken(moved, check.i2, "batch %s/2 was verified twice" % moved.job()["job"])
    with doctored(moved, copy + "(1, 2, 'claimed', 'claimed', 1, 999, 99, 1, NULL)", undo):
        broken(moved, check.i2, "carries fence")
    with doctored(moved, copy + "(1, 3, 'claimed', 'claimed', 1, 999, 99, 1, NULL), (1, 3, 'verified', 'planned', 1, NULL, 99, 1, NULL), "
                  "(1, 3, 'claimed', 'verified', 2, 999, 99, 1, 998)", undo):
        broken(moved, check.i2, "was verified with fence 998, the highest was 999")
    with doctored(moved, "UPDATE faults.trail SET by_worker = gen_random_uuid() WHERE batch_no = 2 AND state = 'verified'",
                  "UPDATE faults.trail SET by_worker = owner WHERE batch_no = 2 AND state = 'verified'"):
        broken(moved, check.i2, ", and verified by ")
    with doctored(moved, "DELETE FROM faults.trail WHERE batch_no = 1 AND state = 'verified'",
                  "INSERT INTO faults.trail (job_id, batch_no, was, state, export_rev, fence, owner, exports, deliveries, by_worker, by_fence) "
                  "SELECT job_id, batch_no, 'claimed', state, export_rev, fence, owner, exports, deliveries, owner, fence "
                  "FROM ferry.batches WHERE batch_no = 1"):
        broken(moved, check.i2, "batch %s/1 is verified and has 0 such events" % moved.job()["job"])


def test_i3_names_an_offset_beyond_a_batch_that_is_not_done(moved):
    with doctored(moved, "UPDATE ferry.batches SET state = 'published' WHERE batch_no = 2",
                  "UPDATE ferry.batches SET state = 'verified' WHERE batch_no = 2"):
        broken(moved, check.i3, "batch 1/2 at ")
    with doctored(moved, "UPDATE ferry.batches SET state = 'published', export_rev = export_rev + 1 WHERE batch_no = 2",
                  "UPDATE ferry.batches SET state = 'verified', export_rev = export_rev - 1 WHERE batch_no = 2"):
        assert look(moved, check.i3).holds, "a message of an older export is done"


def test_i4_names_a_write_without_a_claim(moved, tmp_path):
    lines = moved.front.path.read_text().splitlines()
    late = dict(json.loads(lines[-1]), at=time.time() + 100)
    path = tmp_path / "writes.jsonl"
    for extra, words in ((late, "under no live claim"), (dict(late, verb="delete"), "of which no repair was noted"),
                         (dict(json.loads(lines[0]), ids=["nobody's"]), "upsert of \"nobody's\"")):
        path.write_text("\n".join(lines + [json.dumps(extra)]) + "\n")
        broken(moved, check.i4, words, front_log=path)
    with doctored(moved, "UPDATE faults.trail SET lease_until = lease_until - interval '1 minute', at = at - interval '1 minute'",
                  "UPDATE faults.trail SET lease_until = lease_until + interval '1 minute', at = at + interval '1 minute'"):
        broken(moved, check.i4, "under no live claim")


def test_i5_names_counts_that_do_not_add_up(moved):
    with moved.connect(user="postgres") as connection:
        connection.execute("ALTER TABLE ferry.batches DROP CONSTRAINT batches_add_up")
    with doctored(moved, "UPDATE ferry.batches SET n_verified = n_verified - 1 WHERE batch_no = 1",
                  "UPDATE ferry.batches SET n_verified = n_verified + 1 WHERE batch_no = 1"):
        broken(moved, check.i5, "20 records, but 19 verified, 0 rejected, 0 vanished")
    with doctored(moved, "UPDATE ferry.job_collections SET n_planned = n_planned + 1", "UPDATE ferry.job_collections SET n_planned = n_planned - 1"):
        broken(moved, check.i5, "planned are 61, its batches have 60")
    first, second = (bytes(row["id"]).hex() for row in moved.sql("SELECT ids[1] AS id FROM ferry.batch_ids ORDER BY batch_no LIMIT 2"))
    put = "UPDATE ferry.batch_ids SET ids[1] = '\\x%s' WHERE batch_no = 1"
    with doctored(moved, put % second, put % first):
        broken(moved, check.i5, "is in 2 batches")


def test_i6_names_a_job_that_has_not_ended_in_time_or_holds_something(moved):
    with doctored(moved, "UPDATE ferry.jobs SET state = 'running'", "UPDATE ferry.jobs SET state = 'succeeded'"):
        broken(moved, check.i6, "is running")
    broken(moved, check.i6, "after the last fault, allowed are 10.0", ended=moved.ended - 100, within=10.0)
    with doctored(moved, "UPDATE ferry.batches SET lease_until = now() + interval '1 minute' WHERE batch_no = 1",
                  "UPDATE ferry.batches SET lease_until = NULL WHERE batch_no = 1"):
        broken(moved, check.i6, "1 batches are still leased")
    with doctored(moved, "INSERT INTO ferry.repairs (job_id, batch_no, id, fence) VALUES (1, 1, 'x', 1)", "DELETE FROM ferry.repairs"):
        broken(moved, check.i6, "1 repairs are open")
    broken(moved, check.i6, "there is no job", job="another")


def test_i7_finds_a_secret_wherever_it_lies(moved, tmp_path):
    secret = moved.canaries["FERRY_TARGET_TOKEN"]
    log = tmp_path / "log"
    for text in (secret, "x" + secret, "".join("%02x" % byte for byte in secret.encode())):
        log.write_text("sent %s to the target\n" % text)
        broken(moved, check.i7, "is in " + str(log), files=[log])
    for user in ("", "a", "ab", "abc"):
        log.write_text("Basic " + base64.b64encode(("%s:%s" % (user, secret)).encode()).decode())
        broken(moved, check.i7, "is in " + str(log), files=[log])
    broken(moved, check.i7, "is in title of x", texts=[("title of x", "ferry-producer\0--token\0" + secret)])
    with doctored(moved, "INSERT INTO ferry.events (kind, detail) VALUES ('x', 'with %s')" % secret, "DELETE FROM ferry.events WHERE kind = 'x'"):
        broken(moved, check.i7, "is in table events")


def test_the_check_is_a_program_too_and_looks_into_messages(moved, tmp_path):
    """Last, because a message cannot be taken back."""
    secrets = tmp_path / "secrets"
    secrets.write_text("\n".join(moved.canaries.values()) + "\n")
    arguments = ["--dsn", "host=%s port=%s user=postgres dbname=%s" % (moved.services["PGHOST"], moved.services["PGPORT"], moved.database),
                 "--brokers", moved.services["FERRY_KAFKA_BROKERS"], "--topic", moved.topic.name, "--source", moved.source.url,
                 "--target", moved.target.url, "--canary-file", str(secrets), "--output", str(moved.processes[0].paths[1]),
                 "--dead-letters", moved.dead_letters.name, "--front-log", str(moved.front.path)]

    def run(*more):
        return subprocess.run([sys.executable, str(HERE / "check.py"), *arguments, *more], capture_output=True, text=True)
    honest = run("--ended", str(moved.ended), "--within", "60")
    assert [line.split()[:2] for line in honest.stdout.splitlines()] == [["I%d" % n, "holds:"] for n in range(1, 8)], honest
    assert honest.returncode == 0
    moved.dead_letters.produce(gzip.compress(b'{"token":"%s"}' % moved.canaries["PGPASSWORD"].encode()))
    caught = run()
    assert caught.returncode == 1 and "I7 broken" in caught.stdout and "is in topic " + moved.dead_letters.name in caught.stdout
