"""ferry.conf: named endpoints for both programs, whose secrets go to the origins they were given for and nowhere else."""

import contextlib
import json

import pytest

from ferry import DONE, USAGE, wait_for
from proxy import Answer, Proxy

GONE = {"FERRY_SOURCE": None, "FERRY_TARGET": None}


@contextlib.contextmanager
def guarded(upstream, token):
    """A Chroma that wants X-Chroma-Token; .seen: all that it was shown."""
    def handler(request, forward):
        seen.add(request.headers.get("X-Chroma-Token"))
        if request.headers.get("X-Chroma-Token") != token:
            return Answer(401, {"error": "Unauthorized"})
        return forward(request)

    seen = set()
    with Proxy(upstream, handler) as proxy:
        proxy.seen = seen
        yield proxy


@pytest.fixture
def named(ferry):
    """Source and target behind tokens, and a ferry.conf that knows them as old and new."""
    with guarded(ferry.source.url, "t-source") as source, guarded(ferry.target.url, "top-secret-target") as target:
        (ferry.folder / "secret").write_text("t-source\n")
        (ferry.folder / "ferry.conf").write_text(
            "; servers\n[endpoint old]\nurl = %s\ntoken_file = secret\n\n[endpoint new]\nurl = %s\ntoken_env = NEW_TOKEN\n"
            "[kafka]\nsocket.keepalive.enable = true\n" % (source.url, target.url))
        ferry.fill(40)
        yield ferry, source, target


def test_a_job_between_named_endpoints(named):
    ferry, source, target = named
    env = dict(GONE, NEW_TOKEN="top-secret-target")
    ferry.setup()
    ferry.consumers(env=env)  # which learns the address from the ledger, and has the token by it
    process = ferry.migrate(source="old", target="new", env=dict(env, FERRY_TARGET_TOKEN="stale", FERRY_TARGET_TENANT="stale"))
    assert process.status == DONE, process.err
    assert "event=setting.unused variable=FERRY_TARGET_TENANT" in process.err
    ferry.assert_equal()
    assert source.seen == {"t-source"} and target.seen == {"top-secret-target"} and target.count("upsert") > 0
    assert ferry.sql("SELECT url FROM ferry.endpoints ORDER BY url") == sorted(
        [{"url": source.url}, {"url": target.url}], key=lambda row: row["url"])
    process = ferry.producer("verify", "--source", "old", "--target", "new", "-c", ferry.name, env=env)
    assert process.status == DONE, process.err


def test_a_forged_row_of_the_ledger_gets_no_secret(named):
    """resume and the consumer take addresses from the ledger: what they have secrets for is not its business."""
    ferry, source, target = named
    env = dict(GONE, NEW_TOKEN="top-secret-target")
    ferry.setup()
    migrate = ferry.start_migrate(source="old", target="new", env=env)
    wait_for(lambda: ferry.jobs() and ferry.job()["published"] == 40, what="all published")
    assert migrate.stop() != DONE
    with guarded(ferry.target.url, "nobody's") as evil:
        ferry.sql("UPDATE ferry.endpoints SET url = %s, origin = %s WHERE url = %s", evil.url, evil.url, target.url)
        for kind in (dict(env), {"FERRY_SOURCE": "old", "FERRY_TARGET": "new", "NEW_TOKEN": "top-secret-target"},
                     dict(GONE, FERRY_SOURCE="old", FERRY_TARGET=target.url, FERRY_TARGET_TOKEN="top-secret-target", NEW_TOKEN="x")):
            process = ferry.producer("resume", ferry.job()["job"], env=kind)
            assert process.status == USAGE and "none were sent" in process.err, process.err
        process = ferry.producer("resume", ferry.job()["job"], env=dict(GONE, NEW_TOKEN="x", FERRY_TARGET_TOKEN="top-secret-target"))
        assert process.status == USAGE and "FERRY_TARGET_TOKEN is set, but not for which server" in process.err, process.err
        consumer, = ferry.consumers(env=env)
        wait_for(lambda: "event=secret.missing" in consumer.err, what="the missing secret is told")
        consumer.stop()
        assert evil.seen == {None}
    ferry.sql("UPDATE ferry.endpoints SET url = %s, origin = %s WHERE url = %s", target.url, target.url, evil.url)
    ferry.consumers(env=env)
    process = ferry.producer("resume", ferry.job()["job"], env=env)
    assert process.status == DONE, process.err
    ferry.assert_equal()


def test_doctor_says_which_line(named):
    ferry, source, _ = named
    ferry.setup()
    process = ferry.producer("doctor", "--source", "old", "--json", env=dict(
        GONE, FERRY_TARGET="new", NEW_TOKEN="top-secret-target", FERRY_SOURCE_TOKEN="stale", FERRY_SOURCE_CA_FILE="/no/such/file"))
    result = json.loads(process.out)
    assert process.status == DONE, process.out
    where = {setting["name"]: setting["from"] for setting in result["settings"]}
    values = {setting["name"]: setting["value"] for setting in result["settings"]}
    assert where["source"] == "--source, ferry.conf line 3" and values["source"] == source.url
    assert where["target"] == "FERRY_TARGET, ferry.conf line 7"
    assert where["source token_file"] == "ferry.conf, line 4 (token_file)" and values["source token_file"] == "secret"
    assert values["target token_env"] == "NEW_TOKEN"
    assert where["kafka.socket.keepalive.enable"] == "ferry.conf, line 10 (socket.keepalive.enable)"
    assert "says nothing" in where["FERRY_SOURCE_TOKEN"] and "top-secret-target" not in process.out and "stale" not in process.out


def check_line(ferry, program, line, words):
    (ferry.folder / "ferry.conf").write_text("[endpoint old]\nurl = http://127.0.0.1:1\n%s\n" % line)
    process = ferry.start(program, *(["setup"] if program == "ferry-producer" else []))
    assert process.wait() == USAGE and words in process.err, process.err
    assert "hunter2" not in process.err


def test_a_bad_line_is_named_by_both_programs(ferry):
    for program in ("ferry-producer", "ferry-consumer"):
        check_line(ferry, program, "token = hunter2", "ferry.conf, line 3: a secret does not stand in this file")
        check_line(ferry, program, "tennant = x", "ferry.conf, line 3: no such setting")
        check_line(ferry, program, "[kafka]\nsasl.password = hunter2", "ferry.conf, line 4: a secret does not stand in this file")


def test_properties_are_refused_as_in_other_places(ferry):
    for line in ("acks = 1", "kafka.acks = 1", "plugin.library.paths = /tmp/x.so", "no.such.property = 1",
                 "enable.ssl.certificate.verification = false"):
        name = line.split(" = ")[0].replace("kafka.", "")
        check_line(ferry, "ferry-producer", "[kafka]\n" + line, "ferry.conf, line 4 (%s): " % name)


def test_a_name_that_is_not_there(ferry):
    (ferry.folder / "named.conf").write_text("[endpoint old]\nurl = http://127.0.0.1:1\n")
    process = ferry.migrate(source="odl", env={"FERRY_CONFIG": "named.conf"})
    assert process.status == USAGE and '--source: named.conf has no endpoint "odl"; it has old' in process.err, process.err
    process = ferry.start("ferry-consumer", env={"FERRY_CONFIG": "named.conf", "FERRY_TARGET": "odl"})
    assert process.wait() == USAGE and 'FERRY_TARGET: named.conf has no endpoint "odl"; it has old' in process.err, process.err
