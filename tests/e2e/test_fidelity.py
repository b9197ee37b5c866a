"""What a target collection gets of its source's settings, and what people are told of the rest before anything is written."""

import json
import re

import pytest

from ferry import DONE, UNAVAILABLE, wait_for
from proxy import Answer, Drop, Proxy

FUNCTION = {"type": "known", "name": "openai", "config": {"model_name": "small", "dim": 3, "scale": 1.0}}


def make(server, name, metadata=None, function=None, schema=None, **hnsw):
    body = {"name": name, "metadata": metadata}
    if schema:
        body["schema"] = schema
    else:
        body["configuration"] = {"hnsw": dict({"space": "l2"}, **hnsw), "embedding_function": function}
    collection = server.ask("POST", server.base, body, "create collection")
    server.records(collection, "upsert", {"ids": ["a", "b"], "embeddings": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
    return collection


def report(ferry):
    """The rows of the event, or None."""
    rows = ferry.sql("SELECT detail FROM ferry.events WHERE kind = 'job.fidelity'")
    return {row["setting"]: (row["source"], row["target"]) for row in json.loads(rows[0]["detail"])} if rows else None


def told(process):
    return re.findall(r"^  ([^:\n]+(?::[^: \n]+)*): (.*) -> (.*)$", process.err, re.MULTILINE)


@pytest.fixture
def ready(ferry):
    ferry.setup()
    ferry.consumers()
    return ferry


def test_everything_a_single_server_takes_arrives_and_nothing_is_told(ready):
    metadata = {"owner": "x", "int": 1, "float": 1.0, "big": 2**53 + 1, "tiny": 1e-40, "yes": True, "empty": "",
                "hnsw:space": "cosine", "hnsw:M": 20}
    make(ready.source, ready.name, metadata, FUNCTION, space="ip", ef_construction=120, ef_search=77, max_neighbors=20,
         resize_factor=1.5, sync_threshold=500)
    done = ready.migrate()
    assert done.status == DONE, done.err
    source, target = ready.source.collection(ready.name), ready.target.collection(ready.name)
    assert json.dumps(target["metadata"], sort_keys=True) == json.dumps(source["metadata"], sort_keys=True)
    assert target["configuration_json"] == source["configuration_json"]
    assert source["configuration_json"]["embedding_function"]["name"] == "openai"
    assert told(done) == [] and report(ready) is None


def test_a_target_that_exists_keeps_its_settings_and_they_are_told(ready):
    make(ready.source, ready.name, {"a": 1, "b": 1.0, "c": "x"}, FUNCTION, ef_search=77)
    make(ready.target, ready.name, {"a": 1, "b": 1, "d": "y"}, None, max_neighbors=32)
    before = ready.target.collection(ready.name)
    done = ready.migrate()
    assert done.status == DONE, done.err
    want = {"hnsw.ef_search": ("77", "100"), "hnsw.max_neighbors": ("16", "32"), "metadata.b": ("1.0", "1"),
            "metadata.c": ('"x"', "(not set)"), "metadata.d": ("(not set)", '"y"')}
    found = report(ready)
    function = found.pop("embedding_function")
    assert '"openai"' in function[0] and function[1] == "null"
    assert found == want
    assert {name: (left, right) for name, left, right in told(done) if name in want} == want
    after = ready.target.collection(ready.name)
    assert (after["metadata"], after["configuration_json"]) == (before["metadata"], before["configuration_json"])


def test_indexes_that_are_switched_off_are_told_before_anything_is_written(ready):
    """Asked of a target that refuses to be written to."""
    make(ready.source, ready.name, schema={"defaults": {}, "keys": {
        "txt": {"string": {"string_inverted_index": {"enabled": False, "config": {}}}}}})
    want = ("schema.txt.string_inverted_index", '"disabled"', "(the server's default)")

    def handle(request, forward):
        return Answer(503, b"") if request.method == "POST" and request.path.endswith("/collections") else forward(request)
    with Proxy(ready.target.url, handle) as proxy:
        refused = ready.migrate(target=proxy.url)
    assert refused.status == UNAVAILABLE and want in told(refused), refused.err
    assert ready.target.collection(ready.name) is None
    dry = ready.producer("migrate", "--dry-run", "--json", "--collection", ready.name)
    assert dry.status == DONE and told(dry) == [want], dry.err
    assert json.loads(dry.out)["fidelity"] == [dict(zip(("setting", "source", "target"), want))]
    assert ready.target.collection(ready.name) is None
    done = ready.migrate()
    assert done.status == DONE and told(done) == [want], done.err
    assert report(ready) == {want[0]: want[1:]}


def test_what_a_server_changes_by_itself_is_told_afterwards(ready):
    make(ready.source, ready.name, {"a": 1}, ef_search=77)

    def handle(request, forward):
        if request.method == "POST" and request.path.endswith("/collections"):
            body = request.json()
            body["configuration"]["hnsw"]["ef_search"] = 50
            request.set_json(body)
        return forward(request)
    with Proxy(ready.target.url, handle) as proxy:
        done = ready.migrate(target=proxy.url)
    assert done.status == DONE, done.err
    assert told(done) == [("hnsw.ef_search", "77", "50")]
    assert report(ready) == {"hnsw.ef_search": ("77", "50")}


def test_a_list_in_the_collections_metadata_is_left_out_and_told(ready):
    """A single server's handler dies of one; a source that has one is not a single server, so it is pretended here."""
    make(ready.source, ready.name, {"a": 1})

    def handle(request, forward):
        answer = forward(request)
        if request.method == "GET" and request.path.endswith("/" + ready.name):
            collection = json.loads(answer.body)
            collection["metadata"]["tags"] = ["x", "y"]
            return Answer(200, collection)
        return answer
    with Proxy(ready.source.url, handle) as proxy:
        done = ready.migrate(source=proxy.url)
    assert done.status == DONE, done.err
    assert ready.target.collection(ready.name)["metadata"] == {"a": 1}
    (name, source, _), = told(done)
    assert (name, source) == ("metadata.tags", '["x", "y"]') and list(report(ready)) == ["metadata.tags"]


@pytest.mark.parametrize("is_killed", [False, True], ids=["lost", "killed"])
def test_a_creation_that_was_cut_short_is_completed_by_the_next_run(ready, is_killed):
    """The second of its two requests never arrives: the hnsw: keys are missing."""
    metadata = {"owner": "x", "hnsw:space": "cosine", "hnsw:M": 20}
    make(ready.source, ready.name, metadata, space="cosine", max_neighbors=20)
    put = []

    def handle(request, forward):
        if request.method == "PUT":
            put.append(request)
            wait_for(lambda: not is_killed or not process.alive, 30)
            raise Drop()
        return forward(request)
    with Proxy(ready.target.url, handle) as proxy:
        process = ready.start_migrate(target=proxy.url)
        wait_for(lambda: put, what="the second request")
        if is_killed:
            process.kill()
        process.wait()
    assert ready.target.collection(ready.name)["metadata"] == {"owner": "x"}
    done = ready.migrate()
    assert done.status == DONE, done.err
    assert ready.target.collection(ready.name)["metadata"] == metadata
    assert "target.completed" in done.err and told(done) == [] and report(ready) is None


def test_a_resumed_job_completes_it_too(ready):
    """As after a kill of the first of two producers, while the second had submitted."""
    metadata = {"owner": "x", "hnsw:space": "cosine"}
    make(ready.source, ready.name, metadata, space="cosine")
    ready.processes[1].stop()
    process = ready.start_migrate()
    wait_for(lambda: ready.topic.count() > 0, what="a batch on the topic")
    process.kill()
    target = ready.target.collection(ready.name)
    ready.target.ask("PUT", "%s/%s" % (ready.target.base, target["id"]), {"new_metadata": {"owner": "x"}})
    ready.consumers()
    done = ready.producer("resume", ready.job()["job"])
    assert done.status == DONE, done.err
    assert ready.target.collection(ready.name)["metadata"] == metadata


def test_a_target_of_a_persons_own_is_not_touched(ready):
    """It lacks the hnsw: keys, but is otherwise unlike what we would have made."""
    make(ready.source, ready.name, {"owner": "x", "hnsw:space": "cosine"}, space="cosine", ef_search=77)
    make(ready.target, ready.name, {"owner": "x"}, space="cosine")
    done = ready.migrate()
    assert done.status == DONE, done.err
    assert ready.target.collection(ready.name)["metadata"] == {"owner": "x"}
    assert {row[0] for row in told(done)} == {"hnsw.ef_search", "metadata.hnsw:space"}


def test_metadata_that_came_after_the_index_does_not_change_the_distance_space(ready):
    """It says cosine, the configuration says l2: as after an upgrade, where the metadata is right. Here it is not."""
    collection = make(ready.source, ready.name, {"owner": "x"}, space="l2")
    metadata = {"owner": "x", "hnsw:space": "cosine"}
    ready.source.ask("PUT", "%s/%s" % (ready.source.base, collection["id"]), {"new_metadata": metadata})

    def distance(server):
        question = {"query_embeddings": [[1.0, 2.0, 3.0]], "n_results": 2, "include": ["distances"]}
        return server.records(server.collection(ready.name), "query", question)["distances"]
    assert distance(ready.source) == [[0.0, 27.0]]
    done = ready.migrate()
    assert done.status == DONE, done.err
    assert distance(ready.target) == [[0.0, 27.0]]
    assert ready.target.collection(ready.name)["metadata"] == metadata
    assert list(report(ready)) == ["space"] and '"l2"' in report(ready)["space"][1]
    assert ready.sql("SELECT space FROM ferry.target_collections")[0]["space"] == "l2"
    again = ready.migrate()  # now the target is one of these too
    assert again.status == DONE and "0 records to send" in again.out, again.err


def test_a_run_after_such_a_target_was_made_and_nothing_written_yet(ready):
    collection = make(ready.source, ready.name, None, space="l2")
    ready.source.ask("PUT", "%s/%s" % (ready.source.base, collection["id"]), {"new_metadata": {"hnsw:space": "ip", "hnsw:M": 30}})
    ready.processes[1].stop()
    process = ready.start_migrate()
    wait_for(lambda: ready.topic.count() > 0, what="a batch on the topic")
    process.kill()
    ready.consumers()
    done = ready.migrate()
    assert done.status == DONE, done.err
    assert ready.sql("SELECT space FROM ferry.target_collections")[0]["space"] == "l2"
    assert ready.target.collection(ready.name)["configuration_json"]["hnsw"]["max_neighbors"] == 16
