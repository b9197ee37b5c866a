"""Line 22: secrets in every place where a program takes one, and every failure in which one might be said: servers that repeat what they
were sent, wrong settings, wrong files, wrong addresses. None is in an output, the ledger, a topic, a process title, or with
another server."""

import time

import pytest

from ferry import DONE, NEEDS_PERSON, REJECTS, USAGE, UNAVAILABLE, TooLate, wait_for
from proxy import Answer, Proxy
from world import check, sized

AT_ONCE = 9  # settings, each tried by five programs
CLOSED = "127.0.0.1:9"  # nobody listens there


def headers_of(request):
    return "; ".join("%s: %s" % pair for pair in sorted(request.headers.items()))


class Talkative:
    """Repeats in its answers what it was sent, as debug pages and careless gateways do."""

    def __init__(self, status=None, verbs=("upsert",), kind="application/json"):
        self.status, self.verbs, self.kind, self.said = status, verbs, kind, 0

    def __call__(self, request, forward):
        if self.status is None or request.verb not in self.verbs and "*" not in self.verbs:
            return forward(request)
        self.said += 1
        words = "refused, you sent %s" % headers_of(request)
        return Answer(self.status, {"error": "AuthError", "message": words} if self.kind == "application/json" else
                      ("<html><body><pre>%s</pre></body></html>" % words).encode(), self.kind)


@pytest.fixture
def front(world):
    world.fill(60, dimension=8)
    world.setup()
    world.env["FERRY_LOG"] = "debug"
    talk = Talkative()
    world.front.handler = talk
    return talk


def tell(score, what, found):
    score(22, "%s: %s, 0 hits" % (what, found[-1].says), "0 hits", found[-1].holds)


def fails(process, *statuses):
    assert process.status in statuses, (process.status, process.err)
    return process


def test_servers_that_repeat_what_they_were_sent(world, front, score):
    for status, kind in sized(((401, "application/json"),), ((401, "application/json"), (403, "text/html"), (400, "application/json"))):
        name = world.also("said-%d" % status)
        front.status, front.kind = status, kind
        consumer, = world.consumers()
        migrate = world.start_migrate(target_collection=name, batch_records=20, job=name)
        status_ = migrate.wait()
        assert status_ == NEEDS_PERSON, migrate.err
        front.status = None
        consumer.stop()
        consumer, = world.consumers()
        assert world.resume(name).status == DONE
        consumer.stop()
    for status in sized((503,), (500, 503, 429, 502)):
        name = world.also("said-%d" % status)
        front.status, front.kind, front.said = status, "text/html", 0
        consumer, = world.consumers()
        migrate = world.start_migrate(target_collection=name, batch_records=20, job=name)
        wait_for(lambda: front.said >= 2, 60, "some refusals")
        wait_for(lambda: world.producer("status").status == DONE and (world.job(name) or {}).get("waits_for"), 30, "it says so")
        front.status = None
        assert migrate.wait() == DONE, migrate.err
        consumer.stop()
    with Proxy(world.source.url, Talkative(401, "*")) as source:
        for command in (world.migrate_arguments(source=source.url, target_collection=world.also("no-source")),
                        ["doctor", "--collection", world.name, "--source", source.url],
                        ["doctor", "--collection", world.name, "--source", source.url, "--json"],
                        ["collections", "--source", source.url], ["verify", "--collection", world.name, "--source", source.url],
                        world.migrate_arguments(source=source.url) + ["--dry-run"]):
            fails(world.producer(*command, env={"FERRY_SOURCE": source.url}), USAGE, UNAVAILABLE, NEEDS_PERSON)
    tell(score, "servers that repeat what they were sent", check.everything(world))


def test_a_token_goes_to_its_own_server_only(world, front, score):
    """A redirection is not followed, with or without the token."""
    strangers = []

    def stranger(request, forward):
        strangers.append(headers_of(request))
        return Answer(200, {})
    with Proxy("", stranger) as elsewhere:
        def moved(request, forward):
            answer = forward(request)
            if request.verb in ("upsert", "get"):
                answer = Answer(307, b"", "text/html\r\nLocation: %s%s" % (elsewhere.url, request.path))
            return answer
        world.front.handler = moved
        consumer, = world.consumers()
        migrate = world.start_migrate(batch_records=20)
        wait_for(lambda: any(status == 307 for _, status in world.front.requests), 60, "a redirection")
        migrate.stop()
        consumer.stop()
        assert not strangers
        world.front.handler = front
        world.consumers()
        assert world.migrate(batch_records=20).status == DONE
    tell(score, "redirections", check.everything(world))


def test_settings_that_are_wrong(world, front, score):
    folder = world.folder

    def file(name, text):
        (folder / name).write_text(text)
        return str(folder / name)
    secret = world.canary("wrong")
    everywhere = ["setup", "status", "doctor", "migrate"]
    closed = {"CHROMA_CLIENT_TYPE": "http", "CHROMA_HOST": "127.0.0.1", "CHROMA_PORT": "9", "FERRY_TARGET": None}
    wrong = [
        {"FERRY_SOURCE": "http://user:%s@127.0.0.1:1" % secret}, {"FERRY_TARGET": "http://user:%s@127.0.0.1:1" % secret},
        {"FERRY_SOURCE": "http://127.0.0.1:1/?token=%s" % secret},
        {"FERRY_TARGET_TOKEN": secret + "\n" + secret}, {"FERRY_SOURCE_TOKEN": secret + "\t\x01"},
        {"FERRY_TARGET_TOKEN": None, "FERRY_TARGET_TOKEN_FILE": file("token", secret + "\nsecond line " + secret + "\n")},
        {"FERRY_TARGET_TOKEN": secret, "FERRY_TARGET_AUTH": "basic"}, {"FERRY_TARGET_TOKEN": secret, "FERRY_TARGET_AUTH": "digest"},
        {"FERRY_SOURCE_TOKEN": None, "FERRY_SOURCE_USER": "u:ser", "FERRY_SOURCE_PASSWORD": secret},
        {"FERRY_TARGET_HEADER_FILE": file("headers", "X-Gateway %s\n" % secret)},
        {"FERRY_TARGET_HEADER_FILE": file("more-headers", "X-Gateway: a\x01%s\n" % secret)},
        {"FERRY_KAFKA_CONFIG": file("kafka", "sasl.pasword=%s\n" % secret)},
        {"FERRY_KAFKA_CONFIG": file("kafka2", "%s\n" % secret)},
        {"FERRY_KAFKA_SASL_JAAS_CONFIG": "org.x required password=\"%s\";" % secret},
        {"FERRY_KAFKA_SSL_KEY_PEM": "-----BEGIN PRIVATE KEY-----\n%s\n" % secret, "FERRY_KAFKA_SECURITY_PROTOCOL": "SSL"},
        {"PGPASSWORD": secret, "PGUSER": "nobody"},
        {"PGPASSFILE": file("pgpass", "*:*:*:*:%s\n" % secret), "PGPASSWORD": None, "PGDATABASE": "nowhere"},
        # From here on it is waited for what does not answer: together, because that takes its time.
        {"PGSERVICE": "x", "PGSERVICEFILE": file("services", "[x]\nhost=127.0.0.1\nport=9\npassword=%s\npasword=%s\n" % (secret, secret))},
        {"PGPASSWORD": secret, "PGPORT": "9"}, dict(closed, CHROMA_API_KEY=secret), dict(closed, CHROMA_API_KEY=secret + "\n"),
        {"FERRY_KAFKA_SSL_KEY_PASSWORD": secret, "FERRY_KAFKA_SECURITY_PROTOCOL": "SSL"},
        {"FERRY_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "FERRY_KAFKA_SASL_MECHANISM": "PLAIN",
         "FERRY_KAFKA_SASL_USERNAME": "ferry", "FERRY_KAFKA_SASL_PASSWORD": secret},
        {"http_proxy": "http://user:%s@%s" % (secret, CLOSED), "https_proxy": "http://user:%s@%s" % (secret, CLOSED)},
    ]
    for start in range(0, len(wrong), AT_ONCE):
        running = []
        for changes in wrong[start:start + AT_ONCE]:
            for command in everywhere:
                arguments = [command] + {"migrate": ["--collection", world.name, "--target-collection", world.also("w")],
                                         "doctor": ["--collection", world.name]}.get(command, [])
                running.append(world.start("ferry-producer", *arguments, env=changes))
            running.append(world.start("ferry-consumer", env=changes))
        end = time.monotonic() + 15
        for process in running:
            try:
                process.wait(max(0, end - time.monotonic()))
            except TooLate:  # it waits for a server, or for work
                process.stop()
    (folder / ".env").write_text("FERRY_LOG=debug\nthis is no setting %s\nFERRY_SOURCE_TOKEN='%s\n" % (secret, secret))
    for command in everywhere:
        world.producer(command, *(["--collection", world.name] if command in ("migrate", "doctor") else []), seconds=30)
    (folder / ".env").unlink()
    world.consumers()
    assert world.migrate(batch_records=20, target_collection=world.also("right")).status in (DONE, REJECTS)
    tell(score, "%d runs with wrong settings" % (len(wrong) * 5 + len(everywhere)), check.everything(world, only=(check.i7,)))
