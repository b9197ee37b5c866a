"""Decision 13 in the ledger: a repair is noted before its delete, and until it is over nothing stops there."""

import threading

import psycopg
import pytest

from ledger import ids


@pytest.fixture
def messages(ledger, producer, job):
    return ledger.publish(producer, job)


@pytest.fixture
def message(messages):
    return messages[0]


def open_repairs(ledger, worker, message, fence, names):
    return ledger.call("open_repairs", worker, [message.job], [message.batch], [fence], [message.job for _ in names],
                       [message.batch for _ in names], list(names))


def repairs(ledger):
    return {(row["batch_no"], bytes(row["id"])): row["closed_at"] is None for row in ledger.all("SELECT * FROM ferry.repairs")}


@pytest.fixture
def repairing(ledger, consumer, message):
    (fence,) = ledger.claim(consumer, message)
    assert open_repairs(ledger, consumer, message, fence, ids(2)) == [
        {"job_id": message.job, "batch_no": 1, "is_open": True}]
    return fence


def test_what_will_be_deleted_is_noted_and_the_batch_read_again_at_the_end(ledger, message, repairing):
    assert repairs(ledger) == {(1, ids(1)[0]): True, (1, ids(2)[1]): True}
    assert ledger.value("SELECT count(*) FROM ferry.repairs WHERE fence = %s", repairing) == 2
    batch = ledger.batch(message.job, 1)
    assert batch["must_reread"] and batch["state"] == "claimed"
    assert ledger.value("SELECT detail FROM ferry.events WHERE kind = 'batch.repairing'") == "2 records"


def test_noting_it_again_changes_nothing(ledger, consumer, message, repairing):
    open_repairs(ledger, consumer, message, repairing, ids(2))
    assert list(repairs(ledger).values()) == [True, True]


@pytest.mark.parametrize("wrong", ["fence", "worker", "state"])
def test_only_the_claims_own_fence_notes(ledger, consumer, message, wrong):
    (fence,) = ledger.claim(consumer, message)
    worker = consumer
    if wrong == "fence":
        fence += 1000
    elif wrong == "worker":
        worker = ledger.worker("consumer")
    else:
        ledger.call("cancel", str(message.job))
    assert open_repairs(ledger, worker, message, fence, ids(1)) == [] and repairs(ledger) == {}


@pytest.mark.parametrize("state", ["paused", "blocked"])
def test_none_is_opened_for_a_job_that_does_not_run(ledger, consumer, message, state):
    (fence,) = ledger.claim(consumer, message)
    ledger.force("UPDATE ferry.jobs SET state = %s", state)
    assert open_repairs(ledger, consumer, message, fence, ids(1)) == [
        {"job_id": message.job, "batch_no": 1, "is_open": False}]
    assert repairs(ledger) == {} and not ledger.batch(message.job, 1)["must_reread"]
    ledger.force("UPDATE ferry.jobs SET state = 'running'")
    open_repairs(ledger, consumer, message, fence, ids(1))
    ledger.force("UPDATE ferry.jobs SET state = %s", state)
    assert open_repairs(ledger, consumer, message, fence, ids(2))[0]["is_open"], "one that is open is gone on with"


@pytest.mark.parametrize("doubtful", [False, True])
def test_the_mark_closes_it(ledger, consumer, message, repairing, doubtful):
    ledger.finish(consumer, message.job, 1, repairing, 2, [(ids(1)[0], "mismatch")], doubtful=doubtful)
    assert list(repairs(ledger).values()) == [False, False]
    batch = ledger.batch(message.job, 1)
    assert batch["must_reread"] and (batch["quiet_until"] is not None) is doubtful


@pytest.mark.parametrize("function", ["pause", "cancel"])
def test_nobody_pauses_or_cancels(ledger, consumer, message, repairing, function):
    assert ledger.refusal(function, str(message.job)) == "FE005"
    try:
        ledger.call(function, str(message.job))
    except psycopg.Error as error:  # what to do where no consumer can ever end it
        assert error.diag.message_hint.endswith("UPDATE ferry.repairs SET closed_at = now() WHERE job_id = %d" % message.job)
    assert ledger.job(message.job)["state"] == "running" and ledger.batch(message.job, 1)["state"] == "claimed"
    ledger.finish(consumer, message.job, 1, repairing)
    ledger.call(function, str(message.job))
    assert ledger.job(message.job)["state"] == function + ("d" if function == "pause" else "led")


def test_a_pause_and_a_repair_do_not_both_win(ledger, consumer, message):
    """The pause waits for the repair's transaction and then sees it."""
    (fence,) = ledger.claim(consumer, message)
    other = ledger.another()
    result = []
    with ledger.connection.transaction():
        open_repairs(ledger, consumer, message, fence, ids(1))
        thread = threading.Thread(target=lambda: result.append(other.refusal("pause", str(message.job))))
        thread.start()
        watcher = ledger.another()
        while not watcher.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"):
            pass
        watcher.close()
    thread.join(20)
    other.close()
    assert result == ["FE005"]


def test_it_is_not_parked(ledger, consumer, message, repairing):
    ledger.expire(message.job, 1)
    before = ledger.batch(message.job, 1)
    assert ledger.park(consumer, message) == [{"job_id": message.job, "batch_no": 1, "is_parked": False}]
    assert ledger.batch(message.job, 1) == before
    assert ledger.park(consumer, message._replace(rev=message.rev - 1)) == [], "a stale message is nobody's"


@pytest.mark.parametrize("state", ["running", "paused", "blocked"])
def test_it_is_claimed_whatever_its_job_does(ledger, consumer, message, repairing, state):
    ledger.expire(message.job, 1)
    ledger.force("UPDATE ferry.jobs SET state = %s", state)
    other = ledger.worker("consumer")
    (row,) = ledger.arrive(other, message)
    assert (row["outcome"], row["is_repairing"], row["must_reread"]) == ("claimed", True, True)
    ledger.finish(other, message.job, 1, row["fence"])
    assert list(repairs(ledger).values()) == [False, False]


def test_where_the_target_refuses_it_is_held(ledger, consumer, messages, repairing):
    ledger.expire(messages[0].job, 1)
    ledger.run("UPDATE ferry.target_collections SET retry_at = now() + interval '1 minute', retry_cause = 'no'")
    rows = ledger.arrive(ledger.worker("consumer"), *messages[:2])
    assert [(row["outcome"], row["is_repairing"]) for row in rows] == [("hold", True), ("park", False)]


def test_without_a_secret_it_is_asked_for_and_not_parked(ledger, consumer, message, repairing):
    ledger.expire(message.job, 1)
    ledger.run("UPDATE ferry.endpoints SET auth_style = 'x-chroma-token'")
    assert ledger.arrive(consumer, message)[0]["outcome"] == "secret"
    assert not ledger.park(consumer, message)[0]["is_parked"]


def test_its_batch_may_be_planned_again_and_divided(ledger, producer, consumer, message, repairing):
    """What is under repair goes to the half that holds it."""
    job = message.job
    ledger.expire(job, 1)
    assert ledger.answer("finish_take", producer, job, "60 s")
    ledger.call("sweep_replan", producer, job, [1], [message.rev], "its message is lost")
    (claim,) = ledger.claim_exports(producer, job, 1)
    (row,) = ledger.call("split_export", job, 1, claim["fence"])
    first = row["first_no"]
    assert repairs(ledger) == {(first, ids(1)[0]): True, (first + 1, ids(2)[1]): True}


def test_what_vanished_at_the_source_meanwhile_needs_no_repair(ledger, producer, consumer, message, repairing):
    job = message.job
    ledger.expire(job, 1)
    assert ledger.answer("finish_take", producer, job, "60 s")
    ledger.call("sweep_replan", producer, job, [1], [message.rev], "its message is lost")
    claims = ledger.claim_exports(producer, job, 1)
    ledger.record(producer, job, claims, [(1, one, "vanished") for one in ids(3)], empty=[1])
    assert ledger.batch(job, 1)["state"] == "verified" and list(repairs(ledger).values()) == [False, False]
