"""How many rejected records a job bears: above that it is blocked, in the statement that rejected them."""

import pytest

from ledger import ids

RECORDS = 60  # in batches of 30


@pytest.fixture
def big(ledger, producer):
    return ledger.planned_job(producer, ids(RECORDS), records=30)


def bears(ledger, job, most):
    ledger.run("UPDATE ferry.jobs SET settings = settings || jsonb_build_object('max_rejects', %s::text)", most)
    return ledger.answer("max_rejects", job)


@pytest.mark.parametrize("planned, most, limit", [
    (0, None, 20), (60, None, 20), (2_000, None, 20), (2_100, None, 21), (12_345, None, 123), (10_000, "2%", 200),
    (10_000, "0.5%", 50), (10_000, "100%", 10_000), (10_000, "0%", 20), (10_000, "0", 0), (10, "7", 7), (5, "1000", 1000)])
def test_the_limit(ledger, big, planned, most, limit):
    ledger.run("UPDATE ferry.job_collections SET n_planned = %s", planned)
    assert (ledger.answer("max_rejects", big) if most is None else bears(ledger, big, most)) == limit


@pytest.mark.parametrize("most", ["", "-1", "many", "1.5", "%", "5%%", "1000%", "1 %"])
def test_a_setting_that_is_none_is_refused(ledger, most):
    assert ledger.refusal("check_settings", '{"max_rejects": "%s"}' % most) == "FE001"


def test_rejected_at_the_target_up_to_the_limit_the_job_goes_on(ledger, producer, consumer, big):
    first, second = ledger.publish(producer, big)
    bears(ledger, big, "25")
    ledger.deliver(consumer, first, rejects={1: [(one, "refused") for one in ids(25)]})
    assert ledger.job(big)["state"] == "running"
    (fence,) = ledger.claim(consumer, second)
    assert ledger.finish(consumer, big, 2, fence, 29, [(ids(1, 30)[0], "mismatch")]) == [
        {"job_id": big, "batch_no": 2, "state": "verified"}], "what was marked stays marked"
    job = ledger.job(big)
    assert job["state"] == "blocked"
    assert job["last_error"] == ("26 of 60 records were rejected, more than the 25 allowed (--max-rejects allows more, ferry.rejects"
                                 " names all); 25 of them as refused, such as: because")
    assert ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'job.blocked'") == 1
    assert ledger.states(big) == ["verified", "verified"]


def test_what_is_delivered_afterwards_is_parked_and_a_higher_limit_goes_on(ledger, producer, consumer, big):
    first, second = ledger.publish(producer, big)
    bears(ledger, big, "0")
    ledger.deliver(consumer, first, rejects={1: [(ids(1)[0], "refused")]})
    assert ledger.job(big)["state"] == "blocked"
    assert ledger.arrive(consumer, second)[0]["outcome"] == "park"
    bears(ledger, big, "1")
    ledger.call("resume_job", big)
    ledger.deliver(consumer, second)
    assert ledger.job(big)["state"] == "running"


def test_rejected_at_export_counts_as_well(ledger, producer, consumer, big):
    bears(ledger, big, "3")
    ledger.export(producer, big, 1, [(1, one, "not_finite") for one in ids(3)] + [(1, one, "vanished") for one in ids(5, 10)])
    assert ledger.job(big)["state"] == "running"
    ledger.export(producer, big, 1, [(2, ids(1, 30)[0], "not_finite")])
    assert ledger.job(big)["state"] == "blocked" and "4 of 60 records" in ledger.job(big)["last_error"]


def test_only_a_running_job_is_blocked(ledger, producer, consumer, big):
    (first, _) = ledger.publish(producer, big)
    bears(ledger, big, "0")
    (fence,) = ledger.claim(consumer, first)
    ledger.call("pause", str(big))
    ledger.finish(consumer, big, 1, fence, 29, [(ids(1)[0], "refused")])
    assert ledger.job(big)["state"] == "paused" and ledger.states(big)[0] == "verified"


def test_a_submission_that_goes_on_raises_the_limit_before_it_does(ledger, producer, consumer, big):
    (first, _) = ledger.publish(producer, big)
    bears(ledger, big, "0")
    ledger.deliver(consumer, first, rejects={1: [(ids(1)[0], "refused")]})
    row = ledger.submit(max_rejects="5")
    assert row["is_resumed"] and row["job_state"] == "running" and ledger.answer("max_rejects", big) == 5
    assert ledger.submit(batch_records=3)["is_resumed"] and ledger.answer("max_rejects", big) == 5
