"""What the two commands that only look say: doctor of set-ups that are broken in one place each, which it must name and nothing
else, and collections of what a server holds."""

import json
import socket

import pytest

from certificates import Authority
from ferry import DONE, LIGHT, NEEDS_PERSON, UNAVAILABLE, USAGE, corpus, load
from legacy import Legacy
from proxy import Answer, Proxy
from test_tls import front


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def doctor(ferry, *arguments, env=None):
    """(exit status, {(area, check): finding}, settings)"""
    process = ferry.producer("doctor", "--json", *arguments, env=env)
    assert process.out, process.err
    result = json.loads(process.out)
    assert result["exit_code"] == process.status
    return process.status, {(f["area"], f["check"]): f for f in result["checks"]}, result["settings"]


def only_fail(ferry, where, *arguments, env=None):
    """The one finding that is a fail, which must be this one; and the exit status."""
    status, findings, _ = doctor(ferry, *arguments, env=env)
    fails = {key: finding["found"] for key, finding in findings.items() if finding["state"] == "fail"}
    assert list(fails) == [where], fails
    return findings[where]["found"] + " -> " + findings[where].get("advice", ""), status


@pytest.fixture
def healthy(ferry):
    ferry.fill(30)
    ferry.setup()
    return ferry


def test_all_is_well(healthy):
    status, findings, settings = doctor(healthy, "--collection", healthy.name)
    assert status == DONE
    assert {finding["state"] for finding in findings.values()} <= {"ok", "warning", "skipped"}, findings
    for area, check in [("source", "version"), ("source", "auth"), ("source", "tenant"), ("source", "database"),
                        ("source", "collection"), ("source", "dimension"), ("source", "space"), ("source", "limits"),
                        ("target", "collection"), ("kafka", "brokers"), ("kafka", "topic"), ("kafka", "dead letters"),
                        ("postgresql", "version"), ("postgresql", "schema"), ("postgresql", "rights"), ("postgresql", "clock"),
                        ("postgresql", "tls")]:
        assert findings[area, check]["state"] == "ok", (area, check)
    assert "30 records" in findings["source", "collection"]["found"]
    assert findings["source", "dimension"]["found"] == "24" and findings["source", "space"]["found"] == "cosine"
    assert {s["name"]: s["from"] for s in settings}["source"] == "FERRY_SOURCE"
    assert healthy.topic.count() == 0 and healthy.dead_letters.count() == 0  # it only looks


def test_for_people_and_where_settings_come_from(healthy):
    (healthy.folder / ".env").write_text(
        "# secrets\nFERRY_TARGET_TOKEN='hunter2'\nCHROMA_HOST=elsewhere\nFERRY_KAFKA_SASL_PASSWORD=hunter3\n")
    process = healthy.producer("doctor", "--source-tenant", "default_tenant", env={"FERRY_KAFKA_SASL_PASSWORD": "hunter4"})
    assert process.status == DONE, process.out
    lines = process.out.splitlines()
    assert any(line.split()[:3] == ["ok", "source", "version"] for line in lines)
    assert any(line.split() == ["source-tenant", "default_tenant", "--source-tenant"] for line in lines)
    assert any("FERRY_TARGET_TOKEN" in line and ".env line 2" in line for line in lines)
    assert any("CHROMA_HOST is set: the target is that server" in line and "overruled" in line for line in lines)
    assert process.out.count("FERRY_KAFKA_SASL_PASSWORD  ") == 1
    assert "hunter" not in process.out + process.err


def test_every_setting_that_is_set_is_told_with_its_place(healthy):
    (healthy.folder / "kafka.properties").write_text("# ours\nclient.id=hunter2\n\nkafka.sasl.password = hunter3\n")
    (healthy.folder / "set.env").write_text("FERRY_MAP=a*=b*\nPGOPTIONS='-c work_mem=8MB'\nFERRY_WRITE_LIMIT=3\n")
    (healthy.folder / "our.conf").write_text("[endpoint old]\nurl = http://127.0.0.1:1\n")
    _, _, settings = doctor(healthy, "--env-file", "set.env", env={
        "FERRY_KAFKA_CONFIG": "kafka.properties", "FERRY_CONFIG": "our.conf", "FERRY_TARGET_PROFILE": "none", "FERRY_LIMITS": "id_bytes=9",
        "FERRY_BATCH_RECORDS": "50", "FERRY_EXCLUDE": "x*", "PGSSLCERT": "/no/cert", "PGSSLKEY": "/no/key", "PGCONNECT_TIMEOUT": "9",
        "FERRY_REQUEST_TIMEOUT": "20s", "TMPDIR": str(healthy.folder)})
    told = {setting["name"]: (setting["value"], setting["from"]) for setting in settings}
    assert told["env-file"] == ("set.env", "--env-file") and told["config"] == ("our.conf", "FERRY_CONFIG")
    for name, value, place in [
            ("target-profile", "none", "FERRY_TARGET_PROFILE"), ("limit", "id_bytes=9", "FERRY_LIMITS"),
            ("batch-records", "50", "FERRY_BATCH_RECORDS"), ("exclude", "x*", "FERRY_EXCLUDE"), ("map", "a*=b*", "set.env line 1 (FERRY_MAP)"),
            ("PGOPTIONS", "-c work_mem=8MB", "set.env line 2 (PGOPTIONS)"), ("FERRY_WRITE_LIMIT", "3", "set.env line 3 (FERRY_WRITE_LIMIT)"),
            ("PGSSLCERT", "/no/cert", "PGSSLCERT"), ("PGSSLKEY", "/no/key", "PGSSLKEY"), ("PGCONNECT_TIMEOUT", "9", "PGCONNECT_TIMEOUT"),
            ("FERRY_REQUEST_TIMEOUT", "20s", "FERRY_REQUEST_TIMEOUT"), ("TMPDIR", str(healthy.folder), "TMPDIR"),
            ("kafka.client.id", "(set, not shown)", "kafka.properties, line 2"),
            ("kafka.sasl.password", "(set, not shown)", "kafka.properties, line 4")]:
        assert told.get(name) == (value, place), name
    assert "hunter" not in json.dumps(settings)
    assert "create-tenant" not in told  # what is not set is no setting


def test_closed_port(healthy):
    port = closed_port()
    said, status = only_fail(healthy, ("target", "tcp"), "--target", "http://127.0.0.1:%d" % port)
    assert str(port) in said and "refused" in said and "start the server" in said and status == UNAVAILABLE


def test_wrong_token(healthy):
    def guarded(request, forward):
        if request.headers.get("X-Chroma-Token") != "right":
            return Answer(401, {"error": "Unauthorized"})
        return forward(request)

    with Proxy(healthy.source.url, guarded) as proxy:
        said, status = only_fail(healthy, ("source", "auth"), "--source", proxy.url, env={"FERRY_SOURCE_TOKEN": "wrong-0815"})
        assert "FERRY_SOURCE_TOKEN" in said and "401" in said and "wrong-0815" not in said and status == USAGE
        assert doctor(healthy, "--source", proxy.url, env={"FERRY_SOURCE_TOKEN": "right"})[0] == DONE


def test_missing_collection(healthy):
    said, status = only_fail(healthy, ("source", "collection"), "--collection", "no-such-thing")
    assert "no-such-thing" in said and "ferry-producer collections" in said and status == USAGE


def test_missing_database_and_tenant(healthy):
    said, status = only_fail(healthy, ("source", "database"), "--source-database", "atlantis")
    assert "atlantis" in said and "--source-database" in said and status == USAGE
    said, status = only_fail(healthy, ("target", "tenant"), "--target-tenant", "nobody")
    assert "nobody" in said and "--target-tenant" in said and status == USAGE


def test_missing_topic(healthy):
    said, status = only_fail(healthy, ("kafka", "topic"), env={"FERRY_TOPIC": "ferry.atlantis"})
    assert "ferry.atlantis" in said and "setup" in said and status == USAGE


def test_kafka_down(healthy):
    port = closed_port()
    said, status = only_fail(healthy, ("kafka", "brokers"), "--brokers", "127.0.0.1:%d" % port)
    assert str(port) in said and "start Kafka" in said and status == UNAVAILABLE


def test_topic_that_forgets_early(healthy):
    healthy.dead_letters.alter("retention.ms", 60000)
    said, status = only_fail(healthy, ("kafka", "dead letters"))
    assert "retention.ms is 60000" in said and "kafka-configs" in said and status == USAGE
    healthy.dead_letters.alter("retention.ms", -1)
    healthy.topic.alter("retention.bytes", 1000000000)
    said, status = only_fail(healthy, ("kafka", "topic"))
    assert "retention.bytes is 1000000000" in said and "--add-config retention.bytes=-1" in said and status == USAGE


def test_a_round_trip_of_full_size_through_a_topic_of_its_own(healthy):
    status, findings, _ = doctor(healthy, "--deep")
    found = findings["kafka", "round trip"]
    assert status == DONE and found["state"] == "ok" and "4194304 bytes came back" in found["found"], found
    assert healthy.topic.count() == 0 and healthy.dead_letters.count() == 0
    topics = healthy.topic.admin().list_topics(timeout=20).topics
    assert not [name for name in topics if name.startswith(healthy.topic.name + ".doctor-")]
    version = findings["kafka", "version"]
    assert version["state"] == "ok" and "1 brokers, Kafka 3." in version["found"], version


def test_topic_too_small(healthy):
    healthy.topic.alter("max.message.bytes", 1000000)
    said, status = only_fail(healthy, ("kafka", "topic"))
    assert "max.message.bytes" in said and "1000000" in said and "kafka-configs" in said and status == USAGE


def test_missing_schema_and_rights(healthy):
    healthy.sql("REVOKE ALL ON ferry.jobs FROM ferry; REVOKE ALL ON ferry.batches FROM ferry")
    said, status = only_fail(healthy, ("postgresql", "rights"))
    assert "2 tables" in said and "ferry_app" in said and status == USAGE
    healthy.sql("DROP SCHEMA ferry CASCADE")
    said, status = only_fail(healthy, ("postgresql", "schema"))
    assert healthy.database in said and "ferry-producer setup" in said and status == USAGE


def test_a_schema_of_another_version(healthy):
    newest = healthy.sql("SELECT max(version) AS version FROM ferry.schema_migrations")[0]["version"]
    healthy.sql("INSERT INTO ferry.schema_migrations (version, name, sha256) VALUES (%s, 'of_tomorrow', 'x')", newest + 1)
    said, status = only_fail(healthy, ("postgresql", "schema"))
    assert str(newest + 1) in said and str(newest) in said and status == USAGE
    healthy.sql("DELETE FROM ferry.schema_migrations WHERE version >= %s", newest)
    said, status = only_fail(healthy, ("postgresql", "schema"))
    assert "ferry-producer setup" in said and status == USAGE


def test_a_role_that_may_not_connect(healthy):
    healthy.sql('REVOKE CONNECT ON DATABASE "%s" FROM PUBLIC' % healthy.database)
    healthy.sql("CREATE ROLE e2e_stranger_%s LOGIN" % healthy.database)
    try:
        said, status = only_fail(healthy, ("postgresql", "connection"), env={"PGUSER": "e2e_stranger_" + healthy.database})
        assert "permission denied for database" in said and status != DONE
    finally:
        healthy.sql("DROP ROLE e2e_stranger_%s" % healthy.database)


def test_a_proxy_that_is_down(healthy):
    port = closed_port()
    said, status = only_fail(healthy, ("source", "version"), "--source", "http://chroma.test:8000",
                             env={"http_proxy": "http://me:hunter2@127.0.0.1:%d" % port})
    assert "no connection to the proxy 127.0.0.1:%d (http_proxy)" % port in said and "hunter2" not in said
    assert status == UNAVAILABLE


def test_nothing_is_said_of_a_certificate_that_nobody_has_seen(healthy):
    status, findings, _ = doctor(healthy, "--target", "https://chroma.test",
                                 env={"https_proxy": "http://127.0.0.1:%d" % closed_port()})
    assert findings["target", "tls"]["state"] == "skipped", findings["target", "tls"]
    assert findings["target", "version"]["state"] == "fail" and status == UNAVAILABLE


def test_wrong_pgport(healthy):
    port = closed_port()
    said, status = only_fail(healthy, ("postgresql", "connection"), env={"PGPORT": str(port)})
    assert str(port) in said and "PGPORT" in said and status == UNAVAILABLE


def test_another_dimension_and_space(healthy):
    load.put(healthy.target, load.ensure(healthy.target, healthy.name, 12, "cosine", LIGHT), corpus.records(3, 12, 1, False))
    said, status = only_fail(healthy, ("target", "dimension"), "--collection", healthy.name)
    assert "12" in said and "24" in said and status == NEEDS_PERSON
    load.ensure(healthy.target, healthy.also("l2"), 24, "l2", LIGHT)
    said, status = only_fail(healthy, ("target", "space"), "--collection", healthy.name, "--target-collection", healthy.also("l2"))
    assert "l2" in said and "cosine" in said and status == NEEDS_PERSON


def test_several_collections_are_chosen_as_migrate_does(healthy):
    """By names and patterns, in the environment as well; with what else migrate takes."""
    other = healthy.fill(5, name=healthy.also("b"), dimension=3, space="l2")
    both = {"FERRY_COLLECTION": "%s,%s" % (healthy.name, other)}
    status, findings, settings = doctor(healthy, "--exclude", healthy.also("x") + "*,%s.c*" % healthy.name, env=both)
    assert status == USAGE and "no collection matches --exclude" in findings["source", "collection"]["found"]
    status, findings, settings = doctor(
        healthy, "--on-existing", "skip", "--batch-records", "100", "--create-tenant", "--create-database", "--dry-run", "--queue",
        "--target-database", healthy.name, "--target-prefix", "new-", "--limit", "document_bytes=1000", env=both)
    assert status == DONE, findings
    found = {key: finding["found"] for key, finding in findings.items()}
    assert found["source", "collection"] == '2 collections are chosen: "%s", "%s"' % (healthy.name, other)
    assert found["source", "dimension"] == "3 to 24" and found["source", "space"] == "l2, cosine"
    assert "migrate makes it (--create-database)" in found["target", "database"]
    assert found["target", "limits"].startswith("100 records in one write (as batches are, --batch-records; the server takes ")
    assert found["target", "collection"].startswith("0 of 2 collections are there, migrate creates \"new-%s\"" % healthy.name)
    assert {s["name"]: (s["value"], s["from"]) for s in settings}["on-existing"] == ("skip", "--on-existing")

    said, status = only_fail(healthy, ("source", "collection"), env={"FERRY_COLLECTION": healthy.name + ",no-such-thing"})
    assert '"no-such-thing"' in said and "ferry-producer collections" in said and status == USAGE
    load.ensure(healthy.target, other, 3, "cosine", LIGHT)
    said, status = only_fail(healthy, ("target", "space"), "--collection", healthy.name + "*")
    assert said.startswith('1 of 2 differ: "%s" has cosine, the source\'s is l2' % other) and status == NEEDS_PERSON
    load.put(healthy.target, load.ensure(healthy.target, healthy.name, 12, "cosine", LIGHT), corpus.records(3, 12, 1, False))
    said, status = only_fail(healthy, ("target", "dimension"), "--collection", healthy.name + "*", "--exclude", other + "*",
                             "--map", "%s=%s" % (healthy.name, healthy.name))
    assert "12" in said and "the source has 24" in said and status == NEEDS_PERSON
    status, findings, _ = doctor(healthy, "--sample", "3", env=both)
    assert status == DONE and "a rehearsal" in findings["target", "collection"]["found"]
    said, status = only_fail(healthy, ("target", "collection"), "--collection", healthy.name + "*", "--target", healthy.source.url)
    assert "would be a source and the target" in said and status == USAGE


def test_options_that_contradict_each_other(healthy):
    said, status = only_fail(healthy, ("job", "options"), "--all", "--collection", healthy.name)
    assert "--all takes every collection" in said and status == USAGE
    said, status = only_fail(healthy, ("job", "options"), "--sample", "3", "--first", "3")
    assert "--sample and --first" in said and status == USAGE
    said, status = only_fail(healthy, ("job", "options"), "--limit", "document_bites=3")
    assert "document_bites" in said and status == USAGE
    _, findings, _ = doctor(healthy, env={"FERRY_LIMITS": "write_records=7"})
    assert findings["target", "limits"]["found"].startswith("7 records in one write (FERRY_LIMITS; ")


def test_unresolvable_host(healthy):
    said, status = only_fail(healthy, ("source", "dns"), "--source", "http://atlantis.invalid:8000")
    assert "atlantis.invalid" in said and status == UNAVAILABLE


def test_not_a_chroma(healthy):
    def page(_request, _forward):
        return Answer(200, b"<html>Welcome to nginx!</html>", "text/html")

    with Proxy(handler=page) as proxy:
        said, status = only_fail(healthy, ("source", "version"), "--source", proxy.url)
    assert "not a Chroma" in said and "check port and path" in said and status == USAGE


def test_no_tls_where_https_is_spoken(healthy):
    said, _ = only_fail(healthy, ("target", "tls"), "--target", healthy.target.url.replace("http://", "https://"))
    assert "certificate" in said


def test_a_certificate_that_is_not_trusted(healthy, tmp_path):
    authority = Authority(tmp_path / "ca")
    with front(healthy.source.url, authority.issue("server")) as proxy:
        said, status = only_fail(healthy, ("source", "tls"), "--source", proxy.url)
        assert "TLS" in said and "_CA_FILE" in said and status == USAGE
        trusting = {"FERRY_SOURCE_CA_FILE": str(authority.certificate)}
        status, findings, _ = doctor(healthy, "--source", proxy.url, env=trusting)
        assert status == DONE and findings["source", "tls"]["found"] == "certificate verified"


def test_every_part_is_looked_at_when_all_is_broken(ferry):
    port = closed_port()
    where = "http://127.0.0.1:%d" % port
    status, findings, _ = doctor(ferry, "--source", where, "--target", where, "--brokers", "127.0.0.1:%d" % port,
                                 env={"PGPORT": str(port), "TMPDIR": "/no/such/place"})
    fails = {key for key, finding in findings.items() if finding["state"] == "fail"}
    assert fails == {("source", "tcp"), ("target", "tcp"), ("kafka", "brokers"), ("postgresql", "connection"), ("machine", "disk")}
    assert findings["kafka", "topic"]["state"] == findings["kafka", "round trip"]["state"] == "skipped" and status == USAGE


def test_collections(ferry):
    """More than a page of them, of which three are ours to look at closely."""
    names = [ferry.also("%03d" % number) for number in range(130)]
    ferry.fill(7, name=names[0])
    ferry.fill(5, name=names[1], dimension=3, space="l2")
    for name in names[2:]:
        load.ensure(ferry.source, name, 24, "cosine", LIGHT)
    process = ferry.producer("collections", "--source", ferry.source.url, "--json")
    assert process.status == DONE, process.err
    rows = {row["name"]: row for row in json.loads(process.out)}
    assert set(names) <= set(rows) and {row["side"] for row in rows.values()} == {"source"}
    assert len(rows) == len(json.loads(process.out))
    assert (rows[names[0]]["records"], rows[names[0]]["dimension"], rows[names[0]]["space"]) == (7, 24, "cosine")
    assert (rows[names[1]]["records"], rows[names[1]]["dimension"], rows[names[1]]["space"]) == (5, 3, "l2")
    assert (rows[names[2]]["records"], rows[names[2]]["dimension"]) == (0, None)

    process = ferry.producer("collections", "--source", ferry.source.url)
    assert process.status == DONE and any(line.split()[:4] == [names[0], "7", "24", "cosine"] for line in process.out.splitlines())

    process = ferry.producer("collections", env={"FERRY_SOURCE": None, "FERRY_TARGET": None})
    assert process.status == USAGE and "missing --source" in process.err
    process = ferry.producer("collections", "--target", ferry.target.url, "--target-database", "atlantis", "--json")
    assert process.status == USAGE and "atlantis" in process.err and json.loads(process.out) == []


OLD = [("0.4.24", "bearer")] + [pytest.param(version, auth, marks=pytest.mark.slow) for version, auth in [
    ("0.4.15", None), ("0.5.23", "x-chroma-token"), ("0.6.3", "basic")]]


@pytest.mark.parametrize("version, auth", OLD)
def test_an_old_server(healthy, tmp_path, version, auth):
    with Legacy(version, tmp_path / "old", auth) as old:
        old.create("docs", {"hnsw:space": "cosine", "owner": "x"})
        old.put("docs", corpus.records(20, 8, 3, False))
        old.create("empty")
        process = healthy.producer("collections", "--source", old.url, "--json", env=old.secret("SOURCE"))
        assert process.status == DONE, process.err
        rows = {row["name"]: row for row in json.loads(process.out)}
        assert set(rows) == {"docs", "empty"}
        assert rows["docs"]["records"] == 20 and rows["docs"]["space"] == "cosine" and rows["docs"]["metadata_keys"] == 2
        assert rows["empty"]["records"] == 0

        status, findings, _ = doctor(healthy, "--source", old.url, "--collection", "docs", env=old.secret("SOURCE"))
        assert status == DONE, findings
        assert version in findings["source", "version"]["found"]
        assert findings["source", "dimension"]["found"] == "8" and findings["source", "space"]["found"] == "cosine"
        arguments = ["--source", old.url, "--source-database", "atlantis"]
        said, status = only_fail(healthy, ("source", "database"), *arguments, env=old.secret("SOURCE"))
        assert "atlantis" in said and status == USAGE
        if auth is not None:
            said, status = only_fail(healthy, ("source", "auth"), "--source", old.url)
            assert "none were sent" in said and status == USAGE
