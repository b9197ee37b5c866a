"""A secret goes to the server that it was set for, whatever the ledger says; and where it went is recorded without it."""

import contextlib
import json

import pytest

from certificates import Authority
from connect_proxy import ConnectProxy
from ferry import DONE, INTERRUPTED, NEEDS_PERSON, USAGE, wait_for
from proxy import Answer, Proxy
from test_bad_input import TOKEN, guarded
from test_tls import front

GATE = "hunter2-of-the-gate"


@contextlib.contextmanager
def stranger(seen):
    """A server that somebody has written into the ledger. It takes down every header that comes."""
    def handler(request, forward):
        seen.append(json.dumps(request.headers))
        return Answer(401, {"error": "AuthError", "message": "Unauthorized"})
    with Proxy(handler=handler) as proxy:
        yield proxy


def begun(ferry, env):
    """A job that has published and that nobody delivers."""
    ferry.fill(40)
    ferry.setup()
    process = ferry.start_migrate(env=env)
    wait_for(lambda: ferry.job() and ferry.job()["published"] == 40, what="published")
    assert process.stop() == INTERRUPTED, process.err
    return ferry.job()["job"]


@pytest.mark.parametrize("with_origin", [False, True], ids=["url", "url and origin"])
def test_a_forged_target_receives_no_credential(ferry, tmp_path, with_origin):
    seen = []
    headers = tmp_path / "gate"
    headers.write_text("X-Gate: %s\n" % GATE)
    with Proxy(ferry.target.url, guarded) as good, stranger(seen) as evil:
        env = {"FERRY_TARGET": good.url, "FERRY_TARGET_TOKEN": TOKEN, "FERRY_TARGET_HEADER_FILE": str(headers)}
        job = begun(ferry, env)
        ferry.sql("UPDATE ferry.endpoints SET url = %s" + ", origin = %s" * with_origin + " WHERE url = %s",
                  *[evil.url] * (2 if with_origin else 1), good.url)
        consumer, = ferry.consumers(env=env)
        wait_for(lambda: "no secret for " + evil.url in consumer.err, what="the consumer has looked")
        for more in (env, dict(env, FERRY_TARGET=None)):
            resumed = ferry.producer("resume", job, env=more)
            assert resumed.status == USAGE and evil.url[7:] in resumed.err, resumed.err
        assert "FERRY_TARGET_TOKEN is set, but not for which server" in resumed.err, resumed.err
        assert seen and not any(word in text for text in seen for word in (TOKEN, GATE)), seen


def test_a_forged_source_receives_no_credential(ferry, tmp_path):
    seen = []
    headers = tmp_path / "gate"
    headers.write_text("X-Gate: %s\n" % GATE)
    with Proxy(ferry.source.url, guarded) as good, stranger(seen) as evil:
        env = {"FERRY_SOURCE": good.url, "FERRY_SOURCE_TOKEN": TOKEN, "FERRY_SOURCE_HEADER_FILE": str(headers)}
        job = begun(ferry, env)
        ferry.sql("UPDATE ferry.endpoints SET url = %s WHERE url = %s", evil.url, good.url)
        for more in (env, dict(env, FERRY_SOURCE=None)):
            resumed = ferry.producer("resume", job, env=more)
            assert resumed.status == USAGE and evil.url[7:] in resumed.err, resumed.err
        assert seen and not any(word in text for text in seen for word in (TOKEN, GATE)), seen
        # told where it is, it goes on
        ferry.consumers()
        resumed = ferry.producer("resume", job, "--source", good.url, env=env)
        assert resumed.status == DONE, resumed.err


def test_chroma_s_own_token_goes_to_chroma_s_own_host(ferry):
    """CHROMA_HOST is the target, and the consumer knows it from the same variables."""
    def bearer(request, forward):
        sent = {name.lower(): value for name, value in request.headers.items()}.get("authorization")
        return forward(request) if sent == "Bearer " + TOKEN else Answer(401, {"error": "AuthError", "message": "no"})

    with Proxy(ferry.target.url, bearer) as good:
        host, port = good.url[7:].split(":")
        env = {"FERRY_TARGET": None, "CHROMA_HOST": host, "CHROMA_PORT": port, "CHROMA_AUTH_TOKEN": TOKEN}
        ferry.fill(20)
        ferry.setup()
        ferry.consumers(env=env)
        process = ferry.migrate(env=env)
        assert process.status == DONE, process.err
        env["CHROMA_AUTH_TOKEN_TRANSPORT_HEADER"] = "X-Chroma-Token"
        wrong = ferry.migrate(env=env)
        assert wrong.status == USAGE and "refused the X-Chroma-Token" in wrong.err, wrong.err
        assert "check CHROMA_AUTH_TOKEN, and its rights; or set FERRY_TARGET_AUTH to bearer" in wrong.err, wrong.err
        env["FERRY_TARGET_AUTH"] = "bearer"
        check_compares(ferry, ferry.source, good, env)
        looked = ferry.producer("doctor", "--json", env=env)
        settings = {row["name"]: row for row in json.loads(looked.out)["settings"]}
        assert settings["CHROMA_AUTH_TOKEN"]["value"] == "(set, not shown)" and settings["CHROMA_HOST"]["value"] == host
        assert TOKEN not in looked.out + looked.err
    assert ferry.sql("SELECT auth_style FROM ferry.endpoints WHERE url = %s", good.url) == [{"auth_style": "bearer"}]


def test_a_login_that_a_server_repeats_is_shown_nowhere(ferry):
    """By a gateway that has decoded it, in words and in an address, to both programs."""
    def wrong(request, forward):
        if request.verb != "upsert":
            return forward(request)
        return Answer(403, {"error": "AuthError", "message": "password %s of user bob is not known" % TOKEN})

    def elsewhere(request, forward):
        return Answer(401, ("sign in at /login?user=bob&secret=%s" % TOKEN.replace("-", "%2D")).encode(), "text/plain")

    login = {"USER": "bob", "PASSWORD": TOKEN}
    ferry.fill(20)
    ferry.setup()
    with Proxy(ferry.source.url, elsewhere) as source:
        env = dict({"FERRY_SOURCE_" + name: value for name, value in login.items()}, FERRY_SOURCE=source.url)
        asked = ferry.migrate(env=env)
        assert asked.status == USAGE and "401" in asked.err and "is not shown" in asked.err, asked.err
    with Proxy(ferry.target.url, wrong) as target:
        env = dict({"FERRY_TARGET_" + name: value for name, value in login.items()}, FERRY_TARGET=target.url)
        consumer, = ferry.consumers(env=env)
        process = ferry.migrate(env=env)
        assert process.status == NEEDS_PERSON and "403" in process.err, process.err
        consumer.stop()
    rows = json.dumps(ferry.sql("SELECT j::text FROM ferry.jobs j UNION ALL SELECT e::text FROM ferry.events e"))
    assert "repeats the secret and is not shown" in rows
    for place in (rows, asked.err, process.err, process.out, consumer.err):
        assert "swordfish" not in place, place


def test_header_lines_alone_are_credentials_too(ferry, tmp_path):
    """A gateway's key in a header of its own: a consumer without it leaves the batch to one that has it."""
    headers = tmp_path / "gate"
    headers.write_text("X-Api-Key: %s\n" % GATE)

    def gate(request, forward):
        return forward(request) if request.headers.get("X-Api-Key") == GATE else Answer(403, b"<html>no</html>", "text/html")

    with Proxy(ferry.target.url, gate) as good:
        env = {"FERRY_TARGET": good.url, "FERRY_TARGET_HEADER_FILE": str(headers)}
        begun(ferry, env)
        assert ferry.sql("SELECT auth_style FROM ferry.endpoints WHERE url = %s", good.url) == [{"auth_style": "headers"}]
        lacking, = ferry.consumers(env={"FERRY_TARGET": good.url})
        wait_for(lambda: "no header lines for " + good.url in lacking.err, what="the consumer has looked")
        assert lacking.alive and ferry.job()["rejected"] == 0
        lacking.stop()
        ferry.consumers(env=env)
        process = ferry.migrate(env=env)
        assert process.status == DONE, process.err
        headers.write_text("X-Api-Key: swordfish\n")
        process = ferry.producer("verify", "-c", ferry.name, env=env)
        assert process.status == USAGE and "swordfish" not in process.err, process.err
        assert "only header lines were sent (X-Api-Key: check them; or set FERRY_TARGET_TOKEN" in process.err, process.err
    ferry.assert_equal()


@contextlib.contextmanager
def watched(server, seen):
    """A server, and every header that comes to it."""
    def handler(request, forward):
        seen.append(json.dumps(request.headers))
        return forward(request)
    with Proxy(server.url, handler) as proxy:
        yield proxy


@pytest.fixture
def pair(ferry):
    """Both servers with the same records, and what each is sent: (source, its headers, target, its headers)."""
    ferry.fill(5, arrays=False)
    ferry.fill(5, arrays=False, server=ferry.target)
    sources, targets = [], []
    with watched(ferry.source, sources) as source, watched(ferry.target, targets) as target:
        yield source, sources, target, targets


def check_compares(ferry, source, target, env, *flags):
    """It asks both servers, and both answer."""
    process = ferry.producer("verify", "-c", ferry.name, "--source", source.url, "--target", target.url, *flags, env=env)
    assert process.status == DONE, process.err
    return process


def test_chroma_s_key_goes_to_no_old_server(ferry, pair):
    """An .env of the old server, with the key of Cloud in it already: two flags say what is to be done."""
    source, sources, target, targets = pair
    host, port = source.url[7:].split(":")
    env = {"FERRY_SOURCE": None, "FERRY_TARGET": None, "CHROMA_API_KEY": TOKEN, "CHROMA_HOST": host, "CHROMA_PORT": port}
    check_compares(ferry, source, target, env)
    assert sources and targets and not any(TOKEN in text for text in sources + targets)
    check_compares(ferry, target, source, env)  # back to the server that the variables name as the target
    assert any(TOKEN in text for text in sources) and not any(TOKEN in text for text in targets)


def test_a_token_beside_an_address_is_not_the_flag_s(ferry, pair, tmp_path):
    """The variables of the way there, and flags that name the servers the other way round, or another one."""
    source, sources, target, targets = pair
    headers = tmp_path / "gate"
    headers.write_text("X-Gate: %s\n" % GATE)
    env = {"FERRY_SOURCE": source.url, "FERRY_SOURCE_TOKEN": TOKEN, "FERRY_TARGET": target.url, "FERRY_TARGET_USER": "me",
           "FERRY_TARGET_PASSWORD": TOKEN, "FERRY_TARGET_HEADER_FILE": str(headers)}
    straight = check_compares(ferry, source, target, env)
    assert any(TOKEN in text for text in sources) and all(GATE in text and "Basic " in text for text in targets)
    assert "setting.unused" not in straight.err, straight.err
    del sources[:], targets[:]
    back = check_compares(ferry, target, source, env)
    assert sources and targets
    assert not any(word in text for text in sources + targets for word in (TOKEN, GATE, "Basic ")), sources + targets
    for name in ("SOURCE_TOKEN", "TARGET_USER", "TARGET_PASSWORD", "TARGET_HEADER_FILE"):
        assert "event=setting.unused variable=FERRY_" + name in back.err, back.err
    looked = ferry.producer("doctor", "--source", target.url, "--json", env=env)
    settings = {row["name"]: row for row in json.loads(looked.out)["settings"]}
    assert settings["FERRY_SOURCE_TOKEN"] == {
        "name": "FERRY_SOURCE_TOKEN", "value": "(set, not shown)",
        "from": "FERRY_SOURCE_TOKEN: says nothing: --source is another server than FERRY_SOURCE, which it belongs to"}
    assert "says nothing" not in settings["FERRY_TARGET_PASSWORD"]["from"] and TOKEN not in looked.out + looked.err
    del sources[:], targets[:]
    check_compares(ferry, target, source, dict(env, FERRY_SOURCE=None, FERRY_TARGET=None))  # no address beside them
    assert any(TOKEN in text for text in targets) and all(GATE in text for text in sources)


def test_a_named_endpoint_s_token_is_not_another_flag_s(ferry, pair):
    source, sources, target, targets = pair
    (ferry.folder / "ferry.conf").write_text("[endpoint old]\nurl = %s\ntoken_env = OLD_TOKEN\n[endpoint new]\nurl = %s\n" % (
        source.url, target.url))
    env = {"FERRY_SOURCE": "old", "FERRY_TARGET": "new", "OLD_TOKEN": TOKEN}
    for flags, more in (((source, target), {}), ((target, source), {"FERRY_SOURCE_TOKEN": GATE})):
        check_compares(ferry, *flags, dict(env, **more))  # by addresses: the section of each goes with it
        assert sources and all(TOKEN in text for text in sources)
        assert targets and not any(word in text for text in targets for word in (TOKEN, GATE))
        assert not any(GATE in text for text in sources)
        del sources[:], targets[:]


def test_the_token_of_an_own_server_goes_to_no_region_of_cloud(ferry, tmp_path):
    """CHROMA_HOST is a region's, and a token of the old server is still set; a tunnel leads to what stands in for that host."""
    region, key, seen = "europe-west1.gcp.trychroma.com", "ck-0815-4711", []

    def handler(request, forward):
        seen.append(json.dumps(request.headers))
        return forward(request)

    ferry.fill(5, arrays=False, server=ferry.target)
    authority = Authority(tmp_path / "ca")
    hosts = {}
    with front(ferry.target.url, authority.issue("region", "DNS:" + region), handler) as far, ConnectProxy(hosts) as tunnel:
        hosts[region] = ("127.0.0.1", int(far.url.rsplit(":", 1)[1]))
        env = {"FERRY_TARGET": None, "FERRY_TARGET_CA_FILE": str(authority.certificate), "https_proxy": tunnel.url, "CHROMA_HOST": region,
               "CHROMA_API_KEY": key, "CHROMA_TENANT": "default_tenant", "CHROMA_DATABASE": "default_database"}
        for token in ({"CHROMA_AUTH_TOKEN": TOKEN}, {"CHROMA_CUSTOM_AUTH_CREDENTIALS": TOKEN}):
            process = ferry.producer("collections", "--target", "https://" + region, env=dict(env, **token))
            assert process.status == DONE and ferry.name in process.out, process.err
    assert seen and all(key in text for text in seen) and not any(TOKEN in text for text in seen), seen[0]
