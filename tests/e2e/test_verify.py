"""ferry-producer verify: two collections held against each other, with no Kafka and no ledger."""

import array
import base64
import json
import os
import re
import signal
import socket
import struct

import pytest

from ferry import DONE, INTERRUPTED, LIGHT, MISMATCH, UNAVAILABLE, USAGE, corpus, last_line, load, wait_for
from legacy import Legacy
from proxy import Answer, Drop, Gate, Proxy

NOWHERE = {"PGHOST": None, "PGPORT": None, "PGUSER": None, "PGDATABASE": None, "FERRY_KAFKA_BROKERS": None,
           "FERRY_TOPIC": None, "FERRY_LEASE": None}


def verify(ferry, *arguments, collection=None, env=None, seconds=120, **options):
    """options: as on the command line. Kafka and ledger are not configured at all."""
    line = ["verify", "--collection", collection or ferry.name, *arguments]
    for option, value in options.items():
        line += ["--" + option.replace("_", "-"), str(value)]
    return ferry.producer(*line, env=dict(NOWHERE, **(env or {})), seconds=seconds)


def lines_of(path):
    """{id: mark} of a --combined file, as its README says it is to be read. An id stands there once."""
    found = {}
    for line in path.read_bytes().decode().split("\n")[:-1]:
        mark, name = line[0], line[2:]
        assert line[1] == " " and mark in "=-+*!"
        name = json.loads(name) if name.startswith('"') else name
        assert name not in found, name
        found[name] = mark
    return found


def result_of(process):
    lines = process.out.splitlines()
    assert len(lines) == 1, process.out
    return json.loads(lines[0])


def both(ferry, count=300, dimension=24, space="l2", hnsw=LIGHT, name=None):
    """The same sample on both sides."""
    for server in (ferry.source, ferry.target):
        collection = load.ensure(server, name or ferry.name, dimension, space, hnsw)
        load.put(server, collection, corpus.records(count, dimension, corpus.SEED, True))
    return name or ferry.name


def put(server, name, record, **fields):
    """Upserts one record; embedding: bytes or floats."""
    collection = server.collection(name)
    embedding = fields.pop("embedding")
    if not isinstance(embedding, bytes):
        embedding = array.array("f", embedding).tobytes()
    body = {"ids": [record], "embeddings": [base64.b64encode(embedding).decode()]}
    body.update({field + "s": [value] for field, value in fields.items()})
    server.records(collection, "upsert", body)


def vector_of(server, name, record):
    got = server.records(server.collection(name), "get", {"ids": [record], "include": ["embeddings"]})
    return array.array("f", got["embeddings"][0])


def plain_pair(ferry, count=40, dimension=8):
    """Records r0 … on both sides whose every value is known: metadata {"n": 1, "s": "x"}."""
    ids = ["r%d" % i for i in range(count)]
    for server in (ferry.source, ferry.target):
        collection = load.ensure(server, ferry.name, dimension, "l2", LIGHT)
        server.records(collection, "upsert", {
            "ids": ids, "embeddings": [[float(i + j) for j in range(dimension)] for i in range(count)],
            "documents": ["text %d" % i for i in range(count)], "uris": ["file:///%d" % i for i in range(count)],
            "metadatas": [{"n": 1, "s": "x"} for i in range(count)]})
    return ids


# --- equal, and the ways not to be -----------------------------------------------------------------------------------

@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_an_equal_pair_ends_with_0_and_every_id_has_its_line(ferry, tmp_path, space):
    both(ferry, 700, space=space)
    process = verify(ferry, combined=tmp_path / "lines")
    assert process.status == DONE, process.out + process.err
    assert last_line(process.out) == "equal"
    ids = ferry.source.ids(ferry.source.collection(ferry.name))
    assert len(ids) == 700
    assert lines_of(tmp_path / "lines") == {name: "=" for name in ids}
    ferry.assert_equal()


def flip_a_bit(ferry):
    raw = bytearray(vector_of(ferry.source, ferry.name, "r7").tobytes())
    raw[4 * 3] ^= 1
    put(ferry.target, ferry.name, "r7", embedding=bytes(raw))


def upsert(**fields):
    def change(ferry):
        put(ferry.target, ferry.name, "r7", embedding=vector_of(ferry.source, ferry.name, "r7"), **fields)
    return change


def delete(ferry):
    ferry.target.records(ferry.target.collection(ferry.name), "delete", {"ids": ["r7"]})


def add(ferry):
    put(ferry.target, ferry.name, "new\nid", embedding=[0.0] * 8)


@pytest.mark.parametrize("change, mark, name, field, detail", [
    (flip_a_bit, "*", "r7", "embedding", "component 3: sent 10, read 10.000001"),
    (upsert(metadata={"n": 1.0}), "*", "r7", "metadata", 'key "n": sent 1, read 1.0'),
    (upsert(metadata={"n": True}), "*", "r7", "metadata", 'key "n": sent 1, read true'),
    (upsert(metadata={"surplus": "y"}), "*", "r7", "metadata", 'key "surplus": sent nothing'),
    (upsert(metadata={"s": None}), "*", "r7", "metadata", 'key "s": sent "?.*x.*, read nothing'),
    (upsert(document=""), "*", "r7", "document", "read .*0"),
    (upsert(uri="file:///8"), "*", "r7", "uri", "8"),
    (delete, "-", "r7", None, None),
    (add, "+", "new\nid", None, None),
], ids=["one bit", "1 to 1.0", "1 to true", "extra key", "missing key", "document", "uri", "missing id", "extra id"])
def test_one_change_is_named_with_its_field_and_ends_with_5(ferry, tmp_path, change, mark, name, field, detail):
    want = {record: "=" for record in plain_pair(ferry)}
    change(ferry)
    want[name] = mark
    process = verify(ferry, "--json", combined=tmp_path / "lines")
    assert process.status == MISMATCH, process.out + process.err
    assert lines_of(tmp_path / "lines") == want
    result = result_of(process)
    difference, = result["first_differences"]
    assert (difference["mark"], difference["id"], difference.get("field")) == (mark, name, field)
    if detail:
        assert re.search(detail, difference["detail"]), difference
    assert result["equal"] is False
    counts = result["counts"]
    kind = {"*": "different", "-": "missing", "+": "extra"}[mark]
    assert counts == dict.fromkeys(counts, 0) | {kind: 1, "equal": list(want.values()).count("=")}
    for_people = verify(ferry)
    assert for_people.status == MISMATCH and last_line(for_people.out) == "1 difference"
    assert name.replace("\n", "\\x0a") in for_people.out


def test_a_float_that_the_target_rounds_is_equal_and_counted(ferry, tmp_path):
    plain_pair(ferry)
    value = 0.1 + 0.2
    nearby = struct.unpack("<d", struct.pack("<q", struct.unpack("<q", struct.pack("<d", value))[0] + 2))[0]
    far = struct.unpack("<d", struct.pack("<q", struct.unpack("<q", struct.pack("<d", value))[0] + 40))[0]
    for server, values in ((ferry.source, (value, value)), (ferry.target, (nearby, far))):
        for record, number in zip(("r3", "r4"), values):
            put(server, ferry.name, record, embedding=[0.0] * 8, metadata={"f": number})
    process = verify(ferry, "--json", combined=tmp_path / "lines")
    assert process.status == MISMATCH
    assert result_of(process)["counts"]["rounded"] == 1 and result_of(process)["counts"]["different"] == 1
    lines = lines_of(tmp_path / "lines")
    assert lines["r3"] == "=" and lines["r4"] == "*"


def test_ids_of_all_kinds_survive_the_lines(ferry, tmp_path):
    ids = ["", "a\nb", "tab\t", '"quoted"', 'in "the" middle', " blank ", "\u0085\u2028\u2029", "\x7f", "🎲", "\x00nul", "= x",
           "\\", "\x1b[2J", "x" * 128]
    ids = [name for name in ids if name]
    for server in (ferry.source, ferry.target):
        collection = load.ensure(server, ferry.name, 4, "l2", LIGHT)
        server.records(collection, "upsert", {"ids": ids, "embeddings": [[1.0] * 4] * len(ids)})
    ferry.target.records(ferry.target.collection(ferry.name), "delete", {"ids": ids[1:2]})
    process = verify(ferry, "--json", combined=tmp_path / "lines")
    assert process.status == MISMATCH
    assert lines_of(tmp_path / "lines") == {name: "-" if name == ids[1] else "=" for name in ids}
    assert [difference["id"] for difference in result_of(process)["first_differences"]] == ids[1:2]
    control = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
    assert not control.search((tmp_path / "lines").read_text("utf-8")) and not control.search(process.out)


def test_lines_go_to_standard_output_and_the_summary_elsewhere(ferry):
    plain_pair(ferry, 5)
    process = verify(ferry, combined="-")
    assert process.status == DONE
    assert sorted(process.out.splitlines()) == ["= r%d" % i for i in range(5)]
    assert last_line(process.err) == "equal"


def test_another_space_is_a_difference_of_the_collections(ferry):
    for server, space in ((ferry.source, "l2"), (ferry.target, "ip")):
        collection = load.ensure(server, ferry.name, 4, space, LIGHT)
        server.records(collection, "upsert", {"ids": ["a"], "embeddings": [[1.0] * 4]})
    process = verify(ferry, "--json")
    assert process.status == MISMATCH
    result = result_of(process)
    assert (result["equal"], result["same_shape"], result["counts"]["equal"]) == (False, False, 1)
    assert "distance space" in verify(ferry).out


def test_two_empty_collections_are_equal(ferry):
    for server in (ferry.source, ferry.target):
        load.ensure(server, ferry.name, 4, "l2", LIGHT)
    process = verify(ferry, "--queries", "5")
    assert process.status == DONE and last_line(process.out) == "equal", process.out


def test_neither_ledger_nor_kafka_is_touched(ferry):
    plain_pair(ferry)
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        port = str(trap.getsockname()[1])
        env = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGDATABASE": "x", "FERRY_KAFKA_BROKERS": "127.0.0.1:" + port}
        assert verify(ferry, env=env).status == DONE
        with pytest.raises(TimeoutError):
            trap.accept()
    assert ferry.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'ferry'") == []


# --- servers that fail -----------------------------------------------------------------------------------------------

def broken_record(name, is_old):
    """As a server that has lost the vector of one record. 1.x: 500 for every page that would hold it. Older ones: an answer
    with one vector too few, and all behind it shifted."""
    def handler(request, forward):
        if not (request.verb == "get" and "embeddings" in request.json()["include"]
                and name in (request.json().get("ids") or [])):
            return forward(request)
        if not is_old:
            return Answer(500, {"error": "InternalError", "message": "Error executing plan: Error finding id"})
        page = json.loads(forward(request).body)
        del page["embeddings"][page["ids"].index(name)]
        return Answer(200, page)
    return handler


@pytest.mark.parametrize("is_old, words", [(False, "Error finding id"), (True, "embeddings")], ids=["1.x", "older"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_record_that_cannot_be_read_is_named_and_the_others_are_compared(ferry, tmp_path, side, is_old, words):
    both(ferry, 700)
    ids = ferry.source.ids(ferry.source.collection(ferry.name))
    upstream = ferry.source.url if side == "source" else ferry.target.url
    with Proxy(upstream, broken_record(ids[333], is_old)) as proxy:
        process = verify(ferry, "--json", combined=tmp_path / "lines", **{side: proxy.url})
        requests = proxy.count("get")
    assert process.status == MISMATCH, process.err
    assert lines_of(tmp_path / "lines") == {name: "!" if name == ids[333] else "=" for name in ids}
    difference, = result_of(process)["first_differences"]
    assert difference["kind"] == "unreadable" and words in difference["detail"] and (is_old or side in difference["detail"])
    assert requests < 40


def test_a_server_that_can_read_nothing_ends_with_3(ferry):
    both(ferry, 300)

    def handler(request, forward):
        if request.verb == "get" and request.json()["include"]:
            return Answer(500, {"error": "InternalError", "message": "Nothing found on disk"})
        return forward(request)
    with Proxy(ferry.target.url, handler) as proxy:
        process = verify(ferry, target=proxy.url)
    assert process.status == UNAVAILABLE, process.err
    assert "Nothing found on disk" in last_line(process.err) and proxy.url[7:] in last_line(process.err)


def test_an_outage_on_the_way_is_waited_for(ferry):
    both(ferry, 1500)
    failures = iter(["503", "429", "drop", "503", "503"])

    def handler(request, forward):
        if request.verb == "get" and request.json().get("ids"):
            failure = next(failures, None)
            if failure == "drop":
                raise Drop()
            if failure:
                return Answer(int(failure), {"error": "ChromaError", "message": "later"})
        return forward(request)
    with Proxy(ferry.target.url, handler) as proxy:
        process = verify(ferry, target=proxy.url)
    assert process.status == DONE, process.err
    assert next(failures, None) is None and "verify.waits" in process.err


def test_an_outage_that_lasts_ends_with_3(ferry, tmp_path):
    both(ferry, 1500)
    passed = []

    def handler(request, forward):
        if request.verb == "get" and request.json().get("ids"):
            passed.append(1)
            if len(passed) > 3:
                raise Drop()
        return forward(request)
    with Proxy(ferry.source.url, handler) as proxy:
        process = verify(ferry, source=proxy.url, patience="1s", combined=tmp_path / "lines")
    assert process.status == UNAVAILABLE, process.err
    assert proxy.url[7:] in last_line(process.err) and "source" in last_line(process.err)
    assert process.out == ""


def test_a_list_that_is_cut_off_is_listed_again(ferry, tmp_path):
    both(ferry, 700)
    cut = []

    def handler(request, forward):
        answer = forward(request)
        if request.verb == "get" and not request.json().get("ids") and not cut:
            cut.append(1)
            answer = Answer(503, {"error": "ChromaError", "message": "not now"})
        return answer
    with Proxy(ferry.target.url, handler) as proxy:
        process = verify(ferry, target=proxy.url, combined=tmp_path / "lines")
    assert process.status == DONE and cut, process.err
    assert len(lines_of(tmp_path / "lines")) == 700


def test_a_signal_ends_it_with_6(ferry):
    both(ferry, 900)
    gate = Gate()

    def handler(request, forward):
        if request.verb == "get" and request.json().get("ids"):
            gate.pass_through()
        return forward(request)
    with Proxy(ferry.target.url, handler) as proxy:
        gate.close()
        process = ferry.start("ferry-producer", "verify", "--collection", ferry.name, "--target", proxy.url, env=NOWHERE)
        wait_for(lambda: gate.waiting > 0, what="a request that waits")
        wait_for(lambda: "verify: 0 of 900 records compared (0.0 %)" in process.err, what="a line about its progress")
        status = process.stop(30, signal.SIGTERM)
        gate.open()
    assert status == INTERRUPTED and "interrupted" in last_line(process.err) and process.out == ""


def test_a_record_that_vanishes_on_the_way_is_counted(ferry, tmp_path):
    """r3 goes from the source after it was listed; the target has it still, so it is extra there by now. r4 goes from both."""
    ids = plain_pair(ferry)

    def hide(*names):
        def handler(request, forward):
            answer = forward(request)
            if request.verb == "get" and request.json().get("ids"):
                page = json.loads(answer.body)
                kept = [i for i, name in enumerate(page["ids"]) if name not in names]
                page = {key: [value[i] for i in kept] if isinstance(value, list) and key != "include" else value
                        for key, value in page.items()}
                answer = Answer(answer.status, page)
            return answer
        return handler
    ferry.target.records(ferry.target.collection(ferry.name), "delete", {"ids": ["r4"]})
    with Proxy(ferry.source.url, hide("r3", "r4")) as source:
        process = verify(ferry, "--json", combined=tmp_path / "lines", source=source.url)
    assert process.status == MISMATCH
    assert result_of(process)["counts"]["vanished"] == 2 and result_of(process)["counts"]["extra"] == 1
    want = {name: "=" for name in ids if name not in ("r3", "r4")}
    assert lines_of(tmp_path / "lines") == dict(want, r3="+")


@pytest.mark.parametrize("version", ["0.6.3", pytest.param("0.5.23", marks=pytest.mark.slow),
                                     pytest.param("0.4.24", marks=pytest.mark.slow)])
def test_an_old_server_whose_records_have_lost_their_vectors(ferry, tmp_path, version):
    """Really lost: such a server takes records without a vector, and then answers 500 for large pages that hold one, and one
    vector too few for small ones."""
    records = list(corpus.records(700, 24, corpus.SEED, False))
    orphans = [records[i]["id"] for i in (0, 333, 334, 699)]
    with Legacy(version, tmp_path / "chroma") as chroma:
        chroma.create(ferry.name, {"hnsw:space": "l2"})
        chroma.put(ferry.name, [record for record in records if record["id"] not in orphans])
        for name in orphans:
            chroma.records(ferry.name, "upsert", {"ids": [name], "documents": ["no vector"]})
        load.put(ferry.target, load.ensure(ferry.target, ferry.name, 24, "l2"), records)
        process = verify(ferry, "--json", "--queries", "10", "--min-recall", "0.9", source=chroma.url,
                         combined=tmp_path / "lines")
        result = result_of(process)
    assert process.status == MISMATCH, process.err
    assert lines_of(tmp_path / "lines") == {record["id"]: "!" if record["id"] in orphans else "=" for record in records}
    assert result["counts"]["unreadable"] == 4 and result["counts"]["equal"] == 696
    assert result["queries"]["recall_is_enough"] and result["queries"]["distances"]["apart"] == 0, result["queries"]


# --- samples and queries ---------------------------------------------------------------------------------------------

def test_a_sample_compares_some_contents_and_all_ids(ferry, tmp_path):
    both(ferry, 700)
    ids = ferry.source.ids(ferry.source.collection(ferry.name))
    ferry.target.records(ferry.target.collection(ferry.name), "delete", {"ids": ids[10:13]})
    put(ferry.target, ferry.name, "extra", embedding=[0.0] * 24)
    process = verify(ferry, "--json", "--sample", "10%", "--seed", "5", combined=tmp_path / "lines")
    assert process.status == MISMATCH, process.err
    result, lines = result_of(process), lines_of(tmp_path / "lines")
    assert result["sample"] == {"asked": "10%", "records": 70} and result["seed"] == 5
    marks = list(lines.values())
    assert {name for name, mark in lines.items() if mark == "-"} == set(ids[10:13]) and lines["extra"] == "+"
    assert 67 <= marks.count("=") <= 70 and len(marks) == marks.count("=") + 4
    again = verify(ferry, "--sample", "10%", "--seed", "5", combined=tmp_path / "again")
    assert again.status == MISMATCH and lines_of(tmp_path / "again") == lines
    assert "--sample 10% --seed 5" in again.out and "70 of 700" in again.out
    other = verify(ferry, "--sample", "70", "--seed", "6", combined=tmp_path / "other")
    assert other.status == MISMATCH and lines_of(tmp_path / "other") != lines


def test_a_sample_of_everything_finds_what_the_whole_finds(ferry, tmp_path):
    plain_pair(ferry)
    flip_a_bit(ferry)
    assert verify(ferry, "--sample", "100%", combined=tmp_path / "lines").status == MISMATCH
    assert verify(ferry, combined=tmp_path / "whole").status == MISMATCH
    assert lines_of(tmp_path / "lines") == lines_of(tmp_path / "whole")


@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
@pytest.mark.parametrize("sample", [[], ["--sample", "5"]], ids=["whole", "sampled"])
def test_queries_tell_recall_distances_and_times_of_both_sides(ferry, space, sample):
    both(ferry, 500, space=space, hnsw=None)
    process = verify(ferry, "--json", "--queries", "20", "--min-recall", "0.9", *sample)
    assert process.status == DONE, process.out + process.err
    queries = result_of(process)["queries"]
    assert queries["count"] == 20 and queries["recall_is_enough"] is True
    for side in ("source", "target"):
        assert queries[side]["recall"] >= 0.9 and 0 < queries[side]["median_ms"] <= queries[side]["p95_ms"]
    assert queries["distances"]["compared"] >= 150 and queries["distances"]["apart"] == 0
    words = verify(ferry, "--queries", "5", *sample)
    assert words.status == DONE and re.search(r"source  recall@10 [01]\.\d+  median [\d.]+ ms  p95 [\d.]+ ms", words.out)


def half_blind(request, forward):
    """Answers every query with half of what it has found, and one that nobody knows."""
    answer = forward(request)
    if request.verb == "query":
        page = json.loads(answer.body)
        answer = Answer(200, {"ids": [page["ids"][0][:5] + ["stranger"]],
                              "distances": [[d + 1 for d in page["distances"][0][:5]] + [0.0]]})
    return answer


def test_recall_counts_only_when_asked_to(ferry):
    """The exact neighbours come from all vectors, not from what a side answers: the half-blind side has 0.5 of the other's."""
    both(ferry, 500, hnsw=None)
    with Proxy(ferry.target.url, half_blind) as proxy:
        process = verify(ferry, "--json", "--queries", "10", target=proxy.url)
        assert process.status == DONE, process.err
        queries = result_of(process)["queries"]
        assert queries["source"]["recall"] >= 0.95 and 0.45 <= queries["target"]["recall"] <= 0.5
        assert queries["distances"]["compared"] == 50 and queries["distances"]["apart"] == 50
        low = verify(ferry, "--queries", "10", "--min-recall", "0.6", target=proxy.url)
        assert low.status == MISMATCH and "--min-recall 0.6" in low.out
        assert verify(ferry, "--queries", "10", "--min-recall", "0.4", target=proxy.url).status == DONE


def test_refused_queries_count_as_not_found(ferry):
    both(ferry, 300)

    def handler(request, forward):
        if request.verb == "query":
            return Answer(500, {"error": "InternalError", "message": "index is gone"})
        return forward(request)
    with Proxy(ferry.target.url, handler) as proxy:
        process = verify(ferry, "--queries", "5", target=proxy.url)
        assert process.status == DONE and "5 refused" in process.out and "index is gone" in process.out
        assert verify(ferry, "--queries", "5", "--min-recall", "0.1", target=proxy.url).status == MISMATCH


# --- wrong input -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("arguments, names", [
    (["--sample", "0"], ["--sample"]),
    (["--sample", "101%"], ["--sample", "101%"]),
    (["--sample", "some"], ["--sample", "some"]),
    (["--queries", "-1"], ["--queries"]),
    (["--queries", "100000"], ["--queries"]),
    (["--min-recall", "0.9"], ["--min-recall", "--queries"]),
    (["--queries", "5", "--min-recall", "2"], ["--min-recall", "2"]),
    (["--json", "--combined", "-"], ["--combined", "--json"]),
    (["--combined", "/no/such/folder/x"], ["/no/such/folder/x"]),
    (["--collecton", "x"], ["--collecton", "--collection"]),
    (["--target", "nonsense"], ["--target"]),
    (["--collection", "nowhere-to-be-seen"], ["nowhere-to-be-seen"]),
    (["--target-collection", "nowhere-to-be-seen"], ["target", "nowhere-to-be-seen"]),
    (["--source-tenant", "nobody"], ["source"]),
])
def test_a_wrong_command_line_is_named(module_ferry, arguments, names):
    both(module_ferry, 20)
    process = verify(module_ferry, *arguments)
    lines = [line for line in process.err.splitlines() if not line.startswith("Try: ")]
    assert process.status == USAGE and process.out == "" and len(lines) == 1, process.err
    assert all(name in lines[0] for name in names), lines


def test_a_collection_that_is_not_there_is_named_with_its_server(module_ferry):
    process = verify(module_ferry, collection="nowhere-to-be-seen")
    assert process.status == USAGE and process.out == ""
    assert process.err == ('ferry-producer verify: source %s: collection "nowhere-to-be-seen" does not exist in '
                           'default_tenant/default_database\n' % module_ferry.source.url)


def test_source_and_target_must_be_two_collections(module_ferry):
    both(module_ferry, 20)
    process = verify(module_ferry, target=module_ferry.source.url)
    assert process.status == USAGE and "same collection" in last_line(process.err)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_server_that_is_not_there_ends_with_3(module_ferry, side):
    both(module_ferry, 20)
    process = verify(module_ferry, **{side: "http://127.0.0.1:9"})
    assert process.status == UNAVAILABLE and process.out == ""
    assert len(process.err.splitlines()) == 1 and side in process.err and "127.0.0.1:9" in process.err


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_token_goes_to_its_server_and_nowhere_else(module_ferry, side):
    both(module_ferry, 20)
    seen = {}

    def guard(which):
        def handler(request, forward):
            headers = {name.lower(): value for name, value in request.headers.items()}
            seen.setdefault(which, set()).add(headers.get("x-chroma-token"))
            if which == side and headers.get("x-chroma-token") != "swordfish":
                return Answer(401, {"error": "AuthError", "message": "Unauthorized"})
            return forward(request)
        return handler
    variable = "FERRY_%s_TOKEN" % side.upper()
    with Proxy(module_ferry.source.url, guard("source")) as source, Proxy(module_ferry.target.url, guard("target")) as target:
        process = verify(module_ferry, source=source.url, target=target.url, env={variable: "wrong"})
        assert process.status == USAGE and variable in process.err and "wrong" not in process.err
        seen.clear()
        process = verify(module_ferry, source=source.url, target=target.url, env={variable: "swordfish"})
        assert process.status == DONE and "swordfish" not in process.out + process.err
    assert seen == {side: {"swordfish"}, "target" if side == "source" else "source": {None}}


def test_help_tells_the_lines_and_the_exit_codes(module_ferry):
    process = module_ferry.producer("verify", "--help", env=NOWHERE, seconds=10)
    assert process.status == DONE and not process.err
    for part in ("--combined", "--sample", "--queries", "--min-recall", "= equal", "Examples", "Environment", "Exit status"):
        assert part in process.out, part


# --- memory ----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def peaks(module_ferry):
    found = {}

    def measure(size):
        if size not in found:
            name = module_ferry.also("n%d" % size)
            for server in (module_ferry.source, module_ferry.target):
                load.load(server, name, size, 384, 1, "l2", plain=True, hnsw=LIGHT)
            process = verify(module_ferry, collection=name, seconds=600)
            assert process.status == DONE, process.err
            found[size] = process.peak_bytes
            print("%d records: %.1f MB" % (size, process.peak_bytes / 1e6))
        return found[size]
    return measure


sanitized = pytest.mark.skipif(os.environ.get("FERRY_TEST_PRESET") == "asan", reason="sanitizers take memory of their own")


@sanitized
def test_it_stays_below_100_mb(peaks):
    assert 0 < peaks(4_000) <= 100_000_000


@sanitized
@pytest.mark.slow
def test_six_times_the_records_take_the_same_memory(peaks):
    assert peaks(24_000) <= 1.1 * peaks(4_000)
