"""The proxy that other tests put between the programs and a Chroma: it must be invisible until it is told to interfere."""

import base64
import http.client
import socket
import struct
import time

import pytest

import judge
from ferry import Server, load
from proxy import Answer, Drop, Proxy, Raw, flip_largest
from server import Refused, Unreachable


def test_it_passes_everything_on(ferry):
    ferry.fill(120)
    with Proxy(ferry.target.url) as proxy:
        through = Server(proxy.url)
        ferry.fill(120, server=through)
        assert proxy.count("upsert") == 1
        verdict = judge.judge(ferry.source.url, proxy.url, ferry.name)
        assert verdict.equal, str(verdict)
        assert through.collection("no-such-collection") is None


def test_it_can_change_refuse_and_drop(ferry):
    collection = load.ensure(ferry.target, ferry.name, 2, "l2")
    said = []

    def handler(request, forward):
        if request.verb == "upsert":
            body = request.json()
            body["embeddings"] = [flip_largest(embedding) for embedding in body["embeddings"]]
            request.set_json(body)
        elif request.verb == "delete":
            return Answer(503, b"come back later", "text/plain")
        elif request.verb == "query":
            said.append("dropped")
            raise Drop()
        return forward(request)
    record = {"id": "a", "document": None, "metadata": None, "uri": None, "embedding": [1.5, -2.0]}
    with Proxy(ferry.target.url, handler) as proxy:
        through = Server(proxy.url)
        load.put(through, collection, [record])
        got = through.records(collection, "get", {"include": ["embeddings"]})
        assert got["embeddings"] == [[1.5, 2.0]]
        with pytest.raises(Refused, match="503.*come back later"):
            through.records(collection, "delete", {"ids": ["a"]})
        with pytest.raises(Unreachable):
            through.records(collection, "query", {"query_embeddings": [[1, 1]]})
        assert said == ["dropped", "dropped"]


def ask(proxy, body=b"{}"):
    connection = http.client.HTTPConnection(proxy.url[7:], timeout=20)
    connection.request("POST", "/any", body)
    return connection.getresponse()


def test_it_can_behave_worse_than_a_server():
    then = []

    def handler(request, _):
        raise then[-1]
    with Proxy("http://127.0.0.1:9", handler) as proxy:
        then.append(Drop(reset=True))
        with pytest.raises(ConnectionResetError):
            ask(proxy)
        then.append(Raw(Answer(200, b"x" * 10).head() + b"xx"))
        with pytest.raises(http.client.IncompleteRead):
            ask(proxy).read()
        then.append(Raw(Answer(200, b"xy").head(), b"x", b"y", pause=0.2))
        before = time.monotonic()
        assert ask(proxy).read() == b"xy" and time.monotonic() - before >= 0.4
        assert [status for _, status in proxy.requests] == [0, 0, 0]


def test_it_can_answer_before_it_has_read_and_close():
    with Proxy("http://127.0.0.1:9") as proxy:
        proxy.early = lambda request, length: Answer(413, b"too large", "text/plain", {"Retry-After": "1"}) if length > 10 else None
        with socket.create_connection(proxy.listener.server_address) as client:
            client.sendall(b"POST /any HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000)
            said = client.recv(1000)
            assert said.startswith(b"HTTP/1.1 413 ") and b"Retry-After: 1" in said and said.endswith(b"too large")
            with pytest.raises(OSError):
                while client.recv(1000):
                    pass
                client.sendall(b"x" * 10_000_000)


def test_flipping_changes_one_sign():
    before = [0.25, -8.0, 3.0]
    after = flip_largest(base64.b64encode(struct.pack("<3f", *before)).decode())
    assert struct.unpack("<3f", base64.b64decode(after)) == (0.25, 8.0, 3.0)
