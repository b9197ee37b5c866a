"""ferry.purge: the lists of a job that has ended go, its counts stay, and later jobs of the pair go by what the target has."""

import pytest

from ledger import ids

LISTS = ("batch_ids", "skipped_ids", "vanished_records", "plan_ids", "repairs")


@pytest.fixture
def moved(ledger, producer, consumer, job):
    """A succeeded job of nine records."""
    ledger.complete(producer, consumer, job)
    return job


def lists(ledger, job):
    return [ledger.value("SELECT count(*) FROM ferry.%s WHERE job_id = %%s" % table, job) for table in LISTS]


def status(ledger):
    return ledger.all("SELECT job, state, planned, published, verified, rejected, vanished, skipped, truncated, percent"
                      " FROM ferry.job_status")


def planned(ledger, job):
    return [one for batch, _ in ledger.manifest(job) for one in batch]


def test_the_lists_go_and_the_counts_stay(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(9), target=ids(2), pair={"on_existing": "skip"})
    messages = ledger.publish(producer, job, left_out=[(1, ids(1, 2)[0], "vanished")])
    ledger.deliver(consumer, *messages, rejects={2: [(ids(1, 5)[0], "refused")]})
    ledger.compare(producer, job, ids(9), ids(2) + ids(6, 3))
    assert ledger.end(producer, job) == "succeeded"
    before = status(ledger), ledger.all("SELECT * FROM ferry.throughput"), ledger.all("SELECT * FROM ferry.rejects")
    assert lists(ledger, job)[:3] == [3, 1, 1]
    assert ledger.answer("purge", str(job)) == 9, "7 planned, 2 skipped"
    assert lists(ledger, job) == [0] * 5
    assert (status(ledger), ledger.all("SELECT * FROM ferry.throughput"), ledger.all("SELECT * FROM ferry.rejects")) == before
    assert ledger.value("SELECT purged_at IS NOT NULL FROM ferry.job_status")
    assert ledger.answer("purge", ledger.job(job)["name"]) == 0
    assert ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.purged'") == "the ids of 9 records"


@pytest.mark.parametrize("state", ["pending", "running", "paused", "blocked"])
def test_an_unfinished_job_needs_its_lists(ledger, producer, state):
    job = ledger.submit()["job_id"]
    if state != "pending":
        ledger.plan(producer, job, ids(9))
        ledger.run("UPDATE ferry.jobs SET state = %s WHERE state <> %s", state, state)
    before = lists(ledger, job)
    assert ledger.refusal("purge", str(job)) == "FE004" and lists(ledger, job) == before
    assert ledger.refusal("purge", "nobody") == "FE003"


def test_an_unfinished_job_of_the_pair_needs_the_earlier_ones(ledger, producer, moved):
    later = ledger.planned_job(producer, ids(10), ids(9))
    assert ledger.refusal("purge", str(moved)) == "FE002" and lists(ledger, moved)[0] == 3
    ledger.call("cancel", str(later))
    assert ledger.answer("purge", str(moved)) == 9


def test_a_job_of_another_pair_does_not(ledger, producer, moved):
    ledger.submit(source=3, target=4, source_name="more", target_name="more")
    assert ledger.answer("purge", str(moved)) == 9


def test_afterwards_only_what_is_absent_is_planned(ledger, producer, moved):
    ledger.call("purge", str(moved))
    later = ledger.submit()["job_id"]
    done = ledger.plan(producer, later, ids(12), ids(6) + ids(1, 50))
    assert (done["outcome"], done["planned"], done["is_by_target"]) == ("planned", 6, True)
    assert ledger.manifest(later) == [(ids(3, 6), "000"), (ids(3, 9), "000")]
    assert "earlier jobs were purged" in ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.planned' AND job_id = %s",
                                                      later)


def test_nothing_absent_is_nothing_to_do(ledger, producer, moved):
    ledger.call("purge", str(moved))
    done = ledger.plan(producer, ledger.submit()["job_id"], ids(9), ids(9))
    assert (done["outcome"], done["is_by_target"]) == ("nothing", True)


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_what_the_target_has_did_not_exist_before(ledger, producer, moved, policy):
    ledger.call("purge", str(moved))
    done = ledger.plan(producer, ledger.submit(on_existing=policy)["job_id"], ids(10), ids(9))
    assert (done["outcome"], done["planned"], done["skipped"]) == ("planned", 1, 0)


def test_what_was_rejected_goes_again(ledger, producer, consumer, job):
    """It may be at the target, as it was before the job."""
    ledger.complete(producer, consumer, job, rejects={1: [(ids(1)[0], "refused")]}, listed=ids(9))
    ledger.call("purge", str(job))
    later = ledger.submit()["job_id"]
    ledger.plan(producer, later, ids(9), ids(9))
    assert planned(ledger, later) == ids(1)
    assert ledger.refusal("redrive", str(job), None, None) == "FE004", "its batches have no ids any more"


def cancelled(ledger, producer, consumer, listed, target):
    """A job that had sent its first batch when it was cancelled."""
    job = ledger.planned_job(producer, listed, target)
    (fence,) = ledger.claim(consumer, ledger.publish(producer, job)[0])
    ledger.call("cancel", str(job))
    ledger.finish(consumer, job, 1, fence)
    return job


def test_what_a_cancelled_job_left_behind_is_not_taken_for_moved(ledger, producer, consumer, moved):
    ledger.call("purge", str(moved))
    cancelled(ledger, producer, consumer, ids(12), ids(9))
    later = ledger.submit()["job_id"]
    ledger.plan(producer, later, ids(12), ids(12))
    assert planned(ledger, later) == ids(3, 9)


def test_when_its_lists_are_gone_too_everything_is_moved_again(ledger, producer, consumer, moved):
    other = cancelled(ledger, producer, consumer, ids(12), ids(9))
    ledger.call("purge", str(moved))
    ledger.call("purge", str(other))
    later = ledger.submit()["job_id"]
    done = ledger.plan(producer, later, ids(12), ids(12))
    assert planned(ledger, later) == ids(12) and not done["is_by_target"]


def test_the_end_takes_what_both_have_for_moved(ledger, producer, consumer, moved):
    """Neither extra nor added; what only one side has is what it was."""
    ledger.call("purge", str(moved))
    later = ledger.submit(exact_target=True, catch_up=True)["job_id"]
    ledger.plan(producer, later, ids(10), ids(9))
    ledger.deliver(consumer, *ledger.publish(producer, later))
    found = ledger.compare(producer, later, ids(10), ids(10))
    assert (found["missing"], found["extra"], found["added"], found["deleted"], found["is_decided"]) == (0, 0, 0, 0, False)
    found = ledger.compare(producer, later, ids(10) + ids(1, 20), ids(10) + ids(1, 30))
    assert (found["extra"], found["added"], found["first_extra"]) == (1, 1, '"id-000020"')
