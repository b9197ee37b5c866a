"""The ledger as companies have it: a service file, sslmode=verify-full, several hosts of which one takes writes."""

import pytest

from certificates import Authority
from ferry import DONE
from pg_tls import PgTls
from test_doctor import closed_port, doctor


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("postgres"))


def service(ferry, authority, port, first=None):
    """The environment of somebody who has nothing but a service file."""
    hosts, ports = ("localhost,localhost", "%d,%d" % (first, port)) if first else ("localhost", port)
    (ferry.folder / "services.conf").write_text(
        "[ledger]\nhost=%s\nport=%s\ndbname=%s\nuser=ferry\nsslmode=verify-full\nsslrootcert=%s\ntarget_session_attrs=read-write\n"
        % (hosts, ports, ferry.database, authority.certificate))
    return {"PGSERVICE": "ledger", "PGSERVICEFILE": str(ferry.folder / "services.conf"),
            "PGHOST": None, "PGPORT": None, "PGUSER": None, "PGDATABASE": None}


def test_a_job_by_a_service_file_with_verified_tls(ferry, authority):
    ferry.fill(30)
    with PgTls(int(ferry.services["PGPORT"]), authority.issue("ledger", "DNS:localhost")) as front:
        env = service(ferry, authority, front.port, first=closed_port())
        ferry.setup(env=env)
        ferry.consumers(env=env)
        process = ferry.migrate(env=env)
        assert process.status == DONE, process.err
        assert "ledger.in_clear" not in process.err
        status, findings, settings = doctor(ferry, env=env)
        assert status == DONE and findings["postgresql", "tls"]["found"] == "encrypted"
        assert "PGSERVICE" in {setting["name"] for setting in settings}
        assert front.encrypted >= 4
    ferry.assert_equal()


def test_a_certificate_for_another_host_is_refused_with_the_reason(ferry, authority):
    with PgTls(int(ferry.services["PGPORT"]), authority.issue("elsewhere", "DNS:db.example")) as front:
        env = service(ferry, authority, front.port)
        status, findings, _ = doctor(ferry, env=env)
        found = findings["postgresql", "connection"]
        assert found["state"] == "fail" and "db.example" in found["found"] and "localhost" in found["found"], found
        assert status != DONE and front.encrypted == 0 or findings["postgresql", "version"]["state"] == "skipped"


def test_a_ledger_elsewhere_without_tls_is_warned_about(ferry):
    """0.0.0.0 leads to this machine, too, but is no address of it."""
    ferry.setup()
    env = {"PGHOST": "0.0.0.0"}
    status, findings, _ = doctor(ferry, env=env)
    assert status == DONE and findings["postgresql", "tls"]["state"] == "warning"
    assert "PGSSLMODE=verify-full" in findings["postgresql", "tls"]["advice"]
    process = ferry.producer("setup", env=env)
    assert process.status == DONE and "event=ledger.in_clear" in process.err, process.err
    assert "ledger.in_clear" not in ferry.setup().err
