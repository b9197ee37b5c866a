"""The ledger explains itself, and ferry_monitor sees the views and nothing else."""

import psycopg
import pytest

VIEWS = {"job_status", "collection_status", "collection_counts", "batch_status", "worker_status", "throughput", "rejects", "truncated", "removals"}


@pytest.fixture(scope="module")
def ledger(module_ferry):
    module_ferry.setup()
    return module_ferry


def relations(ledger, *kinds):
    return [row["relname"] for row in ledger.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ferry'::regnamespace AND relkind::text = ANY (%s) ORDER BY 1",
        list(kinds))]


def as_monitor(ledger, statement):
    with ledger.connect(user="postgres") as connection:
        connection.execute("SET ROLE ferry_monitor")
        return connection.execute(statement).fetchall()


def sqlstate(ledger, statement):
    try:
        as_monitor(ledger, statement)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def test_there_are_the_tables_and_views_of_the_design(ledger):
    tables = set(relations(ledger, "r", "p"))
    assert {"ledger", "jobs", "job_collections", "target_collections", "write_slots", "endpoints", "batches", "batch_ids",
            "rejected_records", "repairs", "workers", "events"} <= tables
    assert set(relations(ledger, "v")) == VIEWS
    assert not tables & VIEWS


def test_the_monitor_reads_every_view(ledger):
    for view in relations(ledger, "v", "m"):
        as_monitor(ledger, "SELECT * FROM ferry.%s" % view)


def test_the_monitor_gets_42501_on_every_table(ledger):
    tables = relations(ledger, "r", "p")
    assert len(tables) >= 12
    for table in tables:
        assert sqlstate(ledger, "SELECT * FROM ferry.%s" % table) == "42501", table
        assert sqlstate(ledger, "DELETE FROM ferry.%s RETURNING 1" % table) == "42501", table


def test_the_monitor_changes_nothing(ledger):
    for view in relations(ledger, "v", "m"):
        assert sqlstate(ledger, "DELETE FROM ferry.%s RETURNING 1" % view) in ("42501", "55000"), view
    for sequence in relations(ledger, "S"):
        assert sqlstate(ledger, "SELECT nextval('ferry.%s')" % sequence) == "42501", sequence
    for function in ("pause('x')", "resume('x')", "cancel('x')"):
        assert sqlstate(ledger, "SELECT ferry.%s" % function) == "42501", function
    assert sqlstate(ledger, "CREATE TABLE ferry.mine (x integer)") == "42501"


def test_the_public_has_nothing(ledger):
    rows = ledger.sql("""
        SELECT c.relname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE c.relnamespace = 'ferry'::regnamespace AND a.grantee = 0
        UNION ALL
        SELECT p.proname FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.pronamespace = 'ferry'::regnamespace AND a.grantee = 0""")
    assert rows == []


def test_every_relation_column_and_function_has_a_comment(ledger):
    silent = ledger.sql("""
        SELECT 'schema ferry' AS what WHERE obj_description('ferry'::regnamespace, 'pg_namespace') IS NULL
        UNION ALL
        SELECT CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || c.relname FROM pg_class c
        WHERE c.relnamespace = 'ferry'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
          AND obj_description(c.oid, 'pg_class') IS NULL
        UNION ALL
        SELECT 'column ' || c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'ferry'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
          AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT 'function ' || p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = 'ferry'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL""")
    assert [row["what"] for row in silent] == []


def test_a_second_ledger_on_the_same_server_shares_the_roles(ledger, ferry):
    ferry.setup()
    assert ferry.ledger_uuid() != ledger.ledger_uuid()
    assert sqlstate(ferry, "SELECT * FROM ferry.jobs") == "42501"
