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
