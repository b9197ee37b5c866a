"""A ledger for each test: a copy of one database that was set up once, in the server that PGHOST, PGPORT … name."""

import os
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ledger import Ledger

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "ledger"
NAME = "ferry_protocol_%d" % os.getpid()

# As common/store/migrate.c makes it.
MIGRATIONS = """CREATE SCHEMA ferry; CREATE TABLE ferry.schema_migrations (version integer PRIMARY KEY, name text NOT NULL,
sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""


@pytest.fixture(scope="session")
def server():
    if not os.environ.get("PGHOST"):
        pytest.skip("PGHOST is not set: use tests/run integration")
    with psycopg.connect("", autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(server):
    server.execute("DROP DATABASE IF EXISTS %s" % NAME)
    server.execute("CREATE DATABASE %s" % NAME)
    try:
        with psycopg.connect(make_conninfo(dbname=NAME), autocommit=True) as connection:
            connection.execute(MIGRATIONS)
            for path in sorted(SCHEMA.glob("[0-9]*.sql")):
                with connection.transaction():
                    connection.execute(path.read_text(encoding="utf-8"))
        yield NAME
    finally:
        server.execute("DROP DATABASE %s WITH (FORCE)" % NAME)


@pytest.fixture
def dsn(server, template):
    name = NAME + "_one"
    server.execute("CREATE DATABASE %s TEMPLATE %s" % (name, template))
    try:
        yield make_conninfo(dbname=name)
    finally:
        server.execute("DROP DATABASE %s WITH (FORCE)" % name)


@pytest.fixture
def ledger(dsn):
    opened = Ledger(dsn)
    yield opened
    opened.close()


@pytest.fixture
def producer(ledger):
    return ledger.worker("producer")


@pytest.fixture
def consumer(ledger):
    return ledger.worker("consumer")


@pytest.fixture
def job(ledger, producer):
    """Running, with three batches of three records, none of which is at the target."""
    return ledger.planned_job(producer)
