"""Rehearsals: a part of the source, into a collection that is made for it, and never anything else."""

import pytest

from ledger import found, ids, uid

SCRATCH = {"target": 77, "target_name": "docs-rehearsal-1"}


def rehearse(ledger, producer, selection, listed, **pair):
    job = ledger.submit(selection=selection, title="docs-rehearsal", **dict(SCRATCH, **pair))["job_id"]
    ledger.plan(producer, job, listed)
    return job, [one for batch, _ in ledger.manifest(job) for one in batch]


def test_the_first_ones_and_a_sample_by_its_seed(ledger, producer):
    job, chosen = rehearse(ledger, producer, "first 4", ids(20))
    assert chosen == ids(4) and ledger.job(job)["name"].startswith("docs-rehearsal-")
    samples = []
    for number, (selection, listed) in enumerate([
            ("sample 5 seed 7", ids(50)), ("sample 5 seed 7", list(reversed(ids(50)))), ("sample 5 seed 8", ids(50)),
            ("sample 50 seed 7", ids(50)), ("sample 500 seed 7", ids(50))]):
        _, chosen = rehearse(ledger, producer, selection, listed, target=100 + number, target_name="r%d" % number)
        samples.append(set(chosen))
    assert [len(one) for one in samples] == [5, 5, 5, 50, 50]
    assert samples[0] == samples[1] != samples[2], "a seed chooses the same records in whatever order they are listed"


@pytest.mark.parametrize("selection", ["some", "first", "first 0", "first -1", "sample 5", "sample 5 seed", "all of it"])
def test_what_is_no_selection_is_refused(ledger, selection):
    assert "23514" in refused(ledger, selection=selection)  # check_violation


def refused(ledger, **pair):
    try:
        ledger.submit(**dict(SCRATCH, **pair))
    except Exception as error:
        return "%s %s" % (error.sqlstate, error)
    raise AssertionError("it was taken")


def test_what_it_left_out_is_neither_added_nor_moved(ledger, producer, consumer):
    job, chosen = rehearse(ledger, producer, "sample 5 seed 7", ids(50))
    ledger.deliver(consumer, *ledger.publish(producer, job))
    compared = ledger.compare(producer, job, chosen, ids(60))
    assert found(compared) == (0, 0, 0, 0, None)
    compared = ledger.compare(producer, job, chosen[1:] + [b"stranger"], [one for one in ids(50) if one != chosen[0]])
    assert found(compared)[:4] == (1, 1, 0, 1)
    compared = ledger.compare(producer, job, chosen, ids(60))
    assert ledger.end(producer, job) == "succeeded"
    real = ledger.submit()["job_id"]
    assert ledger.take_plan(producer, real)["is_first"]
    assert ledger.plan(producer, real, ids(50))["planned"] == 50


def test_only_a_rehearsal_that_has_ended_is_removed_and_only_once(ledger, producer, consumer):
    job, chosen = rehearse(ledger, producer, "first 3", ids(9))
    name = ledger.job(job)["name"]
    assert ledger.refusal("rehearsal_targets", name) == "FE004"
    ledger.complete(producer, consumer, job, listed=chosen)
    (row,) = ledger.call("rehearsal_targets", name)
    assert (str(row["target_uuid"]), row["name"], row["url"]) == (uid(77), "docs-rehearsal-1", "http://target")
    assert not row["is_purged"]
    assert not ledger.answer("rehearsal_removed", job + 1, uid(77)) and not ledger.answer("rehearsal_removed", job, uid(2))
    assert ledger.answer("rehearsal_removed", job, uid(77)) and not ledger.answer("rehearsal_removed", job, uid(77))
    assert ledger.call("rehearsal_targets", name) == []
    assert ledger.job(job)["state"] == "succeeded"


def strangers(ledger, job, listed, target=77):
    (row,) = ledger.call("rehearsal_strangers", job, uid(target), listed)
    return row["staged"], row["strangers"], row["example"]


def test_what_a_job_has_not_planned_is_a_stranger(ledger, producer, consumer):
    """Also where batches were split, or ids were rejected, or of another job; and none is known once they were purged."""
    job, chosen = rehearse(ledger, producer, "first 7", ids(9))
    assert strangers(ledger, job, chosen) == (7, 0, None) and strangers(ledger, job, []) == (0, 0, None)
    assert strangers(ledger, job, ids(9)) == (9, 2, "id-000007")
    assert strangers(ledger, job, [b"a\0b", *chosen]) == (8, 1, ledger.value("SELECT ferry.printable(%s)", b"a\0b"))
    assert strangers(ledger, job, chosen, target=2) == (7, 7, "id-000000")
    ledger.complete(producer, consumer, job, listed=chosen)
    assert strangers(ledger, job, chosen) == (7, 0, None)
    other, _ = rehearse(ledger, producer, "first 3", ids(3, 50), target=78, target_name="r78")
    assert strangers(ledger, job, ids(3, 50)) == (3, 3, "id-000050")
    ledger.call("purge", str(job))
    assert strangers(ledger, job, chosen)[1] == 7
    assert ledger.call("rehearsal_targets", str(job))[0]["is_purged"]


def test_a_real_job_is_never_removed(ledger, producer, consumer):
    job = ledger.planned_job(producer)
    ledger.complete(producer, consumer, job)
    assert ledger.refusal("rehearsal_targets", ledger.job(job)["name"]) == "FE001"
    assert not ledger.answer("rehearsal_removed", job, uid(2))


def test_a_collection_is_a_rehearsal_s_or_a_job_s(ledger, producer, consumer):
    """One that a job has filled is no rehearsal's, and nothing is moved into one that may be removed."""
    job = ledger.planned_job(producer)
    ledger.complete(producer, consumer, job)
    said = refused(ledger, selection="first 3", target=2, target_name="docs")
    assert "FE001" in said and "is that of job" in said
    rehearsal, chosen = rehearse(ledger, producer, "first 3", ids(9))
    ledger.complete(producer, consumer, rehearsal, listed=chosen)
    said = refused(ledger)
    assert "FE001" in said and "may be removed with the rehearsal" in said
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 2


def test_it_is_asked_for_before_its_collection_is_made(ledger, producer, consumer):
    """What a submission would be refused for is known without the target's uuid, and nothing is written."""
    def asked(**pair):
        return ledger.answer("check_submission", ledger.submission(**pair))

    def refusal(**pair):
        return ledger.refusal("check_submission", ledger.submission(**pair))

    assert asked(target=None) is None and ledger.value("SELECT count(*) FROM ferry.jobs") == 0
    assert refusal(target=None, on_existing="no") == "FE001" and refusal(target=1) == "FE001"
    job = ledger.submit(name="taken")["job_id"]
    assert asked() == job and asked(name="taken") == job
    assert refusal(name="other") == "FE001", "it moves these already"
    assert refusal(source=8, source_name="more", target=None, target_name="more", name="taken") == "FE001"
    assert refusal(target=None) == "FE004", "its collection is gone, and the job is not over"
    assert refusal(source=8, source_name="more") == "FE005"
    assert asked(source=8, source_name="more", target=None, target_name="more") is None
    rehearsal, _ = rehearse(ledger, producer, "first 3", ids(9), source=9)
    ledger.call("cancel", str(rehearsal))
    assert refusal(source=8, source_name="more", **SCRATCH) == "FE001"
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 2


def test_it_goes_on_by_its_own_selection(ledger, producer):
    job = ledger.submit(selection="sample 5 seed 7", **SCRATCH)["job_id"]
    assert ledger.submit(selection="sample 5 seed 7", **SCRATCH)["job_id"] == job
    assert "FE00" in refused(ledger, selection="sample 5 seed 8")
    assert "FE00" in refused(ledger)
