"""The ledger's schema itself: comments, roles, indexes, what the programs call, ids of any bytes, and states.c."""

import re
from pathlib import Path

import pytest

from ledger import LEASE, MORE, Ledger, found, ids

STORE = Path(__file__).resolve().parents[2] / "common" / "store"
CALL = re.compile(r"ferry\.(\w+)\(((?:[^()]|\([^()]*\))*)\)")

STRANGE = [b"", b"\0", b"a\0b", b"it's", b'"quoted"', b"back\\slash", b"\\x00", b"{a,b}", b"NULL", b"\xff\xfe not UTF-8",
           "日本語".encode(), b" spaces ", b"line\nbreak", b"x" * 5000, b"x" * 5001, b"\xed\xa0\x80", b"%s"]


# --- comments --------------------------------------------------------------------------------------------------------

def test_everything_has_a_comment(ledger):
    silent = ledger.all("""
        SELECT 'schema' AS what WHERE obj_description('ferry'::regnamespace, 'pg_namespace') IS NULL
        UNION ALL
        SELECT c.relkind::text || ' ' || c.relname FROM pg_class c
        WHERE c.relnamespace = 'ferry'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S', 'p', 'f')
          AND obj_description(c.oid, 'pg_class') IS NULL
        UNION ALL
        SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'ferry'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0
          AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'ferry'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
        UNION ALL
        SELECT t.typname FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace = 'ferry'::regnamespace AND t.typelem = 0 AND c.relkind IS DISTINCT FROM 'r'
          AND c.relkind IS DISTINCT FROM 'v' AND obj_description(t.oid, 'pg_type') IS NULL""")
    assert silent == []


def test_no_comment_only_repeats_the_name(ledger):
    rows = ledger.all("SELECT a.attname AS name, col_description(c.oid, a.attnum) AS text FROM pg_class c"
                      " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
                      " WHERE c.relnamespace = 'ferry'::regnamespace AND c.relkind IN ('r', 'v')")
    assert len(rows) > 150
    for row in rows:
        words = set(re.findall(r"[a-z0-9]+", row["text"].lower()))
        assert words - set(row["name"].split("_")) and len(words) > 1, row


# --- HOT -------------------------------------------------------------------------------------------------------------

def test_no_index_covers_a_column_of_a_batch_that_changes(ledger):
    indexes = ledger.all("SELECT pg_get_indexdef(indexrelid) AS made FROM pg_index WHERE indrelid = 'ferry.batches'::regclass")
    assert [row["made"] for row in indexes] == [
        "CREATE UNIQUE INDEX batches_pkey ON ferry.batches USING btree (job_id, batch_no)"]


def test_renewals_and_steps_of_a_batch_are_hot_updates(ledger, producer, consumer):
    job = ledger.planned_job(producer, ids(20), records=1)
    messages = ledger.publish(producer, job)
    for message in messages[:10]:
        (fence,) = ledger.claim(consumer, message)
        for _ in range(5):
            ledger.renew(consumer, [(job, message.batch, fence)])
        ledger.finish(consumer, job, message.batch, fence, 1)
    ledger.run("SELECT pg_stat_force_next_flush()")
    for table, least in [("batches", 100), ("write_slots", 70), ("workers", 50)]:
        counts = ledger.one("SELECT n_tup_upd AS updated, n_tup_hot_upd AS hot FROM pg_stat_user_tables"
                            " WHERE schemaname = 'ferry' AND relname = %s", table)
        # An index on a column that changes would leave none; a page that is full for a moment, as while it is analysed, costs a few.
        assert counts["updated"] >= least and counts["hot"] >= 0.6 * counts["updated"], (table, counts)


# --- the programs' side ----------------------------------------------------------------------------------------------

def arguments(text):
    """How many arguments lie between the parentheses of a call."""
    depth, count = 0, 1 if text.strip() else 0
    for character in text:
        depth += (character == "(") - (character == ")")
        count += character == "," and depth == 0
    return count


def calls():
    """{function: number of arguments} of every call in common/store."""
    found = {}
    for path in sorted(STORE.glob("ledger*.c")):
        source = re.sub(r'"\s*"', "", path.read_text(encoding="utf-8"))
        for name, text in CALL.findall(source):
            found.setdefault(name, set()).add(arguments(text))
    return found


def test_every_function_that_the_programs_call_exists_with_so_many_arguments(ledger):
    called = calls()
    assert len(called) > 30
    have = {row["proname"]: {row["pronargs"]} for row in
            ledger.all("SELECT proname, pronargs FROM pg_proc WHERE pronamespace = 'ferry'::regnamespace")}
    assert {name: have.get(name) for name in called} == called


def test_ferry_app_may_do_all_that_the_programs_do(ledger, dsn):
    allowed = {row["proname"] for row in ledger.all(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'ferry'::regnamespace"
        " AND has_function_privilege('ferry_app', oid, 'EXECUTE')")}
    assert set(calls()) <= allowed
    app = Ledger(dsn, role="ferry_app")
    called = set()
    plain = app.call
    app.call = lambda function, *values: called.add(function) or plain(function, *values)
    live(app)
    app.close()
    assert set(calls()) <= called | {"printable", "find_job", "wants"}, "this test is to call every one"


def live(ledger):
    """A job's life, with every function of the programs in it."""
    producer, consumer = ledger.worker(), ledger.worker("consumer")
    job = ledger.planned_job(producer, ids(15), pair={"delete_extra": True, "max_delete": "1"})
    messages = ledger.publish(producer, job, 3, [(1, ids(1)[0], "vanished")])
    (claim,) = ledger.claim_exports(producer, job, 1)
    ledger.call("split_export", job, 4, claim["fence"])
    (claim,) = ledger.claim_exports(producer, job, 1)
    ledger.call("release_exports", job, [5], [claim["fence"]], "failed")
    fences = ledger.claim(consumer, *messages)
    ledger.renew(consumer, [(job, 1, fences[0])])
    ledger.call("open_repairs", consumer, [job], [1], [fences[0]], [job], [1], [ids(2)[1]])
    ledger.finish(consumer, job, 1, fences[0], 1, [(ids(2)[1], "not_storable")])
    ledger.release(consumer, messages[1], fences[1])
    ledger.park(consumer, messages[2], fences[2], sent=True)
    ledger.call("refuse_target", "00000000-0000-0000-0000-000000000002", "HTTP 503", "-1 s")
    ledger.call("learn_limit", "00000000-0000-0000-0000-000000000002", 1000000)
    ledger.call("log_event", "plan.duplicates", job, 0, producer, "detail")
    ledger.call("note_events", "message.poison", consumer, [job, 0], [1, 0], ["detail", "another"])
    ledger.call("redrive", str(job), None, "mismatch")
    ledger.call("next_unseen", job)
    ledger.call("settle_unseen", producer, job, 1, [])
    ledger.call("sweep_candidates", job)
    ledger.take_finish(producer, job)
    ledger.call("sweep_replan", producer, job, [2], [1], "gone")
    ledger.call("block_job", job, producer, "reason")
    ledger.call("change_settings", job, '{"limits": {}}')
    ledger.call("resume_job", job)
    ledger.call("log_event", "plan.duplicates", job, None, producer, "detail")
    ledger.call("pause", str(job))
    ledger.call("job_hold", str(job))
    ledger.call("resume", str(job))
    for _ in range(5):
        ledger.deliver(consumer, *ledger.publish(producer, job))
    ledger.settle(job)
    assert ledger.call("job_progress", job)[0]["open_batches"] == 0
    ledger.call("follow_job", job)
    assert ledger.compare(producer, job, ids(14, 1) + [b"extra"], ids(14, 1))["to_delete"] == 1
    fence = ledger.next_deletions(producer, job)[1]
    ledger.call("spare_deletions", producer, job, 1, fence, [])
    ledger.settle_deletions(job, fence)
    ledger.compare(producer, job, ids(14, 1), ids(14, 1))
    assert ledger.end(producer, job) == "succeeded"
    later = ledger.submit()["job_id"]
    assert ledger.plan(producer, later, ids(15), ids(15))["outcome"] == "planned", "what vanished and was refused"
    ledger.call("cancel", str(later))
    ledger.call("target_in_flight", "00000000-0000-0000-0000-000000000002")
    assert ledger.answer("purge", str(later)) == 2
    assert ledger.answer("retry", str(job), None, None) == 1
    assert ledger.answer("check_submission", ledger.submission(target=None, target_name="tried")) is None
    rehearsal = ledger.submit(target=77, target_name="tried", selection="first 1")["job_id"]
    ledger.call("cancel", str(rehearsal))
    assert len(ledger.call("rehearsal_targets", str(rehearsal))) == 1
    ledger.call("rehearsal_strangers", rehearsal, "00000000-0000-0000-0000-00000000004d", ids(3))
    ledger.call("rehearsal_removed", rehearsal, "00000000-0000-0000-0000-00000000004d")
    for view in ("job_status", "collection_status", "batch_status", "worker_status", "throughput", "rejects", "truncated", "removals"):
        ledger.all("SELECT * FROM ferry.%s" % view)
    ledger.all("SELECT version, name, sha256 FROM ferry.schema_migrations")
    ledger.call("stop_worker", consumer)


@pytest.mark.parametrize("statement", [
    "UPDATE ferry.ledger SET created_at = now()", "DELETE FROM ferry.schema_migrations", "DROP TABLE ferry.events",
    "ALTER TABLE ferry.batches DISABLE TRIGGER ALL", "CREATE TABLE ferry.mine (x integer)", "TRUNCATE ferry.batches"])
def test_ferry_app_may_not_change_the_schema_or_whose_ledger_it_is(dsn, statement):
    app = Ledger(dsn, role="ferry_app")
    with pytest.raises(Exception) as caught:
        app.run(statement)
    assert caught.value.sqlstate == "42501"
    app.close()


def test_ferry_monitor_gets_42501_on_everything_but_the_views(ledger, dsn, job):
    monitor = Ledger(dsn, role="ferry_monitor")

    def sqlstate(statement):
        try:
            monitor.run(statement)
        except Exception as error:
            return error.sqlstate
        return None

    tables = [row["relname"] for row in ledger.all(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ferry'::regnamespace AND relkind = 'r'")]
    assert len(tables) >= 15
    for table in tables:
        for statement in ("SELECT * FROM ferry.%s", "SELECT 1 FROM ferry.%s", "DELETE FROM ferry.%s", "TRUNCATE ferry.%s",
                          "INSERT INTO ferry.%s DEFAULT VALUES"):
            assert sqlstate(statement % table) == "42501", (table, statement)
    for function in [row["oid"] for row in ledger.all(
            "SELECT oid FROM pg_proc WHERE pronamespace = 'ferry'::regnamespace AND proname NOT IN ('printable', 'is_alive',"
            " 'long_step_key')")]:
        assert not ledger.value("SELECT has_function_privilege('ferry_monitor', %s::oid, 'EXECUTE')", function)
    for call in ("pause('1')", "cancel('1')", "find_job('1')"):
        assert sqlstate("SELECT ferry." + call) == "42501"
    assert sqlstate("SELECT nextval('ferry.fences')") == "42501"
    for view in ("job_status", "collection_status", "batch_status", "worker_status", "throughput", "rejects", "truncated", "removals"):
        assert monitor.all("SELECT * FROM ferry." + view) is not None
    assert monitor.value("SELECT planned FROM ferry.job_status") == 9
    monitor.close()


# --- ids -------------------------------------------------------------------------------------------------------------

def test_ids_of_any_bytes_go_through_a_whole_life(ledger, producer, consumer):
    job = ledger.planned_job(producer, STRANGE, target=STRANGE[3:7], records=6)
    assert [one for batch, _ in ledger.manifest(job) for one in batch] == STRANGE
    assert "".join(bits for _, bits in ledger.manifest(job)) == "".join("1" if 3 <= n < 7 else "0" for n in range(len(STRANGE)))
    claims = ledger.claim_exports(producer, job)
    assert [bytes.fromhex(one) for row in claims for one in row["ids"].split(",")] == STRANGE
    by_number = {row["batch_no"]: [bytes.fromhex(one) for one in row["ids"].split(",")] for row in claims}
    out = [(1, by_number[1][0], "vanished"), (1, by_number[1][1], "not_finite"), (3, by_number[3][1], "vanished")]
    ledger.record(producer, job, claims, out)
    for claim in claims:
        ledger.expire(job, claim["batch_no"])
    messages = ledger.publish(producer, job, left_out=out)
    rejects = {number: [(one, "not_storable") for one in listed if (number, one) not in {(o[0], o[1]) for o in out}]
               for number, listed in by_number.items()}
    ledger.deliver(consumer, *messages, rejects=rejects)
    named = set(ledger.left_out("rejected_records", job)) | set(ledger.left_out("vanished_records", job))
    assert named == {(number, one) for number, listed in by_number.items() for one in listed}
    gone = [one for _, one, reason in out if reason == "vanished"]
    compared = ledger.compare(producer, job, STRANGE, STRANGE)
    assert found(compared) == (0, 0, 2, 0, None) and compared["returned"] == 2, "two vanished, and are there"
    assert sorted(ledger.manifest(job)[-1][0]) == sorted(gone)
    ledger.deliver(consumer, *ledger.publish(producer, job))
    assert not ledger.compare(producer, job, STRANGE, STRANGE)["is_decided"]
    assert ledger.end(producer, job) == "succeeded"
    shown = {row["id"] for row in ledger.all("SELECT id FROM ferry.rejects")}
    assert {"\\000", "a\\000b", "it's", "日本語", "line\nbreak", "x" * 5001} <= shown
    assert any("\\377\\376 not UTF-8" in one for one in shown)


def test_a_missing_id_of_any_bytes_is_named(ledger, producer, consumer):
    for number, one in enumerate([b"\0", b"\xff", "ü".encode()]):
        pair = dict(MORE, source=100 + number, target=200 + number, source_name=str(number), target_name=str(number))
        job = ledger.planned_job(producer, [one, b"there"], pair=pair)
        ledger.deliver(consumer, *ledger.publish(producer, job))
        row = ledger.compare(producer, job, [b"there"], [one])
        assert (row["missing"], row["deleted"]) == (1, 1)
        assert row["first_missing"] == ["\\000", "\\377", "ü"][number]


# --- the batch's bits ------------------------------------------------------------------------------------------------

def test_every_id_of_a_batch_has_a_bit(ledger, job):
    with pytest.raises(Exception, match="batch_ids_bit_for_each"):
        ledger.run("UPDATE ferry.batch_ids SET existed = B'00' WHERE batch_no = 1")
