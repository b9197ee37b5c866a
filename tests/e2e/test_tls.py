"""TLS to Chroma: certificates that are refused, each by the check it does not pass; client certificates, further headers."""

import contextlib
import json
import socket
import ssl

import pytest

from certificates import Authority
from ferry import DONE, NEEDS_PERSON, USAGE
from proxy import Answer, Proxy


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@contextlib.contextmanager
def front(upstream, pair, handler=lambda request, forward: forward(request), clients=None):
    """A Chroma behind TLS. clients: the CA whose certificates callers must show."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    with Proxy(upstream, handler, tls=context) as proxy:
        yield proxy


def verify(ferry, source, **env):
    ferry.fill(5)
    return ferry.producer("verify", "--source", source, "--collection", ferry.name, env=env)


def check_refused(process, *words):
    assert process.status == USAGE, process.err
    lines = [line for line in process.err.splitlines() if "TLS: " in line]
    assert len(lines) == 1 and all(word in lines[0] for word in ("source", "127.0.0.1:") + words), process.err
    assert "PRIVATE" not in process.err and "hunter2" not in process.err + process.out


@pytest.mark.parametrize("kind, words", [
    ("expired", "the certificate has expired"),
    ("self-signed", "the certificate is self-signed"),
    ("another-host", "the certificate is for another"),
    ("another-name", "the certificate is for another"),
    ("unknown-ca", "of a CA that is not trusted here"),
])
def test_a_bad_certificate_is_refused_by_the_check_it_fails(ferry, authority, tmp_path, kind, words):
    make = {
        "expired": lambda: authority.issue("expired", days=-1),
        "self-signed": lambda: authority.self_signed("self-signed"),
        "another-host": lambda: authority.issue("another-host", "IP:127.0.0.2"),
        "another-name": lambda: authority.issue("another-name", "DNS:chroma.example"),
        "unknown-ca": lambda: Authority(tmp_path / "other", "other").issue("stranger"),
    }
    seen = []

    def handler(request, forward):
        seen.append(request.path)
        return forward(request)

    with front(ferry.source.url, make[kind](), handler) as proxy:
        process = verify(ferry, proxy.url, FERRY_SOURCE_CA_FILE=str(authority.certificate), FERRY_SOURCE_TOKEN="hunter2")
    check_refused(process, words)
    assert not seen, "a request, and with it a token, went to a server that is not proven"


def test_the_system_s_authorities_hold_where_none_is_named(ferry, authority):
    with front(ferry.source.url, authority.issue("unnamed")) as proxy:
        check_refused(verify(ferry, proxy.url), "of a CA that is not trusted here (…_CA_FILE may name it)")


def test_plain_http_behind_https_is_said(ferry):
    process = verify(ferry, ferry.source.url.replace("http://", "https://"))
    assert process.status != DONE and "no TLS is spoken there (is it http://?)" in process.err, process.err


def test_a_client_certificate_is_asked_for_and_shown(ferry, authority, tmp_path):
    server, client = authority.issue("asking"), authority.issue("client")
    stranger = Authority(tmp_path / "other", "other").issue("stranger")
    env = {"FERRY_SOURCE_CA_FILE": str(authority.certificate)}
    with front(ferry.source.url, server, clients=authority.certificate) as proxy:
        check_refused(verify(ferry, proxy.url, **env), "client certificate", "_CERT_FILE")
        env.update(FERRY_SOURCE_CERT_FILE=str(stranger[0]), FERRY_SOURCE_KEY_FILE=str(stranger[1]))
        check_refused(verify(ferry, proxy.url, **env), "client certificate")
        env.update(FERRY_SOURCE_CERT_FILE=str(client[0]), FERRY_SOURCE_KEY_FILE=str(stranger[1]))
        process = verify(ferry, proxy.url, **env)
        assert process.status == USAGE and process.err.count("\n") == 1, process.err
        assert proxy.count("get") == 0
        env.update(FERRY_SOURCE_KEY_FILE=str(client[1]))
        process = ferry.producer("migrate", "--dry-run", "--source", proxy.url, "--collection", ferry.name, env=env)
        assert process.status == DONE and proxy.count("get") > 0, process.err


def test_a_job_over_tls_with_headers_for_a_gateway_on_both_sides(ferry, authority, tmp_path):
    gate = "X-Gate: hunter2 %s"

    def guarded(side):
        def handler(request, forward):
            if request.headers.get("X-Gate") != "hunter2 " + side or request.headers.get("X-Chroma-Token") != "t-" + side:
                return Answer(403, {"error": "the gate does not know %s" % request.headers.get("X-Gate")})
            return forward(request)
        return handler

    ferry.fill(40)
    ferry.setup()
    client = authority.issue("both")
    with front(ferry.source.url, authority.issue("s"), guarded("source"), authority.certificate) as source, \
            front(ferry.target.url, authority.issue("t"), guarded("target"), authority.certificate) as target:
        env = {}
        for role, side in (("SOURCE", source), ("TARGET", target)):
            headers = tmp_path / role
            headers.write_text("# for the gate\r\n%s\r\n" % (gate % role.lower()))
            env.update({"FERRY_%s" % role: side.url, "FERRY_%s_TOKEN" % role: "t-" + role.lower(),
                        "FERRY_%s_HEADER_FILE" % role: str(headers), "FERRY_%s_CA_FILE" % role: str(authority.certificate),
                        "FERRY_%s_CERT_FILE" % role: str(client[0]), "FERRY_%s_KEY_FILE" % role: str(client[1])})
        ferry.consumers(env=env)
        process = ferry.migrate(env=env)
        assert process.status == DONE, process.err
        assert target.count("upsert") > 0
        wrong = tmp_path / "wrong"
        wrong.write_text("X-Gate: hunter2 nobody\n")
        refused = ferry.migrate(env=dict(env, FERRY_SOURCE_HEADER_FILE=str(wrong)))
        assert refused.status == USAGE and "403" in refused.err, refused.err
    ferry.assert_equal()
    assert "hunter2" not in ferry.logs()


@pytest.mark.parametrize("command", [["verify", "--collection", "x"], ["collections"]])
def test_a_header_file_that_smuggles_is_refused(ferry, tmp_path, command):
    path = tmp_path / "headers"
    path.write_bytes(b"X-Gate: a\rX-Other: hunter2\n")
    process = ferry.producer(*command, "--source-header-file", str(path))
    assert process.status == USAGE and "headers, line 1: a line break" in process.err, process.err
    assert "hunter2" not in process.err


def test_a_token_in_the_address_is_refused_with_the_reason(ferry):
    process = ferry.producer("verify", "--collection", "x", "--source", "https://user:hunter2@chroma.example")
    assert process.status == USAGE and "secrets have variables of their own" in process.err, process.err
    assert "hunter2" not in process.err


def test_a_token_in_clear_is_warned_about(ferry, tmp_path):
    # A port of this machine under a name that is not loopback: nothing leaves it, whether anyone answers or not.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = ferry.producer("verify", "--collection", "x", "--source", "http://0.0.0.0:%d" % port,
                             env={"FERRY_SOURCE_TOKEN": "hunter2"})
    assert process.status != DONE and "event=secret.in_clear role=source" in process.err, process.err
    assert "hunter2" not in process.err
    process = ferry.producer("verify", "--collection", "x", "--source", "http://127.0.0.1:%d" % port,
                             env={"FERRY_SOURCE_TOKEN": "hunter2"})
    assert "secret.in_clear" not in process.err
    headers = tmp_path / "gate"
    headers.write_text("X-Gate: hunter2\n")
    process = ferry.producer("doctor", "--json", "--source", "http://0.0.0.0:%d" % port, env={"FERRY_SOURCE_HEADER_FILE": str(headers)})
    address, = [row for row in json.loads(process.out)["checks"] if (row["area"], row["check"]) == ("source", "address")]
    assert address["state"] == "warning" and address["found"].endswith("credentials: headers, sent in the clear"), address
    assert "hunter2" not in process.err + process.out


def test_a_consumer_that_does_not_know_the_ca_blocks_the_job_and_says_why(ferry, authority):
    ferry.fill(10)
    ferry.setup()
    with front(ferry.target.url, authority.issue("lonely")) as target:
        env = {"FERRY_TARGET": target.url, "FERRY_TARGET_CA_FILE": str(authority.certificate)}
        lacking, = ferry.consumers(env={"FERRY_TARGET": target.url})
        blocked = ferry.migrate(env=env)
        assert blocked.status == NEEDS_PERSON and "of a CA that is not trusted here" in blocked.err, blocked.err
        assert target.count("upsert") == 0
        lacking.stop()
        ferry.consumers(env=env)
        process = ferry.producer("resume", blocked.err.split()[-1], env=env)
        assert process.status == DONE, process.err
    ferry.assert_equal()
