"""compose/sample: the same records every time, planted neighbours that stand apart, and a loader that may run twice."""

import hashlib
import json
import subprocess
import sys

import ferry as harness
from ferry import corpus, load

import queries  # beside them

SAMPLE = harness.REPO / "compose" / "sample"


def run(script, *arguments):
    return subprocess.run([sys.executable, "-B", str(SAMPLE / script), *arguments], capture_output=True, text=True, timeout=120)


def test_the_sample_is_the_same_on_every_machine():
    digest = hashlib.sha256()
    for record in corpus.records():
        record["embedding"] = corpus.base64_of(corpus.float32(record["embedding"]))
        digest.update(json.dumps(record, sort_keys=True).encode())
    assert digest.hexdigest() == "23521cec92e38169b24fd4c50b401bb5de1ad30af77d0f3399d8582caad85405"


def test_it_has_every_kind_of_value():
    records = list(corpus.records())
    assert len(records) == len({record["id"] for record in records}) == 2213
    values = [value for record in records for value in (record["metadata"] or {}).values()]
    lists = [value for value in values if isinstance(value, list)]
    assert {type(value) for value in values} == {str, int, float, bool, list}
    assert {type(value[0]) for value in lists} == {str, int, float, bool}
    assert any(value == 1.0 and isinstance(value, float) for value in values)
    assert any(isinstance(value, int) and value > 2**53 for value in values)
    assert any(isinstance(value, int) and value < -2**53 for value in values)
    for field in ("document", "metadata", "uri"):
        assert 50 < sum(record[field] is None for record in records) < 500, field
    assert sum(record["document"] == "" for record in records) > 20
    assert sum(not record["id"].isascii() for record in records) > 100


def test_the_planted_answers_are_the_nearest_by_far():
    records = list(corpus.records())
    for topic in corpus.TOPICS:
        query = corpus.embed(topic["query"], corpus.DIMENSION)
        ranked = sorted((1 - sum(a * b for a, b in zip(query, record["embedding"])), record["document"] or "") for record in records)
        assert [document for _, document in ranked[:5]] == topic["answers"]
        distances = [distance for distance, _ in ranked[:6]]
        assert all(later - earlier > 0.015 for earlier, later in zip(distances, distances[1:]))
        assert distances[5] - distances[4] > 0.15


def test_loading_twice_changes_nothing_and_the_queries_agree(ferry):
    first = run("load.py", "--url", ferry.source.url, "--collection", ferry.name)
    assert first.returncode == 0 and "wrote 2213 of 2213" in first.stdout, first.stderr
    again = run("load.py", "--url", ferry.source.url, "--collection", ferry.name)
    assert again.returncode == 0 and "all 2213 records are in" in again.stdout
    collection = ferry.source.collection(ferry.name)
    ferry.source.records(collection, "delete", {"ids": ferry.source.ids(collection)[100:110]})
    repaired = run("load.py", "--url", ferry.source.url, "--collection", ferry.name)
    assert "wrote 10 of 2213" in repaired.stdout
    both = ["--source", ferry.source.url, "--target", ferry.target.url, "--collection", ferry.name]
    nothing = run("queries.py", *both)
    assert nothing.returncode == 2 and ferry.name in nothing.stderr
    load.load(ferry.target, ferry.name)
    assert run("queries.py", *both).returncode == 0
    target = ferry.target.collection(ferry.name)
    nearest = ferry.source.records(collection, "query", {
        "query_embeddings": [corpus.embed(corpus.TOPICS[1]["query"], corpus.DIMENSION)], "n_results": 1, "include": []})
    ferry.target.records(target, "delete", {"ids": nearest["ids"][0]})
    differs = run("queries.py", *both)
    assert differs.returncode == 5 and "1 of 3" in differs.stderr, differs.stdout


class Forgetful:
    """A server whose index has lost its nearest record."""

    def __init__(self, server):
        self.server = server

    def __getattr__(self, name):
        return getattr(self.server, name)

    def records(self, collection, verb, body):
        answer = self.server.records(collection, verb, body)
        if verb == "query":
            answer = {key: [rows[0][1:]] if rows else rows for key, rows in answer.items() if key in ("ids", "distances", "documents")}
        return answer


def test_what_an_index_lost_is_found_record_by_record(ferry):
    load.load(ferry.source, ferry.name)
    for topic in corpus.TOPICS:
        exact = queries.search(ferry.source, ferry.name, topic["query"])
        assert [document for _, _, document in exact] == topic["answers"]
        assert queries.agree(exact, queries.ask(ferry.source, ferry.name, topic["query"]))
        assert not queries.agree(exact, queries.ask(Forgetful(ferry.source), ferry.name, topic["query"]))


def test_a_collection_that_is_something_else_is_left_alone(ferry):
    ferry.fill(10)
    refused = run("load.py", "--url", ferry.source.url, "--collection", ferry.name)
    assert refused.returncode == 2 and "24 dimensions" in refused.stderr
    assert len(ferry.source.ids(ferry.source.collection(ferry.name))) == 10
    assert run("load.py", "--url", "http://127.0.0.1:9").returncode == 3


def test_plain_records_are_quick_and_finite():
    one, two = list(corpus.plain_records(2, 1536, 7))
    assert one["embedding_bytes"] != two["embedding_bytes"]
    floats = harness.load.array.array("f", one["embedding_bytes"])
    assert len(floats) == 1536 and all(0.125 <= abs(x) < 2 for x in floats)
    assert min(floats) < 0 < max(floats)
