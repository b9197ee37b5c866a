"""Servers behind a proxy of the company's: HTTPS_PROXY, http_proxy, ALL_PROXY, NO_PROXY, as curl takes them."""

import socket

import pytest

from certificates import Authority
from connect_proxy import ConnectProxy
from ferry import DONE, UNAVAILABLE, USAGE
from test_tls import front

HOST = "chroma.test"  # a name that nobody but the proxy knows
LOGIN = "me:hunter2"


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def with_login(proxy):
    return proxy.url.replace("//", "//%s@" % LOGIN)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("proxied"))


def test_a_job_through_a_tunnel_and_a_plain_proxy(ferry, authority):
    """The target by TLS through a tunnel, the source in the clear; the consumer has the proxy from .env."""
    ferry.fill(40)
    ferry.setup()
    hosts = {"source.test": ("127.0.0.1", port_of(ferry.source.url))}
    with front(ferry.target.url, authority.issue("far", "DNS:" + HOST)) as far, ConnectProxy(hosts, LOGIN) as proxy:
        hosts[HOST] = ("127.0.0.1", port_of(far.url))
        target = "https://%s:%d" % (HOST, port_of(far.url))
        env = {"FERRY_TARGET": target, "FERRY_TARGET_TOKEN": "t-target-0815", "FERRY_TARGET_CA_FILE": str(authority.certificate)}
        (ferry.folder / ".env").write_text("HTTPS_PROXY=%s\n" % with_login(proxy))
        consumer, = ferry.consumers(env=env)
        process = ferry.migrate(source="http://source.test:8000", env=dict(
            env, http_proxy=with_login(proxy), FERRY_SOURCE_TOKEN="t-source-0815"))
        assert process.status == DONE, process.err
        ferry.assert_equal()
        tunnels = [names for method, address, names in proxy.seen if (method, address) == ("CONNECT", target[len("https://"):])]
        assert tunnels and not any({"x-chroma-token", "authorization"} & names for names in tunnels), "a token is not the proxy's"
        assert any(address.startswith("http://source.test:8000/api/v2/") for _, address, _ in proxy.seen)
        assert far.count("upsert") > 0
        process = ferry.producer("doctor", "--source", "http://source.test:8000", env=dict(
            env, http_proxy=with_login(proxy), FERRY_SOURCE_TOKEN="t-source-0815"))
        assert process.status == DONE, process.out
        assert "http_proxy is set: requests go through the proxy " + proxy.address in process.out
        assert "event=secret.in_clear" in process.err or "sent in the clear" in process.out
    assert "hunter2" not in ferry.logs() and "hunter2" not in str(ferry.sql("SELECT * FROM ferry.endpoints"))
    assert "hunter2" not in str(ferry.sql("SELECT * FROM ferry.events"))


def refused(ferry, address, env):
    process = ferry.producer("collections", "--source", address, env=dict(env, FERRY_TARGET=None))
    assert process.status != DONE and process.err.count("\n") <= 2, process.err
    assert "hunter2" not in process.err + process.out
    return process


def test_what_a_proxy_refuses_is_told_as_the_proxy_s(ferry):
    with ConnectProxy({}, LOGIN) as proxy:
        process = refused(ferry, "https://chroma.test", {"HTTPS_PROXY": with_login(proxy)})
        words = "the proxy %s (HTTPS_PROXY) refuses to connect to it: 403" % proxy.address
        assert words in process.err and "chroma.test:443" in process.err and process.status == USAGE, process.err

        process = refused(ferry, "https://chroma.test", {"ALL_PROXY": proxy.url})
        assert "the proxy %s asks for credentials" % proxy.address in process.err and "ALL_PROXY" in process.err, process.err
        assert process.status == USAGE

        process = refused(ferry, "http://chroma.test:8000", {"http_proxy": with_login(proxy), "FERRY_SOURCE_TOKEN": "x"})
        assert 'a page of the proxy %s, "Blocked by policy"' % proxy.address in process.err, process.err

        process = refused(ferry, "http://chroma.test:8000", {"http_proxy": proxy.url})
        assert "407: the proxy %s asks for credentials" % proxy.address in process.err and process.status == USAGE, process.err


def test_a_proxy_that_fails_is_an_outage_and_named(ferry):
    with ConnectProxy({}, refusal=(502, "Upstream gone")) as proxy:
        process = refused(ferry, "https://chroma.test", {"https_proxy": proxy.url})
        assert "the proxy %s (https_proxy) refuses to connect to it: 502" % proxy.address in process.err, process.err
        assert process.status == UNAVAILABLE
        process = refused(ferry, "http://chroma.test:8000", {"http_proxy": proxy.url})
        assert '502: a page of the proxy %s, "Upstream gone"' % proxy.address in process.err and process.status == UNAVAILABLE
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = "127.0.0.1:%d" % listener.getsockname()[1]
    for scheme in ("http", "https"):
        env = {scheme + "_proxy": "http://%s@%s" % (LOGIN, closed)}
        process = refused(ferry, scheme + "://chroma.test:8000", env)
        assert "no connection to the proxy %s (%s_proxy)" % (closed, scheme) in process.err, process.err
        assert process.status == UNAVAILABLE
    process = refused(ferry, "https://chroma.test", {"https_proxy": "http://%s@proxy.invalid:3128" % LOGIN})
    assert "the name of the proxy proxy.invalid:3128 (https_proxy) cannot be resolved" in process.err, process.err
    process = refused(ferry, "https://chroma.test", {"https_proxy": "gopher://%s@proxy:3128" % LOGIN})
    assert "https_proxy is set, but is no address of a proxy" in process.err and process.status == USAGE, process.err


def test_this_machine_and_no_proxy_go_directly(ferry):
    ferry.fill(3)
    with ConnectProxy({}) as proxy:
        env = {"http_proxy": proxy.url, "ALL_PROXY": proxy.url, "FERRY_TARGET": None}
        process = ferry.producer("collections", "--source", ferry.source.url, env=env)
        assert process.status == DONE and ferry.name in process.out, process.err
        # 0.0.0.0 leads here too, but curl does not know that it is this machine
        address = ferry.source.url.replace("127.0.0.1", "0.0.0.0")
        process = ferry.producer("collections", "--source", address, env=dict(env, NO_PROXY="example.org,0.0.0.0"))
        assert process.status == DONE and ferry.name in process.out, process.err
        assert proxy.seen == []
        refused(ferry, address, env)
        assert proxy.seen


def test_a_page_of_a_gateway_is_no_answer_of_a_chroma(ferry):
    with ConnectProxy({}, refusal=(503, "Maintenance")) as gateway:  # asked as if it were the server
        process = refused(ferry, gateway.url, {})
        assert '503: a page of a gateway or proxy before it, "Maintenance"' in process.err, process.err
