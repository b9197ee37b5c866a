"""Every wrong input: the exit status of the design, one message that names the thing, and nothing written that was not
asked for."""

import json
import re
import socket

import pytest

from ferry import DONE, NEEDS_PERSON, UNAVAILABLE, USAGE, Topic
from proxy import Answer, Proxy

CLOSED = "127.0.0.1:9"
TOKEN = "swordfish-4711"


def refused(process, status, *names):
    """It ended with this status, and one line on stderr names these things (besides what it does, and where to find help)."""
    allowed = status if isinstance(status, tuple) else (status,)
    assert process.status in allowed, (process.status, process.err)
    lines = [line for line in process.err.splitlines() if line.strip() and not re.match("Try: |ts=.* level=info ", line)]
    assert lines and len(lines) <= 2, process.err
    for name in names:
        assert re.search(name, lines[-1], re.IGNORECASE), "%r is not in %r" % (name, lines[-1])
    return lines[-1]


class Silent:
    """A port on which somebody listens and never says a word."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture
def ready(ferry):
    """Ledger, topic and a small source collection."""
    ferry.fill(20)
    ferry.setup()
    return ferry


def untouched(ferry):
    """No job, no target collection, no message."""
    assert ferry.jobs() == []
    assert ferry.sql("SELECT * FROM ferry.batches") == []
    assert ferry.target.collection(ferry.name) is None
    assert ferry.topic.count() == 0


def tables(ferry):
    return ferry.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'ferry'")


# --- the command line ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("program", ["ferry-producer", "ferry-consumer"])
def test_help_and_version(ferry, program):
    for arguments in (["--help"], ["--version"]):
        process = ferry.start(program, *arguments)
        assert process.wait(10) == DONE and not process.err
    assert "librdkafka" in process.out and "libpq" in process.out and re.search(r"\d+\.\d+\.\d+", process.out)


@pytest.mark.parametrize("command", ["migrate", "resume", "retry", "status", "setup", "verify"])
def test_each_command_has_help_with_example_environment_and_exit_status(ferry, command):
    process = ferry.producer(command, "--help", seconds=10)
    assert process.status == DONE and not process.err
    assert "ferry-producer " + command in process.out
    for part in ("example", "environment", "exit status"):
        assert re.search(part, process.out, re.IGNORECASE), part


@pytest.mark.parametrize("arguments, names", [
    (["migrate", "--soruce", "http://x"], ["--soruce", "--source"]),
    (["migrate"], ["--collection"]),
    (["migrate", "--collection"], ["--collection"]),
    (["migrate", "--collection", "abc", "--batch-records", "0"], ["--batch-records"]),
    (["migrate", "--collection", "abc", "--batch-records", "many"], ["--batch-records", "many"]),
    (["migrate", "--collection", "abc", "stray"], ["stray"]),
    (["migrate", "--collection", "abc", "--source", "nonsense"], ["--source", "nonsense"]),
    (["migrate", "--collection", "abc", "--source", "ftp://127.0.0.1/"], ["--source", "ftp"]),
    (["migrat"], ["migrat"]),
    (["resume"], ["job"]),
])
def test_a_wrong_command_line_is_named(ferry, arguments, names):
    process = ferry.producer(*arguments, seconds=10)
    refused(process, USAGE, *names)
    assert process.out == ""
    assert tables(ferry) == []


def test_without_a_command_the_commands_are_shown(ferry):
    process = ferry.producer(seconds=10)
    assert process.status == USAGE and process.out == ""
    assert all(command in process.err for command in ("migrate", "resume", "status", "setup", "verify"))


def test_a_wrong_setting_in_the_environment_is_named(ferry):
    refused(ferry.producer("setup", env={"FERRY_LEASE": "soon"}, seconds=10), USAGE, "FERRY_LEASE", "soon")
    refused(ferry.producer("setup", env={"FERRY_KAFKA_BROKERS": "a b"}, seconds=10), USAGE, "FERRY_KAFKA_BROKERS|brokers")
    assert tables(ferry) == []


def test_the_consumer_names_a_wrong_option(ferry):
    process = ferry.start("ferry-consumer", "--exit-wen-done", "x")
    process.status = process.wait(10)
    refused(process, USAGE, "--exit-wen-done", "--exit-when-done")


# --- unreachable and wrong servers -----------------------------------------------------------------------------------

def unreachable(services, silent):
    """name: (arguments of migrate, environment, exit status, what the message names). Each takes up to ten seconds."""
    chroma = services["FERRY_SOURCE"].rsplit(":", 1)[1]
    quiet = silent.address.split(":")[1]
    rows = {}
    for side in ("source", "target"):
        for kind, address in (("closed", CLOSED), ("silent", silent.address)):
            rows["%s %s" % (side, kind)] = (["--" + side, "http://" + address], {}, UNAVAILABLE, [side, address])
    for kind, address in (("closed", CLOSED), ("silent", silent.address), ("postgres", "127.0.0.1:" + services["PGPORT"])):
        rows["kafka " + kind] = ([], {"FERRY_KAFKA_BROKERS": address}, UNAVAILABLE, [address])
    rows["postgres closed"] = ([], {"PGPORT": "9"}, UNAVAILABLE, [CLOSED])
    rows["postgres silent"] = ([], {"PGPORT": quiet}, UNAVAILABLE, [quiet])
    rows["postgres chroma"] = ([], {"PGPORT": chroma}, UNAVAILABLE, [chroma])
    rows["postgres database"] = ([], {"PGDATABASE": "no_such_base"}, (USAGE, UNAVAILABLE), ["no_such_base"])
    rows["postgres role"] = ([], {"PGUSER": "nobody_here"}, (USAGE, UNAVAILABLE), ["nobody_here"])
    return rows


@pytest.fixture(scope="module")
def unreached(module_ferry):
    """All of them at once, with each program; {(name, program): (process, status, names)}."""
    module_ferry.fill(20)
    module_ferry.setup()
    found = {}
    with Silent() as silent:
        for name, (arguments, env, status, names) in unreachable(module_ferry.services, silent).items():
            commands = {"migrate": ["ferry-producer", *module_ferry.migrate_arguments(), *arguments]}
            if env:
                commands.update(setup=["ferry-producer", "setup"], consumer=["ferry-consumer"])
            for command, line in commands.items():
                found[name, command] = (module_ferry.start(*line, env=env), status, names)
        for process, _, _ in found.values():
            process.status = process.wait(60)
        yield found


UNREACHED = ([(side + " " + kind, "migrate") for side in ("source", "target") for kind in ("closed", "silent")]
             + [(name, command) for command in ("migrate", "setup", "consumer") for name in (
                 "kafka closed", "kafka silent", "kafka postgres", "postgres closed", "postgres silent", "postgres chroma",
                 "postgres database", "postgres role")])


@pytest.mark.parametrize("name, command", UNREACHED)
def test_an_unreachable_or_wrong_server_is_named(unreached, name, command):
    process, status, names = unreached[name, command]
    refused(process, status, *names)


def test_and_none_of_them_wrote_anything(unreached, module_ferry):
    assert len(unreached) == len(UNREACHED)
    untouched(module_ferry)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("answer", [
    Answer(200, b"<html>It works!</html>", "text/html"),
    Answer(404, b"", None),
    Answer(200, {"hello": "world"}),
    Answer(302, b"", None),
], ids=["page", "404", "json", "redirect"])
def test_a_server_that_is_no_chroma_is_named(ready, side, answer):
    with Proxy(handler=lambda request, forward: answer) as proxy:
        refused(ready.migrate(**{side: proxy.url}, seconds=30), (USAGE, NEEDS_PERSON), side, proxy.url[7:])
    untouched(ready)


def test_a_missing_tenant_or_database_is_named(ready):
    refused(ready.migrate(source_tenant="no_such_tenant"), USAGE, "source")
    refused(ready.migrate(target_database="no_such_base"), (USAGE, NEEDS_PERSON), "target", "no_such_base")
    untouched(ready)


# --- collections -----------------------------------------------------------------------------------------------------

def test_a_missing_collection_is_named(ready):
    refused(ready.migrate("no-such-collection"), USAGE, "no-such-collection", "source")
    untouched(ready)
    assert ready.target.collection("no-such-collection") is None
    assert ready.source.collection("no-such-collection") is None


@pytest.mark.parametrize("dimension, space, names", [(16, "cosine", ["24", "16", "dimension"]), (24, "l2", ["cosine", "l2"])])
def test_a_target_of_another_shape_is_found_before_anything_is_written(ready, dimension, space, names):
    ready.fill(3, dimension=dimension, space=space, server=ready.target)
    before = ready.target_ids()
    refused(ready.migrate(), (USAGE, NEEDS_PERSON), "target", *names)
    assert ready.jobs() == [] and ready.topic.count() == 0 and ready.target_ids() == before


def test_source_and_target_must_not_be_the_same_collection(ready):
    before = ready.source.ids(ready.source.collection(ready.name))
    refused(ready.migrate(target=ready.source.url), USAGE, "same collection")
    with Proxy(ready.source.url) as proxy:  # by another address
        refused(ready.migrate(target=proxy.url), USAGE, "same collection")
    assert ready.jobs() == [] and ready.topic.count() == 0
    assert ready.source.ids(ready.source.collection(ready.name)) == before


def test_within_one_server_another_collection_is_allowed(ready):
    ready.consumers()
    other = ready.also("beside")
    assert ready.migrate(target=ready.source.url, target_collection=other).status == DONE
    assert len(ready.source.ids(ready.source.collection(other))) == 20


def test_a_bad_target_name_is_named(ready):
    refused(ready.migrate(target_collection="x"), (USAGE, NEEDS_PERSON), "target", "name")
    assert ready.jobs() == [] and ready.topic.count() == 0


# --- secrets ---------------------------------------------------------------------------------------------------------

def guarded(request, forward):
    """As a Chroma behind a token."""
    sent = {name.lower(): value for name, value in request.headers.items()}.get("x-chroma-token")
    if sent != TOKEN:
        return Answer(401, {"error": "AuthError", "message": "Unauthorized"})
    return forward(request)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_wrong_or_missing_token_is_named_and_not_printed(ready, side):
    upstream = ready.source.url if side == "source" else ready.target.url
    with Proxy(upstream, guarded) as proxy:
        for token in (None, "wrong-secret-0815"):
            process = ready.migrate(**{side: proxy.url}, env={"FERRY_%s_TOKEN" % side.upper(): token})
            refused(process, USAGE, side, proxy.url[7:])
            assert "wrong-secret-0815" not in process.err + process.out
    untouched(ready)


def test_the_right_token_opens_the_target_and_is_written_nowhere(ready):
    with Proxy(ready.target.url, guarded) as proxy:
        env = {"FERRY_TARGET": proxy.url, "FERRY_TARGET_TOKEN": TOKEN}
        consumer, = ready.consumers(env=env)
        done = ready.migrate(env=env)
        assert done.status == DONE, done.err
        ready.assert_equal()
        said = "".join(process.out + process.err for process in ready.processes)
        rows = []
        for table in ready.sql("SELECT relname FROM pg_class WHERE relnamespace = 'ferry'::regnamespace AND relkind = 'r'"):
            rows += ready.sql("SELECT t::text FROM ferry.%s t" % table["relname"])
        messages = [repr(message.headers) + json.dumps(message.lines()) for message in ready.topic.messages()]
        for place in (said, json.dumps(rows), "".join(messages)):
            assert TOKEN not in place
        with open("/proc/%d/cmdline" % consumer.pid) as title:
            assert TOKEN not in title.read()


# --- the ledger and the topic ----------------------------------------------------------------------------------------

def test_without_setup_every_program_says_what_to_do(ferry):
    ferry.fill(5)
    for command in (["ferry-producer", *ferry.migrate_arguments()], ["ferry-producer", "status"], ["ferry-consumer"]):
        process = ferry.start(*command)
        process.status = process.wait(30)
        refused(process, USAGE, "ferry-producer setup")
    assert tables(ferry) == [] and ferry.topic.partitions() == []
    assert ferry.target.collection(ferry.name) is None


def test_a_ledger_newer_than_the_program_is_refused(ready):
    columns = ready.sql("SELECT * FROM ferry.schema_migrations ORDER BY version DESC LIMIT 1")[0]
    columns.update(version=columns["version"] + 100, name="9999_from_the_future")
    ready.sql("INSERT INTO ferry.schema_migrations (%s) VALUES (%s)" % (
        ", ".join(columns), ", ".join(["%s"] * len(columns))), *columns.values())
    for command in (["ferry-producer", *ready.migrate_arguments()], ["ferry-producer", "setup"], ["ferry-consumer"]):
        process = ready.start(*command)
        process.status = process.wait(30)
        refused(process, USAGE, "newer")
    assert ready.target.collection(ready.name) is None and ready.topic.count() == 0


def test_setup_may_run_again_and_changes_nothing(ready):
    before = ready.sql("SELECT * FROM ferry.schema_migrations ORDER BY version"), ready.ledger_uuid()
    ready.setup()
    assert (ready.sql("SELECT * FROM ferry.schema_migrations ORDER BY version"), ready.ledger_uuid()) == before


@pytest.mark.parametrize("setting, value", [
    ("max_message_bytes", 100_000), ("retention_ms", 60_000), ("retention_bytes", 1_000_000), ("cleanup_policy", "compact"),
])
def test_a_topic_that_would_lose_or_refuse_messages_is_named(ferry, setting, value):
    ferry.fill(5)
    bad = Topic(ferry.topic.brokers, ferry.topic.name + ".bad")
    bad.create(**{"max_message_bytes": 9 << 20, "retention_ms": -1, setting: value})
    try:
        refused(ferry.producer("setup", env={"FERRY_TOPIC": bad.name}, seconds=40), USAGE, bad.name, setting.replace("_", "."))
        ferry.setup()
        refused(ferry.migrate(env={"FERRY_TOPIC": bad.name}), USAGE, bad.name, setting.replace("_", "."))
        assert bad.count() == 0
        untouched(ferry)
    finally:
        bad.delete()


def test_a_missing_topic_is_named(ready):
    refused(ready.migrate(env={"FERRY_TOPIC": "no.such.topic"}), USAGE, "no.such.topic", "ferry-producer setup")
    untouched(ready)


def test_an_unknown_job_is_named(ready):
    refused(ready.producer("resume", "no-such-job"), USAGE, "no-such-job")
    refused(ready.producer("status", "no-such-job"), USAGE, "no-such-job")
    consumer = ready.start("ferry-consumer", "--exit-when-done", "no-such-job")
    consumer.status = consumer.wait(30)
    refused(consumer, USAGE, "no-such-job")


def test_a_job_is_not_named_like_the_number_of_another(ready):
    refused(ready.producer(*ready.migrate_arguments(job="2"), seconds=10), USAGE, "--job 2 would be taken for the number of a job")
    untouched(ready)


def test_a_job_name_is_used_once(ready):
    ready.consumers()
    assert ready.migrate(job="mine").status == DONE
    refused(ready.migrate(job="mine", target_collection=ready.also("other")), USAGE, "mine")
    assert len(ready.jobs()) == 1
