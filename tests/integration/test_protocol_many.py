"""A job of several collection pairs: submitted, planned, exported and ended as one; PROTOCOL §1, §2 and §8."""

import json

import psycopg
import pytest

from ledger import ids

THREE = [(1, 11, "docs"), (2, 12, "notes"), (3, 13, "empty")]
LISTED = {1: ids(7), 2: ids(4, 3), 3: []}


@pytest.fixture
def many(ledger, producer):
    """A submitted job of three pairs."""
    return ledger.submit_many(*THREE, title="all", worker=producer)[0]["job_id"]


def plan_all(ledger, producer, job, listed=None, target=()):
    return [ledger.plan(producer, job, ids_, target, collection=number)
            for number, ids_ in sorted((listed or LISTED).items())]


def rows(ledger):
    return ledger.all("SELECT * FROM ferry.collection_status ORDER BY job_id, collection_no")


def words(ledger, *arguments, **settings):
    with pytest.raises(psycopg.Error) as caught:
        ledger.submit_many(*arguments, **settings)
    return caught.value.sqlstate, caught.value.diag.message_primary


# --- submitting ------------------------------------------------------------------------------------------------------

def test_the_pairs_are_numbered_as_they_come_and_the_job_is_named_after_the_title(ledger, producer):
    answers = ledger.submit_many(*THREE, title="all", worker=producer)
    assert [row["collection_no"] for row in answers] == [1, 2, 3]
    assert len({row["job_id"] for row in answers}) == 1 and answers[0]["job_name"].startswith("all-")
    assert not answers[0]["is_resumed"]
    assert [(row["collection"], row["target_collection"], row["state"]) for row in rows(ledger)] == [
        (name, name, "pending") for _, _, name in THREE]
    assert ledger.value("SELECT collection FROM ferry.job_status") == "3 collections"
    assert ledger.value("SELECT count(*) FROM ferry.target_collections WHERE writer_job_id = %s", answers[0]["job_id"]) == 3


def test_without_a_title_it_is_named_after_the_first_collection(ledger):
    assert ledger.submit_many(*THREE)[0]["job_name"].startswith("docs-")


def test_the_same_pairs_in_another_order_go_on_with_the_job(ledger, many):
    again = ledger.submit_many(THREE[2], THREE[0], THREE[1])
    assert [row["collection_no"] for row in again] == [3, 1, 2]
    assert {(row["job_id"], row["is_resumed"]) for row in again} == {(many, True)}
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 1


def test_other_pairs_than_the_jobs_are_refused_by_name(ledger, many):
    name = ledger.job(many)["name"]
    for pairs, said in [(THREE[:2], "2 of these collections, but not exactly these; only in it: empty"),
                        (THREE + [(4, 14, "more")], "3 of these collections, but not exactly these; not in it: more"),
                        ([THREE[1], (4, 14, "more")],
                         "1 of these collections, but not exactly these; not in it: more; only in it: docs, empty")]:
        sqlstate, message = words(ledger, *pairs)
        assert sqlstate == "FE001" and said in message and "resume " + name in message, message
    with pytest.raises(psycopg.Error, match="only in it: notes, empty"):
        ledger.submit(1, 11)
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 1


def test_pairs_of_two_jobs_are_refused(ledger):
    one, other = ledger.submit_many(*THREE[:2]), ledger.submit_many(THREE[2])
    assert one[0]["job_id"] != other[0]["job_id"]
    assert words(ledger, *THREE)[0] == "FE001"


def test_what_cannot_be_one_job_is_refused_and_leaves_nothing(ledger):
    for pairs, sqlstate, said in [
            ([], "FE001", "between 1 and 1000"),
            ([(1, 11, "docs"), (2, 11, "notes")], "FE001", "same target collection"),
            ([(1, 11, "docs"), (11, 12, "notes")], "FE001", "source and target are the same collection")]:
        found = words(ledger, *pairs)
        assert found[0] == sqlstate and said in found[1], found
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 0 and ledger.value("SELECT count(*) FROM ferry.endpoints") == 0


def test_a_target_that_another_job_writes_to_is_named(ledger, many):
    sqlstate, message = words(ledger, (8, 18, "new"), (9, 12, "other"))
    assert sqlstate == "FE005" and "(other)" in message, message
    sqlstate, message = words(ledger, (8, 18, "new"), (9, 19, "notes"))
    assert sqlstate == "FE004" and "(notes)" in message and "recreated" in message, message


def test_a_job_that_has_ended_meanwhile_does_not_go_on(ledger, many):
    ledger.call("cancel", str(many))
    sqlstate, message = words(ledger, *THREE, resumes=many)
    assert sqlstate == "FE001" and "has ended meanwhile (cancelled)" in message


def test_fidelity_is_noted_with_the_collection(ledger):
    side = {"tenant": "t", "database": "d", "auth": "none"}
    ledger.call("submit", json.dumps({"collections": [{
        "source": dict(side, uuid="00000000-0000-0000-0000-00000000000%d" % n, name="c%d" % n, url="s", origin="s"),
        "target": dict(side, uuid="00000000-0000-0000-0000-00000000001%d" % n, name="c%d" % n, url="t", origin="t", space="l2",
                       takes_base64=True, max_batch_records=9),
        "fidelity": [{"setting": "space"}] if n == 2 else []} for n in (1, 2)]}))
    (event,) = ledger.all("SELECT detail FROM ferry.events WHERE kind = 'job.fidelity'")
    assert json.loads(event["detail"]) == {"tenant": "t", "database": "d", "collection": "c2", "settings": [{"setting": "space"}]}


# --- planning --------------------------------------------------------------------------------------------------------

def test_batches_are_numbered_over_all_and_nothing_is_exported_before_all_are_planned(ledger, producer, many):
    for number in (1, 2):
        assert ledger.plan(producer, many, LISTED[number], collection=number)["outcome"] == "planned"
        assert ledger.job(many)["state"] == "pending" and ledger.claim_exports(producer, many) == []
    assert ledger.plan(producer, many, [], collection=3)["planned"] == 0
    assert ledger.job(many)["state"] == "running"
    assert [(row["batch_no"], row["collection_no"], row["n_records"]) for row in ledger.batches(many)] == [
        (1, 1, 3), (2, 1, 3), (3, 1, 1), (4, 2, 3), (5, 2, 1)]
    claims = ledger.claim_exports(producer, many)
    assert [(row["batch_no"], row["collection_no"]) for row in claims] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)]
    assert ledger.value("SELECT planned FROM ferry.job_status") == 11


def test_a_plan_that_was_cut_short_is_made_again_for_its_pair_alone(ledger, producer, many):
    ledger.plan(producer, many, LISTED[1], collection=1)
    taken = ledger.take_plan(producer, many, collection=2)
    ledger.stage(many, taken["epoch"], "s", LISTED[2], collection=2)
    ledger.cut(many, taken["epoch"], collection=2)
    ledger.call("stop_worker", producer)
    other = ledger.worker()
    assert ledger.take_plan(other, many, collection=1)["is_complete"]
    assert [ledger.plan(other, many, LISTED[number], collection=number)["outcome"] for number in (2, 3)] == ["planned"] * 2
    assert [row["collection_no"] for row in ledger.batches(many)] == [1, 1, 1, 2, 2]


def test_fail_names_the_collection_and_ends_the_whole_job(ledger, producer):
    job = ledger.submit_many(*THREE, on_existing="fail")[0]["job_id"]
    assert ledger.plan(producer, job, LISTED[1], collection=1)["outcome"] == "planned"
    closed = ledger.plan(producer, job, LISTED[2], LISTED[2][:1], collection=2)
    assert closed["outcome"] == "refused"
    assert closed["reason"].startswith("collection notes of default_tenant/default_database: 1 of the records")
    assert ledger.job(job)["state"] == "failed" and ledger.batches(job) == []
    assert ledger.value("SELECT count(*) FROM ferry.job_collections WHERE is_open") == 0


def test_there_is_nothing_to_do_only_when_no_pair_has_anything(ledger, producer, consumer, many):
    plan_all(ledger, producer, many)
    end_all(ledger, producer, consumer, many)
    again = ledger.submit_many(*THREE)[0]["job_id"]
    outcomes = [ledger.plan(producer, again, LISTED[number], LISTED[number], collection=number)["outcome"] for number in (1, 2, 3)]
    assert outcomes == ["planned", "planned", "nothing"]
    assert ledger.value("SELECT count(*) FROM ferry.jobs") == 1
    more = ledger.submit_many(*THREE)[0]["job_id"]
    later = dict(LISTED)
    later[1] = ids(8)
    outcomes = [ledger.plan(producer, more, later[number], LISTED[number], collection=number) for number in (1, 2, 3)]
    assert [(row["outcome"], row["planned"]) for row in outcomes] == [("planned", 1), ("planned", 0), ("planned", 0)]
    assert ledger.job(more)["state"] == "running"


# --- exporting -------------------------------------------------------------------------------------------------------

def test_a_target_that_refuses_stops_only_its_own_batches(ledger, producer, many):
    plan_all(ledger, producer, many)
    refusing = "UPDATE ferry.target_collections SET retry_at = now() + %s::interval, retry_cause = 'HTTP 503' WHERE name = 'docs'"
    ledger.run(refusing, "1 minute")
    assert [row["batch_no"] for row in ledger.claim_exports(producer, many, 1)] == [4]
    ledger.run(refusing, "-1 second")
    assert [row["batch_no"] for row in ledger.claim_exports(producer, many)] == [1, 5], "one probe, and all of the other"
    assert ledger.claim_exports(producer, many) == []
    assert ledger.value("SELECT waits_for FROM ferry.job_status") is not None


# --- the end ---------------------------------------------------------------------------------------------------------

def end_all(ledger, producer, consumer, job, listed=None, state="succeeded"):
    ledger.deliver(consumer, *ledger.publish(producer, job))
    for number, listed_ in (listed or LISTED).items():
        assert ledger.compare(producer, job, listed_, listed_, collection=number)["missing"] == 0
    assert ledger.end(producer, job) == state


def test_it_succeeds_when_every_pair_was_compared_the_empty_one_too(ledger, producer, consumer, many):
    plan_all(ledger, producer, many)
    ledger.deliver(consumer, *ledger.publish(producer, many))
    assert [row["state"] for row in rows(ledger)] == ["verified"] * 3
    for number in (1, 2):
        ledger.compare(producer, many, LISTED[number], LISTED[number], collection=number)
        assert ledger.end(producer, many) == "running"
    ledger.compare(producer, many, [], [], collection=3)
    assert ledger.end(producer, many) == "succeeded"
    assert [(row["collection"], row["state"], row["planned"], row["verified"], row["percent"]) for row in rows(ledger)] == [
        ("docs", "succeeded", 7, 7, 100), ("notes", "succeeded", 4, 4, 100), ("empty", "succeeded", 0, 0, 100)]


def test_what_is_missing_at_one_target_forbids_success(ledger, producer, consumer, many):
    plan_all(ledger, producer, many)
    ledger.deliver(consumer, *ledger.publish(producer, many))
    ledger.compare(producer, many, LISTED[1], LISTED[1], collection=1)
    assert ledger.compare(producer, many, LISTED[2][1:], LISTED[2], collection=2)["missing"] == 1
    ledger.compare(producer, many, [], [], collection=3)
    assert ledger.end(producer, many) == "running"
    assert ledger.end(producer, many, "failed", "one is missing") == "failed"


def test_one_pair_is_compared_while_another_has_been_given_more(ledger, producer, consumer):
    job = ledger.submit_many(*THREE, catch_up=True)[0]["job_id"]
    plan_all(ledger, producer, job)
    ledger.deliver(consumer, *ledger.publish(producer, job))
    added = ledger.compare(producer, job, LISTED[1], ids(9), collection=1)
    assert added["is_decided"] and added["planned"] == 2
    assert ledger.compare(producer, job, LISTED[2], LISTED[2], collection=2, take=False)["missing"] == 0
    assert ledger.end(producer, job) == "running"
    assert [row["collection_no"] for row in ledger.batches(job)] == [1, 1, 1, 2, 2, 1]
    (event,) = ledger.all("SELECT detail FROM ferry.events WHERE kind = 'job.round'")
    assert event["detail"].startswith("collection docs of default_tenant/default_database: round 1")


def test_rejects_and_sizes_are_counted_for_each(ledger, producer, consumer, many):
    plan_all(ledger, producer, many)
    messages = ledger.publish(producer, many)
    ledger.deliver(consumer, *messages, rejects={4: [(ids(1, 3)[0], "quota")]})
    assert [(row["verified"], row["rejected"]) for row in rows(ledger)] == [(7, 0), (3, 1), (0, 0)]
    assert [row["collection"] for row in ledger.all("SELECT * FROM ferry.rejects")] == ["notes"]
    assert [row["collection"] for row in ledger.all("SELECT * FROM ferry.batch_status ORDER BY batch")] == ["docs"] * 3 + ["notes"] * 2


# --- by people -------------------------------------------------------------------------------------------------------

def test_pausing_cancelling_and_purging_take_the_whole_job(ledger, producer, many):
    plan_all(ledger, producer, many)
    assert ledger.answer("pause", str(many)) == "paused"
    assert [row["state"] for row in rows(ledger)] == ["paused", "paused", "verified"]
    assert ledger.answer("cancel", str(many)) == "cancelled"
    assert [row["state"] for row in rows(ledger)] == ["cancelled"] * 3
    assert ledger.answer("purge", str(many)) == 11
    assert ledger.submit_many(*THREE)[0]["job_id"] != many
