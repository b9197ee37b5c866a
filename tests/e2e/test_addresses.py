"""Servers whose address is not just a name and a port."""

import socket
import threading
import time

import pytest

import judge
from ferry import DONE, LIGHT, load, mixed
from own_chroma import OwnChroma
from proxy import Answer, Drop, Proxy

PREFIX = "/gw/old%20chroma"


def behind_a_prefix(request, forward):
    """As a gateway that shares its port among several services."""
    if not request.path.startswith(PREFIX + "/api/"):
        return Answer(404, b"<html>no such service</html>", "text/html")
    request.path = request.path[len(PREFIX):]
    return forward(request)


def test_servers_that_keep_no_connection_for_long(ferry):
    """As old servers' uvicorn does after 5 s: what is idle is closed without a word, in between requests and while one arrives."""
    ferry.env["FERRY_LEASE"] = "20s"  # that none is lost on a busy machine: each batch is delivered once
    ferry.fill(900)
    ferry.setup()
    gone = []

    def pausing(request, forward):
        time.sleep(0.3 if request.verb in ("upsert", "get") else 0)  # so that the other side is idle for longer than it may be
        return forward(request)

    def hasty(request, forward):
        if request.verb and len(gone) < 12 and hasattr(connection, "answered"):
            gone.append(request.verb)  # the second of its connection: too late
            raise Drop()
        connection.answered = True
        return pausing(request, forward)

    connection = threading.local()  # each has a thread of its own
    with Proxy(ferry.source.url, pausing, idle=0.1) as source, Proxy(ferry.target.url, hasty, idle=0.25) as target:
        consumer, = ferry.consumers(env={"FERRY_TARGET": target.url})
        process = ferry.migrate(source=source.url, target=target.url, batch_records=60)
        assert process.status == DONE, process.err
    ferry.assert_equal()
    assert len(gone) >= 6, gone
    for one in (process, consumer):
        assert "level=warn" not in one.err and "level=error" not in one.err, one.err
    rows = ferry.sql("SELECT exports, deliveries, last_error FROM ferry.batches")
    assert len(rows) == 15 and all(row == {"exports": 1, "deliveries": 1, "last_error": None} for row in rows), rows


@pytest.fixture
def ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip("no IPv6 on this machine: %s" % error)


def check_moved(ferry, server, records, **variables):
    """Everything moves out of the server that the variables name; the judge asks it directly."""
    ferry.setup()
    ferry.consumers()
    process = ferry.migrate(env=variables)
    assert process.status == DONE, process.err
    verdict = judge.judge(server.url, ferry.target.url, ferry.name)
    assert verdict.equal and verdict.source_count == verdict.target_count == records, str(verdict)


def test_a_collection_of_everything_moves_from_a_chroma_on_ipv6(ferry, ipv6, tmp_path):
    with OwnChroma(tmp_path / "chroma", "::1") as chroma:
        load.put(chroma.server, load.ensure(chroma.server, ferry.name, 384, "cosine", LIGHT), mixed(2000, 384))
        assert chroma.url.startswith("http://[::1]:")
        check_moved(ferry, chroma, 2000, FERRY_SOURCE=chroma.url)


@pytest.mark.slow
@pytest.mark.parametrize("style, sent", [("bearer", "Bearer t-0815"), ("basic", "Basic dTpw")])
def test_a_collection_of_everything_moves_from_behind_a_token_proxy(ferry, style, sent):
    """As 1.x is guarded, which knows no credentials itself."""
    def guard(request, forward):
        return forward(request) if request.headers.get("Authorization") == sent else Answer(401, b"<html>401</html>", "text/html")

    load.put(ferry.source, load.ensure(ferry.source, ferry.name, 384, "ip", LIGHT), mixed(2000, 384))
    with Proxy(ferry.source.url, guard) as gate:
        secret = {"FERRY_SOURCE_TOKEN": "t-0815"} if style == "bearer" else {"FERRY_SOURCE_USER": "u", "FERRY_SOURCE_PASSWORD": "p"}
        check_moved(ferry, ferry.source, 2000, FERRY_SOURCE=gate.url, FERRY_SOURCE_AUTH=style, **secret)


def test_both_servers_on_ipv6_behind_a_prefix(ferry, ipv6):
    ferry.fill(40)
    ferry.setup()
    with Proxy(ferry.source.url, behind_a_prefix, "::1") as source, Proxy(ferry.target.url, behind_a_prefix, "::1") as target:
        consumer, = ferry.consumers()
        process = ferry.migrate(source=source.url + PREFIX + "/", target=target.url + PREFIX)
        assert process.status == DONE, process.err
        assert source.url.startswith("http://[::1]:") and source.count("get") > 0 and target.count("upsert") > 0
    ferry.assert_equal()
    rows = ferry.sql("SELECT url, origin FROM ferry.endpoints ORDER BY url")
    assert sorted((row["url"], row["origin"]) for row in rows) == sorted(
        (proxy.url + PREFIX, proxy.url) for proxy in (source, target))
