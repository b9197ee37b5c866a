"""PROTOCOL §8: what came and went while a job ran, what only the target has, and what the end does about it."""

import pytest

from ledger import MORE, Ledger, found, ids

CATCH_UP = {"catch_up": True}
DELETES = dict(CATCH_UP, max_delete="100%")  # as much as it likes


@pytest.fixture
def run(ledger, producer, consumer):
    """run(pair, source, target): a planned job, with all that it planned delivered."""
    def begin(pair, listed, target=(), **options):
        job = ledger.planned_job(producer, listed, target, pair=pair)
        deliver(ledger, producer, consumer, job, **options)
        return job
    return begin


def deliver(ledger, producer, consumer, job, left_out=(), rejects=None):
    ledger.deliver(consumer, *ledger.publish(producer, job, left_out=left_out), rejects=rejects)


def compare(ledger, producer, job, target, source):
    return ledger.compare(producer, job, target, source)


def delete_all(ledger, producer, job, most=300):
    """As the finishing producer does; what was deleted."""
    deleted = []
    while True:
        state, fence, listed = ledger.next_deletions(producer, job, most)
        if state == "done":
            return deleted
        assert state == "delete"
        deleted += listed
        ledger.settle_deletions(job, fence)


def sums(ledger, job):
    """planned, verified, rejected, vanished: they must add up."""
    row = ledger.one("SELECT planned, verified, rejected, vanished FROM ferry.job_status WHERE job_id = %s", job)
    numbers = tuple(int(value) for value in row.values())
    assert numbers[0] == sum(numbers[1:]) == ledger.pair(job)["n_planned"]
    return numbers


# --- catching up -----------------------------------------------------------------------------------------------------

def test_without_catch_up_drift_is_only_counted(ledger, producer, run):
    job = run({}, ids(9))
    compared = compare(ledger, producer, job, ids(9), ids(8, 2))
    assert found(compared) == (0, 0, 1, 2, None) and not compared["is_decided"] and compared["planned"] == compared["to_delete"] == 0
    assert ledger.next_deletions(producer, job)[0] == "done" and len(ledger.batches(job)) == 3
    assert ledger.end(producer, job) == "succeeded"


def test_what_was_added_becomes_further_batches_with_what_existed(ledger, producer, consumer, run):
    job = run(CATCH_UP, ids(9))
    source = [b"b", b"a"] + ids(9) + [b"d", b"c"]
    compared = compare(ledger, producer, job, ids(9) + [b"a", b"c", b"x"], source)
    assert found(compared) == (0, 3, 4, 0, None) and compared["is_decided"] and compared["planned"] == 4 and compared["round"] == 1
    assert ledger.manifest(job)[3:] == [([b"b", b"a", b"d", b"c"], "0101")]
    assert [row["batch_no"] for row in ledger.batches(job)] == [1, 2, 3, 4]
    assert ledger.pair(job)["n_planned"] == 13 and ledger.pair(job)["plan_complete_at"] is not None
    assert ledger.end(producer, job) == "running", "a batch is open"
    deliver(ledger, producer, consumer, job)
    assert ledger.end(producer, job) == "running", "nothing was compared since"
    compared = compare(ledger, producer, job, source + [b"x"], source)
    assert found(compared) == (0, 1, 0, 0, None) and not compared["is_decided"]
    assert ledger.end(producer, job) == "succeeded"
    assert sums(ledger, job) == (13, 13, 0, 0)
    assert ledger.call("job_progress", job)[0]["caught_up"] == 4


def test_batches_of_what_was_added_are_as_large_as_the_job_says(ledger, producer, run):
    job = run({"catch_up": True, "batch_records": 4}, ids(3))
    assert compare(ledger, producer, job, ids(3), ids(13))["planned"] == 10
    assert [row["n_records"] for row in ledger.batches(job)] == [3, 4, 4, 2]


def test_what_was_deleted_is_deleted_and_counts_as_vanished(ledger, producer, run):
    job = run(CATCH_UP, ids(9))
    compared = compare(ledger, producer, job, ids(9) + [b"x"], ids(5, 3))
    assert found(compared) == (0, 1, 0, 4, None) and compared["to_delete"] == 4
    assert sums(ledger, job) == (9, 5, 0, 4)
    assert [(row["n_verified"], row["n_vanished"], row["state"]) for row in ledger.batches(job)] == [
        (0, 3, "verified"), (3, 0, "verified"), (2, 1, "verified")]
    assert ledger.end(producer, job) == "running" and ledger.slots() == 0
    state, fence, listed = ledger.next_deletions(producer, job)
    assert (state, listed) == ("delete", sorted(ids(3) + ids(1, 8))) and ledger.slots() == 1
    ledger.settle_deletions(job, fence)
    assert ledger.slots() == 0 and ledger.next_deletions(producer, job)[0] == "done"
    compared = compare(ledger, producer, job, ids(5, 3) + [b"x"], ids(5, 3))
    assert found(compared) == (0, 1, 0, 0, None) and not compared["is_decided"]
    assert ledger.end(producer, job) == "succeeded"
    progress = ledger.call("job_progress", job)[0]
    assert (progress["removed"], progress["removed_extra"], progress["rounds"]) == (4, 0, 1)
    removals = ledger.all("SELECT id, cause, deleted_at > decided_at AS done FROM ferry.removals ORDER BY id")
    assert [(row["id"], row["cause"], row["done"]) for row in removals] == [
        ("id-%06d" % number, "deleted", True) for number in (0, 1, 2, 8)]
    assert "4 records deleted at the target" in ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.removed'")


def test_a_cut_document_that_was_deleted_is_cut_no_more(ledger, producer, run):
    job = run(CATCH_UP, ids(3), left_out=[(1, one, "truncated") for one in ids(2)])
    compare(ledger, producer, job, ids(3), ids(2, 1))
    assert ledger.batch(job, 1)["n_truncated"] == 1 and set(ledger.left_out("truncated_records", job)) == {(1, ids(1, 1)[0])}
    assert sums(ledger, job) == (3, 2, 0, 1)


def test_what_went_from_both_sides_only_changes_the_counts(ledger, producer, run):
    job = run(CATCH_UP, ids(9))
    compared = compare(ledger, producer, job, ids(8), ids(8))
    assert compared["is_decided"] and compared["to_delete"] == 0
    assert sums(ledger, job) == (9, 8, 0, 1)
    assert not compare(ledger, producer, job, ids(8), ids(8))["is_decided"]
    assert ledger.end(producer, job) == "succeeded"


def test_a_lost_record_is_no_drift_and_nothing_is_decided(ledger, producer, run):
    job = run({"catch_up": True, "delete_extra": True}, ids(9))
    compared = compare(ledger, producer, job, ids(7) + [b"x"], ids(8) + [b"new"])
    assert compared["missing"] == 2 and not compared["is_decided"]
    assert ledger.end(producer, job) == "running" and ledger.end(producer, job, "failed", "lost") == "failed"


def test_what_vanished_and_is_at_the_source_is_planned_again_in_any_case(ledger, producer, consumer, run):
    """It was in the plan: one answer without it does not take it out."""
    job = run({}, ids(9), left_out=[(1, ids(1)[0], "vanished"), (3, ids(1, 8)[0], "vanished")])
    compared = compare(ledger, producer, job, ids(7, 1), ids(8) + [b"new"])
    assert found(compared) == (0, 0, 2, 0, None) and (compared["planned"], compared["returned"], compared["round"]) == (1, 1, 1)
    assert ledger.manifest(job)[-1] == (ids(1), "0") and ledger.end(producer, job) == "running"
    deliver(ledger, producer, consumer, job)
    assert sums(ledger, job) == (10, 8, 0, 2) and ledger.pair(job)["n_returned"] == 1 and ledger.pair(job)["n_caught_up"] == 0
    assert found(compare(ledger, producer, job, ids(8), ids(8) + [b"new"])) == (0, 0, 1, 0, None), "what is new is not of the plan"
    assert ledger.end(producer, job) == "succeeded" and ledger.pair(job)["n_unsettled"] == 0


def test_what_vanishes_again_and_again_is_told_at_last(ledger, producer, consumer, run):
    job = run({}, ids(3), left_out=[(1, ids(1)[0], "vanished")])
    for batch in range(2, 7):
        assert compare(ledger, producer, job, ids(2, 1), ids(3))["planned"] == 1
        claims = ledger.claim_exports(producer, job)
        ledger.record(producer, job, claims, [(batch, ids(1)[0], "vanished")], empty=[batch])
    assert not compare(ledger, producer, job, ids(2, 1), ids(3))["is_decided"]
    assert ledger.end(producer, job) == "succeeded"
    assert ledger.call("job_progress", job)[0]["unsettled"] == 1


def test_a_rehearsals_own_are_planned_again(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(9), pair={"selection": "first 3"})
    deliver(ledger, producer, consumer, job, left_out=[(1, ids(1)[0], "vanished")])
    compared = compare(ledger, producer, job, ids(2, 1), ids(9))
    assert (compared["added"], compared["planned"]) == (1, 1) and ledger.manifest(job)[-1][0] == ids(1)


@pytest.mark.parametrize("policy, exports, left", [("skip", 1, 1), ("skip", 2, 0), ("fail", 1, None), ("fail", 2, 0)])
def test_what_vanished_is_the_ferrys_own_where_an_earlier_export_carried_it(ledger, producer, consumer, policy, exports, left):
    """Else whoever has it at the target put it there."""
    job = ledger.planned_job(producer, ids(3), pair={"on_existing": policy})
    if exports > 1:  # claimed and never settled: swept
        ledger.claim(consumer, *ledger.publish(producer, job))
        ledger.run("UPDATE ferry.batches SET state = 'planned', export_rev = export_rev + 1, payload_sha256 = NULL, must_reread = true,"
                   " lease_until = NULL, owner = NULL, fence = NULL")
        ledger.run("UPDATE ferry.write_slots SET lease_until = NULL, fence = NULL")
    deliver(ledger, producer, consumer, job, left_out=[(1, ids(1)[0], "vanished")])
    ledger.settle(job)
    compared = compare(ledger, producer, job, ids(3), ids(3))
    assert compared["existing"] == (left is None) and compared["planned"] == (left == 0)
    assert ledger.pair(job)["n_skipped"] == (left or 0)


def test_only_what_the_ferry_wrote_is_deleted_by_catching_up(ledger, producer, consumer, run):
    """Not what was rejected, what vanished unread, what another pair moved, what was there before."""
    ledger.complete(producer, consumer, ledger.planned_job(producer, [b"other pair"], pair=MORE))
    ledger.complete(producer, consumer, ledger.planned_job(producer, ids(2, 50)))
    later = run(DELETES, ids(9) + ids(2, 50), ids(2, 50), left_out=[(1, ids(1)[0], "vanished")],
                rejects={2: [(ids(1, 3)[0], "not_storable")]})
    assert ledger.pair(later)["n_planned"] == 9
    target = ids(9) + ids(2, 50) + [b"other pair", b"before"]
    compared = compare(ledger, producer, later, target, ids(4, 4))
    assert found(compared) == (0, 5, 0, 3, None), "vanished, two of an earlier job, and two strangers"
    assert delete_all(ledger, producer, later) == sorted(ids(2, 1) + ids(1, 8) + ids(2, 50))
    assert ledger.pair(later)["n_removed"] == 5


def test_what_comes_back_is_copied_again(ledger, producer, consumer, run):
    job = run(CATCH_UP, ids(3))
    compare(ledger, producer, job, ids(3), ids(2))
    assert delete_all(ledger, producer, job) == ids(1, 2)
    compared = compare(ledger, producer, job, ids(2), ids(3))
    assert found(compared) == (0, 0, 1, 0, None) and compared["planned"] == 1
    deliver(ledger, producer, consumer, job)
    assert sums(ledger, job) == (4, 3, 0, 1)
    assert found(compare(ledger, producer, job, ids(3), ids(3))) == (0, 0, 0, 0, None)
    compare(ledger, producer, job, ids(3), ids(2))
    assert delete_all(ledger, producer, job) == ids(1, 2), "and deleted again"
    assert sums(ledger, job) == (4, 2, 0, 2)
    assert not compare(ledger, producer, job, ids(2), ids(2))["is_decided"]
    assert ledger.end(producer, job) == "succeeded"


def test_what_comes_back_on_both_sides_is_copied_and_not_deleted(ledger, producer, run):
    job = run(CATCH_UP, ids(3))
    compare(ledger, producer, job, ids(3), ids(2))
    delete_all(ledger, producer, job)
    compared = compare(ledger, producer, job, ids(3), ids(3))
    assert (compared["planned"], compared["to_delete"]) == (1, 0)


def test_what_is_still_there_is_deleted_again(ledger, producer, run):
    job = run(CATCH_UP, ids(3))
    for attempt in range(3):
        assert compare(ledger, producer, job, ids(3), ids(2))["round"] == attempt + 1
        assert delete_all(ledger, producer, job) == ids(1, 2)
    assert sums(ledger, job) == (3, 2, 0, 1)


def test_the_rounds_are_bounded_whoever_makes_them(ledger, producer, run):
    job = run({"catch_up": True, "catch_up_rounds": 2}, ids(6))
    for left in (5, 4):
        assert compare(ledger, producer, job, ids(left + 1), ids(left))["is_decided"]
        delete_all(ledger, producer, job)
        ledger.call("stop_worker", producer)
        producer = ledger.worker()
    compared = compare(ledger, producer, job, ids(4), ids(3) + [b"new"])
    assert found(compared) == (0, 0, 1, 1, None) and not compared["is_decided"] and compared["round"] == 2
    assert ledger.end(producer, job) == "succeeded"
    assert ledger.pair(job)["n_added"] == 1 and ledger.pair(job)["n_deleted"] == 1
    assert ledger.call("job_progress", job)[0]["unsettled"] == 2


@pytest.mark.parametrize("policy, planned, left", [("mirror", [b"a", b"b"], 0), ("skip", [b"b"], 1), ("fail", None, 0)])
def test_what_was_added_follows_the_jobs_policy(ledger, producer, run, policy, planned, left):
    job = run({"catch_up": True, "on_existing": policy}, ids(3))
    compared = compare(ledger, producer, job, ids(3) + [b"a"], ids(3) + [b"a", b"b"])
    if planned is None:
        assert compared["existing"] == 1 and not compared["is_decided"] and len(ledger.batches(job)) == 1
    else:
        assert ledger.manifest(job)[1][0] == planned and ledger.pair(job)["n_skipped"] == left
        assert compared["existing"] == 0


def test_a_skipped_addition_is_not_looked_at_again(ledger, producer, run):
    job = run({"catch_up": True, "on_existing": "skip"}, ids(6), target=ids(3))
    for extra in (b"a", b"b"):
        compare(ledger, producer, job, ids(6) + [b"a", b"b"], ids(6) + [b"a", b"b"])
    assert ledger.pair(job)["n_skipped"] == 5
    assert found(compare(ledger, producer, job, ids(6) + [b"a", b"b"], ids(6) + [b"a", b"b"])) == (0, 0, 0, 0, None)
    assert ledger.end(producer, job) == "succeeded"


def test_a_job_with_nothing_to_move_still_looks_at_its_end(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, job)
    for setting in ("catch_up", "exact_target", "delete_extra"):
        later = ledger.submit(**{setting: True})["job_id"]
        assert ledger.plan(producer, later, ids(8), ids(9) + [b"x"])["outcome"] == "planned"
        compared = compare(ledger, producer, later, ids(9) + [b"x"], ids(8))
        assert found(compared) == (0, 2, 0, 0, None), "one that the source has no more, one of its own"
        assert compared["to_delete"] == {"catch_up": 1, "exact_target": 0, "delete_extra": 2}[setting]
        ledger.call("cancel", str(later))


# --- deletions -------------------------------------------------------------------------------------------------------

@pytest.fixture
def deciding(ledger, producer, run):
    job = run(DELETES, ids(9))
    assert compare(ledger, producer, job, ids(9), ids(2))["to_delete"] == 7
    return job


def test_deletions_come_in_pieces_and_each_once(ledger, producer, deciding):
    assert sorted(delete_all(ledger, producer, deciding, most=3)) == ids(7, 2)
    assert ledger.pair(deciding)["n_removed"] == 7


def test_a_lost_answer_is_waited_for_before_the_same_ids_come_again(ledger, producer, deciding):
    state, fence, listed = ledger.next_deletions(producer, deciding, 5)
    ledger.settle_deletions(deciding, fence, False)
    assert ledger.slots() == 0
    state, second, others = ledger.next_deletions(producer, deciding, 5)
    assert state == "delete" and sorted(listed + others) == ids(7, 2)
    ledger.settle_deletions(deciding, second)
    assert ledger.next_deletions(producer, deciding)[0] == "wait" and ledger.slots() == 0
    assert ledger.refusal("finish_compare", producer, deciding, 1) == "FE002"
    assert ledger.end(producer, deciding) == "running"
    ledger.run("UPDATE ferry.deletions SET in_flight_until = now() - interval '1 s' WHERE in_flight_until IS NOT NULL")
    assert ledger.next_deletions(producer, deciding)[2] == listed
    assert ledger.pair(deciding)["n_removed"] == 2


def test_the_next_producer_goes_on_with_what_a_dead_one_may_have_sent(ledger, producer, deciding):
    """The rest is decided anew, when it has listed both sides itself."""
    sent = ledger.next_deletions(producer, deciding, 5)[2]
    other = ledger.worker()
    assert not ledger.take_finish(other, deciding)
    ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    assert ledger.take_finish(other, deciding)
    assert ledger.refusal("next_deletions", producer, deciding, 1, 5, "60 s") == "FE002"
    assert ledger.next_deletions(other, deciding)[0] == "wait"
    ledger.run("UPDATE ferry.deletions SET in_flight_until = now() - interval '1 s' WHERE in_flight_until IS NOT NULL")
    assert sorted(delete_all(ledger, other, deciding)) == sent
    compared = compare(ledger, other, deciding, ids(9)[:2] + [one for one in ids(7, 2) if one not in sent], ids(2))
    assert (compared["to_delete"], compared["round"]) == (2, 1), "the round counts once"
    assert sorted(delete_all(ledger, other, deciding) + sent) == ids(7, 2)
    assert ledger.pair(deciding)["n_removed"] == 7


def test_an_answer_after_the_ids_were_handed_out_again_settles_nothing(ledger, producer, deciding):
    _, first, _ = ledger.next_deletions(producer, deciding)
    ledger.run("UPDATE ferry.deletions SET in_flight_until = now() - interval '1 s'")
    _, second, _ = ledger.next_deletions(producer, deciding)
    ledger.settle_deletions(deciding, first)
    assert ledger.value("SELECT count(*) FROM ferry.deletions WHERE deleted_at IS NULL") == 7
    ledger.settle_deletions(deciding, second)
    assert ledger.next_deletions(producer, deciding)[0] == "done"


def test_a_deletion_needs_a_write_slot(ledger, producer, deciding):
    ledger.run("UPDATE ferry.write_slots SET lease_until = now() + interval '1 minute', worker_id = gen_random_uuid(), fence = 0")
    assert ledger.next_deletions(producer, deciding)[0] == "busy"
    ledger.run("UPDATE ferry.write_slots SET lease_until = NULL WHERE slot = 7")
    assert ledger.next_deletions(producer, deciding)[0] == "delete" and ledger.slots() == 10


@pytest.mark.parametrize("state", ["paused", "blocked", "cancelled"])
def test_nothing_is_deleted_for_a_job_that_does_not_run(ledger, producer, deciding, state):
    ledger.run("UPDATE ferry.jobs SET state = %s", state)
    assert ledger.refusal("next_deletions", producer, deciding, 1, 5, "60 s") == "FE002"


# --- how much may be deleted -----------------------------------------------------------------------------------------

def may_delete(ledger, job, most):
    ledger.run("UPDATE ferry.jobs SET settings = settings || jsonb_build_object('max_delete', %s::text)", most)


@pytest.mark.parametrize("most, records, source, limit", [
    (None, 9, 5, 4), (None, 10, 5, 5), (None, 10, 0, 0), (None, 0, 1, 0), ("50%", 10, 0, 5), ("100%", 10, 0, 10), ("0", 10, 5, 0),
    ("7", 5, 0, 7), ("0%", 10, 5, 0), ("12.5%", 1000, 5, 125), ("33.333333%", 3_000_000_000, 1, 999_999_990), ("999%", 10, 5, 99)])
def test_how_much_may_be_deleted(ledger, job, most, records, source, limit):
    if most is not None:
        may_delete(ledger, job, most)
    assert ledger.answer("max_delete", job, records, source) == limit


@pytest.mark.parametrize("most", ["", "-1", "many", "1.5", "%", "5%%", "1000%", "1 %"])
def test_a_limit_of_deletions_that_is_none_is_refused(ledger, job, most):
    assert ledger.refusal("check_settings", '{"max_delete": "%s"}' % most) == "FE001"
    with pytest.raises(Exception, match="--max-delete must be") as caught:
        ledger.submit(max_delete=most)
    assert caught.value.sqlstate == "FE001" and "max_delete" not in ledger.job(job)["settings"]


def state_of(ledger, job):
    """All that a refusal must leave as it is."""
    return ledger.everything(job)[:-1], ledger.manifest(job), ledger.all("SELECT * FROM ferry.deletions ORDER BY id, cause")


def refused(ledger, producer, job, target, source):
    """The message of a comparison that blocks the job and changes nothing else."""
    before = state_of(ledger, job)
    compared = compare(ledger, producer, job, target, source)
    assert not compared["is_decided"] and compared["planned"] == compared["to_delete"] == 0
    assert state_of(ledger, job) == before
    row = ledger.job(job)
    assert row["state"] == "blocked" and row["last_error"] == compared["refusal"]
    assert ledger.end(producer, job) == "blocked" and ledger.end(producer, job, "failed", "why") == "blocked"
    assert ledger.refusal("next_deletions", producer, job, 1, 300, "60 s") == "FE002"
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0
    return compared["refusal"]


def test_a_job_that_would_delete_too_much_is_blocked_and_decides_nothing(ledger, producer, run):
    """Nor does it copy what was added."""
    job = run(CATCH_UP, ids(9))
    why = refused(ledger, producer, job, ids(9), ids(4) + [b"new"])
    name = ledger.job(job)["name"]
    assert why == ("5 of 9 records at the target would be deleted, more than the 4 allowed (50%%), so none is; resume %s"
                   ' --max-delete 5 deletes them, SELECT ferry.change_settings(%d, \'{"catch_up": false}\') before it deletes none'
                   % (name, job))
    assert sums(ledger, job) == (9, 9, 0, 0)
    assert ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.blocked'") == why
    assert ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'job.round'") == 0 and ledger.pair(job)["n_rounds"] == 0


def test_up_to_the_limit_is_deleted(ledger, producer, run):
    job = run(CATCH_UP, ids(9))
    compared = compare(ledger, producer, job, ids(9), ids(5))
    assert compared["to_delete"] == 4 and compared["refusal"] is None
    assert delete_all(ledger, producer, job) == ids(4, 5)


def test_who_resumes_with_a_higher_limit_goes_on(ledger, producer, run):
    job = run(CATCH_UP, ids(9))
    refused(ledger, producer, job, ids(9), ids(2))
    row = ledger.submit(max_delete="7")
    assert row["is_resumed"] and row["job_state"] == "running"
    assert ledger.end(producer, job) == "running", "it is compared again first"
    assert compare(ledger, producer, job, ids(9), ids(2))["to_delete"] == 7
    assert delete_all(ledger, producer, job) == ids(7, 2)
    compare(ledger, producer, job, ids(2), ids(2))
    assert ledger.end(producer, job) == "succeeded" and sums(ledger, job) == (9, 2, 0, 7)


@pytest.mark.parametrize("settings, off", [({"catch_up": True}, '{"catch_up": false}'), ({"delete_extra": True}, '{"delete_extra": false}'),
                                           ({"catch_up": True, "delete_extra": True}, '{"catch_up": false, "delete_extra": false}')])
def test_who_resumes_without_deleting_ends_the_job(ledger, producer, run, settings, off):
    job = run(settings, ids(3))
    strangers = [b"stranger %d" % number for number in range(8)]
    why = refused(ledger, producer, job, ids(3) + strangers, ids(1) if "delete_extra" in settings else [])
    assert "SELECT ferry.change_settings(%d, '%s')" % (job, off) in why
    assert ledger.answer("change_settings", job, off)
    ledger.call("resume_job", job)
    compared = compare(ledger, producer, job, ids(3) + strangers, ids(1))
    assert not compared["is_decided"] and compared["refusal"] is None
    assert ledger.end(producer, job) == "succeeded" and sums(ledger, job) == (3, 3, 0, 0)


def test_an_emptied_source_deletes_nothing_by_itself(ledger, producer, run):
    """However little that would be of the target."""
    job = run(CATCH_UP, ids(2), target=ids(90, 10))
    why = refused(ledger, producer, job, ids(2) + ids(90, 10), [])
    assert why.startswith("the source lists no ids any more, and 2 of 92 records at the target would be deleted, more than the 0 allowed")
    may_delete(ledger, job, "50%")
    ledger.call("resume_job", job)
    assert compare(ledger, producer, job, ids(2) + ids(90, 10), [])["to_delete"] == 2


def test_a_source_emptied_between_two_jobs_deletes_nothing_by_itself(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, job)
    later = ledger.submit(catch_up=True)["job_id"]
    assert ledger.plan(producer, later, [], ids(9) + ids(90, 10))["planned"] == 0
    assert "9 of 99 records" in refused(ledger, producer, later, ids(9) + ids(90, 10), [])


def test_an_emptied_source_of_an_emptied_target_only_changes_the_counts(ledger, producer, run):
    job = run(CATCH_UP, ids(3))
    compared = compare(ledger, producer, job, [b"x"], [])
    assert compared["refusal"] is None and compared["is_decided"] and compared["to_delete"] == 0
    assert sums(ledger, job) == (3, 0, 0, 3)


def test_rounds_do_not_delete_more_together_than_one(ledger, producer, run):
    job = run(CATCH_UP, ids(10))
    compare(ledger, producer, job, ids(10), ids(7))
    assert delete_all(ledger, producer, job) == ids(3, 7)
    compare(ledger, producer, job, ids(7), ids(5))
    assert delete_all(ledger, producer, job) == ids(2, 5)
    why = refused(ledger, producer, job, ids(5), ids(4))
    assert why.startswith("6 of 10 records at the target would be deleted, with the 5 deleted before, more than the 5 allowed")
    assert "--max-delete 6 deletes" in why


def test_what_is_deleted_once_more_counts_once(ledger, producer, run):
    """As many ids as are allowed, which the target says it deletes and keeps."""
    job = run(CATCH_UP, ids(6))
    for _ in range(3):
        assert compare(ledger, producer, job, ids(6), ids(3))["to_delete"] == 3
        delete_all(ledger, producer, job)


def test_what_is_deleted_for_either_reason_counts_together(ledger, producer, consumer, run):
    """Also what is both: the ferry's, and not of this job."""
    ledger.complete(producer, consumer, ledger.planned_job(producer, ids(2, 50)))
    job = run(dict(CATCH_UP, delete_extra=True), ids(4) + ids(2, 50), ids(2, 50))
    target = ids(4) + ids(2, 50) + [b"x", b"y"]
    why = refused(ledger, producer, job, target, ids(3))
    assert why.startswith("5 of 8 records at the target")
    may_delete(ledger, job, "5")
    ledger.call("resume_job", job)
    assert compare(ledger, producer, job, target, ids(3))["to_delete"] == 5


def test_what_is_neither_deleted_nor_asked_for_does_not_block(ledger, producer, run):
    job = run({"exact_target": True}, ids(3))
    assert compare(ledger, producer, job, ids(3) + [b"x"], [])["refusal"] is None
    other = run(dict(MORE, catch_up=True, max_delete="0"), ids(3))
    assert compare(ledger, producer, other, ids(3) + [b"x"], ids(4))["planned"] == 1


# --- an exact target -------------------------------------------------------------------------------------------------

def test_exact_target_forbids_success_with_extra_records(ledger, producer, run):
    job = run({"exact_target": True}, ids(3))
    compared = compare(ledger, producer, job, ids(3) + [b"y", b"x"], ids(3))
    assert compared["extra"] == 2 and compared["first_extra"] == '"y", "x"' and not compared["is_decided"]
    assert ledger.end(producer, job) == "running"
    assert ledger.end(producer, job, "failed", "2 too many") == "failed"
    assert ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.extra'") == (
        '2 records at the target are not of this job; first: "y", "x"')
    progress = ledger.call("job_progress", job)[0]
    assert progress["is_exact"] and progress["first_extra"] == '"y", "x"'


def test_an_exact_target_is_a_success(ledger, producer, run):
    job = run({"exact_target": True}, ids(3))
    compare(ledger, producer, job, ids(3), ids(3))
    assert ledger.end(producer, job) == "succeeded"


def test_delete_extra_deletes_what_is_not_of_the_job(ledger, producer, run):
    job = run({"delete_extra": True, "max_delete": "100%"}, ids(3))
    compared = compare(ledger, producer, job, ids(3) + [b"y", b"x"], ids(3))
    assert compared["to_delete"] == 2
    assert delete_all(ledger, producer, job) == [b"x", b"y"]
    assert ledger.end(producer, job) == "running", "it is listed again first"
    assert not compare(ledger, producer, job, ids(3), ids(3))["is_decided"]
    assert ledger.end(producer, job) == "succeeded"
    assert ledger.pair(job)["n_removed_extra"] == 2 and sums(ledger, job) == (3, 3, 0, 0)


def test_delete_extra_leaves_what_the_source_has_by_now(ledger, producer, run):
    job = run({"delete_extra": True, "max_delete": "100%"}, ids(3))
    compared = compare(ledger, producer, job, ids(3) + [b"new", b"x"], ids(3) + [b"new"])
    assert compared["extra"] == 2 and delete_all(ledger, producer, job) == [b"x"]
    compared = compare(ledger, producer, job, ids(3) + [b"new"], ids(3) + [b"new"])
    assert compared["extra"] == 1 and not compared["is_decided"]
    assert ledger.end(producer, job) == "running", "not the exact target that was asked for"


def test_delete_extra_does_not_touch_what_is_of_the_job(ledger, producer, run):
    """Not even what has gone from the source: that is --catch-up's."""
    job = run({"delete_extra": True}, ids(9), rejects={1: [(ids(1)[0], "not_storable")]})
    compared = compare(ledger, producer, job, ids(9), ids(4, 4))
    assert found(compared)[1:4] == (0, 0, 4) and not compared["is_decided"]


def test_an_emptied_source_deletes_only_what_was_asked_for(ledger, producer, run):
    job = run(DELETES, ids(3), target=[b"x"])
    assert compare(ledger, producer, job, ids(3) + [b"x"], [])["to_delete"] == 3
    assert delete_all(ledger, producer, job) == ids(3)


# --- settings --------------------------------------------------------------------------------------------------------

def test_what_concerns_the_end_may_be_added_by_who_resumes(ledger, producer, job):
    assert not ledger.answer("wants", job, "catch_up")
    ledger.submit(catch_up=True, catch_up_rounds=3, on_existing="skip")
    ledger.submit()
    assert ledger.answer("wants", job, "catch_up") and not ledger.answer("wants", job, "delete_extra")
    settings = ledger.job(job)["settings"]
    assert settings["catch_up_rounds"] == 3 and settings.get("on_existing") is None


@pytest.mark.parametrize("first, second", [({"on_existing": "skip", "delete_extra": True}, None),
                                           ({"on_existing": "skip"}, {"delete_extra": True})])
def test_skip_and_delete_extra_exclude_each_other(ledger, first, second):
    if second is not None:
        ledger.submit(**first)
    with pytest.raises(Exception, match="choose one") as caught:
        ledger.submit(**(second or first))
    assert caught.value.sqlstate == "FE001"


def test_deciding_is_one_step(ledger, producer, consumer, run, dsn):
    """A kill in its middle leaves nothing of it behind."""
    job = run(CATCH_UP, ids(9))
    ledger.take_finish(producer, job)
    ledger.call("finish_add", producer, job, 1, "e", 0, ids(9))
    ledger.call("finish_add", producer, job, 1, "d", 0, ids(9, 1))
    before = ledger.everything(job), ledger.pair(job)
    other = Ledger(dsn)
    other.run("BEGIN")
    assert other.call("finish_compare", producer, job, 1)[0]["is_decided"]
    other.close()
    assert (ledger.everything(job), ledger.pair(job)) == before
    assert ledger.call("finish_compare", producer, job, 1)[0]["is_decided"]
