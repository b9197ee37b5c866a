"""PROTOCOL §2, row by row, and §6."""

import pytest

from ledger import digest, ids

NOT_RUNNING = ["pending", "paused", "blocked", "succeeded", "failed", "cancelled"]


# --- E1 --------------------------------------------------------------------------------------------------------------

def test_a_claim_for_export_gives_fence_lease_and_the_next_rev(ledger, producer, job):
    claims = ledger.claim_exports(producer, job, most=2)
    assert [(row["batch_no"], row["export_rev"], row["n_records"]) for row in claims] == [(1, 1, 3), (2, 1, 3)]
    assert claims[0]["fence"] != claims[1]["fence"]
    assert [bytes.fromhex(one) for one in claims[1]["ids"].split(",")] == ids(3, 3)
    batch = ledger.batch(job, 1)
    assert (batch["state"], batch["fence"], str(batch["owner"]), batch["exports"]) == ("planned", claims[0]["fence"], producer, 1)
    assert batch["payload_sha256"] is None
    assert ledger.value("SELECT lease_until > now() + interval '50 s' FROM ferry.batches WHERE batch_no = 1")
    assert [row["batch_no"] for row in ledger.claim_exports(ledger.worker(), job)] == [3]


@pytest.mark.parametrize("state", ["published", "claimed", "verified", "rejected", "superseded", "cancelled"])
def test_only_planned_batches_are_exported(ledger, producer, job, state):
    ledger.force("UPDATE ferry.batches SET state = %s, n_verified = CASE WHEN %s = 'verified' THEN 3 ELSE 0 END,"
                 " n_rejected = CASE WHEN %s = 'rejected' THEN 3 ELSE 0 END WHERE batch_no = 2", state, state, state)
    assert [row["batch_no"] for row in ledger.claim_exports(producer, job)] == [1, 3]


def test_no_batch_of_an_incomplete_plan_is_exported(ledger, producer, job):
    ledger.run("UPDATE ferry.job_collections SET plan_complete_at = NULL")
    assert ledger.claim_exports(producer, job) == []


@pytest.mark.parametrize("state", NOT_RUNNING)
def test_only_a_running_job_is_exported(ledger, producer, job, state):
    ledger.force("UPDATE ferry.jobs SET state = %s", state)
    assert ledger.claim_exports(producer, job) == []


def test_nothing_is_exported_before_retry_at(ledger, producer, job):
    ledger.set_retry("1 min")
    assert ledger.claim_exports(producer, job) == []


def test_after_retry_at_exactly_one_batch_goes_as_a_probe(ledger, producer, consumer, job):
    ledger.set_retry("-1 s")
    (claim,) = ledger.claim_exports(producer, job)
    assert claim["batch_no"] == 1
    assert ledger.claim_exports(producer, job) == [], "while it is exported"
    ledger.record(producer, job, [claim])
    assert ledger.claim_exports(producer, job) == []
    ledger.call("release_exports", job, [1], [claim["fence"]], "the bus is away")
    (message,) = ledger.publish(producer, job)
    assert message.rev == 2 and ledger.claim_exports(producer, job) == [], "while it is published"
    (fence,) = ledger.claim(consumer, message)
    assert ledger.claim_exports(producer, job) == [], "while it is claimed"
    ledger.finish(consumer, job, 1, fence)
    target = ledger.target()
    assert (target["retry_at"], target["retry_cause"], target["refused_since"], target["refusals"]) == (None, None, None, 0)
    assert len(ledger.claim_exports(producer, job)) == 2


def test_the_window_holds_over_all_producers(ledger, producer, consumer, job):
    (one,) = ledger.claim_exports(producer, job, most=1, ahead=2)
    (two,) = ledger.claim_exports(ledger.worker(), job, ahead=2)
    assert ledger.claim_exports(producer, job, ahead=2) == []
    ledger.record(producer, job, [one])
    ledger.call("report_exports", job, [1], [one["fence"]], [1], [0], [5])
    assert ledger.claim_exports(producer, job, ahead=2) == [], "published ones count"
    ledger.run("UPDATE ferry.batches SET state = 'claimed' WHERE batch_no = 1")
    assert ledger.claim_exports(producer, job, ahead=2) == [], "claimed ones count"
    ledger.run("UPDATE ferry.batches SET state = 'verified', n_verified = 3 WHERE batch_no = 1")
    assert [row["batch_no"] for row in ledger.claim_exports(producer, job, ahead=2)] == [3]


def test_the_window_is_one_of_bytes_too(ledger, producer, job):
    claims = ledger.claim_exports(producer, job, most=2)
    ledger.record(producer, job, claims, size=1000)
    assert ledger.claim_exports(producer, job, ahead_bytes=2000) == []
    assert len(ledger.claim_exports(producer, job, ahead_bytes=2001)) == 1


def test_a_dead_export_is_taken_over_with_the_next_rev(ledger, producer, job):
    first = ledger.claim_exports(producer, job, most=1)
    ledger.record(producer, job, first)
    assert ledger.claim_exports(ledger.worker(), job, most=1)[0]["batch_no"] == 2
    ledger.expire(job, 1)
    (again,) = ledger.claim_exports(ledger.worker(), job, most=1)
    assert again["batch_no"] == 1 and again["export_rev"] == 2 and again["fence"] > first[0]["fence"]
    assert ledger.batch(job, 1)["payload_sha256"] is None and ledger.batch(job, 1)["exports"] == 2


# --- E3 --------------------------------------------------------------------------------------------------------------

def test_the_digest_is_in_the_row_before_anything_is_produced(ledger, producer, job):
    claims = ledger.claim_exports(producer, job, most=1)
    assert ledger.record(producer, job, claims, size=777) == [{"batch_no": 1, "state": "planned"}]
    batch = ledger.batch(job, 1)
    assert bytes(batch["payload_sha256"]).hex() == digest(job, 1, 1) and batch["payload_bytes"] == 777
    assert batch["lease_until"] is not None


@pytest.mark.parametrize("wrong", ["fence", "rev", "worker", "state"])
def test_a_digest_is_taken_only_from_the_claim(ledger, producer, job, wrong):
    (claim,) = ledger.claim_exports(producer, job, most=1)
    worker = producer
    if wrong == "fence":
        claim = dict(claim, fence=claim["fence"] + 1000)
    elif wrong == "rev":
        claim = dict(claim, export_rev=2)
    elif wrong == "worker":
        worker = ledger.worker()
    else:
        ledger.force("UPDATE ferry.batches SET state = 'published' WHERE batch_no = 1")
    before = ledger.everything(job)
    assert ledger.record(worker, job, [claim], [(1, ids(1)[0], "vanished"), (1, ids(2)[1], "not_finite")]) == []
    assert ledger.everything(job) == before


def test_only_those_of_a_set_that_are_mine_are_recorded(ledger, producer, job):
    claims = ledger.claim_exports(producer, job)
    claims[1] = dict(claims[1], fence=1000)
    rows = ledger.record(producer, job, claims, [(2, ids(1, 3)[0], "vanished"), (3, ids(1, 6)[0], "vanished")])
    assert sorted(row["batch_no"] for row in rows) == [1, 3]
    assert set(ledger.left_out("vanished_records", job)) == {(3, ids(1, 6)[0])}
    assert [row["n_vanished"] for row in ledger.batches(job)] == [0, 0, 1]


def test_what_is_left_out_replaces_the_earlier_exports(ledger, producer, consumer, job):
    a, b, c = ids(3)
    (message,) = ledger.publish(producer, job, 1, [(1, a, "vanished"), (1, b, "wrong_dimension")])
    assert (ledger.batch(job, 1)["n_vanished"], ledger.batch(job, 1)["n_rejected"]) == (1, 1)
    (fence,) = ledger.claim(consumer, message)
    ledger.finish(consumer, job, 1, fence, 0, [(c, "not_storable")])
    assert set(ledger.left_out("rejected_records", job)) == {(1, b), (1, c)}
    ledger.run("UPDATE ferry.batches SET state = 'planned', export_rev = 2 WHERE batch_no = 1")  # as the re-read does
    ledger.publish(producer, job, 1, [(1, a, "no_embedding"), (1, b, "vanished")])
    rejected = ledger.left_out("rejected_records", job)
    assert set(rejected) == {(1, a)} and set(ledger.left_out("vanished_records", job)) == {(1, b)}
    assert rejected[1, a]["reason"] == "no_embedding" and rejected[1, a]["export_rev"] == 3
    batch = ledger.batch(job, 1)
    assert (batch["n_vanished"], batch["n_rejected"], batch["n_verified"], batch["readback_sha256"]) == (1, 1, 0, None)
    (message,) = ledger.publish(producer, job, 1)[:1] or [None]
    assert message.batch == 2, "the first is published"


def test_the_same_record_rejected_again_is_one_row(ledger, producer, job):
    ledger.publish(producer, job, 1, [(1, ids(1)[0], "no_embedding")])
    ledger.run("UPDATE ferry.batches SET state = 'planned' WHERE batch_no = 1")
    ledger.publish(producer, job, 1, [(1, ids(1)[0], "not_finite")])
    assert [row["reason"] for row in ledger.left_out("rejected_records", job).values()] == ["not_finite"]


def test_a_cut_document_is_named_and_travels(ledger, producer, consumer, job):
    a, b, c = ids(3)
    (message,) = ledger.publish(producer, job, 1, [(1, a, "truncated"), (1, b, "truncated"), (1, c, "not_finite")])
    batch = ledger.batch(job, 1)
    assert (batch["state"], batch["n_truncated"], batch["n_rejected"], batch["n_vanished"]) == ("published", 2, 1, 0)
    assert set(ledger.left_out("truncated_records", job)) == {(1, a), (1, b)}
    assert set(ledger.left_out("rejected_records", job)) == {(1, c)}
    (fence,) = ledger.claim(consumer, message)
    ledger.finish(consumer, job, 1, fence, 2)
    assert ledger.batch(job, 1)["state"] == "verified"
    assert ledger.value("SELECT truncated FROM ferry.job_status") == 2
    assert ledger.call("job_progress", job)[0]["truncated"] == 2
    assert [(row["id"], row["message"]) for row in ledger.all("SELECT * FROM ferry.truncated ORDER BY id")] == [
        (a.decode(), "because"), (b.decode(), "because")]


def test_a_cut_of_an_earlier_export_is_forgotten(ledger, producer, job):
    a, b = ids(2)
    ledger.publish(producer, job, 1, [(1, a, "truncated"), (1, b, "truncated")])
    ledger.run("UPDATE ferry.batches SET state = 'planned' WHERE batch_no = 1")
    ledger.publish(producer, job, 1, [(1, b, "truncated")])
    assert set(ledger.left_out("truncated_records", job)) == {(1, b)} and ledger.batch(job, 1)["n_truncated"] == 1
    ledger.force("UPDATE ferry.batches SET state = 'planned' WHERE batch_no = 1")
    (claim,) = ledger.claim_exports(producer, job, most=1)
    ledger.call("split_export", job, 1, claim["fence"])
    assert ledger.left_out("truncated_records", job) == {} and ledger.batch(job, 1)["n_truncated"] == 0


@pytest.mark.parametrize("reasons, state", [(["vanished"] * 3, "verified"), (["vanished", "not_finite", "vanished"], "rejected")])
def test_a_batch_of_which_nothing_is_left_is_final_without_a_message(ledger, producer, job, reasons, state):
    claims = ledger.claim_exports(producer, job, most=1)
    left_out = [(1, one, reason) for one, reason in zip(ids(3), reasons)]
    assert ledger.record(producer, job, claims, left_out, empty=[1]) == [{"batch_no": 1, "state": state}]
    batch = ledger.batch(job, 1)
    assert batch["payload_sha256"] is None and batch["lease_until"] is None and batch["finished_at"] is not None
    assert (batch["n_verified"], batch["n_vanished"]) == (0, reasons.count("vanished"))


def test_counts_that_do_not_add_up_are_refused(ledger, producer, job):
    claims = ledger.claim_exports(producer, job, most=1)
    with pytest.raises(Exception, match="batches_add_up"):
        ledger.record(producer, job, claims, [(1, ids(1)[0], "vanished")], empty=[1])
    assert ledger.batch(job, 1)["state"] == "planned" and ledger.left_out("vanished_records", job) == {}


# --- E5 --------------------------------------------------------------------------------------------------------------

def test_a_report_makes_it_published_and_ends_the_claim(ledger, producer, job):
    messages = ledger.export(producer, job, 1)
    assert ledger.report(job, messages, 4, 70) == [{"batch_no": 1, "state": "published"}]
    batch = ledger.batch(job, 1)
    assert (batch["partition"], batch["message_offset"], batch["owner"], batch["lease_until"]) == (4, 70, None, None)
    assert batch["published_at"] is not None


def test_a_report_without_an_offset_leaves_it_open(ledger, producer, job):
    messages = ledger.export(producer, job, 1)
    assert ledger.report(job, messages, 4, None) == [{"batch_no": 1, "state": "published"}]
    assert ledger.batch(job, 1)["message_offset"] is None


@pytest.mark.parametrize("state", ["claimed", "verified", "rejected", "cancelled"])
def test_a_late_report_says_where_the_message_is_and_changes_no_state(ledger, producer, job, state):
    (message,) = ledger.export(producer, job, 1)
    ledger.force("UPDATE ferry.batches SET state = %s, fence = 999, owner = gen_random_uuid(), lease_until = now(),"
                 " n_verified = CASE WHEN %s = 'verified' THEN 3 ELSE 0 END,"
                 " n_rejected = CASE WHEN %s = 'rejected' THEN 3 ELSE 0 END WHERE batch_no = 1", state, state, state)
    before = ledger.batch(job, 1)
    assert ledger.report(job, [message], 4, 70) == [{"batch_no": 1, "state": state}]
    after = ledger.batch(job, 1)
    assert (after["partition"], after["message_offset"]) == (4, 70)
    for column in ("state", "fence", "owner", "lease_until", "export_rev", "payload_sha256"):
        assert after[column] == before[column]


def test_a_report_of_another_fence_does_not_publish(ledger, producer, job):
    (message,) = ledger.export(producer, job, 1)
    assert ledger.report(job, [message._replace(fence=1000)]) == [{"batch_no": 1, "state": "planned"}]
    assert ledger.batch(job, 1)["owner"] is not None


def test_a_report_of_an_older_rev_matches_nothing(ledger, producer, job):
    (message,) = ledger.export(producer, job, 1)
    ledger.expire(job, 1)
    ledger.claim_exports(producer, job, most=1)
    before = ledger.everything(job)
    assert ledger.report(job, [message]) == []
    assert ledger.everything(job) == before


def test_after_a_failed_report_another_export_follows(ledger, producer, job):
    (message,) = ledger.export(producer, job, 1)
    assert ledger.call("release_exports", job, [1, 2], [message.fence, message.fence], "timed out") == [{"batch_no": 1}]
    batch = ledger.batch(job, 1)
    assert (batch["state"], batch["owner"], batch["lease_until"], batch["last_error"]) == ("planned", None, None, "timed out")
    (again,) = ledger.claim_exports(ledger.worker(), job, most=1)
    assert (again["batch_no"], again["export_rev"]) == (1, 2)
    assert ledger.call("release_exports", job, [1], [message.fence], "late") == []
    assert ledger.batch(job, 1)["owner"] is not None


# --- §6 --------------------------------------------------------------------------------------------------------------

def test_splitting_keeps_ids_order_and_bitmap(ledger, producer):
    job = ledger.planned_job(producer, ids(9), target=ids(2, 1) + ids(1, 4), records=5)
    (claim,) = ledger.claim_exports(producer, job, most=1)
    assert ledger.answer("split_export", job, 1, claim["fence"]) == 3
    assert ledger.manifest(job) == [(ids(4, 5), "0000"), (ids(2), "01"), (ids(3, 2), "101")]
    batches = ledger.batches(job)
    assert [(row["batch_no"], row["state"], row["n_records"], row["parent_no"]) for row in batches] == [
        (1, "superseded", 5, None), (2, "planned", 4, None), (3, "planned", 2, 1), (4, "planned", 3, 1)]
    assert batches[0]["lease_until"] is None and batches[2]["export_rev"] == 0
    assert [row["batch_no"] for row in ledger.claim_exports(producer, job)] == [2, 3, 4]


@pytest.mark.parametrize("wrong", ["fence", "state"])
def test_only_the_claim_splits(ledger, producer, job, wrong):
    (claim,) = ledger.claim_exports(producer, job, most=1)
    fence = claim["fence"]
    if wrong == "fence":
        fence += 1000
    else:
        ledger.force("UPDATE ferry.batches SET state = 'published' WHERE batch_no = 1")
    before = ledger.everything(job)
    assert ledger.call("split_export", job, 1, fence) == []
    assert ledger.everything(job) == before


def test_a_single_record_is_not_split_but_rejected(ledger, producer):
    job = ledger.planned_job(producer, ids(1))
    (claim,) = ledger.claim_exports(producer, job)
    assert ledger.call("split_export", job, 1, claim["fence"]) == []
    assert ledger.record(producer, job, [claim], [(1, ids(1)[0], "record_too_large")], empty=[1])[0]["state"] == "rejected"


def test_halves_inherit_what_earlier_claims_left_behind(ledger, producer, consumer, job):
    messages = ledger.publish(producer, job, left_out=[(1, ids(1)[0], "not_finite")])
    (fence,) = ledger.claim(consumer, messages[0])
    ledger.park(consumer, messages[0], fence, sent=True)
    (claim,) = ledger.claim_exports(producer, job)
    ledger.call("split_export", job, 1, claim["fence"])
    parent, first, second = (ledger.batch(job, number) for number in (1, 4, 5))
    assert first["must_reread"] and second["must_reread"]
    assert first["quiet_until"] == second["quiet_until"] == parent["quiet_until"] is not None
    assert ledger.left_out("rejected_records", job) == {}, "they belong to an export that nothing came of"


def test_a_split_job_adds_up(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(7), records=7)
    for number in (1, 3):  # halves of halves
        (claim,) = [row for row in ledger.claim_exports(producer, job) if row["batch_no"] == number]
        assert ledger.call("split_export", job, number, claim["fence"])
        for row in ledger.batches(job):
            ledger.expire(job, row["batch_no"])
    ledger.complete(producer, consumer, job)
    assert sorted(ledger.states(job)) == ["superseded"] * 2 + ["verified"] * 3
    (status,) = ledger.all("SELECT planned, verified FROM ferry.job_status")
    assert status == {"planned": 7, "verified": 7}
