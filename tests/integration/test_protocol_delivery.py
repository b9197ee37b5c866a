"""PROTOCOL §3, row by row, §4 and §9."""

import pytest

from ledger import LEASE, MORE, Message, ids, uid

OVER = ["paused", "blocked", "succeeded", "failed", "cancelled"]


@pytest.fixture
def messages(ledger, producer, job):
    return ledger.publish(producer, job)


@pytest.fixture
def message(messages):
    return messages[0]


def outcome(ledger, worker, message, **more):
    (row,) = ledger.arrive(worker, message, **more)
    return row["outcome"]


# --- what a message meets --------------------------------------------------------------------------------------------

def test_a_published_batch_is_claimed(ledger, consumer, message):
    (row,) = ledger.arrive(consumer, message)
    assert (row["outcome"], row["must_reread"], row["n_operations"]) == ("claimed", False, 3)
    assert row["quiet_ms"] == 0
    assert (str(row["target_uuid"]), row["target_name"], row["url"], row["auth_style"]) == (uid(2), "docs", "http://target", "none")
    batch = ledger.batch(message.job, 1)
    assert (batch["state"], batch["fence"], str(batch["owner"]), batch["deliveries"]) == ("claimed", row["fence"], consumer, 1)
    assert row["fence"] != message.fence and batch["export_rev"] == message.rev
    assert ledger.value("SELECT lease_until > now() + interval '50 s' FROM ferry.batches WHERE batch_no = 1")
    slot = ledger.one("SELECT * FROM ferry.write_slots WHERE fence = %s", row["fence"])
    assert str(slot["worker_id"]) == consumer and slot["lease_until"] == batch["lease_until"]


def test_a_message_may_come_before_its_report(ledger, producer, consumer, job):
    (message,) = ledger.export(producer, job, 1)
    assert outcome(ledger, consumer, message) == "claimed"
    assert ledger.report(job, [message]) == [{"batch_no": 1, "state": "claimed"}]
    assert ledger.batch(job, 1)["message_offset"] == 70
    assert ledger.renew(producer, [(job, 1, message.fence)]) == [], "the producer's claim is over"


def test_the_operations_are_those_that_travel(ledger, producer, consumer, job):
    (message,) = ledger.publish(producer, job, 1, [(1, ids(1)[0], "vanished"), (1, ids(2)[1], "not_finite")])
    assert ledger.arrive(consumer, message)[0]["n_operations"] == 1


def test_a_dead_claim_is_taken_over_and_must_be_read_again(ledger, consumer, message):
    (old,) = ledger.claim(consumer, message)
    ledger.expire(message.job, 1)
    other = ledger.worker("consumer")
    (row,) = ledger.arrive(other, message)
    assert row["outcome"] == "claimed" and row["must_reread"] and row["fence"] > old
    batch = ledger.batch(message.job, 1)
    assert batch["must_reread"] and str(batch["owner"]) == other and batch["deliveries"] == 2
    assert batch["quiet_until"] is not None, "its requests may be in flight"
    assert 60000 < row["quiet_ms"] <= 61000, "and the new claim knows how long"
    assert ledger.slots() == 1


def test_a_live_claim_is_held(ledger, consumer, message):
    ledger.claim(consumer, message)
    before = ledger.everything(message.job)
    assert outcome(ledger, ledger.worker("consumer"), message) == "hold"
    assert outcome(ledger, consumer, message) == "hold", "even my own: it is another message"
    assert ledger.everything(message.job) == before


def test_the_same_message_twice_in_one_set_is_claimed_once(ledger, consumer, message):
    assert [row["outcome"] for row in ledger.arrive(consumer, message, message)] == ["claimed", "hold"]


@pytest.mark.parametrize("state", ["verified", "rejected", "superseded", "cancelled"])
def test_a_final_batch_makes_its_message_stale(ledger, consumer, message, state):
    ledger.force("UPDATE ferry.batches SET state = %s, n_verified = CASE WHEN %s = 'verified' THEN 3 ELSE 0 END,"
                 " n_rejected = CASE WHEN %s = 'rejected' THEN 3 ELSE 0 END WHERE batch_no = 1", state, state, state)
    before = ledger.everything(message.job)
    assert outcome(ledger, consumer, message) == "stale"
    assert outcome(ledger, consumer, message._replace(sha="00" * 32)) == "stale"
    assert ledger.everything(message.job) == before


@pytest.mark.parametrize("state", ["planned", "published", "claimed"])
def test_a_newer_row_makes_the_message_stale(ledger, consumer, message, state):
    ledger.force("UPDATE ferry.batches SET state = %s, export_rev = 2 WHERE batch_no = 1", state)
    assert outcome(ledger, consumer, message) == "stale"


@pytest.mark.parametrize("state", OVER)
def test_a_job_that_does_not_run_parks(ledger, consumer, message, state):
    ledger.force("UPDATE ferry.jobs SET state = %s", state)
    (row,) = ledger.arrive(consumer, message)
    assert (row["outcome"], row["reason"]) == ("park", "job is " + state)
    assert ledger.batch(message.job, 1)["state"] == "published" and ledger.slots() == 0


def test_a_refusing_target_parks_until_retry_at(ledger, consumer, message):
    ledger.set_retry("1 min")
    (row,) = ledger.arrive(consumer, message)
    assert (row["outcome"], row["reason"]) == ("park", "target refuses: HTTP 503")
    ledger.set_retry("-1 s")
    assert outcome(ledger, consumer, message) == "claimed"


def test_a_secret_is_asked_for_by_origin(ledger, consumer, message):
    ledger.run("UPDATE ferry.endpoints SET auth_style = 'x-chroma-token' WHERE url = 'http://target'")
    (row,) = ledger.arrive(consumer, message, secrets=["http://source", "http://target:8000"])
    assert (row["outcome"], row["reason"], row["auth_style"]) == ("secret", "no secret for http://target", "x-chroma-token")
    assert outcome(ledger, consumer, message) == "secret"
    assert outcome(ledger, consumer, message, secrets=["x", "http://target"]) == "claimed"


@pytest.mark.parametrize("what, change", [
    ("unknown", {"job": 999}), ("unknown", {"batch": 999}), ("newer", {"rev": 2}),
    ("digest", {"sha": "00" * 32}), ("digest", {"sha": ""})])
def test_poison_leaves_the_row_untouched(ledger, consumer, message, what, change):
    before = ledger.everything(message.job)
    assert outcome(ledger, consumer, message._replace(**change)) == what
    assert ledger.everything(message.job) == before


def test_a_batch_without_a_digest_is_claimed_by_no_message(ledger, producer, consumer, job):
    (claim,) = ledger.claim_exports(producer, job, 1)
    assert outcome(ledger, consumer, Message(job, 1, 1, "", claim["fence"])) == "digest"
    assert outcome(ledger, consumer, Message(job, 2, 0, "", 0)) == "digest", "never exported"


@pytest.mark.parametrize("why", ["job", "target", "secret"])
def test_a_dead_claim_that_may_not_be_taken_over_is_parked_too(ledger, consumer, message, why):
    ledger.claim(consumer, message)
    ledger.expire(message.job, 1)
    if why == "job":
        ledger.call("pause", str(message.job))
    elif why == "target":
        ledger.set_retry("1 min")
    else:
        ledger.run("UPDATE ferry.endpoints SET auth_style = 'bearer' WHERE url = 'http://target'")
    assert outcome(ledger, consumer, message) == ("secret" if why == "secret" else "park")
    assert ledger.park(consumer, message) == [{"job_id": message.job, "batch_no": 1, "is_parked": True}]
    batch = ledger.batch(message.job, 1)
    assert batch["must_reread"] and batch["quiet_until"] is not None


# --- write slots -----------------------------------------------------------------------------------------------------

@pytest.fixture
def many(ledger, producer):
    return ledger.publish(producer, ledger.planned_job(producer, ids(24), records=2))


def test_ten_batches_of_a_target_are_claimed_at_most(ledger, consumer, many):
    rows = ledger.arrive(consumer, *many)
    assert [row["outcome"] for row in rows] == ["claimed"] * 10 + ["busy"] * 2
    assert ledger.batch(many[10].job, 11)["state"] == "published"
    assert outcome(ledger, ledger.worker("consumer"), many[10]) == "busy"


@pytest.mark.parametrize("way", ["finish", "park", "release", "lease"])
def test_a_slot_comes_free(ledger, consumer, many, way):
    fences = ledger.claim(consumer, *many[:10])
    assert outcome(ledger, consumer, many[10]) == "busy"
    if way == "finish":
        ledger.finish(consumer, many[3].job, 4, fences[3], 2)
    elif way == "park":
        ledger.park(consumer, many[3], fences[3])
    elif way == "release":
        ledger.release(consumer, many[3], fences[3])
    else:
        ledger.expire(many[3].job, 4)
    assert ledger.slots() == 9
    assert [row["outcome"] for row in ledger.arrive(consumer, many[10], many[11])] == ["claimed", "busy"]


def test_targets_have_slots_of_their_own(ledger, producer, consumer, many):
    ledger.claim(consumer, *many[:10])
    other = ledger.planned_job(producer, ids(3), pair=MORE)
    (message,) = ledger.publish(producer, other)
    assert outcome(ledger, consumer, message) == "claimed"


# --- D3 --------------------------------------------------------------------------------------------------------------

def test_a_batch_is_verified_with_its_counts_and_digest(ledger, producer, consumer, job):
    (message,) = ledger.publish(producer, job, 1, [(1, ids(1)[0], "vanished")])
    (fence,) = ledger.claim(consumer, message)
    assert ledger.finish(consumer, job, 1, fence, 1, [(ids(2)[1], "not_storable")], rounded=1) == [
        {"job_id": job, "batch_no": 1, "state": "verified"}]
    batch = ledger.batch(job, 1)
    assert (batch["n_verified"], batch["n_rejected"], batch["n_vanished"], batch["n_rounded"]) == (1, 1, 1, 1)
    assert bytes(batch["readback_sha256"]) == b"\xab" * 32
    assert batch["lease_until"] is None and batch["finished_at"] is not None and not batch["must_reread"]
    (reject,) = ledger.left_out("rejected_records", job).values()
    assert (reject["reason"], reject["stage"], reject["export_rev"], reject["attempts"]) == ("not_storable", "delivery", 1, 1)


@pytest.mark.parametrize("exported, verified, rejects, state", [
    ([], 0, 3, "rejected"), (["not_finite"], 0, 2, "rejected"), (["vanished"], 0, 2, "rejected"), (["not_finite"], 2, 0, "verified")])
def test_a_batch_is_rejected_when_none_of_it_is_verified(ledger, producer, consumer, job, exported, verified, rejects, state):
    (message,) = ledger.publish(producer, job, 1, [(1, ids(1)[0], reason) for reason in exported])
    (fence,) = ledger.claim(consumer, message)
    refused = [(one, "mismatch") for one in ids(3)[len(exported):][:rejects]]
    assert ledger.finish(consumer, job, 1, fence, verified, refused)[0]["state"] == state


@pytest.mark.parametrize("wrong", ["fence", "worker", "state"])
def test_only_the_claims_own_fence_verifies(ledger, consumer, message, wrong):
    (fence,) = ledger.claim(consumer, message)
    worker = consumer
    if wrong == "fence":
        ledger.expire(message.job, 1)
        ledger.claim(ledger.worker("consumer"), message)
    elif wrong == "worker":
        worker = ledger.worker("consumer")
    else:
        ledger.call("cancel", str(message.job))
    before = ledger.all("SELECT * FROM ferry.batches ORDER BY 1, 2")
    assert ledger.finish(worker, message.job, 1, fence, 2, [(ids(1)[0], "mismatch")]) == []
    if wrong == "state":
        before[0]["lease_until"] = None  # nothing of it is on its way any more
    assert ledger.all("SELECT * FROM ferry.batches ORDER BY 1, 2") == before
    assert ledger.left_out("rejected_records", message.job) == {}


def test_of_a_set_only_mine_are_verified(ledger, consumer, messages):
    fences = ledger.claim(consumer, *messages)
    job = messages[0].job
    rows = ledger.call("finish_batches", consumer, [job] * 3, [1, 2, 3], [fences[0], 1000, fences[2]], [3, 2, 2], [0, 1, 1],
                       [0, 0, 0], ["ab" * 32] * 3, [False] * 3, [job] * 2, [2, 3], [ids(1, 3)[0], ids(1, 6)[0]], ["mismatch"] * 2,
                       ["m"] * 2, [0, 0])
    assert sorted((row["batch_no"], row["state"]) for row in rows) == [(1, "verified"), (3, "verified")]
    assert set(ledger.left_out("rejected_records", job)) == {(3, ids(1, 6)[0])}
    assert ledger.batch(job, 2)["state"] == "claimed"


def test_counts_that_do_not_add_up_verify_nothing(ledger, consumer, message):
    (fence,) = ledger.claim(consumer, message)
    with pytest.raises(Exception, match="batches_add_up"):
        ledger.finish(consumer, message.job, 1, fence, 2)
    assert ledger.batch(message.job, 1)["state"] == "claimed"


def test_must_reread_stays_after_verifying(ledger, consumer, message):
    ledger.claim(consumer, message)
    ledger.expire(message.job, 1)
    (fence,) = ledger.claim(consumer, message)
    ledger.finish(consumer, message.job, 1, fence)
    assert ledger.batch(message.job, 1)["must_reread"] and ledger.batch(message.job, 1)["quiet_until"] is not None


@pytest.mark.parametrize("sent", [False, True])
def test_a_claim_given_back_is_taken_over_at_once(ledger, consumer, messages, sent):
    message = messages[0]
    (fence,) = ledger.claim(consumer, message)
    assert ledger.release(consumer, message, fence + 1000, sent) == []
    assert ledger.batch(message.job, 1)["must_reread"] is False
    assert ledger.release(consumer, message, fence, sent) == [{"job_id": message.job, "batch_no": 1}]
    batch = ledger.batch(message.job, 1)
    assert batch["must_reread"] is sent and (batch["quiet_until"] is not None) is sent
    assert ledger.slots() == 0
    assert outcome(ledger, ledger.worker("consumer"), message) == "claimed"
    taken = ledger.batch(message.job, 1)
    assert (taken["must_reread"], taken["quiet_until"]) == (sent, batch["quiet_until"]), "it ended by its own fence"
    assert ledger.all("SELECT 1 FROM ferry.events WHERE kind = 'batch.taken_over'") == []


# --- §4 --------------------------------------------------------------------------------------------------------------

def parked(ledger, message, rev=2):
    batch = ledger.batch(message.job, message.batch)
    assert (batch["state"], batch["export_rev"], batch["payload_sha256"]) == ("planned", rev, None)
    assert (batch["owner"], batch["fence"], batch["lease_until"], batch["last_error"]) == (None, None, None, "paused")
    return batch


@pytest.mark.parametrize("state", ["planned", "published"])
def test_a_message_parks_its_batch_by_rev_and_digest(ledger, producer, consumer, job, state):
    (message,) = ledger.export(producer, job, 1) if state == "planned" else ledger.publish(producer, job, 1)
    assert ledger.batch(job, 1)["state"] == state
    assert ledger.park(consumer, message) == [{"job_id": job, "batch_no": 1, "is_parked": True}]
    batch = parked(ledger, message)
    assert not batch["must_reread"] and batch["quiet_until"] is None
    assert ledger.value("SELECT detail FROM ferry.events WHERE kind = 'batch.parked'") == "paused"


@pytest.mark.parametrize("sent", [False, True])
def test_a_claim_parks_its_batch_by_its_fence(ledger, consumer, message, sent):
    (fence,) = ledger.claim(consumer, message)
    ledger.park(consumer, message, fence, sent)
    batch = parked(ledger, message)
    assert batch["must_reread"] is sent and (batch["quiet_until"] is not None) is sent
    assert ledger.slots() == 0


def test_a_dead_claim_is_parked_by_digest(ledger, consumer, message):
    ledger.claim(consumer, message)
    ledger.expire(message.job, 1)
    ledger.park(ledger.worker("consumer"), message)
    assert parked(ledger, message)["must_reread"]


@pytest.mark.parametrize("change", [{"rev": 2}, {"rev": 0}, {"sha": "00" * 32}, {"batch": 99}, {"job": 99}])
def test_another_message_parks_nothing(ledger, consumer, message, change):
    before = ledger.everything(message.job)
    assert ledger.park(consumer, message._replace(**change)) == []
    assert ledger.everything(message.job) == before


@pytest.mark.parametrize("state", ["verified", "rejected", "superseded", "cancelled"])
def test_a_final_batch_is_not_parked(ledger, consumer, message, state):
    ledger.force("UPDATE ferry.batches SET state = %s, n_verified = CASE WHEN %s = 'verified' THEN 3 ELSE 0 END,"
                 " n_rejected = CASE WHEN %s = 'rejected' THEN 3 ELSE 0 END WHERE batch_no = 1", state, state, state)
    assert ledger.park(consumer, message) == []
    assert ledger.park(consumer, message, message.fence) == []


def test_a_live_claim_is_parked_by_its_fence_only(ledger, consumer, message):
    (fence,) = ledger.claim(consumer, message)
    other = ledger.worker("consumer")
    assert ledger.park(other, message) == []
    assert ledger.park(other, message, fence + 1000) == []
    assert ledger.batch(message.job, 1)["state"] == "claimed"


def test_nothing_of_a_parked_message_matches_any_more(ledger, producer, consumer, job):
    (message,) = ledger.export(producer, job, 1)
    (fence,) = ledger.claim(consumer, message)
    ledger.park(consumer, message, fence, sent=True)
    before = ledger.everything(job)
    claim = (job, 1, fence)
    assert ledger.report(job, [message]) == [], "its report"
    assert ledger.call("release_exports", job, [1], [message.fence], "failed") == [], "its failed report"
    assert outcome(ledger, consumer, message) == "stale", "its redelivery"
    assert ledger.park(consumer, message) == [] and ledger.park(consumer, message, fence) == [], "parking it again"
    assert ledger.finish(consumer, job, 1, fence) == [], "its end"
    assert ledger.release(consumer, message, fence) == []
    assert ledger.renew(consumer, [claim]) == [] and ledger.renew(producer, [(job, 1, message.fence)]) == []
    assert ledger.call("split_export", job, 1, message.fence) == []
    assert ledger.everything(job) == before
    (again,) = ledger.publish(producer, job, 1)
    assert again.rev == 3 and again.sha != message.sha
    assert outcome(ledger, consumer, message) == "stale"
    assert outcome(ledger, consumer, again) == "claimed"


def test_a_refusing_target_is_left_alone_as_long_as_the_longest_wait(ledger, consumer, job):
    def wait():
        return ledger.value("SELECT round(extract(epoch FROM retry_at - now())) FROM ferry.target_collections")

    ledger.call("refuse_target", uid(2), "HTTP 429", "30 s")
    since = ledger.target()["refused_since"]
    assert 20 < wait() <= 30
    ledger.call("refuse_target", uid(2), "HTTP 503", "10 s")
    assert 20 < wait() <= 30
    ledger.call("refuse_target", uid(2), "HTTP 503", "60 s")
    assert 50 < wait() <= 60
    target = ledger.target()
    assert (target["refused_since"], target["refusals"], target["retry_cause"]) == (since, 3, "HTTP 503")


def test_only_one_verified_after_retry_at_clears_it(ledger, consumer, messages):
    fences = ledger.claim(consumer, messages[0], messages[1])
    ledger.call("refuse_target", uid(2), "HTTP 429", "30 s")
    ledger.finish(consumer, messages[0].job, 1, fences[0])
    assert ledger.target()["refusals"] == 1, "it was on its way before the refusal"
    ledger.set_retry("-1 s")
    ledger.finish(consumer, messages[0].job, 2, fences[1])
    assert ledger.target()["retry_at"] is None and ledger.target()["refusals"] == 0


def test_a_learnt_limit_shrinks_and_is_forgotten_after_ten_minutes_and_by_the_next_job(ledger, consumer, messages):
    def told(message):
        return ledger.arrive(consumer, message)[0]["max_request_bytes"]

    for bytes_, expected in [(500000, 500000), (300000, 300000), (400000, 300000)]:
        ledger.call("learn_limit", uid(2), bytes_)
        assert ledger.target()["max_request_bytes"] == expected
    assert ledger.target()["limits_origin"] == "a 413"
    assert told(messages[0]) == 300000
    ledger.run("UPDATE ferry.target_collections SET limit_learnt_at = limit_learnt_at - interval '11 minutes'")
    assert told(messages[1]) is None
    ledger.call("learn_limit", uid(2), 400000)
    assert ledger.target()["max_request_bytes"] == 400000, "what was learnt before counts no more"
    ledger.submit()
    target = ledger.target()
    assert (target["max_request_bytes"], target["limit_learnt_at"], target["limits_origin"]) == (None, None, "pre-flight")


def test_a_job_lacks_a_secret_only_when_no_live_consumer_has_it(ledger, producer, consumer, job):
    def missing():
        return ledger.call("job_progress", job)[0]["is_missing_secret"]

    other = ledger.worker("consumer")
    ledger.run("UPDATE ferry.endpoints SET auth_style = 'x-chroma-token' WHERE url = 'http://target'")
    assert not missing()
    ledger.run("UPDATE ferry.workers SET missing_secrets = '{http://target}' WHERE worker_id = %s", consumer)
    assert not missing(), "the other may have it"
    ledger.call("stop_worker", other)
    assert not missing(), "its partitions are on their way to another"
    ledger.run("UPDATE ferry.workers SET lease_until = now() - interval '11 s' WHERE worker_id = %s", other)
    assert missing()
    ledger.run("UPDATE ferry.endpoints SET auth_style = 'none'")
    assert not missing()


@pytest.mark.parametrize("partitions, expected", [(0, True), (1, False), (None, False)])
def test_a_consumer_that_takes_no_batches_does_not_count_as_having_a_secret(ledger, consumer, job, partitions, expected):
    ledger.run("UPDATE ferry.endpoints SET auth_style = 'x-chroma-token' WHERE url = 'http://target'")
    ledger.renew(consumer, missing_secrets=["http://target"], partitions=12)
    other = ledger.worker("consumer")
    ledger.renew(other, partitions=partitions)
    progress = ledger.call("job_progress", job)[0]
    assert progress["is_missing_secret"] is expected
    assert progress["secret_origin"] == ("http://target" if expected else None)
    rows = ledger.all("SELECT worker_id, missing_secrets, partitions FROM ferry.worker_status WHERE kind = 'consumer'")
    assert {(str(row["worker_id"]), tuple(row["missing_secrets"]), row["partitions"]) for row in rows} == {
        (consumer, ("http://target",), 12), (other, (), partitions)}


def test_a_batch_whose_consumer_lacks_the_secret_is_exported_again_after_a_pause_that_grows(ledger, producer, consumer, job):
    def pause():
        batch = ledger.batch(job, 1)
        assert (batch["state"], batch["owner"], batch["fence"]) == ("planned", None, None)
        return ledger.value("SELECT extract(epoch FROM lease_until - now()) FROM ferry.batches WHERE job_id = %s AND batch_no = 1", job)

    for expected in (1, 2, 4, 8, 16, 32, 60, 60):
        (message,) = ledger.publish(producer, job, 1)
        ledger.park(consumer, message, lacks_secret=True)
        assert expected - 1 < pause() <= expected
        assert message.batch not in [other.batch for other in ledger.export(producer, job, 1)]
        assert ledger.call("job_hold", str(job))[0]["exporting"] <= 1, "nobody holds it"
        ledger.run("UPDATE ferry.batches SET lease_until = now() - interval '1 ms' WHERE job_id = %s AND state = 'planned'", job)


def test_a_probe_is_one_that_waits_for_no_secret(ledger, producer, consumer, job):
    (message,) = ledger.publish(producer, job, 1)
    ledger.park(consumer, message, lacks_secret=True)
    ledger.call("refuse_target", uid(2), "HTTP 429", "30 s")
    ledger.set_retry("-1 s")
    assert [probe.batch for probe in ledger.export(producer, job, 3)] == [2]


def test_a_job_that_goes_on_waits_for_no_missing_secret(ledger, producer, consumer, job):
    first, second = ledger.publish(producer, job, 2)
    for message in (first, second):
        ledger.park(consumer, message, lacks_secret=True)
        ledger.run("UPDATE ferry.batches SET lease_until = now() + interval '1 minute' WHERE job_id = %s AND batch_no = %s",
                   job, message.batch)
    (third,) = ledger.export(producer, job, 1)
    assert third.batch == 3
    ledger.call("block_job", job, producer, "no secret")
    ledger.call("resume", str(job))
    assert str(ledger.batch(job, 3)["owner"]) == producer, "a live export stays"
    assert sorted(message.batch for message in ledger.export(producer, job, 3)) == [1, 2]


# --- §9 --------------------------------------------------------------------------------------------------------------

def test_one_statement_renews_all_claims_that_are_left(ledger, consumer, messages):
    job = messages[0].job
    fences = ledger.claim(consumer, *messages)
    ledger.expire(job, 2)
    (stolen,) = ledger.claim(ledger.worker("consumer"), messages[1])
    claims = [(job, number, fence) for number, fence in zip((1, 2, 3), fences)]
    assert ledger.renew(consumer, claims) == [claims[0], claims[2]]
    assert ledger.value("SELECT array_agg(batch_no ORDER BY batch_no) FROM ferry.batches"
                        " WHERE lease_until > now() + interval '50 s'") == [1, 2, 3]
    assert ledger.value("SELECT array_agg(fence ORDER BY fence) FROM ferry.write_slots"
                        " WHERE lease_until > now() + interval '50 s'") == sorted([fences[0], fences[2], stolen])


def test_a_claim_that_lost_its_write_slot_is_lost(ledger, consumer, many):
    fences = ledger.claim(consumer, *many[:10])
    ledger.expire(many[0].job, 4)
    assert outcome(ledger, ledger.worker("consumer"), many[10]) == "claimed"
    claims = [(many[0].job, number + 1, fence) for number, fence in enumerate(fences)]
    assert ledger.renew(consumer, claims) == claims[:3] + claims[4:]
    assert ledger.slots() == 10
    assert ledger.finish(consumer, many[3].job, 4, fences[3], 2) != [], "what it has done counts, while nobody took over"


def test_claims_of_another_are_not_renewed(ledger, producer, consumer, messages):
    job = messages[0].job
    (fence,) = ledger.claim(consumer, messages[0])
    ledger.expire(job, 1)
    before = ledger.everything(job)
    assert ledger.renew(ledger.worker("consumer"), [(job, 1, fence)]) == []
    assert ledger.renew(producer, [(job, 1, messages[0].fence), (job, 2, messages[1].fence)]) == []
    assert ledger.renew(consumer, [(job, 1, fence + 1000), (job, 2, fence), (job + 1, 1, fence)]) == []
    assert ledger.everything(job) == before


@pytest.mark.parametrize("state", ["published", "verified", "rejected", "superseded", "cancelled"])
def test_only_planned_and_claimed_batches_are_renewed(ledger, consumer, message, state):
    (fence,) = ledger.claim(consumer, message)
    ledger.force("UPDATE ferry.batches SET state = %s, n_verified = CASE WHEN %s = 'verified' THEN 3 ELSE 0 END,"
                 " n_rejected = CASE WHEN %s = 'rejected' THEN 3 ELSE 0 END WHERE batch_no = 1", state, state, state)
    assert ledger.renew(consumer, [(message.job, 1, fence)]) == []


def test_a_producer_renews_exports_plan_and_finish_lease(ledger, producer, job):
    (claim,) = ledger.claim_exports(producer, job, 1)
    ledger.take_finish(producer, job)
    ledger.expire(job, 1)
    ledger.run("UPDATE ferry.jobs SET finish_lease_until = now()")
    claims = [(job, 1, claim["fence"])]
    assert ledger.renew(producer, claims, job=job, waits_for="the bus") == claims
    assert ledger.value("SELECT finish_lease_until > now() + interval '50 s' FROM ferry.jobs")
    worker = ledger.one("SELECT * FROM ferry.workers WHERE worker_id = %s", producer)
    assert (worker["job_id"], worker["waits_for"]) == (job, "the bus") and worker["waits_since"] is not None
    ledger.renew(producer, job=job, waits_for="the bus")
    assert ledger.value("SELECT waits_since FROM ferry.workers WHERE worker_id = %s", producer) == worker["waits_since"]
    ledger.renew(producer, job=job, waits_for="429, retry in 12 s, limit now 3")
    since = ledger.value("SELECT waits_since FROM ferry.workers WHERE worker_id = %s", producer)
    assert since > worker["waits_since"]
    ledger.renew(producer, job=job, waits_for="429, retry in 5 s, limit now 1")
    assert ledger.one("SELECT waits_for, waits_since FROM ferry.workers WHERE worker_id = %s", producer) == {
        "waits_for": "429, retry in 5 s, limit now 1", "waits_since": since}, "the seconds that go by are no news"
    assert ledger.pair(job)["plan_lease_until"] is None, "its plan is complete"
    other = ledger.submit(**MORE)["job_id"]
    ledger.take_plan(producer, other)
    ledger.run("UPDATE ferry.job_collections SET plan_lease_until = now() WHERE job_id = %s", other)
    ledger.renew(ledger.worker(), job=other)
    assert ledger.value("SELECT plan_lease_until <= now() FROM ferry.job_collections WHERE job_id = %s", other)
    ledger.renew(producer, job=other)
    assert ledger.value("SELECT plan_lease_until > now() + interval '50 s' FROM ferry.job_collections WHERE job_id = %s", other)


def test_a_worker_is_alive_lost_or_stopped(ledger):
    def state():
        return ledger.value("SELECT state FROM ferry.worker_status WHERE worker_id = %s", worker)

    worker = ledger.worker("consumer")
    assert state() == "alive"
    ledger.run("UPDATE ferry.workers SET lease_until = now() - interval '1 s'")
    assert state() == "lost"
    ledger.renew(worker)
    assert state() == "alive"
    ledger.call("stop_worker", worker)
    assert state() == "stopped"


def test_every_worker_learns_the_same_ledger(ledger):
    first = ledger.answer("start_worker", uid(11), "producer", "h", 1, "0", LEASE)
    assert ledger.answer("start_worker", uid(12), "consumer", "h", 2, "0", LEASE) == first
    assert ledger.value("SELECT ledger_uuid FROM ferry.ledger") == first
