"""PROTOCOL §1: submitting and planning, row by row."""

import json
import time

import pytest

from ledger import LEASE, Ledger, found, ids, uid


def test_taking_a_plan_gives_a_lease_and_the_next_epoch(ledger, producer):
    job = ledger.submit()["job_id"]
    assert ledger.take_plan(producer, job) == {"is_complete": False, "is_mine": True, "epoch": 1, "is_first": True}
    pair = ledger.pair(job)
    assert str(pair["plan_owner"]) == producer and pair["plan_epoch"] == 1
    assert ledger.value("SELECT plan_lease_until > now() + interval '50 s' FROM ferry.job_collections")


def test_others_wait_while_a_plan_lease_lives(ledger, producer):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(3))
    taken = ledger.take_plan(ledger.worker(), job)
    assert not taken["is_mine"] and not taken["is_complete"]
    assert ledger.pair(job)["plan_epoch"] == 1
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 3


@pytest.mark.parametrize("end", ["its lease is over", "it has stopped"])
def test_a_dead_plan_is_taken_over_and_discarded(ledger, producer, end):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(5))
    ledger.cut(job, 1)
    if end == "it has stopped":
        ledger.call("stop_worker", producer)
    else:
        ledger.run("UPDATE ferry.job_collections SET plan_lease_until = now() - interval '1 s'")
    taken = ledger.take_plan(ledger.worker(), job)
    assert taken["is_mine"] and taken["epoch"] == 2
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0
    assert ledger.batches(job) == [] and ledger.manifest(job) == []


def test_its_own_planner_may_begin_again(ledger, producer):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(5))
    taken = ledger.take_plan(producer, job)
    assert taken["is_mine"] and taken["epoch"] == 2
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0


def test_a_step_of_an_older_epoch_is_refused(ledger, producer):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(5))
    ledger.run("UPDATE ferry.job_collections SET plan_lease_until = now() - interval '1 s'")
    ledger.take_plan(ledger.worker(), job)
    assert ledger.refusal("plan_add", job, 1, 1, "s", 0, ids(1)) == "FE002"
    assert ledger.refusal("plan_prior", job, 1, 1) == "FE002"
    assert ledger.refusal("plan_cut", job, 1, 1, 0, 3, 1) == "FE002"
    assert ledger.refusal("plan_close", job, 1, 1, 5, 0) == "FE002"
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0


def test_a_complete_plan_is_not_taken(ledger, producer, job):
    assert ledger.take_plan(ledger.worker(), job)["is_complete"]
    assert ledger.take_plan(producer, job) == {"is_complete": True, "is_mine": False, "epoch": 1, "is_first": False}
    assert ledger.refusal("plan_add", job, 1, 1, "s", 0, ids(1)) == "FE002"
    assert len(ledger.batches(job)) == 3


def test_whoever_meets_a_step_under_way_waits_and_is_told_at_once(ledger, producer, dsn):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.run("UPDATE ferry.job_collections SET plan_lease_until = now() - interval '1 s'")
    other = Ledger(dsn)
    with other.connection.transaction():
        other.stage(job, 1, "s", ids(1))
        begin = time.monotonic()
        assert not ledger.take_plan(ledger.worker(), job)["is_mine"]
        assert not ledger.submit()["job_state"] == "running"
        assert time.monotonic() - begin < 4.5, "nobody waits for the lock as long as it may be waited for"
    other.close()


def test_a_long_step_keeps_the_plan_lease(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, job)
    later = ledger.submit()["job_id"]
    ledger.take_plan(producer, later)
    ledger.run("UPDATE ferry.job_collections SET plan_lease_until = now() - interval '1 s' WHERE job_id = %s", later)
    ledger.call("plan_prior", later, 1, 1)
    assert ledger.value("SELECT plan_lease_until > now() + interval '50 s' FROM ferry.job_collections WHERE job_id = %s", later)


def test_a_cancelled_job_is_not_planned(ledger, producer):
    submitted = ledger.submit()
    job = submitted["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(3))
    ledger.call("cancel", submitted["job_name"])
    assert ledger.refusal("plan_add", job, 1, 1, "s", 3, ids(1)) == "FE004"
    assert ledger.refusal("plan_close", job, 1, 1, 3, 0) == "FE004"
    assert ledger.refusal("plan_take", producer, job, 1, LEASE) == "FE004"
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0


# --- P2 --------------------------------------------------------------------------------------------------------------

def test_an_id_that_is_listed_twice_is_kept_once(ledger, producer):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    assert ledger.stage(job, 1, "s", [b"a", b"b", b"a", b"c"]) == 3
    assert ledger.stage(job, 1, "s", [b"c", b"d"], first=4) == 1
    assert ledger.stage(job, 1, "t", [b"a", b"a"]) == 1
    ledger.cut(job, 1, records=10)
    assert ledger.manifest(job) == [([b"a", b"b", b"c", b"d"], "1000")]
    assert ledger.call("plan_close", job, 1, 1, 4, 1) == [
        {"outcome": "planned", "planned": 4, "skipped": 0, "reason": None, "is_by_target": False}]


# --- P3 --------------------------------------------------------------------------------------------------------------

def test_batches_are_cut_in_source_order_with_what_existed_at_the_target(ledger, producer):
    listed = [b"j", b"a", b"z", b"c", b"y", b"b", b"x"]
    job = ledger.planned_job(producer, listed, target=[b"z", b"x", b"b", b"only at the target"])
    assert ledger.manifest(job) == [([b"j", b"a", b"z"], "001"), ([b"c", b"y", b"b"], "001"), ([b"x"], "1")]
    assert [(row["batch_no"], row["n_records"], row["state"]) for row in ledger.batches(job)] == [
        (1, 3, "planned"), (2, 3, "planned"), (3, 1, "planned")]


@pytest.mark.parametrize("count, pieces", [(0, [0]), (1, [1]), (3, [1]), (6, [2]), (7, [2, 1]), (12, [2, 2]), (13, [2, 2, 1])])
def test_cutting_in_pieces_loses_and_repeats_nothing(ledger, producer, count, pieces):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(count))
    assert ledger.cut(job, 1, records=3, batches=2) == pieces
    assert [one for batch, _ in ledger.manifest(job) for one in batch] == ids(count)


def test_one_piece_looks_at_100000_positions_at_most(ledger, producer):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    done = ids(4)
    for first, listed in [(0, done[:2]), (99999, [done[2], b"wanted"]), (250000, [b"wanted too", done[3]])]:
        ledger.stage(job, 1, "s", listed, first)
    for side in "tp":
        ledger.stage(job, 1, side, done)
    assert ledger.call("plan_cut", job, 1, 1, 0, 3, 2) == [{"next_ordinal": 100000, "batches": 0}]
    assert ledger.cut(job, 1) == [0, 1, 1]
    assert ledger.manifest(job) == [([b"wanted"], "0"), ([b"wanted too"], "0")]
    assert ledger.call("plan_close", job, 1, 1, 6, 4)[0]["planned"] == 2


# --- P4 --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("source, target", [(8, 2), (10, 2), (9, 1), (9, 3)])
def test_a_plan_that_lacks_a_listed_id_does_not_close(ledger, producer, source, target):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(9))
    ledger.stage(job, 1, "t", ids(2))
    ledger.cut(job, 1)
    assert ledger.refusal("plan_close", job, 1, 1, source, target) == "FE002"
    assert ledger.job(job)["state"] == "pending" and ledger.pair(job)["plan_complete_at"] is None


@pytest.mark.parametrize("cut", [[], [0, 0], [0, 3, 3]])
def test_a_plan_with_ids_in_no_batch_or_in_two_does_not_close(ledger, producer, cut):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(6))
    for start in cut:
        ledger.call("plan_cut", job, 1, 1, start, 3, 1)
    if len(cut) == 2:
        ledger.call("plan_cut", job, 1, 1, 3, 3, 1)
    assert ledger.refusal("plan_close", job, 1, 1, 6, 0) == "FE002"


def test_nothing_is_exported_before_the_plan_is_closed(ledger, producer):
    job = ledger.submit()["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(9))
    ledger.cut(job, 1)
    assert ledger.claim_exports(producer, job) == []
    ledger.call("plan_close", job, 1, 1, 9, 0)
    assert len(ledger.claim_exports(producer, job)) == 3


def test_closing_a_plan_sets_the_job_running_with_its_counts(ledger, producer):
    job = ledger.planned_job(producer, ids(5), target=ids(7, 3))
    assert ledger.job(job)["state"] == "running" and ledger.job(job)["started_at"] is not None
    pair = ledger.pair(job)
    assert (pair["n_source_ids"], pair["n_target_ids"], pair["n_planned"]) == (5, 7, 5)
    assert pair["plan_complete_at"] is not None and pair["plan_lease_until"] is None
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0


# --- which ids -------------------------------------------------------------------------------------------------------

def test_the_first_job_of_a_pair_plans_every_source_id(ledger, producer):
    job = ledger.planned_job(producer, ids(4), target=ids(4))
    assert ledger.manifest(job) == [(ids(3), "111"), (ids(1, 3), "1")]


def test_an_unfinished_or_failed_job_does_not_make_the_next_a_later_one(ledger, producer, job):
    ledger.call("cancel", ledger.job(job)["name"])
    assert ledger.take_plan(producer, ledger.submit()["job_id"])["is_first"]


def test_a_later_job_plans_what_is_unverified_or_absent(ledger, producer, consumer, job):
    vanished, refused, gone, same = ids(4)
    messages = ledger.publish(producer, job, left_out=[(1, vanished, "vanished")])
    ledger.deliver(consumer, *messages, rejects={1: [(refused, "not_storable")]})
    ledger.compare(producer, job, ids(7, 2), ids(8, 1))
    assert ledger.end(producer, job) == "succeeded"
    later = ledger.submit()["job_id"]
    assert not ledger.take_plan(producer, later)["is_first"]
    listed, at_target = ids(11), [refused, vanished, same] + ids(5, 4)
    ledger.stage(later, 1, "s", listed)
    ledger.stage(later, 1, "t", at_target)
    assert ledger.answer("plan_prior", later, 1, 1) == 7
    ledger.cut(later, 1, records=10)
    assert ledger.manifest(later) == [([vanished, refused, gone] + ids(2, 9), "11000")]
    assert ledger.call("plan_close", later, 1, 1, 11, 8)[0]["planned"] == 5


def test_a_later_job_knows_what_several_earlier_ones_verified(ledger, producer, consumer):
    ledger.complete(producer, consumer, ledger.planned_job(producer, ids(3)))
    ledger.complete(producer, consumer, ledger.planned_job(producer, ids(6), target=ids(3)))
    job = ledger.planned_job(producer, ids(7), target=ids(6))
    assert ledger.manifest(job) == [(ids(1, 6), "0")]


def test_another_pair_knows_nothing_of_it(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, job)
    assert ledger.take_plan(producer, ledger.submit(source=7)["job_id"])["is_first"]


def test_nothing_to_do_leaves_no_job(ledger, producer, consumer, job):
    ledger.complete(producer, consumer, job)
    events = ledger.value("SELECT count(*) FROM ferry.events")
    submitted = ledger.submit()
    assert ledger.plan(producer, submitted["job_id"], ids(9), ids(9)) == {
        "outcome": "nothing", "planned": 0, "skipped": 0, "reason": None, "is_by_target": False}
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 1
    assert ledger.value("SELECT count(*) FROM ferry.job_collections") == 1
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0
    assert ledger.value("SELECT count(*) FROM ferry.events") == events
    assert ledger.target()["writer_job_id"] is None
    assert ledger.submit()["job_name"] == submitted["job_name"]


def test_an_empty_source_is_a_job_that_succeeds(ledger, producer):
    job = ledger.planned_job(producer, [])
    assert ledger.batches(job) == []
    ledger.compare(producer, job, ids(2), [])
    assert ledger.end(producer, job) == "succeeded"


# --- submitting ------------------------------------------------------------------------------------------------------

def test_submitting_an_unfinished_pair_again_resumes_its_job(ledger, job):
    assert ledger.submit() == {"job_id": job, "collection_no": 1, "job_name": ledger.job(job)["name"],
                               "job_state": "running", "is_resumed": True, "on_existing": "mirror", "catches_up": False,
                               "deletes_extra": False}
    ledger.call("pause", ledger.job(job)["name"])
    assert ledger.job(job)["state"] == "paused"
    assert ledger.submit()["job_state"] == "running"
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 1


def test_an_address_may_change_on_resume(ledger, job):
    ledger.submit(auth="x-chroma-token", target_name="other name")
    assert ledger.target()["name"] == "other name"
    assert ledger.one("SELECT e.auth_style FROM ferry.target_collections JOIN ferry.endpoints e USING (endpoint_id)") == {
        "auth_style": "x-chroma-token"}


def test_settings_are_replaced_one_by_one_until_the_job_has_ended(ledger, job):
    before = ledger.job(job)["settings"]
    assert ledger.answer("change_settings", job, json.dumps({"limits": {"most": {"id_bytes": 5}}})) is True
    assert ledger.job(job)["settings"] == dict(before, limits={"most": {"id_bytes": 5}})
    assert ledger.answer("change_settings", job, json.dumps({"limits": {"most": {"id_bytes": 5}}})) is False
    assert ledger.value("SELECT count(*) FROM ferry.events WHERE kind = 'job.settings'") == 1
    ledger.call("cancel", str(job))
    assert ledger.answer("change_settings", job, json.dumps({"limits": {}})) is False
    assert ledger.job(job)["settings"]["limits"] == {"most": {"id_bytes": 5}}


def test_only_one_unfinished_job_can_have_a_pair(ledger, job):
    other = ledger.value("INSERT INTO ferry.jobs (name) VALUES ('other') RETURNING job_id")
    copy = ("INSERT INTO ferry.job_collections (job_id, collection_no, source_endpoint_id, source_uuid, source_name,"
            " target_uuid, is_open) SELECT %s, 1, source_endpoint_id, source_uuid, source_name, target_uuid, {}"
            " FROM ferry.job_collections WHERE job_id = %s")
    with pytest.raises(Exception, match="job_collections_open_pair"):
        ledger.run(copy.format("true"), other, job)
    ledger.run(copy.format("false"), other, job)


def test_submissions_that_cannot_be_are_refused(ledger, producer, job):
    def refused(**submission):
        with pytest.raises(Exception) as caught:
            ledger.submit(**submission)
        return caught.value.sqlstate

    assert refused(source=2) == "FE001", "source and target are the same collection"
    assert refused(name="another") == "FE001", "the pair has an unfinished job of another name"
    assert refused(source=7) == "FE004", "the source was recreated under its name"
    assert refused(target=8) == "FE004", "the target was recreated under its name"
    assert refused(source=7, source_name="more") == "FE005", "another job writes into this target"
    assert refused(source=7, source_name="more", target=8, target_name="more", name=ledger.job(job)["name"]) == "FE001"
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 1
    assert ledger.target()["writer_job_id"] == job and ledger.target()["writer_epoch"] == 1


def test_a_job_without_a_name_gets_the_next_free_one(ledger, producer):
    first = ledger.submit()["job_name"]
    assert first.startswith("docs-") and first.endswith("-1")
    ledger.call("cancel", first)
    second = ledger.submit()
    assert second["job_name"] == first[:-1] + "2"
    assert ledger.target()["writer_epoch"] == 2 and ledger.target()["writer_job_id"] == second["job_id"]


def test_a_target_comes_with_ten_write_slots(ledger, job):
    ledger.submit()
    assert ledger.value("SELECT array_agg(slot ORDER BY slot) FROM ferry.write_slots WHERE target_uuid = %s", uid(2)) == list(
        range(10))


# --- what existed before ---------------------------------------------------------------------------------------------

def skipped(ledger, job):
    rows = ledger.all("SELECT ids FROM ferry.skipped_ids WHERE job_id = %s ORDER BY first_ordinal", job)
    return [bytes(one) for row in rows for one in row["ids"]]


def cancelled(ledger, job):
    ledger.call("cancel", str(job))
    return job


def test_skip_leaves_what_existed_out_of_the_plan_and_counts_it(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(9), target=ids(3, 4) + [b"x"], records=2, pair={"on_existing": "skip"})
    assert ledger.manifest(job) == [(ids(2), "00"), (ids(2, 2), "00"), (ids(2, 7), "00")]
    assert skipped(ledger, job) == ids(3, 4)
    pair = ledger.pair(job)
    assert (pair["n_planned"], pair["n_skipped"], pair["n_source_ids"]) == (6, 3, 9)
    assert ledger.call("job_progress", job)[0]["skipped"] == 3
    assert ledger.value("SELECT skipped FROM ferry.job_status") == 3
    ledger.deliver(consumer, *ledger.publish(producer, job))
    listed = ids(9) + [b"x"]
    assert found(ledger.compare(producer, job, listed, ids(9))) == (0, 1, 0, 0, None)
    assert ledger.end(producer, job) == "succeeded"


@pytest.mark.parametrize("count, pieces", [(11, [1, 2, 1]), (12, [1, 2, 1])])
def test_skipping_in_pieces_loses_and_repeats_nothing(ledger, producer, count, pieces):
    job = ledger.submit(on_existing="skip")["job_id"]
    ledger.take_plan(producer, job)
    ledger.stage(job, 1, "s", ids(count))
    ledger.stage(job, 1, "t", ids(4))
    assert ledger.cut(job, 1, records=3, batches=2)[0] == pieces[0]
    assert [one for batch, _ in ledger.manifest(job) for one in batch] == ids(count - 4, 4)
    assert skipped(ledger, job) == ids(4)
    assert ledger.call("plan_close", job, 1, 1, count, 4)[0]["planned"] == count - 4
    assert skipped(ledger, job) == ids(4)


def test_a_plan_that_is_made_again_skips_once(ledger, producer):
    job = ledger.submit(on_existing="skip")["job_id"]
    for epoch in (1, 2):
        ledger.take_plan(producer, job)
        ledger.stage(job, epoch, "s", ids(6))
        ledger.stage(job, epoch, "t", ids(3))
        ledger.cut(job, epoch)
    assert ledger.call("plan_close", job, 1, 2, 6, 3)[0] == {
        "outcome": "planned", "planned": 3, "skipped": 3, "reason": None, "is_by_target": False}
    assert skipped(ledger, job) == ids(3)


@pytest.mark.parametrize("changed", ["source", "target"])
def test_what_was_skipped_is_not_missing_when_it_goes(ledger, producer, consumer, changed):
    job = ledger.planned_job(producer, ids(6), target=ids(3), pair={"on_existing": "skip"})
    ledger.deliver(consumer, *ledger.publish(producer, job))
    sides = {"source": ids(6), "target": ids(6)}
    sides[changed] = ids(5, 1)
    assert found(ledger.compare(producer, job, sides["target"], sides["source"])) == (0, 0, 0, 0, None)


def test_fail_ends_the_job_before_anything_is_written(ledger, producer):
    job = ledger.submit(on_existing="fail")["job_id"]
    refused = ledger.plan(producer, job, ids(9), ids(4, 4) + [b"x"])
    assert refused["outcome"] == "refused" and refused["planned"] == 0
    assert "4 of the records to move exist at the target already" in refused["reason"]
    assert 'first: id "id-000004", "id-000005", "id-000006";' in refused["reason"]
    assert ledger.job(job)["state"] == "failed" and ledger.job(job)["last_error"] == refused["reason"]
    assert ledger.batches(job) == [] and ledger.claim_exports(producer, job) == []
    assert not ledger.pair(job)["is_open"] and ledger.target()["writer_job_id"] is None
    assert ledger.value("SELECT count(*) FROM ferry.plan_ids") == 0
    assert ledger.value("SELECT detail FROM ferry.events WHERE kind = 'job.failed'") == refused["reason"]
    assert ledger.refusal("plan_take", ledger.worker(), job, 1, LEASE) == "FE004"


def test_fail_allows_what_only_the_target_has(ledger, producer):
    job = ledger.planned_job(producer, ids(4), target=[b"x"], pair={"on_existing": "fail"})
    assert ledger.manifest(job) == [(ids(3), "000"), (ids(1, 3), "0")]


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_what_a_crashed_run_left_behind_did_not_exist_before(ledger, producer, consumer, policy):
    """A job that has not ended keeps its plan; one that ended without success wrote what it found absent."""
    job = ledger.planned_job(producer, ids(9), target=ids(1), pair={"on_existing": "mirror"})
    messages = ledger.publish(producer, job)
    ledger.claim(consumer, *messages[:2])
    cancelled(ledger, job)
    ledger.quieten(job)
    later = ledger.submit(on_existing=policy)["job_id"]
    done = ledger.plan(producer, later, ids(9), ids(8))
    if policy == "skip":
        assert skipped(ledger, later) == ids(1) + ids(2, 6), "what was there before, and what nobody had sent"
        assert [one for batch, _ in ledger.manifest(later) for one in batch] == ids(5, 1) + ids(1, 8)
        assert done["planned"] == 6 and done["skipped"] == 3
    else:
        assert done["outcome"] == "refused" and done["reason"].startswith("3 of the records")


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_what_an_earlier_job_only_had_in_hand_may_be_somebody_elses(ledger, producer, consumer, policy):
    """Its own is what it has verified, and of the rest what is as the source has it."""
    job = ledger.planned_job(producer, ids(12), target=ids(1), records=4)
    messages = ledger.publish(producer, job)
    ledger.deliver(consumer, messages[0], rejects={1: [(ids(1, 1)[0], "refused"), (ids(1, 2)[0], "not_storable")]})
    ledger.claim(consumer, messages[1])
    cancelled(ledger, job)
    ledger.quieten(job)
    later = ledger.submit(on_existing=policy)["job_id"]
    done = ledger.plan(producer, later, ids(11), ids(10), differ=ids(3, 1) + ids(2, 6))
    theirs = ids(2) + ids(2, 6) + ids(2, 8)
    if policy == "skip":
        assert skipped(ledger, later) == theirs, "there before, refused, otherwise than the source's, and not even claimed"
        assert [one for batch, _ in ledger.manifest(later) for one in batch] == ids(4, 2) + ids(1, 10)
    else:
        assert done["outcome"] == "refused" and done["reason"].startswith("6 of the records")


def test_only_what_nobody_knows_is_asked_about(ledger, producer, consumer):
    """Not what is verified, what only one side has, what was there before, or what another job is certain of."""
    for verified in (1, 0):
        job = ledger.planned_job(producer, ids(9), target=ids(1, 5))
        messages = ledger.publish(producer, job)
        ledger.deliver(consumer, *messages[:verified])
        ledger.claim(consumer, *messages[verified:2])
        cancelled(ledger, job)
        ledger.quieten(job)
    later = ledger.submit(on_existing="skip")["job_id"]
    epoch = ledger.take_plan(producer, later)["epoch"]
    ledger.stage(later, epoch, "s", ids(8, 1))
    ledger.stage(later, epoch, "t", ids(9))
    ledger.call("plan_prior", later, 1, epoch)
    assert ledger.doubtful(later, epoch, most=100) == ids(2, 3)
    first, = ledger.doubtful(later, epoch, most=1)
    assert ledger.doubtful(later, epoch, [first]) == [one for one in ids(2, 3) if one != first]
    assert ledger.doubtful(later, epoch, ids(2, 3)) == []
    assert ledger.refusal("plan_doubtful", later, 1, epoch + 1, [], [], 1) == "FE002"


@pytest.mark.parametrize("policy", ["mirror", "skip", "fail"])
def test_an_unfinished_job_keeps_its_policy_and_its_plan(ledger, producer, consumer, policy):
    first = ledger.submit(on_existing=policy)
    assert first["on_existing"] == policy
    ledger.plan(producer, first["job_id"], ids(9))
    ledger.claim(consumer, *ledger.publish(producer, first["job_id"]))
    before = ledger.manifest(first["job_id"])
    for other in ("mirror", "skip", "fail"):
        again = ledger.submit(on_existing=other)
        assert again["is_resumed"] and again["on_existing"] == policy
    assert ledger.take_plan(ledger.worker(), first["job_id"])["is_complete"]
    assert ledger.manifest(first["job_id"]) == before


@pytest.mark.parametrize("policy, planned, left", [("mirror", ids(3, 9), []), ("skip", ids(1, 9), ids(2, 10)), ("fail", None, [])])
def test_a_later_job_asks_about_what_no_earlier_one_verified(ledger, producer, consumer, job, policy, planned, left):
    ledger.complete(producer, consumer, job)
    later = ledger.submit(on_existing=policy)["job_id"]
    done = ledger.plan(producer, later, ids(12), ids(9) + ids(2, 10))
    if planned is None:
        assert done["outcome"] == "refused" and done["reason"].startswith("2 of the records")
    else:
        assert [one for batch, _ in ledger.manifest(later) for one in batch] == planned
        assert skipped(ledger, later) == left


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_what_earlier_jobs_verified_may_exist(ledger, producer, consumer, job, policy):
    ledger.complete(producer, consumer, job)
    later = ledger.submit(on_existing=policy)["job_id"]
    assert ledger.plan(producer, later, ids(10), ids(9))["planned"] == 1


def test_no_other_policy_is_taken(ledger):
    with pytest.raises(Exception, match="on-existing must be mirror, skip or fail") as caught:
        ledger.submit(on_existing="merge")
    assert caught.value.sqlstate == "FE001"


# --- who works on it -------------------------------------------------------------------------------------------------

def test_a_job_has_its_producer_from_the_submission_on(ledger, producer):
    job = ledger.submit(worker=producer)["job_id"]
    assert ledger.call("follow_job", job)[0]["producers"] == 1
    second = ledger.worker()
    ledger.take_plan(second, job)
    assert ledger.call("follow_job", job)[0]["producers"] == 2
    third = ledger.worker()
    ledger.submit(worker=third)
    assert ledger.call("follow_job", job)[0]["producers"] == 3


def test_nobody_is_asked_to_resume_what_a_new_producer_has_just_taken_up(ledger, producer, job):
    def waits_for():
        return ledger.value("SELECT waits_for FROM ferry.job_status")
    ledger.call("stop_worker", producer)
    assert waits_for().startswith("a producer: ferry-producer resume")
    ledger.submit(worker=ledger.worker())
    assert waits_for() == ""


LONG = [("plan_take", lambda worker, job: (worker, job, 1, LEASE)), ("plan_prior", lambda worker, job: (job, 1, 1)),
        ("plan_close", lambda worker, job: (job, 1, 1, 0, 0)), ("finish_take", lambda worker, job: (worker, job, LEASE)),
        ("finish_compare", lambda worker, job: (worker, job, 1))]


@pytest.mark.parametrize("function, arguments", LONG, ids=[name for name, _ in LONG])
def test_a_statement_that_outlasts_the_lease_shows_that_its_producer_lives(ledger, producer, dsn, function, arguments):
    """The transaction is held open where the statement would still be at work."""
    if function.startswith("plan"):
        job = ledger.submit(worker=producer)["job_id"]
        if function != "plan_take":
            ledger.take_plan(producer, job)
    else:
        job = ledger.planned_job(producer, [])
        ledger.take_finish(producer, job)
    ledger.run("UPDATE ferry.workers SET seen_at = now() - interval '61 s', lease_until = now() - interval '1 s'")

    def producers():
        return ledger.call("follow_job", job)[0]["producers"]
    assert producers() == 0
    other = Ledger(dsn)
    with other.connection.transaction():
        other.call(function, *arguments(producer, job))
        assert producers() == 1
        assert ledger.value("SELECT state FROM ferry.worker_status") == "alive"
    assert producers() == 1, "the step has renewed the lease"
    assert ledger.value("SELECT lease_until - seen_at = interval '60 s' FROM ferry.workers")
    ledger.call("stop_worker", producer)
    assert producers() == 0
    other.close()
