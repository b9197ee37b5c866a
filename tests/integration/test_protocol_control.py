"""What people do to a job: pausing and cancelling while batches are claimed, what may still be on its way afterwards, and
going on with a job that ends meanwhile."""

import json

import psycopg
import pytest

from ledger import ids, uid

TARGET = uid(2)


def hold(ledger, job):
    return ledger.call("job_hold", str(job))[0]


def in_flight(ledger):
    return [row["job"] for row in ledger.call("target_in_flight", TARGET)]


def aged(ledger, job, interval="10 s"):
    """As if the job's claims had been made before."""
    ledger.run("UPDATE ferry.batches SET claimed_at = now() - %s::interval WHERE job_id = %s", interval, job)


@pytest.fixture
def claimed(ledger, producer, consumer, job):
    """The first batch's message and fence, claimed and not done."""
    message = ledger.publish(producer, job)[0]
    return message, ledger.claim(consumer, message)[0]


# --- states ----------------------------------------------------------------------------------------------------------

def test_pausing_and_cancelling_answer_the_state(ledger, job):
    assert ledger.answer("pause", str(job)) == ledger.answer("pause", str(job)) == "paused"
    assert ledger.answer("cancel", str(job)) == ledger.answer("cancel", str(job)) == "cancelled"
    assert [row["kind"] for row in ledger.all("SELECT kind FROM ferry.events WHERE job_id = %s AND kind IN"
                                              " ('job.paused', 'job.cancelled')", job)] == ["job.paused", "job.cancelled"]
    assert ledger.refusal("pause", str(job)) == "FE001"


def test_only_a_running_job_is_paused(ledger, producer):
    pending = ledger.submit()["job_id"]
    assert ledger.refusal("pause", str(pending)) == "FE004" and ledger.job(pending)["state"] == "pending"
    ledger.plan(producer, pending, ids(3))
    ledger.call("block_job", pending, producer, "why")
    assert ledger.refusal("pause", str(pending)) == "FE004"
    assert ledger.job(pending)["state"] == "blocked" and ledger.job(pending)["last_error"] == "why"


# --- what is held ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("deed, state", [("pause", "paused"), ("cancel", "cancelled")])
def test_a_claim_is_told_until_it_is_over(ledger, consumer, job, claimed, deed, state):
    message, fence = claimed
    ledger.call(deed, str(job))
    held = hold(ledger, job)
    assert (held["state"], held["claimed"], held["exporting"], held["verified"], held["sent"]) == (state, 1, 0, 0, 3)
    assert 50000 < held["claims_ms"] <= 60000 and held["workers"] == "consumer 1 on here"
    ledger.finish(consumer, job, 1, fence)
    held = hold(ledger, job)
    assert (held["claimed"], held["verified"], held["sent"]) == ((0, 3, 0) if deed == "pause" else (0, 0, 3))


def test_exports_are_told_too(ledger, producer, job):
    ledger.claim_exports(producer, job, 2)
    ledger.call("pause", str(job))
    assert hold(ledger, job)["exporting"] == 2 and hold(ledger, job)["claimed"] == 0


# --- taken back ------------------------------------------------------------------------------------------------------

def test_a_renewal_takes_a_paused_jobs_claim_back(ledger, consumer, job, claimed):
    _, fence = claimed
    ledger.call("pause", str(job))
    assert ledger.renew(consumer, [(job, 1, fence)]) == [(job, 1, fence)], "it may be done in a moment"
    aged(ledger, job)
    assert ledger.renew(consumer, [(job, 1, fence)]) == []
    batch = ledger.batch(job, 1)
    assert (batch["state"], batch["export_rev"], batch["fence"], batch["must_reread"]) == ("planned", 2, None, True)
    assert batch["quiet_until"] is not None and hold(ledger, job)["claimed"] == 0
    assert ledger.finish(consumer, job, 1, fence) == []
    assert ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'batch.parked' AND batch_no = 1") == 1


def test_not_while_it_runs_and_not_in_a_repair(ledger, consumer, job, claimed):
    _, fence = claimed
    aged(ledger, job)
    assert ledger.renew(consumer, [(job, 1, fence)]) == [(job, 1, fence)]
    ledger.call("open_repairs", consumer, [job], [1], [fence], [job], [1], [ids(1)[0]])
    ledger.run("UPDATE ferry.jobs SET state = 'paused'")  # pause() would not
    assert ledger.renew(consumer, [(job, 1, fence)]) == [(job, 1, fence)]
    assert ledger.batch(job, 1)["state"] == "claimed"


def test_a_renewal_takes_a_cancelled_jobs_claim_back(ledger, consumer, job, claimed):
    _, fence = claimed
    ledger.call("cancel", str(job))
    assert hold(ledger, job)["claimed"] == 1
    assert ledger.renew(consumer, [(job, 1, fence)]) == []
    assert hold(ledger, job)["claimed"] == 0
    assert in_flight(ledger), "its request was broken off, not answered"


# --- what may still arrive -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("end, free", [("finish", True), ("doubtful", False), ("release", True), ("release sent", False),
                                       ("park", True), ("park sent", False), ("nothing", False)])
def test_the_next_job_waits_for_requests_of_a_cancelled_one(ledger, consumer, job, claimed, end, free):
    message, fence = claimed
    ledger.call("cancel", str(job))
    assert in_flight(ledger) == [ledger.job(job)["name"]]
    with pytest.raises(psycopg.Error, match="may still be on their way to this target collection: run again in 1[0-2][0-9] s") as caught:
        ledger.submit()
    assert caught.value.sqlstate == "FE005"
    if end in ("finish", "doubtful"):
        assert ledger.finish(consumer, job, 1, fence, doubtful=end == "doubtful") == []
    elif end.startswith("release"):
        ledger.release(consumer, message, fence, sent=end.endswith("sent"))
    elif end.startswith("park"):
        ledger.park(consumer, message, fence, sent=end.endswith("sent"))
    assert (in_flight(ledger) == []) is free
    ledger.quieten(job)
    assert in_flight(ledger) == [] and ledger.submit()["job_id"] > job


def test_another_target_is_not_waited_for(ledger, job, claimed):
    ledger.call("cancel", str(job))
    assert ledger.call("target_in_flight", uid(4)) == []
    assert ledger.submit(source=3, target=4, source_name="more", target_name="more")["job_state"] == "pending"


def test_a_redriven_job_waits_too(ledger, producer, consumer):
    first = ledger.planned_job(producer)
    ledger.complete(producer, consumer, first, rejects={1: [(ids(1)[0], "refused")]}, listed=ids(9))
    second = ledger.planned_job(producer, ids(9), ids(9))
    ledger.claim(consumer, *ledger.publish(producer, second))
    ledger.call("cancel", str(second))
    assert ledger.refusal("redrive", str(first), None, None) == "FE005" and ledger.job(first)["state"] == "succeeded"
    ledger.quieten(second)
    assert ledger.answer("redrive", str(first), None, None) == 1


# --- resuming --------------------------------------------------------------------------------------------------------

def resume(ledger, job):
    side = {"tenant": "default_tenant", "database": "default_database", "auth": "none"}
    return ledger.call("submit", json.dumps({
        "name": None, "worker": None, "settings": {}, "resumes": job,
        "source": dict(side, uuid=uid(1), name="docs", url="http://source", origin="http://source"),
        "target": dict(side, uuid=uid(2), name="docs", url="http://target", origin="http://target", space="l2",
                       dimension=3, takes_base64=True, max_batch_records=300)}))[0]


def test_resuming_goes_on_with_that_job(ledger, job):
    ledger.call("pause", str(job))
    row = resume(ledger, job)
    assert (row["job_id"], row["job_state"], row["is_resumed"]) == (job, "running", True)


@pytest.mark.parametrize("is_next", [False, True])
def test_resuming_never_begins_another_job(ledger, producer, job, is_next):
    """It ended after resume had looked; perhaps there is already the next one."""
    ledger.call("cancel", str(job))
    if is_next:
        ledger.submit()
    with pytest.raises(psycopg.Error, match=r"has ended meanwhile \(cancelled\): run migrate") as caught:
        resume(ledger, job)
    assert caught.value.sqlstate == "FE001"
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 1 + is_next


# --- waiting is visible ----------------------------------------------------------------------------------------------

def waits(ledger):
    row = ledger.one("SELECT waits_for, waits_since, now() - waits_since < interval '2 hours' AS is_recent FROM ferry.job_status")
    assert not row["waits_for"] or row["is_recent"], row
    return row["waits_for"]


def test_a_job_says_what_it_waits_for_and_since_when(ledger, producer, consumer, job):
    ledger.call("work_on", producer, job)
    ledger.publish(producer, job)
    assert waits(ledger) == ""
    ledger.renew(consumer, waits_for="a free write slot: all of the target \"docs\" are taken")
    assert waits(ledger).startswith("a free write slot")
    ledger.renew(producer, job=job, waits_for="the source answers 500")
    assert waits(ledger).startswith("a free write slot"), "the older one"
    ledger.renew(consumer)
    assert waits(ledger) == "the source answers 500"
    ledger.call("refuse_target", TARGET, "HTTP 429: slow down", "30 s")
    assert waits(ledger).startswith("the target until ") and waits(ledger).endswith(": HTTP 429: slow down")
    ledger.call("stop_worker", consumer)
    assert waits(ledger) == "a consumer: none is running, start ferry-consumer"
    ledger.call("stop_worker", producer)
    assert waits(ledger) == "a producer: ferry-producer resume " + ledger.job(job)["name"]
    ledger.call("block_job", job, producer, "why")
    assert waits(ledger) == "a person: ferry-producer resume " + ledger.job(job)["name"]
    ledger.call("resume", str(job))
    ledger.call("pause", str(job))
    assert waits(ledger) == "ferry-producer resume " + ledger.job(job)["name"]
    ledger.call("cancel", str(job))
    assert waits(ledger) == ""


def test_a_missing_secret_is_what_it_waits_for(ledger, producer, consumer):
    job = ledger.planned_job(producer, pair={"auth": "x-chroma-token", "worker": producer})
    ledger.publish(producer, job)
    ledger.renew(consumer, missing_secrets=["http://target"])
    who = ledger.all("SELECT pid, host FROM ferry.worker_status WHERE worker_id = %s", consumer)[0]
    expected = "a secret for http://target: set FERRY_TARGET_TOKEN where ferry-consumer runs (consumer {pid} on {host})".format(**who)
    assert waits(ledger) == expected
    ledger.worker("consumer")
    assert waits(ledger) == expected, "this one may have it, that one has not"


def test_another_jobs_producer_is_not_what_it_waits_for(ledger, producer, consumer, job):
    other = ledger.worker()
    ledger.call("work_on", producer, job)
    ledger.renew(other, job=job + 1000, waits_for="something else")
    assert waits(ledger) == "" and ledger.call("job_progress", job)[0]["worker_waits"] is None


def test_a_plan_waits_for_its_producer(ledger):
    worker = ledger.worker()
    job = ledger.submit(worker=worker)["job_id"]
    assert waits(ledger) == "the plan"
    ledger.renew(worker, job=job, waits_for="the source answers 500")
    assert waits(ledger) == "the source answers 500"
    ledger.call("stop_worker", worker)
    assert waits(ledger) == "a producer: ferry-producer migrate, as before"
