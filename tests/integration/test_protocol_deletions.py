"""What the end of a job may delete at the target, and what it must not: PROTOCOL §8, and what people were promised."""

import json

import pytest

from ledger import ids

BOTH = {"catch_up": True, "catch_up_rounds": 3, "delete_extra": True, "max_delete": "100%", "exact_target": True}


@pytest.fixture
def run(ledger, producer, consumer):
    """run(settings, source, target): a job with all that it planned delivered."""
    def begin(settings, listed, target=(), **pair):
        job = ledger.planned_job(producer, listed, target, pair=dict(settings, **pair))
        ledger.deliver(consumer, *ledger.publish(producer, job))
        return job
    return begin


def settings(ledger, job):
    return ledger.job(job)["settings"]


# --- what was asked for long ago -------------------------------------------------------------------------------------

@pytest.mark.parametrize("state", ["succeeded", "failed", "blocked"])
def test_a_reopened_job_deletes_only_what_is_asked_for_again(ledger, producer, consumer, state):
    job = ledger.planned_job(producer, pair=BOTH)
    ledger.deliver(consumer, *ledger.publish(producer, job), rejects={1: [(ids(1)[0], "refused")]})
    if state == "blocked":
        ledger.call("block_job", job, producer, "why")
    else:
        ledger.compare(producer, job, ids(8, 1), ids(9))
        assert ledger.end(producer, job, state) == state
    assert ledger.answer("redrive", str(job), None, None) == 1
    assert settings(ledger, job).keys() & BOTH.keys() == {"exact_target"}
    row = ledger.submit(catch_up=True)
    assert (row["job_id"], row["catches_up"], row["deletes_extra"]) == (job, True, False)
    ledger.deliver(consumer, *ledger.publish(producer, job))
    assert ledger.compare(producer, job, ids(9) + [b"x"], ids(9))["to_delete"] == 0


def test_a_running_job_that_redrives_keeps_what_it_was_begun_with(ledger, producer, consumer):
    job = ledger.planned_job(producer, pair=BOTH)
    ledger.deliver(consumer, *ledger.publish(producer, job), rejects={1: [(ids(1)[0], "refused")]})
    before = settings(ledger, job)
    assert ledger.answer("redrive", str(job), None, None) == 1 and settings(ledger, job) == before


def test_a_submission_that_does_not_ask_for_it_joins_no_job_that_deletes(ledger, producer):
    job = ledger.submit(delete_extra=True)["job_id"]
    for asked in ({}, {"catch_up": True}, {"delete_extra": False}):
        with pytest.raises(Exception, match=r"begun with --delete-extra.*ferry-producer resume docs-.*ferry.change_settings\(%d, "
                           % job) as caught:
            ledger.submit(**asked)
        assert caught.value.sqlstate == "FE001" and settings(ledger, job) == {"delete_extra": True}
    assert ledger.submit(delete_extra=True)["deletes_extra"]
    (row,) = ledger.submit_many((1, 2, "docs"), resumes=job)
    assert row["deletes_extra"] and not row["catches_up"]
    assert ledger.answer("change_settings", job, json.dumps({"delete_extra": False}))
    assert not ledger.submit()["deletes_extra"]


# --- what the source has ---------------------------------------------------------------------------------------------

def open_ids(ledger):
    return sorted(bytes(row["id"]) for row in ledger.all(
        "SELECT id FROM ferry.deletions WHERE deleted_at IS NULL AND spared_at IS NULL"))


def spared_ids(ledger):
    return sorted(bytes(row["id"]) for row in ledger.all("SELECT id FROM ferry.deletions WHERE spared_at IS NOT NULL"))


@pytest.fixture
def deciding(ledger, producer, run):
    """Five of nine are to be deleted."""
    job = run({"catch_up": True, "max_delete": "100%"}, ids(9))
    assert ledger.compare(producer, job, ids(9), ids(4, 5))["to_delete"] == 5
    return job


def test_what_the_source_still_has_is_spared_and_the_rest_deleted(ledger, producer, deciding):
    state, fence, listed = ledger.next_deletions(producer, deciding)
    assert (state, listed) == ("delete", ids(5))
    assert ledger.answer("spare_deletions", producer, deciding, 1, fence, ids(2) + ids(1, 8)) == 2, "one was not handed out"
    ledger.settle_deletions(deciding, fence)
    assert ledger.pair(deciding)["n_removed"] == 3 and spared_ids(ledger) == ids(2)
    assert ledger.next_deletions(producer, deciding)[0] == "done" and ledger.slots() == 0
    detail = ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.spared'")
    assert detail.startswith("2 records are not deleted") and '"id-000000", "id-000001"' in detail


def test_what_is_spared_is_copied_again(ledger, producer, consumer, deciding):
    _, fence, _ = ledger.next_deletions(producer, deciding)
    ledger.answer("spare_deletions", producer, deciding, 1, fence, ids(2))
    ledger.settle_deletions(deciding, fence)
    compared = ledger.compare(producer, deciding, ids(2) + ids(4, 5), ids(2) + ids(4, 5))
    assert (compared["planned"], compared["to_delete"], compared["extra"]) == (2, 0, 0)
    ledger.deliver(consumer, *ledger.publish(producer, deciding))
    assert not ledger.compare(producer, deciding, ids(2) + ids(4, 5), ids(2) + ids(4, 5))["is_decided"]
    assert ledger.end(producer, deciding) == "succeeded"


def test_what_is_spared_is_the_ferrys_own_still(ledger, producer, deciding):
    """It has gone from the source after all, before it was listed again."""
    _, fence, _ = ledger.next_deletions(producer, deciding)
    ledger.answer("spare_deletions", producer, deciding, 1, fence, ids(2))
    ledger.settle_deletions(deciding, fence)
    assert ledger.compare(producer, deciding, ids(2) + ids(4, 5), ids(4, 5))["to_delete"] == 2
    assert spared_ids(ledger) == [] and ledger.next_deletions(producer, deciding)[2] == ids(2)


def test_only_who_holds_the_fence_spares(ledger, producer, deciding):
    _, first, _ = ledger.next_deletions(producer, deciding)
    ledger.run("UPDATE ferry.deletions SET in_flight_until = now() - interval '1 s'")
    _, second, _ = ledger.next_deletions(producer, deciding)
    assert ledger.answer("spare_deletions", producer, deciding, 1, first, ids(5)) == 0
    ledger.settle_deletions(deciding, second)
    assert ledger.answer("spare_deletions", producer, deciding, 1, second, ids(5)) == 0, "too late"
    assert spared_ids(ledger) == [] and ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'job.spared'") == 0


def test_what_was_not_sent_comes_again_at_once(ledger, producer, deciding):
    _, fence, _ = ledger.next_deletions(producer, deciding)
    ledger.settle_deletions(deciding, fence, outcome="unsent")
    assert ledger.slots() == 0 and ledger.pair(deciding)["n_removed"] == 0
    assert ledger.next_deletions(producer, deciding)[2] == ids(5)


# --- how much of what the target held --------------------------------------------------------------------------------

HELD = [b"held %d" % number for number in range(6)]


def test_what_the_job_copies_makes_no_small_share_of_what_the_target_held(ledger, producer, run):
    """Another source, by mistake: half of the target afterwards is all that it held."""
    job = run({"delete_extra": True}, ids(6), HELD)
    compared = ledger.compare(producer, job, HELD + ids(6), ids(6))
    assert compared["to_delete"] == 0 and compared["refusal"].startswith(
        "6 records at the target would be deleted that the job has not copied, of the 6 that the target held when it was planned, "
        "more than the 3 allowed (50%), so none is; resume ")
    assert "--max-delete 6 deletes them" in compared["refusal"] and ledger.job(job)["state"] == "blocked"
    assert ledger.submit(delete_extra=True, max_delete="6")["job_state"] == "running"
    assert ledger.compare(producer, job, HELD + ids(6), ids(6))["to_delete"] == 6


def test_what_others_put_there_meanwhile_is_no_larger_base(ledger, producer, run):
    job = run({"delete_extra": True}, ids(6), HELD[:4])
    assert ledger.compare(producer, job, HELD[:4] + ids(6) + [b"x", b"y", b"z"], HELD[:4] + ids(6))["refusal"].startswith("3 records")
    assert ledger.answer("change_settings", job, '{"max_delete": "100%"}')
    ledger.call("resume_job", job)
    assert ledger.compare(producer, job, HELD[:4] + ids(6) + [b"x", b"y", b"z"], HELD[:4] + ids(6))["to_delete"] == 3


def test_a_share_of_what_it_held_is_deleted_and_counts_in_later_rounds(ledger, producer, run):
    job = run({"delete_extra": True}, ids(20), HELD)
    assert ledger.compare(producer, job, HELD[:2] + ids(20), ids(20))["to_delete"] == 2
    ledger.settle_deletions(job, ledger.next_deletions(producer, job)[1])
    assert ledger.compare(producer, job, HELD[2:3] + ids(20), ids(20))["to_delete"] == 1
    ledger.settle_deletions(job, ledger.next_deletions(producer, job)[1])
    assert "4 records at the target would be deleted that the job has not copied, of the 6 that the target held when it was planned, " \
        "with the 3 deleted before, more than the 3 allowed" in ledger.compare(producer, job, HELD[3:4] + ids(20), ids(20))["refusal"]


def test_what_it_wrote_over_is_what_the_target_held(ledger, producer, run):
    """Catching up, too; its own copies are held against all that is there."""
    job = run({"catch_up": True}, HELD + ids(14), HELD)
    assert ledger.compare(producer, job, HELD + ids(14), HELD[3:] + ids(7))["to_delete"] == 10, "three of six, ten of twenty"
    assert ledger.answer("change_settings", job, '{"max_delete": "60%"}')
    _, fence, _ = ledger.next_deletions(producer, job)
    ledger.settle_deletions(job, fence)
    assert ledger.compare(producer, job, HELD[3:] + ids(7), HELD[4:] + ids(7))["refusal"].startswith("4 records at the target")


# --- what was decided before -----------------------------------------------------------------------------------------

def take_over(ledger, job, how):
    """Another producer ends the job from now on."""
    other = ledger.worker()
    if how == "dead":
        ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    else:
        ledger.run("UPDATE ferry.workers SET stopped_at = now() WHERE worker_id = (SELECT finish_owner FROM ferry.jobs)")
    assert ledger.take_finish(other, job)
    return other


@pytest.mark.parametrize("how", ["dead", "stopped"])
def test_another_producer_decides_anew(ledger, producer, deciding, how):
    other = take_over(ledger, deciding, how)
    assert open_ids(ledger) == [] and spared_ids(ledger) == ids(5) and ledger.pair(deciding)["n_rounds"] == 0
    assert ledger.next_deletions(other, deciding)[0] == "done"
    assert "decides anew" in ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.spared'")
    compared = ledger.compare(other, deciding, ids(9), ids(3) + ids(4, 5))
    assert compared["to_delete"] == 2 and open_ids(ledger) == ids(2, 3), "the source has three of them again"
    assert compared["planned"] == 3


def test_whose_own_lease_has_lapsed_decides_anew_too(ledger, producer, deciding):
    assert ledger.take_finish(producer, deciding) and open_ids(ledger) == ids(5)
    ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    assert ledger.take_finish(producer, deciding) and open_ids(ledger) == []


def test_a_reopened_job_does_not_go_on_with_what_it_had_decided(ledger, producer, consumer):
    job = ledger.planned_job(producer, pair={"delete_extra": True, "max_delete": "100%"})
    ledger.deliver(consumer, *ledger.publish(producer, job), rejects={1: [(ids(1)[0], "mismatch")]})
    assert ledger.compare(producer, job, ids(8, 1) + [b"x"], ids(9))["to_delete"] == 1
    assert ledger.end(producer, job, "failed", "a mismatch") == "failed"
    assert ledger.answer("redrive", str(job), None, None) == 1
    assert ledger.take_finish(producer, job) and open_ids(ledger) == []


@pytest.mark.parametrize("setting, left", [("catch_up", [b"x"]), ("delete_extra", ids(2))])
def test_what_nobody_wants_any_more_is_not_deleted(ledger, producer, run, setting, left):
    job = run({"catch_up": True, "delete_extra": True, "max_delete": "100%"}, ids(9))
    assert ledger.compare(producer, job, ids(9) + [b"x"], ids(7, 2))["to_delete"] == 3
    assert ledger.answer("change_settings", job, json.dumps({setting: False}))
    _, fence, listed = ledger.next_deletions(producer, job)
    assert listed == left
    ledger.settle_deletions(job, fence)
    assert ledger.next_deletions(producer, job)[0] == "wait", "for nothing: it is spared now"
    assert ledger.next_deletions(producer, job)[0] == "done" and ledger.slots() == 0
    assert sorted(spared_ids(ledger) + left) == sorted(ids(2) + [b"x"])


def test_what_may_be_in_flight_is_waited_for_though_nobody_wants_it(ledger, producer, deciding):
    _, fence, _ = ledger.next_deletions(producer, deciding)
    ledger.settle_deletions(deciding, fence, False)
    assert ledger.answer("change_settings", deciding, '{"catch_up": false}')
    other = take_over(ledger, deciding, "dead")
    assert ledger.next_deletions(other, deciding)[0] == "wait" and open_ids(ledger) == ids(5)
    assert ledger.refusal("finish_compare", other, deciding, 1) == "FE002"
    ledger.run("UPDATE ferry.deletions SET in_flight_until = now() - interval '1 s'")
    assert [ledger.next_deletions(other, deciding)[0] for _ in range(2)] == ["wait", "done"]
    assert not ledger.compare(other, deciding, ids(9), ids(4, 5))["is_decided"]


def test_who_takes_the_end_over_comes_again_while_a_step_holds_the_pair(ledger, deciding):
    other, second = ledger.worker(), ledger.another()
    ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    with second.connection.transaction():
        second.all("SELECT 1 FROM ferry.job_collections FOR UPDATE")
        assert not ledger.take_finish(other, deciding) and open_ids(ledger) == ids(5)
    second.close()
    assert ledger.take_finish(other, deciding) and open_ids(ledger) == []


# --- two sources into one target -------------------------------------------------------------------------------------

OTHER = {"source": 3, "source_name": "others"}


def moved(ledger, producer, consumer, listed, target=(), **pair):
    """An ended job that has moved these."""
    job = ledger.planned_job(producer, listed, target, pair=pair)
    ledger.deliver(consumer, *ledger.publish(producer, job))
    ledger.compare(producer, job, sorted({*target, *listed}), listed)
    assert ledger.end(producer, job) == "succeeded"
    return job


@pytest.mark.parametrize("first", ["this", "other"])
def test_what_another_source_has_moved_there_is_not_the_pairs_own(ledger, producer, consumer, first):
    """Whichever of the two was first. Two ids are in both; of all, only those of this source alone are deleted."""
    pairs = [({}, ids(6)), (OTHER, ids(4, 4))]
    for pair, listed in pairs if first == "this" else reversed(pairs):
        moved(ledger, producer, consumer, listed, **pair)
    later = ledger.submit(catch_up=True, max_delete="100%")["job_id"]
    assert ledger.plan(producer, later, ids(1), ids(8))["planned"] == 0
    compared = ledger.compare(producer, later, ids(8), ids(1))
    assert open_ids(ledger) == ids(3, 1) and compared["to_delete"] == 3
    ledger.settle_deletions(later, ledger.next_deletions(producer, later)[1])
    compared = ledger.compare(producer, later, ids(1) + ids(4, 4), ids(1))
    assert not compared["is_decided"] and compared["extra"] == 4, "they are told"
    assert ledger.end(producer, later) == "succeeded"


def test_what_this_very_job_has_copied_is_not_its_own_when_another_source_had_it_there(ledger, producer, consumer, run):
    moved(ledger, producer, consumer, ids(4, 4), **OTHER)
    job = run({"catch_up": True, "max_delete": "100%"}, ids(6), ids(4, 4))
    ledger.compare(producer, job, ids(8), ids(1))
    assert open_ids(ledger) == ids(3, 1)
    ledger.settle_deletions(job, ledger.next_deletions(producer, job)[1])
    assert not ledger.compare(producer, job, ids(1) + ids(4, 4), ids(1))["is_decided"]
    assert ledger.end(producer, job) == "succeeded"


def test_what_another_source_has_not_got_there_is_the_pairs_own(ledger, producer, consumer, run):
    """Rejected, or vanished before it was read."""
    other = ledger.planned_job(producer, ids(3), pair=OTHER)
    ledger.deliver(consumer, *ledger.publish(producer, other, left_out=[(1, ids(1)[0], "vanished")]), rejects={1: [(ids(1, 1)[0], "refused")]})
    ledger.compare(producer, other, ids(1, 2), ids(2, 1))
    assert ledger.end(producer, other) == "succeeded"
    job = run({"catch_up": True, "max_delete": "100%"}, ids(3), ids(1, 2))
    ledger.compare(producer, job, ids(3), [b"new"])
    assert open_ids(ledger) == ids(2)


def test_a_source_that_was_made_again_is_no_other_one(ledger, producer, consumer, run):
    moved(ledger, producer, consumer, ids(3), source=3)
    job = run({"catch_up": True, "max_delete": "100%"}, ids(3), ids(3))
    assert ledger.compare(producer, job, ids(3), ids(1))["to_delete"] == 2


def test_of_a_purged_job_of_another_source_anything_may_be_there(ledger, producer, consumer, run):
    ledger.call("purge", str(moved(ledger, producer, consumer, ids(3, 50), **OTHER)))
    job = run({"catch_up": True, "max_delete": "100%"}, ids(3), ids(3, 50))
    compared = ledger.compare(producer, job, ids(3) + ids(3, 50), ids(1))
    assert compared["to_delete"] == 0 and compared["deleted"] == 2
