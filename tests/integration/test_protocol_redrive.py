"""Redriving: rejected records leave their batches for new ones and are exported again; the sums hold at every moment."""

import threading

import psycopg
import pytest

from ledger import MORE, ids

ALL = ids(9)


def rejected_job(ledger, producer, consumer, rejects, job=None, state="succeeded", left_out=()):
    """A job of three batches of three whose rejects are these, ended."""
    job = job or ledger.planned_job(producer)
    messages = ledger.publish(producer, job, left_out=left_out)
    ledger.deliver(consumer, *messages, rejects=rejects)
    if state:
        ledger.compare(producer, job, ALL, ALL)
        assert ledger.end(producer, job, state, "" if state == "succeeded" else "why not") == state
    return job


def sums(ledger, job):
    row = ledger.one("SELECT coalesce(sum(n_records), 0)::int AS planned, sum(n_verified)::int AS verified,"
                     " sum(n_rejected)::int AS rejected, sum(n_vanished)::int AS vanished FROM ferry.batches"
                     " WHERE job_id = %s AND state NOT IN ('superseded', 'cancelled')", job)
    return tuple(row.values())


def manifest(ledger, job):
    """{batch: (ids, bits)}"""
    return {row["batch_no"]: ([bytes(one) for one in row["ids"]], row["bits"]) for row in ledger.all(
        "SELECT batch_no, ids, existed::text AS bits FROM ferry.batch_ids WHERE job_id = %s", job)}


def finish_again(ledger, producer, consumer, job, rejects=None):
    ledger.deliver(consumer, *ledger.publish(producer, job), rejects=rejects)
    ledger.compare(producer, job, ALL, ALL)
    return ledger.end(producer, job)


def events(ledger, job, kind):
    return ledger.value("SELECT count(*) FROM ferry.events WHERE job_id = %s AND kind = %s", job, kind)


def redrive(ledger, job, which=None, reason=None):
    return ledger.answer("redrive", str(job), which, reason)


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_an_ended_job_goes_on_with_its_rejected_records(ledger, producer, consumer, state):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[1], "not_storable")], 3: [(ALL[6], "not_storable"), (ALL[8], "refused")]},
                       state=state)
    assert redrive(ledger, job) == 3
    row = ledger.job(job)
    assert (row["state"], row["finished_at"], row["last_error"], row["finish_owner"]) == ("running", None, None, None)
    assert ledger.pair(job)["is_open"] and ledger.pair(job)["n_missing"] is None
    assert ledger.target()["writer_job_id"] == job
    assert manifest(ledger, job) == {1: ([ALL[0], ALL[2]], "00"), 2: (ALL[3:6], "000"), 3: ([ALL[7]], "0"),
                                     4: ([ALL[1]], "0"), 5: ([ALL[6], ALL[8]], "00")}
    assert ledger.states(job) == ["verified"] * 3 + ["planned"] * 2
    assert [row["parent_no"] for row in ledger.batches(job)] == [None, None, None, 1, 3]
    assert [row["redrives"] for row in ledger.batches(job)] == [0, 0, 0, 1, 1]
    assert sums(ledger, job) == (9, 6, 0, 0)
    assert ledger.left_out("rejected_records", job) == {}
    assert events(ledger, job, "job.redriven") == 1 and events(ledger, job, "batch.redriven") == 2
    assert finish_again(ledger, producer, consumer, job) == "succeeded"
    assert sums(ledger, job) == (9, 9, 0, 0)
    assert not ledger.pair(job)["is_open"] and ledger.target()["writer_job_id"] is None


def test_the_bits_go_with_their_ids(ledger, producer, consumer):
    job = ledger.planned_job(producer, target=[ALL[1], ALL[2]])
    rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused"), (ALL[2], "refused")]}, job)
    assert redrive(ledger, job) == 2
    assert manifest(ledger, job)[1] == ([ALL[1]], "1") and manifest(ledger, job)[4] == ([ALL[0], ALL[2]], "01")


def test_only_these_ids_or_this_reason(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused"), (ALL[1], "not_storable")], 2: [(ALL[4], "refused")]})
    assert redrive(ledger, job, [ALL[0], b"nobody"]) == 1
    assert manifest(ledger, job)[4][0] == [ALL[0]]
    assert redrive(ledger, job, None, "not_storable") == 1
    assert redrive(ledger, job, [ALL[4]], "not_storable") == 0
    assert set(ledger.left_out("rejected_records", job)) == {(2, ALL[4])}
    assert sums(ledger, job) == (9, 6, 1, 0)


def test_nothing_to_redrive_changes_nothing(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused")]})
    before = ledger.everything(job)
    assert redrive(ledger, job, [b"nobody"]) == 0 and redrive(ledger, job, None, "mismatch") == 0
    assert ledger.everything(job) == before
    assert events(ledger, job, "job.redriven") == 0


def test_an_emptied_batch_is_superseded(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {2: [(one, "refused") for one in ALL[3:6]]})
    assert ledger.batch(job, 2)["state"] == "rejected"
    assert redrive(ledger, job) == 3
    assert ledger.states(job) == ["verified", "superseded", "verified", "planned"]
    assert ledger.batch(job, 2)["n_rejected"] == 0 and 2 not in manifest(ledger, job)
    assert sums(ledger, job) == (9, 6, 0, 0)
    assert finish_again(ledger, producer, consumer, job) == "succeeded"


def test_of_a_rejected_batch_the_vanished_stay(ledger, producer, consumer, job):
    """Two without a vector, one vanished: never published, final at export."""
    claims = ledger.claim_exports(producer, job)
    ledger.record(producer, job, claims[:1], [(1, ALL[0], "vanished"), (1, ALL[1], "no_embedding"), (1, ALL[2], "no_embedding")],
                  empty=[1])
    assert ledger.batch(job, 1)["state"] == "rejected"
    assert redrive(ledger, job) == 2
    row = ledger.batch(job, 1)
    assert (row["state"], row["n_records"], row["n_vanished"], row["n_rejected"]) == ("verified", 1, 1, 0)
    assert manifest(ledger, job)[1][0] == [ALL[0]] and manifest(ledger, job)[4][0] == ALL[1:3]


def test_what_is_rejected_again_is_counted_and_can_go_again(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[0], "mismatch")]}, state="failed")
    assert redrive(ledger, job) == 1
    ledger.deliver(consumer, *ledger.publish(producer, job), rejects={4: [(ALL[0], "mismatch")]})
    ledger.compare(producer, job, ALL, ALL)
    assert ledger.end(producer, job) == "running", "a mismatch does not succeed"
    assert ledger.end(producer, job, "failed", "again") == "failed"
    (row,) = ledger.all("SELECT * FROM ferry.rejects")
    assert (row["redriven"], row["batch"], bytes(row["id_bytes"])) == (1, 4, ALL[0])
    assert redrive(ledger, job) == 1
    assert ledger.batch(job, 4)["state"] == "superseded" and ledger.batch(job, 5)["redrives"] == 2
    assert finish_again(ledger, producer, consumer, job) == "succeeded"


def test_while_the_job_runs_only_what_is_final_is_touched(ledger, producer, consumer, job):
    messages = ledger.publish(producer, job, left_out=[(1, ALL[0], "no_embedding"), (2, ALL[3], "no_embedding")])
    ledger.deliver(consumer, messages[0])
    (fence,) = ledger.claim(consumer, messages[1])
    assert redrive(ledger, job) == 1
    assert ledger.states(job) == ["verified", "claimed", "published", "planned"]
    assert set(ledger.left_out("rejected_records", job)) == {(2, ALL[3])}
    assert ledger.finish(consumer, job, 2, fence, verified=2)
    assert sums(ledger, job) == (9, 4, 1, 0)


def test_a_blocked_job_goes_on(ledger, producer, consumer, job):
    rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused")]}, job, state=None)
    assert ledger.answer("block_job", job, consumer, "too many rejects")
    assert redrive(ledger, job) == 1
    assert (ledger.job(job)["state"], ledger.job(job)["last_error"]) == ("running", None)


def retry(ledger, job, which=None, reason=None):
    return ledger.answer("retry", str(job), which, reason)


def test_a_retry_is_a_redrive_by_which_a_job_goes_on(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused"), (ALL[1], "not_storable")], 2: [(ALL[4], "refused")]})
    before = ledger.everything(job)
    assert retry(ledger, job, None, "mismatch") == 0 and ledger.everything(job) == before, "it has ended"
    assert retry(ledger, job, None, "not_storable") == 1 and ledger.job(job)["state"] == "running"
    assert retry(ledger, job, [ALL[4]]) == 1
    assert ledger.value("SELECT ferry.retry(%s)", str(job)) == 1
    assert ledger.left_out("rejected_records", job) == {} and events(ledger, job, "job.redriven") == 3
    assert finish_again(ledger, producer, consumer, job) == "succeeded"
    assert sums(ledger, job) == (9, 9, 0, 0)


@pytest.mark.parametrize("rejects, count", [({1: [(ALL[0], "refused")]}, 1), ({}, 0)])
def test_a_retry_of_a_blocked_job_unblocks_it(ledger, producer, consumer, job, rejects, count):
    rejected_job(ledger, producer, consumer, rejects, job, state=None)
    assert ledger.answer("block_job", job, consumer, "the target was wrong")
    assert retry(ledger, job) == count
    assert (ledger.job(job)["state"], ledger.job(job)["last_error"]) == ("running", None)


@pytest.mark.parametrize("name", ["redrive", "retry"])
@pytest.mark.parametrize("statement, state", [("SELECT ferry.pause(%s)", "FE004"), ("SELECT ferry.cancel(%s)", "FE004")])
def test_a_paused_or_cancelled_job_is_left_alone(ledger, producer, consumer, job, statement, state, name):
    rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused")]}, job, state=None)
    ledger.run(statement, str(job))
    before = ledger.everything(job)
    assert ledger.refusal(name, str(job), None, None) == state
    assert ledger.everything(job) == before
    assert ledger.refusal(name, "nobody", None, None) == "FE003"


def test_not_while_another_job_moves_the_pair(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused")]})
    other = ledger.submit()["job_id"]
    before = ledger.everything(job)
    assert other != job and ledger.refusal("redrive", str(job), None, None) == "FE002"
    assert ledger.everything(job) == before
    ledger.run("SELECT ferry.cancel(%s)", str(other))
    assert redrive(ledger, job) == 1


def test_not_while_another_job_writes_into_the_target(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused")]})
    ledger.submit(**dict(MORE, target=2, target_name="docs"))
    assert ledger.refusal("redrive", str(job), None, None) == "FE005"


def test_while_it_goes_again_the_pair_is_taken(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused")]})
    redrive(ledger, job)
    row = ledger.submit()
    assert (row["job_id"], row["is_resumed"], row["job_state"]) == (job, True, "running")


# --- where the target keeps what it had ------------------------------------------------------------------------------

REJECTS_OF_ALL_KINDS = {1: [(ALL[0], "refused"), (ALL[1], "refused")], 2: [(ALL[3], "not_storable"), (ALL[4], "refused")],
                        3: [(ALL[8], "not_storable")]}


def unseen(ledger, job):
    """(batch, ids)"""
    rows = ledger.call("next_unseen", job)
    return [(row["batch_no"], [bytes.fromhex(one) for one in row["ids"].split(",")]) for row in rows]


def guarded(ledger, producer, consumer, policy):
    job = ledger.planned_job(producer, pair={"on_existing": policy})
    return rejected_job(ledger, producer, consumer, REJECTS_OF_ALL_KINDS, job)


def test_redriven_records_are_looked_for_at_the_target_first(ledger, producer, consumer):
    """But for those that the ferry itself has put there: they read back otherwise."""
    job = guarded(ledger, producer, consumer, "skip")
    assert redrive(ledger, job) == 5
    assert ledger.call("job_progress", job)[0]["unseen_batches"] == 2
    assert [claim["batch_no"] for claim in ledger.claim_exports(producer, job)] == [6]
    ledger.expire(job, 6)
    assert unseen(ledger, job) == [(4, ALL[0:2])]
    assert ledger.answer("settle_unseen", producer, job, 4, [ALL[1], b"another"]) == 1
    assert unseen(ledger, job) == [(5, [ALL[4]])]
    assert ledger.answer("settle_unseen", producer, job, 5, [ALL[3]]) == 0, "that is the ferry's own"
    assert unseen(ledger, job) == [] and ledger.call("job_progress", job)[0]["unseen_batches"] == 0
    assert manifest(ledger, job)[4] == ([ALL[0]], "0") and manifest(ledger, job)[5] == (ALL[3:5], "00")
    pair = ledger.pair(job)
    assert (pair["n_planned"], pair["n_skipped"]) == (8, 1) and sums(ledger, job) == (8, 4, 0, 0)
    assert ledger.answer("settle_unseen", producer, job, 4, [ALL[0]]) == 0, "it is settled"
    assert finish_again(ledger, producer, consumer, job) == "succeeded"
    assert ledger.pair(job)["n_extra"] == 0


def test_a_batch_of_which_all_is_there_is_superseded(ledger, producer, consumer):
    job = guarded(ledger, producer, consumer, "skip")
    assert redrive(ledger, job, None, "refused") == 3
    for batch, listed in [(4, ALL[0:2]), (5, [ALL[4]])]:
        assert ledger.answer("settle_unseen", producer, job, batch, listed) == len(listed)
        assert ledger.batch(job, batch)["state"] == "superseded" and batch not in manifest(ledger, job)
    ledger.compare(producer, job, ALL, ALL)
    assert ledger.end(producer, job) == "succeeded" and sums(ledger, job) == (6, 4, 2, 0)


def test_under_fail_what_is_there_by_now_blocks_the_job(ledger, producer, consumer):
    job = guarded(ledger, producer, consumer, "fail")
    redrive(ledger, job)
    assert ledger.answer("settle_unseen", producer, job, 4, [ALL[1]]) == 0
    row = ledger.job(job)
    assert row["state"] == "blocked" and 'exist at the target by now (--on-existing fail); first: id "id-000001"' in row["last_error"]
    assert unseen(ledger, job) == [] and ledger.claim_exports(producer, job) == []
    ledger.call("resume", str(job))
    assert unseen(ledger, job) == [(4, ALL[0:2])], "it looks again"
    for batch in (4, 5):
        ledger.call("settle_unseen", producer, job, batch, [])
    assert finish_again(ledger, producer, consumer, job) == "succeeded"


def test_who_mirrors_looks_for_nothing(ledger, producer, consumer):
    job = guarded(ledger, producer, consumer, "mirror")
    redrive(ledger, job)
    assert unseen(ledger, job) == [] and len(ledger.claim_exports(producer, job)) == 3


def test_the_old_message_is_stale(ledger, producer, consumer):
    job = ledger.planned_job(producer)
    messages = ledger.publish(producer, job)
    ledger.deliver(consumer, *messages, rejects={2: [(one, "refused") for one in ALL[3:6]], 1: [(ALL[0], "refused")]})
    redrive(ledger, job)
    assert [row["outcome"] for row in ledger.arrive(consumer, *messages)] == ["stale"] * 3


def test_doubts_go_with_the_records(ledger, producer, consumer, job):
    messages = ledger.publish(producer, job)
    ledger.claim(consumer, messages[0])
    ledger.expire(job, 1)
    ledger.deliver(consumer, *messages, rejects={1: [(ALL[0], "refused")]})
    redrive(ledger, job)
    row = ledger.batch(job, 4)
    assert row["must_reread"] and row["quiet_until"] == ledger.batch(job, 1)["quiet_until"]


def test_two_at_the_same_time_move_each_record_once(ledger, producer, consumer):
    job = rejected_job(ledger, producer, consumer, {number: [(ALL[3 * number - 3], "refused")] for number in (1, 2, 3)})
    others, counts = [ledger.another() for _ in range(4)], []
    threads = [threading.Thread(target=lambda one=one: counts.append(redrive(one, job))) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
    assert sorted(counts) == [0, 0, 0, 3]
    assert sums(ledger, job) == (9, 6, 0, 0) and len(ledger.batches(job)) == 6


def test_a_monitor_may_look_and_not_redrive(ledger, producer, consumer, job):
    rejected_job(ledger, producer, consumer, {1: [(ALL[0], "refused")]}, job, state=None)
    with ledger.connection.transaction(force_rollback=True):
        ledger.run("SET LOCAL ROLE ferry_monitor")
        assert ledger.one("SELECT redriven FROM ferry.rejects")["redriven"] == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.run("SELECT ferry.redrive(%s)", str(job))
