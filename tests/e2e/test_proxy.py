"""The proxy that other tests put between the programs and a Chroma: it must be invisible until it is told to interfere."""

import base64
import struct

import pytest

import judge
from ferry import Server, load
from proxy import Answer, Drop, Proxy, flip_largest
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


def test_flipping_changes_one_sign():
    before = [0.25, -8.0, 3.0]
    after = flip_largest(base64.b64encode(struct.pack("<3f", *before)).decode())
    assert struct.unpack("<3f", base64.b64decode(after)) == (0.25, 8.0, 3.0)
