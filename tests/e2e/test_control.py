"""ferry-producer pause, cancel and purge, and what comes after them."""

import contextlib
import re
import threading
import time

import pytest

from ferry import DONE, INTERRUPTED, NEEDS_PERSON, UNAVAILABLE, USAGE, corpus, last_line, load, stays, wait_for
from proxy import Answer, Gate, Proxy
from test_kill import Held
from test_repair import Steps
from test_repair import fill as fill_for_repairs

RECORDS = 240


@pytest.fixture
def ready(ferry):
    ferry.env["FERRY_LEASE"] = "4s"
    ferry.fill(RECORDS, arrays=False)
    ferry.setup()
    return ferry


def held_by(ferry):
    return ferry.sql("SELECT count(*) AS n FROM ferry.batches WHERE lease_until > now() AND state IN ('claimed', 'cancelled')")[0]["n"]


def test_a_job_is_paused_in_the_middle_and_goes_on(ready):
    """One batch is under way for longer than anyone would wait: it is taken from its consumer."""
    with Held(ready.target.url, "upsert", first=4) as held:
        ready.consumers(2)
        migrate = ready.start_migrate(target=held.proxy.url, batch_records=20, job="away")
        held.wait()
        begun = time.monotonic()
        paused = ready.producer("pause", "away")
        assert paused.status == DONE, paused.err
        assert time.monotonic() - begun < 30
        assert paused.out.splitlines() == ["job away is paused; nothing of it is claimed any more",
                                           "go on with: ferry-producer resume away"]
        assert "job away is paused; waits for" in paused.err and "consumer " in paused.err
        assert migrate.wait(30) == INTERRUPTED and "job away is paused; go on with: ferry-producer resume away" in migrate.err
        assert held_by(ready) == 0
        assert ready.job()["waits_for"] == "ferry-producer resume away" and ready.job()["waits_since"] is not None
        writes = held.proxy.count("upsert")
        stays(lambda: held.proxy.count("upsert") == writes, what="no write of a paused job")
        held.gate.open()
    again = ready.producer("resume", "away", "--target", ready.target.url)
    assert again.status == DONE and last_line(again.out) == "%d of %d records verified" % (RECORDS, RECORDS), again.err
    ready.assert_equal()


def test_with_the_usual_lease_pause_and_cancel_take_hold_within_ten_seconds(ready):
    """By the ledger's clock, of writes that are not answered, and from right after a renewal on: the next one tells the consumer."""
    ready.env["FERRY_LEASE"] = None  # 60 s, of which a third would be too long
    other, gate, held = ready.also("other"), Gate(), []
    ready.fill(40, name=other, arrays=False, seed=7)
    gate.close()

    def hold(request, forward):
        if request.verb == "upsert":
            held.append(request)
            gate.pass_through()
        return forward(request)

    def state(what):
        row, = ready.sql("SELECT %s AS n FROM ferry.job_hold('away') a, ferry.job_hold('given-up') b" % what)
        return row["n"]
    with Proxy(ready.target.url, hold) as front, contextlib.ExitStack() as at_end:
        at_end.callback(gate.open)
        ready.consumers()
        jobs = [ready.start_migrate(name, target=front.url, batch_records=60, job=job) for name, job in ((None, "away"), (other, "given-up"))]
        wait_for(lambda: len(held) == 2, 120, "both jobs write")
        wait_for(lambda: ready.sql("SELECT 1 FROM ferry.workers WHERE kind = 'consumer' AND seen_at > (SELECT max(claimed_at) FROM ferry.batches)"
                                   " + interval '1 s'"), 60, "a renewal")
        commands = [ready.start("ferry-producer", *arguments) for arguments in (("pause", "away"), ("cancel", "given-up"))]
        wait_for(lambda: (state("a.state"), state("b.state")) == ("paused", "cancelled"), 20, "both are heard")
        assert state("a.claimed") > 0 and state("b.claimed") > 0
        wait_for(lambda: state("a.claimed + a.exporting + b.claimed + b.exporting") == 0, 60, "both take hold")
        took = ready.sql("SELECT extract(epoch FROM clock_timestamp() - min(at)) AS s FROM ferry.events"
                         " WHERE kind IN ('job.paused', 'job.cancelled')")[0]["s"]
        assert took <= 10, "it took %.1f s" % took
        wait_for(lambda: all(request.is_given_up for request in held), 10, "no write is under way any more")
        assert [command.wait(30) for command in commands] == [DONE, DONE], commands[0].err + commands[1].err
        assert [job.wait(30) for job in jobs] == [INTERRUPTED, NEEDS_PERSON]
        assert len(held) == 2, "nothing was begun meanwhile"


def test_after_a_cancel_the_next_job_waits_for_what_is_on_its_way(ready):
    with Held(ready.target.url, "get", first=4) as held:
        ready.consumers()
        migrate = ready.start_migrate(target=held.proxy.url, batch_records=20, job="given-up")
        held.wait()
        cancelled = ready.producer("cancel", "given-up", "--no-wait")
        assert cancelled.status == DONE, cancelled.err
        there = ready.target_ids()
        following = ready.start_migrate(batch_records=20)  # now, for what is on its way is waited for only as long as it may be
        wait_for(lambda: "waits for requests of job given-up, which was cancelled" in following.err, what="it waits")
        assert migrate.wait(30) == NEEDS_PERSON and "job given-up was cancelled; what is verified stays" in migrate.err
        verified, sent = [ready.sql("SELECT %s AS n FROM ferry.job_hold('given-up')" % name)[0]["n"] for name in ("verified", "sent")]
        assert ("nothing is undone: at the target are %d verified records of it, and possibly %d that were sent and not verified"
                % (verified, sent)) in cancelled.out and sent > 0
        assert len(there) <= verified + sent
        held.gate.open()
        assert following.wait() == DONE, following.err
    assert last_line(following.out) == "%d of %d records verified" % (RECORDS, RECORDS)
    ready.assert_equal()
    for command in ("pause", "cancel"):
        refused = ready.producer(command, ready.jobs()[-1]["job"])
        assert refused.status == USAGE and "has ended (succeeded): there is nothing to " + command in last_line(refused.err)
    again = ready.producer("cancel", "given-up")
    assert again.status == DONE and "nothing of it is claimed any more" in again.out
    unknown = ready.producer("pause", "nobody")
    assert unknown.status == USAGE and last_line(unknown.err).startswith("ferry-producer pause: there is no job named nobody")


@contextlib.contextmanager
def no_submission(ferry):
    """As while a large job is purged, or its rejects are redriven."""
    with ferry.connect(user="postgres") as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended('ferry.submit', 0))")
        yield


def test_a_second_job_into_a_collection_is_refused_or_waits_by_choice(ready):
    other = ready.name + "-other"
    ready.fill(40, name=other, arrays=False, seed=7)
    first = ready.start_migrate(batch_records=20, job="first")
    wait_for(lambda: ready.jobs() and ready.job("first")["state"] == "running", what="the first job runs")
    refused = ready.migrate(other, target_collection=ready.name)
    assert refused.status == UNAVAILABLE, refused.err
    assert "job first is writing into this target collection: run again when it has ended" in last_line(refused.err)
    second = ready.start("ferry-producer", *ready.migrate_arguments(other, target_collection=ready.name, job="second"), "--queue")
    wait_for(lambda: "waits in the queue: job first is writing into this target collection\n" in second.err, what="it says so")
    wait_for(lambda: any("job first is writing" in (row["waits_for"] or "") for row in ready.sql(
        "SELECT waits_for FROM ferry.worker_status")), what="it can be seen in the ledger")
    assert [row["job"] for row in ready.jobs()] == ["first"]
    with no_submission(ready):
        wait_for(lambda: ready.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                   " AND datname = current_database() AND query LIKE '%%ferry.submit%%'"), what="its connection breaks")
        wait_for(lambda: re.search("waits in the queue: .*terminating connection", second.err), what="it says so")
        wait_for(lambda: re.search("waits in the queue: .*lock timeout", second.err), what="it says that, too")
    ready.consumers()
    assert first.wait() == DONE and second.wait() == DONE, second.err
    assert "40 of 40 records verified" in second.out.splitlines()
    assert [row["state"] for row in ready.jobs()] == ["succeeded", "succeeded"]


@pytest.mark.slow
def test_the_queue_outlasts_a_long_purge(ready):
    """Three statements in a row end for want of the lock, five seconds each: more than a program waits elsewhere."""
    ready.fill(40, name=ready.also("other"), arrays=False, seed=7)
    first = ready.start_migrate(batch_records=20, job="first")
    wait_for(lambda: ready.jobs() and ready.job("first")["state"] == "running", what="the first job runs")
    second = ready.start("ferry-producer", *ready.migrate_arguments(ready.also("other"), target_collection=ready.name), "--queue")
    wait_for(lambda: "waits in the queue" in second.err, what="it says so")
    with no_submission(ready):
        begun = time.monotonic()
        wait_for(lambda: time.monotonic() - begun > 21 or not second.alive, what="four times five seconds")
        assert second.alive, second.err
    ready.consumers()
    assert first.wait() == DONE and second.wait() == DONE, second.err


def test_in_a_repair_pausing_waits_in_sight(ferry):
    ferry.env["FERRY_LEASE"] = "4s"
    fill_for_repairs(ferry)
    ferry.setup()

    def hold_the_others(request):
        """The first upsert of another batch is not answered before the pause holds: else the job might end before it."""
        if request.verb == "upsert" and front.go.is_set() and not front.deleted.intersection(request.json()["ids"]):
            wait_for(lambda: ferry.job()["state"] != "running", what="the pause holds")
    with Steps(ferry.target.url, "delete", answer=hold_the_others) as front:
        ferry.consumers()
        migrate = ferry.start_migrate(target=front.url, batch_records=100, job="mending")
        assert front.held.wait(60)
        refused = ferry.producer("pause", "mending", "--wait", "1s")
        assert refused.status == UNAVAILABLE, refused.err
        assert last_line(refused.err).startswith("ferry-producer pause: a repair is under way at the target of job mending")
        assert ferry.job()["state"] == "running"
        patient = ferry.start("ferry-producer", "pause", "mending")
        wait_for(lambda: "pause mending waits: a repair is under way" in patient.err, what="it waits")
        front.go.set()
        assert patient.wait() == DONE, patient.err
        assert migrate.wait() == INTERRUPTED
    done = ferry.producer("resume", "mending", "--target", ferry.target.url)
    assert done.status == DONE, done.err
    ferry.assert_equal()


def test_after_a_purge_only_what_is_absent_is_moved(ready):
    ready.consumers()
    assert ready.migrate(job="first").status == DONE
    before = ready.job("first")
    purged = ready.producer("purge", "first")
    assert purged.status == DONE and "job first: the ids of %d records were removed" % RECORDS in purged.out, purged.err
    after = ready.job("first")
    assert after.pop("purged_at") is not None and before.pop("purged_at") is None and after == before
    assert ready.sql("SELECT count(*) AS n FROM ferry.batch_ids") == [{"n": 0}]

    nothing = ready.migrate()
    assert nothing.status == DONE and "0 records to send: the target has the ids of all %d" % RECORDS in nothing.out, nothing.err
    added = [dict(record, id="added-" + str(number)) for number, record in enumerate(corpus.records(7, 24, 5, False))]
    load.put(ready.source, load.ensure(ready.source, ready.name, 24, "cosine"), added)
    more = ready.migrate(job="second", env={"FERRY_EXACT_TARGET": "true"})
    assert more.status == DONE and last_line(more.out) == "7 of 7 records verified", more.out + more.err
    assert "the lists of an earlier job were purged" in more.err
    ready.assert_equal()

    refused = ready.producer("retry", "first", "--rejected")
    assert refused.status == NEEDS_PERSON and "was purged" in refused.err
    running = ready.producer("purge", "nobody")
    assert running.status == USAGE


# --- waiting is visible ----------------------------------------------------------------------------------------------

def waits(ferry):
    row = ferry.job()
    return row["waits_for"] if row["waits_since"] is not None else ""


def test_a_source_that_fails_while_it_is_listed_is_what_the_plan_waits_for(ready):
    mended = threading.Event()

    def handler(request, forward):
        return forward(request) if mended.is_set() or request.verb != "get" else Answer(503, {"error": "away for lunch"})

    with Proxy(ready.source.url, handler) as proxy:
        ready.consumers()
        migrate = ready.start_migrate(source=proxy.url)
        wait_for(lambda: ready.jobs() and "503" in waits(ready), what="it says so")
        assert "source" in waits(ready)
        status = ready.producer("status")
        assert "    waits for source" in status.out and ", since 20" in status.out
        mended.set()
        assert migrate.wait() == DONE, migrate.err
    assert waits(ready) == ""


def test_a_producer_that_waits_for_a_source_hears_of_a_cancel(ready):
    with Proxy(ready.source.url, lambda request, forward:
               forward(request) if request.verb != "get" else Answer(503, {"error": "away"})) as proxy:
        migrate = ready.start_migrate(source=proxy.url, job="planning")
        wait_for(lambda: ready.jobs() and "503" in waits(ready), what="it waits")
        refused = ready.producer("pause", "planning")
        assert refused.status == NEEDS_PERSON and "still being planned: only a running job can be paused" in refused.err
        ready.note_timeouts("state")
        assert ready.producer("cancel", "planning").status == DONE
        assert ready.timeouts() == [{"most": "10min", "state": "cancelled"}], "it forgets millions of ids, of a large job"
        assert migrate.wait(30) == NEEDS_PERSON and "is cancelled" in last_line(migrate.err), migrate.err


def test_a_producer_that_waits_at_the_end_hears_of_a_pause(ready):
    fetched = threading.Event()

    def handler(request, forward):
        if request.verb == "get" and request.json().get("ids"):
            fetched.set()
        elif request.verb == "get" and fetched.is_set():
            return Answer(503, {"error": "away"})
        return forward(request)

    with Proxy(ready.source.url, handler) as proxy:
        ready.consumers()
        migrate = ready.start_migrate(source=proxy.url, job="ending")
        wait_for(lambda: ready.jobs() and "503" in waits(ready), what="it waits")
        assert ready.producer("pause", "ending").status == DONE
        assert migrate.wait(30) == INTERRUPTED and "job ending is paused" in migrate.err, migrate.err
    done = ready.producer("resume", "ending", "--source", ready.source.url)
    assert done.status == DONE, done.err


def test_write_slots_that_are_taken_are_what_it_waits_for(ready):
    migrate = ready.start_migrate(batch_records=20)
    wait_for(lambda: ready.jobs() and ready.job()["published"] == RECORDS, what="everything is published")
    assert wait_for(lambda: waits(ready)) == "a consumer: none is running, start ferry-consumer"
    ready.sql("UPDATE ferry.write_slots SET lease_until = now() + interval '1 hour'")
    ready.consumers()
    expected = 'a free write slot: all of the target "%s" are taken' % ready.name
    wait_for(lambda: waits(ready) == expected, what="it says so")
    assert ready.sql("SELECT waits_for FROM ferry.worker_status WHERE kind = 'consumer'") == [{"waits_for": expected}]
    ready.sql("UPDATE ferry.write_slots SET lease_until = NULL")
    assert migrate.wait() == DONE, migrate.err


def test_a_missing_topic_of_dead_letters_is_said_before_anything_is_done(ready):
    ready.dead_letters.delete()
    migrate = ready.migrate()
    assert migrate.status not in (DONE, INTERRUPTED) and ready.dead_letters.name in last_line(migrate.err), migrate.err
    consumer, = ready.consumers()
    assert consumer.wait() not in (DONE, INTERRUPTED) and ready.dead_letters.name in consumer.err
