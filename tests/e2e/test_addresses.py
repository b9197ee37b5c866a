"""Servers whose address is not just a name and a port."""

import socket

import pytest

from ferry import DONE
from proxy import Answer, Proxy

PREFIX = "/gw/old%20chroma"


def behind_a_prefix(request, forward):
    """As a gateway that shares its port among several services."""
    if not request.path.startswith(PREFIX + "/api/"):
        return Answer(404, b"<html>no such service</html>", "text/html")
    request.path = request.path[len(PREFIX):]
    return forward(request)


def test_both_servers_on_ipv6_behind_a_prefix(ferry):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip("no IPv6 on this machine: %s" % error)
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
