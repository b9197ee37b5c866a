"""The judge itself: it must see what it is there to see, and nothing else. On real servers, through its own client."""

import math
import struct
import subprocess
import sys

import numpy
import pytest

import ferry as harness
import judge

BASE = {
    "id": "one", "document": "a text", "uri": "file:///a", "embedding": [1.0, -2.5, 0.1, 3e-7],
    "metadata": {"int": 1, "float": 1.0, "big": 2**53 + 1, "text": "ü", "yes": True, "list": [1, 2], "ratio": 0.1},
}


def flip(vector, component, bit):
    """One bit of one float32."""
    packed = bytearray(struct.pack("<4f", *vector))
    packed[4 * component + bit // 8] ^= 1 << bit % 8
    return list(struct.unpack("<4f", packed))


def changed(**fields):
    record = dict(BASE, metadata=dict(BASE["metadata"]))
    for field, value in fields.items():
        if field == "metadata":
            record["metadata"].update(value)
        else:
            record[field] = value
    return record


@pytest.fixture(scope="module")
def pair(module_ferry):
    """A function that puts records into a fresh pair of collections and judges them."""
    def judged(left, right, space="l2", right_space=None):
        name = module_ferry.also("pair%d" % next(harness.numbers))
        for server, records, kind in ((module_ferry.source, left, space), (module_ferry.target, right, right_space or space)):
            collection = server.create(name, kind)
            if records:
                harness.load.put(server, collection, records)
        return judge.judge(module_ferry.source.url, module_ferry.target.url, name)
    return judged


def test_equal_collections_are_equal_whatever_their_order(pair):
    other = changed(id="two")
    reordered = changed()
    reordered["metadata"] = dict(reversed(list(BASE["metadata"].items())))
    verdict = pair([BASE, other], [other, reordered])
    assert verdict.equal and not verdict.rounded, str(verdict)
    assert verdict.source_count == verdict.target_count == 2


@pytest.mark.parametrize("other, says", [
    (changed(embedding=flip(BASE["embedding"], 1, 31)), "component 1 is -2.5 and 2.5"),
    (changed(embedding=flip(BASE["embedding"], 2, 0)), "component 2"),
    (changed(metadata={"int": 1.0}), "'int': int 1 and float 1.0"),
    (changed(metadata={"float": 1}), "'float': float 1.0 and int 1"),
    (changed(metadata={"yes": 1}), "'yes': bool True and int 1"),
    (changed(metadata={"int": True}), "'int': int 1 and bool True"),
    (changed(metadata={"int": "1"}), "'int': int 1 and string '1'"),
    (changed(metadata={"big": 2**53}), "'big'"),
    (changed(metadata={"text": "u\u0308"}), "'text'"),
    (changed(metadata={"ratio": 0.1 + 1e-15}), "'ratio'"),
    (changed(metadata={"list": [1, 2.0]}), "'list'"),
    (changed(metadata={"list": [2, 1]}), "'list'"),
    (changed(metadata={"more": "key"}), "only there ['more']"),
    (changed(document=""), "document: 'a text' and ''"),
    (changed(document=None), "document: 'a text' and None"),
    (changed(document="a text "), "document"),
    (changed(uri=None), "uri: 'file:///a' and None"),
    (changed(uri="file:///b"), "uri"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_difference_is_found_and_named(pair, other, says):
    verdict = pair([BASE, changed(id="two")], [changed(id="two"), other])
    assert not verdict.equal and not verdict.missing and not verdict.extra
    [(name, what)] = verdict.different
    assert name == "one" and says in what, what


def test_an_empty_document_is_not_a_missing_one(pair):
    verdict = pair([changed(document="")], [changed(document=None)])
    assert verdict.different == [("one", "document: '' and None")]


def test_a_missing_key_is_a_difference_from_either_side(pair):
    fewer = changed()
    del fewer["metadata"]["ratio"]
    assert "only here ['ratio']" in pair([BASE], [fewer]).different[0][1]
    assert "only there ['ratio']" in pair([fewer], [BASE]).different[0][1]
    assert not pair([BASE], [dict(BASE, metadata=None)]).equal


def test_missing_and_extra_ids_are_named(pair):
    verdict = pair([BASE, changed(id="two")], [changed(id="ＴＷＯ"), BASE])
    assert (verdict.missing, verdict.extra, verdict.different) == (["two"], ["ＴＷＯ"], [])
    assert not verdict.equal


def test_an_empty_collection_is_not_equal_to_a_full_one(pair):
    assert pair([BASE], []).missing == ["one"]
    assert pair([], [BASE]).extra == ["one"]
    assert pair([], []).equal


def test_no_metadata_has_one_meaning(pair):
    empty = changed(id="none")
    empty["metadata"] = {}
    assert pair([dict(empty, metadata=None)], [empty]).equal


def test_another_space_is_a_difference(pair):
    assert "space: l2 and cosine" in str(pair([BASE], [BASE], "l2", "cosine"))


def test_cosine_allows_a_millionth_of_the_largest_component_and_no_more(pair):
    near = [numpy.nextafter(numpy.float32(x), numpy.float32(9)).item() for x in BASE["embedding"]]
    assert pair([BASE], [changed(embedding=near)], "cosine").equal
    assert not pair([BASE], [changed(embedding=near)], "l2").equal
    far = [BASE["embedding"][0] + 1e-5] + BASE["embedding"][1:]
    assert "component 0" in pair([BASE], [changed(embedding=far)], "cosine").different[0][1]


def test_doubles_may_move_by_four_units_in_the_last_place():
    for number in (0.1, -0.1, 1e300, 5e-324, 0.0):
        moved = number
        for _ in range(4):
            moved = math.nextafter(moved, 9)
        comparison = judge.Comparison()
        assert comparison.same_value(number, moved) and comparison.rounded
        assert not judge.Comparison().same_value(number, math.nextafter(moved, 9))
    comparison = judge.Comparison()
    assert comparison.same_value(-0.0, 0.0) and not comparison.rounded
    assert comparison.same_value([0.5, -0.0], [0.5, 0.0]) and not comparison.rounded
    assert not comparison.same_value([0.5], [0.5, 0.0])


def test_a_vector_that_is_not_finite_equals_nothing():
    bad = judge.vector([1.0, None])
    assert "not finite" in judge.Comparison.embedding(bad, bad, "l2")


def test_as_a_script_it_says_so_by_its_exit_status(module_ferry):
    name = module_ferry.fill(20, module_ferry.also("script"))
    module_ferry.fill(20)
    command = [sys.executable, "-B", str(harness.REPO / "tests/e2e/judge.py"), "--source", module_ferry.source.url]

    def run(*more):
        return subprocess.run(command + list(more), capture_output=True, text=True, timeout=60)
    equal = run("--target", module_ferry.source.url, "--collection", name, "--target-collection", module_ferry.name)
    assert equal.returncode == 0 and equal.stdout.startswith("20 records in the source, 20 in the target: 0 missing")
    missing = run("--target", module_ferry.target.url, "--collection", name)
    assert missing.returncode == 2 and name in missing.stderr
    harness.load.ensure(module_ferry.target, name, 24, "cosine")
    different = run("--target", module_ferry.target.url, "--collection", name)
    assert different.returncode == 5 and "20 missing" in different.stdout
    unreachable = run("--target", "http://127.0.0.1:9", "--collection", name)
    assert unreachable.returncode == 3, unreachable.stderr
