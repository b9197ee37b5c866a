"""PROTOCOL §5, §8, and what people do to a job."""

import psycopg
import pytest

from ledger import LEASE, MORE, found, ids, uid

OPEN = ["planned", "published", "claimed"]


@pytest.fixture
def done(ledger, producer, consumer, job):
    """Everything verified and compared: only the last step is missing."""
    ledger.deliver(consumer, *ledger.publish(producer, job))
    ledger.compare(producer, job, ids(9), ids(9))
    return job


# --- §5 --------------------------------------------------------------------------------------------------------------

def test_the_sweep_looks_at_what_may_be_lost(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(18))
    messages = ledger.publish(producer, job, 4)
    ledger.export(producer, job, 1)
    ledger.claim(consumer, messages[1], messages[2])
    ledger.deliver(consumer, messages[3])
    ledger.expire(job, 3, 5)
    assert ledger.call("sweep_candidates", job) == [
        {"batch_no": 1, "export_rev": 1, "partition": 4, "message_offset": 70},
        {"batch_no": 3, "export_rev": 1, "partition": 4, "message_offset": 70}]


def test_the_sweep_plans_again_as_parking_does(ledger, producer, consumer, job):
    messages = ledger.publish(producer, job)
    (fence,) = ledger.claim(consumer, messages[1])
    ledger.expire(job, 2)
    ledger.take_finish(producer, job)
    rows = ledger.call("sweep_replan", producer, job, [1, 2], [1, 1], "gone")
    assert sorted(row["batch_no"] for row in rows) == [1, 2]
    for number in (1, 2):
        batch = ledger.batch(job, number)
        assert (batch["state"], batch["export_rev"], batch["payload_sha256"], batch["owner"], batch["fence"],
                batch["lease_until"], batch["last_error"]) == ("planned", 2, None, None, None, None, "gone")
        assert batch["must_reread"] is (number == 2) and (batch["quiet_until"] is not None) is (number == 2)
    assert ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'batch.swept'") == 2
    assert ledger.report(job, messages[:2]) == [] and ledger.finish(consumer, job, 2, fence) == []
    assert [row["outcome"] for row in ledger.arrive(consumer, *messages[:2])] == ["stale", "stale"]


@pytest.mark.parametrize("why", ["another's lease", "no lease", "a dead lease"])
def test_only_the_finish_lease_sweeps(ledger, producer, job, why):
    ledger.publish(producer, job)
    if why == "another's lease":
        ledger.take_finish(ledger.worker(), job)
    elif why == "a dead lease":
        ledger.take_finish(producer, job)
        ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    before = ledger.everything(job)
    assert ledger.call("sweep_replan", producer, job, [1, 2, 3], [1, 1, 1], "gone") == []
    assert ledger.everything(job) == before


def test_what_has_moved_on_is_not_swept(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(18))
    messages = ledger.publish(producer, job, 4)
    ledger.claim(consumer, messages[0])
    ledger.deliver(consumer, messages[1])
    ledger.park(consumer, messages[2])
    ledger.take_finish(producer, job)
    before = ledger.everything(job)
    assert ledger.call("sweep_replan", producer, job, [1, 2, 3, 4, 5], [1, 1, 1, 2, 0], "gone") == []
    assert ledger.everything(job) == before, "claimed and alive, verified, parked, another rev, planned"


# --- the finish lease ------------------------------------------------------------------------------------------------

def test_one_producer_at_a_time_finishes(ledger, producer, job):
    other = ledger.worker()
    assert ledger.take_finish(producer, job) and ledger.take_finish(producer, job)
    assert not ledger.take_finish(other, job)
    ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    assert ledger.take_finish(other, job) and not ledger.take_finish(producer, job)
    ledger.call("stop_worker", other)
    assert ledger.take_finish(producer, job)


@pytest.mark.parametrize("state", ["pending", "paused", "blocked", "succeeded", "failed", "cancelled"])
def test_only_a_running_job_is_finished(ledger, producer, done, state):
    ledger.force("UPDATE ferry.jobs SET state = %s", state)
    assert not ledger.take_finish(ledger.worker(), done) and not ledger.take_finish(producer, done)
    assert ledger.end(producer, done) == state
    assert ledger.refusal("finish_add", producer, done, 1, "e", 0, ids(1)) == "FE002"


# --- the comparison --------------------------------------------------------------------------------------------------

def test_the_comparison_counts_what_is_missing_extra_added_and_deleted(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, ledger.planned_job(producer, ids(3, 100), pair=MORE))  # another pair's do not count
    vanished, refused = ids(2)
    messages = ledger.publish(producer, job, left_out=[(1, vanished, "vanished")])
    ledger.deliver(consumer, *messages, rejects={1: [(refused, "not_storable")]})
    target = ids(6, 2) + [b"new at the target", b"new there too"]  # ids 2 to 7; 8 is missing
    source = ids(6, 1) + [b"new at the source"]  # ids 1 to 6; 7 and 8 are deleted
    assert found(ledger.compare(producer, job, target, source)) == (1, 2, 1, 2, "id-000008")
    pair = ledger.pair(job)
    assert (pair["n_missing"], pair["n_extra"], pair["n_added"], pair["n_deleted"]) == (1, 2, 1, 2)
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0


def test_what_earlier_jobs_moved_is_neither_extra_nor_added(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, job)
    later = ledger.planned_job(producer, ids(10), target=ids(9))
    ledger.deliver(consumer, *ledger.publish(producer, later))
    assert found(ledger.compare(producer, later, ids(10), ids(10))) == (0, 0, 0, 0, None)


def test_rejected_records_may_be_absent(ledger, producer, consumer, job):
    messages = ledger.publish(producer, job)
    ledger.deliver(consumer, *messages, rejects={1: [(one, "not_storable") for one in ids(3)]})
    assert ledger.states(job) == ["rejected", "verified", "verified"]
    assert ledger.compare(producer, job, ids(6, 3), ids(9))["missing"] == 0
    assert ledger.end(producer, job) == "succeeded"


def test_a_listing_that_is_begun_again_replaces_the_one_before(ledger, producer, done):
    ledger.take_finish(producer, done)
    for piece in (ids(9), [b"x"], ids(4)):
        ledger.call("finish_add", producer, done, 1, "e", 0, piece)
    assert ledger.answer("finish_add", producer, done, 1, "e", 4, ids(2, 4) + ids(1)) == 2, "one comes twice"
    ledger.call("finish_add", producer, done, 1, "d", 0, ids(9))
    assert ledger.call("finish_compare", producer, done, 1)[0]["missing"] == 3


def test_what_an_earlier_attempt_staged_does_not_count(ledger, producer, done):
    """An emptied target sends no piece that could replace it."""
    ledger.take_finish(producer, done)
    ledger.call("finish_add", producer, done, 1, "e", 0, ids(9))
    ledger.take_finish(producer, done)
    assert ledger.call("finish_compare", producer, done, 1)[0]["missing"] == 9


def test_another_producer_neither_stages_nor_compares(ledger, producer, done):
    other = ledger.worker()
    assert ledger.refusal("finish_add", other, done, 1, "e", 0, ids(1)) == "FE002"
    assert ledger.refusal("finish_compare", other, done, 1) == "FE002"
    assert ledger.refusal("finish_add", producer, done, 1, "s", 0, ids(1)) == "FE002"


@pytest.mark.parametrize("state", OPEN)
def test_nothing_is_compared_while_a_batch_is_open(ledger, producer, done, state):
    ledger.force("UPDATE ferry.batches SET state = %s WHERE batch_no = 2", state)
    assert ledger.refusal("finish_compare", producer, done, 1) == "FE002"


def test_a_long_comparison_keeps_the_finish_lease(ledger, producer, done):
    ledger.take_finish(producer, done)
    ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    ledger.call("finish_compare", producer, done, 1)
    assert ledger.value("SELECT finish_lease_until > now() + interval '50 s' FROM ferry.jobs")


# --- the last step ---------------------------------------------------------------------------------------------------

def test_a_job_succeeds(ledger, producer, done):
    assert ledger.end(producer, done) == "succeeded"
    job = ledger.job(done)
    assert job["state"] == "succeeded" and job["finished_at"] is not None and job["last_error"] is None
    assert not ledger.pair(done)["is_open"] and ledger.target()["writer_job_id"] is None
    assert ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'job.succeeded'") == 1
    assert ledger.end(producer, done) == "succeeded", "asking again only answers"
    assert ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'job.succeeded'") == 1


def test_a_job_fails(ledger, producer, done):
    assert ledger.end(producer, done, "failed", "3 records are missing") == "failed"
    assert ledger.job(done)["last_error"] == "3 records are missing" and not ledger.pair(done)["is_open"]


def not_open(state):
    return "UPDATE ferry.batches SET state = '%s' WHERE batch_no = 2" % state


@pytest.mark.parametrize("condition", [
    *(not_open(state) for state in OPEN),
    "UPDATE ferry.batches SET quiet_until = now() + interval '1 minute' WHERE batch_no = 2",
    "UPDATE ferry.job_collections SET plan_complete_at = NULL",
    "UPDATE ferry.job_collections SET n_planned = n_planned + 1",
    "UPDATE ferry.batches SET state = 'superseded' WHERE batch_no = 2",
    "UPDATE ferry.jobs SET finish_owner = gen_random_uuid()"])
def test_no_job_ends_before_its_time(ledger, producer, done, condition):
    assert ledger.force(condition) == 1
    assert ledger.end(producer, done) == "running"
    assert ledger.end(producer, done, "failed", "x") == "running"
    assert ledger.pair(done)["is_open"] and ledger.target()["writer_job_id"] == done


@pytest.mark.parametrize("condition", [
    "UPDATE ferry.job_collections SET n_missing = 1",
    "UPDATE ferry.job_collections SET n_missing = NULL",
    "UPDATE ferry.batches SET must_reread = true WHERE batch_no = 2",
    "INSERT INTO ferry.rejected_records (job_id, batch_no, id, reason, message, stage, export_rev)"
    " SELECT job_id, 2, 'x', 'mismatch', '', 'delivery', 1 FROM ferry.jobs",
    "INSERT INTO ferry.repairs (job_id, batch_no, id, fence) SELECT job_id, 2, 'x', 1 FROM ferry.jobs"])
def test_a_job_with_a_doubt_left_can_fail_but_not_succeed(ledger, producer, done, condition):
    assert ledger.run(condition) == 1
    assert ledger.end(producer, done) == "running"
    assert ledger.end(producer, done, "failed", "x") == "failed"


@pytest.mark.parametrize("state", ["running", "cancelled", "paused", "pending", ""])
def test_the_last_step_leads_to_success_or_failure_only(ledger, producer, done, state):
    assert ledger.end(producer, done, state) == "running"


def test_refused_records_do_not_prevent_success(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, job, rejects={2: [(ids(1, 3)[0], "not_storable")]}, listed=ids(9))
    assert ledger.job(job)["state"] == "succeeded"


def test_planned_is_verified_and_rejected_and_vanished(ledger, producer, consumer, job):
    messages = ledger.publish(producer, job, left_out=[(1, ids(1)[0], "vanished"), (2, ids(1, 3)[0], "not_finite")])
    ledger.deliver(consumer, *messages, rejects={3: [(ids(1, 6)[0], "not_storable")]})
    progress = ledger.call("job_progress", job)[0]
    assert [progress[name] for name in ("planned", "verified", "rejected", "vanished", "open_batches")] == [9, 6, 2, 1, 0]
    (status,) = ledger.all("SELECT planned, verified, rejected, vanished, percent FROM ferry.job_status")
    assert [int(value) for value in status.values()] == [9, 6, 2, 1, 100]
    ledger.compare(producer, job, ids(9), ids(8, 1))
    assert ledger.end(producer, job) == "succeeded"


@pytest.mark.parametrize("state, counts", [
    ("verified", (3, 1, 0)), ("verified", (2, 0, 0)), ("rejected", (0, 2, 0)), ("rejected", (1, 2, 0))])
def test_no_final_batch_can_hold_other_counts(ledger, job, state, counts):
    with pytest.raises(Exception, match="batches_(add_up|rejected_has_none)"):
        ledger.run("UPDATE ferry.batches SET state = %s, n_verified = %s, n_rejected = %s, n_vanished = %s WHERE batch_no = 1",
                   state, *counts)


def test_a_job_is_quiet_only_when_every_irregular_end_is_long_past(ledger, producer, consumer, job):
    messages = ledger.publish(producer, job)
    ledger.claim(consumer, messages[0])
    ledger.expire(job, 1)
    ledger.deliver(consumer, *messages)
    assert ledger.call("job_progress", job)[0]["is_quiet"] is False
    ledger.compare(producer, job, ids(9), ids(9))
    assert ledger.end(producer, job) == "running"
    assert ledger.value("SELECT waits_for FROM ferry.job_status").startswith(("requests of ended claims", "a producer"))
    ledger.quieten(job)
    assert ledger.call("job_progress", job)[0]["is_quiet"] is True
    assert ledger.end(producer, job) == "running", "nobody has read it again"
    ledger.settle(job)
    assert ledger.end(producer, job) == "succeeded"


# --- people ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["it's a \"job\"; -- $1", "日本\n\t\\", "%s %", "12345-1", "a" * 500])
def test_a_job_may_have_any_name(ledger, producer, name):
    job = ledger.planned_job(producer, pair={"name": name})
    for function, state in [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")]:
        ledger.call(function, name)
        assert ledger.job(job)["state"] == state
    assert ledger.value("SELECT job FROM ferry.job_status") == name


def test_a_job_is_found_by_name_and_number(ledger, producer):
    first = ledger.planned_job(producer)
    ledger.run("UPDATE ferry.jobs SET name = 'first'")
    assert ledger.answer("find_job", str(first)) == first and ledger.answer("find_job", "first") == first
    assert ledger.refusal("find_job", "neither") == "FE003"
    assert ledger.refusal("pause", "neither") == "FE003"


@pytest.mark.parametrize("name", ["2", "00", "12345"])
def test_no_name_of_a_job_is_a_number(ledger, producer, name):
    with pytest.raises(psycopg.Error, match="would be taken for the number of a job") as refused:
        ledger.submit(name=name)
    assert refused.value.sqlstate == "FE001" and ledger.all("SELECT * FROM ferry.jobs") == []
    job = ledger.planned_job(producer, pair={"name": name + "nd"})
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.run("UPDATE ferry.jobs SET name = %s WHERE job_id = %s", name, job)


def test_pausing_and_blocking_hold_from_running_only(ledger, producer, job):
    ledger.call("pause", str(job))
    assert not ledger.answer("block_job", job, producer, "no secret")
    assert ledger.answer("resume", str(job)) == "running"
    assert ledger.answer("block_job", job, producer, "no secret")
    assert not ledger.answer("block_job", job, producer, "again")
    assert ledger.job(job)["last_error"] == "no secret"
    assert ledger.answer("resume_job", job) == "running" and ledger.job(job)["last_error"] is None


def test_cancelling_ends_what_is_open_and_keeps_what_is_final(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(15))
    messages = ledger.publish(producer, job, 3)
    ledger.claim(consumer, messages[1])
    ledger.deliver(consumer, messages[2])
    ledger.claim_exports(producer, job, 1)
    ledger.call("cancel", str(job))
    assert ledger.states(job) == ["cancelled", "cancelled", "verified", "cancelled", "cancelled"]
    assert ledger.job(job)["state"] == "cancelled" and not ledger.pair(job)["is_open"]
    assert ledger.target()["writer_job_id"] is None
    before = ledger.everything(job)
    ledger.call("cancel", str(job))
    assert ledger.answer("resume", str(job)) == "cancelled"
    assert ledger.everything(job) == before
    assert [row["outcome"] for row in ledger.arrive(consumer, *messages)] == ["stale"] * 3


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_a_job_that_has_ended_is_not_cancelled(ledger, producer, done, state):
    ledger.end(producer, done, state)
    assert ledger.refusal("cancel", str(done)) == "FE001" and ledger.refusal("pause", str(done)) == "FE001"
    assert ledger.job(done)["state"] == state and ledger.states(done) == ["verified"] * 3


@pytest.mark.parametrize("table, state", [("jobs", "pending"), ("batches", "superseded"), ("batches", "cancelled")])
def test_no_statement_leads_around_the_transitions(ledger, done, table, state):
    if state == "pending":
        ledger.force("UPDATE ferry.jobs SET state = 'failed'")
    with pytest.raises(Exception) as caught:
        ledger.run("UPDATE ferry.%s SET state = %%s" % table, state)
    assert caught.value.sqlstate == "23514"
    assert "cannot go from" in str(caught.value)


def test_an_end_is_seen_by_whoever_follows(ledger, producer, done):
    ledger.renew(producer, job=done)
    assert ledger.call("follow_job", done) == [{"state": "running", "last_error": None, "open_batches": 0, "producers": 1}]
    ledger.end(producer, done)
    ledger.answer("start_worker", uid(77), "producer", "h", 1, "0", LEASE)
    assert ledger.call("follow_job", done)[0]["state"] == "succeeded"
